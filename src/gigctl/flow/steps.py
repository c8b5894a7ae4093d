"""What is to be done next with a task: one pure function over what the ledger knows.

Nothing about progress or intent lives anywhere else, so that after a crash the same question goes on where the
ledger stands.
"""

from __future__ import annotations

from math import inf
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from gigctl.records import TaskState

TRIES = 4
"""Calls to one agent for one ask in one run, before it counts as out of reach for this run."""
RETRIED = frozenset({"rate_limited", "overloaded", "unavailable", "timeout", "unknown"})
"""Ends of a call after which the same agent is asked again, after a pause: what can't have been paid, and what was free
(`_find_lost` has the others)."""
YOURS = "yours to write"
"""The review of a task that nobody but the freelancer drafts."""
ASKS = "asks you"
"""The review of a task whose agent wants to know something first."""
STOPPED = frozenset({"auth", "no_credit"})
"""Ends of a call that stop the agent itself."""


# --- what is known ---


class VerdictFact(Struct, frozen=True):
    """`said` counts what the check has to say: words that are missing, lines that are wrong."""

    outcome: str
    required: bool
    said: int = 0


class AttemptFact(Struct, frozen=True):
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


class SlotFacts(Struct, frozen=True):
    """`leased`: another run that lives works in it."""

    id: int
    n: int
    attempts: tuple[AttemptFact, ...] = ()
    leased: bool = False


class RoundFacts(Struct, frozen=True):
    """`agents` is the chain, which slot n begins with its nth; with `wanted` all, slot n has the nth alone."""

    agents: tuple[str, ...]
    slots: tuple[SlotFacts, ...]
    wanted: Literal["first", "all"] = "first"
    repairs: int = 2
    retry_unknown: bool = False


class TaskFacts(Struct, frozen=True):
    """The task, and what this run can't do any more: call a `stopped` agent or one that is `held` back for longer than
    a run waits, or (`broke`) call anybody, since a cap is reached. `yours` are the agents that are the freelancer."""

    state: TaskState
    stopped: frozenset[str] = field(default_factory=frozenset)
    held: frozenset[str] = field(default_factory=frozenset)
    broke: bool = False
    yours: frozenset[str] = frozenset({"manual"})


# --- what is to be done ---


class Attempt(Struct, frozen=True):
    """Ask `agent` in a slot. `mends` is the attempt whose draft or answer is to be mended, `tries` how often this ask
    was tried before in this run (for the pause)."""

    slot: int
    agent: str
    mends: int | None = None
    tries: int = 0
    again: bool = False  # the last try was this agent's too


class Assess(Struct, frozen=True):
    slot: int
    revision: int


class Review(Struct, frozen=True):
    """A person goes on from here."""

    why: str


class Wait(Struct, frozen=True):
    """Nothing to do now: for another run, another task, or (`unknown`, `later`) until it is asked for again."""

    why: Literal["blocked", "leased", "unknown", "later", "stopped", "budget"]


class Done(Struct, frozen=True):
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
    found = _walk(task, round_)
    steps: list[Step] = [step for step in found if not isinstance(step, SlotEnd)]
    if task.broke and steps:
        return [step for step in steps if isinstance(step, Assess)] or [Wait("budget")]
    return steps or [_rest({end.why for end in found if isinstance(end, SlotEnd)})]


def _walk(task: TaskFacts, round_: RoundFacts) -> list[Step | SlotEnd]:
    """What is next in each slot."""
    if len(round_.slots) == 1 or round_.wanted == "all":
        return [_slot_step(slot, _chain(round_, slot, task), round_, task) for slot in round_.slots]
    return _first_that_passes(task, round_)


