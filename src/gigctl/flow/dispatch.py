"""A dispatch, in the order in which it happens: what is next, the intent, the call, what came of it, the checks.

The collector is the one that writes the ledger while a run lives. Everything that it knows it reads from there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from gigctl.agents.base import Agent, AgentError
from gigctl.agents.registry import agent_version_hash, open_agent
from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.registry import get_craft
from gigctl.errors import ConfigError, GigctlError
from gigctl.flow import asking, checking, work
from gigctl.flow.current import settle_current
from gigctl.flow.desk import Desk
from gigctl.flow.facts import Situation, load_situation
from gigctl.flow.pool import Pool, Writer
from gigctl.flow.steps import STOPPED, Assess, Attempt, Done, Review, Step, Wait, next_steps
from gigctl.ledger import attempts, gigs, limits, revisions, rounds, tasks
from gigctl.ledger.attempts import NoRoom, Settlement
from gigctl.ledger.runs import Run
from gigctl.ledger.store import Tx
from gigctl.model import AgentEntry, Content, Draft, Request, Verdict
from gigctl.records import TaskRecord

__all__ = ["Collector", "Rested", "RunOptions"]

PAUSE_SECONDS = 1.0
"""Before an agent is asked again: doubled with each try, and spread so that many do not come back at once."""
LONGEST_PAUSE = 60.0
PATIENCE_SECONDS = 120.0
"""How long a `retry-after` or a rate limit is waited out, before the task is left for later."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `run` was asked for beside which tasks. Money is in picodollars."""

    agents: tuple[str, ...] | None = None
    wanted_all: bool = False
    drafts: int | None = None
    repairs: int | None = None
    jobs: int | None = None
    max_cost: int | None = None
    max_cost_each: int | None = None
    fresh: bool = False
    retry_failed: bool = False
    retry_unknown: bool = False
    unsafe_no_sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Rested:
    """A task on which a run has nothing more to do: what it waits for, and what a person should know of it."""

    ref: str
    end: Step
    verdicts: tuple[Verdict, ...] = ()
    reason: str = ""
    spent: int = 0


@dataclass(frozen=True, slots=True)
class _Begun:
    attempt: int


