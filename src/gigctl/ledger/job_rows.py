"""What the rows of a batch's file say, kept in pages, so that a delivery can have the signed texts beside them.

A page is one content of some rows that were read together: a content a row would be two more rows of the ledger for
each job, where each costs time. A job knows its page, and by a mark what of it is its row's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gigctl.errors import LedgerError
from gigctl.ledger import blobs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.store import Tx

__all__ = ["JobRow", "Page", "RowsFile", "check_rows", "list_row_tasks", "list_rows", "lose_row", "mark_of"]


class RowsFile(Struct, frozen=True):
    """A file of rows as it is read: `key` is the hash of its path, `head` the JSON of what it says before the first
    row."""

    owner: Owner
    key: str
    head: str


def mark_of(head: str, row: str) -> int:
    """63 bits of the hash of what a row says under a head."""
    return int.from_bytes(hashlib.sha256(f"{head}\n{row}".encode()).digest()[:8], "big") >> 1


class Page:
    """Rows (JSON each) of one file, by their marks."""

    def __init__(self, file: RowsFile, rows: Mapping[int, str]) -> None:
        self._file = file
        self._data = ("{" + ",".join(f'"{mark}":{row}' for mark, row in rows.items()) + "}").encode()
        self._sha = blobs.sha256_of(self._data)
        self._known: tuple[str, int, int] | None = None
        self._id = 0

    def put(self, tx: Tx) -> int:
        """Its id in the ledger, where it is written once, however many jobs ask for it."""
        if self._known is not None and tx.kept.has(self._known):  # and its transaction was not undone
            return self._id
        owner = self._file.owner
        file = _put(tx, "job_file", gig=owner.gig, key=self._file.key, head=blobs.put_text(tx, owner, self._file.head))
        self._id = _put(tx, "job_page", file=file, rows=blobs.put_bytes(tx, owner, self._data))
        self._known = (f"page {self._id} {file} {self._sha}", owner.client, owner.gig)
        tx.kept.add(self._known)
        return self._id


def _put(tx: Tx, table: str, **columns: Any) -> int:
    """The id of the row that has these, made where there is none."""
    where = " AND ".join(f"{name} = ?" for name in columns)
    sql = f"SELECT id FROM {table} WHERE {where}"  # noqa: S608  # this module's own words
    found = tx.value(sql, *columns.values())
    return int(found) if found is not None else tx.insert(table, **columns)


def lose_row(tx: Tx, task: int) -> None:
    """A task's row is gone from the file; what it said stays."""
    tx.run("UPDATE job SET line = NULL WHERE task = ?", task)


# --- reading ---


def list_row_tasks(tx: Tx, gig: int) -> frozenset[int]:
    """The tasks that are rows of a file."""
    return frozenset(row["task"] for row in tx.rows("SELECT task FROM job WHERE gig = ?", gig))


class JobRow(Struct, frozen=True):
    """A task's row: `said` are a CSV's cells, or a line of JSON; `head` is the JSON of its file's.

    `said` is None where no batch has read it since the ledger keeps rows, `line` where the row is gone from its file.
    """

    task: int
    head: str = ""
    line: int | None = None
    said: Sequence[str] | str | None = None


# Files in the order in which they were first read, a file's rows as they stand in it.
_ROWS = """
SELECT job.task, job.mark, job.line, page.id AS page, page.rows, file.head,
  (SELECT min(id) FROM job_file WHERE gig = file.gig AND key = file.key) AS first
FROM job JOIN task ON task.id = job.task LEFT JOIN job_page page ON page.id = job.page
LEFT JOIN job_file file ON file.id = page.file
WHERE job.gig = ? ORDER BY first, job.line, task.position, task.id
"""


def list_rows(tx: Tx, gig: int) -> Iterator[JobRow]:
    """In the order of the files. Raises LedgerError where a page does not hold what a job says."""
    heads: dict[str, str] = {}
    pages: dict[int, Mapping[str, Any]] = {}
    for row in tx.stream(_ROWS, gig):
        if row["page"] is None:
            yield JobRow(row["task"])
            continue
        if row["head"] not in heads:
            heads[row["head"]] = blobs.get_text(tx, row["head"])
        if row["page"] not in pages:
            if len(pages) >= _PAGES:
                pages.clear()
            pages[row["page"]] = json.loads(blobs.get_bytes(tx, row["rows"]))
        said = pages[row["page"]].get(str(row["mark"]))
        if said is None:
            raise LedgerError(f"the row of task {row['task']} is not where it was kept", "gigctl ledger verify")
        yield JobRow(row["task"], heads[row["head"]], row["line"], said)


_PAGES = 32
"""Pages that are kept while they are read from: rows that were changed or moved are on others."""


def check_rows(tx: Tx) -> Iterator[str]:
    """Rows that are not where their jobs say, a sentence each."""
    for row in tx.stream(
        "SELECT job.task, job.mark, blob.data FROM job JOIN job_page ON job_page.id = job.page"
        " JOIN blob ON blob.sha256 = job_page.rows WHERE blob.data IS NOT NULL"
    ):
        if f'"{row["mark"]}":'.encode() not in row["data"]:
            yield f"the row of task {row['task']} is not where it was kept"
