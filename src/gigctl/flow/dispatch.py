"""A dispatch, in the order in which it happens: what is next, the intent, the call, what came of it, the checks.

The collector is the one that writes the ledger while a run lives. Everything that it knows it reads from there.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from gigctl.agents.base import Agent, AgentError
from gigctl.agents.registry import agent_version_hash, open_agent
from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.registry import get_craft
from gigctl.errors import BudgetError, ConfigError, GigctlError, PolicyError
from gigctl.flow import asking, checking, policy, work
from gigctl.flow.desk import Desk
from gigctl.flow.facts import Situation, load_situation
from gigctl.flow.pool import GRACE_SECONDS, Pool, Writer
from gigctl.flow.resting import Rested, codes_of, find_reason, put_to_rest
from gigctl.flow.settling import settle_draft, settle_failure
from gigctl.flow.steps import STOPPED, Assess, Attempt, Step, Wait, next_steps
from gigctl.ledger import attempts, clients, gigs, limits, rounds, runs, tasks
from gigctl.ledger.attempts import NoRoom
from gigctl.ledger.runs import Run
from gigctl.ledger.store import Tx
from gigctl.model import AgentEntry, Content, Draft, Request
from gigctl.records import GigRecord, TaskRecord

__all__ = ["Collector", "Rested", "RunOptions", "Waits"]


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a run waits for what, in seconds."""

    pause: float = 1.0
    """Before an agent is asked again: doubled with each try, and spread so that many do not come back at once."""
    longest_pause: float = 60.0
    patience: float = 120.0
    """How long a `retry-after` is waited out. An agent that asks for more is out of this run's reach until then."""
    recovery: float = 5.0
    """How often who waits for room under a cap or a limit looks whether a dead run holds it."""
    grace: float = GRACE_SECONDS


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `run` was asked for beside which tasks. Money is in picodollars."""

    agents: tuple[str, ...] | None = None
    wanted_all: bool = False
    drafts: int | None = None
    repairs: int | None = None  # None: as the open round has it, in a new one as `usual_repairs`
    usual_repairs: int = 2
    jobs: int = 1
    max_cost: int | None = None
    max_cost_each: int | None = None
    fresh: bool = False
    retry_failed: bool = False
    retry_unknown: bool = False
    unsafe_no_sandbox: bool = False
    waits: Waits = Waits()


@dataclass(frozen=True, slots=True)
class _Later:
    """Not now: again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class _Lost:
    """The step is not what is next any more: another run took it, or something changed meanwhile."""