@dataclass(frozen=True, slots=True)
class _Later:
    """Not now: again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class _Lost:
    """Somebody else has the slot."""


@dataclass
class Collector:
    """Drives tasks until nothing is left to do on them. `told` hears of each task that has come to rest."""

    desk: Desk
    run: Run
    options: RunOptions
    told: Callable[[Rested], None]
    codes: set[int] = field(default_factory=set)
    stopped: dict[str, str] = field(default_factory=dict)  # agent → why this run can't use it any more
    over_budget: str = ""

    def __post_init__(self) -> None:
        self._writer = Writer(self.desk.ledger)
        self._agents: dict[str, Agent] = {}
        self._versions: dict[str, int] = {}
        self._stack = AsyncExitStack()
        self._pool: Pool[int] = Pool(self.options.jobs or 1, self._drive)

    async def dispatch(self, task_ids: Iterable[int]) -> None:
        """Until all tasks are at rest, or the user stops it."""
        async with self._stack:
            await self._pool.run(task_ids)
            self._writer.flush()
        if self._pool.stopping.is_set() and not self.over_budget:
            self.codes.add(130)

    # --- one task ---

    async def _drive(self, task_id: int) -> None:
        """Takes a task's steps until none is left that a run can take."""
        reason = ""
        while not self._pool.stopping.is_set():
            situation = self._look(task_id)
            steps = next_steps(situation.task_facts, situation.round_facts)
            step = steps[0]
            if isinstance(step, Assess):
                await self._assess(situation, step)
            elif isinstance(step, Attempt):
                reason = await self._attempt(situation, step)
                if reason.startswith("budget"):
                    await self._rest(situation, Wait("later"), reason)
                    return
            else:
                await self._rest(situation, step, reason)
                return

    def _look(self, task_id: int) -> Situation:
        with self.desk.ledger.reading() as tx:
            return load_situation(
                tx, task_id, run=self.run.id, stopped=frozenset(self.stopped),
                retry_unknown=self.options.retry_unknown,
            )  # fmt: skip

    async def _rest(self, situation: Situation, end: Step, reason: str) -> None:
        """Writes the state in which the task waits, and tells."""
        task = situation.task
        spent, verdicts = await self._writer.commit(lambda tx: _put_to_rest(tx, task, end, self.run.id))
        self._count(end, verdicts)
        self.told(Rested(task.ref, end, verdicts, reason, spent))

    def _count(self, end: Step, verdicts: tuple[Verdict, ...]) -> None:
        if isinstance(end, Review) and any(verdict.gates for verdict in verdicts):
            self.codes.add(1)
        elif isinstance(end, Done) and end.why == "failed":
            self.codes.add(4)
        elif isinstance(end, Wait) and end.why in ("unknown", "later"):
            self.codes.add(75)
        elif isinstance(end, Wait) and end.why == "stopped":
            self.codes.add(4)

    # --- one call ---

    async def _attempt(self, situation: Situation, step: Attempt) -> str:
        """One call and what came of it, in the ledger; a word of what went wrong, for the person."""
        try:
            agent = await self._open(step.agent)
        except ConfigError as error:
            self.stopped[step.agent] = error.message
            self.codes.add(error.exit_code)
            return error.message
        with self.desk.ledger.reading() as tx:
            request = self._request(tx, situation, step)
        if step.again and step.tries:
            await self._pool.pause(_pause(step.tries))
        begun = await self._begin(situation, step, agent, request)
        if isinstance(begun, str):
            return begun
        if not isinstance(begun, _Begun):
            return ""
        return await self._call(situation.task, begun.attempt, agent, request)

    async def _open(self, name: str) -> Agent:
        if name not in self._agents:
            entry = self._entry(name)
            agent = open_agent(entry, environ=self.desk.environ, unsafe_no_sandbox=self.options.unsafe_no_sandbox)
            await self._stack.enter_async_context(agent)
            self._agents[name] = agent
        return self._agents[name]

    def _entry(self, name: str) -> AgentEntry:
        entry = self.desk.agents.get(name)
        if entry is None:
            raise ConfigError(f'there is no agent "{name}"', "gigctl agent list")
        return entry

    def _request(self, tx: Tx, situation: Situation, step: Attempt) -> Request:
        assert situation.round is not None  # noqa: S101
        gig = gigs.get_gig_by_id(tx, situation.task.gig_id)
        slot = situation.round.slots.index(step.slot) + 1
        mends = situation.attempts.get(step.mends) if step.mends is not None else None
        store = self._store(situation.task)
        return asking.build_request(tx, gig, situation.task, situation.round, slot=slot, mends=mends, store=store)

    def _store(self, task: TaskRecord) -> Path | None:
        return self.desk.store if task.input_base is not None else None

    async def _begin(self, situation: Situation, step: Attempt, agent: Agent, request: Request) -> _Begun | _Lost | str:
        """The intent, once limits and money allow it; or why there is none."""
        bound = agent.bound(request)
        patience = time.monotonic() + PATIENCE_SECONDS
        tokens = request.prompt_bytes // 4 + request.max_output
        while not self._pool.stopping.is_set():
            found = await self._writer.commit(
                lambda tx: self._claim(tx, situation, step, agent.entry, request, bound, tokens)
            )
            if isinstance(found, NoRoom):
                if not found.wait:
                    return self._out_of_budget(found)
                found = _Later(0.1)
            if not isinstance(found, _Later):
                return found
            if time.monotonic() + found.seconds > patience:
                return f"{step.agent} asks to wait {found.seconds:.0f} s"
            await self._pool.pause(min(found.seconds, 5.0))
        return _Lost()

    def _claim(
        self, tx: Tx, situation: Situation, step: Attempt, entry: AgentEntry, request: Request, bound: int | None,
        tokens: int,
    ) -> _Begun | _Later | _Lost | NoRoom:  # fmt: skip
        """In one transaction: the slot, the agent's limits, the money, the intent."""
        task = situation.task
        if not rounds.claim_slot(tx, step.slot, self.run.id):
            return _Lost()
        no_room = attempts.find_no_room(tx, run=self.run.id, task=task, slot=step.slot, amount=bound)
        if no_room is not None:
            return no_room
        wait = limits.take_turn(tx, entry, int(self.desk.now().timestamp() * 1e6), tokens)
        if wait > 0:
            return _Later(wait)
        sha = attempts.put_request(tx, tasks.owner_of(task), request)
        attempt = attempts.begin_attempt(
            tx, task, run=self.run.id, slot=step.slot, agent=entry.name, version=self._version(tx, entry), request=sha,
            reserved=bound, sample=request.sample, mends=step.mends,
        )  # fmt: skip
        return _Begun(attempt)

    def _version(self, tx: Tx, entry: AgentEntry) -> int:
        if entry.name not in self._versions:
            self._versions[entry.name] = attempts.put_agent_version(tx, entry.name, agent_version_hash(entry))
        return self._versions[entry.name]

    def _out_of_budget(self, found: NoRoom) -> str:
        named = {"run": "--max-cost", "task": "--max-cost-each", "gig": "the gig's budget"}[found.cap]
        unpriced = "the agent's price is unknown, and that fits under no cap"
        self.over_budget = f"{named} is reached" if found.needed is not None else f"{named}: {unpriced}"
        self.codes.add(5)
        if found.cap == "run":
            self._pool.stopping.set()
        return f"budget: {self.over_budget}"

    async def _call(self, task: TaskRecord, attempt: int, agent: Agent, request: Request) -> str:
        base = task.input_base
        store = self._store(task)
        begun = time.monotonic()
        try:
            draft = await work.attempt(request, agent, store=store, base=base)
        except AgentError as error:
            return await self._settle_failure(task, attempt, agent, error, time.monotonic() - begun)
        except GigctlError as error:
            broken = AgentError("unavailable", error.message, sent=False, cost=0)
            return await self._settle_failure(task, attempt, agent, broken, time.monotonic() - begun)
        return await self._settle_draft(task, attempt, agent, draft, request)

    async def _settle_failure(
        self, task: TaskRecord, attempt: int, agent: Agent, error: AgentError, seconds: float
    ) -> str:
        """By the design's table: released, settled by usage or bound, or unknown."""
        name = agent.entry.name
        if error.kind in STOPPED:
            self.stopped[name] = error.message

        def change(tx: Tx) -> bool:
            if error.retry_after is not None:
                until = self.desk.now().timestamp() + min(error.retry_after, 24 * 3600.0)
                limits.hold_back(tx, name, int(until * 1e6))
            outcome = "unknown" if error.unknown else error.kind
            reserved = attempts.get_reserved(tx, attempt)
            cost = None if error.unknown else _cost(error, reserved)
            end = Settlement(outcome, cost, error.usage, error.model, seconds, error.message, error.content or None)
            return attempts.settle_attempt(tx, attempt, tasks.owner_of(task), end)

        self._stop_if(await self._writer.commit(change), name)
        return f"{name}: {error.kind.replace('_', ' ')}: {error.message}"

    async def _settle_draft(self, task: TaskRecord, attempt: int, agent: Agent, draft: Draft, request: Request) -> str:
        """The answer with its cost, and the revision that it is; an answer that can't be read is malformed."""
        content: Content | None = None
        reason = ""
        try:
            with self.desk.ledger.reading() as tx:
                gig = gigs.get_gig_by_id(tx, task.gig_id)
                seen = asking.craft_task(tx, gig, task, self._store(task))
            content = get_craft(task.craft).read(seen, draft)
        except MalformedAnswer as error:
            reason = str(error)

        def change(tx: Tx) -> bool:
            reserved = attempts.get_reserved(tx, attempt)
            cost = draft.cost if draft.cost is not None else reserved
            outcome = "malformed" if content is None else "draft"
            end = Settlement(
                outcome, cost, draft.usage, draft.model, draft.seconds, reason or draft.detail, draft.content
            )
            over = attempts.settle_attempt(tx, attempt, tasks.owner_of(task), end)
            if content is not None:
                _add_draft(tx, task.id, attempt, content)
            return over

        self._stop_if(await self._writer.commit(change), agent.entry.name)
        return f"{agent.entry.name}: malformed: {reason}" if reason else ""

    def _stop_if(self, over: bool, name: str) -> None:
        """A call that cost more than it could: nothing more is begun with money that is not there."""
        if over:
            self.over_budget = f"a call of {name} cost more than the most it could cost: look at its price and limits"
            self.codes.add(5)
            self._pool.stopping.set()

    # --- checks ---

    async def _assess(self, situation: Situation, step: Assess) -> None:
        task = situation.task
        with self.desk.ledger.reading() as tx:
            unsafe = self.options.unsafe_no_sandbox
            question = checking.load_question(tx, task, step.revision, unsafe_no_sandbox=unsafe)
        verdicts = await checking.check_revision(question, store=self.desk.store)
        await self._writer.commit(lambda tx: checking.record_verdicts(tx, task.id, step.revision, verdicts))


