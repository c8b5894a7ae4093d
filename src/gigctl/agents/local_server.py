"""The embedded model's process: llama.cpp's own HTTP server on loopback, one a machine and model.

A process of its own because a call in it can't be stopped from outside otherwise (41 s after Ctrl-C, measured), and
because a thousand gigctl would each load the model. Who uses it holds a shared lock; when nobody has for some minutes
it goes. The process itself holds another one from before it loads until it ends: that lock, and no number of a process,
tells whether there is one, so that there are never two and no stranger is taken for it. The key is made here and
written, with the address, to a file that its user alone can read.

`python -m gigctl.agents.local_server MODEL STATE IDLE_SECONDS SLOTS CONTEXT`
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from gigctl.agents.local_shape import Shape, choose_shape
from gigctl.errors import ConfigError, TemporaryError
from gigctl.system import locks, proc
from gigctl.system.files import write_atomic

__all__ = ["Address", "ensure_server", "find_server", "states_folder", "stop_servers", "users_file"]

IDLE_SECONDS = 600.0
LOAD_SECONDS = 180.0
"""A model of some gigabytes on a slow disk."""
STOP_SECONDS = 5.0
POLL = 0.05
TICK = 5.0
HEALTH_SECONDS = 10.0
"""Both cores may be busy with a long prompt; its answer comes in milliseconds otherwise."""
SPINS = "1000"
"""How often a thread looks whether the others are done before it sleeps (GNU's OpenMP). They meet some hundred times a
token: beside another program that is busy, who spins on waits out that program's turns each time. Measured: as much as
2 % slower on a machine that is at rest, three to six times as fast on one where a core is taken."""
PROMPT_CACHE_MIB = 512
"""Of prompts that no slot holds any more. llama.cpp's own default is 8 GiB, more than a small machine has."""


class Address(Struct, frozen=True):
    """A server that runs. `window` is what one request may have in tokens, `slots` how many are served at once."""

    url: str
    key: str
    pid: int
    model: str
    slots: int
    window: int


# --- the side of who uses it ---


def users_file(state: Path) -> Path:
    """Whoever uses the server holds a shared lock on it."""
    return state.with_suffix(".users")


def _serving_file(state: Path) -> Path:
    """The server holds it from before it loads until it ends, and keeps its process's number in it."""
    return state.with_suffix(".serving")


def find_server(state: Path, model: Path) -> Address | None:
    """The server that lives and serves that model, or None. Whether it answers is another question."""
    if locks.is_free(_serving_file(state)):
        return None
    try:
        address = Address(**json.loads(state.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return address if address.model == str(model.resolve()) else None


def states_folder(state: Path) -> Path:
    """Where the server keeps slots' states for a moment: what clients' prompts begin with is in them."""
    return state.with_suffix(".slots")


async def ensure_server(
    state: Path, model: Path, told: Callable[[str], None], environ: Mapping[str, str], slots: int | None = None
) -> Address:
    """A server that answers, started where there is none, with so many `slots` or as many as memory allows. The caller
    holds the users' lock. Raises ConfigError, TemporaryError."""
    if (running := await _answering(state, model)) is not None:
        return running
    start = await _start_lock(state)
    try:
        if (running := await _answering(state, model)) is not None:
            return running
        told("loading the model")
        return await _start(state, model, environ, slots)
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


async def _start(state: Path, model: Path, environ: Mapping[str, str], slots: int | None) -> Address:
    from importlib.util import find_spec

    if find_spec("xllamacpp") is None:
        raise ConfigError(
            "the embedded model needs xllamacpp", "pip install 'gigctl[local]' (pipx install 'gigctl[local]')"
        )
    serving, log = _serving_file(state), state.with_suffix(".log")
    spawned = False
    deadline = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < deadline:
        if (address := await _answering(state, model)) is not None:
            return address
        if not spawned and locks.is_free(serving):  # else one is loading already, whoever started it
            pid, spawned = _spawn(state, model, environ, slots), True
        elif spawned and not _alive(pid) and locks.is_free(serving):
            raise ConfigError(f"the embedded model did not start: {_last_line(log)}", f"see {log}")
        await asyncio.sleep(POLL)
    raise TemporaryError(
        f"the embedded model did not load within {LOAD_SECONDS:.0f} s", "gigctl model stop, then again"
    )


def _spawn(state: Path, model: Path, environ: Mapping[str, str], slots: int | None) -> int:
    """The new process's number."""
    shape = choose_shape(model, slots)
    idle = environ.get("GIGCTL_MODEL_IDLE", str(IDLE_SECONDS))
    log = state.with_suffix(".log")
    log.unlink(missing_ok=True)
    argv = [sys.executable, "-m", __name__, str(model.resolve()), str(state), idle, str(shape.slots),
            str(shape.context)]  # fmt: skip
    return proc.spawn_detached(argv, env={"GOMP_SPINCOUNT": SPINS, **environ}, output=log)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it ended at once"


async def _answering(state: Path, model: Path) -> Address | None:
    """The living server, where it answers to its key."""
    address = find_server(state, model)
    if address is None:
        return None
    port = int(address.url.rpartition(":")[2].partition("/")[0])
    ask = (
        f"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {address.key}\r\n"
        "Connection: close\r\n\r\n"
    )
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(ask.encode())
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return address if b" 200 " in status else None


def _alive(pid: int) -> bool:
    """Whether a child of ours still runs. One that ended stays a zombie until its parent looks."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def stop_servers(folder: Path) -> int:
    """Ends every server of the user, one that is still loading too; how many there were."""
    return sum(_stop(serving) for serving in sorted(folder.glob("model-server-*.serving")))


def _stop(serving: Path) -> bool:
    if locks.is_free(serving):
        return False
    with contextlib.suppress(ValueError, ProcessLookupError):
        os.kill(int(serving.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while not locks.is_free(serving):
        if time.monotonic() > deadline:
            raise TemporaryError(f"the embedded model's process does not end (see {serving})", "end it by its number")
        time.sleep(POLL / 5)
    return True


# --- the process itself ---


def serve(model: Path, state: Path, idle: float, shape: Shape) -> None:
    """Loads the model, writes the file, and stays until nobody has used it for `idle` seconds."""
    # Its end is the kernel's affair, in mid-call and mid-load alike: a server that unwinds waits for its calls.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        # Somebody who only asks whether it is free has the lock for an instant.
        lock = locks.hold(_serving_file(state), timeout=1)
    except TemporaryError:
        return  # another serves this model already
    lock.path.write_text(str(os.getpid()))
    state.unlink(missing_ok=True)
    _server, address = _listen(model, shape, _emptied(states_folder(state)))
    write_atomic(state, json.dumps(asdict(address)).encode(), mode=0o600)
    _wait_until_idle(users_file(state), idle)
    state.unlink(missing_ok=True)
    os._exit(0)


def _emptied(folder: Path) -> Path:
    """A folder of the user's own, without what somebody who was killed left in it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink(missing_ok=True)
    return folder


def _listen(model: Path, shape: Shape, states: Path) -> tuple[Any, Address]:
    """The server, which ends with its object, and where it listens."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    key = secrets.token_urlsafe(32)
    params.model.path = str(model)
    params.api_keys = [key]
    params.n_parallel = shape.slots
    params.n_ctx = shape.context
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.slot_save_path = f"{states}/"
    params.verbosity = 0
    params.ui = False
    server = xllamacpp.Server(params)
    url = f"{server.listening_address}/v1"
    return server, Address(url, key, os.getpid(), str(model), shape.slots, shape.context // shape.slots)


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


def main() -> None:
    model, state, idle, slots, context = sys.argv[1:]
    serve(Path(model), Path(state), float(idle), Shape(int(slots), int(context)))


if __name__ == "__main__":
    main()