def _first_that_passes(task: TaskFacts, round_: RoundFacts) -> list[Step | SlotEnd]:
    """A slot's turn comes when those before it have ended with drafts that fail, and not while a call in one of them
    may still bring (or have been paid for) one that passes. Repairs come last, all for the most promising draft: anew
    is cheaper than mended, and of a small model more likely to pass (docs/performance.md)."""
    found: list[Step | SlotEnd] = []
    unmended = replace(round_, repairs=0)
    for slot in round_.slots:
        allowed = round_ if _repairs(slot) else unmended
        step = _slot_step(slot, _chain(round_, slot, task), allowed, task)
        found.append(step)
        if not _has_ended(step):
            return found
    if not any(map(_repairs, round_.slots)):
        mended = [_slot_step(slot, _chain(round_, slot, task), round_, task) for slot in round_.slots]
        at = min(range(len(mended)), key=lambda n: (_has_ended(mended[n]), _lacks(round_.slots[n])))
        found[at] = mended[at]
    return found


def _has_ended(step: Step | SlotEnd) -> bool:
    """Whether no draft that passes can come of the slot any more, and one may of another."""
    return isinstance(step, SlotEnd) and step.why in ("drafted", "failed")


def _lacks(slot: SlotFacts) -> tuple[float, int]:
    """How many required checks its draft did not pass, and what they have to say; no draft at all lacks most."""
    verdicts = slot.attempts[-1].verdicts if slot.attempts else None
    if verdicts is None:
        return inf, 0
    gating = [verdict for verdict in verdicts if verdict.required and verdict.outcome != "pass"]
    return len(gating), sum(verdict.said for verdict in gating)


def _chain(round_: RoundFacts, slot: SlotFacts, task: TaskFacts) -> tuple[str, ...]:
    """Who is asked in a slot, in turn. The first draft is the first agent's, the second the second's, and so on round
    the chain: another agent's is more of a chance than the same one's again. The freelancer comes last."""
    if round_.wanted == "all":
        return (round_.agents[slot.n - 1],)
    asked = [agent for agent in round_.agents if agent not in task.yours]
    first = (slot.n - 1) % max(1, len(asked))
    if first == 0:
        return round_.agents
    return (*asked[first:], *asked[:first], *(agent for agent in round_.agents if agent in task.yours))


class SlotEnd(Struct, frozen=True):
    """A slot in which nothing more is to be done now, and why."""

    why: Literal[
        "passed", "drafted", "unproved", "manual", "asked", "leased", "unknown", "later", "stopped", "failed"
    ]  # fmt: skip


def _rest(whys: set[str]) -> Step:
    """What a task whose slots have all ended waits for: first for what may still come by itself."""
    for why in ("leased", "unknown", "later", "stopped"):
        if why in whys:
            return Wait(why)
    for why, said in _REVIEWED.items():
        if why in whys:
            return Review(said)
    return Done("failed")


_REVIEWED = {
    "passed": "a draft passed its checks",
    "asked": ASKS,
    "drafted": "a required check did not pass",
    "unproved": "a required check did not pass",
    "manual": YOURS,
}


# --- in a slot ---


def _slot_step(slot: SlotFacts, chain: tuple[str, ...], round_: RoundFacts, task: TaskFacts) -> Step | SlotEnd:
    last = slot.attempts[-1] if slot.attempts else None
    if slot.leased or (last is not None and last.outcome is None):
        return SlotEnd("leased")
    if last is None:
        return _ask(slot, chain, None, task)
    if last.revision is not None:
        return _after_draft(slot, chain, last, round_, task)
    if last.outcome == "question":
        return SlotEnd("asked")
    lost = _find_lost(slot)
    if lost is not None:
        return _repeat(slot, lost, round_, task)
    if last.outcome == "malformed" and _repairs(slot) < round_.repairs and _reach(last.agent, task) is None:
        return Attempt(slot.id, last.agent, mends=last.id)
    return _ask(slot, chain, _root(slot, last), task)


