"""Kind `command`: any program. The prompt goes to its standard input; its answer is what it prints, or changes.

Where a word of the argv holds `{prompt}`, that is the path of a file with the prompt instead, outside the working
folder. It runs in the sandbox: its folder writable, only the paths and variables that its entry names, never gigctl's
own data; with network, unless it is declared local.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from gigctl.agents.base import Agent, AgentError, ErrorKind
from gigctl.agents.endpoint import redact
from gigctl.errors import ConfigError, PolicyError
from gigctl.model import AgentEntry, Draft, Request
from gigctl.paths import load_paths
from gigctl.system import proc
from gigctl.system.sandbox import Missing, Policy, Sandbox, find_sandbox, run_sandboxed

__all__ = ["PROMPT", "CommandAgent"]

PROMPT = "{prompt}"
MEMORY = 4096 * 1024 * 1024
PROCESSES = 512
OUTPUT = 8 * 1024 * 1024
"""More than a check gets: these are whole programs, often on Node."""
TEMPORARY = 75
"""EX_TEMPFAIL of sysexits.h: the program itself asks to be tried again."""
_TAIL = 2000
_PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class _Place(Struct, frozen=True):
    """Where a program works, and the file of its prompt where it wants one."""

    tree: Path
    prompt: Path | None
    argv: tuple[str, ...]
    stdin: bytes


class CommandAgent:
    """A program of the user's, started once a draft. Without a sandbox it is refused, unless that was asked for."""

    def __init__(
        self, entry: AgentEntry, *, environ: Mapping[str, str], unsafe_no_sandbox: bool = False, output: int = OUTPUT,
        look: Callable[[], Sandbox | Missing] = find_sandbox,
    ) -> None:  # fmt: skip
        """`output` is the most bytes that it may print, `look` finds the sandbox that this machine has."""
        self.entry = entry
        self._output = output
        self._look = look
        self._environ = environ
        self._unsafe = unsafe_no_sandbox
        self._sandbox: Sandbox | None = None
        if not entry.argv:
            raise ConfigError(f"agent {entry.name}: no command", f"gigctl agent add {entry.name} -- PROGRAM ARGUMENT…")

    async def __aenter__(self) -> Self:
        """Raises PolicyError where there is no sandbox, ConfigError where an allowed path is missing."""
        found = self._look()
        if isinstance(found, Sandbox):
            self._policy()
            self._sandbox = found
        else:
            self._refuse(found)
        return self

    def _refuse(self, missing: Missing) -> None:
        name = self.entry.name
        if self.entry.is_local:
            raise PolicyError(
                f"agent {name} is declared local, and without a sandbox its network can't be closed: {missing.reason}",
                missing.hint.partition(", or run it unprotected")[0],
            )
        if not self._unsafe:
            raise PolicyError(f"agent {name} runs a program, and no sandbox works here: {missing.reason}", missing.hint)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sandbox = None

    def bound(self, request: Request) -> int | None:
        return self._price()

    def _price(self) -> int | None:
        """What the entry says that a run costs: no program tells its tokens."""
        if self.entry.price_run is not None:
            return self.entry.price_run
        return 0 if self.entry.is_local else None

    async def draft(self, request: Request) -> Draft:
        with _place(self.entry.argv, request) as place:
            done = await self._run(place)
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
                policy=self._policy(place.prompt),
                environ=self._environ,
                stdin=place.stdin,
            )
        plain = {name: self._environ[name] for name in _PLAIN if name in self._environ}
        return await proc.run_async(
            place.argv,
            stdin=place.stdin,
            cwd=place.tree,
            env={**plain, **self._named()},
            timeout=self.entry.timeout,
            limit=self._output,
        )

    # --- what it may ---

    def _policy(self, prompt: Path | None = None) -> Policy:
        own = load_paths(self._environ)
        return Policy(
            network=not self.entry.is_local,
            seconds=self.entry.timeout,
            memory=MEMORY,
            processes=PROCESSES,
            output=self._output,
            tree="write",
            readable=() if prompt is None else (prompt,),
            writable=tuple(self._allowed(path) for path in self.entry.allow),
            never=(own.data, own.config, own.state, own.cache, own.runtime),
            env=self._named(),
        )

    def _allowed(self, text: str) -> Path:
        home = self._environ.get("HOME", "")
        path = Path(home + text[1:]) if text == "~" or text.startswith("~/") else Path(text)
        if not path.is_absolute() or not path.exists():
            raise ConfigError(
                f"agent {self.entry.name}: allowed path {text} is not there", "make it, or take it out with agent add"
            )
        return path.resolve()

    def _named(self) -> dict[str, str]:
        return {name: self._environ[name] for name in self.entry.env if name in self._environ}

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

    def _tail(self, stderr: bytes) -> str:
        text = stderr[-4 * _TAIL :].decode("utf-8", "replace")[-_TAIL:].strip()
        return redact(text, tuple(value for value in self._named().values() if len(value) >= 8))


@contextlib.contextmanager
def _place(argv: Sequence[str], request: Request) -> Iterator[_Place]:
    """The working folder (an empty one where the request brings none), and the prompt where the argv wants it."""
    prompt = request.prompt().encode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        folder = Path(name).resolve()
        tree = Path(request.workdir) if request.workdir is not None else folder / "tree"
        tree.mkdir(exist_ok=True)
        if not any(PROMPT in word for word in argv):
            yield _Place(tree, None, tuple(argv), prompt)
            return
        file = folder / "prompt.txt"
        file.write_bytes(prompt)
        yield _Place(tree, file, tuple(word.replace(PROMPT, str(file)) for word in argv), b"")


if TYPE_CHECKING:
    _: type[Agent] = CommandAgent
