"""Kind `command`: any program. The prompt goes to its standard input; its answer is what it prints, or changes.

Where a word of the argv holds `{prompt}`, that is the path of a file with the prompt instead, outside the working
folder. How it is walled in is `program.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gigctl.agents.base import Agent, AgentError, ErrorKind
from gigctl.agents.program import ProgramAgent, told_of_its_folder, work_folder
from gigctl.model import Draft, Request
from gigctl.system import proc
from gigctl.system.sandbox import run_sandboxed

__all__ = ["PROMPT", "CommandAgent"]

PROMPT = "{prompt}"
TEMPORARY = 75
"""EX_TEMPFAIL of sysexits.h: the program itself asks to be tried again."""


class _Place(Struct, frozen=True):
    """Where a program works, and the file of its prompt where it wants one."""

    tree: Path
    prompt: Path | None
    argv: tuple[str, ...]
    stdin: bytes


class CommandAgent(ProgramAgent):
    """A program that is started once a draft, and has answered when it ends."""

    async def draft(self, request: Request) -> Draft:
        with work_folder(request) as (tree, beside):
            done = await self._run(_place(self.entry.argv, request, tree, beside))
        said = self._tail(done.stderr)
        self._check(done, said)
        return Draft(
            content=self._text(done),
            cost=self._price(),
            model=self.entry.model or self.entry.argv[0],
            seconds=done.seconds,
            detail=said,
        )

    async def _run(self, place: _Place) -> proc.Finished:
        if self._sandbox is not None:
            return await run_sandboxed(
                self._sandbox,
                place.argv,
                tree=place.tree,
                policy=self._policy(*([place.prompt] if place.prompt else [])),
                environ=self._environ,
                stdin=place.stdin,
                through=self._through,
            )
        return await proc.run_async(
            place.argv,
            stdin=place.stdin,
            cwd=place.tree,
            env=self._bare_environment(),
            timeout=self.entry.timeout,
            limit=self._output,
        )

    # --- what it did ---

    def _check(self, done: proc.Finished, said: str) -> None:
        """A program that was ended may have paid for something: unknown. One that failed by itself has said so."""
        if done.timed_out:
            raise AgentError("timeout", f"not done after {self.entry.timeout:g} s", answered=False)
        if done.truncated:
            raise AgentError("malformed", f"it printed more than {self._output // 2**20} MiB", cost=self._price())
        if done.stopped:
            raise AgentError("refused", f"ended: {done.stopped}", cost=self._price())
        if done.code != 0:
            how = f"signal {-done.code}" if done.code < 0 else f"exit {done.code}"
            kind: ErrorKind = "overloaded" if done.code == TEMPORARY else "refused"
            raise AgentError(kind, f"{how}: {said or 'without a word'}", cost=self._price())

    def _text(self, done: proc.Finished) -> str:
        try:
            return done.stdout.decode()
        except UnicodeDecodeError as error:
            raise AgentError("malformed", f"its answer is not UTF-8 (byte {error.start})", cost=self._price()) from None


def _place(argv: Sequence[str], request: Request, tree: Path, beside: Path) -> _Place:
    prompt = told_of_its_folder(request, tree).encode("utf-8", "surrogateescape")
    if not any(PROMPT in word for word in argv):
        return _Place(tree, None, tuple(argv), prompt)
    file = beside / "prompt.txt"
    file.write_bytes(prompt)
    return _Place(tree, file, tuple(word.replace(PROMPT, str(file)) for word in argv), b"")


if TYPE_CHECKING:
    _: type[Agent] = CommandAgent
