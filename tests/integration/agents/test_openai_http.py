"""The openai kind against a real server over real sockets: DESIGN's table, row by row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from gigctl.agents.base import AgentError
from gigctl.agents.openai_http import OpenAIAgent
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry, Draft, Part, Request, Usage
from support.llm_server import LLMServer, Reply, closed_port, status

KEY = "sk-very-secret-0123456789"
REQUEST = Request((Part("system", "translate"), Part("source", "Le prestataire livre.")), max_output=50)


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer() as running:
        yield running


def entry_for(server: LLMServer, **more: Any) -> AgentEntry:
    made = AgentEntry("gpt", "openai", model="m-1", api_base=server.url, key="env:K", timeout=5.0)
    return replace(made, **more)


def ask(entry: AgentEntry, *requests: Request, **environ: str) -> list[Draft | AgentError]:
    async def run() -> list[Draft | AgentError]:
        out: list[Draft | AgentError] = []
        async with OpenAIAgent(entry, environ={"K": KEY, **environ}) as agent:
            for request in requests or (REQUEST,):
                try:
                    out.append(await agent.draft(request))
                except AgentError as error:
                    out.append(error)
        return out

    return asyncio.run(run())


def failure(entry: AgentEntry, **environ: str) -> AgentError:
    (found,) = ask(entry, **environ)
    assert isinstance(found, AgentError), found
    return found


def draft(entry: AgentEntry, request: Request = REQUEST) -> Draft:
    (found,) = ask(entry, request)
    assert isinstance(found, Draft), found
    return found


# --- what is sent ---


def test_what_is_sent(server: LLMServer) -> None:
    schema = '{"type": "object"}'
    request = replace(REQUEST, temperature=0.5, seed=7, schema=schema)
    (found,) = ask(entry_for(server, body={"top_p": 0.9}, headers={"X-Org": "env:ORG"}), request, ORG="me")
    assert isinstance(found, Draft)
    (asked,) = server.requests
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert (asked.headers["authorization"], asked.headers["x-org"]) == (f"Bearer {KEY}", "me")
    assert asked.json == {
        "model": "m-1",
        "messages": [{"role": "system", "content": "translate"}, {"role": "user", "content": "Le prestataire livre."}],
        "max_tokens": 50,
        "temperature": 0.5,
        "seed": 7,
        "top_p": 0.9,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": json.loads(schema)},
        },
    }


@pytest.mark.parametrize("name", ["messages", "model", "n", "stream", "max_tokens"])
def test_a_body_may_not_void_the_bound(server: LLMServer, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        OpenAIAgent(entry_for(server, body={name: 2}), environ={"K": KEY})


def test_a_model_that_wants_the_other_name_is_asked_once_more_and_never_again(server: LLMServer) -> None:
    server.queue(
        status(400, "Unsupported parameter: 'max_tokens' is not supported with this model", param="max_tokens")
    )
    found = ask(entry_for(server), REQUEST, REQUEST)
    assert all(isinstance(each, Draft) for each in found)
    sent = [{"max_tokens", "max_completion_tokens"} & set(body) for body in server.bodies]
    assert sent == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


def test_a_server_that_wants_neither_name_is_not_asked_for_ever(server: LLMServer) -> None:
    server.script = lambda asked: status(400, "Unsupported parameter: max_tokens temperature seed")
    assert failure(entry_for(server)).kind == "refused"
    assert server.count <= 4


# --- what comes back ---


@pytest.mark.parametrize(
    "reply",
    [
        Reply("hello"),
        Reply("hello", bom=True),
        Reply("hello", content_type="text/plain; charset=latin-1"),
        Reply("hello", events=True),
        Reply("hello", pieces=9, piece_delay=0.005),
        Reply("hello", message={"reasoning_content": "hm"}),
        Reply("hello", usage={"prompt_tokens": 0, "completion_tokens": 1}),
        Reply("hello", usage=None),
    ],
    ids=lambda reply: repr(reply)[20:60],
)
def test_odd_answers_are_read(server: LLMServer, reply: Reply) -> None:
    server.queue(reply)
    assert draft(entry_for(server)).content == "hello"


def test_usage_cost_and_model(server: LLMServer) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 900}}
    server.queue(Reply("hello", usage=usage, more={"model": "m-1-2026"}))
    found = draft(entry_for(server, price_in=150_000, price_out=600_000))
    assert (found.usage, found.cost, found.model) == (Usage(1000, 20, 900), 162_000_000, "m-1-2026")


def test_missing_usage_is_left_to_the_bound(server: LLMServer) -> None:
    server.queue(Reply("hello", usage=None), Reply("hello", usage={"prompt_tokens": 0, "completion_tokens": 3}))
    for found in ask(entry_for(server, price_in=1, price_out=1), REQUEST, REQUEST):
        assert isinstance(found, Draft)
        assert (found.usage, found.cost) == (None, None)


@pytest.mark.parametrize(
    ("reply", "kind", "state"),
    [
        (status(401), "auth", "released"),
        (status(403), "auth", "released"),
        (status(402), "no_credit", "released"),
        (status(429), "rate_limited", "released"),
        (status(429, code="insufficient_quota"), "no_credit", "released"),
        (status(500), "unavailable", "released"),
        (status(502), "unavailable", "released"),
        (status(503), "overloaded", "released"),
        (status(529), "overloaded", "released"),
        (status(400, code="context_length_exceeded"), "too_long", "released"),
        (status(413), "too_long", "released"),
        (status(400, "content_policy_violation"), "refused", "released"),
        (status(404), "refused", "released"),
        (status(408), "timeout", "unknown"),
        (status(504), "timeout", "unknown"),
        (Reply("x" * 99, cut=40), "unavailable", "unknown"),
        (Reply("x" * 99, cut=0), "unavailable", "unknown"),
        (Reply("x" * 99, pieces=3, cut=80), "unavailable", "unknown"),
        (Reply(status=500, cut=2), "unavailable", "unknown"),
        (Reply(status=401, cut=2), "auth", "released"),
        (Reply(drop=True), "unavailable", "unknown"),
        (Reply(garbage=b"SSH-2.0-x\r\n\r\n"), "unavailable", "unknown"),
        (Reply(None), "malformed", "settled"),
        (Reply(None, message={"reasoning_content": "hm"}), "malformed", "settled"),
        (Reply("half", finish="length"), "cut", "settled"),
        (Reply("half", finish="content_filter"), "refused", "settled"),
        (Reply(body=b"\xff\xfe\xff"), "malformed", "settled"),
        (Reply(body=b'{"error": {"message": "x", "code": 429}}'), "rate_limited", "settled"),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, Reply) else value,
)
def test_what_happened_to_a_call(server: LLMServer, reply: Reply, kind: str, state: str) -> None:
    server.queue(reply)
    error = failure(entry_for(server))
    assert error.kind == kind
    assert error.sent
    assert error.unknown == (state == "unknown")
    assert (error.cost == 0) == (state == "released")
    assert server.count == 1


def test_never_answers(server: LLMServer) -> None:
    server.queue(Reply(hang=True), Reply("late", pieces=9, piece_delay=0.2))
    for found in ask(entry_for(server, timeout=0.3), REQUEST, REQUEST):
        assert isinstance(found, AgentError)
        assert (found.kind, found.unknown, found.cost) == ("timeout", True, None)


def test_no_connection_was_never_sent() -> None:
    entry = AgentEntry("gpt", "openai", api_base=f"http://127.0.0.1:{closed_port()}/v1")
    error = failure(entry)
    assert (error.kind, error.sent, error.cost) == ("unavailable", False, 0)


def test_tls_that_fails_was_never_sent(server: LLMServer) -> None:
    error = failure(entry_for(server, api_base=server.url.replace("http:", "https:"), timeout=0.5))
    assert (error.kind, error.sent) == ("unavailable", False)
    assert server.count == 0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("2", 2.0), ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0)],
)
def test_retry_after(server: LLMServer, said: str, seconds: float) -> None:
    async def run() -> AgentError:
        async with OpenAIAgent(entry_for(server), environ={"K": KEY}, now=lambda: 1_800_000_000.0) as agent:
            with pytest.raises(AgentError) as caught:
                await agent.draft(REQUEST)
        return caught.value

    server.queue(status(429, retry_after=said))
    assert asyncio.run(run()).retry_after == seconds


def test_an_answer_without_end_is_malformed_and_paid(server: LLMServer) -> None:
    async def run() -> AgentError:
        async with OpenAIAgent(entry_for(server), environ={"K": KEY}, longest=2**20) as agent:
            with pytest.raises(AgentError) as caught:
                await agent.draft(REQUEST)
        return caught.value

    server.queue(Reply(body=b" " * 2**21))
    error = asyncio.run(run())
    assert (error.kind, error.unknown, error.cost) == ("malformed", False, None)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: LLMServer, code: int) -> None:
    with LLMServer() as trap:
        server.queue(Reply(status=code, headers={"Location": f"{trap.url}/chat/completions"}))
        assert failure(entry_for(server)).kind == "refused"
        assert (server.count, trap.count, trap.connections) == (1, 0, 0)


def test_a_prompt_that_was_silently_cut_is_noticed(server: LLMServer) -> None:
    long = replace(REQUEST, parts=(Part("source", "un mot après l'autre " * 500),))
    server.queue(Reply("ok", usage={"prompt_tokens": 1024, "completion_tokens": 5}))
    (error,) = ask(entry_for(server, price_in=1, price_out=1), long)
    assert isinstance(error, AgentError)
    assert (error.kind, error.cost, error.unknown) == ("cut", 1029, False)
    server.queue(Reply("ok", usage={"prompt_tokens": 0, "completion_tokens": 5}), Reply("ok"))
    assert all(isinstance(found, Draft) for found in ask(entry_for(server), long, long))


def test_what_can_not_fit_is_never_sent(server: LLMServer) -> None:
    long = replace(REQUEST, parts=(Part("source", "mot " * 500),))
    (error,) = ask(entry_for(server, window=400), long)
    assert isinstance(error, AgentError)
    assert (error.kind, error.sent, server.count) == ("too_long", False, 0)


# --- connections ---


def test_a_server_that_closes_kept_connections_costs_one_call_at_most(server: LLMServer) -> None:
    server.script = lambda asked: Reply("ok", close_idle=0.0)
    found = ask(entry_for(server), *[REQUEST] * 12)
    assert sum(isinstance(each, AgentError) for each in found) <= 1


def test_after_a_reset_no_connection_is_kept(server: LLMServer) -> None:
    server.queue("one", Reply(drop=True))
    found = ask(entry_for(server), *[REQUEST] * 5)
    assert [isinstance(each, Draft) for each in found] == [True, False, True, True, True]
    assert isinstance(found[1], AgentError)
    assert found[1].unknown, "nobody can prove that it was not read"
    numbers = [asked.connection for asked in server.requests]
    assert numbers[0] == numbers[1]
    assert len(set(numbers[1:])) == 4


def test_connections_are_shared_while_all_is_well(server: LLMServer) -> None:
    ask(entry_for(server), *[REQUEST] * 5)
    assert server.connections == 1


def test_many_at_once(server: LLMServer) -> None:
    server.latency = 0.05

    async def run() -> list[Draft]:
        async with OpenAIAgent(entry_for(server), environ={"K": KEY}) as agent:
            return await asyncio.gather(*(agent.draft(REQUEST) for _ in range(200)))

    assert len(asyncio.run(run())) == server.count == 200
    assert server.peak > 50


# --- walls ---


def test_a_local_agent_must_be_on_loopback() -> None:
    entry = AgentEntry("l", "openai", api_base="http://192.0.2.7/v1", local=True)
    with pytest.raises(ConfigError, match="not loopback"):
        OpenAIAgent(entry, environ={})


def test_a_local_agent_uses_no_proxy(server: LLMServer) -> None:
    with LLMServer() as proxy:
        address = proxy.url.removesuffix("/v1")
        for local in (True, False):
            (found,) = ask(entry_for(server, local=local), HTTP_PROXY=address, http_proxy=address, ALL_PROXY=address)
            assert isinstance(found, Draft)
        assert (server.count, proxy.connections) == (2, 0)


def test_a_remote_agent_uses_the_environments_proxy() -> None:
    with LLMServer(lambda asked: "by proxy") as proxy:
        entry = AgentEntry("gpt", "openai", model="m", api_base="http://api.example.com/v1")
        (found,) = ask(entry, HTTP_PROXY=proxy.url.removesuffix("/v1"))
        assert isinstance(found, Draft)
        assert found.content == "by proxy"
        assert proxy.requests[0].path == "http://api.example.com/v1/chat/completions"


def test_a_proxy_that_is_not_there_was_never_sent() -> None:
    entry = AgentEntry("gpt", "openai", model="m", api_base="http://api.example.com/v1")
    error = failure(entry, HTTP_PROXY=f"http://127.0.0.1:{closed_port()}")
    assert (error.kind, error.sent) == ("unavailable", False)


@pytest.mark.parametrize(
    "reply", [status(401, f"bad key {KEY}"), status(500, KEY), Reply("x", message={"refusal": KEY})]
)
def test_no_error_holds_the_key(server: LLMServer, reply: Reply) -> None:
    server.queue(reply)
    error = failure(entry_for(server))
    assert "[key]" in error.message
    assert KEY not in f"{error!r} {error.message} {error.args}"


def test_a_missing_key_names_the_variable(server: LLMServer) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIAgent(entry_for(server, key="env:NOT_SET"), environ={})
    assert "NOT_SET" in (caught.value.hint or "")


def test_a_cancelled_call_ends_at_once(server: LLMServer) -> None:
    server.queue(Reply(hang=True))

    async def run() -> None:
        async with OpenAIAgent(entry_for(server, timeout=60.0), environ={"K": KEY}) as agent:
            async with asyncio.timeout(0.2):
                await agent.draft(REQUEST)

    with pytest.raises(TimeoutError):
        asyncio.run(run())
