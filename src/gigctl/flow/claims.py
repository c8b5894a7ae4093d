"""Before a call: the question, and in one transaction the slot, an answer that is there, the money, the agent's limits
and the intent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.agents.base import Agent
from gigctl.flow import asking, policy
from gigctl.flow.answering import find_reply
from gigctl.flow.asking import View
from gigctl.flow.crew import Crew
from gigctl.flow.desk import Desk
from gigctl.flow.facts import Situation
from gigctl.flow.steps import Attempt
from gigctl.ledger import attempts, clients, gigs, limits, rounds, tasks
from gigctl.ledger.attempts import KeptAnswer, NoRoom
from gigctl.ledger.store import Tx
from gigctl.model import AgentEntry, Request
from gigctl.records import GigRecord, TaskRecord

__all__ = ["Ask", "Claims", "Later", "Lost", "Question"]

Key = tuple[int, int, str, int]
"""Client, agent version, request and sample: what an answer is kept under."""
KEPT = ("openai", "litellm", "local", "scripted")
"""Kinds whose answers are served again: the whole of what they answer is a text, and depends on the request alone."""
BUSY_SECONDS = 0.05
"""How long an answer that somebody else waits for is left before it is looked for again."""


class Question(Struct, frozen=True):
    """What a step is to put to whom."""

    situation: Situation
    step: Attempt
    view: View
    agent: Agent
    request: Request


class Ask(Struct, frozen=True):
    """A question whose intent is in the ledger: to be put to the agent, unless the ledger had the answer (`served`).
    `reserved` is in picodollars, None where the price is unknown."""

    question: Question
    attempt: int
    reserved: int | None
    key: Key
    served: str | None = None

    @property
    def task(self) -> TaskRecord:
        return self.question.situation.task

    @property
    def agent(self) -> str:
        return self.question.agent.entry.name


class Later(Struct, frozen=True):
    """Not now: again in so many seconds, or when the flight of the very same question has ended. `resting`: the agent
    is left alone, since it failed too often."""

    seconds: float
    flight: Key | None = None
    resting: bool = False


class Lost(Struct, frozen=True):
    """The step is not what is next any more: another run took it, or something changed meanwhile."""


class Claims:
    """What one run claims. `is_next` tells from the ledger whether a question's step is still what is to be done."""

    def __init__(self, desk: Desk, run: int, crew: Crew, is_next: Callable[[Tx, Question], bool]) -> None:
        self._desk = desk
        self._run = run
        self._crew = crew
        self._is_next = is_next
        self._flights: dict[Key, asyncio.Event] = {}
        self._gigs: dict[int, GigRecord] = {}

    # --- the question ---

    def view(self, tx: Tx, task: TaskRecord) -> View:
        return asking.load_view(tx, self.gig(tx, task), task, self.store(task))

    def question(self, tx: Tx, situation: Situation, step: Attempt, agent: Agent, view: View | None) -> Question:
        """Raises PolicyError: a round may be older than its client's wall."""
        assert situation.round is not None  # noqa: S101
        view = view or self.view(tx, situation.task)
        client, now = view.client, clients.get_policy(tx, view.client.id)
        client = client if client.policy == now else replace(client, policy=now)
        policy.check_chain(client, (step.agent,), self._desk.agents)
        slot = situation.round.slots.index(step.slot) + 1
        mends = situation.attempts.get(step.mends) if step.mends is not None else None
        window = getattr(agent, "window", None) or agent.entry.window
        request = asking.build_request(tx, view, situation.round, slot=slot, mends=mends, window=window)
        if agent.entry.kind == "acp" and (reply := find_reply(tx, situation, step.agent)) is not None:
            request = replace(request, reply=reply)
        return Question(situation, step, view, agent, request)

    def gig(self, tx: Tx, task: TaskRecord) -> GigRecord:
        """As it was when the run first met it: it is read thrice a task, and may be long."""
        if task.gig_id not in self._gigs:
            self._gigs[task.gig_id] = gigs.get_gig_by_id(tx, task.gig_id)
        return self._gigs[task.gig_id]

    def store(self, task: TaskRecord) -> Path | None:
        return self._desk.store if task.input_base is not None else None

    # --- the claim ---

    def claim(self, tx: Tx, question: Question, *, afresh: bool = False) -> Ask | Later | Lost | NoRoom:
        """In one transaction. `afresh`: the situation was read in another one."""
        situation, step, entry = question.situation, question.step, question.agent.entry
        task = situation.task
        if (afresh or not situation.leased) and not rounds.claim_slot(tx, step.slot, self._run):
            return Lost()
        if afresh and not self._is_next(tx, question):
            return Lost()
        sha = attempts.put_request(tx, tasks.owner_of(task), question.request)
        key = (task.client_id, self._crew.get_version(entry.name), sha, question.request.sample)
        answer = self._find_answer(tx, situation, entry, key)
        if isinstance(answer, Later):
            return answer
        bound = 0 if answer else question.agent.bound(question.request)
        if answer is None and (barred := self._find_bar(tx, question, bound)) is not None:
            return barred
        attempt = attempts.begin_attempt(
            tx, task, run=self._run, slot=step.slot, agent=entry.name, version=key[1], request=sha,
            reserved=bound, sample=question.request.sample, mends=step.mends,
            cached_from=answer.attempt if answer else None,
        )  # fmt: skip
        if answer is None:
            self._flights[key] = asyncio.Event()
        return Ask(question, attempt, bound, key, answer.text if answer else None)

    def _find_bar(self, tx: Tx, question: Question, bound: int | None) -> Later | NoRoom | None:
        """What keeps a call from being begun now: money, or the agent's limits (which count it where nothing does)."""
        step, entry, request, task = question.step, question.agent.entry, question.request, question.situation.task
        amount = None if entry.name in self._crew.marked else bound
        no_room = attempts.find_no_room(tx, run=self._run, task=task, slot=step.slot, amount=amount)
        if no_room is not None:
            return no_room
        tokens = request.prompt_bytes // 4 + request.max_output
        wait = limits.take_turn(tx, entry, int(self._desk.now().timestamp() * 1e6), tokens)
        if wait <= 0:
            return None
        resting = limits.is_resting(tx, entry.name)
        self._crew.note_failing(entry.name)  # another process may have found it so
        return Later(wait, resting=resting)

    def _find_answer(self, tx: Tx, situation: Situation, entry: AgentEntry, key: Key) -> KeptAnswer | Later | None:
        """An answer to the very same question that the ledger has, or soon will; None where it has to be asked."""
        assert situation.round is not None  # noqa: S101
        if situation.round.fresh or situation.task.input_base is not None or entry.kind not in KEPT:
            return None
        asked = attempts.find_asked(tx, *key)
        if asked == "in flight":
            return Later(BUSY_SECONDS, key)
        if asked is None:
            return None
        return attempts.find_answer(tx, situation.task.id, situation.task.input_n, *key)

    # --- flights ---

    def find_flight(self, later: Later) -> asyncio.Event | None:
        """What is set when this run's own call with the very same question has ended."""
        return self._flights.get(later.flight) if later.flight else None

    def land(self, ask: Ask) -> None:
        """Its call has ended."""
        if (flight := self._flights.pop(ask.key, None)) is not None:
            flight.set()
