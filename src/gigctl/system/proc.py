"""The one door to other programs: argv lists, never a shell; bounded output; a whole process group ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, field

from gigctl.errors import ConfigError

__all__ = [
    "OUTPUT_LIMIT",
    "Argv",
    "Finished",
    "ProgramError",
    "Watch",
    "interactive",
    "kill_group",
    "page",
    "run",
    "run_async",
    "spawn_async",
    "spawn_detached",
]

Argv = Sequence[str | bytes]
Watch = Callable[[int], str | None]

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes of each stream that are kept; a program that writes more is ended."""
_CHUNK = 64 * 1024
_GRACE = 0.2
"""Seconds that a stream may stay open after its program ended: a daemon that left the group can hold it for ever."""
_POLL = 0.05


class ProgramError(ConfigError):
    """A program that can't be started."""


class Finished(Struct, frozen=True):
    """What a program did. `code` is negative where a signal ended it; `truncated` where it wrote past the limit;
    `stopped` is why a watch ended it, in words."""

    code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    truncated: bool
    seconds: float
    stopped: str = ""

    @property
    def ok(self) -> bool:
        return self.code == 0 and not (self.timed_out or self.truncated or self.stopped)

    @property
    def text(self) -> str:
        """Standard output as text, bytes that are no UTF-8 as surrogate escapes."""
        return self.stdout.decode("utf-8", "surrogateescape")


class _Capture(Struct):
    """Both streams, each kept up to the limit."""

    limit: int
    kept: dict[int, bytearray] = field(default_factory=lambda: {1: bytearray(), 2: bytearray()})
    truncated: bool = False
    timed_out: bool = False
    stopped: str = ""
    began: float = field(default_factory=time.monotonic)

    def add(self, stream: int, data: bytes) -> bool:
        """Keep what there is room for; False where that was not all."""
        kept = self.kept[stream]
        room = self.limit - len(kept)
        kept += data[:room]
        self.truncated |= len(data) > room
        return not self.truncated

    def finished(self, code: int) -> Finished:
        out, err = bytes(self.kept[1]), bytes(self.kept[2])
        return Finished(code, out, err, self.timed_out, self.truncated, time.monotonic() - self.began, self.stopped)


def run(
    argv: Argv,
    *,
    stdin: bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    limit: int = OUTPUT_LIMIT,
    pass_fds: Sequence[int] = (),
) -> Finished:
    """Run to its end in a session of its own; past `timeout` seconds or `limit` bytes a stream its group is killed.

    `env` None is this process's own environment. Raises ProgramError where it can't be started.
    """
    with _starting(argv, cwd):
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=env,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    capture = _Capture(limit)
    with process:
        try:
            _converse(process, stdin, capture, timeout)
        finally:
            kill_group(process.pid)
    return capture.finished(process.returncode)


def _converse(process: subprocess.Popen[bytes], stdin: bytes, capture: _Capture, timeout: float | None) -> None:
    """Feed and read until both streams end, the program does, or it must be killed."""
    assert process.stdin is not None  # noqa: S101  # all three are pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    deadline = None if timeout is None else capture.began + timeout
    ended: float | None = None
    feed = _feeder(process.stdin.fileno(), stdin)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE, feed)
        for number, stream in ((1, process.stdout), (2, process.stderr)):
            selector.register(stream, selectors.EVENT_READ, _reader(stream.fileno(), number, capture))
        while selector.get_map():
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                capture.timed_out = True
                return
            for key, _ in selector.select(_POLL if deadline is None else min(_POLL, deadline - now)):
                if not key.data():
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
            if capture.truncated:
                return
            if ended is None and process.poll() is not None:
                ended = time.monotonic()
                kill_group(process.pid)
            if ended is not None and time.monotonic() - ended > _GRACE:
                return
    # Both streams are closed, yet the program may still run.
    try:
        process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        capture.timed_out = True


def _feeder(descriptor: int, data: bytes) -> Callable[[], bool]:
    os.set_blocking(descriptor, False)
    rest = memoryview(data)

    def feed() -> bool:
        nonlocal rest
        if rest:
            try:
                rest = rest[os.write(descriptor, rest[:_CHUNK]) :]
            except BlockingIOError:
                return True
            except BrokenPipeError:
                return False  # it does not want to read: its right
        return bool(rest)

    return feed


def _reader(descriptor: int, number: int, capture: _Capture) -> Callable[[], bool]:
    def read() -> bool:
        data = os.read(descriptor, _CHUNK)
        return bool(data) and capture.add(number, data)

    return read


class _Conversation(asyncio.SubprocessProtocol):
    """The same for an event loop: `done` is set when the program and both its streams have ended."""

    def __init__(self, capture: _Capture) -> None:
        self.capture = capture
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.exited: asyncio.Future[None] = self.loop.create_future()
        self._open = {1, 2}
        self._pid = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101
        self._pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if not self.capture.add(fd, data):
            self.kill()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open and self.exited.done():
            self.end()

    def process_exited(self) -> None:
        self.kill()  # what it left running in its group
        if not self.exited.done():
            self.exited.set_result(None)
        if self._open:
            self.loop.call_later(_GRACE, self.end)
        else:
            self.end()

    def time_out(self) -> None:
        self.capture.timed_out = True
        self.kill()

    def look(self, watch: Watch) -> None:
        """Ask again and again whether it may go on."""
        if self.exited.done():
            return
        self.capture.stopped = watch(self._pid) or ""
        if self.capture.stopped:
            self.kill()
        else:
            self.loop.call_later(_POLL, self.look, watch)

    def kill(self) -> None:
        kill_group(self._pid)

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


