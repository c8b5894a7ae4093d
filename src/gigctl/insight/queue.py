"""What wants a human, most urgent first, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from gigctl.insight.alternatives import Alternatives, load_alternatives
from gigctl.ledger.store import Ledger
from gigctl.ledger.waiting import WaitingRow, list_waiting

__all__ = ["REWORDED", "QueueItem", "list_queue"]

OVERDUE, DUE_NOW, A_DAY = 100.0, 60.0, 4.0
"""Urgency of what is late, of what is due today, and what each day until then takes away from that."""
REWORDED = "the brief changed since this draft"
HOLDS_UP, CHECK_FAILED, FAILED = 20.0, 10.0, 5.0


class QueueItem(NamedTuple):
    """`reasons` are words, the first the most important; `urgency` a number to sort by, higher first."""

    id: int
    ref: str
    gig: str
    state: str
    title: str
    name: str
    due: str | None
    reasons: tuple[str, ...]
    urgency: float
    revision: int | None


def list_queue(
    ledger: Ledger, today: date, *, task: int | None = None, gigs: list[int] | None = None,
    client: int | None = None, craft: str | None = None, state: str | None = None, due: date | None = None,
    limit: int | None = None,
) -> list[QueueItem]:  # fmt: skip
    """`due` keeps what is due on that day or before."""
    with ledger.reading() as tx:
        rows = list(list_waiting(tx, task=task, gigs=gigs, client=client, craft=craft, state=state))
        beside = load_alternatives(tx, {row.id for row in rows})
    by = due.isoformat() if due else ""
    wanted = [row for row in rows if row.due is not None and row.due <= by] if due else rows
    urgency = {row_due: _due_urgency(row_due, today) for row_due in {row.due for row in wanted}}
    items = [item for row in wanted if (item := _item(row, today.isoformat(), urgency, beside))]
    items.sort(key=lambda item: (-item.urgency, item.id))
    return items[:limit]


def _item(
    row: WaitingRow, today: str, urgency_of: Mapping[str | None, float], beside: Alternatives
) -> QueueItem | None:
    if row.held_until is not None and row.held_until > today:
        return None
    reasons = _reasons(row, beside)
    if not reasons:
        return None
    urgency = urgency_of[row.due]
    if row.held_up:
        urgency += HOLDS_UP
        reasons.append(f"{row.held_up} {'task waits' if row.held_up == 1 else 'tasks wait'} for it")
    if row.failing:
        urgency += CHECK_FAILED
    if row.state == "failed":
        urgency += FAILED
    return QueueItem(
        row.id, row.ref, row.gig, row.state, row.title or row.name, row.name, row.due, tuple(reasons), urgency,
        row.current,
    )  # fmt: skip


def _due_urgency(due: str | None, today: date) -> float:
    if due is None:
        return 0.0
    left = (date.fromisoformat(due) - today).days
    return OVERDUE if left < 0 else max(DUE_NOW - A_DAY * left, 0.0)


def _reasons(row: WaitingRow, beside: Alternatives) -> list[str]:
    """The empty list where only a run is wanted, no human."""
    if row.state == "failed":
        return [f"no agent could do it ({(row.last or 'failed').replace('_', ' ')})"]
    if row.last == "question":
        return [f"asks: {' '.join(row.question.split())}"]
    reasons = _review_reasons(row, beside) if row.state == "review" else []
    if row.last == "cut off":
        reasons.append(f"its call was cut off: gigctl run {row.ref}")
    elif row.last == "unknown":
        reasons.append("a call may have been paid, and its answer is lost (run --retry-unknown)")
    elif row.state == "ready" and _first(row.agents) == "manual":
        reasons.append("yours to write")
    return reasons


def _review_reasons(row: WaitingRow, beside: Alternatives) -> list[str]:
    if row.current is None:
        return [] if row.last == "unknown" else ["yours to write"]
    if row.outdated:
        return ["its source changed"]
    if row.asked_again:
        return ["asked for again, and no new draft took its place"]
    reasons = [f"check {row.failing}"] if row.failing else []
    if row.reworded:
        reasons.append(REWORDED)
    if row.id in beside.come_back:
        reasons.append(f"the same as @{beside.come_back[row.id]}, which was rejected")
    if row.id in beside.undecided:
        *numbers, last = (f"@{number}" for number in beside.undecided[row.id])
        reasons.append(f"choose {', '.join(numbers)} or {last}: sign or reject one by its number")
    return reasons or ["ready to sign" if row.assessed else "to review"]


def _first(agents: str) -> str:
    chain: Sequence[str] = json.loads(agents)
    return chain[0] if chain else ""
