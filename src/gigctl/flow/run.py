"""`run`: which tasks, by whom, at what cost at most; then the dispatch."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from msgspec import Struct, field

from gigctl.errors import (
    AgentFailed,
    BudgetError,
    ConfigError,
    DiskFull,
    GigctlError,
    Interrupted,
    PolicyError,
    TemporaryError,
    UsageError,
    WaitsForHuman,
    worst_exit_code,
)
from gigctl.flow import policy
from gigctl.flow.desk import Desk
from gigctl.flow.dispatch import Collector, Opening
from gigctl.flow.planning import Planned, bound_of_all, open_planned, plan_task
from gigctl.flow.references import check_craft, find_tasks
from gigctl.flow.resting import Rested
from gigctl.flow.runoptions import SILENT, Notices, RunOptions
from gigctl.flow.steps import (
    ASKS,
    YOURS,
    Done,
    Review,
    Wait,
)
from gigctl.ledger import attempts, clients, limits, runs

__all__ = ["Plan", "RunResult", "carry_out", "plan_run", "resolve_default", "with_what_is_kept"]

STATES = ("ready", "failed", "review", "blocked")


class Plan(Struct, frozen=True):
    """`left` counts, by reason, the tasks that were named and have nothing to be done; `at_most` is in picodollars,
    None where a price is unknown; `overspent` are agents that cost more than they could, and when."""

    tasks: tuple[Planned, ...]
    left: dict[str, int]
    at_most: int | None
    agents: tuple[str, ...]
    overspent: dict[str, str] = field(default_factory=dict)

    @property
    def gigs(self) -> list[str]:
        return list(dict.fromkeys(planned.task.gig for planned in self.tasks))


REMEMBERED = 1000
"""Calls of which a run's progress tells how long they take."""


class RunResult(Struct):
    """What a run came to: counts, the tasks that want a person (the first of them), and the exit codes met."""

    run: int
    total: int
    again: str  # the command that goes on with it
    done: int = 0
    passed: int = 0
    need_you: int = 0
    failed: int = 0
    waiting: int = 0
    pruned: int = 0
    calls: int = 0  # that brought a draft
    seconds: list[float] = field(default_factory=list)  # that the last of them took, in no order
    spent: int = 0
    wants: list[Rested] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    stopped: dict[str, str] = field(default_factory=dict)
    over_budget: str = ""

    def took(self, seconds: float) -> None:
        """One more call that brought a draft. Who shows the progress reads the list in another thread meanwhile."""
        if len(self.seconds) < REMEMBERED:
            self.seconds.append(seconds)
        else:
            self.seconds[self.calls % REMEMBERED] = seconds
        self.calls += 1

    @property
    def next_command(self) -> str | None:
        """What to type next, where nothing went wrong."""
        review = next((end.ref for end in self.wants if isinstance(end.end, Review)), None)
        if review is not None:
            return f"gigctl show {review}"
        return "gigctl queue" if self.passed else None

    @property
    def failure(self) -> GigctlError | None:
        """The worst that happened and the way out; None where the drafts (whatever their checks say) are the answer."""
        code = worst_exit_code(self.codes)
        undone = f"{self.total - self.done + self.waiting} of {self.total} tasks are not done"
        if code == Interrupted.exit_code:
            return Interrupted(f"stopped: {undone}", f"{self.again} goes on where it stands")
        if code == BudgetError.exit_code:
            return BudgetError(f"{self.over_budget}: {undone}", f"look at the limit, then {self.again}")
        if code in (ConfigError.exit_code, PolicyError.exit_code, AgentFailed.exit_code) and self.stopped:
            kind = {3: ConfigError, 6: PolicyError}.get(code, AgentFailed)
            name, why = next(iter(self.stopped.items()))
            return kind(
                f"{name} is not asked any more: {why}; {undone}", f"gigctl agent test {name}, then {self.again}"
            )
        return self._one_of({4: AgentFailed, 75: TemporaryError, 7: WaitsForHuman}.get(code))

    def _one_of(self, kind: type[GigctlError] | None) -> GigctlError | None:
        """An error that is about the first task to which it happened."""
        for end in self.wants:
            reason = " ".join((end.reason or "").split())  # an error is one line
            if kind is AgentFailed and end.end == Done("failed"):
                said = f"{end.ref} failed: {reason or 'no agent could do it'}"
                return kind(said + _more(self.failed), f"{self.again} --retry-failed, or -a OTHER")
            if kind is TemporaryError and end.end == Wait("unknown"):
                said = f"a call for {end.ref} may have been paid, and its answer is lost: {reason}"
                return kind(said, f"gigctl run {end.ref} --retry-unknown asks again (and may pay twice)")
            if kind is WaitsForHuman and end.end == Review(YOURS):
                return kind(f"{end.ref} is yours to write", f"gigctl edit {end.ref}")
            if kind is WaitsForHuman and end.end == Review(ASKS):
                return kind(f"{end.ref}: {reason}", f"gigctl answer {end.ref} TEXT, then {self.again}")
        if kind is not TemporaryError:
            return None
        waits = {end.end.why: end for end in reversed(self.wants) if isinstance(end.end, Wait)}
        if "later" not in waits and "leased" in waits:
            said = waits["leased"].reason or "another run works on it"
            return kind(f"{waits['leased'].ref}: {said}{_more(self.waiting)}", f"{self.again}, when that has ended")
        why = f": {waits['later'].ref}: {waits['later'].reason}" if "later" in waits and waits["later"].reason else ""
        return kind(f"not all could be asked now{why}", self.again)


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


