"""What is to be done next with a task: one pure function over what the ledger knows.

Nothing about progress or intent lives anywhere else, so that after a crash the same question goes on where the
ledger stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gigctl.records import TaskState

TRIES = 4
"""Calls to one agent for one ask in one run, before it counts as out of reach for this run."""
RETRIED = frozenset({"rate_limited", "overloaded", "unavailable", "timeout", "released"})
"""Ends of a call after which the same agent is asked again, after a pause."""
STOPPED = frozenset({"auth", "no_credit"})
"""Ends of a call that stop the agent itself."""


# --- what is known ---


@dataclass(frozen=True, slots=True)
class VerdictFact:
    outcome: str
    required: bool


@dataclass(frozen=True, slots=True)
class AttemptFact:
    """One call in a slot. `outcome` is None while it is in flight; `revision` is the id of the draft that came of it.

    `asks` counts what it was a try of: 0 for the first draft, then one a repair. `verdicts` is None until assessed.
    """

    agent: str
    outcome: str | None
    this_run: bool
    free: bool = False
    revision: int | None = None
    verdicts: tuple[VerdictFact, ...] | None = None
    mends: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """`leased`: another run that lives works in it."""

    id: int
    n: int
    attempts: tuple[AttemptFact, ...] = ()
    leased: bool = False


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """`agents` is the chain of each slot; with `wanted` all, slot n has the nth alone."""

    agents: tuple[str, ...]
    slots: tuple[SlotFacts, ...]
    wanted: Literal["first", "all"] = "first"
    repairs: int = 2
    retry_unknown: bool = False


@dataclass(frozen=True, slots=True)
class TaskFacts:
    state: TaskState
    stopped: frozenset[str] = field(default_factory=frozenset)  # agents that this run can't use any more


# --- what is to be done ---


@dataclass(frozen=True, slots=True)
class Attempt:
    """Ask `agent` in a slot. `mends` is the attempt whose draft or answer is to be mended, `tries` how often this ask
    was tried before in this run (for the pause)."""

    slot: int
    agent: str
    mends: int | None = None
    tries: int = 0
    again: bool = False  # the last try was this agent's too


@dataclass(frozen=True, slots=True)
class Assess:
    slot: int
    revision: int


@dataclass(frozen=True, slots=True)
class Review:
    """A person goes on from here."""

    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now: for another run, another task, or (`unknown`, `later`) until it is asked for again."""

    why: Literal["blocked", "leased", "unknown", "later", "stopped"]


@dataclass(frozen=True, slots=True)
class Done:
    why: Literal["signed", "cancelled", "failed"]


Step = Attempt | Assess | Review | Wait | Done


def next_steps(task: TaskFacts, round_: RoundFacts | None) -> list[Step]:
    """The steps that can be taken now, one a slot at most; any but Attempt and Assess stands alone."""
    if task.state in ("signed", "cancelled"):
        return [Done("signed" if task.state == "signed" else "cancelled")]
    if task.state == "blocked":
        return [Wait("blocked")]
    if round_ is None:
        return [Review("nothing is asked for")] if task.state == "review" else [Wait("later")]
    steps: list[Step] = []
    ends: list[SlotEnd] = []
    for slot in round_.slots:
        step = _slot_step(slot, _chain(round_, slot), round_, task.stopped)
        if not isinstance(step, SlotEnd):
            steps.append(step)
            if round_.wanted == "first":
                break
            continue
        ends.append(step)
        if round_.wanted == "first" and step.why == "passed":
            break
    return steps or [_rest(ends)]


def _chain(round_: RoundFacts, slot: SlotFacts) -> tuple[str, ...]:
    return (round_.agents[slot.n - 1],) if round_.wanted == "all" else round_.agents


@dataclass(frozen=True, slots=True)
class SlotEnd:
    """A slot in which nothing more is to be done, and why."""

    why: Literal["passed", "drafted", "manual", "leased", "unknown", "later", "stopped", "failed"]


