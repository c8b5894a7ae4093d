"""Putting a backup back: only a whole one, only while nobody is there, and what was there is kept."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest

from gigctl.errors import LedgerError, TemporaryError, UsageError
from gigctl.ledger import backups, clients, opening
from gigctl.ledger.backups import holds_material
from gigctl.ledger.opening import open_ledger
from gigctl.ledger.verify import check_ledger
from gigctl.system import locks
from support.books import behind, new_gig, python

restore = functools.partial(backups.restore, patience=0.2)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A ledger with one gig, a backup of it, then a second gig."""
    with open_ledger(tmp_path / "data") as ledger:
        with ledger.writing() as tx:
            new_gig(tx, title="first")
        ledger.backup(tmp_path / "copy.sqlite")
        with ledger.writing() as tx:
            new_gig(tx, title="second")
    return tmp_path / "data"


def count(folder: Path) -> int:
    with open_ledger(folder) as ledger, ledger.reading() as tx:
        assert tx.value("PRAGMA journal_mode") == "wal"
        return int(tx.value("SELECT count(*) FROM gig"))


def left_over(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(".") or p.name.endswith(("-wal", "-shm"))]


def test_it_takes_the_ledgers_place(data: Path) -> None:
    done = restore(data, data.parent / "copy.sqlite")
    assert count(data) == 1
    assert done.kept is not None
    assert done.kept.parent == data / "backups"
    assert left_over(data) == []
    restore(data, done.kept)
    assert count(data) == 2
    with open_ledger(data) as ledger:
        assert check_ledger(ledger) == []
    assert (data / "ledger.sqlite").stat().st_mode & 0o777 == 0o600


def test_where_there_was_no_ledger(data: Path, tmp_path: Path) -> None:
    done = restore(tmp_path / "new" / "data", data.parent / "copy.sqlite")
    assert done.kept is None
    assert count(tmp_path / "new" / "data") == 1


@pytest.mark.parametrize("damage", [b"", b"rubbish" * 1000])
def test_in_the_place_of_one_that_is_damaged(data: Path, damage: bytes) -> None:
    (data / "ledger.sqlite").write_bytes(damage)
    done = restore(data, data.parent / "copy.sqlite")
    assert count(data) == 1
    assert done.kept is not None
    assert done.kept.read_bytes() == damage


def test_its_log_is_moved_with_a_damaged_one(data: Path) -> None:
    (data / "ledger.sqlite").write_bytes(b"")
    (data / "ledger.sqlite-wal").write_bytes(b"old log")
    done = restore(data, data.parent / "copy.sqlite")
    assert Path(f"{done.kept}-wal").read_bytes() == b"old log"
    assert count(data) == 1


def test_what_is_no_backup(data: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path, data / "ledger.sqlite"):
        with pytest.raises(UsageError, match="no backup"):
            restore(data, path)
    (tmp_path / "text").write_text("a text" * 100)
    with pytest.raises(LedgerError):
        restore(data, tmp_path / "text")
    behind(tmp_path / "notes.sqlite", "CREATE TABLE notes (x)")
    with pytest.raises(LedgerError, match="no ledger"):
        restore(data, tmp_path / "notes.sqlite")
    assert count(data) == 2
    assert left_over(data) == []


def test_one_that_was_changed_or_is_newer(data: Path) -> None:
    copy = data.parent / "copy.sqlite"
    behind(copy, "UPDATE gig SET spent = 5")
    with pytest.raises(LedgerError, match="is damaged: what gig 1"):
        restore(data, copy)
    behind(copy, "DELETE FROM event")
    with pytest.raises(LedgerError, match="damaged"):
        restore(data, copy)
    behind(copy, f"PRAGMA user_version={opening.latest_version() + 1}")
    with pytest.raises(LedgerError, match="of version"):
        restore(data, copy)
    assert count(data) == 2
    assert left_over(data) == []


def test_an_older_one_is_brought_up_to_date(data: Path) -> None:
    known = opening.load_migrations()
    later = opening.Opening(lambda: [*known, (known[-1][0] + 1, "CREATE TABLE later (x);")])
    restore(data, data.parent / "copy.sqlite", opening=later)
    with open_ledger(data, opening=later) as ledger, ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM later") == 0
        assert tx.value("SELECT count(*) FROM gig") == 1


