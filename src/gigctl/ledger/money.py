"""Sums over the ledger. Money of agents in picodollars."""

from __future__ import annotations

from gigctl.ledger.store import Tx


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
    """Tasks of open gigs in a state."""
    return int(
        tx.value(
            "SELECT count(*) FROM task JOIN gig ON gig.id = task.gig WHERE task.state = ? AND gig.state = 'open'", state
        )
    )
