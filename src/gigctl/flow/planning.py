"""What a run would do with a task, by whom, and the most that it can cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from gigctl.agents.base import Agent
from gigctl.agents.registry import open_agent
from gigctl.crafts.registry import get_craft
from gigctl.flow import asking
from gigctl.flow.desk import Desk
from gigctl.flow.facts import Situation, fresh_situation, load_situation
from gigctl.flow.runoptions import RunOptions
from gigctl.flow.steps import ASKS, YOURS, Assess, Attempt, Review, RoundFacts, Step, TaskFacts, Wait, next_steps
from gigctl.ledger import gigs, rounds, tasks
from gigctl.ledger.store import Tx
from gigctl.model import AgentEntry, AskContext, Part, Request, Task
from gigctl.records import ClientRecord, GigRecord, RoundRecord, TaskRecord

__all__ = ["Bounds", "Planned", "bound_of_all", "open_new", "open_planned", "plan_task"]

REDRAWN = 4
"""Drafts of a change that the embedded model is asked for, and one repair of the best: more tasks are solved than by a
draft and two repairs, in about as many tokens (docs/performance.md)."""
EVIDENCE_BYTES = 1024
"""About what the evidence of a failed check adds to a repair's prompt."""
DRAFT_BYTES = 4
"""Bytes of a token of a draft that goes along with a repair, about."""


class Planned(Struct, frozen=True):
    """A task that a run will work on, by which agents in turn (side by side where all drafts are wanted). `seen` is the
    id of the round that was open when it was planned."""

    task: TaskRecord
    agents: tuple[str, ...]
    new_round: bool
    seen: int | None = None


def plan_task(tx: Tx, task: TaskRecord, options: RunOptions, default: Sequence[str]) -> Planned | str:
    """What a run would do with a task, or why there is nothing to be done."""
    open_round = rounds.find_open_round(tx, task.id)
    step = next_steps(*_facts(tx, task, options))[0]
    why = _why_not(task, open_round, step, options)
    if why:
        return why
    new = open_round is None or _wants_new(task, open_round, step, options)
    asked_before = open_round.agents if open_round is not None and not new else task.agents
    agents = tuple((options.agents if new else None) or asked_before or default)
    return Planned(task, agents, new, open_round.id if open_round else None)


def _facts(tx: Tx, task: TaskRecord, options: RunOptions) -> tuple[TaskFacts, RoundFacts | None]:
    found = load_situation(tx, task.id, retry_unknown=options.retry_unknown)
    return TaskFacts(found.task.state), found.round_facts


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
    goes_on = isinstance(step, (Attempt, Assess)) or step in (Wait("unknown"), Review(YOURS), Review(ASKS))
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


# --- its round ---


def open_planned(tx: Tx, planned: Planned, options: RunOptions) -> Situation | int:
    """Opens the round that was planned, unless somebody else has changed something since: then that is what counts."""
    task = tasks.get_task_by_id(tx, planned.task.id)
    now = rounds.find_open_round(tx, task.id)
    moved = task.state != planned.task.state or (now.id if now else None) != planned.seen
    if not planned.new_round or moved or (now is not None and rounds.list_leases(tx, now.id)):
        return task.id
    wish = _wish(task.craft, planned.agents, options)
    opened = rounds.open_round(
        tx, task, agents=planned.agents, wanted="all" if options.wanted_all else "first", drafts=wish.drafts,
        repairs=wish.repairs, max_cost_each=options.max_cost_each, fresh=options.fresh,
    )  # fmt: skip
    if task.state in ("failed", "review"):
        tasks.set_state(tx, task.id, "ready")
        task = replace(task, state="ready")
    return fresh_situation(task, opened)


def open_new(tx: Tx, task: TaskRecord, chain: Sequence[str], options: RunOptions, run: int | None = None) -> Situation:
    """Opens the first round of a task that was made in this transaction, with its slots leased to `run`."""
    drafts, repairs = _wish(task.craft, chain, options)
    wish = RoundRecord(0, 1, task.input_n, tuple(chain), "first", repairs, options.max_cost_each, True, options.fresh)
    return fresh_situation(task, rounds.add_round(tx, task, wish, drafts, run), leased=run is not None)


class _Wish(NamedTuple):
    drafts: int
    repairs: int


def _wish(craft: str, chain: Sequence[str], options: RunOptions) -> _Wish:
    """How many drafts of a task, and repairs of one of them, are asked for at most."""
    drafts, repairs = options.drafts, options.repairs
    is_free = drafts is None and repairs is None and not options.wanted_all
    if is_free and options.redrawn.issuperset(chain) and get_craft(craft).ON_TREE:
        return _Wish(REDRAWN, min(options.usual_repairs, 1))
    return _Wish(drafts or 1, options.usual_repairs if repairs is None else repairs)


# --- its cost ---


def bound_of_all(tx: Tx, desk: Desk, planned: Sequence[Planned], options: RunOptions) -> int | None:
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
    first = asking.build_request(tx, asking.load_view(tx, gig, p.task, store), round_, slot=1, mends=None)
    return _most(agents, first, _wish(p.task.craft, p.agents, options))


def _most(agents: Sequence[Agent], first: Request, wish: _Wish) -> int | None:
    """Each draft's question and the repairs, of which one draft has all, each paid to every agent."""
    mended = "x" * (DRAFT_BYTES * first.max_output + EVIDENCE_BYTES)
    repair = replace(first, parts=(*first.parts, Part("draft", mended)))
    bounds = [_sum(agent, first, repair, wish) for agent in agents]
    return None if None in bounds else sum(bound for bound in bounds if bound is not None)


def _sum(agent: Agent, first: Request, repair: Request, wish: _Wish) -> int | None:
    once, again = agent.bound(first), agent.bound(repair)
    return None if once is None or again is None else wish.drafts * once + wish.repairs * again


class Bounds:
    """The most that jobs which are in no ledger yet can cost, one by one."""

    def __init__(self, desk: Desk, chain: Sequence[str], options: RunOptions, client: ClientRecord) -> None:
        self.chain = tuple(chain)
        paid = [name for name in chain if not _is_free(desk.agents[name])]
        self._agents = [open_agent(desk.agents[name], environ=desk.environ) for name in paid]
        self._options = options
        self._context = AskContext(terms=asking.load_terms(client.glossary), style=client.style)

    def of(self, task: Task) -> int | None:
        """In picodollars; None where a price is unknown."""
        if not self._agents:
            return 0
        first = get_craft(task.craft).ask(task, self._context)
        return _most(self._agents, first, _wish(task.craft, self.chain, self._options))
