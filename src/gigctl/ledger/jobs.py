"""Batches: which gig a file's rows are in, and which task a row asks for. Ids and paths are kept as hashes alone."""

from __future__ import annotations

from msgspec import Struct

from gigctl.ledger.blobs import sha256_of
from gigctl.ledger.job_rows import Page
from gigctl.ledger.store import Tx

__all__ = ["Job", "Place", "add_batch", "add_job", "find_batch", "find_job", "job_key", "list_unseen", "see_job"]


class Job(Struct, frozen=True):
    """The task of a row, the run that last read the row, and the mark of what it said then."""

    task: int
    seen: int
    mark: int | None = None


def job_key(text: str) -> str:
    """What is kept of a row's id, or of a batch's path or name."""
    return sha256_of(text.encode("utf-8", "surrogateescape"))


def find_batch(tx: Tx, client: int, key: str) -> int | None:
    """The id of the gig of a batch; None for a new one, or where that gig was removed."""
    found = tx.value(
        "SELECT gig FROM batch JOIN gig ON gig.id = batch.gig WHERE batch.client = ? AND key = ?"
        " AND gig.removed IS NULL",
        client, key,
    )  # fmt: skip
    return None if found is None else int(found)


def add_batch(tx: Tx, client: int, key: str, gig: int) -> None:
    tx.run("INSERT OR REPLACE INTO batch (client, key, gig) VALUES (?, ?, ?)", client, key, gig)


def find_job(tx: Tx, gig: int, key: str) -> Job | None:
    row = tx.find("SELECT task, seen, mark FROM job WHERE gig = ? AND key = ?", gig, key)
    return None if row is None else Job(*row)


class Place(Struct, frozen=True):
    """Where in its file a row stands, and where what it says is kept."""

    line: int
    page: Page
    mark: int


def add_job(tx: Tx, gig: int, key: str, task: int, run: int, place: Place) -> None:
    page = place.page.put(tx)
    tx.insert("job", gig=gig, key=key, task=task, seen=run, page=page, mark=place.mark, line=place.line)


def see_job(tx: Tx, gig: int, key: str, run: int, place: Place, known: int | None) -> None:
    """A row was read again; `known` is the mark of what it said before."""
    if place.mark == known:
        tx.run("UPDATE job SET seen = max(seen, ?), line = ? WHERE gig = ? AND key = ?", run, place.line, gig, key)
        return
    tx.run(
        "UPDATE job SET seen = max(seen, ?), line = ?, page = ?, mark = ? WHERE gig = ? AND key = ?",
        run, place.line, place.page.put(tx), place.mark, gig, key,
    )  # fmt: skip


def list_unseen(tx: Tx, gig: int, run: int) -> list[int]:
    """Tasks whose rows a run that has read the whole file did not meet, nor another one since."""
    rows = tx.rows(
        "SELECT task FROM job JOIN task ON task.id = job.task WHERE job.gig = ? AND job.seen < ?"
        " AND task.state <> 'cancelled' ORDER BY task",
        gig, run,
    )  # fmt: skip
    return [row["task"] for row in rows]
