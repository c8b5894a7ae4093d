"""Transactions: whole or not at all, one writer at a time, alive after a kill; and copies of the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gigctl.errors import LedgerError, TemporaryError
from gigctl.ledger import copies
from gigctl.ledger.opening import Opening, open_ledger
from gigctl.ledger.refusals import as_ledger_errors
from gigctl.ledger.store import Ledger
from support.books import new_gig, outputs, python

OPEN = "import sys\nfrom pathlib import Path\nfrom gigctl.ledger.opening import open_ledger\n"


def test_a_full_disk(ledger: Ledger) -> None:
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LedgerError, match="full"), ledger.writing() as tx:
        tx.run("INSERT INTO blob VALUES ('x', 1, zeroblob(10000000))")
    with ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM blob") == 0


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.writing() as tx:  # noqa: PT012
        new_gig(tx)
        raise RuntimeError
    with ledger.writing() as tx:
        assert tx.value("SELECT count(*) FROM gig") == 0
        assert new_gig(tx).ref == "me-1"


def test_a_commit_that_fails_ends_the_transaction(ledger: Ledger) -> None:
    with pytest.raises(sqlite3.IntegrityError), ledger.writing() as tx:  # noqa: PT012
        tx.run("PRAGMA defer_foreign_keys=ON")
        tx.insert("gig", client=99, number=1, state="open", craft="x", currency="EUR", created=tx.now)
    with ledger.writing() as tx:
        assert tx.value("SELECT count(*) FROM gig") == 0


def test_a_savepoint_fails_alone(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        with pytest.raises(RuntimeError), tx.savepoint():  # noqa: PT012
            new_gig(tx)
            raise RuntimeError
        with tx.savepoint():
            tx.insert("run", begun=tx.now)
    with ledger.reading() as tx:
        assert (tx.value("SELECT count(*) FROM gig"), tx.value("SELECT count(*) FROM run")) == (0, 1)


def test_two_writers_wait_for_each_other(tmp_path: Path) -> None:
    code = OPEN + (
        "l = open_ledger(Path(sys.argv[1]))\nfor _ in range(50):\n"
        " with l.writing() as tx:\n  n = tx.value('SELECT spent FROM run'); tx.run('UPDATE run SET spent = ?', n + 1)\n"
    )
    with open_ledger(tmp_path) as ledger:
        with ledger.writing() as tx:
            tx.insert("run", begun=tx.now)
        outputs([python(code, tmp_path) for _ in range(4)])
        with ledger.reading() as tx:
            assert tx.value("SELECT spent FROM run") == 200


def test_one_that_is_locked_too_long_is_said(ledger: Ledger) -> None:
    with open_ledger(ledger.folder, opening=Opening(busy=0.05)) as other, ledger.writing():  # noqa: SIM117
        with pytest.raises(TemporaryError, match="busy"), other.writing():
            pass


def test_what_is_committed_survives_a_kill(tmp_path: Path) -> None:
    code = OPEN + (
        "l = open_ledger(Path(sys.argv[1]))\nn = 0\nwhile True:\n"
        " with l.writing() as tx: tx.insert('run', begun=tx.now)\n n += 1; print(n, flush=True)\n"
    )
    process = python(code, tmp_path)
    assert process.stdout is not None
    for _ in range(20):
        told = int(process.stdout.readline())
    process.kill()
    told = max([told, *(int(line) for line in process.communicate()[0].split("\n") if line)])
    with open_ledger(tmp_path) as ledger, ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM run") >= told


def test_a_backup_is_whole_and_never_overwrites(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        new_gig(tx)
    copy = ledger.folder / "copy.sqlite"
    ledger.backup(copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM gig").fetchone()[0] == 1
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    before = copy.read_bytes()
    with pytest.raises(LedgerError, match="already"):
        ledger.backup(copy)
    assert copy.read_bytes() == before
    assert [p.name for p in ledger.folder.iterdir() if p.name.startswith(".")] == []


def test_a_backup_that_can_not_be_written(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="can't be made"):
        ledger.backup(ledger.path / "copy.sqlite")


def test_shrinking_says_where_a_reader_keeps_the_log(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_ledger(ledger.folder) as other:
        with ledger.writing() as tx:
            new_gig(tx, title="secret")
        with other.reading() as tx:
            tx.value("SELECT count(*) FROM gig")
            ledger._connection.execute("PRAGMA busy_timeout=50")
            with pytest.raises(TemporaryError, match="log"):
                ledger.shrink()
    ledger.shrink()


def test_what_sqlite_finds_damaged_is_told(ledger: Ledger) -> None:
    assert ledger.damage() == []
    ledger._connection.execute("PRAGMA foreign_keys=OFF")
    ledger._connection.execute("INSERT INTO blob_client VALUES ('nothing', 1, 0)")
    assert ledger.damage() == ["row None of blob_client refers to nothing"]


def test_a_change_that_fails_alone_and_one_that_spoils_the_group(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        with pytest.raises(ValueError, match="mine"), tx.savepoint():
            raise ValueError("mine")
        assert not tx.is_spoiled_by(ValueError("mine"))
        assert tx.is_spoiled_by(sqlite3.OperationalError("database or disk is full"))
        with pytest.raises(sqlite3.OperationalError, match="no such savepoint"), tx.savepoint():
            tx.run("ROLLBACK")  # as SQLite does where the disk is full
        assert tx.is_spoiled_by(ValueError("undone"))


def test_errors_that_nobody_foresaw_stay_bugs(tmp_path: Path) -> None:
    for kind in (sqlite3.OperationalError, sqlite3.DatabaseError):
        with pytest.raises(kind, match="syntax"), as_ledger_errors(tmp_path):
            raise kind("syntax error")


def test_a_copy_that_fails_leaves_nothing(ledger: Ledger) -> None:
    with closing(sqlite3.connect(":memory:")) as closed:
        pass
    with pytest.raises(sqlite3.ProgrammingError):
        copies.copy_database(closed, ledger.folder / "copy.sqlite", "DELETE")
    assert [p.name for p in ledger.folder.iterdir() if "copy" in p.name] == []
