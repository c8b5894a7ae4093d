"""What came of a call, in the ledger: its money by DESIGN's table, its answer, and the draft that it is."""

from __future__ import annotations

from msgspec import Struct

from gigctl.agents.base import AgentError
from gigctl.flow.current import settle_current
from gigctl.ledger import attempts, limits, revisions, tasks
from gigctl.ledger.attempts import Settlement
from gigctl.ledger.store import Tx
from gigctl.model import Content, Draft
from gigctl.records import TaskRecord

__all__ = ["BREAKS", "Settled", "settle_draft", "settle_failure"]

BREAKS = frozenset({"rate_limited", "overloaded", "unavailable", "timeout"})
"""Ends of a call that say of the server that it can't now, and not of the question."""
LONGEST_HOLD = 24 * 3600.0
"""Seconds: who asks to be left alone for longer is asked again tomorrow."""


def settle_failure(
    tx: Tx, task: TaskRecord, attempt: int, agent: str, error: AgentError, seconds: float, now: float,
    *, crowded: bool = False,
) -> bool:  # fmt: skip
    """Released, settled by usage or bound, or unknown; whether it cost more than it could. `now` is since 1970.
    `crowded`: it was turned away while others were served, which is no failure of the agent."""
    if error.retry_after is not None:
        limits.hold_back(tx, agent, int((now + min(error.retry_after, LONGEST_HOLD)) * 1e6))
    elif error.kind in BREAKS and not crowded:
        limits.record_failure(tx, agent, int((now - seconds) * 1e6), int(now * 1e6))
    outcome = "unknown" if error.unknown else error.kind
    cost = None if error.unknown else _cost(tx, attempt, error.cost)
    end = Settlement(outcome, cost, error.usage, error.model, seconds, error.message, error.content or None)
    return attempts.settle_attempt(tx, attempt, tasks.owner_of(task), end)


class Settled(Struct, frozen=True):
    """The draft's revision (its id and number), None where there is none; the cost in picodollars, None where it is
    unknown; and how the task stood before, where it had no revision and has this one now."""

    revision: int | None
    number: int
    cost: int | None
    before: tasks.Standing | None = None


def settle_draft(
    tx: Tx, asked: TaskRecord, attempt: int, draft: Draft, content: Content | None, reason: str, *, mends: bool = True
) -> Settled:
    """An answer, its cost and the draft that it is.

    `asked` is the task as it was when it was asked for: the draft is of that input, whatever came since. Without a
    content the answer could not be read, for `reason`. `mends` is False where no earlier draft was to be mended.
    """
    outcome = "malformed" if content is None else "draft"
    cost = _cost(tx, attempt, draft.cost)
    said = reason or draft.detail
    end = Settlement(outcome, cost, draft.usage, draft.model, draft.seconds, said, draft.content)
    attempts.settle_attempt(tx, attempt, tasks.owner_of(asked), end)
    if content is None:
        return Settled(None, 0, cost)
    parent = attempts.find_mended_revision(tx, attempt, asked.id) if mends else None
    before = tasks.find_standing(tx, asked.id)
    first = before.current is None and before.state != "signed"
    revision, number = revisions.put_revision(
        tx, asked, content, made_by="agent", attempt=attempt, parent=parent,
        number=before.next_revision if first else None,
    )  # fmt: skip
    if first:
        tasks.take_first_draft(tx, asked.id, revision)
        return Settled(revision, number, cost, before)
    settle_current(tx, tasks.get_task_by_id(tx, asked.id), revision)
    return Settled(revision, number, cost)


def _cost(tx: Tx, attempt: int, told: int | None) -> int | None:
    """What the agent said that it cost, else the most that it could cost; None where that has no price."""
    return told if told is not None else attempts.get_reserved(tx, attempt)
