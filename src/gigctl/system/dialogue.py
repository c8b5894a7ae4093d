"""A talk with a program, a line at a time, bounded like all that a program may say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from gigctl.system.proc import OUTPUT_LIMIT, Argv, Watch, kill_group, spawn_async

__all__ = ["Dialogue", "converse"]

_CHUNK = 64 * 1024
_GRACE = 0.2
_POLL = 0.05
_TALK = 16
"""A talk may be so many times as long as its longest line."""


class Dialogue(asyncio.SubprocessProtocol):
    """A program that is talked with, a line at a time. What it says is read no faster than it is asked for, and a line
    (or what it says altogether) has an end."""

    def __init__(self, limit: int) -> None:
        self.stopped = ""
        """Why it was ended before its time, in words."""
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._limit = limit
        self._said = bytearray()
        self._total = 0
        self._errors = bytearray()
        self._ended = False  # its standard output is closed
        self._news = asyncio.Event()
        self._process: asyncio.SubprocessTransport | None = None

    # --- what is done with it ---

    def say(self, data: bytes) -> None:
        """Raises ConnectionError where it does not listen any more."""
        pipe = self._pipe(0)
        if pipe is None or pipe.is_closing() or self._ended:
            raise ConnectionResetError("the program does not listen any more")
        assert isinstance(pipe, asyncio.WriteTransport)  # noqa: S101
        if pipe.get_write_buffer_size() > self._limit:
            raise ConnectionResetError("the program does not read what it is told")
        pipe.write(data)

    async def line(self) -> bytes:
        """The next line; the empty bytes when there is none any more."""
        while (end := self._said.find(b"\n")) < 0:
            if self._ended:
                rest = bytes(self._said)
                self._said.clear()
                return rest
            self._news.clear()
            await self._news.wait()
        line = bytes(self._said[: end + 1])
        del self._said[: end + 1]
        if len(self._said) < _CHUNK and (pipe := self._pipe(1)) is not None:
            pipe.resume_reading()  # type: ignore[attr-defined]
        return line

    @property
    def errors(self) -> bytes:
        """The end of its standard error."""
        return bytes(self._errors)

    def end(self, why: str) -> None:
        """Kill it and all that it started."""
        self.stopped = self.stopped or why
        if not self.exited.done() and self._process is not None:
            kill_group(self._process.get_pid())

    async def leave(self, grace: float) -> None:
        """Close its input and give it `grace` seconds to go by itself, as many after SIGTERM; nothing is left then."""
        assert self._process is not None  # noqa: S101
        try:
            if (pipe := self._pipe(0)) is not None:
                pipe.close()
            for _ in range(2):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(grace):
                        await asyncio.shield(self.exited)
                if self.exited.done():
                    break
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.get_pid(), signal.SIGTERM)
        finally:
            kill_group(self._process.get_pid())
            try:
                await asyncio.shield(self.exited)
            finally:
                self._process.close()

    def _pipe(self, number: int) -> asyncio.BaseTransport | None:
        return None if self._process is None else self._process.get_pipe_transport(number)

    def look(self, watch: Watch) -> None:
        """Ask again and again whether it may go on."""
        if self.exited.done() or self._process is None:
            return
        if why := watch(self._process.get_pid()):
            self.end(why)
        else:
            asyncio.get_running_loop().call_later(_POLL, self.look, watch)

    # --- what the event loop tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101
        self._process = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._errors += data
            del self._errors[:-_CHUNK]
            return
        self._said += data
        self._total += len(data)
        if self._total > _TALK * self._limit or (len(self._said) > self._limit and b"\n" not in self._said):
            self.end(f"it said more than {self._limit} bytes at a time")
        elif len(self._said) > _CHUNK and (pipe := self._pipe(1)) is not None:
            pipe.pause_reading()  # type: ignore[attr-defined]
            if b"\n" not in self._said:
                pipe.resume_reading()  # type: ignore[attr-defined]
        self._news.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._ended = True
            self._news.set()

    def process_exited(self) -> None:
        assert self._process is not None  # noqa: S101
        kill_group(self._process.get_pid())  # what it left running in its group
        code = self._process.get_returncode()
        if not self.exited.done():
            self.exited.set_result(-signal.SIGKILL if code is None else code)
        asyncio.get_running_loop().call_later(_GRACE, self.pipe_connection_lost, 1, None)


@contextlib.asynccontextmanager
async def converse(
    argv: Argv,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    limit: int = OUTPUT_LIMIT,
    pass_fds: Sequence[int] = (),
    watch: Watch | None = None,
    grace: float = 2.0,
) -> AsyncIterator[Dialogue]:
    """Talk with a program in a session of its own; when the block is left it has `grace` seconds to end by itself.

    `limit` is the longest line in bytes. `watch` is as for `run_async`. Raises ProgramError.
    """
    _, talk = await spawn_async(lambda: Dialogue(limit), argv, cwd=cwd, env=env, pass_fds=pass_fds)
    if watch is not None:
        asyncio.get_running_loop().call_later(_POLL, talk.look, watch)
    try:
        yield talk
    finally:
        await talk.leave(grace)
