"""The agents of one run: each opened once, by whoever needs it first; and what this run found out about it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from gigctl.agents.base import Agent, AgentError
from gigctl.agents.registry import agent_version_hash, open_agent
from gigctl.errors import ConfigError, GigctlError
from gigctl.flow.desk import Desk
from gigctl.flow.places import Places
from gigctl.flow.pool import AHEAD
from gigctl.flow.runoptions import RunOptions
from gigctl.ledger import attempts, limits
from gigctl.model import AgentEntry

__all__ = ["Crew"]


class Crew:
    """Those who are asked. As a context it closes what was opened."""

    def __init__(self, desk: Desk, options: RunOptions) -> None:
        self.stopped: dict[str, str] = {}
        """Agent → why this run can't use it any more."""
        self.codes: set[int] = set()
        """Exit codes that those reasons stand for."""
        self.places: defaultdict[str, Places] = defaultdict(lambda: Places(options.jobs))
        """Agent → the calls that it may be sent at once by this run."""
        self.failing: dict[str, float] = {}
        """Agents that failed lately, whose next answer ends that → since when (monotonic)."""
        self.marked: set[str] = set()
        """Agents that cost more than they could, before this run: their prices are not to be trusted."""
        self._desk = desk
        self._unsafe_no_sandbox = options.unsafe_no_sandbox
        self._paced = options.paced
        self._opened: dict[str, Agent] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._versions: dict[str, int] = {}
        self._held: dict[str, float] = {}  # agent → until when (monotonic) this run does without it
        self._why_held: dict[str, str] = {}
        self._in_a_row: Counter[str] = Counter()  # agent → failures since its last answer
        self._told: set[str] = set()  # agents of which was told that they fail
        self._last: dict[str, tuple[float, str]] = {}  # agent → when it failed last (monotonic), and how
        self._not_before: dict[str, float] = {}  # agent → what its last `retry-after` asked for (monotonic)
        self._resting: dict[str, float] = {}  # agent → until when it is left alone, since it fails (monotonic)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def prepare(self, names: Iterable[str]) -> None:
        """Opens agents ahead of their first task; whoever needs one then hears what stands in the way."""
        for name in names:
            try:
                await self.open(name)
            except (AgentError, GigctlError):
                continue

    async def open(self, name: str) -> Agent:
        """Raises AgentError, ConfigError."""
        async with self._opening[name]:
            if name not in self._opened:
                entry = self._entry(name)
                agent = open_agent(entry, environ=self._desk.environ, unsafe_no_sandbox=self._unsafe_no_sandbox)
                opened = await self._stack.enter_async_context(agent)
                # In a transaction of its own: a claim may be undone, and what was remembered of it would be wrong.
                with self._desk.ledger.writing() as tx:
                    self._versions[name] = attempts.put_agent_version(tx, name, agent_version_hash(entry))
                    if limits.is_failing(tx, name):
                        self.note_failing(name)
                    if limits.find_overspent(tx, name):
                        self.marked.add(name)
                if self._paced and (at_once := getattr(opened, "at_once", None)) is not None:
                    self.places[name] = Places(at_once)
                self._opened[name] = opened
        return self._opened[name]

    def _entry(self, name: str) -> AgentEntry:
        entry = self._desk.agents.get(name)
        if entry is None:
            raise ConfigError(f'there is no agent "{name}"', "gigctl agent list")
        return entry

    def find(self, name: str) -> Agent | None:
        """The agent, where it is open."""
        return self._opened.get(name)

    def has_room(self, name: str) -> bool:
        """Whether another call may be begun: few of those wait to be sent, also where an agent takes few at once."""
        return self.places[name].waiting < AHEAD

    def get_version(self, name: str) -> int:
        """The id of an open agent's version."""
        return self._versions[name]

    def stop(self, name: str, error: AgentError | GigctlError) -> str:
        """It is not asked any more in this run; the word of why."""
        self.stopped[name] = error.message
        if isinstance(error, GigctlError):
            self.codes.add(error.exit_code)
        return error.message

    # --- who fails ---

    def note_failing(self, name: str) -> None:
        """It was found to be failing."""
        now = time.monotonic()
        self.failing.setdefault(name, now)
        self._last.setdefault(name, (now, ""))

    def note_failure(self, name: str, reason: str) -> None:
        """It failed once more."""
        self.note_failing(name)
        self._last[name] = (time.monotonic(), reason)
        self._in_a_row[name] += 1
        if self._in_a_row[name] >= limits.FAILURES:  # what is begun is not to be sent while the ledger is told
            self.let_rest(name, limits.FIRST_REST / 1e6)

    def hear(self, name: str) -> float:
        """It has answered just now (monotonic), which is not in the ledger yet."""
        self._in_a_row.pop(name, None)
        return time.monotonic()

    def note_answer(self, name: str, at: float) -> None:
        """Its answer of `at` is in the ledger: what failed since then fails on."""
        failed = self._last.get(name, (0.0, ""))[0]
        if failed <= at:
            self.failing.pop(name, None)
            self._resting.pop(name, None)
            self._told.discard(name)
        elif name in self.failing:
            self.failing[name] = failed

    def find_outage(self, name: str) -> float:
        """For how many seconds it has brought nothing."""
        return time.monotonic() - self.failing.get(name, time.monotonic())

    def find_news(self, name: str) -> str:
        """How it fails, once for as long as it does; then the empty string."""
        if name in self._told:
            return ""
        self._told.add(name)
        return self._how_it_fails(name)

    def give_up(self, name: str, seconds: float) -> str:
        """This run does without it until it may be asked again; the word of why."""
        return self.hold(name, seconds, f"{name}: {self._how_it_fails(name)}")

    def _how_it_fails(self, name: str) -> str:
        return self._last.get(name, (0.0, ""))[1] or "it failed each time that it was asked"

    # --- who is left alone ---

    @property
    def held(self) -> frozenset[str]:
        """Who is out of this run's reach for now."""
        now = time.monotonic()
        return frozenset(name for name, until in self._held.items() if until > now)

    @property
    def why_held(self) -> str:
        """Why the first of those is; the empty string where none is."""
        return next((self._why_held[name] for name in self._held if name in self.held), "")

    def hold(self, name: str, seconds: float, why: str = "") -> str:
        """This run does without it for so long; the word of why."""
        self._held[name] = time.monotonic() + seconds
        self._why_held[name] = why or f"{name} asks to be left alone for {seconds:.0f} s"
        return self._why_held[name]

    def leave_alone(self, name: str, seconds: float) -> None:
        """It asked for that by a `retry-after`."""
        self._not_before[name] = max(self._not_before.get(name, 0.0), time.monotonic() + seconds)

    def let_rest(self, name: str, seconds: float) -> None:
        """It failed too often: until it may be tried again what was begun already is not sent either."""
        self._resting[name] = time.monotonic() + seconds

    def may_be_sent(self, name: str) -> bool:
        """Whether nothing that happened since a call was begun keeps it from being sent."""
        until = max(self._not_before.get(name, 0.0), self._resting.get(name, 0.0))
        return name not in self.stopped and until <= time.monotonic()
