"""The embedded model for a program without a network: completions alone, through one socket in its sandbox.

The model's process also tells what is in its slots, which may be another client's; so a program is not let at it. What
it asks goes through here, and gets its key here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gigctl.agents.local import LocalAgent
from gigctl.errors import GigctlError
from gigctl.model import AgentEntry
from gigctl.system import forward

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["ADDRESS", "ModelGate"]

PORT = 8080
"""On the program's own loopback, where nothing else can be."""
ADDRESS = f"http://127.0.0.1:{PORT}/v1"
_MODEL = "local"
_ASKED = ("/v1/chat/completions", "/v1/completions")
_LARGEST = 16 * 1024 * 1024
_BETWEEN = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "content-encoding"})
"""Headers that are of one connection alone."""


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        yield os.path.realpath(name)


class ModelGate:
    """Open while the agent is. `through` starts a program behind it."""

    def __init__(self, entry: AgentEntry, *, environ: Mapping[str, str]) -> None:
        """Raises ConfigError where the model is not here."""
        name = entry.model.partition("/")[2]
        own = AgentEntry(entry.name, "local", model=name, concurrency=entry.concurrency)
        self._model = LocalAgent(own, environ=environ)
        self._stack = AsyncExitStack()
        self.socket = Path()

    async def __aenter__(self) -> Self:
        from aiohttp import ClientSession, ClientTimeout, web

        try:
            await self._stack.enter_async_context(self._model)
            self._session = await self._stack.enter_async_context(ClientSession(timeout=ClientTimeout(total=None)))
            self.socket = Path(self._stack.enter_context(_folder()), "model")
            app = web.Application(client_max_size=_LARGEST)
            app.add_routes([web.get("/v1/models", self._list), *(web.post(path, self._ask) for path in _ASKED)])
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            self._stack.push_async_callback(runner.cleanup)
            await web.UnixSite(runner, str(self.socket)).start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def through(self) -> tuple[str, ...]:
        """The command that a program is started by, inside."""
        source = Path(forward.__file__).read_text(encoding="utf-8")
        return (os.path.realpath(sys.executable), "-I", "-S", "-c", source, str(self.socket), str(PORT))

    @property
    def variables(self) -> Mapping[str, str]:
        """Where the model is, by the names that programs look for."""
        return {
            "GIGCTL_MODEL_URL": ADDRESS,
            "OPENAI_BASE_URL": ADDRESS,
            "OPENAI_API_BASE": ADDRESS,
            "OPENAI_API_KEY": "local",
        }

    async def _list(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        return web.json_response({"object": "list", "data": [{"id": _MODEL, "object": "model"}]})

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        """What the model answers, as it comes."""
        from aiohttp import ClientError, web

        try:
            address = await self._model.reach()
            body = await request.read()
            headers = {"Authorization": f"Bearer {address.key}", "Content-Type": "application/json"}
            url = address.url.removesuffix("/v1") + request.path
            async with self._session.post(url, data=body, headers=headers) as answer:
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in _BETWEEN}
                reply = web.StreamResponse(status=answer.status, headers=kept)
                await reply.prepare(request)
                async for piece in answer.content.iter_any():
                    await reply.write(piece)
                await reply.write_eof()
                return reply
        except (ClientError, GigctlError) as error:
            return web.json_response({"error": {"message": f"the model can't be reached: {error}"}}, status=503)
