"""What tasks are asked by changed: which revisions are older than that.

It is the brief, the craft's options and the source's language. A signature does not bind it, so nothing is void
by it; a person is told.
"""

from __future__ import annotations

from gigctl.ledger.store import Tx

REWORDED = (
    "task.reworded IS NOT NULL AND task.reworded > coalesce("  # nearly all are not: no look at the run then
    "(SELECT run.begun FROM attempt JOIN run ON run.id = attempt.run WHERE attempt.id = revision.attempt),"
    " revision.created)"
)
"""Whether a revision is older than what its task is asked by now. Of a draft the run's begin counts: what it was
asked by is read at the earliest then, and may be older than the call."""


def reword_tasks(tx: Tx, gig: int, *, with_own_brief: bool) -> int:
    """What the gig's tasks are asked by has changed: a brief, which is not that of those that have one of their own, or
    more. How many of them have a draft that is older."""
    mine = "gig = ?1 AND state <> 'cancelled' AND (?2 OR brief IS NULL)"
    tx.run(f"UPDATE task SET reworded = ?3 WHERE {mine}", gig, with_own_brief, tx.now)  # noqa: S608
    count = f"SELECT count(*) FROM task WHERE {mine} AND current IS NOT NULL"  # noqa: S608
    return int(tx.value(count, gig, with_own_brief))


def is_reworded(tx: Tx, revision: int) -> bool:
    """Whether what its task is asked by changed since a revision was made."""
    sql = f"SELECT {REWORDED} FROM revision JOIN task ON task.id = revision.task WHERE revision.id = ?"  # noqa: S608
    return bool(tx.value(sql, revision))
