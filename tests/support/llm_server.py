"""A real OpenAI-compatible HTTP server on loopback whose every answer, good or odd, is scripted by a test.

In a test's own process::

    with LLMServer() as server:                       # echoes the last message
        server.queue(Reply("bonjour"), status(429, retry_after=2), Reply(hang=True))
        server.script = lambda asked: asked.last.upper()   # used when the queue is empty
        ...                                           # server.url is the api_base
        assert server.count == 3 and server.peak <= 2

As a process of its own, so that it goes on counting when its clients are killed::

    python -m support.llm_server --port-file F [--log FILE] [--latency S] [--script FILE.json | --function MODULE:NAME]

`FILE.json` is a list of `{"match": "substring", ...Reply's fields}`; the first match answers. `GET /_stats` gives
`{"count", "answered", "peak", "prompts"}`: `answered` are the answers that were written whole, `prompts` counts each
SHA-256 of a request's messages. `--log` gets a JSON line for each request and each whole answer.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import dataclasses
import hashlib
import importlib
import json
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    at: float

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")

    @property
    def last(self) -> str:
        """The text of the last message."""
        return str((self.json.get("messages") or [{"content": ""}])[-1]["content"])

    @property
    def prompt(self) -> str:
        return "\n\n".join(str(message.get("content")) for message in self.json.get("messages", []))

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(self.json.get("messages")).encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What to answer. `text` makes a chat completion of it; `body` is sent as it stands instead."""

    text: str | None = "ok"
    body: bytes | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    finish: str | None = "stop"
    usage: dict[str, Any] | str | None = "count"  # or the usage as it stands, or None for no usage
    message: dict[str, Any] = field(default_factory=dict)  # more fields of the message, e.g. reasoning_content
    more: dict[str, Any] = field(default_factory=dict)  # more fields of the completion
    events: bool = False  # server-sent events, unasked
    bom: bool = False
    delay: float = 0.0  # seconds before the first byte
    pieces: int = 1  # the body in so many pieces, chunked
    piece_delay: float = 0.0
    cut: int | None = None  # only so many bytes of the body, then the connection is closed
    hang: bool = False  # reads the request, never answers
    until: threading.Event | None = None  # nor before this is set
    drop: bool = False  # reads the request, resets the connection
    close_idle: float | None = None  # closes the kept connection after so many seconds, unannounced
    garbage: bytes | None = None  # sent instead of HTTP

    def payload(self, asked: Asked) -> bytes:
        if self.body is not None:
            return self.body
        made = self._events(asked) if self.events else json.dumps(self._completion(asked)).encode()
        return b"\xef\xbb\xbf" + made if self.bom else made

    def _completion(self, asked: Asked) -> dict[str, Any]:
        choice = {"index": 0, "message": {"role": "assistant", "content": self.text, **self.message}}
        made: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": asked.json.get("model", "") if asked.body else "",
            "choices": [{**choice, "finish_reason": self.finish}],
        }
        usage = self._usage(asked)
        return {**made, **({} if usage is None else {"usage": usage}), **self.more}

    def _usage(self, asked: Asked) -> dict[str, Any] | None:
        if isinstance(self.usage, str):
            prompt, answer = count_tokens(asked.prompt), count_tokens(self.text or "")
            return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
        return self.usage

    def _events(self, asked: Asked) -> bytes:
        text = self.text or ""
        deltas = [text[at : at + 7] for at in range(0, len(text), 7)]
        events: list[dict[str, Any]] = [
            {"model": "m", "choices": [{"index": 0, "delta": {"content": delta}, "finish_reason": None}]}
            for delta in deltas
        ]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": self.finish}]})
        usage = self._usage(asked)
        if usage is not None:
            events.append({"choices": [], "usage": usage})
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        return (": PROCESSING\n\n" + "".join(lines) + "data: [DONE]\n\n").encode()


Script = Callable[[Asked], Reply | str]


