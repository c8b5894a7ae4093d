"""What kinds that run a program of the user's have in common: what it may see, what it costs, and its folder.

It runs in the sandbox: its folder writable, only the paths and variables that its entry names, never gigctl's own
data; with network, unless it is declared local. A local one may work with the embedded model (`model_gate.py`).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gigctl.agents.endpoint import redact
from gigctl.agents.model_gate import ModelGate
from gigctl.errors import ConfigError, PolicyError
from gigctl.model import AgentEntry, Request
from gigctl.paths import load_paths
from gigctl.system.sandbox import Missing, Policy, Sandbox, find_sandbox

__all__ = ["OUTPUT", "ProgramAgent", "told_of_its_folder", "work_folder"]

MEMORY = 4096 * 1024 * 1024
PROCESSES = 512
OUTPUT = 8 * 1024 * 1024
"""More than a check gets: these are whole programs, often on Node."""
_TAIL = 2000
_PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_FOLDER = """

The repository is in the current folder. Make the change there, in its files: what is in the folder when you are done
is the answer, whatever form of answer is asked for above. Work without asking back unless you can not go on."""


class ProgramAgent:
    """A program of the user's. Without a sandbox it is refused, unless that was asked for."""

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
        self._gate: ModelGate | None = None
        if not entry.argv:
            raise ConfigError(f"agent {entry.name}: no command", f"gigctl agent add {entry.name} -- PROGRAM ARGUMENT…")

    async def __aenter__(self) -> Self:
        """Raises PolicyError where there is no sandbox, ConfigError where an allowed path is missing."""
        found = self._look()
        if isinstance(found, Sandbox):
            self._policy()
            if self.entry.works_with_model:
                self._gate = await ModelGate(self.entry, environ=self._environ).__aenter__()
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
        if self._gate is not None:
            await self._gate.__aexit__(kind, error, trace)
            self._gate = None

    @property
    def _through(self) -> tuple[str, ...]:
        """The command that starts the program inside, where it has one."""
        return () if self._gate is None else self._gate.through

    def bound(self, request: Request) -> int | None:
        return self._price()

    def _price(self) -> int | None:
        """What the entry says that a run costs: no program tells its tokens beforehand."""
        if self.entry.price_run is not None:
            return self.entry.price_run
        return 0 if self.entry.is_local else None

    # --- what it may ---

    def _policy(self, *readable: Path) -> Policy:
        own = load_paths(self._environ)
        return Policy(
            network=not self.entry.is_local,
            seconds=self.entry.timeout,
            memory=MEMORY,
            processes=PROCESSES,
            output=self._output,
            tree="write",
            readable=readable,
            writable=tuple(self._allowed(path) for path in self.entry.allow),
            never=(own.data, own.config, own.state, own.cache, own.runtime),
            sockets=() if self._gate is None else (self._gate.socket,),
            env={**({} if self._gate is None else self._gate.variables), **self._named()},
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

    def _bare_environment(self) -> dict[str, str]:
        """Of one that runs without a sandbox."""
        plain = {name: self._environ[name] for name in _PLAIN if name in self._environ}
        return {**plain, **self._named()}

    # --- what it said ---

    def _tail(self, said: bytes) -> str:
        text = said[-4 * _TAIL :].decode("utf-8", "replace")[-_TAIL:].strip()
        return self._redact(text)

    def _redact(self, text: str) -> str:
        return redact(text, tuple(value for value in self._named().values() if len(value) >= 8))


@contextlib.contextmanager
def work_folder(request: Request) -> Iterator[tuple[Path, Path]]:
    """The folder that a program works in (an empty one where the request brings none), and one beside it for what it
    is not to find there."""
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        folder = Path(name).resolve()
        tree = Path(request.workdir) if request.workdir is not None else folder / "tree"
        tree.mkdir(exist_ok=True)
        yield tree, folder


def told_of_its_folder(request: Request, tree: Path) -> str:
    """The prompt; where the folder holds a repository, with the word that the change is to be made there."""
    return request.prompt() + (_FOLDER if any(tree.iterdir()) else "")