# --- the plan ---


def plan_run(
    desk: Desk, words: Sequence[str], options: RunOptions, default: Sequence[str], *, craft: str | None = None,
    limit: int | None = None,
) -> Plan:  # fmt: skip
    """What `run` would do; nothing is written. Raises UsageError, PolicyError."""
    with desk.ledger.reading() as tx:
        check_craft(craft)
        targets = [t for t in find_tasks(tx, words, states=STATES) if craft is None or t.task.craft == craft]
        found = [plan_task(tx, target.task, options, default) for target in targets]
        planned = [one for one in found if isinstance(one, Planned)][:limit]
        left = Counter(why for why in found if isinstance(why, str))
        for chain, client in {(p.agents, p.task.client_id) for p in planned}:
            policy.check_chain(clients.get_client_by_id(tx, client), chain, desk.agents)
        agents = tuple(dict.fromkeys(name for p in planned for name in p.agents))
        at_most = bound_of_all(tx, desk, planned, options)
        overspent = {name: when for name in agents if (when := limits.find_overspent(tx, name))}
    return Plan(tuple(planned), dict(left), at_most, agents, overspent)


# --- the run ---


def carry_out(
    desk: Desk, plan: Plan, options: RunOptions, told: Callable[[Rested, RunResult], None],
    notices: Notices = SILENT,
) -> RunResult:  # fmt: skip
    """Does what was planned; `told` hears of each task at rest. Safe to stop at any time and to run again."""
    runs.recover(desk.ledger)
    with runs.Run(desk.ledger, options.max_cost) as run:
        result = RunResult(run.id, len(plan.tasks), f"gigctl run {' '.join(plan.gigs[:3])}")

        def rested(end: Rested) -> None:
            count_rested(result, end)
            told(end, result)

        collector = Collector(desk, run, options, rested, notices)
        gc.freeze()
        try:
            asyncio.run(collector.dispatch(_lanes(plan, options)))
        except DiskFull as error:
            raise with_what_is_kept(desk, run, result, error) from error
    finish_result(desk, result, collector)
    return result


def with_what_is_kept(desk: Desk, run: runs.Run, result: RunResult, error: DiskFull) -> DiskFull:
    """A full disk in the middle of a run: what is kept, what is not, and how it goes on."""
    try:
        with desk.ledger.reading() as tx:
            lost = attempts.count_paid_in_flight(tx, run.id)
    except GigctlError:
        lost = 0  # not even that can be read now; the next run tells
    said = f"{error.message}; {result.done} of {result.total} tasks are done, and each answer that was recorded is kept"
    if lost:
        said += f"; calls under way ({lost}) count as paid, and their answers are lost"
    more = " (--retry-unknown asks again for what is lost)" if lost else ""
    return DiskFull(said, f"make room on that disk, then {result.again}{more}")


def finish_result(desk: Desk, result: RunResult, collector: Collector) -> None:
    """What only the end of a run tells."""
    with desk.ledger.reading() as tx:
        result.spent = runs.get_spent(tx, result.run)
    result.codes |= collector.codes
    result.stopped = collector.crew.stopped
    result.over_budget = collector.caps.said


def _lanes(plan: Plan, options: RunOptions) -> dict[str, AsyncIterator[Opening]]:
    """The tasks by who is asked first, so that a slow agent holds up its own tasks alone."""
    lanes: dict[str, list[Planned]] = {}
    for planned in plan.tasks:
        lanes.setdefault(planned.agents[0], []).append(planned)
    return {name: _openings(lane, options) for name, lane in lanes.items()}


async def _openings(lane: Sequence[Planned], options: RunOptions) -> AsyncIterator[Opening]:
    for planned in lane:
        yield partial(open_planned, planned=planned, options=options)


def count_rested(result: RunResult, end: Rested) -> None:
    if end.made is not None and not end.made.cached:
        result.took(end.made.seconds)
    yours = end.end in (Review(YOURS), Review(ASKS))
    gated = yours or any(verdict.gates for verdict in end.verdicts)
    result.done += 1
    if isinstance(end.end, Review):
        result.passed += not gated
        result.need_you += gated
    elif isinstance(end.end, Done):
        result.failed += end.end.why == "failed"
    else:
        result.waiting += 1
    if (gated or not isinstance(end.end, Review)) and len(result.wants) < 100:
        result.wants.append(end)


def resolve_default(setting: str) -> tuple[str, ...]:
    """The chain of the settings. Raises UsageError for an empty one."""
    chain = tuple(name.strip() for name in setting.split(",") if name.strip())
    if not chain:
        raise UsageError("no agent is named", "-a AGENT, or gigctl config set agent NAME")
    return chain
