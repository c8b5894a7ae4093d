"""The litellm kind, the real litellm against a real server: one request a draft, and the same table."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from gigctl.agents.base import AgentError
from gigctl.agents.litellm_bridge import LiteLLMAgent, translate
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry, Draft, Part, Request
from support.llm_server import LLMServer, Reply, closed_port, status

# litellm's own; that gigctl stays quiet is tested in a process of its own below.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

KEY = "sk-very-secret-0123456789"
REQUEST = Request((Part("system", "translate"), Part("source", "Le prestataire livre.")), max_output=50)


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """litellm's variables are written for a process's life; here they end with the test."""
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


def entry_for(server: LLMServer, model: str = "openai/m-1", **more: Any) -> AgentEntry:
    made = AgentEntry("any", "litellm", model=model, api_base=server.url, key="env:K", timeout=5.0)
    return replace(made, **more)


def ask(entry: AgentEntry, request: Request = REQUEST, times: int = 1) -> Draft | AgentError:
    async def run() -> Draft | AgentError:
        async with LiteLLMAgent(entry, environ={"K": KEY}) as agent:
            try:
                return [await agent.draft(request) for _ in range(times)][-1]
            except AgentError as error:
                return error

    return asyncio.run(run())


@pytest.mark.parametrize("model", ["openai/m-1", "deepseek/deepseek-chat"])
def test_a_draft(server: LLMServer, model: str) -> None:
    found = ask(entry_for(server, model, price_in=10, price_out=1000), replace(REQUEST, temperature=0.0, seed=3))
    assert isinstance(found, Draft)
    assert found.content == "Le prestataire livre."
    assert found.usage is not None
    assert found.cost == found.usage.input * 10 + found.usage.output * 1000
    assert server.count == 1
    assert server.bodies[0]["max_tokens"] == 50
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_without_prices_litellm_knows_some(server: LLMServer) -> None:
    server.queue(Reply("hello", usage={"prompt_tokens": 1_000_000, "completion_tokens": 10}))
    found = ask(entry_for(server, "deepseek/deepseek-chat"))
    assert isinstance(found, Draft)
    assert found.cost is not None
    assert 10**10 < found.cost < 10**13
    found = ask(entry_for(server, "openai/nobody-knows"))
    assert isinstance(found, Draft)
    assert found.cost is None


@pytest.mark.parametrize("model", ["openai/m-1", "deepseek/deepseek-chat"])
@pytest.mark.parametrize(
    ("reply", "kind", "state"),
    [
        (status(401), "auth", "released"),
        (status(402), "no_credit", "released"),
        (status(403), "auth", "released"),
        (status(404), "refused", "released"),
        (status(429), "rate_limited", "released"),
        (status(429, code="insufficient_quota"), "no_credit", "released"),
        (status(400, code="context_length_exceeded"), "too_long", "released"),
        (status(500), "unavailable", "released"),
        (status(503), "overloaded", "released"),
        (status(408), "timeout", "unknown"),
        (status(504), "timeout", "unknown"),
        (Reply("x" * 99, cut=40), "unavailable", "unknown"),
        (Reply(drop=True), "unavailable", "unknown"),
        (Reply(None), "malformed", "settled"),
        (Reply("half", finish="length"), "cut", "settled"),
        (Reply("half", finish="content_filter"), "refused", "settled"),
    ],
    ids=lambda value: repr(value)[:50] if isinstance(value, Reply) else value,
)
def test_what_happened_to_a_call(server: LLMServer, model: str, reply: Reply, kind: str, state: str) -> None:
    server.queue(reply)
    error = ask(entry_for(server, model))
    assert isinstance(error, AgentError), error
    assert error.kind == kind
    assert error.sent
    assert error.unknown == (state == "unknown")
    assert (error.cost == 0) == (state == "released")
    assert server.count == 1, "retries are ours alone"


@pytest.mark.parametrize(
    "model",
    [
        "openai/m-1", "deepseek/deepseek-chat", "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash",
        "cohere_chat/command-r", "ollama_chat/m", "huggingface/m",
    ],
)  # fmt: skip
def test_a_redirect_is_not_followed(server: LLMServer, model: str) -> None:
    with LLMServer() as trap:
        server.queue(Reply(status=307, headers={"Location": f"{trap.url}/chat/completions"}))
        error = ask(entry_for(server, model))
        assert isinstance(error, AgentError)
        assert error.kind == "refused"
        assert (server.count, trap.connections) == (1, 0)


@pytest.mark.parametrize("answers", [True, False])
def test_no_call_is_told_to_litellms_callbacks(
    server: LLMServer, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program in the same environment, or a file that litellm reads, may have set one."""
    import litellm

    told: list[object] = []

    async def tell(*said: object) -> None:
        told.append(said)

    async def ask_and_wait() -> None:
        async with LiteLLMAgent(entry_for(server), environ={"K": KEY}) as agent:
            if answers:
                await agent.draft(REQUEST)
            else:
                with pytest.raises(AgentError):
                    await agent.draft(REQUEST)
            await asyncio.sleep(0.5)  # litellm's own worker tells what it has to tell

    for name in ("success_callback", "failure_callback", "_async_success_callback", "_async_failure_callback"):
        monkeypatch.setattr(litellm, name, [tell])
    if not answers:
        server.queue(status(400))
    asyncio.run(ask_and_wait())
    assert told == []


