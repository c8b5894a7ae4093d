"""`run`: which tasks, by whom, at what cost at most; then the dispatch."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from gigctl.agents.base import Agent
from gigctl.agents.registry import open_agent
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
from gigctl.flow import asking, policy
from gigctl.flow.desk import Desk
from gigctl.flow.dispatch import Collector, Rested, RunOptions, Waits
from gigctl.flow.facts import load_situation
from gigctl.flow.references import Target, check_craft, find_tasks
from gigctl.flow.steps import (
    YOURS,
    Assess,
    Attempt,
    Done,
    Review,
    RoundFacts,
    Step,
    TaskFacts,
    Wait,
    next_steps,
)
from gigctl.ledger import attempts, clients, gigs, limits, rounds, runs, tasks
from gigctl.ledger.store import Tx
from gigctl.model import AgentEntry, Part, Request
from gigctl.records import GigRecord, RoundRecord, TaskRecord

__all__ = ["Plan", "RunOptions", "RunResult", "Waits", "carry_out", "plan_run", "resolve_default"]

STATES = ("ready", "failed", "review", "blocked")
EVIDENCE_BYTES = 1024
"""About what the evidence of a failed check adds to a repair's prompt."""
DRAFT_BYTES = 4
"""Bytes of a token of a draft that goes along with a repair, about."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A task that a run will work on, by which agents in turn (side by side where all drafts are wanted). `seen` is the
    id of the round that was open when it was planned."""

    task: TaskRecord
    agents: tuple[str, ...]
    new_round: bool
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
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


@dataclass
class RunResult:
    """What a run came to: counts, the tasks that want a person (the first of them), and the exit codes met."""

    run: int
    total: int
    again: str  # the command that goes on with it
    done: int = 0
    passed: int = 0
    need_you: int = 0
    failed: int = 0
    waiting: int = 0
    spent: int = 0
    wants: list[Rested] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    stopped: dict[str, str] = field(default_factory=dict)
    over_budget: str = ""

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
            if kind is AgentFailed and end.end == Done("failed"):
                said = f"{end.ref} failed: {end.reason or 'no agent could do it'}"
                return kind(said + _more(self.failed), f"{self.again} --retry-failed, or -a OTHER")
            if kind is TemporaryError and end.end == Wait("unknown"):
                said = f"a call for {end.ref} may have been paid, and its answer is lost: {end.reason}"
                return kind(said, f"gigctl run {end.ref} --retry-unknown asks again (and may pay twice)")
            if kind is WaitsForHuman and end.end == Review(YOURS):
                return kind(f"{end.ref} is yours to write", f"gigctl edit {end.ref}")
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
        left: Counter[str] = Counter()
        planned = [found for target in targets if (found := _plan(tx, target, options, default, left))][:limit]
        for chain, client in {(p.agents, p.task.client_id) for p in planned}:
            policy.check_chain(clients.get_client_by_id(tx, client), chain, desk.agents)
        agents = tuple(dict.fromkeys(name for p in planned for name in p.agents))
        at_most = _at_most(tx, desk, planned, options)
        overspent = {name: when for name in agents if (when := limits.find_overspent(tx, name))}
    return Plan(tuple(planned), dict(left), at_most, agents, overspent)


def _plan(tx: Tx, target: Target, options: RunOptions, default: Sequence[str], left: Counter[str]) -> Planned | None:
    task = target.task
    open_round = rounds.find_open_round(tx, task.id)
    step = next_steps(*_facts(tx, task, options))[0]
    why = _why_not(task, open_round, step, options)
    if why:
        left[why] += 1
        return None
    new = open_round is None or _wants_new(task, open_round, step, options)
    asked_before = open_round.agents if open_round is not None and not new else task.agents
    agents = tuple((options.agents if new else None) or asked_before or default)
    return Planned(task, agents, new, open_round.id if open_round else None)


def _facts(tx: Tx, task: TaskRecord, options: RunOptions) -> tuple[TaskFacts, RoundFacts | None]:
    found = load_situation(tx, task.id, retry_unknown=options.retry_unknown)
    return found.task_facts, found.round_facts


def _why_not(task: TaskRecord, round_: RoundRecord | None, step: Step, options: RunOptions) -> str:
    """Why a task that was named has nothing to be done; the empty string where it has.

    One in review is drafted again by other agents, or where it is said (`fresh`): a run that is run again pays nothing
    twice.
    """
    if task.held_until is not None:
        return "held"
    others = round_ is None or round_.input_n != task.input_n or _asks_otherwise(round_, options)
    if task.state == "failed" and not options.retry_failed and not (options.agents and others):
        return "failed before (--retry-failed asks again)"
    goes_on = isinstance(step, (Attempt, Assess)) or step in (Wait("unknown"), Review(YOURS))
    if task.state == "review" and not goes_on and not options.fresh and not (options.agents and others):
        return "waiting for you (gigctl queue)"
    return {"blocked": "waiting for another task", "signed": "signed", "cancelled": "cancelled"}.get(task.state, "")


def _wants_new(task: TaskRecord, round_: RoundRecord, step: Step, options: RunOptions) -> bool:
    """Whether another round is asked for. What may have been paid is not asked for again by the way."""
    if step == Wait("unknown"):
        return False
    old = task.state == "failed" or round_.input_n != task.input_n
    return old or options.fresh or _asks_otherwise(round_, options)


