"""What holds for every kind of agent that is registered."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gigctl.agents.base import Agent, AgentError
from gigctl.agents.registry import KINDS, open_agent
from gigctl.errors import GigctlError
from gigctl.model import AgentEntry, Draft, Part, Request
from gigctl.system.sandbox import Sandbox, find_sandbox
from support.acp_agents import acp_entry
from support.embedded_model import EmbeddedModel
from support.llm_server import LLMServer

REQUEST = Request((Part("system", "echo"), Part("source", "Le prestataire livre à l'heure.")), max_output=64)
TO_A_MODEL = Request((Part("source", "Answer with the single word: ready"),), max_output=512, temperature=0.0)
"""What a small model answers in one word; the limit is far above it, because a cut answer is an error."""
Make = Callable[[LLMServer], AgentEntry]

ENTRIES: dict[str, Make] = {
    "openai": lambda server: AgentEntry("a", "openai", model="m", api_base=server.url, price_in=3, price_out=9),
    "litellm": lambda server: AgentEntry("a", "litellm", "openai/m", server.url, "env:K", price_in=3, price_out=9),
    "command": lambda server: AgentEntry("a", "command", argv=("cat",), price_run=11),
    "acp": lambda server: acp_entry("echo", price_run=11),
    "manual": lambda server: AgentEntry("a", "manual"),
    "scripted": lambda server: AgentEntry("a", "scripted", price_in=3, price_out=9),
    "local": lambda server: AgentEntry("a", "local", price_in=3, price_out=9),
}
"""One that works for each kind; all but the embedded model echo."""


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer() as running:
        yield running


@pytest.fixture(
    params=[pytest.param(kind, marks=pytest.mark.model) if kind == "local" else kind for kind in sorted(ENTRIES)]
)
def entry(request: pytest.FixtureRequest, server: LLMServer, monkeypatch: pytest.MonkeyPatch) -> AgentEntry:
    if request.param in ("command", "acp") and not isinstance(find_sandbox(), Sandbox):
        pytest.skip("no sandbox works here")
    if request.param == "acp":
        pytest.importorskip("acp", reason="agent-client-protocol is not installed")
    if request.param == "local":  # skips without the model, and says so
        found: EmbeddedModel = request.getfixturevalue("embedded_model")
        for name, value in found.environ().items():
            monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy", "LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_MODE"):
        monkeypatch.setenv(name, "True")  # litellm's kind writes these: monkeypatch takes them back
    return ENTRIES[request.param](server)


def opened(entry: AgentEntry) -> Agent:
    seen = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or "GIGCTL_" in name}
    return open_agent(entry, environ={"K": "sk-1", **seen})


def question(entry: AgentEntry) -> tuple[Request, str]:
    """A request, and what its answer holds in small letters."""
    if entry.kind == "local":
        return TO_A_MODEL, "ready"
    return REQUEST, "le prestataire livre à l'heure."


async def drafts(agent: Agent, request: Request, times: int = 1) -> list[Draft | AgentError]:
    out: list[Draft | AgentError] = []
    async with agent:
        for _ in range(times):
            try:
                out.append(await agent.draft(request))
            except AgentError as error:
                out.append(error)
    return out


def test_every_kind_is_tried() -> None:
    assert set(ENTRIES) == set(KINDS)


@pytest.mark.filterwarnings("ignore")
def test_a_draft_is_plain_data_within_its_bound(entry: AgentEntry, tmp_path: Path) -> None:
    agent = opened(entry)
    asked, answered = question(entry)
    bound = agent.bound(asked)
    assert bound is not None
    (found,) = asyncio.run(drafts(agent, asked))
    if entry.kind == "manual":
        assert isinstance(found, AgentError)
        assert not found.sent
        assert bound == 0
        return
    assert isinstance(found, Draft), found
    assert answered in found.content.lower()
    assert found.model
    assert found.cost is not None
    assert 0 < found.cost <= bound


@pytest.mark.filterwarnings("ignore")
def test_one_call_is_one_request_and_an_agent_can_be_asked_again(entry: AgentEntry, server: LLMServer) -> None:
    asked, answered = question(entry)
    found = asyncio.run(drafts(opened(entry), asked, 3))
    assert len(found) == 3
    assert server.count == (3 if entry.api_base else 0)
    if entry.kind == "manual":
        assert not any(isinstance(each, Draft) for each in found)
        return
    contents = [each.content for each in found if isinstance(each, Draft)]
    assert len(contents) == 3, found
    assert all(answered in content.lower() for content in contents)
    # At temperature 0 a model may still word it otherwise once its cache is warm.
    assert entry.kind == "local" or len(set(contents)) == 1


def test_the_bound_grows_with_the_request_and_is_known_without_a_call(entry: AgentEntry, server: LLMServer) -> None:
    agent = opened(entry)
    longer = replace(REQUEST, parts=(*REQUEST.parts, Part("note", "x" * 1000)), max_output=1000)
    small, large = agent.bound(REQUEST), agent.bound(longer)
    assert small is not None
    assert large is not None
    assert small <= large
    assert (small < large) == (entry.price_in is not None)
    assert server.connections == 0


def test_an_unknown_price_is_unknown(entry: AgentEntry) -> None:
    unpriced = replace(entry, price_in=None, price_out=None, price_run=None)
    assert opened(unpriced).bound(REQUEST) == (0 if unpriced.is_local else None)


def test_entries_are_kept_as_they_were(entry: AgentEntry) -> None:
    assert opened(entry).entry == entry


def test_it_is_an_agent(entry: AgentEntry) -> None:
    agent = opened(entry)
    for name in ("__aenter__", "__aexit__", "draft"):
        assert inspect.iscoroutinefunction(getattr(agent, name)), name
    assert not inspect.iscoroutinefunction(agent.bound)


@pytest.mark.parametrize("kind", sorted({"openai", "litellm", "command", "acp"}))
def test_a_wrong_entry_is_a_sentence_with_the_agents_name(kind: str) -> None:
    wrong = AgentEntry("wrong", kind, model="m", api_base="ftp://x", key="env:NOT_SET")
    with pytest.raises(GigctlError, match="wrong"):
        opened(wrong)
