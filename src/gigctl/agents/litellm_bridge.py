"""Kind `litellm`: providers that don't speak the OpenAI protocol, through litellm.

litellm takes seconds and 200 MB to import, so that only entering an agent imports it. Retries, redirects, telemetry and
its network look-ups are off: one call of `draft` is one HTTP request.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gigctl.agents.base import Agent, AgentError, ErrorKind, bound_by_tokens, cost_of
from gigctl.agents.endpoint import chat_url, find_key, get_headers, redact
from gigctl.agents.failures import Complaint, find_retry_after, one_line, refusal
from gigctl.agents.openai_answer import Answer, picodollars, read_complaint, read_completion
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry, Draft, Request

__all__ = ["LiteLLMAgent"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_OURS = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "stream", "n", "num_retries", "max_retries", "timeout"}
    | {"api_key", "api_base", "base_url", "extra_headers", "client", "callbacks", "mock_response"}
    | {"fallbacks", "context_window_fallback_dict"}
)
"""What an entry's body may not set: each would void a call's bound, its form, or where it goes."""

_KINDS: Mapping[str, tuple[ErrorKind, bool]] = {
    "AuthenticationError": ("auth", True),
    "PermissionDeniedError": ("auth", True),
    "PaymentRequiredError": ("no_credit", True),
    "BudgetExceededError": ("no_credit", True),
    "RateLimitError": ("rate_limited", True),
    "ContextWindowExceededError": ("too_long", True),
    "ContentPolicyViolationError": ("refused", True),
    "UnsupportedParamsError": ("refused", True),
    "NotFoundError": ("refused", True),
    "UnprocessableEntityError": ("refused", True),
    "BadRequestError": ("refused", True),
    "ServiceUnavailableError": ("overloaded", True),
    "JSONSchemaValidationError": ("malformed", True),
    "APIResponseValidationError": ("malformed", True),
    "Timeout": ("timeout", False),
    "InternalServerError": ("unavailable", False),
    "APIConnectionError": ("unavailable", False),
}
"""litellm's exceptions by name: our kind, and whether a whole answer is behind it. Any other is unavailable, unknown.

Asked only where no HTTP answer is in the exception's chain: litellm calls a broken connection an InternalServerError.
"""
_UNSENT = frozenset({"ConnectError", "ConnectTimeout", "ClientConnectorError", "ClientConnectorDNSError"})
_BROKEN = frozenset(
    {"APITimeoutError", "ReadTimeout", "WriteTimeout", "ReadError", "WriteError", "RemoteProtocolError"}
)

_drafting: ContextVar[bool] = ContextVar("_drafting", default=False)


class LiteLLMAgent:
    """A model that litellm reaches; without a key of its own, litellm looks for the provider's usual variable."""

    def __init__(self, entry: AgentEntry, *, environ: Mapping[str, str]) -> None:
        """Raises ConfigError where the entry can't be used."""
        self.entry = entry
        self._environ = environ
        self._headers = get_headers(entry, environ)
        self._key: str | None = None if entry.key == "keyring" else find_key(entry, environ)
        self._litellm: Any = None
        if entry.is_local or entry.api_base:
            chat_url(entry)
        if forbidden := sorted(_OURS & set(entry.body)):
            raise ConfigError(
                f"agent {entry.name}: body can't set {', '.join(forbidden)}", "the request itself decides these"
            )

    async def __aenter__(self) -> Self:
        if self.entry.key == "keyring":
            self._key = find_key(self.entry, self._environ)
        self._litellm = load_litellm()
        _make_known(self._litellm, self.entry)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._litellm is not None:
            # Clients of any SDK, which another agent may have closed: what they raise by then is of no family.
            with contextlib.suppress(Exception):
                await self._litellm.close_litellm_async_clients()
        self._litellm = None

    def bound(self, request: Request) -> int | None:
        return bound_by_tokens(self.entry, request)

    async def draft(self, request: Request) -> Draft:
        started = time.monotonic()
        response = await self._call(request)
        answer = self._read(response, request)
        return Draft(
            content=answer.content,
            usage=answer.usage,
            cost=self._cost(answer, response),
            model=answer.model or self.entry.model,
            finish=answer.finish,
            seconds=time.monotonic() - started,
        )

    async def _call(self, request: Request) -> Any:
        if self._litellm is None:
            raise RuntimeError("an agent is used inside `async with`")
        token = _drafting.set(True)
        try:
            with _told_to_nobody():
                return await self._call_in_time(request)
        finally:
            _drafting.reset(token)

    async def _call_in_time(self, request: Request) -> Any:
        try:
            async with asyncio.timeout(self.entry.timeout):
                return await self._litellm.acompletion(**self._arguments(request))
        except TimeoutError as error:
            raise AgentError("timeout", "no whole answer in time", answered=False) from error
        # litellm raises its own errors, those of a dozen SDKs and its own bugs; each is a call that has to be settled.
        except Exception as error:
            raise self._redacted(translate(error, time.time())) from error

    def _arguments(self, request: Request) -> dict[str, Any]:
        entry = self.entry
        wanted: dict[str, Any] = {
            "temperature": request.temperature,
            "seed": request.seed,
            "api_base": entry.api_base or None,
            "api_key": self._key,
            "extra_headers": self._headers or None,
        }
        if request.schema is not None:
            schema = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
            wanted["response_format"] = {"type": "json_schema", "json_schema": schema}
        return {
            "model": entry.model,
            "messages": request.messages(),
            "max_tokens": request.max_output,
            "timeout": entry.timeout,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
            **{name: value for name, value in wanted.items() if value is not None},
            **entry.body,
        }

    def _read(self, response: Any, request: Request) -> Answer:
        try:
            return read_completion(response.model_dump(), request.max_output)
        except AgentError as error:
            if error.cost is None and error.usage is not None:
                error.cost = cost_of(self.entry, error.usage)
            raise self._redacted(error) from None

    def _cost(self, answer: Answer, response: Any) -> int | None:
        """By the entry's prices; where it has none, by what litellm makes of the usage."""
        cost = cost_of(self.entry, answer.usage)
        if cost is not None or answer.usage is None:
            return cost
        try:
            dollars = Decimal(str(self._litellm.completion_cost(completion_response=response)))
        except Exception:  # noqa: BLE001  # for an unknown model litellm raises `Exception` itself
            return None
        # Fifteen places: what a float adds beyond them is noise.
        return picodollars(dollars.quantize(Decimal("1e-15"))) if dollars > 0 else None

    def _redacted(self, error: AgentError) -> AgentError:
        secrets = tuple(value for value in (self._key, *self._headers.values()) if value)
        error.message = redact(error.message, secrets)
        error.args = (error.message,)
        return error