@dataclass
class Collector:
    """Drives tasks until nothing is left to do on them. `told` hears of each task that has come to rest, `stopping`
    of the first Ctrl-C."""

    desk: Desk
    run: Run
    options: RunOptions
    told: Callable[[Rested], None]
    stopping: Callable[[], None] = lambda: None
    codes: set[int] = field(default_factory=set)
    stopped: dict[str, str] = field(default_factory=dict)  # agent → why this run can't use it any more
    over_budget: str = ""

    def __post_init__(self) -> None:
        self._writer = Writer(self.desk.ledger)
        self._agents: dict[str, Agent] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._versions: dict[str, int] = {}
        self._gigs: dict[int, GigRecord] = {}
        self._held: dict[str, float] = {}  # agent → until when (monotonic)
        self._broke: dict[int, str] = {}  # task → the cap that it has reached
        self._all_broke = ""
        self._elsewhere: list[int] | None = []  # tasks that another run works on, to be looked at once more; None: now
        self._stack = AsyncExitStack()
        self._pool: Pool[int] = Pool(self.options.jobs, self._drive, self.stopping, self.options.waits.grace)

    async def dispatch(self, lanes: Iterable[Iterable[int]]) -> None:
        """Until all tasks are at rest, or the user stops it. Each lane of task ids has its own workers."""
        async with self._stack:
            await self._pool.run(lanes)
            again, self._elsewhere = self._elsewhere or [], None
            if again:
                await self._pool.run([again])
            self._writer.flush()
        if self._pool.interrupted:
            self.codes.add(130)

    # --- one task ---

    async def _drive(self, task_id: int) -> None:
        """Takes a task's steps until none is left that a run can take."""
        reason = ""
        while True:
            situation = self._look(task_id)
            steps = next_steps(situation.task_facts, situation.round_facts)
            if steps[0] == Wait("leased") and self._elsewhere is not None:
                self._elsewhere.append(task_id)
                return
            if not isinstance(steps[0], (Attempt, Assess)):
                await self._rest(situation, steps[0], self._broke.get(task_id) or self._all_broke or reason)
                return
            if self._pool.stopping.is_set():
                steps = [step for step in steps if isinstance(step, Assess)]
                if not steps:
                    return
            said = await self._pool.together(self._take(situation, step) for step in steps)
            reason = next(filter(None, said), "")

    def _look(self, task_id: int) -> Situation:
        with self.desk.ledger.reading() as tx:
            return self._situation(tx, task_id)

    def _situation(self, tx: Tx, task_id: int) -> Situation:
        now = time.monotonic()
        return load_situation(
            tx, task_id, run=self.run.id, stopped=self.stopped, retry_unknown=self.options.retry_unknown,
            held=[name for name, until in self._held.items() if until > now],
            broke=bool(self._all_broke) or task_id in self._broke,
        )  # fmt: skip

    async def _take(self, situation: Situation, step: Step) -> str:
        """A word of what went wrong, for the person; the empty string where nothing did."""
        if isinstance(step, Attempt):
            return await self._attempt(situation, step)
        assert isinstance(step, Assess)  # noqa: S101
        await self._assess(situation, step)
        return ""

    async def _rest(self, situation: Situation, end: Step, reason: str) -> None:
        """Writes the state in which the task waits, and tells."""
        task = situation.task
        if isinstance(end, Wait) and not reason:
            with self.desk.ledger.reading() as tx:
                reason = find_reason(tx, situation, end, self.run.id)
        spent, verdicts = await self._writer.commit(lambda tx: put_to_rest(tx, task, end, self.run.id))
        self.codes |= codes_of(end, verdicts)
        self.told(Rested(task.ref, end, verdicts, reason, spent))

    # --- one call ---

    async def _attempt(self, situation: Situation, step: Attempt) -> str:
        """One call and what came of it, in the ledger; a word of what went wrong."""
        try:
            agent = await self._open(step.agent)
            with self.desk.ledger.reading() as tx:
                request = self._request(tx, situation, step)
        except (AgentError, ConfigError, PolicyError) as error:
            return self._stop_agent(step.agent, error)
        if step.again and step.tries:
            await self._pool.pause(_pause(step.tries, self.options.waits))
        begun = await self._begin(situation, step, agent, request)
        if not isinstance(begun, int):
            return begun or ""
        return await self._call(situation.task, begun, agent, request)

    def _stop_agent(self, name: str, error: AgentError | GigctlError) -> str:
        """Not asked any more in this run."""
        self.stopped[name] = error.message
        if isinstance(error, GigctlError):
            self.codes.add(error.exit_code)
        return error.message

    async def _open(self, name: str) -> Agent:
        """Opened once, by whoever needs it first."""
        async with self._opening[name]:
            if name not in self._agents:
                entry = self._entry(name)
                unsafe = self.options.unsafe_no_sandbox
                agent = open_agent(entry, environ=self.desk.environ, unsafe_no_sandbox=unsafe)
                self._agents[name] = await self._stack.enter_async_context(agent)
        return self._agents[name]

    def _entry(self, name: str) -> AgentEntry:
        entry = self.desk.agents.get(name)
        if entry is None:
            raise ConfigError(f'there is no agent "{name}"', "gigctl agent list")
        return entry

    def _request(self, tx: Tx, situation: Situation, step: Attempt) -> Request:
        """Raises PolicyError: a round may be older than its client's wall."""
        assert situation.round is not None  # noqa: S101
        client = clients.get_client_by_id(tx, situation.task.client_id)
        policy.check_chain(client, (step.agent,), self.desk.agents)
        gig = self._gig(tx, situation.task)
        slot = situation.round.slots.index(step.slot) + 1
        mends = situation.attempts.get(step.mends) if step.mends is not None else None
        store = self._store(situation.task)
        return asking.build_request(tx, gig, situation.task, situation.round, slot=slot, mends=mends, store=store)

    def _gig(self, tx: Tx, task: TaskRecord) -> GigRecord:
        """As it was when the run first met it: it is read thrice a task, and may be long."""
        if task.gig_id not in self._gigs:
            self._gigs[task.gig_id] = gigs.get_gig_by_id(tx, task.gig_id)
        return self._gigs[task.gig_id]

    def _store(self, task: TaskRecord) -> Path | None:
        return self.desk.store if task.input_base is not None else None

    async def _begin(self, situation: Situation, step: Attempt, agent: Agent, request: Request) -> int | str | None:
        """The intent's id, once limits and money allow it; or why there is none (None: look again)."""
        bound = agent.bound(request)
        waits, looked = self.options.waits, time.monotonic()
        while not self._pool.stopping.is_set():
            found = await self._writer.commit(lambda tx: self._claim(tx, situation, step, agent.entry, request, bound))
            if isinstance(found, int):
                return found
            if isinstance(found, _Lost):
                return None
            if isinstance(found, NoRoom) and not found.wait:
                return self._out_of_budget(situation.task, found)
            seconds = found.seconds if isinstance(found, _Later) else 0.1
            if seconds > waits.patience:
                self._held[step.agent] = time.monotonic() + seconds
                return f"{step.agent} asks to be left alone for {seconds:.0f} s"
            if time.monotonic() - looked > waits.recovery:
                runs.recover(self.desk.ledger)
                looked = time.monotonic()
            await self._pool.pause(min(seconds, waits.recovery))
        return None

    def _claim(
        self, tx: Tx, situation: Situation, step: Attempt, entry: AgentEntry, request: Request, bound: int | None
    ) -> int | _Later | _Lost | NoRoom:
        """In one transaction: the slot, whether the step is still next, the money, the agent's limits, the intent."""
        task = situation.task
        if not rounds.claim_slot(tx, step.slot, self.run.id):
            return _Lost()
        now = self._situation(tx, task.id)
        if now.task.input_n != task.input_n or step not in next_steps(now.task_facts, now.round_facts):
            return _Lost()
        no_room = attempts.find_no_room(tx, run=self.run.id, task=task, slot=step.slot, amount=bound)
        if no_room is not None:
            return no_room
        tokens = request.prompt_bytes // 4 + request.max_output
        wait = limits.take_turn(tx, entry, int(self.desk.now().timestamp() * 1e6), tokens)
        if wait > 0:
            return _Later(wait)
        sha = attempts.put_request(tx, tasks.owner_of(task), request)
        return attempts.begin_attempt(
            tx, task, run=self.run.id, slot=step.slot, agent=entry.name, version=self._version(tx, entry), request=sha,
            reserved=bound, sample=request.sample, mends=step.mends,
        )  # fmt: skip

    def _version(self, tx: Tx, entry: AgentEntry) -> int:
        if entry.name not in self._versions:
            self._versions[entry.name] = attempts.put_agent_version(tx, entry.name, agent_version_hash(entry))
        return self._versions[entry.name]

    def _out_of_budget(self, task: TaskRecord, found: NoRoom) -> str:
        """What a task's or a gig's cap stops is that task; the run's stops all."""
        named = {"run": "--max-cost", "task": "--max-cost-each", "gig": "the gig's budget"}[found.cap]
        unpriced = "the agent's price is unknown, and that fits under no cap"
        self.over_budget = f"{named} is reached" if found.needed is not None else f"{named}: {unpriced}"
        self.codes.add(BudgetError.exit_code)
        if found.cap == "run":
            self._all_broke = self.over_budget
        else:
            self._broke[task.id] = self.over_budget
        return self.over_budget

    async def _call(self, task: TaskRecord, attempt: int, agent: Agent, request: Request) -> str:
        begun = time.monotonic()
        try:
            draft = await work.attempt(request, agent, store=self._store(task), base=task.input_base)
        except AgentError as error:
            return await self._settle_failure(task, attempt, agent, error, time.monotonic() - begun)
        except GigctlError as error:
            # The machine is not as the agent needs it: nothing was sent, and asking again changes nothing.
            self._stop_agent(agent.entry.name, error)
            broken = AgentError("unavailable", error.message, sent=False, cost=0)
            return await self._settle_failure(task, attempt, agent, broken, time.monotonic() - begun)
        return await self._settle_draft(task, attempt, agent, draft)

    async def _settle_failure(
        self, task: TaskRecord, attempt: int, agent: Agent, error: AgentError, seconds: float
    ) -> str:
        name = agent.entry.name
        if error.kind in STOPPED:
            self._stop_agent(name, error)
        now = self.desk.now().timestamp()
        over = await self._writer.commit(lambda tx: settle_failure(tx, task, attempt, name, error, seconds, now))
        self._stop_if(over, name)
        return f"{name}: {error.kind.replace('_', ' ')}: {error.message}"

    async def _settle_draft(self, task: TaskRecord, attempt: int, agent: Agent, draft: Draft) -> str:
        """The answer with its cost, and the revision that it is; an answer that can't be read is malformed."""
        content, reason = self._read(task, draft)
        over = await self._writer.commit(lambda tx: settle_draft(tx, task, attempt, draft, content, reason))
        self._stop_if(over, agent.entry.name)
        return f"{agent.entry.name}: malformed: {reason}" if reason else ""

    def _read(self, task: TaskRecord, draft: Draft) -> tuple[Content | None, str]:
        """The content of an answer, or why it has none."""
        with self.desk.ledger.reading() as tx:
            seen = asking.craft_task(tx, self._gig(tx, task), task, self._store(task))
        try:
            return get_craft(task.craft).read(seen, draft), ""
        except MalformedAnswer as error:
            return None, str(error)

    def _stop_if(self, over: bool, name: str) -> None:
        """A call that cost more than it could: nothing more is begun with money that is not there."""
        if over:
            self.over_budget = f"a call of {name} cost more than the most it could cost: look at its price and limits"
            self.codes.add(BudgetError.exit_code)
            self._all_broke = self.over_budget

    # --- checks ---

    async def _assess(self, situation: Situation, step: Assess) -> None:
        task = situation.task
        with self.desk.ledger.reading() as tx:
            unsafe = self.options.unsafe_no_sandbox
            gig = self._gig(tx, task)
            question = checking.load_question(tx, gig, task, step.revision, unsafe_no_sandbox=unsafe)
        verdicts = await checking.check_revision(question, store=self.desk.store)
        await self._writer.commit(lambda tx: checking.record_verdicts(tx, task.id, step.revision, verdicts))


def _pause(tries: int, waits: Waits) -> float:
    """Exponential, with full jitter above half (M. Brooker, "Exponential Backoff And Jitter", 2015)."""
    longest = min(waits.pause * 2 ** (tries - 1), waits.longest_pause)
    return float(longest * random.uniform(0.5, 1.0))  # noqa: S311
