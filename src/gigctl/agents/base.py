"""What an agent is: an async context manager that drafts, and says what a call can cost at most."""

from __future__ import annotations

import json
import re
from types import TracebackType
from typing import Literal, Protocol, Self

from gigctl.model import AgentEntry, Draft, Request, Usage

ErrorKind = Literal[
    "auth",
    "no_credit",
    "rate_limited",
    "overloaded",
    "timeout",
    "refused",
    "too_long",
    "cut",
    "malformed",
    "unavailable",
    "question",
]
STOPPING: frozenset[str] = frozenset({"auth", "no_credit"})
"""Kinds that stop the agent, not one task after another."""


class AgentError(Exception):
    """A call that gave no draft.

    `sent` is False where no byte of the request can have reached the agent, so that nothing can have been paid;
    `answered` is True where a whole answer came back, so that what happened is known. Sent and not answered is
    `unknown`: it may have been paid. `usage` and `cost` (picodollars) are what a refused, cut or malformed answer
    reported; `retry_after` is in seconds; `content` is the answer that was paid and could not be used. Of a `question`
    `message` is what the agent wants to know of a person, `content` the session in which it asked, by `keep_session`.
    Texts are kept without half characters.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        sent: bool = True,
        answered: bool = True,
        retry_after: float | None = None,
        usage: Usage | None = None,
        cost: int | None = None,
        model: str = "",
        content: str = "",
    ) -> None:
        self.kind = kind
        self.message = without_halves(message)
        super().__init__(self.message)
        self.sent = sent
        self.answered = answered
        self.retry_after = retry_after
        self.usage = usage
        self.cost = cost
        self.model = without_halves(model)
        self.content = without_halves(content)

    @property
    def unknown(self) -> bool:
        return self.sent and not self.answered


def without_halves(text: str) -> str:
    """Half characters, which JSON can hold and UTF-8 can't, as U+FFFD. What stands for a byte (PEP 383) stays."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", text)
    return text


def keep_session(session: str, said: str) -> str:
    """What is kept of a turn that ended with a question, as JSON: `find_session` reads it."""
    return json.dumps({"session": session, "said": said})


def find_session(kept: str) -> str:
    """The session in which an agent asked; the empty string where none is known."""
    try:
        found = json.loads(kept)
    except ValueError:
        return ""
    session = found.get("session") if isinstance(found, dict) else None
    return session if isinstance(session, str) else ""


class Agent(Protocol):
    """Who drafts. Agents hold no ledger; `__aenter__` opens what calls share, `__aexit__` closes it."""

    entry: AgentEntry

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def draft(self, request: Request) -> Draft:
        """Exactly one call. Raises AgentError; a cancelled call may have been paid."""
        ...

    def bound(self, request: Request) -> int | None:
        """The most that the call can cost in picodollars, without calling; None where a price is unknown."""
        ...


TEMPLATE_TOKENS = 16
"""Allowance for what a chat template puts around each message."""


def bound_by_tokens(entry: AgentEntry, request: Request) -> int | None:
    """UTF-8 bytes of the prompt (no tokenizer makes more tokens than bytes) plus the template, at the prices."""
    if entry.price_run is not None:
        return entry.price_run
    if entry.price_in is None or entry.price_out is None:
        return 0 if entry.is_local and entry.price_in is None and entry.price_out is None else None
    prompt = request.prompt_bytes + TEMPLATE_TOKENS * (len(request.parts) + 1) + len((request.schema or "").encode())
    return prompt * entry.price_in + request.max_output * entry.price_out


def cost_of(entry: AgentEntry, usage: Usage | None) -> int | None:
    """Picodollars of what a call used; None where usage or price is unknown."""
    if entry.price_run is not None:
        return entry.price_run
    if entry.price_in is None or entry.price_out is None:
        return 0 if entry.is_local and entry.price_in is None and entry.price_out is None else None
    if usage is None:
        return None
    cached = entry.price_in if entry.price_cached is None else min(entry.price_cached, entry.price_in)
    return (usage.input - usage.cached) * entry.price_in + usage.cached * cached + usage.output * entry.price_out


LEAST_SHARE = 10
"""A tenth of the price is what the deepest discount leaves (prompts from a cache, at the providers of 2026)."""


def settled_cost(entry: AgentEntry, told: int | None, usage: Usage | None) -> int | None:
    """Picodollars that a call cost: what the server says of it, unless that is less than any discount leaves of its
    price; else what was used, at the price. None where neither is known."""
    computed = cost_of(entry, usage)
    if told is None or computed is None:
        return computed if told is None or entry.price_in is not None else told
    return told if told * LEAST_SHARE >= computed else computed