def test_never_answers(server: LLMServer) -> None:
    server.queue(Reply(hang=True))
    error = ask(entry_for(server, timeout=0.5))
    assert isinstance(error, AgentError)
    assert (error.kind, error.unknown, server.count) == ("timeout", True, 1)


def test_no_connection_was_never_sent(server: LLMServer) -> None:
    error = ask(entry_for(server, api_base=f"http://127.0.0.1:{closed_port()}/v1"))
    assert isinstance(error, AgentError)
    assert (error.kind, error.sent, error.cost) == ("unavailable", False, 0)


def test_retry_after_and_no_key_in_errors(server: LLMServer) -> None:
    server.queue(status(429, f"{KEY} is too fast", retry_after=2))
    error = ask(entry_for(server, "deepseek/deepseek-chat"))
    assert isinstance(error, AgentError)
    assert error.retry_after == 2.0
    assert KEY not in f"{error!r} {error.message}"


def test_an_exception_that_nobody_knows_is_unavailable_and_unknown() -> None:
    error = translate(KeyError("content"), 0.0)
    assert (error.kind, error.unknown) == ("unavailable", True)


def test_walls() -> None:
    with pytest.raises(ConfigError, match="not loopback"):
        LiteLLMAgent(AgentEntry("a", "litellm", model="m", api_base="http://192.0.2.7/v1", local=True), environ={})
    with pytest.raises(ConfigError):
        LiteLLMAgent(AgentEntry("a", "litellm", model="m", local=True), environ={})
    with pytest.raises(ConfigError, match="num_retries"):
        LiteLLMAgent(AgentEntry("a", "litellm", model="m", body={"num_retries": 3}), environ={})


def test_it_is_quiet_in_a_process_of_its_own_and_no_proxy_sees_loopback(server: LLMServer) -> None:
    code = f"""
import asyncio, sys
from gigctl.agents.registry import open_agent
from gigctl.agents.base import AgentError
from gigctl.model import AgentEntry, Part, Request
async def main():
    entry = AgentEntry("a", "litellm", model="openai/m", api_base={server.url!r}, key="env:K")
    agent = open_agent(entry, environ={{"K": "sk-1"}})
    assert "litellm" not in sys.modules
    async with agent:
        print((await agent.draft(Request((Part("source", "bonjour"),)))).content)
        try:
            await agent.draft(Request((Part("source", "bonjour"),)))
        except AgentError as error:
            print(error.kind)
asyncio.run(main())
"""
    server.queue("hello", status(500))
    closed = f"http://127.0.0.1:{closed_port()}"
    env = {**os.environ, "HTTP_PROXY": closed, "http_proxy": closed}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert (done.stdout, done.stderr, done.returncode) == ("hello\nunavailable\n", "", 0)
