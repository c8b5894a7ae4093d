"""A row's line of answer: what became of its job, in words that a script can branch on."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from gigctl.errors import AgentFailed, GateError, TemporaryError
from gigctl.flow.resting import Rested
from gigctl.flow.steps import ASKS, YOURS, Done, Review, Step, Wait
from gigctl.ledger import attempts, revisions
from gigctl.ledger.store import Tx
from gigctl.model import Usage, Verdict
from gigctl.records import AttemptRecord, TaskRecord

__all__ = ["Line", "Status", "line_of", "line_of_made", "load_line", "why"]

Status = Literal["ok", "failed check", "agent failed", "unknown", "not run", "invalid"]
_CODES: dict[str, frozenset[int]] = {
    "failed check": frozenset({GateError.exit_code}),
    "agent failed": frozenset({AgentFailed.exit_code}),
    "unknown": frozenset({TemporaryError.exit_code}),
}


class Line(Struct, frozen=True):
    """`cost` is what this run spent on the row, in picodollars; `seconds` how long its calls took; `revision` a
    reference. `line` and `cells` are the input's. `cached`: no call was paid for it in this run."""

    id: str
    status: Status
    reason: str = ""
    output: str | None = None
    checks: tuple[Verdict, ...] = ()
    cost: int | None = 0
    tokens: Usage | None = None
    seconds: float | None = None
    agent: str | None = None
    revision: str | None = None
    signed: bool = False
    cached: bool = False
    line: int = 0
    cells: tuple[str, ...] = ()

    @property
    def codes(self) -> frozenset[int]:
        """The exit codes that the row stands for."""
        return _CODES.get(self.status, frozenset())


def line_of_made(id_: str, end: Rested) -> Line:
    """The line of a job whose first draft was its last: nothing is read again."""
    made = end.made
    assert made is not None  # noqa: S101
    status, reason = _status(end.end, end.verdicts, end.reason)
    return Line(
        id_, status, reason, made.content.text, end.verdicts, made.cost, made.usage,
        made.seconds, made.agent, f"{end.ref}@{made.number}", cached=made.cached,
    )  # fmt: skip


def line_of(tx: Tx, id_: str, end: Rested, run: int) -> Line:
    """The line of a job that took more: its draft and its calls of this run, from the ledger."""
    status, reason = _status(end.end, end.verdicts, end.reason)
    calls = [call for call in attempts.list_attempts(tx, task=end.task) if call.run == run]
    called = [call for call in calls if call.outcome != attempts.UNSENT]
    shown = revisions.find_last_draft(tx, end.task)
    revision = revisions.get_revision_by_id(tx, shown) if shown is not None else None
    text = revisions.get_content(tx, shown).text if shown is not None else None
    return Line(
        id_, status, reason, text, end.verdicts, _sum_cost(called), _sum_usage(called),
        sum(call.seconds or 0.0 for call in called) if called else None,
        revision.agent if revision else None, revision.ref if revision else None,
        # Without a call it is what another run, or one before, had made.
        cached=status in ("ok", "failed check") and all(call.cached_from is not None for call in called),
    )  # fmt: skip


def load_line(tx: Tx, id_: str, task: TaskRecord, left: str) -> Line:
    """The line of a row on which nothing is done now; `left` says why."""
    if task.current_id is None:
        status: Status = "agent failed" if task.state == "failed" else "not run"
        return Line(id_, status, left)
    revision = revisions.get_revision_by_id(tx, task.current_id)
    gating = [verdict for verdict in revision.verdicts if verdict.gates]
    signed = task.state == "signed"
    passed = signed or (revision.assessed and not gating)
    reason = "" if passed else why(gating[0]) if gating else left
    text = revisions.get_content(tx, revision.id).text
    return Line(
        id_, "ok" if passed else "failed check" if gating else "not run", reason, text,
        revision.verdicts, agent=revision.agent, revision=revision.ref, signed=signed,
    )  # fmt: skip


def why(verdict: Verdict) -> str:
    """What a check said, in a line."""
    said = verdict.evidence[0].message.partition("\n")[0] if verdict.evidence else verdict.outcome
    return f"{verdict.name}: {said}"


def _status(end: Step, verdicts: tuple[Verdict, ...], reason: str) -> tuple[Status, str]:
    gating = [verdict for verdict in verdicts if verdict.gates]
    if isinstance(end, Review):
        if end.why == YOURS:
            return "not run", f"{YOURS}: gigctl edit"
        if end.why == ASKS:
            return "not run", reason
        return ("failed check", why(gating[0])) if gating else ("ok", "")
    if isinstance(end, Done):
        return ("agent failed", reason or "no agent could do it") if end.why == "failed" else ("ok", "")
    if isinstance(end, Wait) and end.why == "unknown":
        return "unknown", f"a call may have been paid, its answer is lost: {reason or 'cut off'}"
    words = {"leased": "another run works on it", "blocked": "it waits for another task", "later": "not now"}
    return "not run", reason or (words.get(end.why, end.why) if isinstance(end, Wait) else "")


def _sum_cost(calls: list[AttemptRecord]) -> int | None:
    """None where a price is unknown; what may have been paid counts as paid."""
    costs = [call.cost if call.cost is not None else call.reserved for call in calls]
    return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)


def _sum_usage(calls: list[AttemptRecord]) -> Usage | None:
    known = [call for call in calls if call.tokens_in is not None]
    if not known:
        return None
    return Usage(
        sum(call.tokens_in or 0 for call in known), sum(call.tokens_out or 0 for call in known),
        sum(call.tokens_cached or 0 for call in known),
    )  # fmt: skip