_Protocol = TypeVar("_Protocol", bound=asyncio.SubprocessProtocol)


async def spawn_async(
    protocol: Callable[[], _Protocol],
    argv: Argv,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> tuple[asyncio.SubprocessTransport, _Protocol]:
    """Start a program in a session of its own, for a protocol on the running event loop. Raises ProgramError."""
    loop = asyncio.get_running_loop()
    with _starting(argv, cwd):
        return await loop.subprocess_exec(protocol, *argv, cwd=cwd, env=env, start_new_session=True, pass_fds=pass_fds)


async def run_async(
    argv: Argv,
    *,
    stdin: bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109  # kills, which asyncio.timeout can't
    limit: int = OUTPUT_LIMIT,
    pass_fds: Sequence[int] = (),
    watch: Watch | None = None,
) -> Finished:
    """`run` on the running event loop; cancelled, it kills the group, waits for its end and lets go.

    `watch` is called with the pid every 50 ms, and the reason that it returns ends the program.
    """
    loop = asyncio.get_running_loop()
    capture = _Capture(limit)
    transport, talk = await spawn_async(lambda: _Conversation(capture), argv, cwd=cwd, env=env, pass_fds=pass_fds)
    timer = None if timeout is None else loop.call_later(timeout, talk.time_out)
    if watch is not None:
        loop.call_later(_POLL, talk.look, watch)
    try:
        _feed(transport, stdin)
        await talk.done
    finally:
        if timer is not None:
            timer.cancel()
        await _close(transport, talk)
    code = transport.get_returncode()
    return capture.finished(-signal.SIGKILL if code is None else code)


def _feed(transport: asyncio.SubprocessTransport, data: bytes) -> None:
    pipe = transport.get_pipe_transport(0)
    assert isinstance(pipe, asyncio.WriteTransport)  # noqa: S101
    pipe.write(data)
    pipe.write_eof()


async def _close(transport: asyncio.SubprocessTransport, talk: _Conversation) -> None:
    try:
        if not talk.exited.done():
            talk.kill()
            await talk.exited
    finally:
        transport.close()


def spawn_detached(
    argv: Argv, *, env: Mapping[str, str] | None = None, cwd: Path | None = None, output: Path | None = None
) -> int:
    """Start a program that outlives this one, in a session of its own (no Ctrl-C reaches it); returns its pid.

    It inherits no descriptor, hence no lock. Both its streams go to the end of `output` (made 0600), or nowhere.
    """
    target = os.open(output or os.devnull, os.O_WRONLY | os.O_APPEND | (os.O_CREAT if output else 0), 0o600)
    try:
        with _starting(argv, cwd):
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                cwd=cwd or Path("/"),
                env=env,
                start_new_session=True,
            )
    finally:
        os.close(target)
    process.returncode = 0  # nobody waits for it here, and that is no leak
    return process.pid


def interactive(argv: Argv, *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> int:
    """Give the terminal to a program (editor, difftool) until it ends, Ctrl-C too. Returns its exit code."""
    with _deaf_to_interrupts(), _starting(argv, cwd):
        return subprocess.call(argv, cwd=cwd, env=env)


def page(argv: Argv, chunks: Iterable[bytes], *, env: Mapping[str, str] | None = None) -> int:
    """Show what `chunks` yield in a pager; one that is closed early wants no more of them. Returns its exit code."""
    with _deaf_to_interrupts():
        with _starting(argv, None):
            process = subprocess.Popen(argv, stdin=subprocess.PIPE, env=env)
        assert process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            for chunk in chunks:
                process.stdin.write(chunk)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        return process.wait()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """The terminal sends Ctrl-C to both; as with git's editor, only the child heeds it (it would inherit SIG_IGN)."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def kill_group(pid: int) -> None:
    """Kill a program that was started here, with all that is left of its group."""
    # PermissionError: macOS says so of a group of zombies. The group's number is not reused while it has a member.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


@contextlib.contextmanager
def _starting(argv: Argv, cwd: Path | None) -> Iterator[None]:
    """An operating system's refusal to start, told in our words."""
    program = os.fsdecode(argv[0])
    try:
        yield
    except ValueError as error:  # a NUL
        raise ProgramError(f"can't start {program!r}: {error}") from error
    except OSError as error:
        if cwd is not None and not cwd.is_dir():
            raise ProgramError(f"can't start {program!r}: there is no folder {str(cwd)!r}") from error
        if error.errno == errno.ENOENT:
            raise ProgramError(f"there is no program {program!r}", f"install {program}, or put it on PATH") from error
        raise ProgramError(f"can't start {program!r}: {error.strerror}") from error
