"""The embedded model's process: llama.cpp's own HTTP server on loopback, one a machine and model.

A process of its own because a call in it can't be stopped from outside otherwise (41 s after Ctrl-C, measured), and
because a thousand gigctl would each load the model. Who uses it holds a shared lock; when nobody has for some minutes
it goes. The key is made here and written, with the address, to a file that its user alone can read.

`python -m gigctl.agents.local_server MODEL STATE USERS IDLE_SECONDS SLOTS CONTEXT`
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gigctl.errors import ConfigError, TemporaryError
from gigctl.system import locks, proc
from gigctl.system.files import write_atomic

__all__ = ["Address", "Shape", "ensure_server", "find_server", "stop_servers", "users_file"]

IDLE_SECONDS = 600.0
LOAD_SECONDS = 180.0
"""A model of some gigabytes on a slow disk."""
POLL = 0.05
TICK = 5.0
KV_BYTES = 32 * 1024
"""Of one token in the cache: 28 KiB for the default model (28 layers, 2 heads of 128, keys and values of 16 bits)."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server that runs. `window` is what one request may have in tokens, `slots` how many are served at once."""

    url: str
    key: str
    pid: int
    model: str
    slots: int
    window: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How many slots share how many tokens of context."""

    slots: int
    context: int


def choose_shape(memory: int | None = None) -> Shape:
    """By the machine's memory in bytes: an eighth of it for the cache, at most 8,192 tokens for each of four slots."""
    if memory is None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    tokens = memory // 8 // KV_BYTES
    slots = 4 if tokens >= 4 * 4096 else 2
    return Shape(slots, max(4096, min(tokens, 8192 * slots)) // 1024 * 1024)


# --- the side of who uses it ---


def users_file(state: Path) -> Path:
    """Whoever uses the server holds a shared lock on it."""
    return state.with_suffix(".users")


def find_server(state: Path, model: Path) -> Address | None:
    """The server that the file tells of, where it serves that model; whether it lives is another question."""
    try:
        address = Address(**json.loads(state.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return address if address.model == str(model.resolve()) else None


async def ensure_server(state: Path, model: Path, told: Callable[[str], None], environ: Mapping[str, str]) -> Address:
    """A server that answers, started where there is none. The caller holds the users' lock. Raises ConfigError,
    TemporaryError."""
    if (running := await _answering(state, model)) is not None:
        return running
    start = await _start_lock(state)
    try:
        if (running := await _answering(state, model)) is not None:
            return running
        told("loading the model")
        return await _start(state, model, environ)
    finally:
        start.release()


async def _start_lock(state: Path) -> locks.Lock:
    """Waits without holding up the loop: another process may be loading the model."""
    deadline = time.monotonic() + LOAD_SECONDS
    while True:
        try:
            return locks.hold(state.with_suffix(".start"))
        except TemporaryError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL)


async def _start(state: Path, model: Path, environ: Mapping[str, str]) -> Address:
    from importlib.util import find_spec

    if find_spec("xllamacpp") is None:
        raise ConfigError(
            "the embedded model needs xllamacpp", "pip install 'gigctl[local]' (pipx install 'gigctl[local]')"
        )
    pid, log = _spawn(state, model, environ)
    deadline = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < deadline:
        if (address := await _answering(state, model)) is not None:
            return address
        if not _alive(pid):
            raise ConfigError(f"the embedded model did not start: {_last_line(log)}", f"see {log}")
        await asyncio.sleep(POLL)
    raise TemporaryError(
        f"the embedded model did not load within {LOAD_SECONDS:.0f} s", "gigctl model stop, then again"
    )


def _spawn(state: Path, model: Path, environ: Mapping[str, str]) -> tuple[int, Path]:
    """The new process's id, and the file that it writes its complaints to."""
    state.unlink(missing_ok=True)
    shape = choose_shape()
    idle = environ.get("GIGCTL_MODEL_IDLE", str(IDLE_SECONDS))
    log = state.with_suffix(".log")
    log.unlink(missing_ok=True)
    argv = [sys.executable, "-m", __name__, str(model.resolve()), str(state), str(users_file(state)), idle,
            str(shape.slots), str(shape.context)]  # fmt: skip
    return proc.spawn_detached(argv, env=dict(environ), output=log), log


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it ended at once"


async def _answering(state: Path, model: Path) -> Address | None:
    """The server of the file, where it lives and says that it is healthy."""
    address = find_server(state, model)
    if address is None or not _alive(address.pid):
        return None
    port = int(address.url.rpartition(":")[2].partition("/")[0])
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return address if b" 200 " in status else None


def _alive(pid: int) -> bool:
    """Whether a process is there and no zombie: a child that ended stays one until its parent looks."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, PermissionError):
        return False
    except OSError:  # no /proc: macOS
        return True


def stop_servers(folder: Path) -> int:
    """Ends every server of the user; how many there were."""
    stopped = 0
    for state in sorted(folder.glob("model-server*.json")):
        try:
            pid = int(json.loads(state.read_text())["pid"])
        except (OSError, ValueError, KeyError):
            continue
        if _alive(pid) and _is_ours(pid):
            os.kill(pid, signal.SIGTERM)
            stopped += 1
            deadline = time.monotonic() + 5
            while _alive(pid) and time.monotonic() < deadline:
                time.sleep(POLL)
        state.unlink(missing_ok=True)
    return stopped


def _is_ours(pid: int) -> bool:
    """A number may have gone to another program since the file was written."""
    try:
        return b"gigctl.agents.local_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc").is_dir()


# --- the process itself ---


def serve(model: Path, state: Path, users: Path, idle: float, shape: Shape) -> None:
    """Loads the model, writes the file, and stays until nobody has used it for `idle` seconds."""
    import xllamacpp

    signal.signal(signal.SIGTERM, lambda *_: _leave(state))
    signal.signal(signal.SIGINT, lambda *_: _leave(state))
    params = xllamacpp.CommonParams()
    key = secrets.token_urlsafe(32)
    params.model.path = str(model)
    params.api_keys = [key]
    params.n_parallel = shape.slots
    params.n_ctx = shape.context
    params.verbosity = 0
    params.ui = False
    server = xllamacpp.Server(params)
    address = Address(
        f"{server.listening_address}/v1", key, os.getpid(), str(model), shape.slots, shape.context // shape.slots
    )
    write_atomic(state, json.dumps(asdict(address)).encode(), mode=0o600)
    _wait_until_idle(users, idle)
    _leave(state)


def _wait_until_idle(users: Path, idle: float) -> None:
    """A lock that can be had alone means that nobody uses the server now. It is kept: who comes now starts another."""
    unused_since = time.monotonic()
    while True:
        time.sleep(min(TICK, idle))
        try:
            lock = locks.hold(users)
        except TemporaryError:
            unused_since = time.monotonic()
            continue
        if time.monotonic() - unused_since >= idle:
            return
        lock.release()


def _leave(state: Path) -> None:
    """At once: a server that unwinds waits for its calls."""
    try:
        if json.loads(state.read_text()).get("pid") == os.getpid():
            state.unlink()
    except (OSError, ValueError):
        pass
    os._exit(0)


def main() -> None:
    model, state, users, idle, slots, context = sys.argv[1:]
    serve(Path(model), Path(state), Path(users), float(idle), Shape(int(slots), int(context)))


if __name__ == "__main__":
    main()
