"""Kind `acp`: an agent of the Agent Client Protocol, a program that is talked with while it works in its folder.

gigctl is the protocol's client: it starts the program in the sandbox (`program.py`), opens a session in the task's
tree, sends the prompt and answers what the agent asks (`acp_host.py`). What the agent changed in the folder is its
draft. The library takes 0.6 s to import, so that it is only loaded once a session is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gigctl.agents.acp_host import Host, usage_of
from gigctl.agents.base import Agent, AgentError, ErrorKind, keep_session
from gigctl.agents.failures import Complaint, get_kind, one_line, with_status
from gigctl.agents.program import ProgramAgent, told_of_its_folder, work_folder
from gigctl.errors import ConfigError
from gigctl.model import Draft, Reply, Request
from gigctl.system.dialogue import Dialogue, converse
from gigctl.system.sandbox import converse_sandboxed
from gigctl.system.view import FALLBACK

if TYPE_CHECKING:
    from acp import PromptResponse
    from acp.core import ClientSideConnection

__all__ = ["AcpAgent"]

QUESTION = 4000
"""Characters of a question that are kept."""
CANCEL_SECONDS = 2.0
"""For an agent to end its turn when it is told to."""
RUBBISH = 50
"""Lines that are no message, of programs that print what they log, before they are taken for no agent."""
_AUTH_REQUIRED = -32000
_CUT = frozenset({"max_tokens", "max_turn_requests"})


class AcpAgent(ProgramAgent):
    """An agent that is started once a draft, asked once, and ended."""

    async def draft(self, request: Request) -> Draft:
        begun = time.monotonic()
        _check_library(self.entry.name)
        with work_folder(request) as (tree, _), _unlogged():
            place = str(FALLBACK) if self._sandbox is not None else str(tree)
            host = Host(tree, place, walled=self._sandbox is not None)
            async with self._talk(tree) as talk:
                session = _Session(talk, host, place)
                answered = await self._turn(session, told_of_its_folder(request, tree), request.reply)
                asked = host.question or _final_question(host.text, tree, session.since)
            if asked:
                raise self._question(asked, answered, session)
            self._check(answered, host)
            return Draft(
                content=host.text,
                usage=usage_of(answered.usage),
                cost=self._cost(host),
                model=self.entry.model or self.entry.argv[0],
                seconds=time.monotonic() - begun,
                detail=self._redact(host.notes[-2000:]),
            )

    @contextlib.asynccontextmanager
    async def _talk(self, tree: Path) -> AsyncIterator[Dialogue]:
        if self._sandbox is not None:
            async with converse_sandboxed(
                self._sandbox, self.entry.argv, tree=tree, policy=self._policy(), environ=self._environ,
                through=self._through,
            ) as talk:  # fmt: skip
                yield talk
        else:
            async with converse(self.entry.argv, cwd=tree, env=self._bare_environment(), limit=self._output) as talk:
                yield talk

    async def _turn(self, session: _Session, prompt: str, reply: Reply | None) -> PromptResponse:
        """One session with one prompt in it, ended in time. Raises AgentError."""
        from acp import RequestError
        from pydantic import ValidationError

        try:
            async with session, asyncio.timeout(self.entry.timeout):
                return await session.ask(prompt, reply)
        except TimeoutError:
            raise self._failed("timeout", f"not done after {self.entry.timeout:g} s", session, answered=False) from None
        except RequestError as error:
            raise self._complaint(error, session) from None
        except (ValidationError, _Rubbish) as error:
            said = "an answer that is none of the protocol" if isinstance(error, ValidationError) else str(error)
            raise self._failed("malformed", f"it gave {said}", session) from None
        except ConnectionError:
            raise await self._gone(session) from None

    # --- what went wrong ---

    def _failed(self, kind: ErrorKind, message: str, session: _Session, *, answered: bool = True) -> AgentError:
        """Before the prompt was sent nothing can have been paid."""
        cost = self._cost(session.host) if session.asked and answered else None
        text = self._redact(one_line(message))
        return AgentError(kind, text, sent=session.asked, answered=answered or not session.asked, cost=cost)

    def _complaint(self, error: Any, session: _Session) -> AgentError:
        details = error.data if isinstance(error.data, dict) else {}
        told = details.get("details") or details.get("message") or ""
        words = f"{error}: {told}" if told else str(error)
        if error.code == _AUTH_REQUIRED:
            return self._failed("auth", f"{words} (sign in with the program itself, and allow its folder)", session)
        return self._failed(get_kind(with_status(Complaint(0, "", words))), words, session)

    async def _gone(self, session: _Session) -> AgentError:
        """It ended, or was ended, in the middle of its turn."""
        talk = session.talk
        if session.wire.rubbish:
            return self._failed("malformed", f"it gave {session.wire.rubbish}", session)
        if talk.stopped:
            kind: ErrorKind = "malformed" if "at a time" in talk.stopped else "refused"
            return self._failed(kind, f"ended: {talk.stopped}", session)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.shield(talk.exited)
        code = talk.exited.result() if talk.exited.done() else None
        how = "it closed the talk" if code is None else f"signal {-code}" if code < 0 else f"exit {code}"
        said = self._tail(talk.errors)
        return self._failed("unavailable", f"{how}: {said or 'without a word'}", session, answered=False)

    def _question(self, text: str, answered: PromptResponse, session: _Session) -> AgentError:
        return AgentError(
            "question", self._redact(text[:QUESTION]), usage=usage_of(answered.usage), cost=self._cost(session.host),
            content=keep_session(session.id, session.host.text),
        )  # fmt: skip

    # --- what it is ---

    def _check(self, answered: PromptResponse, host: Host) -> None:
        more: dict[str, Any] = {"usage": usage_of(answered.usage), "cost": self._cost(host), "content": host.text}
        if host.too_much:
            raise AgentError("malformed", "it said more than a turn may", **more)
        if answered.stop_reason in _CUT:
            raise AgentError("cut", f"its turn was cut: {answered.stop_reason.replace('_', ' ')}", **more)
        if answered.stop_reason != "end_turn":
            said = one_line(host.text) or answered.stop_reason
            raise AgentError("refused", f"it ended its turn: {said}", **more)

    def _cost(self, host: Host) -> int | None:
        """What it said that the session cost; where that is nothing, what its entry says: an agent that does not know
        the price of its model says 0."""
        return host.cost or self._price()


class _Session:
    """A connection with one session on it. As a context it tells the agent to stop where its turn is left early."""

    def __init__(self, talk: Dialogue, host: Host, place: str) -> None:
        self.talk = talk
        self.host = host
        self.asked = False
        self.wire = _Wire(talk)
        self.id = ""
        self.since = 0
        """When the prompt was sent, in nanoseconds since 1970."""
        self._place = place
        self._done = False
        self._agent: ClientSideConnection | None = None

    async def __aenter__(self) -> _Session:
        from acp import connect_to_agent

        self._agent = connect_to_agent(self.host, self.wire, use_unstable_protocol=True)  # type: ignore[arg-type]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._agent is not None  # noqa: S101
        try:
            if self.asked and not self._done and not self.talk.exited.done():
                with contextlib.suppress(ConnectionError, TimeoutError):
                    await self._agent.cancel(session_id=self.id)
                    async with asyncio.timeout(CANCEL_SECONDS):
                        await self.wire.answered.wait()
        finally:
            await self._agent.close()

    async def ask(self, prompt: str, reply: Reply | None = None) -> PromptResponse:
        """One turn: of a session that is taken up again with a reply where the agent can do that, else of a new one."""
        from acp import PROTOCOL_VERSION, text_block
        from acp.schema import (
            ClientCapabilities,
            ElicitationCapabilities,
            ElicitationFormCapabilities,
            FileSystemCapabilities,
            Implementation,
        )

        assert self._agent is not None  # noqa: S101
        can = ClientCapabilities(
            fs=FileSystemCapabilities(read_text_file=True, write_text_file=True),
            elicitation=ElicitationCapabilities(form=ElicitationFormCapabilities()),
        )
        name = Implementation(name="gigctl", title="gigctl", version=version("gigctl"))
        hello = await self._agent.initialize(PROTOCOL_VERSION, can, name)
        if hello.protocol_version != PROTOCOL_VERSION:
            raise _Rubbish(f"version {hello.protocol_version} of the protocol, not {PROTOCOL_VERSION}")
        capable = hello.agent_capabilities
        if reply is None or capable is None or not capable.load_session or not await self._take_up(reply.session):
            self.id = (await self._agent.new_session(cwd=self._place, mcp_servers=[])).session_id
        elif reply is not None:
            prompt = reply.text
        self.asked = True
        self.since = time.time_ns()
        self.wire.await_answer()
        answered = await self._agent.prompt(session_id=self.id, prompt=[text_block(prompt)])
        self._done = True
        return answered

    async def _take_up(self, session: str) -> bool:
        """Whether the agent still knows a session. What it tells of it again is heard once."""
        from acp import RequestError

        assert self._agent is not None  # noqa: S101
        try:
            await self._agent.load_session(cwd=self._place, session_id=session, mcp_servers=[])
        except RequestError:
            return False
        self.host.forget()
        self.id = session
        return True


class _Rubbish(Exception):
    """What is none of the protocol."""


class _Wire:
    """The library's transport over a talk: a message a line."""

    def __init__(self, talk: Dialogue) -> None:
        self.rubbish = ""
        self.answered = asyncio.Event()
        """Set when an answer came since the prompt was sent."""
        self._talk = talk
        self._awaiting = False
        self._strange = 0

    def await_answer(self) -> None:
        self._awaiting = True

    async def send(self, message: Mapping[str, Any]) -> None:
        self._talk.say(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None where no more comes."""
        while True:
            line = await self._talk.line()
            if not line:
                self.answered.set()
                return None
            if not line.strip():
                continue
            message = _read(line)
            if message is not None:
                if self._awaiting and "method" not in message:
                    self.answered.set()
                # Each message is a task of the library's: let it be done before the next one is read.
                await asyncio.sleep(0)
                return message
            self._strange += 1
            if self._strange > RUBBISH:
                self.rubbish = f"{self._strange} lines that are no message"
                self._talk.end(self.rubbish)
                return None

    async def close(self) -> None:
        """The talk is ended by whoever began it."""


def _read(line: bytes) -> dict[str, Any] | None:
    """A message of the protocol; None where the line is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return None
    if "method" in message:
        return message if isinstance(message["method"], str) else None
    known = isinstance(message.get("id"), int) and not isinstance(message["id"], bool)
    error = message.get("error")
    fair = "error" not in message or (isinstance(error, dict) and isinstance(error.get("message", ""), str))
    return message if known and fair else None


_CLOCK = 20_000_000
"""Nanoseconds that a file's time may be behind the clock."""


def _final_question(text: str, tree: Path, since: int) -> str:
    """What an agent ends its turn with where it asks and has changed nothing; of a task without a tree its words are
    the draft, whatever their last sign."""
    asks = text.rstrip().endswith(("?", "？", "؟"))
    return text.strip() if asks and any(tree.iterdir()) and not _is_touched(tree, since - _CLOCK) else ""


def _is_touched(folder: Path, since: int) -> bool:
    """Whether anything below a folder was made, changed or taken away. No program can set a change's time back."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_ctime_ns >= since:
                return True
            if entry.is_dir(follow_symlinks=False) and _is_touched(Path(entry.path), since):
                return True
    return folder.stat().st_ctime_ns >= since


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """The library logs what it can't read with the root logger, which would print it as it stands."""
    quiet = logging.NullHandler()
    logging.getLogger().addHandler(quiet)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(quiet)


def _check_library(name: str) -> None:
    from importlib.util import find_spec

    if find_spec("acp") is None:
        raise ConfigError(f"agent {name} needs agent-client-protocol", "pip install 'gigctl[acp]'")


if TYPE_CHECKING:
    _: type[Agent] = AcpAgent