def status(number: int, message: str = "no", /, *, retry_after: float | str | None = None, **error: Any) -> Reply:
    """An error answer in OpenAI's form."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Reply(
        status=number, headers=headers, body=json.dumps({"error": {"message": message, "type": "x", **error}}).encode()
    )


def count_tokens(text: str) -> int:
    """About what a tokenizer counts: four bytes a token, never fewer than words."""
    return max(len(text.encode("utf-8", "surrogateescape")) // 4, len(text.split()), 1)


class LLMServer:
    """The server; a context manager that runs it on a thread of its own, on a free port of 127.0.0.1."""

    def __init__(self, script: Script | None = None, *, latency: float = 0.0, log: Path | None = None) -> None:
        self.script: Script = script or (lambda asked: asked.last)
        self.latency = latency
        self.drop_connections = 0  # so many of the next connections are reset without a byte read
        self.requests: list[Asked] = []
        self.connections = 0
        self.answered = 0
        self.in_flight = 0
        self.peak = 0
        self.port = 0
        self._queue: collections.deque[Reply | str] = collections.deque()
        self._log = log
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()

    # --- for tests ---

    @property
    def url(self) -> str:
        """The api_base."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def count(self) -> int:
        return len(self.requests)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [asked.json for asked in self.requests]

    def queue(self, *replies: Reply | str) -> None:
        """Answers for the next requests, before the script's turn."""
        with self._lock:
            self._queue.extend(replies)

    def wait_for(self, count: int, seconds: float = 10.0) -> None:
        """Until so many requests have come in."""
        end = time.monotonic() + seconds
        while self.count < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.count} of {count} requests came in")
            time.sleep(0.005)

    def stats(self) -> dict[str, Any]:
        prompts = collections.Counter(asked.fingerprint for asked in self.requests)
        return {"count": self.count, "answered": self.answered, "peak": self.peak, "prompts": dict(prompts)}

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve(started.set)), daemon=True)
        self._thread.start()
        if not started.wait(10):
            raise TimeoutError("the server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    # --- serving ---

    async def serve(self, started: Callable[[], object]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        started()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            if self.drop_connections:
                self.drop_connections -= 1
                _reset(writer)
            else:
                while await self._one_request(reader, writer, number):
                    pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """Reads and answers one request; whether the connection lives on."""
        asked = await _read(reader, number)
        if asked.path == "/_stats":
            await _write(writer, Reply(body=json.dumps(self.stats()).encode()), asked)
            return True
        self.requests.append(asked)
        self._note("asked", asked)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            return await self._answer(writer, asked)
        finally:
            self.in_flight -= 1

    async def _answer(self, writer: asyncio.StreamWriter, asked: Asked) -> bool:
        with self._lock:
            reply = self._queue.popleft() if self._queue else None
        if reply is None:
            reply = self.script(asked)
        if isinstance(reply, str):
            reply = Reply(reply)
        await asyncio.sleep(reply.delay or self.latency)
        if reply.hang:
            await asyncio.Event().wait()
        while reply.until is not None and not reply.until.is_set():
            await asyncio.sleep(0.005)
        if reply.drop:
            _reset(writer)
            return False
        await _write(writer, reply, asked)
        if reply.cut is not None or reply.garbage is not None:
            return False
        self.answered += 1
        self._note("answered", asked)
        if reply.close_idle is not None:
            await asyncio.sleep(reply.close_idle)
            return False
        return asked.headers.get("connection", "").lower() != "close"

    def _note(self, what: str, asked: Asked) -> None:
        if self._log is not None:
            line = {"what": what, "prompt": asked.fingerprint, "at": time.time(), "path": asked.path}
            with self._log.open("a") as out:
                out.write(json.dumps(line) + "\n")


async def _read(reader: asyncio.StreamReader, number: int) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, body, number, time.monotonic())


async def _write(writer: asyncio.StreamWriter, reply: Reply, asked: Asked) -> None:
    if reply.garbage is not None:
        writer.write(reply.garbage)
        await writer.drain()
        return
    body = reply.payload(asked)
    chunked = reply.pieces > 1
    kind = "text/event-stream" if reply.events else reply.content_type
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    headers = {"Content-Type": kind, **length, **reply.headers}
    head = f"HTTP/1.1 {reply.status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(head.encode("latin-1") + b"\r\n")
    sent = body if reply.cut is None else body[: reply.cut]
    size = max(1, -(-len(sent) // reply.pieces))
    for at in range(0, len(sent), size):
        piece = sent[at : at + size]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        await writer.drain()
        if reply.piece_delay:
            await asyncio.sleep(reply.piece_delay)
    if chunked and reply.cut is None:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def closed_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- as a process ---


def load_script(path: Path) -> Script:
    """A script from a JSON list of `{"match": "substring", ...Reply's fields}`."""
    rules = json.loads(path.read_text())
    known = {each.name for each in dataclasses.fields(Reply)}

    def answer(asked: Asked) -> Reply:
        for rule in rules:
            if rule.get("match", "") in asked.prompt:
                made = {name: value for name, value in rule.items() if name in known}
                if isinstance(made.get("body"), str):
                    made["body"] = made["body"].encode()
                return Reply(**made)
        return Reply(asked.last)

    return answer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--function", help="MODULE:NAME of a script function")
    given = parser.parse_args()
    script: Script | None = load_script(given.script) if given.script else None
    if given.function:
        module, _, name = given.function.partition(":")
        script = getattr(importlib.import_module(module), name)
    server = LLMServer(script, latency=given.latency, log=given.log)

    def started() -> None:
        part = given.port_file.with_suffix(".part")
        part.write_text(str(server.port))
        part.replace(given.port_file)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server._stop.set)

    asyncio.run(server.serve(started))


if __name__ == "__main__":
    main()
