"""The ledger's file: making it, opening it, moving it to a newer version, and transactions on it.

The database is opened by SQLite alone, always: a second `open()` of the file in this process would drop SQLite's locks.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from msgspec import Struct

from gigctl.errors import LedgerError, TemporaryError
from gigctl.ledger.refusals import as_ledger_errors
from gigctl.system import clock, locks
from gigctl.values import DEFAULT_CURRENCY

Row = sqlite3.Row
Migrations = list[tuple[int, str]]
"""Version and script, in order."""
FILE_NAME = "ledger.sqlite"
BACKUPS = "backups"
"""The folder beside the ledger that backups go to."""


def load_migrations() -> Migrations:
    """Those that travel with this program."""
    folder = files("gigctl.ledger.migrations")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(int(name[:4]), (folder / name).read_text(encoding="utf-8")) for name in names]


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


class Kept:
    """Contents, with their owners, that this process knows to be in the ledger: what was put there is not put again.

    What a transaction adds counts for others once it is durable.
    """

    MOST = 8192

    def __init__(self) -> None:
        self._durable: set[tuple[str, int, int]] = set()
        self._new: set[tuple[str, int, int]] = set()

    def has(self, content: tuple[str, int, int]) -> bool:
        return content in self._durable or content in self._new

    def add(self, content: tuple[str, int, int]) -> None:
        self._new.add(content)

    def undo(self) -> None:
        """Nothing that was added since the last commit counts."""
        self._new.clear()

    def commit(self) -> None:
        if len(self._durable) + len(self._new) > self.MOST:
            self._durable.clear()
        self._durable |= self._new
        self._new.clear()

    def forget(self) -> None:
        """Something was erased."""
        self._durable.clear()
        self._new.clear()


Elsewhere = Callable[[Callable[[], None]], Callable[[], object]]
"""Has work done in another thread; what it returns waits for the end of it, whatever that is."""


@lru_cache
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    # Table and columns are this package's own words, never input.
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


class Tx:
    """One transaction: SQL, the time it happens at, and nothing else. Only `ledger/` calls its methods."""

    __slots__ = ("_at", "_clock", "_connection", "_known", "_last", "_ledger_id", "events", "head", "kept",
                 "last_event")  # fmt: skip

    def __init__(
        self, connection: sqlite3.Connection, ledger_id: str, now: Callable[[], datetime], kept: Kept | None = None
    ) -> None:
        self._connection = connection
        self._ledger_id = ledger_id
        self._clock = now
        self._at = ""
        self._known: dict[tuple[str, Any], Any] = {}
        self._last: dict[tuple[str, int], int] = {}
        self.kept = kept or Kept()
        self.head = ""
        """The hash of the journal's last event, once this transaction knows it."""
        self.last_event = 0
        """Its id, then too."""
        self.events: list[tuple[int, bytes, str]] = []
        """Those that are not written yet: format, body and hash."""

    @property
    def now(self) -> str:
        """One for the whole transaction, from its first use: a run reads ten times for each time that it writes."""
        self._at = self._at or clock.to_text(self._clock())
        return self._at

    @property
    def ledger_id(self) -> str:
        return self._ledger_id

    def run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)

    def each(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._connection.executemany(sql, rows)

    def find(self, sql: str, *values: Any) -> Any:
        """The first row, or None."""
        return self._connection.execute(sql, values).fetchone()

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def stream(self, sql: str, *values: Any) -> Iterator[Any]:
        yield from self._connection.execute(sql, values)

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.find(sql, *values)
        return None if row is None else row[0]

    def once(self, sql: str, value: Any) -> Any:
        """The first column of the first row, read once in a transaction: of what it does not change, or `forget`s."""
        key = (sql, value)
        if key not in self._known:
            self._known[key] = self.value(sql, value)
        return self._known[key]

    def forget(self) -> None:
        """Something was changed that is read once."""
        self._known.clear()

    def insert(self, table: str, **columns: Any) -> int:
        """A new row; its id."""
        if "event" in columns:  # refers to one
            self.write_events()
        cursor = self._connection.execute(_insertion(table, tuple(columns)), tuple(columns.values()))
        return int(cursor.lastrowid or 0)

    def take_number(self, sql: str, update: str, row: int) -> int:
        """The next number that a row counts, which is read once in a transaction and written at its end: `sql` selects
        it by the row's id, `update` sets it."""
        key = (update, row)
        number = self._last[key] if key in self._last else int(self.value(sql, row))
        self._last[key] = number + 1
        return number

    def finish(self) -> None:
        """What is written once for the whole transaction."""
        self.write_events()
        for (update, row), number in self._last.items():
            self.run(update, number, row)
        self._last.clear()

    def write_events(self) -> None:
        """Those that wait, in order. Called where they are read or referred to, and at the end."""
        if self.events:
            self.each("INSERT INTO event (format, body, hash) VALUES (?, ?, ?)", self.events)
            self.events.clear()

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Part of the transaction that can fail alone."""
        self.finish()
        self._connection.execute("SAVEPOINT part")
        try:
            yield
            self.finish()
        except BaseException:
            self.head = ""
            self.events.clear()
            self._last.clear()
            self.kept.undo()
            self.forget()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")
            raise
        self._connection.execute("RELEASE part")

    def is_spoiled_by(self, error: BaseException) -> bool:
        """Whether an error is the whole transaction's: SQLite itself undoes it where the disk is full, and what is then
        written without one would be durable alone."""
        return isinstance(error, sqlite3.OperationalError) or not self._connection.in_transaction


class Ledger:
    """An open ledger. `with ledger.writing() as tx` is one durable transaction, `reading()` one snapshot."""

    def __init__(self, path: Path, connection: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self.path = path
        self._connection = connection
        self._now = now
        self._kept = Kept()
        self._under_way: Callable[[], object] | None = None
        self.id = str(connection.execute("SELECT id FROM ledger").fetchone()[0])

    @property
    def folder(self) -> Path:
        return self.path.parent

    @contextlib.contextmanager
    def writing(self, elsewhere: Elsewhere | None = None) -> Iterator[Tx]:
        """With `elsewhere`, which hands work to another thread, the transaction is durable when that work has ended,
        not at the end of the block. Whoever wants the ledger meanwhile waits for it."""
        with as_ledger_errors(self.path), self._transaction("BEGIN IMMEDIATE", elsewhere) as tx:
            yield tx

    @contextlib.contextmanager
    def reading(self) -> Iterator[Tx]:
        with as_ledger_errors(self.path), self._transaction("BEGIN") as tx:
            yield tx

    @contextlib.contextmanager
    def _transaction(self, begin: str, elsewhere: Elsewhere | None = None) -> Iterator[Tx]:
        self._wait()
        self._connection.execute(begin)
        with self._undone_on_error():
            tx = Tx(self._connection, self.id, self._now, self._kept)
            yield tx
            tx.finish()
            if elsewhere is None:
                self._commit()
            else:
                self._under_way = elsewhere(self._commit_elsewhere)

    def _commit(self) -> None:
        self._connection.commit()
        self._kept.commit()

    def _commit_elsewhere(self) -> None:
        with as_ledger_errors(self.path), self._undone_on_error():
            self._commit()

    @contextlib.contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._kept.undo()
            self._connection.rollback()
            raise

    def _wait(self) -> None:
        """For a commit that is under way; what becomes of it is told to who asked for it."""
        if self._under_way is not None:
            self._under_way()
            self._under_way = None

    def backup(self, target: Path, beside: Callable[[], object] = lambda: None) -> None:
        """A whole copy through SQLite's own backup, under a temporary name until it is whole. Never overwrites.
        `beside` makes what belongs to it, of a moment that is no earlier."""
        if target.exists():
            raise LedgerError(f"{target} is there already", "name a file that is not there yet")
        self._wait()
        with as_ledger_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = copy_database(self._connection, target, "DELETE")
            try:
                beside()
                os.link(part, target)
            finally:
                part.unlink()
            sync_folder(target.parent)

    def shrink(self) -> None:
        """Leaves no erased byte in the file or its log. Raises TemporaryError where a reader keeps the log alive."""
        self._wait()
        with as_ledger_errors(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("VACUUM")
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise TemporaryError(
                "it is erased, but another gigctl reads the ledger, whose log holds the old bytes until that one ends",
                "end it, then look: gigctl ledger verify",
            )

    def damage(self) -> list[str]:
        """What SQLite itself finds wrong."""
        self._wait()
        with as_ledger_errors(self.path):
            found = [str(row[0]) for row in self._connection.execute("PRAGMA integrity_check(20)")]
            orphans = self._connection.execute("PRAGMA foreign_key_check").fetchmany(20)
        return [line for line in found if line != "ok"] + [
            f"row {row[1]} of {row[0]} refers to nothing" for row in orphans
        ]

    def close(self) -> None:
        self._wait()
        self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
        part = _private_file(path)
        connection = sqlite3.connect(part, isolation_level=None)
        try:
            _use_wal(connection, path.parent)
            connection.execute("PRAGMA synchronous=FULL")
            migrate(connection, opening)
            created = clock.to_text(now())
            connection.execute("INSERT INTO ledger VALUES (1, ?, ?)", (secrets.token_hex(8), created))
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


def _private_file(beside: Path) -> Path:
    """A new empty file that only its user can read, before any material is in it."""
    part = beside.with_name(f".{beside.name}.{secrets.token_hex(4)}")
    part.touch(0o600, exist_ok=False)
    return part


def copy_database(source: sqlite3.Connection, beside: Path, journal_mode: str) -> Path:
    """A whole copy through SQLite's own backup, under a temporary name beside `beside`; its path."""
    part = _private_file(beside)
    copy = sqlite3.connect(part, isolation_level=None)
    try:
        source.backup(copy)
        copy.execute(f"PRAGMA journal_mode={journal_mode}")
    except BaseException:
        copy.close()
        part.unlink()
        raise
    copy.close()
    return part


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


def backup_path(path: Path, why: str) -> Path:
    """Where a backup goes that is made before something is done to the ledger."""
    stamp = clock.now().strftime("%Y%m%dT%H%M%S%fZ")
    return path.parent / BACKUPS / f"{path.stem}-{why}-{stamp}.sqlite"


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


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
