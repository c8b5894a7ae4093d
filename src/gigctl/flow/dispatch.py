"""A dispatch, in the order in which it happens: what is next, the intent, the call, what came of it, the checks.

The collector is the one that writes the ledger while a run lives. Everything that it knows it reads from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from msgspec import Struct

from gigctl.agents.base import AgentError
from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.registry import get_craft
from gigctl.errors import ConfigError, GigctlError, PolicyError
from gigctl.flow import checking, work
from gigctl.flow.asking import View
from gigctl.flow.caps import Caps
from gigctl.flow.claims import Ask, Claims, Later, Lost, Question
from gigctl.flow.crew import Crew
from gigctl.flow.desk import Desk
from gigctl.flow.facts import Situation, load_situation, with_draft
from gigctl.flow.pool import Pool, Writer
from gigctl.flow.resting import Made, Rested, codes_of, find_reason, put_to_rest, write_rest
from gigctl.flow.runoptions import SILENT, Notices, RunOptions, Waits
from gigctl.flow.settling import BREAKS, Settled, settle_draft, settle_failure
from gigctl.flow.steps import (
    ASKS,
    STOPPED,
    Assess,
    Attempt,
    AttemptFact,
    Review,
    RoundFacts,
    Step,
    TaskFacts,
    VerdictFact,
    Wait,
    next_steps,
)
from gigctl.ledger import attempts, limits, revisions, runs
from gigctl.ledger.attempts import NoRoom
from gigctl.ledger.runs import Run
from gigctl.ledger.store import Tx
from gigctl.model import Content, Draft, Task, Verdict

__all__ = ["Collector", "Fresh", "Opened", "Opening"]

CROWDED = frozenset({"rate_limited", "overloaded"})
"""Ends of a call that say that too many were sent."""
SOONER = 0.05
"""Seconds by which this run's own clock lets an agent be asked before the ledger does: who tries is not held up."""
ROOM_SECONDS = 0.1
"""How long who found no room under a cap waits before looking again: calls in flight may leave some."""


class Fresh(Struct, frozen=True):
    """A task that was made in this transaction, and how its agents and checks see it."""

    situation: Situation
    view: View


Opened = Situation | Fresh | int | Callable[[], None]
Opening = Callable[[Tx], Opened]
"""Opens, in the ledger, what is to be done: the task as it stands, or its id; or what is to be told, once that is on
disk, where there is nothing to do."""


