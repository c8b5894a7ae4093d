"""Opening a ledger: making it on first use, and moving it to a newer version.

The database is opened by SQLite alone, always: a second `open()` of the file in this process would drop SQLite's locks.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from msgspec import Struct

from gigctl.errors import LedgerError, TemporaryError
from gigctl.ledger.copies import backup_path, private_file, sync_folder
from gigctl.ledger.refusals import as_ledger_errors
from gigctl.ledger.store import Ledger
from gigctl.system import clock, locks
from gigctl.values import DEFAULT_CURRENCY

Migrations = list[tuple[int, str]]
"""Version and script, in order."""
FILE_NAME = "ledger.sqlite"


@cache
def load_migrations() -> Migrations:
    """Those that travel with this program, beside this file: `importlib.resources` takes 3 ms to be imported."""
    scripts = sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql"))
    return [(int(script.name[:4]), script.read_text(encoding="utf-8")) for script in scripts]


class Opening(Struct, frozen=True):
    """With what a ledger is opened: the forms that are known, and how many seconds it waits for whom."""

    migrations: Callable[[], Migrations] = load_migrations
    busy: float = 30.0
    """A statement for another process's transaction, which lasts milliseconds."""
    create: float = 60.0
    """For who is making the ledger, or bringing it up to date."""
    run: float = 20.0
    """A migration for a live run."""
    currency: Callable[[], str] = lambda: DEFAULT_CURRENCY
    """Of the client `me`, asked for when a ledger is made."""

    def latest(self) -> int:
        return self.migrations()[-1][0]


AS_EVER = Opening()


_SETTINGS = (
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "trusted_schema=OFF",
    # Hashes are keys here, so that a job touches pages all over the file: they are kept in memory (KiB), and go back
    # from the log in large pieces (pages), not after every few commits.
    "cache_size=-16000",
    "wal_autocheckpoint=4000",
)


def open_ledger(folder: Path, now: Callable[[], datetime] = clock.now, opening: Opening = AS_EVER) -> Ledger:
    """The ledger of a data folder, made on first use. Raises LedgerError."""
    path = folder / FILE_NAME
    with as_ledger_errors(path):
        if path.is_symlink() and not path.exists():
            raise LedgerError(f"{path} is a link to {path.readlink()}, which is not there", "mount what it is on")
        if not path.exists():
            _create(path, now, opening)
        while (ledger := _open(path, now, opening)) is None:
            pass
        return ledger


def _open(path: Path, now: Callable[[], datetime], opening: Opening) -> Ledger | None:
    """None where a `restore` put another file in its place meanwhile: what is written here would be lost."""
    before = path.stat()
    if before.st_size == 0:
        raise LedgerError(f"{path} is empty, which no ledger ever is", "gigctl ledger restore BACKUP")
    connection = connect(path, opening.busy)
    try:
        _bring_up_to_date(path, connection, opening)
        ledger = Ledger(path, connection, now)
        if path.stat().st_ino != before.st_ino:
            connection.close()
            return None
    except BaseException:
        connection.close()
        raise
    return ledger


def connect(path: Path, busy: float = AS_EVER.busy) -> sqlite3.Connection:
    """Only what is there: SQLite itself would make an empty file."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        address, uri=True, timeout=busy, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    return connection


def _create(path: Path, now: Callable[[], datetime], opening: Opening) -> None:
    """Under a lock into a temporary file, then renamed: another process sees nothing, or all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locks.exclusive(path.parent / "ledger.lock", timeout=opening.create):
        if path.exists():
            return
        part = private_file(path)
        connection = sqlite3.connect(part, isolation_level=None)
        try:
            _use_wal(connection, path.parent)
            connection.execute("PRAGMA synchronous=FULL")
            migrate(connection, opening)
            created = clock.to_text(now())
            connection.execute("INSERT INTO ledger VALUES (1, ?, ?)", (os.urandom(8).hex(), created))
            connection.execute(
                "INSERT INTO client (slug, currency, policy, created) VALUES ('me', ?, 'any', ?)",
                (opening.currency(), created),
            )
        except BaseException:
            connection.close()
            part.unlink(missing_ok=True)
            raise
        connection.close()
        part.rename(path)
        sync_folder(path.parent)


def _use_wal(connection: sqlite3.Connection, folder: Path) -> None:
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise LedgerError(
            f"{folder} can't hold a ledger: its file system has no shared memory for SQLite's log (a network home?)",
            "set GIGCTL_DATA_DIR to a folder on a local disk",
        )


def latest_version() -> int:
    return AS_EVER.latest()


def migrate(connection: sqlite3.Connection, opening: Opening = AS_EVER) -> None:
    """Up to the latest version: each migration and its record are one transaction."""
    version = _version(connection)
    for number, script in opening.migrations():
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_version(path: Path, connection: sqlite3.Connection, opening: Opening = AS_EVER) -> int:
    """The version of a ledger that this program can read or bring up to date. Raises LedgerError."""
    version = _version(connection)
    found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('ledger', 'event')").fetchone()[0]
    if version == 0 or found != 2:
        raise LedgerError(f"{path} is a database, but no ledger of gigctl's", "set GIGCTL_DATA_DIR to another folder")
    latest = opening.latest()
    if version > latest:
        raise LedgerError(
            f"{path} is of version {version}, and this gigctl knows up to {latest}",
            "update gigctl: pipx upgrade gigctl",
        )
    return version


def _bring_up_to_date(path: Path, connection: sqlite3.Connection, opening: Opening) -> None:
    if check_version(path, connection, opening) == opening.latest():
        return
    with locks.exclusive(path.parent / "ledger.lock", timeout=opening.create):
        version = _version(connection)
        if version == opening.latest():
            return  # another process did it while this one waited
        _wait_for_runs(path.parent / "runs", opening.run)
        Ledger(path, connection, clock.now).backup(backup_path(path, f"v{version}"))
        migrate(connection, opening)


def _wait_for_runs(folder: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while alive := list_held(folder):
        if time.monotonic() > deadline:
            raise TemporaryError(
                f"the ledger must be brought up to date, and run {alive[0]} is still at work",
                "wait until it has ended, then try again",
            )
        time.sleep(0.2)


def list_held(folder: Path) -> list[str]:
    """The runs of a folder of locks that are alive."""
    return [lock.stem for lock in sorted(folder.glob("*.lock")) if not locks.is_free(lock)]