# --- litellm's manners ---


def load_litellm() -> Any:
    """litellm, imported so that it neither calls out nor speaks; the environment is written for this process."""
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_MODE="PRODUCTION")
    for name in ("NO_PROXY", "no_proxy"):
        listed = [word for word in os.environ.get(name, "").split(",") if word]
        os.environ[name] = ",".join(dict.fromkeys([*listed, *_LOOPBACK]))
    # pydantic finds fault with litellm's types now and then, also long after the import.
    warnings.filterwarnings("ignore", module=r"(pydantic|litellm|openai)(\.|$)")
    with _uncollected():
        import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_hf_tokenizer_download = True  # its token counter would fetch one for Llama's names
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    _refuse_redirects()
    return litellm


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector; what is there at the end is never looked at again. An import makes no garbage, and
    the collector would go through a million objects for every few that a call leaves."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


@contextlib.contextmanager
def _told_to_nobody() -> Iterator[None]:
    """No call is told to litellm's callbacks, which a user's other programs may have set: it may hold a client's text.

    It is litellm's own way for a call within a call, and takes a fifth of a call's time off. A litellm without it does
    what it is told by `turn_off_message_logging`.
    """
    from litellm import _internal_context

    with getattr(_internal_context, "internal_sub_call", contextlib.nullcontext)():
        yield


def _make_known(litellm: Any, entry: AgentEntry) -> None:
    """A model that litellm's table lacks is looked for in it anew at every call, in a dozen ways. Without a price here:
    what it costs is the entry's to say."""
    if entry.model not in litellm.model_cost and entry.api_base:
        litellm.register_model({entry.model: {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}})


def _refuse_redirects() -> None:
    """Redirects are refused inside `draft`: litellm follows them, body and all, and has no setting for it.

    This reaches into httpx, since no public way covers the providers (tried with litellm 1.110, a trap behind a 307):
    an own `client` that follows nothing breaks those that go through the OpenAI SDK and is ignored by cohere,
    `aclient_session` is those few's alone, and `shared_session` misses anthropic, gemini, bedrock and azure. An httpx
    without this place is refused, and a test with that trap fails on the day that it no longer holds.
    """
    import httpx
    from httpx._client import BaseClient

    if not hasattr(BaseClient, "_build_redirect_request"):
        raise ConfigError(
            f"httpx {httpx.__version__} follows redirects in a way that can't be refused here",
            "pip install 'httpx<0.29', or reach the model at an endpoint that speaks the OpenAI protocol (--api-base)",
        )
    original = BaseClient._build_redirect_request
    if getattr(original, "refuses", False):
        return

    def build(self: BaseClient, request: httpx.Request, response: httpx.Response) -> httpx.Request:
        if _drafting.get():
            raise httpx.TooManyRedirects("redirects are not followed", request=request)
        return original(self, request, response)

    build.refuses = True  # type: ignore[attr-defined]
    BaseClient._build_redirect_request = build  # type: ignore[method-assign]


# --- its exceptions ---


def translate(error: Exception, now: float) -> AgentError:
    """What an exception of litellm's means, from the HTTP answer beneath it where there is one. `now`: s since 1970."""
    chain = list(_chain(error))
    names = {base.__name__ for each in chain for base in type(each).__mro__}
    if "TooManyRedirects" in names:
        return AgentError("refused", "redirects are not followed, see api-base", cost=0)
    if names & _UNSENT:
        return AgentError("unavailable", "no connection", sent=False, cost=0)
    response = next((each.response for each in chain if _is_answer(each)), None)  # type: ignore[attr-defined]
    if response is not None:
        return _from_response(response, now)
    words = one_line(str(error).split("Traceback (most recent", 1)[0])
    kind, answered = next(
        (_KINDS[base.__name__] for base in type(error).__mro__ if base.__name__ in _KINDS), ("unavailable", False)
    )
    return AgentError(kind, words, answered=answered and not names & _BROKEN)


def _from_response(response: Any, now: float) -> AgentError:
    try:
        body = bytes(response.content)
    except (RuntimeError, TypeError):  # a body that was not read, or was streamed elsewhere
        body = b""
    said = read_complaint(response.status_code, body) if body else Complaint(response.status_code)
    headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
    return refusal(said, retry_after=find_retry_after(headers, now))


def _is_answer(error: BaseException) -> bool:
    return any(base.__name__ == "HTTPStatusError" for base in type(error).__mro__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__


if TYPE_CHECKING:
    _: type[Agent] = LiteLLMAgent