class Collector:
    """Drives tasks until nothing is left to do on them. `told` hears of each task that has come to rest."""

    def __init__(
        self, desk: Desk, run: Run, options: RunOptions, told: Callable[[Rested], None],
        notices: Notices = SILENT,
    ) -> None:  # fmt: skip
        self.run = run
        self.crew = Crew(desk, options)
        self.caps = Caps()
        self._desk = desk
        self._options = options
        self._told = told
        self._notices = notices
        self._yours = frozenset(name for name, entry in desk.agents.items() if entry.kind == "manual")
        self._codes: set[int] = set()
        self._writer = Writer(desk.ledger)
        self._claims = Claims(desk, run.id, self.crew, self._is_next)
        self._unsent: set[int] = set()  # attempts that were begun, and wait for their turn
        self._elsewhere: list[int] | None = []  # tasks that another run works on, to be looked at once more; None: now
        self._pool: Pool[Opening] = Pool(options.jobs, self._drive, notices.stopping, options.waits.grace)

    @property
    def codes(self) -> set[int]:
        """The exit codes that were met."""
        return self._codes | self.crew.codes | self.caps.codes

    @property
    def is_stopping(self) -> bool:
        return self._pool.stopping.is_set()

    def is_put_off(self, task: int) -> bool:
        """Whether a task was found to be another run's, and is looked at once more when all others are done."""
        return task in (self._elsewhere or ())

    async def dispatch(self, lanes: Mapping[str, AsyncIterator[Opening]]) -> None:
        """Until all tasks are at rest, or the user stops it. Each lane, by who is asked first, has workers of its
        own."""
        async with self.crew:
            await self.crew.prepare(lanes)
            try:
                await self._pool.run(lanes.values())
                again, self._elsewhere = self._elsewhere or [], None
                if again:
                    await self._pool.run([_reopened(again)])
            finally:
                self._writer.close()
                self._release_unsent()
        if self._pool.interrupted:
            self._codes.add(130)

    def _release_unsent(self) -> None:
        """What an abandoned run had begun and never sent."""
        if self._unsent:
            with self._desk.ledger.writing() as tx:
                for attempt in self._unsent:
                    attempts.release_attempt(tx, attempt)

    # --- one task ---

    async def _drive(self, opening: Opening) -> None:
        """Takes a task's steps until none is left that a run can take."""
        found = await self._writer.commit(lambda tx: self._open_task(tx, opening))
        if not isinstance(found, (Ask, Situation)):
            found()
            return
        situation, reason = found, ""
        if isinstance(found, Ask):
            reason, rested = await self._ask(found)
            if rested is not None:
                self._tell(rested)
                return
            situation = self._look(found.task.id)
        assert isinstance(situation, Situation)  # noqa: S101
        await self._go_on(situation, reason)

    async def _go_on(self, situation: Situation, reason: str) -> None:
        """From what the ledger says; `reason` is what went wrong last."""
        while True:
            steps = self._steps(situation)
            if steps[0] == Wait("leased") and self._elsewhere is not None:
                self._elsewhere.append(situation.task.id)
                return
            if not isinstance(steps[0], (Attempt, Assess)):
                await self._rest(situation, steps[0], self.caps.find(situation.task.id) or reason)
                return
            if self.is_stopping:
                steps = [step for step in steps if isinstance(step, Assess)]
                if not steps:
                    return
            said = await self._pool.together(self._take(situation, step) for step in steps)
            reason = next(filter(None, said), "")
            situation = self._look(situation.task.id)

    def _open_task(self, tx: Tx, opening: Opening) -> Ask | Situation | Callable[[], None]:
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
        agent = self.crew.find(step.agent)
        if agent is None or situation.task.input_base is not None or self.is_stopping:
            return situation
        if not self.crew.has_room(step.agent):
            return situation
        try:
            found = self._claims.claim(tx, self._claims.question(tx, situation, step, agent, view))
        except (AgentError, PolicyError):
            return situation
        return found if isinstance(found, Ask) else situation

    def _look(self, task_id: int) -> Situation:
        with self._desk.ledger.reading() as tx:
            return self._situation(tx, task_id)

    def _situation(self, tx: Tx, task_id: int) -> Situation:
        return load_situation(tx, task_id, run=self.run.id, retry_unknown=self._options.retry_unknown)

    def _steps(self, situation: Situation, known: RoundFacts | None = None, without: str = "") -> list[Step]:
        """`known`: the round's facts where they are newer than the situation; `without`: as if an agent were held."""
        task, crew = situation.task, self.crew
        held = crew.held | {without} if without else crew.held
        facts = TaskFacts(task.state, frozenset(crew.stopped), held, bool(self.caps.find(task.id)), self._yours)
        return next_steps(facts, known or situation.round_facts)

    def _is_next(self, tx: Tx, question: Question) -> bool:
        now = self._situation(tx, question.situation.task.id)
        return now.task.input_n == question.situation.task.input_n and question.step in self._steps(now)

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
        if end == Wait("later"):
            reason = reason or self.crew.why_held
        if (isinstance(end, Wait) and not reason) or end == Review(ASKS):
            with self._desk.ledger.reading() as tx:
                reason = find_reason(tx, situation, end, self.run.id)
        spent, verdicts = await self._writer.commit(lambda tx: put_to_rest(tx, task, end, self.run.id))
        self._tell(Rested(task.ref, end, verdicts, reason, spent, task.id))

    def _tell(self, rested: Rested) -> None:
        self._codes |= codes_of(rested.end, rested.verdicts)
        self._told(rested)

    # --- before a call ---

    async def _begin(self, situation: Situation, step: Attempt) -> Ask | str:
        """The question with its intent, once limits and money allow it; or why there is none (the empty string: look
        again)."""
        try:
            agent = await self.crew.open(step.agent)
            with self._desk.ledger.reading() as tx:
                question = self._claims.question(tx, situation, step, agent, None)
        except (AgentError, ConfigError, PolicyError) as error:
            return self.crew.stop(step.agent, error)
        waits = self._options.waits
        if step.again and step.tries:
            await self._pool.pause(_pause(step.tries, waits))
        looked = time.monotonic()
        while not self.is_stopping:
            if not self.crew.has_room(step.agent):
                await self._pool.pause(ROOM_SECONDS)
                continue
            found = await self._writer.commit(lambda tx: self._claims.claim(tx, question, afresh=True))
            if isinstance(found, Ask):
                return found
            if isinstance(found, Lost):
                return ""
            if isinstance(found, NoRoom) and not found.wait:
                marked = step.agent in self.crew.marked
                return self.caps.reach(situation.task.id, found, step.agent, marked=marked)
            later = found if isinstance(found, Later) else Later(ROOM_SECONDS)
            if why := self._give_up(later, situation, step):
                return why
            if time.monotonic() - looked > waits.recovery:
                runs.recover(self._desk.ledger)
                looked = time.monotonic()
            await self._wait(later)
        return ""

    def _give_up(self, later: Later, situation: Situation, step: Attempt) -> str:
        """Why the agent is not waited for; the empty string where it is."""
        if not later.resting:
            return self.crew.hold(step.agent, later.seconds) if later.seconds > self._options.waits.patience else ""
        if news := self.crew.find_news(step.agent):
            self._notices.failing(step.agent, news)
        is_given_up = self._is_too_long(self.crew.find_outage(step.agent), situation, step)
        return self.crew.give_up(step.agent, later.seconds) if is_given_up else ""

    def _is_too_long(self, outage: float, situation: Situation, step: Attempt) -> bool:
        """Whether an agent that fails was waited for long enough: less where the next of the chain can be asked."""
        waits = self._options.waits
        if outage <= waits.handover:
            return False
        others = self._steps(situation, without=step.agent)
        return outage > waits.outage or any(isinstance(each, Attempt) and each.slot == step.slot for each in others)

    async def _wait(self, later: Later) -> None:
        flight, recovery = self._claims.find_flight(later), self._options.waits.recovery
        if flight is None:
            await self._pool.pause(min(later.seconds, recovery))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(recovery):
                await flight.wait()

    # --- one call ---

    async def _ask(self, ask: Ask, *, alone: bool = True) -> tuple[str, Rested | None]:
        """One call and what came of it, in the ledger: a word of what went wrong, and the task at rest where (being
        asked `alone`) it needs nothing more."""
        try:
            if ask.served is not None:
                return await self._settle_draft(ask, Draft(ask.served, cost=0), alone=alone)
            self._unsent.add(ask.attempt)
            places = self.crew.places[ask.agent]
            async with places as begun:
                called = None
                if self._may_send(ask):
                    self._unsent.discard(ask.attempt)
                    called = await self._call(ask)
            if called is None:
                await self._take_back(ask)
                await self._pool.pause(ROOM_SECONDS)  # the ledger may let it go again at once
                return "", None
            if isinstance(called, Draft):
                places.answered()
                return await self._settle_draft(ask, called, alone=alone)
            crowded = called[0].kind in CROWDED and places.turned_away(begun)
            return await self._settle_failure(ask, *called, crowded=crowded), None
        finally:
            await self._take_back(ask)
            self._claims.land(ask)

    def _may_send(self, ask: Ask) -> bool:
        """Whether what was begun a little ago is still to be asked: nothing stopped it while it waited for its turn."""
        return not self.is_stopping and not self.caps.all and self.crew.may_be_sent(ask.agent)

    async def _take_back(self, ask: Ask) -> None:
        """An intent that was never sent is as if it had not been."""
        if ask.attempt in self._unsent and not self._pool.abandoned:
            self._unsent.discard(ask.attempt)
            await self._writer.commit(lambda tx: attempts.release_attempt(tx, ask.attempt))

    async def _call(self, ask: Ask) -> Draft | tuple[AgentError, float]:
        begun, question = time.monotonic(), ask.question
        try:
            store, base = self._claims.store(ask.task), ask.task.input_base
            return await work.attempt(question.request, question.agent, store=store, base=base)
        except AgentError as error:
            return error, time.monotonic() - begun
        except GigctlError as error:
            # The machine is not as the agent needs it: nothing was sent, and asking again changes nothing.
            self.crew.stop(ask.agent, error)
            return AgentError("unavailable", error.message, sent=False, cost=0), time.monotonic() - begun

    async def _settle_failure(self, ask: Ask, error: AgentError, seconds: float, *, crowded: bool) -> str:
        name, reason = ask.agent, f"{error.kind.replace('_', ' ')}: {error.message}"
        if error.kind in STOPPED:
            self.crew.stop(name, error)
        if error.retry_after is not None:
            self.crew.leave_alone(name, error.retry_after)
        elif error.kind in BREAKS and not crowded:
            self.crew.note_failure(name, reason)
        now = self._desk.now().timestamp()

        def settle(tx: Tx) -> tuple[bool, float]:
            over = settle_failure(tx, ask.task, ask.attempt, name, error, seconds, now, crowded=crowded)
            return over, limits.find_rest(tx, name, int(now * 1e6))

        over, rest = await self._writer.commit(settle)
        self.crew.let_rest(name, rest - SOONER)
        if over:
            self.caps.overspend(name)
        return f"{name}: {reason}"

    async def _settle_draft(self, ask: Ask, draft: Draft, *, alone: bool) -> tuple[str, Rested | None]:
        """The answer with its cost, and the revision that it is; an answer that can't be read is malformed."""
        view = ask.question.view
        heard = self.crew.hear(ask.agent) if ask.served is None else None
        # Known at once: whoever waits for their turn must not be sent before this is on disk.
        if draft.cost is not None and ask.reserved is not None and draft.cost > ask.reserved:
            self.caps.overspend(ask.agent)
        content, reason = _read(view.task, draft)
        verdicts = None
        if content is not None and alone and work.runs_here(view.specs):
            verdicts = await work.assess(content, view.specs, view.context)
        rested = await self._writer.commit(lambda tx: self._settle(tx, ask, draft, content, reason, verdicts))
        if heard is not None:
            self.crew.note_answer(ask.agent, heard)
        return (f"{ask.agent}: malformed: {reason}" if reason else ""), rested

    def _settle(
        self, tx: Tx, ask: Ask, draft: Draft, content: Content | None, reason: str, verdicts: list[Verdict] | None
    ) -> Rested | None:
        """In one transaction: the answer, its cost and its draft, and where the checks are done already what they mean
        for the task; the task where it is at rest."""
        task, name, situation = ask.task, ask.agent, ask.question.situation
        if name in self.crew.failing and ask.served is None:
            limits.record_success(tx, name)
        mends = ask.question.step.mends is not None
        settled = settle_draft(tx, task, ask.attempt, draft, content, reason, mends=mends)
        if content is None or verdicts is None or settled.revision is None:
            return None
        known = _known(ask, settled, verdicts)
        if known is None:
            checking.record_verdicts(tx, task.id, settled.revision, verdicts)
            return None
        revisions.record_verdicts(tx, task, settled.revision, verdicts, first=True)
        end = self._steps(situation, known)[0]
        if isinstance(end, (Attempt, Assess, Wait)):
            return None
        write_rest(tx, task.id, task.state, settled.revision, end, self.run.id)
        cost = settled.cost or 0
        made = Made(content, settled.number, name, draft.usage, draft.seconds, cost, ask.served is not None)
        spent = cost if situation.round and situation.round.n == 1 else attempts.cost_of_task(tx, task.id)
        return Rested(task.ref, end, tuple(verdicts), "", spent, task.id, made)

    # --- checks ---

    async def _assess(self, situation: Situation, step: Assess) -> None:
        task = situation.task
        with self._desk.ledger.reading() as tx:
            unsafe = self._options.unsafe_no_sandbox
            gig = self._claims.gig(tx, task)
            question = checking.load_question(tx, gig, task, step.revision, unsafe_no_sandbox=unsafe)
        verdicts = await checking.check_revision(question, store=self._desk.store)
        await self._writer.commit(lambda tx: checking.record_verdicts(tx, task.id, step.revision, verdicts))


def _known(ask: Ask, settled: Settled, verdicts: list[Verdict]) -> RoundFacts | None:
    """What is so now, without reading it all again: where this is the round's first draft and nobody but this run
    changed anything."""
    situation = ask.question.situation
    task, round_ = situation.task, situation.round
    if round_ is None or settled.before is None or settled.before[:4] != (task.state, None, task.input_n, round_.id):
        return None
    found = tuple(VerdictFact(v.outcome, v.required, len(v.evidence)) for v in verdicts)
    fact = AttemptFact(ask.agent, "draft", True, ask.reserved == 0, settled.revision, found, None, ask.attempt)
    return with_draft(situation, ask.question.step.slot, fact)


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
