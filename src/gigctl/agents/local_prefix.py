"""What many prompts begin with is read once: by one slot, whose state is then given to every other that is idle.

llama.cpp compares a prompt with what its own slot read last, so that without this each slot reads the beginning itself.
It keeps a slot's state in a file and takes it from there in milliseconds (`/slots/N?action=save`, `restore`).
"""

from __future__ import annotations

import asyncio
import secrets
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec.structs import replace

from gigctl.agents.local_server import Address
from gigctl.model import Part, Request

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Prefixes"]

TOGETHER_SECONDS = 0.02
"""How long the first request waits for another that begins like it: the jobs of a batch come within this. A lone one
goes on as it is."""
STABLE = frozenset({"system", "note", "example"})
READ_SECONDS = 600.0
"""A long beginning on a slow machine: a hundred tokens a second, and a quarter of that where others work on it."""


class Prefixes:
    """Of the requests to one server; `folder` is where it keeps slots' states."""

    def __init__(self, address: Address, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._come: dict[tuple[Part, ...], _Come] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        self._session = aiohttp.ClientSession(
            self._address.url.removesuffix("v1"),
            headers={"Authorization": f"Bearer {self._address.key}"},
            timeout=aiohttp.ClientTimeout(total=READ_SECONDS),
            raise_for_status=True,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def share(self, request: Request) -> None:
        """Returns when the request is best sent: at once where its beginning has been read, or nobody shares it."""
        stable = tuple(takewhile(lambda part: part.role in STABLE, request.parts))
        if not stable:
            return
        known = self._come.get(stable)
        if known is not None:
            known.others += 1
            await known.ready.wait()
            return
        first = self._come[stable] = _Come()
        shared = False
        try:
            await asyncio.sleep(TOGETHER_SECONDS)
            shared = first.others > 0 and await self._read(stable)
        finally:
            first.ready.set()
            if not shared:  # who comes later may find others, or an idle slot
                del self._come[stable]

    async def _read(self, stable: tuple[Part, ...]) -> bool:
        """Whether there were idle slots, and all of them have it now. It is a help: what goes wrong with it is told by
        the request itself."""
        import aiohttp

        name = f"{secrets.token_hex(8)}.bin"
        try:
            idle = [slot["id"] for slot in await self._ask("GET", "slots") if not slot["is_processing"]]
            if len(idle) < 2:
                return False
            asked = replace(Request(stable), max_output=1).messages()
            # Some templates know no conversation that a user has not begun.
            messages = asked if asked[-1]["role"] == "user" else [*asked, {"role": "user", "content": ""}]
            body = {"messages": messages, "max_tokens": 1, "temperature": 0, "id_slot": idle[0]}
            await self._ask("POST", "v1/chat/completions", body)
            await self._ask("POST", f"slots/{idle[0]}?action=save", {"filename": name})
            for slot in idle[1:]:
                await self._ask("POST", f"slots/{slot}?action=restore", {"filename": name})
        except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError):
            return False
        else:
            return True
        finally:
            (self._folder / name).unlink(missing_ok=True)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        assert self._session is not None  # noqa: S101
        async with self._session.request(method, path, json=body, allow_redirects=False) as response:
            return await response.json()


class _Come:
    """Requests that begin alike, while the first of them waits."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.others = 0