def _cost(error: AgentError, reserved: int | None) -> int | None:
    return error.cost if error.cost is not None else reserved


def _pause(tries: int) -> float:
    """Exponential, with full jitter above half (M. Brooker, "Exponential Backoff And Jitter", 2015)."""
    longest = min(PAUSE_SECONDS * 2 ** (tries - 1), LONGEST_PAUSE)
    return float(longest * random.uniform(0.5, 1.0))  # noqa: S311


def _add_draft(tx: Tx, task_id: int, attempt: int, content: Content) -> None:
    task = tasks.get_task_by_id(tx, task_id)
    parent = attempts.find_mended_revision(tx, attempt, task_id)
    revision = revisions.add_revision(tx, task, content, made_by="agent", attempt=attempt, parent=parent)
    settle_current(tx, task, revision)


def _put_to_rest(tx: Tx, task: TaskRecord, end: Step, run: int) -> tuple[int, tuple[Verdict, ...]]:
    """The state in which the task waits; what it cost so far, and what its current revision's checks said."""
    rounds.release_slots(tx, task.id, run)
    now = tasks.get_task_by_id(tx, task.id)
    elsewhere = isinstance(end, Wait) and end.why in ("blocked", "leased")
    if now.state in ("ready", "review", "failed") and not elsewhere:
        if isinstance(end, Review) or now.current_id is not None:
            tasks.set_state(tx, task.id, "review")
        elif isinstance(end, Done) and end.why == "failed":
            tasks.set_state(tx, task.id, "failed")
    verdicts = revisions.list_verdicts(tx, now.current_id) if now.current_id is not None else None
    return attempts.cost_of_task(tx, task.id), verdicts or ()
