"""Agents as a use case: add, list, try and remove who drafts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gigctl.config import BUILT_IN, agent_table, load_agents, read_agent
from gigctl.errors import AgentFailed, ConfigError, TemporaryError, UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.settings import locked
from gigctl.ledger import limits
from gigctl.model import AgentEntry, Part, Request, Usage
from gigctl.system.files import write_atomic

__all__ = [
    "PROVIDERS",
    "Trial",
    "add_agent",
    "clear_overspent",
    "find_key_source",
    "find_overspent",
    "get_agent",
    "guess_kind",
    "note_recovery",
    "remove_agent",
    "try_agent",
]


class Provider(Struct, frozen=True):
    """One that speaks the OpenAI protocol: its address, and the variable that usually holds its key."""

    api_base: str
    variable: str = ""


# From the providers' own API references; the names are those that litellm's models begin with.
PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "mistral": Provider("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "deepseek": Provider("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "groq": Provider("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "together_ai": Provider("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "xai": Provider("https://api.x.ai/v1", "XAI_API_KEY"),
    "fireworks_ai": Provider("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "ollama": Provider("http://127.0.0.1:11434/v1"),
    "lm_studio": Provider("http://127.0.0.1:1234/v1"),
    "llamacpp": Provider("http://127.0.0.1:8080/v1"),
    "vllm": Provider("http://127.0.0.1:8000/v1"),
}
_ALIASES = {"lmstudio": "lm_studio", "together": "together_ai", "fireworks": "fireworks_ai", "llama.cpp": "llamacpp"}


def guess_kind(table: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """The options of `agent add` made whole: ARGV means a command, an address or a known provider `openai`, else
    `litellm`. A provider's usual variable is named as the key where the environment has it."""
    out = dict(table)
    if "kind" in out:
        return _with_address(out, env) if out["kind"] == "openai" else out
    if "argv" in out:
        return {"kind": "command", **out}
    if "api-base" in out:
        return {"kind": "openai", **out}
    known = _with_address(out, env)
    if "api-base" in known:
        return {"kind": "openai", **known}
    return {"kind": "litellm", **out} if "model" in out else out


