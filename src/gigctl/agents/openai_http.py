"""Kind `openai`: any server that speaks the OpenAI chat-completions protocol, over aiohttp and nothing else.

One call of `draft` is one paid call. Redirects are not followed. What a failure means is `failures.py`'s, what the
bytes of an answer mean `openai_answer.py`'s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

from msgspec import Struct

from gigctl.agents.base import Agent, AgentError, ErrorKind, bound_by_tokens, settled_cost
from gigctl.agents.endpoint import chat_url, find_key, find_proxy, get_headers, redact
from gigctl.agents.failures import Complaint, find_retry_after, refusal
from gigctl.agents.openai_answer import Answer, fewest_tokens, read_answer, read_complaint
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry, Draft, Request, Usage

if TYPE_CHECKING:
    import aiohttp

__all__ = ["MAX_ANSWER_BYTES", "OpenAIAgent"]

MAX_ANSWER_BYTES = 32 * 1024 * 1024
IDLE_SECONDS = 1.0
"""A connection that was idle for longer is not used again: many servers close one without a word."""
CONNECT_SECONDS = 30.0
CUT_SHARE = 0.75
"""A prompt of which a server says that it read less than this share of its fewest tokens was cut."""
OURS = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "stream", "n", "best_of"})
"""What an entry's body may not set: each would void the bound of a call or its form."""
ADAPTABLE = {"max_tokens": "max_completion_tokens", "temperature": "", "seed": ""}
"""Parameters that new models answer 400 to, and the name to use in their place; none where it is left out."""


class _Call(Struct):
    """What is known of one HTTP call while it runs."""

    sent: bool = False
    reused: bool = False
    status: int = 0


