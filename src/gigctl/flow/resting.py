"""A task on which a run has nothing more to do: the state in which it waits, and what is told of it."""

from __future__ import annotations

from msgspec import Struct

from gigctl.errors import AgentFailed, GateError, TemporaryError, WaitsForHuman
from gigctl.flow.facts import Situation
from gigctl.flow.steps import ASKS, YOURS, Done, Review, Step, Wait
from gigctl.ledger import attempts, revisions, rounds, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Content, Usage, Verdict
from gigctl.records import TaskRecord, TaskState

__all__ = ["Made", "Rested", "codes_of", "find_reason", "put_to_rest", "write_rest"]


class Made(Struct, frozen=True):
    """A draft as it came: `number` is its revision's, `cost` in picodollars."""

    content: Content
    number: int
    agent: str
    usage: Usage | None
    seconds: float
    cost: int
    cached: bool


class Rested(Struct, frozen=True):
    """A task on which a run has nothing more to do: what it waits for, and what a person should know of it. `made` is
    the draft that this run made of it, where its first call brought one that needs nothing more."""

    ref: str
    end: Step
    verdicts: tuple[Verdict, ...] = ()
    reason: str = ""
    spent: int = 0
    task: int = 0
    made: Made | None = None


def put_to_rest(tx: Tx, task: TaskRecord, end: Step, run: int) -> tuple[int, tuple[Verdict, ...]]:
    """The state in which the task waits; what it cost so far, and what its current revision's checks said."""
    now = tasks.find_standing(tx, task.id)
    write_rest(tx, task.id, now.state, now.current, end, run)
    # What is told is what this round made, though a person's own text may stay what the task means.
    told = revisions.find_last_draft(tx, task.id) or now.current
    verdicts = revisions.list_verdicts(tx, told) if told is not None else None
    return attempts.cost_of_task(tx, task.id), verdicts or ()


def write_rest(tx: Tx, task: int, state: TaskState, current: int | None, end: Step, run: int) -> None:
    """Lets the slots go and writes the state in which a task waits; `state` and `current` are what it has now."""
    rounds.release_slots(tx, task, run)
    elsewhere = isinstance(end, Wait) and end.why in ("blocked", "leased")
    if state in ("ready", "review", "failed") and not elsewhere:
        # A draft is there to be looked at, though the round may go on: `run` asks `next_steps`, not the state.
        if isinstance(end, Review) or current is not None:
            tasks.set_state(tx, task, "review")
        elif isinstance(end, Done) and end.why == "failed":
            tasks.set_state(tx, task, "failed")


def codes_of(end: Step, verdicts: tuple[Verdict, ...]) -> set[int]:
    """The exit codes that a task at rest adds to the run's."""
    if isinstance(end, Review):
        if end.why in (YOURS, ASKS):
            return {WaitsForHuman.exit_code}
        return {GateError.exit_code} if any(verdict.gates for verdict in verdicts) else set()
    if isinstance(end, Done):
        return {AgentFailed.exit_code} if end.why == "failed" else set()
    if isinstance(end, Wait) and end.why in ("unknown", "later", "leased"):
        return {TemporaryError.exit_code}
    return {AgentFailed.exit_code} if isinstance(end, Wait) and end.why == "stopped" else set()


def find_reason(tx: Tx, situation: Situation, end: Step, run: int) -> str:
    """Why a task waits, from what an earlier run or another one left in the ledger; the empty string where that says
    nothing."""
    if situation.round is None:
        return ""
    if end == Review(ASKS):
        asked = [each for each in situation.attempts.values() if each.outcome == "question"]
        return f"{asked[-1].agent} asks: {asked[-1].reason}"
    if end == Wait("leased"):
        others = sorted(set(rounds.list_leases(tx, situation.round.id).values()) - {run})
        return f"run {others[0]} works on it" if others else ""
    lost = [each for each in situation.attempts.values() if each.outcome == "unknown" and each.reserved != 0]
    if end == Wait("unknown") and lost:
        return f"{lost[-1].agent}: {lost[-1].reason or f'run {lost[-1].run} ended before the answer came'}"
    return ""
