"""A dispatch, in the order in which it happens: what is next, the intent, the call, what came of it, the checks.

The collector is the one that writes the ledger while a run lives. Everything that it knows it reads from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from gigctl.agents.base import Agent, AgentError
from gigctl.agents.registry import agent_version_hash, open_agent
from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.registry import get_craft
from gigctl.errors import (
    BudgetError,
    ConfigError,
    GigctlError,
    PolicyError,
)
from gigctl.flow import asking, checking, policy, work
from gigctl.flow.asking import View
from gigctl.flow.desk import Desk
from gigctl.flow.facts import Situation, load_situation, with_draft
from gigctl.flow.pool import GRACE_SECONDS, Pool, Writer
from gigctl.flow.resting import Made, Rested, codes_of, find_reason, put_to_rest, write_rest
from gigctl.flow.settling import Settled, settle_draft, settle_failure
from gigctl.flow.steps import (
    STOPPED,
    Assess,
    Attempt,
    AttemptFact,
    RoundFacts,
    Step,
    TaskFacts,
    VerdictFact,
    Wait,
    next_steps,
)
from gigctl.ledger import attempts, clients, gigs, limits, revisions, rounds, runs, tasks
from gigctl.ledger.attempts import KeptAnswer, NoRoom
from gigctl.ledger.runs import Run
from gigctl.ledger.store import Tx
from gigctl.model import AgentEntry, Content, Draft, Request, Task, Verdict
from gigctl.records import GigRecord, TaskRecord

__all__ = ["Collector", "Fresh", "Opened", "Opening", "Rested", "RunOptions", "Waits"]


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
    """Not now: again in so many seconds, or when the flight of the very same question has ended."""

    seconds: float
    flight: _Key | None = None


@dataclass(frozen=True, slots=True)
class _Lost:
    """The step is not what is next any more: another run took it, or something changed meanwhile."""


_Key = tuple[int, int, str, int]
"""Client, agent version, request and sample: what an answer is kept under."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """A question whose intent is in the ledger: to be put to the agent, unless the ledger had the answer."""

    situation: Situation
    step: Attempt
    view: View
    agent: Agent
    request: Request
    attempt: int
    reserved: int | None
    key: _Key
    served: str | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """A task that was made in this transaction, and how its agents and checks see it."""

    situation: Situation
    view: View


Opened = Situation | Fresh | int | Callable[[], None]
Opening = Callable[[Tx], Opened]
"""Opens, in the ledger, what is to be done: the task as it stands, or its id; or what is to be told, once that is on
disk, where there is nothing to do."""


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
        self._calls: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(self.options.jobs))
        self._flights: dict[_Key, asyncio.Event] = {}
        self._unsent: set[int] = set()  # attempts that were begun, and wait for their turn
        self._not_before: dict[str, float] = {}  # agent → what its last `retry-after` asked for (monotonic)
        self._versions: dict[str, int] = {}
        self._gigs: dict[int, GigRecord] = {}
        self._failing: set[str] = set()  # agents that failed lately: whose next answer ends that
        self._held: dict[str, float] = {}  # agent → until when (monotonic)
        self._broke: dict[int, str] = {}  # task → the cap that it has reached
        self._all_broke = ""
        self._elsewhere: list[int] | None = []  # tasks that another run works on, to be looked at once more; None: now
        self._stack = AsyncExitStack()
        self._pool: Pool[Opening] = Pool(self.options.jobs, self._drive, self.stopping, self.options.waits.grace)

    @property
    def writer(self) -> Writer:
        return self._writer

    @property
    def is_stopping(self) -> bool:
        return self._pool.stopping.is_set()

    async def dispatch(self, lanes: Mapping[str, AsyncIterator[Opening]]) -> None:
        """Until all tasks are at rest, or the user stops it. Each lane, by who is asked first, has workers of its
        own."""
        async with self._stack:
            for name in lanes:
                await self._prepare(name)
            try:
                await self._pool.run(lanes.values())
                again, self._elsewhere = self._elsewhere or [], None
                if again:
                    await self._pool.run([_reopened(again)])
            finally:
                self._writer.flush()
                self._release_unsent()
        if self._pool.interrupted:
            self.codes.add(130)

    def _release_unsent(self) -> None:
        """What an abandoned run had begun and never sent."""
        if self._unsent:
            with self.desk.ledger.writing() as tx:
                for attempt in self._unsent:
                    attempts.release_attempt(tx, attempt)

    # --- one task ---

    async def _drive(self, opening: Opening) -> None:
        """Takes a task's steps until none is left that a run can take."""
        found = await self._writer.commit(lambda tx: self._open_task(tx, opening))
        if not isinstance(found, (_Ask, Situation)):
            found()
            return
        ask, situation = (found, found.situation) if isinstance(found, _Ask) else (None, found)
        reason = ""
        while True:
            if ask is None:
                steps = self._steps(situation)
                if steps[0] == Wait("leased") and self._elsewhere is not None:
                    self._elsewhere.append(situation.task.id)
                    return
                if not isinstance(steps[0], (Attempt, Assess)):
                    await self._rest(
                        situation, steps[0], self._broke.get(situation.task.id) or self._all_broke or reason
                    )
                    return
                if self.is_stopping:
                    steps = [step for step in steps if isinstance(step, Assess)]
                    if not steps:
                        return
                said = await self._pool.together(self._take(situation, step) for step in steps)
                reason = next(filter(None, said), "")
            else:
                said_one, rested = await self._ask(ask)
                if rested is not None:
                    self._tell(rested)
                    return
                ask, reason = None, said_one
            situation = self._look(situation.task.id)

    def _open_task(self, tx: Tx, opening: Opening) -> _Ask | Situation | Callable[[], None]:
        """In one transaction: what is to be done, and where that is a first call of an agent that is there, its intent.

        Whatever else comes next is found out in peace.
        """
        opened = opening(tx)
        view = opened.view if isinstance(opened, Fresh) else None
        opened = opened.situation if isinstance(opened, Fresh) else opened
        if not isinstance(opened, (int, Situation)):
            return opened
        situation = self._situation(tx, opened) if isinstance(opened, int) else opened
        steps = self._steps(situation)
        step = steps[0]
        if len(steps) > 1 or not isinstance(step, Attempt) or step.tries or step.mends is not None:
            return situation
        agent = self._agents.get(step.agent)
        if agent is None or situation.task.input_base is not None or self.is_stopping:
            return situation
        try:
            view = view or self._view(tx, situation.task)
            found = self._claim(tx, situation, step, agent, view, self._request(tx, situation, step, view))
        except (AgentError, PolicyError):
            return situation
        return found if isinstance(found, _Ask) else situation

    def _look(self, task_id: int) -> Situation:
        with self.desk.ledger.reading() as tx:
            return self._situation(tx, task_id)

    def _situation(self, tx: Tx, task_id: int) -> Situation:
        return load_situation(tx, task_id, run=self.run.id, retry_unknown=self.options.retry_unknown)

    def _steps(self, situation: Situation, known: RoundFacts | None = None) -> list[Step]:
        """`known`: the round's facts where they are newer than the situation."""
        now = time.monotonic()
        held = [name for name, until in self._held.items() if until > now]
        broke = bool(self._all_broke) or situation.task.id in self._broke
        facts = TaskFacts(situation.task.state, frozenset(self.stopped), frozenset(held), broke)
        return next_steps(facts, known or situation.round_facts)

    async def _take(self, situation: Situation, step: Step) -> str:
        """A word of what went wrong, for the person; the empty string where nothing did."""
        if isinstance(step, Attempt):
            begun = await self._begin(situation, step)
            return begun if isinstance(begun, str) else (await self._ask(begun, alone=False))[0]
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
        self._tell(Rested(task.ref, end, verdicts, reason, spent, task.id))

    def _tell(self, rested: Rested) -> None:
        self.codes |= codes_of(rested.end, rested.verdicts)
        self.told(rested)

    # --- before a call ---

    async def _prepare(self, name: str) -> None:
        """Opens an agent ahead of its first task; whoever needs it then hears what stands in the way."""
        try:
            await self._open(name)
        except (AgentError, GigctlError):
            return

    async def _open(self, name: str) -> Agent:
        """Opened once, by whoever needs it first."""
        async with self._opening[name]:
            if name not in self._agents:
                entry = self._entry(name)
                unsafe = self.options.unsafe_no_sandbox
                agent = open_agent(entry, environ=self.desk.environ, unsafe_no_sandbox=unsafe)
                opened = await self._stack.enter_async_context(agent)
                # In a transaction of its own: a claim may be undone, and what was remembered of it would be wrong.
                with self.desk.ledger.writing() as tx:
                    self._versions[name] = attempts.put_agent_version(tx, name, agent_version_hash(entry))
                    if limits.is_failing(tx, name):
                        self._failing.add(name)
                self._agents[name] = opened
        return self._agents[name]

    def _entry(self, name: str) -> AgentEntry:
        entry = self.desk.agents.get(name)
        if entry is None:
            raise ConfigError(f'there is no agent "{name}"', "gigctl agent list")
        return entry

    def _stop_agent(self, name: str, error: AgentError | GigctlError) -> str:
        """Not asked any more in this run."""
        self.stopped[name] = error.message
        if isinstance(error, GigctlError):
            self.codes.add(error.exit_code)
        return error.message

    def _view(self, tx: Tx, task: TaskRecord) -> View:
        return asking.load_view(tx, self._gig(tx, task), task, self._store(task))

    def _request(self, tx: Tx, situation: Situation, step: Attempt, view: View) -> Request:
        """Raises PolicyError: a round may be older than its client's wall."""
        assert situation.round is not None  # noqa: S101
        client, now = view.client, clients.get_policy(tx, view.client.id)
        client = client if client.policy == now else replace(client, policy=now)
        policy.check_chain(client, (step.agent,), self.desk.agents)
        slot = situation.round.slots.index(step.slot) + 1
        mends = situation.attempts.get(step.mends) if step.mends is not None else None
        return asking.build_request(tx, view, situation.round, slot=slot, mends=mends)

    def _gig(self, tx: Tx, task: TaskRecord) -> GigRecord:
        """As it was when the run first met it: it is read thrice a task, and may be long."""
        if task.gig_id not in self._gigs:
            self._gigs[task.gig_id] = gigs.get_gig_by_id(tx, task.gig_id)
        return self._gigs[task.gig_id]

    def _store(self, task: TaskRecord) -> Path | None:
        return self.desk.store if task.input_base is not None else None

    async def _begin(self, situation: Situation, step: Attempt) -> _Ask | str:
        """The question with its intent, once limits and money allow it; or why there is none (the empty string: look
        again)."""
        try:
            agent = await self._open(step.agent)
            with self.desk.ledger.reading() as tx:
                view = self._view(tx, situation.task)
                request = self._request(tx, situation, step, view)
        except (AgentError, ConfigError, PolicyError) as error:
            return self._stop_agent(step.agent, error)
        if step.again and step.tries:
            await self._pool.pause(_pause(step.tries, self.options.waits))
        looked = time.monotonic()
        while not self.is_stopping:
            found = await self._writer.commit(
                lambda tx: self._claim(tx, situation, step, agent, view, request, afresh=True)
            )
            if isinstance(found, _Ask):
                return found
            if isinstance(found, _Lost):
                return ""
            if isinstance(found, NoRoom) and not found.wait:
                return self._out_of_budget(situation.task, found)
            later = found if isinstance(found, _Later) else _Later(0.1)
            if later.seconds > self.options.waits.patience:
                self._held[step.agent] = time.monotonic() + later.seconds
                return f"{step.agent} asks to be left alone for {later.seconds:.0f} s"
            if time.monotonic() - looked > self.options.waits.recovery:
                runs.recover(self.desk.ledger)
                looked = time.monotonic()
            await self._wait(later)
        return ""

    async def _wait(self, later: _Later) -> None:
        flight = self._flights.get(later.flight) if later.flight else None
        seconds = min(later.seconds, self.options.waits.recovery)
        if flight is None:
            await self._pool.pause(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.options.waits.recovery):
                await flight.wait()

    def _claim(
        self, tx: Tx, situation: Situation, step: Attempt, agent: Agent, view: View, request: Request, *,
        afresh: bool = False,
    ) -> _Ask | _Later | _Lost | NoRoom:  # fmt: skip
        """In one transaction: the slot, whether the step is still next, an answer that is there, the money, the agent's
        limits, the intent. `afresh`: the situation was read in another one."""
        task, entry, bound = situation.task, agent.entry, agent.bound(request)
        if not (situation.leased and not afresh) and not rounds.claim_slot(tx, step.slot, self.run.id):
            return _Lost()
        if afresh:
            now = self._situation(tx, task.id)
            if now.task.input_n != task.input_n or step not in self._steps(now):
                return _Lost()
        sha = attempts.put_request(tx, tasks.owner_of(task), request)
        key = (task.client_id, self._versions[entry.name], sha, request.sample)
        answer = self._find_answer(tx, situation, entry, key)
        if isinstance(answer, _Later):
            return answer
        if answer is None:
            no_room = attempts.find_no_room(tx, run=self.run.id, task=task, slot=step.slot, amount=bound)
            if no_room is not None:
                return no_room
            tokens = request.prompt_bytes // 4 + request.max_output
            wait = limits.take_turn(tx, entry, int(self.desk.now().timestamp() * 1e6), tokens)
            if wait > 0:
                self._failing.add(entry.name)  # another process may have found it so
                return _Later(wait)
        attempt = attempts.begin_attempt(
            tx, task, run=self.run.id, slot=step.slot, agent=entry.name, version=key[1], request=sha,
            reserved=bound if answer is None else 0, sample=request.sample, mends=step.mends,
            cached_from=answer.attempt if answer else None,
        )  # fmt: skip
        if answer is None:
            self._flights[key] = asyncio.Event()
        reserved = bound if answer is None else 0
        served = answer.text if answer else None
        return _Ask(situation, step, view, agent, request, attempt, reserved, key, served)

    def _find_answer(self, tx: Tx, situation: Situation, entry: AgentEntry, key: _Key) -> KeptAnswer | _Later | None:
        """An answer to the very same question that the ledger has, or soon will; None where it has to be asked."""
        assert situation.round is not None  # noqa: S101
        if situation.round.fresh or situation.task.input_base is not None or entry.kind not in KEPT:
            return None
        asked = attempts.find_asked(tx, *key)
        if asked == "in flight":
            return _Later(0.05, key)
        if asked is None:
            return None
        return attempts.find_answer(tx, situation.task.id, situation.task.input_n, *key)

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

    # --- one call ---

    async def _ask(self, ask: _Ask, *, alone: bool = True) -> tuple[str, Rested | None]:
        """One call and what came of it, in the ledger: a word of what went wrong, and the task at rest where (being
        asked `alone`) it needs nothing more."""
        try:
            if ask.served is not None:
                return await self._settle_draft(ask, Draft(ask.served, cost=0), alone=alone)
            self._unsent.add(ask.attempt)
            async with self._calls[ask.agent.entry.name]:
                if not self._may_send(ask):
                    return "", None
                self._unsent.discard(ask.attempt)
                called = await self._call(ask)
            if isinstance(called, Draft):
                return await self._settle_draft(ask, called, alone=alone)
            return await self._settle_failure(ask, *called), None
        finally:
            await self._take_back(ask)
            if (flight := self._flights.pop(ask.key, None)) is not None:
                flight.set()

    def _may_send(self, ask: _Ask) -> bool:
        """Whether what was begun a little ago is still to be asked: nothing stopped it while it waited for its turn."""
        name = ask.agent.entry.name
        held = self._not_before.get(name, 0.0) > time.monotonic()
        return not (self.is_stopping or held or self._all_broke or name in self.stopped)

    async def _take_back(self, ask: _Ask) -> None:
        """An intent that was never sent is as if it had not been."""
        if ask.attempt in self._unsent and not self._pool.abandoned:
            self._unsent.discard(ask.attempt)
            await self._writer.commit(lambda tx: attempts.release_attempt(tx, ask.attempt))

    async def _call(self, ask: _Ask) -> Draft | tuple[AgentError, float]:
        begun, task = time.monotonic(), ask.situation.task
        try:
            return await work.attempt(ask.request, ask.agent, store=self._store(task), base=task.input_base)
        except AgentError as error:
            return error, time.monotonic() - begun
        except GigctlError as error:
            # The machine is not as the agent needs it: nothing was sent, and asking again changes nothing.
            self._stop_agent(ask.agent.entry.name, error)
            return AgentError("unavailable", error.message, sent=False, cost=0), time.monotonic() - begun

    async def _settle_failure(self, ask: _Ask, error: AgentError, seconds: float) -> str:
        name = ask.agent.entry.name
        if error.kind in STOPPED:
            self._stop_agent(name, error)
        if error.retry_after is not None:
            self._not_before[name] = max(self._not_before.get(name, 0.0), time.monotonic() + error.retry_after)
        self._failing.add(name)
        now = self.desk.now().timestamp()
        task, attempt = ask.situation.task, ask.attempt
        over = await self._writer.commit(lambda tx: settle_failure(tx, task, attempt, name, error, seconds, now))
        self._stop_if(over, name)
        return f"{name}: {error.kind.replace('_', ' ')}: {error.message}"

    async def _settle_draft(self, ask: _Ask, draft: Draft, *, alone: bool) -> tuple[str, Rested | None]:
        """The answer with its cost, and the revision that it is; an answer that can't be read is malformed."""
        name = ask.agent.entry.name
        # Known at once: whoever waits for their turn must not be sent before this is on disk.
        self._stop_if(draft.cost is not None and ask.reserved is not None and draft.cost > ask.reserved, name)
        content, reason = _read(ask.view.task, draft)
        verdicts = None
        if content is not None and alone and work.runs_here(ask.view.specs):
            verdicts = await work.assess(content, ask.view.specs, ask.view.context)
        rested = await self._writer.commit(lambda tx: self._settle(tx, ask, draft, content, reason, verdicts))
        self._failing.discard(name)
        return (f"{name}: malformed: {reason}" if reason else ""), rested

    def _settle(
        self, tx: Tx, ask: _Ask, draft: Draft, content: Content | None, reason: str, verdicts: list[Verdict] | None
    ) -> Rested | None:
        """In one transaction: the answer, its cost and its draft, and where the checks are done already what they mean
        for the task; the task where it is at rest."""
        task, name = ask.situation.task, ask.agent.entry.name
        if name in self._failing and ask.served is None:
            limits.record_success(tx, name)
        mends = ask.step.mends is not None
        settled = settle_draft(tx, task, ask.attempt, draft, content, reason, mends=mends)
        if content is None or verdicts is None or settled.revision is None:
            return None
        known = self._known(ask, settled, verdicts)
        if known is None:
            checking.record_verdicts(tx, task.id, settled.revision, verdicts)
            return None
        revisions.record_verdicts(tx, task, settled.revision, verdicts, first=True)
        end = self._steps(ask.situation, known)[0]
        if isinstance(end, (Attempt, Assess, Wait)):
            return None
        write_rest(tx, task.id, task.state, settled.revision, end, self.run.id)
        cost = settled.cost or 0
        cached = ask.served is not None
        made = Made(content, settled.number, name, draft.usage, draft.seconds, cost, cached)
        spent = cost if ask.situation.round and ask.situation.round.n == 1 else attempts.cost_of_task(tx, task.id)
        return Rested(task.ref, end, tuple(verdicts), "", spent, task.id, made)

    def _known(self, ask: _Ask, settled: Settled, verdicts: list[Verdict]) -> RoundFacts | None:
        """What is so now, without reading it all again: where this is the round's first draft and nobody but this run
        changed anything."""
        asked, round_ = ask.situation.task, ask.situation.round
        if (
            round_ is None
            or settled.before is None
            or settled.before[:4] != (asked.state, None, asked.input_n, round_.id)
        ):
            return None
        found = tuple(VerdictFact(verdict.outcome, verdict.required) for verdict in verdicts)
        fact = AttemptFact(
            ask.agent.entry.name, "draft", True, ask.reserved == 0, settled.revision, found, None, ask.attempt
        )
        return with_draft(ask.situation, ask.step.slot, fact)

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


KEPT = ("openai", "litellm", "local", "scripted")
"""Kinds whose answers are served again: the whole of what they answer is a text, and depends on the request alone."""


def _read(task: Task, draft: Draft) -> tuple[Content | None, str]:
    """The content of an answer, or why it has none."""
    try:
        return get_craft(task.craft).read(task, draft), ""
    except MalformedAnswer as error:
        return None, str(error)


async def _reopened(again: list[int]) -> AsyncIterator[Opening]:
    for task in again:
        yield partial(_same, task=task)


def _same(tx: Tx, task: int) -> int:
    del tx
    return task


def _pause(tries: int, waits: Waits) -> float:
    """Exponential, with full jitter above half (M. Brooker, "Exponential Backoff And Jitter", 2015)."""
    longest = min(waits.pause * 2 ** (tries - 1), waits.longest_pause)
    return float(longest * random.uniform(0.5, 1.0))  # noqa: S311