class OpenAIAgent:
    """An endpoint. `key` is used in place of the entry's (the embedded model's), `now` the clock of `Retry-After`.
    `longest` is the most bytes of an answer that are read."""

    def __init__(
        self,
        entry: AgentEntry,
        *,
        environ: Mapping[str, str],
        key: str | None = None,
        now: Callable[[], float] = time.time,
        longest: int = MAX_ANSWER_BYTES,
    ) -> None:
        """Raises ConfigError where the address, a header, the proxy or the entry's body can't be used."""
        self.entry = entry
        self._environ = environ
        self._key = key
        self._now = now
        self._longest = longest
        self._url = chat_url(entry)
        self._proxy = find_proxy(entry, environ)
        self._own_headers = get_headers(entry, environ)
        if key is None and entry.key != "keyring":
            self._key = find_key(entry, environ)
        self._headers: dict[str, str] = {}
        self._secrets: tuple[str, ...] = ()
        self._renamed: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None
        self._retired: list[aiohttp.ClientSession] = []
        self._reuses = True
        if forbidden := sorted(OURS & set(entry.body)):
            raise ConfigError(
                f"agent {entry.name}: body can't set {', '.join(forbidden)}", "the request itself decides these"
            )

    async def __aenter__(self) -> Self:
        if self._key is None:
            self._key = find_key(self.entry, self._environ)
        authorization = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **authorization}
        self._headers |= self._own_headers
        self._secrets = tuple(value for value in (self._key, *self._own_headers.values()) if value)
        self._session = self._open_session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in (*self._retired, self._session):
            if session is not None:
                await session.close()
        self._session, self._retired = None, []

    def bound(self, request: Request) -> int | None:
        return bound_by_tokens(self.entry, request)

    async def draft(self, request: Request) -> Draft:
        self._check_window(request)
        started = time.monotonic()
        body = await self._ask(request)
        answer = self._read(body, request)
        cost = settled_cost(self.entry, answer.cost, answer.usage)
        return Draft(
            content=answer.content,
            usage=answer.usage,
            cost=cost,
            model=answer.model or self.entry.model,
            finish=answer.finish,
            seconds=time.monotonic() - started,
        )

    # --- what is sent ---

    def _check_window(self, request: Request) -> None:
        window = self.entry.window
        if window is None:
            return
        fewest = fewest_tokens(request.prompt())
        if fewest + request.max_output > window:
            raise AgentError(
                "too_long",
                f"at least {fewest} tokens and {request.max_output} of answer do not fit into {window}",
                sent=False,
                cost=0,
            )

    def _payload(self, request: Request) -> bytes:
        body: dict[str, Any] = {"model": self.entry.model, "messages": request.messages()}
        settings = {"max_tokens": request.max_output, "temperature": request.temperature, "seed": request.seed}
        for name, value in settings.items():
            sent_as = self._renamed.get(name, name)
            if value is not None and sent_as:
                body[sent_as] = value
        if request.schema is not None:
            schema = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        # A lone surrogate stands for a byte that is no UTF-8; JSON can't carry it, so it goes as an escape.
        return json.dumps({**body, **self.entry.body}).encode()

    async def _ask(self, request: Request) -> bytes:
        """The body of the one call that was not refused for a parameter's name: such a refusal is unpaid."""
        for _ in range(1 + len(ADAPTABLE)):
            renamed = dict(self._renamed)
            status, headers, body = await self._post(self._payload(request))
            if status == 200:
                return body
            # Another call may have learnt the name while this one was under way: then it is asked again as well.
            if status != 400 or not (self._learn(body) or self._renamed != renamed):
                break
        raise self._refusal(status, headers, body)

    def _learn(self, body: bytes) -> bool:
        """Whether a 400 names one of our parameters as unsupported; it is then sent otherwise from now on."""
        words = read_complaint(400, body).words
        if not any(
            word in words.lower() for word in ("unsupported", "not support", "unrecognized", "unknown", "not permitted")
        ):
            return False
        for name, other in ADAPTABLE.items():
            if name in words and name not in self._renamed:
                self._renamed[name] = other
                return True
        return False

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> AgentError:
        said = read_complaint(status, body)
        if 300 <= status < 400:
            return AgentError("refused", f"answered {status}: redirects are not followed, see api-base", cost=0)
        error = refusal(said, retry_after=find_retry_after(headers, self._now()))
        return self._redacted(error)

    def _redacted(self, error: AgentError) -> AgentError:
        error.message = redact(error.message, self._secrets)
        error.args = (error.message,)
        return error

    # --- what came back ---

    def _read(self, body: bytes, request: Request) -> Answer:
        try:
            answer = read_answer(body, request.max_output)
        except AgentError as error:
            usage = self._trusted(error.usage)
            error.usage = usage
            error.cost = settled_cost(self.entry, error.cost, usage)
            raise self._redacted(error) from None
        self._check_read_whole(request, answer)
        if answer.usage != self._trusted(answer.usage):
            return Answer(answer.content, answer.finish, None, answer.cost, answer.model)
        return answer

    def _trusted(self, usage: Usage | None) -> Usage | None:
        """No usage where the prompt counts as nothing (a cached one) and would be paid: the bound is safer."""
        return None if usage is not None and usage.input == 0 and self.entry.price_in else usage

    def _check_read_whole(self, request: Request, answer: Answer) -> None:
        """Notices a prompt of which the server read a part only. 0 is what a cached prompt shows.

        The answer was paid, so that the kind is one that settles: what was cut is the question.
        """
        if answer.usage is None or answer.usage.input == 0:
            return
        fewest = sum(fewest_tokens(part.text) for part in request.parts)
        if answer.usage.input < CUT_SHARE * fewest:
            raise AgentError(
                "cut",
                f"the server read {answer.usage.input} tokens of at least {fewest}: its context is too small",
                usage=answer.usage,
                cost=settled_cost(self.entry, answer.cost, answer.usage),
                model=answer.model,
                content=answer.content,
            )

    # --- the call ---

    async def _post(self, payload: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and whole body."""
        session = self._session
        if session is None:
            raise RuntimeError("an agent is used inside `async with`")
        call = _Call()
        try:
            _CALL.set(call)
            async with session.post(
                self._url, data=payload, headers=self._headers, proxy=self._proxy, allow_redirects=False
            ) as response:
                call.status = response.status
                return response.status, response.headers, await _read_capped(response, self._longest)
        except Exception as error:  # what is none of aiohttp's goes on as it is
            known = _translated(error, call, self._retire)
            if known is None:
                raise
            raise known from error

    def _open_session(self) -> aiohttp.ClientSession:
        import aiohttp

        # A local call leaves from a loopback address: whatever a name resolves to, it can't reach another machine.
        local_addr = ("::1" if "//[::1]" in self._url else "127.0.0.1", 0) if self.entry.is_local else None
        connector = aiohttp.TCPConnector(
            limit=0,
            force_close=not self._reuses,
            keepalive_timeout=IDLE_SECONDS if self._reuses else None,
            local_addr=local_addr,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self.entry.timeout, connect=CONNECT_SECONDS),
            request_class=_request_class(),
            trust_env=False,
        )

    def _retire(self) -> None:
        """After one reset of a kept connection none is kept any more; calls in flight end on the old session."""
        if self._reuses and self._session is not None:
            self._reuses = False
            self._retired.append(self._session)
            self._session = self._open_session()


_CALL: ContextVar[_Call] = ContextVar("call")
"""The call that a worker is making."""


@cache
def _request_class() -> type[aiohttp.ClientRequest]:
    """Notes on the call that its head goes out now, and that its connection is a kept one: at a tenth of what aiohttp's
    own tracing takes of a call's time."""
    import aiohttp

    class Noted(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            call, transport = _CALL.get(), conn.transport
            if transport is not None:  # else it was lost meanwhile, which is told below
                call.sent, call.reused = True, transport in _USED
                _USED.add(transport)
            return await super().send(conn)

    return Noted


_USED: WeakSet[Any] = WeakSet()
"""Transports that a request went out on."""


async def _read_capped(response: aiohttp.ClientResponse, longest: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > longest:
            response.close()
            raise AgentError("malformed", f"an answer of more than {longest // 2**20} MiB")
        pieces.append(piece)
    return b"".join(pieces)


def _translated(error: Exception, call: _Call, retire: Callable[[], None]) -> AgentError | None:
    """aiohttp's errors as AgentError, None for any other. What was not sent can't have been paid; what was, and broke
    off, is unknown."""
    import aiohttp

    if isinstance(error, TimeoutError):
        return _broken(call, "timeout" if call.sent else "unavailable", "no whole answer in time")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return AgentError("unavailable", f"the proxy answered {error.status}", sent=False, cost=0)
    if isinstance(error, aiohttp.ClientConnectorError):
        return AgentError("unavailable", f"no connection: {_reason(error)}", sent=False, cost=0)
    if not isinstance(error, (aiohttp.ClientError, OSError)):
        return None
    if call.reused and not call.status:
        retire()
    return _broken(call, "unavailable", f"the connection broke: {_reason(error)}")


def _broken(call: _Call, kind: ErrorKind, what: str) -> AgentError:
    """A call that broke off. One that a 4xx was the answer to is known, whatever became of its body."""
    if call.sent and 400 <= call.status < 500 and call.status != 408:
        return refusal(Complaint(call.status))
    return AgentError(kind, what, sent=call.sent, answered=False, cost=None if call.sent else 0)


def _reason(error: BaseException) -> str:
    """An OSError's own words: no address with a key in it, no repr of a library's object."""
    cause = getattr(error, "os_error", None) or error
    return str(getattr(cause, "strerror", None) or type(error).__name__)


if TYPE_CHECKING:
    _: type[Agent] = OpenAIAgent
