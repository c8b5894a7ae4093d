"""`run`: which tasks, by whom, at what cost at most; then the dispatch."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gigctl.agents.registry import open_agent
from gigctl.errors import UsageError
from gigctl.flow import asking, policy
from gigctl.flow.desk import Desk
from gigctl.flow.dispatch import Collector, Rested, RunOptions
from gigctl.flow.references import Target, find_tasks
from gigctl.flow.steps import Done, Review, Wait
from gigctl.ledger import clients, gigs, rounds, runs, tasks
from gigctl.ledger.store import Tx
from gigctl.records import RoundRecord, TaskRecord

__all__ = ["Plan", "RunOptions", "RunResult", "carry_out", "plan_run"]

STATES = ("ready", "failed", "review", "blocked")


@dataclass(frozen=True, slots=True)
class Planned:
    """A task that a run will work on, by which agents in turn (side by side where all drafts are wanted)."""

    task: TaskRecord
    agents: tuple[str, ...]
    new_round: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """`left` counts, by reason, the tasks that were named and have nothing to be done; `at_most` is in picodollars,
    None where a price is unknown."""

    tasks: tuple[Planned, ...]
    left: dict[str, int]
    at_most: int | None
    agents: tuple[str, ...]
    budget: int | None = None

    @property
    def manual(self) -> list[str]:
        return [planned.task.ref for planned in self.tasks if planned.agents[0] == "manual"]


@dataclass
class RunResult:
    """What a run came to: counts, the tasks that want a person (the first of them), and the exit codes met."""

    run: int
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
    def next_commands(self) -> list[str]:
        """What to type next, the nearest first."""
        review = next((end.ref for end in self.wants if isinstance(end.end, Review)), None)
        if any(isinstance(end.end, Wait) and end.end.why == "unknown" for end in self.wants):
            return ["gigctl run --retry-unknown REF (it may pay twice)"]
        if review is not None:
            return [f"gigctl show {review}"]
        if self.passed:
            return ["gigctl queue"]
        return []


# --- the plan ---


def plan_run(
    desk: Desk, words: Sequence[str], options: RunOptions, default: Sequence[str], *, craft: str | None = None,
    limit: int | None = None,
) -> Plan:  # fmt: skip
    """What `run` would do; nothing is written. Raises UsageError, PolicyError."""
    with desk.ledger.reading() as tx:
        targets = [t for t in find_tasks(tx, words, states=STATES) if craft is None or t.task.craft == craft]
        left: Counter[str] = Counter()
        planned = [found for target in targets if (found := _plan(tx, target, options, default, left))][:limit]
        for chain, client in {(p.agents, p.task.client_id) for p in planned}:
            policy.check_chain(clients.get_client_by_id(tx, client), chain, desk.agents)
        agents = tuple(dict.fromkeys(name for p in planned for name in p.agents))
        at_most = _at_most(tx, desk, planned, options)
    return Plan(tuple(planned), dict(left), at_most, agents)


def _plan(tx: Tx, target: Target, options: RunOptions, default: Sequence[str], left: Counter[str]) -> Planned | None:
    task = target.task
    why = _why_not(task, options)
    if why:
        left[why] += 1
        return None
    open_round = rounds.find_open_round(tx, task.id)
    new = open_round is None or task.state in ("failed", "review") or _asks_otherwise(open_round, options)
    agents = options.agents or (open_round.agents if open_round and not new else task.agents) or tuple(default)
    if task.state == "review" and open_round is not None and options.agents is None:
        agents, new = open_round.agents, False  # --retry-unknown, on a round that has a draft already
    return Planned(task, tuple(agents), new)


def _why_not(task: TaskRecord, options: RunOptions) -> str:
    """Why a task that was named has nothing to be done; the empty string where it has."""
    if task.held_until is not None:
        return "held"
    if task.state == "failed" and not options.retry_failed:
        return "failed before (--retry-failed asks again)"
    if task.state == "review" and options.agents is None:
        return "waiting for you (gigctl queue)"
    return {"blocked": "waiting for another task", "signed": "signed", "cancelled": "cancelled"}.get(task.state, "")


def _asks_otherwise(round_: RoundRecord, options: RunOptions) -> bool:
    return (
        (options.agents is not None and options.agents != round_.agents)
        or (options.drafts is not None and options.drafts != len(round_.slots))
        or (options.repairs is not None and options.repairs != round_.repairs)
        or (options.wanted_all and round_.wanted != "all")
    )


def _at_most(tx: Tx, desk: Desk, planned: Sequence[Planned], options: RunOptions) -> int | None:
    """The dearest that the first calls and their repairs can be: the bound of the first request, of the dearest agent
    of the chain, once a draft and a repair. An estimate to show, not the reservation."""
    total = 0
    opened = {name: open_agent(desk.agents[name], environ=desk.environ) for p in planned for name in p.agents}
    for p in planned:
        if all(desk.agents[name].is_local and not desk.agents[name].price_in for name in p.agents):
            continue
        gig = gigs.get_gig_by_id(tx, p.task.gig_id)
        round_ = RoundRecord(0, 1, p.task.input_n, p.agents, "first", 0, None, True)
        store = desk.store if p.task.input_base else None
        request = asking.build_request(tx, gig, p.task, round_, slot=1, mends=None, store=store)
        bounds = [opened[name].bound(request) for name in p.agents]
        if any(bound is None for bound in bounds):
            return None
        calls = (options.drafts or 1) * (1 + (options.repairs if options.repairs is not None else 2))
        known = [bound for bound in bounds if bound is not None]
        total += calls * (sum(known) if options.wanted_all else max(known))
    return total


# --- the run ---


def carry_out(desk: Desk, plan: Plan, options: RunOptions, told: Callable[[Rested, RunResult], None]) -> RunResult:
    """Does what was planned; `told` hears of each task at rest. Safe to stop at any time and to run again."""
    runs.recover(desk.ledger)
    with runs.Run(desk.ledger, options.max_cost) as run:
        result = RunResult(run.id)

        def rested(end: Rested) -> None:
            _count(result, end)
            told(end, result)

        collector = Collector(desk, run, options, rested)
        gc.freeze()
        asyncio.run(collector.dispatch(_opened(desk, plan, options)))
        with desk.ledger.reading() as tx:
            result.spent = runs.get_spent(tx, run.id)
    result.codes = collector.codes
    result.stopped = collector.stopped
    result.over_budget = collector.over_budget
    return result


def _opened(desk: Desk, plan: Plan, options: RunOptions) -> Iterator[int]:
    """The tasks, each with its round written before anything is done on it."""
    for start in range(0, len(plan.tasks), 64):
        group = plan.tasks[start : start + 64]
        with desk.ledger.writing() as tx:
            ready = [p.task.id for p in group if _open(tx, p, options)]
        yield from ready


def _open(tx: Tx, planned: Planned, options: RunOptions) -> bool:
    """False where somebody else has taken or ended the task since it was planned."""
    task = tasks.get_task_by_id(tx, planned.task.id)
    if task.state in ("signed", "cancelled", "blocked"):
        return False
    if planned.new_round:
        before = rounds.find_open_round(tx, task.id)
        if before is not None and rounds.list_leases(tx, before.id):
            return False
        rounds.open_round(
            tx, task, agents=planned.agents, wanted="all" if options.wanted_all else "first",
            drafts=options.drafts or 1, repairs=options.repairs if options.repairs is not None else 2,
            max_cost_each=options.max_cost_each,
        )  # fmt: skip
    if task.state in ("failed", "review") and planned.new_round:
        tasks.set_state(tx, task.id, "ready")
    return True


def _count(result: RunResult, end: Rested) -> None:

    result.done += 1
    if isinstance(end.end, Review):
        gated = any(verdict.gates for verdict in end.verdicts)
        result.passed += not gated and end.end.why != "yours to write"
        result.need_you += gated or end.end.why == "yours to write"
    elif isinstance(end.end, Done):
        result.failed += end.end.why == "failed"
    else:
        result.waiting += 1
    notable = not isinstance(end.end, Review) or any(v.gates for v in end.verdicts) or end.end.why == "yours to write"
    if notable and len(result.wants) < 100:
        result.wants.append(end)


def resolve_default(setting: str) -> tuple[str, ...]:
    """The chain of the settings. Raises UsageError for an empty one."""
    chain = tuple(name.strip() for name in setting.split(",") if name.strip())
    if not chain:
        raise UsageError("no agent is named", "-a AGENT, or gigctl config set agent NAME")
    return chain
