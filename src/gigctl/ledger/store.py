"""Transactions on an open ledger, and what is done to its file as a whole."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from gigctl.errors import LedgerError, TemporaryError
from gigctl.ledger.copies import copy_database, sync_folder
from gigctl.ledger.refusals import as_ledger_errors
from gigctl.system import clock

Row = sqlite3.Row


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