def _rest(ends: list[SlotEnd]) -> Step:
    """What a task whose slots have all ended waits for."""
    whys = {end.why for end in ends}
    if "leased" in whys:
        return Wait("leased")
    if whys & {"passed", "drafted"}:
        return Review("a draft passed its checks" if "passed" in whys else "a required check did not pass")
    if "manual" in whys:
        return Review("yours to write")
    for why in ("unknown", "later", "stopped"):
        if why in whys:
            return Wait(why)
    return Done("failed")


def _slot_step(slot: SlotFacts, chain: tuple[str, ...], round_: RoundFacts, stopped: frozenset[str]) -> Step | SlotEnd:
    if slot.leased:
        return SlotEnd("leased")
    last = slot.attempts[-1] if slot.attempts else None
    if last is not None and last.outcome is None:
        return SlotEnd("leased")
    if last is not None and last.revision is not None:
        return _after_draft(slot, last, round_)
    if (
        last is not None
        and last.outcome == "malformed"
        and _repairs(slot) < round_.repairs
        and last.agent not in stopped
    ):
        return Attempt(slot.id, last.agent, mends=last.id)
    return _after_failure(slot, chain, round_, stopped)


def _after_draft(slot: SlotFacts, last: AttemptFact, round_: RoundFacts) -> Step | SlotEnd:
    assert last.revision is not None  # noqa: S101
    if last.verdicts is None:
        return Assess(slot.id, last.revision)
    gating = [verdict for verdict in last.verdicts if verdict.required and verdict.outcome != "pass"]
    if not gating:
        return SlotEnd("passed")
    # What a check could not do is not the agent's to repair.
    if any(verdict.outcome == "fail" for verdict in gating) and _repairs(slot) < round_.repairs:
        return Attempt(slot.id, last.agent, mends=last.id)
    return SlotEnd("drafted")


def _repairs(slot: SlotFacts) -> int:
    """Repairs that were asked for: each is one, however often its call was tried."""
    return len({attempt.mends for attempt in slot.attempts if attempt.mends is not None})


def _after_failure(
    slot: SlotFacts, chain: tuple[str, ...], round_: RoundFacts, stopped: frozenset[str]
) -> Step | SlotEnd:
    """The first agent of the chain that may still be asked, or why none may."""
    last = slot.attempts[-1] if slot.attempts else None
    mends = last.mends if last is not None else None
    ask = [attempt for attempt in slot.attempts if attempt.mends == mends]
    drafted_before = any(attempt.revision is not None for attempt in slot.attempts)
    whys: list[str] = []
    for agent in chain:
        if agent == "manual":
            return SlotEnd("drafted" if drafted_before else "manual")
        tries = [attempt for attempt in ask if attempt.agent == agent]
        verdict = _may_ask(agent, tries, round_, stopped)
        if verdict == "ask":
            again = last is not None and last.agent == agent
            return Attempt(slot.id, agent, mends, sum(attempt.this_run for attempt in tries), again)
        whys.append(verdict)
        if verdict == "unknown":
            break  # it may have been paid: no other agent is paid in its place
    if drafted_before:
        return SlotEnd("drafted")
    for why in ("unknown", "stopped", "later"):
        if why in whys:
            return SlotEnd(why)
    return SlotEnd("failed")


def _may_ask(agent: str, tries: list[AttemptFact], round_: RoundFacts, stopped: frozenset[str]) -> str:
    """`ask`, or why not: stopped, unknown, later (out of tries in this run), failed (for good in this round)."""
    if agent in stopped:
        return "stopped"
    if not tries:
        return "ask"
    last = tries[-1]
    if last.outcome == "unknown":
        if not (last.free or (round_.retry_unknown and not last.this_run)):
            return "unknown"
    elif last.outcome in STOPPED:
        return "stopped" if last.this_run else "ask"
    elif last.outcome not in RETRIED:
        return "failed"
    return "ask" if sum(attempt.this_run for attempt in tries) < TRIES else "later"
