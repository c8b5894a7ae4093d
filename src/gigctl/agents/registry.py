"""The kinds of agents: a table of names, each loaded when one is opened."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping

from msgspec import Struct

from gigctl.agents.base import Agent
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry

__all__ = ["KINDS", "agent_version_hash", "open_agent"]


class Kind(Struct, frozen=True):
    """Where a kind's class is, and whether it runs programs (and so may need `unsafe_no_sandbox`)."""

    module: str
    name: str
    runs_programs: bool = False


KINDS: Mapping[str, Kind] = {
    "openai": Kind("gigctl.agents.openai_http", "OpenAIAgent"),
    "litellm": Kind("gigctl.agents.litellm_bridge", "LiteLLMAgent"),
    "local": Kind("gigctl.agents.local", "LocalAgent"),
    "command": Kind("gigctl.agents.command", "CommandAgent", runs_programs=True),
    "acp": Kind("gigctl.agents.acp", "AcpAgent", runs_programs=True),
    "manual": Kind("gigctl.agents.manual", "ManualAgent"),
    "scripted": Kind("gigctl.agents.scripted", "ScriptedAgent"),
}


def open_agent(entry: AgentEntry, *, environ: Mapping[str, str], unsafe_no_sandbox: bool = False) -> Agent:
    """The agent of an entry, not entered yet. Raises ConfigError where the entry can't be one."""
    kind = KINDS.get(entry.kind)
    if kind is None:
        raise ConfigError(f"agent {entry.name}: no kind {entry.kind!r}", f"kinds: {', '.join(KINDS)}")
    made = getattr(importlib.import_module(kind.module), kind.name)
    more = {"unsafe_no_sandbox": unsafe_no_sandbox} if kind.runs_programs else {}
    agent: Agent = made(entry, environ=environ, **more)
    return agent


def agent_version_hash(entry: AgentEntry) -> str:
    """SHA-256 in hex over what shapes the answers; prices, limits and time-outs don't."""
    shape = {
        "kind": entry.kind,
        "model": entry.model,
        "api_base": entry.api_base.rstrip("/"),
        "body": dict(entry.body),
        "argv": list(entry.argv),
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True, ensure_ascii=True, default=str).encode()).hexdigest()
