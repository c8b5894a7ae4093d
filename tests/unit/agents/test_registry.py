"""The table of kinds, and what makes an agent another one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gigctl.agents.registry import agent_version_hash, open_agent
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry

ENTRY = AgentEntry("a", "openai", model="m", api_base="http://127.0.0.1:1/v1")
SHAPING = {"kind": "litellm", "model": "n", "api_base": "http://x/v1", "body": {"top_p": 1}, "argv": ("x",)}
OTHER = {
    "name": "b",
    "key": "env:K",
    "rpm": 1,
    "tpm": 1,
    "concurrency": 1,
    "price_in": 1,
    "price_out": 1,
    "price_cached": 1,
    "price_run": 1,
    "headers": {"a": "env:B"},
    "timeout": 1.0,
    "local": True,
    "allow": ("x",),
    "env": ("X",),
    "window": 1,
}


def test_every_field_is_on_one_side() -> None:
    assert set(AgentEntry.__struct_fields__) == SHAPING.keys() | OTHER.keys()


@pytest.mark.parametrize("name", SHAPING)
def test_what_shapes_answers_makes_another_version(name: str) -> None:
    assert agent_version_hash(replace(ENTRY, **{name: SHAPING[name]})) != agent_version_hash(ENTRY)


@pytest.mark.parametrize("name", OTHER)
def test_what_does_not_keeps_it(name: str) -> None:
    assert agent_version_hash(replace(ENTRY, **{name: OTHER[name]})) == agent_version_hash(ENTRY)


def test_the_hash_is_stable() -> None:
    same = replace(ENTRY, body={"b": 1, "a": 2}, api_base=ENTRY.api_base + "/")
    assert agent_version_hash(same) == agent_version_hash(replace(ENTRY, body={"a": 2, "b": 1}))
    assert len(agent_version_hash(ENTRY)) == 64


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no kind 'oracle'") as caught:
        open_agent(replace(ENTRY, kind="oracle"), environ={})
    assert "scripted" in (caught.value.hint or "")