def test_not_while_a_run_is_alive(data: Path) -> None:
    (data / "runs").mkdir()
    lock = locks.hold(data / "runs" / "4.lock")
    with pytest.raises(TemporaryError, match="run 4"):
        restore(data, data.parent / "copy.sqlite")
    lock.release()
    restore(data, data.parent / "copy.sqlite")


HOLDER = """
import sys
from pathlib import Path
from gigctl.ledger.opening import open_ledger
with open_ledger(Path(sys.argv[1])) as ledger:
    print("open", flush=True)
    sys.stdin.readline()
    with ledger.writing() as tx:
        tx.insert("run", begun=tx.now)
"""


def test_not_while_another_process_has_it_open(data: Path) -> None:
    """And what that one writes is not lost."""
    holder = python(HOLDER, data, stdin=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(TemporaryError, match="open"):
        restore(data, data.parent / "copy.sqlite")
    assert count(data) == 2
    holder.communicate("go\n", timeout=20)
    assert holder.returncode == 0
    with open_ledger(data) as ledger, ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM run") == 1
    assert left_over(data) == []


def test_who_comes_meanwhile_waits_and_gets_the_new_one(data: Path) -> None:
    """Nobody gets in between the lock and the rename."""
    with backups._alone(data / "ledger.sqlite", 0.2) as connection:
        assert connection is not None
        late = python(HOLDER, data, stdin=subprocess.PIPE)
        assert late.stdin is not None
        late.stdin.write("go\n")
        late.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            late.wait(0.7)
        part = data / "part.sqlite"
        part.write_bytes((data.parent / "copy.sqlite").read_bytes())
        behind(part, "PRAGMA journal_mode=WAL")
        part.rename(data / "ledger.sqlite")
    late.communicate(timeout=20)
    assert late.returncode == 0
    with open_ledger(data) as ledger, ledger.reading() as tx:
        assert (tx.value("SELECT count(*) FROM run"), tx.value("SELECT count(*) FROM gig")) == (1, 1)


LEFT = (
    ".copy.sqlite.0a1b2c3d", ".copy.sqlite.0a1b2c3d-journal", ".copy.sqlite.trees.ab_d9xyz",
    ".ledger-20261125T180406Z.sqlite.0a1b2c3d",
)  # fmt: skip
OTHERS = (".copy.sqlite.swp", "copy.sqlite.0a1b2c3d", ".mine.sqlite.0a1b2c3d", ".ledger.sqlite.0a1b2c3d")


def test_what_killed_backups_left_is_taken_away_by_the_next(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "usb"
    folder.mkdir()
    for name in (*LEFT, *OTHERS):
        (folder / name).touch()
    with backups.making(data, folder / "copy.sqlite"):
        (folder / LEFT[0]).touch()  # its own
        with backups.making(data, folder / "copy.sqlite"):  # another at the same time clears nothing
            pass
        assert {path.name for path in folder.iterdir()} == {*OTHERS, LEFT[0]}


def test_a_folder_that_can_not_be_written_clears_nothing(tmp_path: Path) -> None:
    (tmp_path / LEFT[0]).touch()
    with backups.making(tmp_path / "none", tmp_path / "copy.sqlite"):
        assert (tmp_path / LEFT[0]).exists()


@pytest.mark.parametrize("busy", [False, True])
def test_a_ledger_is_copied_as_it_is_and_with_its_log(busy: bool, data: Path, tmp_path: Path) -> None:
    with open_ledger(data) as ledger:
        if busy:
            with ledger.writing() as tx:
                new_gig(tx, title="third")
        else:
            ledger.close()
        assert (data / "ledger.sqlite-wal").exists() is busy
        with backups.reading_only(data / "ledger.sqlite") as seen:
            seen.backup(tmp_path / "other.sqlite")
    restore(tmp_path / "new", tmp_path / "other.sqlite")
    assert count(tmp_path / "new") == 2 + busy


def test_which_backups_hold_what(data: Path) -> None:
    copy = data.parent / "copy.sqlite"
    with open_ledger(data) as ledger:
        with ledger.reading() as tx:
            me = clients.get_client(tx, "me").id
        assert holds_material(copy, ledger.id, me)
        assert holds_material(copy, ledger.id, me, 1)
        assert not holds_material(copy, ledger.id, me, 2)
        assert not holds_material(copy, ledger.id, me + 1)
        assert not holds_material(copy, "another ledger", me)
    copy.write_bytes(b"no database" * 50)
    assert not holds_material(copy, "x", 1)