def _with_address(table: dict[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    name, slash, model = str(table.get("model", "")).partition("/")
    provider = PROVIDERS.get(_ALIASES.get(name, name)) if slash else None
    if provider is None or "api-base" in table:
        return table
    out = {**table, "model": model, "api-base": provider.api_base}
    if provider.variable and provider.variable in env:
        out.setdefault("key", f"env:{provider.variable}")
    return out


def add_agent(path: Path, name: str, table: Mapping[str, Any], env: Mapping[str, str]) -> AgentEntry:
    """Write a new agent, with the prices that the table of prices knows where none are given: a cap needs them.

    UsageError names everything that is wrong with it.
    """
    from gigctl.agents.prices import priced

    entry, problems = read_agent(name, guess_kind(table, env))
    if problems:
        raise UsageError("\n".join(problems), "gigctl agent add --help")
    entry = priced(_with_script(entry) if entry.kind == "scripted" else entry)
    with locked(path):
        agents = load_agents(path)
        if name in agents and name not in BUILT_IN:
            raise UsageError(f"there is an agent {name} already", f"gigctl agent remove {name}, or take another name")
        _write(path, {**agents, name: entry})
    return entry


def _with_script(entry: AgentEntry) -> AgentEntry:
    """The entry with its file as the one absolute argument, so that it is found from every folder; read once, so that
    what is wrong with it is said now. UsageError."""
    from gigctl.agents.scripted import find_file, load_rules

    try:
        file = find_file(entry)
        if file is None:
            return entry
        load_rules(file)
    except ConfigError as error:
        raise UsageError(error.message, error.hint) from error
    return replace(entry, argv=(str(file.absolute()),), body={})


def remove_agent(path: Path, name: str) -> AgentEntry:
    with locked(path):
        agents = load_agents(path, leaving=name)
        entry = _get(agents, name)
        if entry == BUILT_IN.get(name):
            raise UsageError(f"{name} is built in and can't be removed")
        del agents[name]
        _write(path, agents)
    return entry


def get_agent(path: Path, name: str) -> AgentEntry:
    return _get(load_agents(path), name)


def _get(agents: Mapping[str, AgentEntry], name: str) -> AgentEntry:
    from difflib import get_close_matches

    if name not in agents:
        near = get_close_matches(name, agents)
        raise UsageError(f"no agent {name}" + (f"; did you mean {near[0]}?" if near else ""), "gigctl agent list")
    return agents[name]


def _write(path: Path, agents: Mapping[str, AgentEntry]) -> None:
    import tomli_w

    tables = {name: agent_table(entry) for name, entry in agents.items() if entry != BUILT_IN.get(name)}
    head = "# Written by gigctl agent add and remove: comments are not kept.\n"
    write_atomic(path, (head + tomli_w.dumps(tables)).encode())


# --- trying one ---


class Trial(Struct, frozen=True):
    """What one tiny call showed. `cost` (None where unknown) and the most that it could be are in picodollars."""

    agent: str
    model: str
    seconds: float
    cost: int | None
    usage: Usage | None
    answer: str
    bound: int | None = None

    @property
    def overspent(self) -> bool:
        return self.cost is not None and self.bound is not None and self.cost > self.bound


def find_overspent(desk: Desk, name: str) -> str | None:
    """When a call of the agent cost more than it could, unless a test has kept within its bound since."""
    if not desk.paths.ledger.exists():
        return None
    with desk.ledger.reading() as tx:
        return limits.find_overspent(tx, name)


def clear_overspent(desk: Desk, trial: Trial) -> bool:
    """Takes an agent's mark away where a test's cost and bound are known and it kept within; whether it did."""
    kept = trial.cost is not None and trial.bound is not None and not trial.overspent
    if not kept or find_overspent(desk, trial.agent) is None:
        return False
    with desk.ledger.writing() as tx:
        limits.clear_overspent(tx, trial.agent)
    return True


def note_recovery(desk: Desk, trial: Trial) -> None:
    """What a test has answered is asked again at once, however often it failed before."""
    if desk.paths.ledger.exists():
        with desk.ledger.writing() as tx:
            limits.record_success(tx, trial.agent)


def try_agent(entry: AgentEntry, env: Mapping[str, str], *, unsafe_no_sandbox: bool = False) -> Trial:
    """One real call of a few tokens. AgentFailed or TemporaryError says what the agent answered instead."""
    if entry.kind == "manual":
        raise UsageError(f"{entry.name} is you: there is nothing to call", "gigctl edit REF")
    import asyncio

    return asyncio.run(_try(entry, env, unsafe_no_sandbox))


async def _try(entry: AgentEntry, env: Mapping[str, str], unsafe_no_sandbox: bool) -> Trial:
    from gigctl.agents.base import AgentError, cost_of
    from gigctl.agents.registry import open_agent
    from gigctl.flow.work import attempt

    request = Request((Part("instruction", "Answer with the single word: ready"),), max_output=256, temperature=0.0)
    started = time.monotonic()
    try:
        async with open_agent(entry, environ=env, unsafe_no_sandbox=unsafe_no_sandbox) as agent:
            bound = agent.bound(request)
            draft = await attempt(request, agent)
    except AgentError as error:
        raise _failure(entry, error.kind, error.message) from error
    cost = draft.cost if draft.cost is not None else cost_of(entry, draft.usage)
    return Trial(entry.name, draft.model, time.monotonic() - started, cost, draft.usage, draft.content.strip(), bound)


def _failure(entry: AgentEntry, kind: str, message: str) -> AgentFailed | TemporaryError | ConfigError:
    text = f"{entry.name}: {message} ({kind.replace('_', ' ')})"
    if kind in ("rate_limited", "overloaded", "timeout"):
        return TemporaryError(text, f"gigctl agent test {entry.name}, a little later")
    key = entry.key.removeprefix("env:") or "the environment"
    hints = {
        "auth": f"is the key in {key} right? gigctl agent show {entry.name}",
        "no_credit": "the provider says that the money is gone: top it up there",
        "unavailable": f"does it run, and is its address right? gigctl agent show {entry.name}",
    }
    return AgentFailed(text, hints.get(kind, f"gigctl agent show {entry.name}"))


def find_key_source(entry: AgentEntry, env: Mapping[str, str]) -> str:
    """Whether the key that an entry names is there, without reading it out: a word for a person."""
    if not entry.key:
        return "none"
    if entry.key == "keyring":
        return "keyring"
    return f"{entry.key} ({'set' if env.get(entry.key.removeprefix('env:')) else 'not set'})"
