"""The file: made by many at once, opened only where it is what it must be, brought up to date."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from gigctl.errors import DiskFull, LedgerError, TemporaryError
from gigctl.ledger import opening
from gigctl.ledger.opening import Migrations, Opening, load_migrations, open_ledger
from gigctl.ledger.refusals import as_ledger_errors
from gigctl.ledger.store import Ledger
from gigctl.system import locks
from support.books import behind, new_gig, outputs, python

OPEN = "import sys\nfrom pathlib import Path\nfrom gigctl.ledger.opening import open_ledger\n"


def test_eight_first_invocations_make_one_ledger(tmp_path: Path) -> None:
    code = (
        OPEN + "with open_ledger(Path(sys.argv[1])) as l:\n with l.writing() as tx: tx.insert('run', begun=tx.now)\n"
        " print(l.id)"
    )
    ids = outputs([python(code, tmp_path / "new" / "data") for _ in range(8)])
    assert len(set(ids)) == 1
    with open_ledger(tmp_path / "new" / "data") as ledger, ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM run") == 8
    assert sorted(p.name for p in (tmp_path / "new" / "data").iterdir()) == ["ledger.lock", "ledger.sqlite"]


def test_nobody_else_may_read_it(ledger: Ledger) -> None:
    assert ledger.path.stat().st_mode & 0o777 == 0o600
    assert ledger.folder.stat().st_mode & 0o777 == 0o700
    copy = ledger.folder / "copies" / "one.sqlite"
    ledger.backup(copy)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_file_of_no_bytes_is_damage(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").touch()
    with pytest.raises(LedgerError, match="empty") as error:
        open_ledger(tmp_path)
    assert "restore" in (error.value.hint or "")
    assert (tmp_path / "ledger.sqlite").stat().st_size == 0


@pytest.mark.parametrize("data", [b"no database at all" * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_what_is_no_database(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(data)
    with pytest.raises(LedgerError):
        open_ledger(tmp_path)
    assert (tmp_path / "ledger.sqlite").read_bytes() == data


def test_another_programs_database(tmp_path: Path) -> None:
    for version in (0, 1):
        behind(tmp_path / "ledger.sqlite", "CREATE TABLE IF NOT EXISTS notes (text)")
        behind(tmp_path / "ledger.sqlite", f"PRAGMA user_version={version}")
        with pytest.raises(LedgerError, match="no ledger"):
            open_ledger(tmp_path)


def test_a_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        path = ledger.path
    behind(path, f"PRAGMA user_version={opening.latest_version() + 1}")
    with pytest.raises(LedgerError, match="of version") as error:
        open_ledger(tmp_path)
    assert error.value.exit_code == 3
    assert "update gigctl" in (error.value.hint or "")


@pytest.mark.parametrize("existing", [False, True])
def test_a_folder_that_may_not_be_written(tmp_path: Path, existing: bool) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    if existing:
        open_ledger(folder).close()
        (folder / "ledger.sqlite").chmod(0o444)
    folder.chmod(0o555)
    for above in [tmp_path, *tmp_path.parents][:3]:  # pytest's folders are the user's alone
        above.chmod(above.stat().st_mode | 0o055)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom gigctl.errors import LedgerError\n"
        "from gigctl.ledger.opening import open_ledger, latest_version\nlatest_version()\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try:\n l = open_ledger(Path(sys.argv[1]))\n with l.writing() as tx: tx.insert('run', begun=tx.now)\n"
        "except LedgerError as error: print(error.hint)\n"
    )
    (out,) = outputs([python(code, folder)])
    folder.chmod(0o755)
    assert "writable" in out


# --- transactions ---


# --- migrations ---


def old_ledger(folder: Path) -> str:
    """A ledger of the version before: synthetic, so that this test stands whatever versions come."""
    with open_ledger(folder) as ledger:
        with ledger.writing() as tx:
            new_gig(tx)
        path, name = ledger.path, ledger.id
    return f"{path}|{name}"


def later(script: str = "CREATE TABLE later (x);", **waits: float) -> Opening:
    """The program as it will be one migration later."""
    known = load_migrations()
    return Opening(lambda: [*known, (known[-1][0] + 1, script)], **waits)


def test_an_older_ledger_is_brought_up_to_date_with_a_backup(tmp_path: Path) -> None:
    opening = later("ALTER TABLE gig ADD COLUMN later TEXT;")
    next_version = opening.latest()
    script = (files("gigctl.ledger.migrations") / "0001.sql").read_text()
    assert script
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for number, sql in load_migrations():
            connection.executescript(f"BEGIN; {sql} PRAGMA user_version={number}; COMMIT;")
        connection.execute("INSERT INTO ledger VALUES (1, 'abc', 'then')")
    with open_ledger(tmp_path, opening=opening) as ledger, ledger.reading() as tx:
        assert ledger.id == "abc"
        assert tx.value("PRAGMA user_version") == next_version
        assert tx.value("SELECT count(later) FROM gig") == 0
    (copy,) = (tmp_path / "backups").iterdir()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == next_version - 1
        assert connection.execute("SELECT id FROM ledger").fetchone()[0] == "abc"
    with open_ledger(tmp_path, opening=opening):
        assert len(list((tmp_path / "backups").iterdir())) == 1


def test_a_migration_waits_for_runs(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    (tmp_path / "runs").mkdir()
    holder = python(
        "import sys, time\nfrom pathlib import Path\nfrom gigctl.system import locks\n"
        "lock = locks.hold(Path(sys.argv[1]))\nprint('held', flush=True)\nsys.stdin.readline()\n",
        tmp_path / "runs" / "7.lock",
        stdin=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(TemporaryError, match="run 7 is still at work"):
        open_ledger(tmp_path, opening=later(run=0.3))
    holder.kill()
    holder.communicate()
    with open_ledger(tmp_path, opening=later()) as ledger, ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM later") == 0


def test_a_migration_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with pytest.raises(sqlite3.OperationalError):
        open_ledger(tmp_path, opening=later("CREATE TABLE later (x); CREATE TABLE later (x);"))
    with open_ledger(tmp_path) as ledger, ledger.reading() as tx:
        assert tx.find("SELECT 1 FROM sqlite_master WHERE name = 'later'") is None


def test_a_ledger_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        open_ledger(tmp_path, opening=Opening(lambda: [(1, "CREATE TABLE nonsense (")]))
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("ledger.lock", "home")] == []


# --- backups ---


def test_a_link_that_leads_nowhere_is_no_new_ledger(tmp_path: Path) -> None:
    """The disk that it is on is not mounted."""
    (tmp_path / "ledger.sqlite").symlink_to("/nowhere/ledger.sqlite")
    with pytest.raises(LedgerError, match="is a link to /nowhere/ledger"):
        open_ledger(tmp_path)
    assert (tmp_path / "ledger.sqlite").is_symlink()


@pytest.mark.parametrize(("number", "words"), [(28, "full"), (122, "full"), (30, "read-only"), (5, None)])
def test_what_the_machine_refuses(number: int, words: str | None, tmp_path: Path) -> None:
    error: type[Exception] = OSError if words is None else LedgerError
    with pytest.raises(error, match=words), as_ledger_errors(tmp_path):
        raise OSError(number, os.strerror(number))


def test_sqlite_has_other_words_for_a_full_disk(tmp_path: Path) -> None:
    """Where there is room, they mean what they say."""
    for code in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        with pytest.raises(LedgerError) as told, as_ledger_errors(tmp_path / "ledger.sqlite"):
            raise error
        assert isinstance(told.value, DiskFull) is (code == sqlite3.SQLITE_FULL)


def test_a_file_system_without_shared_memory(tmp_path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(LedgerError, match="shared memory") as error:
        opening._use_wal(connection, tmp_path)
    assert "GIGCTL_DATA_DIR" in (error.value.hint or "")


def test_nobody_writes_into_a_file_that_was_replaced(tmp_path: Path) -> None:
    """A process that opened the old file just before a restore notices it and opens the new one."""
    open_ledger(tmp_path / "a").close()
    with open_ledger(tmp_path / "b") as other:
        wanted = other.id

    def swap() -> Migrations:
        """Asked for while the old file is open."""
        if (tmp_path / "b" / "ledger.sqlite").exists():
            (tmp_path / "b" / "ledger.sqlite").rename(tmp_path / "a" / "ledger.sqlite")
        return load_migrations()

    with open_ledger(tmp_path / "a", opening=Opening(swap)) as ledger:
        assert ledger.id == wanted


def test_a_lock_file_of_a_dead_run_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "1.lock").touch()
    began = time.monotonic()
    opening._wait_for_runs(tmp_path, 20.0)
    assert time.monotonic() - began < 1
    assert locks.is_free(tmp_path / "1.lock")


def test_a_ledger_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    first = Opening(lambda: load_migrations()[:1])
    with open_ledger(tmp_path, opening=first) as ledger:
        name = ledger.id
    with open_ledger(tmp_path) as ledger, ledger.reading() as tx:
        assert ledger.id == name
        assert tx.value("PRAGMA user_version") == load_migrations()[-1][0]
        assert tx.value("SELECT count(reworded) FROM task") == 0


def test_two_that_migrate_at_once_do_it_once(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    known, asked = later(), []

    def late() -> Migrations:
        """When this one has seen the old version, the other process is done before it gets the lock."""
        asked.append(1)
        if len(asked) == 1:
            open_ledger(tmp_path, opening=known).close()
        return known.migrations()

    with open_ledger(tmp_path, opening=Opening(late)) as ledger, ledger.reading() as tx:
        assert tx.value("PRAGMA user_version") == known.latest()
    assert len(list((tmp_path / "backups").iterdir())) == 1


def test_a_file_that_may_not_be_written_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="x can't be written"), as_ledger_errors(tmp_path):
        raise PermissionError(13, "denied", "x")


def test_damage_that_sqlite_can_only_tell_in_damaged_words(tmp_path: Path) -> None:
    """Its message holds the bytes of a name that is no UTF-8 any more."""
    open_ledger(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "UPDATE sqlite_master SET name = CAST(x'ff' AS TEXT), sql = 'CREATE NONSENSE' WHERE name = 'event'"
        )
    with pytest.raises(LedgerError, match="is damaged") as told:
        open_ledger(tmp_path)
    assert told.value.hint == "gigctl ledger restore BACKUP"


def test_who_waited_for_another_to_make_the_ledger_takes_that_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with open_ledger(tmp_path / "other") as other:
        wanted = other.id
    folder.mkdir()
    found: list[str] = []

    def late() -> None:
        with open_ledger(folder) as ledger:
            found.append(ledger.id)

    thread = threading.Thread(target=late)
    with locks.exclusive(folder / "ledger.lock"):
        thread.start()
        _wait_until_locked_out(thread)
        (tmp_path / "other" / "ledger.sqlite").rename(folder / "ledger.sqlite")
    thread.join(20)
    assert found == [wanted]


def _wait_until_locked_out(thread: threading.Thread) -> None:
    while thread.is_alive():
        frame = sys._current_frames().get(thread.ident or 0)
        if frame is not None and frame.f_code is locks.hold.__code__:
            return
        time.sleep(0.001)
