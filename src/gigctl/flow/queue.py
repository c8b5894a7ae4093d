"""`queue`: the filters of a command line, and what the ledger says wants a human."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.insight.queue import QueueItem, list_queue

__all__ = ["find_queue"]

STATES = ("review", "failed", "ready")


def find_queue(
    desk: Desk, words: Sequence[str], *, client: str | None = None, craft: str | None = None, state: str | None = None,
    due: str | None = None, limit: int | None = None,
) -> list[QueueItem]:  # fmt: skip
    """Raises UsageError for a filter that can't be."""
    if state is not None and state not in STATES:
        raise UsageError(f"--state {state}: {_why_not(state)}")
    if craft is not None:
        _check_craft(craft)
    gigs = _gigs(desk, words) if words else None
    owner = _client(desk, client) if client else None
    day = _day(desk, due) if due else None
    return list_queue(desk.ledger, desk.today, gigs=gigs, client=owner, craft=craft, state=state, due=day, limit=limit)


# Imported where they are used: the plain queue is what a freelancer types most often.


def _gigs(desk: Desk, words: Sequence[str]) -> list[int]:
    from gigctl.flow.references import list_gig_ids

    with desk.ledger.reading() as tx:
        return list_gig_ids(tx, words)


def _check_craft(name: str) -> None:
    from gigctl.flow.references import check_craft

    check_craft(name)


def _why_not(state: str) -> str:
    from gigctl.values import did_you_mean

    if state in ("blocked", "signed", "cancelled"):
        return f"nobody waits for you there; expected {', '.join(STATES)}"
    return f"there is no such state{did_you_mean(state, STATES) or ': expected ' + ', '.join(STATES)}"


def _client(desk: Desk, slug: str) -> int:
    from gigctl.ledger import clients

    with desk.ledger.reading() as tx:
        return clients.get_client(tx, slug).id


def _day(desk: Desk, text: str) -> date:
    from gigctl.values import parse_date

    return parse_date(text, today=desk.today)
