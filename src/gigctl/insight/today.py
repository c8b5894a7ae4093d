"""Today in a few figures: what waits for me, what is due, what runs, money out and in."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec import Struct

from gigctl.insight.queue import QueueItem, list_queue
from gigctl.ledger import gigs, money
from gigctl.ledger.runs import list_live_runs
from gigctl.ledger.store import Ledger
from gigctl.records import GigRecord, TaskCounts

__all__ = ["Today", "load_today"]

SOON = timedelta(days=7)


class Today(Struct, frozen=True):
    """`spent` are picodollars of this month; `open_prices` minor units by currency of the open gigs. Those that were
    delivered as a whole, as they are signed now, are `delivered` and neither due nor counted as open."""

    waiting: tuple[QueueItem, ...]
    due: tuple[tuple[GigRecord, TaskCounts], ...]
    running: int
    open_gigs: int
    ready: int
    spent: int
    open_prices: dict[str, int]
    delivered: tuple[str, ...] = ()


def load_today(ledger: Ledger, today: date) -> Today:
    """Due is what is to be delivered within a week, or late."""
    waiting = list_queue(ledger, today)
    running = len(list_live_runs(ledger))
    with ledger.reading() as tx:
        every = [(gig, gigs.count_tasks(tx, gig.id)) for gig in gigs.list_gigs(tx, state="open")]
        delivered = tuple(gig.ref for gig, counts in every if _is_delivered(counts))
        open_ = [(gig, counts) for gig, counts in every if not _is_delivered(counts)]
        limit = (today + SOON).isoformat()
        due = (pair for pair in open_ if pair[0].due and pair[0].due <= limit)
        counted = tuple(sorted(due, key=lambda pair: pair[0].due or ""))
        prices: dict[str, int] = {}
        for gig, _ in open_:
            if gig.price is not None:
                prices[gig.currency] = prices.get(gig.currency, 0) + gig.price
        spent = money.spent_since(tx, today.replace(day=1).isoformat())
        ready = money.count_state(tx, "ready")
    return Today(tuple(waiting), counted, running, len(open_), ready, spent, prices, delivered)


def _is_delivered(counts: TaskCounts) -> bool:
    return 0 < counts.total == counts.delivered