def _after_draft(
    slot: SlotFacts, chain: tuple[str, ...], last: AttemptFact, round_: RoundFacts, task: TaskFacts
) -> Step | SlotEnd:
    assert last.revision is not None  # noqa: S101
    if last.verdicts is None:
        return Assess(slot.id, last.revision)
    gating = [verdict for verdict in last.verdicts if verdict.required and verdict.outcome != "pass"]
    if not gating:
        return SlotEnd("passed")
    # What a check could not do is not the agent's to repair, nor another draft's.
    if all(verdict.outcome != "fail" for verdict in gating):
        return SlotEnd("unproved")
    return _ask(slot, chain, last.id, task) if _repairs(slot) < round_.repairs else SlotEnd("drafted")


def _repairs(slot: SlotFacts) -> int:
    """Repairs that were asked for: each is one, however often its call was tried."""
    return len({attempt.mends for attempt in slot.attempts if attempt.mends is not None})


def _find_lost(slot: SlotFacts) -> AttemptFact | None:
    """A call that may have been paid, whose agent was not asked again since."""
    asked: set[str] = set()
    for attempt in reversed(slot.attempts):
        if attempt.outcome == "unknown" and not attempt.free and attempt.agent not in asked:
            return attempt
        asked.add(attempt.agent)
    return None


def _repeat(slot: SlotFacts, lost: AttemptFact, round_: RoundFacts, task: TaskFacts) -> Step | SlotEnd:
    """Only who says so pays twice, and only the very same agent is asked: no other is paid in its place."""
    if lost.this_run or not round_.retry_unknown:
        return SlotEnd("unknown")
    out_of_reach = _reach(lost.agent, task)
    return SlotEnd(out_of_reach) if out_of_reach else Attempt(slot.id, lost.agent, lost.mends)


def _root(slot: SlotFacts, attempt: AttemptFact) -> int | None:
    """The ask that an attempt belongs to: the draft that is to be mended, None for the first one. An answer that could
    not be read is mended by its own agent alone; who comes next is asked what that one was asked at first."""
    by_id = {each.id: each for each in slot.attempts}
    mends = attempt.mends
    while mends is not None and by_id[mends].revision is None:
        mends = by_id[mends].mends
    return mends


def _ask(slot: SlotFacts, chain: tuple[str, ...], root: int | None, task: TaskFacts) -> Step | SlotEnd:
    """The first agent of the chain that may still be asked, a draft's own before the others; or why none may."""
    drafted = any(attempt.revision is not None for attempt in slot.attempts)
    last = slot.attempts[-1].agent if slot.attempts else ""
    own = [attempt.agent for attempt in slot.attempts if root is not None and attempt.id == root]
    whys: set[str] = set()
    for agent in dict.fromkeys((*own, *chain)):
        if agent in task.yours:
            return SlotEnd("drafted" if drafted else "manual")
        tries = [each for each in slot.attempts if each.agent == agent and _root(slot, each) == root]
        mends = tries[-1].mends if tries else root
        count = sum(each.this_run for each in tries if each.mends == mends)
        why = _why_not(agent, tries[-1] if tries else None, count, task)
        if why is None:
            return Attempt(slot.id, agent, mends, count, again=last == agent)
        whys.add(why)
    if "stopped" in whys or "later" in whys:
        return SlotEnd("stopped" if "stopped" in whys else "later")
    return SlotEnd("drafted" if drafted else "failed")


def _why_not(agent: str, last: AttemptFact | None, count: int, task: TaskFacts) -> str | None:
    """Why an agent may not be asked (again): stopped, later (out of tries in this run), failed (in this round)."""
    out_of_reach = _reach(agent, task)
    if out_of_reach is not None or last is None:
        return out_of_reach
    if last.outcome in STOPPED:
        return "stopped" if last.this_run else None
    if last.outcome not in RETRIED:
        return "failed"
    return None if count < TRIES else "later"


def _reach(agent: str, task: TaskFacts) -> Literal["stopped", "later"] | None:
    if agent in task.stopped:
        return "stopped"
    return "later" if agent in task.held else None