def _asks_otherwise(round_: RoundRecord, options: RunOptions) -> bool:
    wanted = "all" if options.wanted_all else "first"
    return (
        (options.agents is not None and (options.agents, wanted) != (round_.agents, round_.wanted))
        or (options.drafts is not None and options.drafts != len(round_.slots))
        or (options.repairs is not None and options.repairs != round_.repairs)
        or (options.max_cost_each is not None and options.max_cost_each != round_.max_cost_each)
    )


def _at_most(tx: Tx, desk: Desk, planned: Sequence[Planned], options: RunOptions) -> int | None:
    """What the tasks can cost: a draft and its repairs, each paid to every agent of the chain (one refuses, the next
    answers). To be shown; what is reserved is each call's own bound."""
    agents = {name: open_agent(desk.agents[name], environ=desk.environ) for p in planned for name in p.agents}
    known: dict[int, GigRecord] = {}
    total = 0
    for p in planned:
        paid = [agents[name] for name in p.agents if not _is_free(desk.agents[name])]
        if paid and p.task.gig_id not in known:
            known[p.task.gig_id] = gigs.get_gig_by_id(tx, p.task.gig_id)
        bound = _bound(tx, desk, known[p.task.gig_id], p, paid, options) if paid else 0
        if bound is None:
            return None
        total += bound
    return total


def _is_free(entry: AgentEntry) -> bool:
    return entry.is_local and not (entry.price_in or entry.price_out or entry.price_run)


def _bound(tx: Tx, desk: Desk, gig: GigRecord, p: Planned, agents: Sequence[Agent], options: RunOptions) -> int | None:
    round_ = RoundRecord(0, 1, p.task.input_n, p.agents, "first", 0, None, True)
    store = desk.store if p.task.input_base else None
    first = asking.build_request(tx, gig, p.task, round_, slot=1, mends=None, store=store)
    mended = "x" * (DRAFT_BYTES * first.max_output + EVIDENCE_BYTES)
    repair = replace(first, parts=(*first.parts, Part("draft", mended)))
    repairs = options.repairs if options.repairs is not None else options.usual_repairs
    bounds = [_sum(agent, first, repair, repairs) for agent in agents]
    if any(bound is None for bound in bounds):
        return None
    return (1 if options.wanted_all else options.drafts or 1) * sum(bound for bound in bounds if bound is not None)


def _sum(agent: Agent, first: Request, repair: Request, repairs: int) -> int | None:
    once, again = agent.bound(first), agent.bound(repair)
    return None if once is None or again is None else once + repairs * again


# --- the run ---


def carry_out(
    desk: Desk, plan: Plan, options: RunOptions, told: Callable[[Rested, RunResult], None],
    stopping: Callable[[], None] = lambda: None,
) -> RunResult:  # fmt: skip
    """Does what was planned; `told` hears of each task at rest, `stopping` of the first Ctrl-C. Safe to stop at any
    time and to run again."""
    runs.recover(desk.ledger)
    with runs.Run(desk.ledger, options.max_cost) as run:
        result = RunResult(run.id, len(plan.tasks), f"gigctl run {' '.join(plan.gigs[:3])}")

        def rested(end: Rested) -> None:
            _count(result, end)
            told(end, result)

        collector = Collector(desk, run, options, rested, stopping)
        gc.freeze()
        try:
            asyncio.run(collector.dispatch(_opened(desk, lane, options) for lane in _lanes(plan)))
        except DiskFull as error:
            raise _full(desk, run, result, error) from error
    with desk.ledger.reading() as tx:
        result.spent = runs.get_spent(tx, run.id)
    result.codes = collector.codes
    result.stopped = collector.stopped
    result.over_budget = collector.over_budget
    return result


def _full(desk: Desk, run: runs.Run, result: RunResult, error: DiskFull) -> DiskFull:
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


def _lanes(plan: Plan) -> list[list[Planned]]:
    """The tasks by who is asked first, so that a slow agent holds up its own tasks alone."""
    lanes: dict[str, list[Planned]] = {}
    for planned in plan.tasks:
        lanes.setdefault(planned.agents[0], []).append(planned)
    return list(lanes.values())


def _opened(desk: Desk, lane: Sequence[Planned], options: RunOptions) -> Iterator[int]:
    """The tasks, each with its round written before anything is done on it."""
    for start in range(0, len(lane), 64):
        group = lane[start : start + 64]
        with desk.ledger.writing() as tx:
            for planned in group:
                _open(tx, planned, options)
        yield from (planned.task.id for planned in group)


def _open(tx: Tx, planned: Planned, options: RunOptions) -> None:
    """Opens the round that was planned, unless somebody else has changed something since: then that is what counts."""
    task = tasks.get_task_by_id(tx, planned.task.id)
    now = rounds.find_open_round(tx, task.id)
    moved = task.state != planned.task.state or (now.id if now else None) != planned.seen
    if not planned.new_round or moved or (now is not None and rounds.list_leases(tx, now.id)):
        return
    rounds.open_round(
        tx, task, agents=planned.agents, wanted="all" if options.wanted_all else "first", drafts=options.drafts or 1,
        repairs=options.repairs if options.repairs is not None else options.usual_repairs,
        max_cost_each=options.max_cost_each,
    )  # fmt: skip
    if task.state in ("failed", "review"):
        tasks.set_state(tx, task.id, "ready")


def _count(result: RunResult, end: Rested) -> None:
    yours = end.end == Review(YOURS)
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
