"""Kind `local`: the embedded model, an OpenAI-compatible server of our own on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from gigctl.agents.base import Agent, AgentError, bound_by_tokens
from gigctl.agents.local_prefix import Prefixes
from gigctl.agents.local_server import Address, ensure_server, find_server, states_folder, users_file
from gigctl.agents.models import DEFAULT, ModelFile, find_model
from gigctl.agents.openai_http import OpenAIAgent
from gigctl.errors import ConfigError, GigctlError
from gigctl.model import AgentEntry, Draft, Request
from gigctl.paths import load_paths
from gigctl.system import locks
from gigctl.system.files import telling_disk_errors

__all__ = ["LocalAgent", "state_file"]

CALL_SECONDS = 900.0
"""A slow machine writes a token a second; a call that hangs is ended all the same."""


SPARE = 1
"""Calls that wait at the server while every slot is busy: a slot that is done takes the next at once, whatever the one
that it was busy with still has to go through here."""


class LocalAgent:
    """The model that the entry names (without a name: the default), served by the machine's one child process."""

    def __init__(self, entry: AgentEntry, *, environ: Mapping[str, str]) -> None:
        """Raises ConfigError where the model is not here, so that a run says so before anything is begun."""
        self.entry = entry
        self._environ = environ
        self._paths = load_paths(environ)
        self._model = _get_model(self._paths.models, entry.model, environ)
        self._state = state_file(self._paths.runtime, self._model.path)
        self._address: Address | None = None
        self._agent: OpenAIAgent | None = None
        self._prefixes: Prefixes | None = None
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Raises ConfigError where the model's process does not start."""
        with telling_disk_errors(self._state):
            self._state.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            users = locks.hold(users_file(self._state), shared=True, timeout=5)
        self._stack.callback(users.release)
        try:
            await self._reach()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def reach(self) -> Address:
        """Where the model answers now. Raises ConfigError, TemporaryError."""
        await self._reach()
        assert self._address is not None  # noqa: S101
        return self._address

    async def _reach(self) -> OpenAIAgent:
        """The agent of the server that lives: one that died, or was stopped, in the middle of a run is started anew."""
        async with self._opening:
            if self._agent is None or find_server(self._state, self._model.path) != self._address:
                slots = self.entry.concurrency
                address = await ensure_server(self._state, self._model.path, _say, self._environ, slots)
                if self.entry.body.get("cache_prompt", True):
                    prefixes = Prefixes(address, states_folder(self._state))
                    self._prefixes = await self._stack.enter_async_context(prefixes)
                self._agent = await self._stack.enter_async_context(self._open(self._model, address))
                self._address = address
            return self._agent

    def _open(self, model: ModelFile, address: Address) -> OpenAIAgent:
        # Names of the environment's proxies mean nothing on loopback.
        entry = replace(
            self.entry, kind="openai", model=model.name, api_base=address.url, local=True, window=address.window,
            timeout=max(self.entry.timeout, CALL_SECONDS), key="",
        )  # fmt: skip
        return OpenAIAgent(entry, environ=self._environ, key=address.key)

    @property
    def at_once(self) -> int | None:
        """How many calls keep every slot busy, once it is open. The limit of the entry, if any, is of slots."""
        if self._address is None:
            return None
        return min(self._address.slots, self.entry.concurrency or self._address.slots) + SPARE

    @property
    def window(self) -> int | None:
        """Tokens that one request may have, once it is open."""
        return self.entry.window if self._address is None else self._address.window

    def bound(self, request: Request) -> int | None:
        return bound_by_tokens(self.entry, request)

    async def draft(self, request: Request) -> Draft:
        if self._agent is None:
            raise RuntimeError("an agent is used inside `async with`")
        try:
            agent = await self._reach()
        except GigctlError as error:
            raise AgentError("unavailable", error.message, sent=False, cost=0) from error
        if self._prefixes is not None:
            await self._prefixes.share(request)
        return replace(await agent.draft(request), model=agent.entry.model)


def state_file(runtime: Path, model: Path) -> Path:
    """The file of the process that serves this model: one a model."""
    tag = hashlib.sha256(str(model.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return runtime / f"model-server-{tag}.json"


_KEYS = {
    "OPENAI_API_KEY": "openai/gpt-5-mini",
    "ANTHROPIC_API_KEY": "anthropic/claude-sonnet-4-5",
    "MISTRAL_API_KEY": "mistral/mistral-small-latest",
    "DEEPSEEK_API_KEY": "deepseek/deepseek-chat",
    "GROQ_API_KEY": "groq/llama-3.3-70b-versatile",
    "OPENROUTER_API_KEY": "openrouter/auto",
    "GEMINI_API_KEY": "gemini/gemini-2.5-flash",
}
"""Keys that people have in their environment, and a model of each provider to begin with."""


def _get_model(folder: Path, name: str, environ: Mapping[str, str]) -> ModelFile:
    found = find_model(folder, name)
    if found is not None:
        return found
    if name and name != DEFAULT.name:
        raise ConfigError(f'there is no model "{name}" in {folder}', "gigctl model list, or gigctl model add FILE.gguf")
    key = next((key for key in _KEYS if environ.get(key)), None)
    other = f"gigctl agent add NAME --model {_KEYS[key]} --key env:{key}, then run -a NAME" if key else ""
    raise ConfigError(
        "the embedded model is not here yet", f"gigctl model pull (1.1 GB, once){f'; or {other}' if other else ''}"
    )


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}…\n")


if TYPE_CHECKING:
    _: type[Agent] = LocalAgent
