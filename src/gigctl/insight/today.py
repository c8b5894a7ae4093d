"""Today in a few figures: what waits for me, what is due, what runs, money out and in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from gigctl.insight.queue import QueueItem, list_queue
from gigctl.ledger import gigs, money
from gigctl.ledger.runs import list_live_runs
from gigctl.ledger.store import Ledger
from gigctl.records import GigRecord, TaskCounts

__all__ = ["Today", "load_today"]

SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Today:
    """`spent` are picodollars of this month; `open_prices` minor units by currency of the open gigs."""

    waiting: tuple[QueueItem, ...]
    due: tuple[tuple[GigRecord, TaskCounts], ...]
    running: int
    open_gigs: int
    ready: int
    spent: int
    open_prices: dict[str, int]


def load_today(ledger: Ledger, today: date) -> Today:
    """Due is what is to be delivered within a week, or late."""
    waiting = list_queue(ledger, today)
    running = len(list_live_runs(ledger))
    with ledger.reading() as tx:
        open_ = list(gigs.list_gigs(tx, state="open"))
        limit = (today + SOON).isoformat()
        due = sorted((gig for gig in open_ if gig.due and gig.due <= limit), key=lambda gig: gig.due or "")
        counted = tuple((gig, gigs.count_tasks(tx, gig.id)) for gig in due)
        prices: dict[str, int] = {}
        for gig in open_:
            if gig.price is not None:
                prices[gig.currency] = prices.get(gig.currency, 0) + gig.price
        spent = money.spent_since(tx, today.replace(day=1).isoformat())
        ready = money.count_state(tx, "ready")
    return Today(tuple(waiting), counted, running, len(open_), ready, spent, prices)
