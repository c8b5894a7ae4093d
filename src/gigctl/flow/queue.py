"""`queue`: the filters of a command line, and what the ledger says wants a human."""

from __future__ import annotations

from collections.abc import Sequence

from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.references import list_gig_ids
from gigctl.insight.queue import QueueItem, list_queue
from gigctl.ledger import clients
from gigctl.values import parse_date

__all__ = ["find_queue"]

STATES = ("review", "failed", "ready")


def find_queue(
    desk: Desk, words: Sequence[str], *, client: str | None = None, craft: str | None = None, state: str | None = None,
    due: str | None = None, limit: int | None = None,
) -> list[QueueItem]:  # fmt: skip
    """Raises UsageError for a filter that can't be."""
    if state is not None and state not in STATES:
        raise UsageError(f"--state {state}: nobody waits for you there; expected {', '.join(STATES)}")
    with desk.ledger.reading() as tx:
        gigs = list_gig_ids(tx, words) if words else None
        owner = clients.get_client(tx, client).id if client else None
    day = parse_date(due, today=desk.today) if due else None
    return list_queue(desk.ledger, desk.today, gigs=gigs, client=owner, craft=craft, state=state, due=day, limit=limit)
