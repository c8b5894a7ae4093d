"""Sums over the ledger. Money of agents in picodollars."""

from __future__ import annotations

from gigctl.ledger.store import Tx
from gigctl.ledger.waiting import OPEN


def spent_since(tx: Tx, day: str) -> int:
    """Settled and unknown calls since a day (`2026-11-01`)."""
    return int(
        tx.value(
            "SELECT coalesce(sum(coalesce(cost, reserved, 0)), 0) FROM attempt"
            " WHERE outcome IS NOT NULL AND begun >= ?",
            day,
        )
    )


def count_state(tx: Tx, state: str) -> int:
    """Tasks of open gigs in a state, one of those that wait."""
    return int(
        tx.value(
            "SELECT count(*) FROM task CROSS JOIN gig ON gig.id = task.gig"  # noqa: S608
            f" WHERE {OPEN} AND task.state = ? AND gig.state = 'open'",
            state,
        )
    )
