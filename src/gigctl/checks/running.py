"""A check's program on a copy of the tree: in the sandbox, or bare where the user allowed that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gigctl.model import CheckContext, Verdict

if TYPE_CHECKING:
    from gigctl.system.proc import Finished
    from gigctl.system.resolver import Visible

__all__ = ["NO_ROOM", "NO_ROOM_SAID", "OUTPUT", "find_visible", "is_of_machine", "run_on_tree", "why_no_sandbox"]

OUTPUT = 4 * 1024 * 1024
"""Bytes of each stream, after which a command is ended."""
NO_ROOM, NO_ROOM_SAID = 125, "the tree does not fit into the sandbox"
"""How a sandbox ends that could not copy the tree."""
_QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "CI": "1"}
"""Logs without colour or progress, and no watch mode."""


def why_no_sandbox(context: CheckContext, name: str, program: str) -> Verdict | None:
    """The verdict of a check that can't be run here."""
    from gigctl.checks.base import verdict
    from gigctl.system.sandbox import Missing, find_sandbox

    sandbox = find_sandbox()
    if not isinstance(sandbox, Missing) or context.unsafe_no_sandbox:
        return None
    return verdict(name, "skip", f"{program} was not run: {sandbox.reason} ({sandbox.hint})")


def is_of_machine(program: str) -> bool:
    """Whether a program is the machine's, or one of the dependencies that lie beside the tree."""
    from gigctl.system.resolver import DEPENDENCIES

    return "/" not in program or any(part in DEPENDENCIES for part in program.split("/"))


def find_visible(argv: Sequence[str], context: CheckContext) -> Visible:
    """What the command will see. Raises ProgramError where it is not there."""
    from gigctl.system.resolver import resolve

    tree = Path(context.tree or "/nonexistent")
    return resolve(argv, os.environ, tree=tree, repository=_repository(context), prepared=_prepared(context))


async def run_on_tree(
    argv: Sequence[str], context: CheckContext, seconds: float, *, reads: bool = False, stdin: bytes = b""
) -> tuple[Finished, Path]:
    """What it did, and the folder that it saw itself in. One that only `reads` needs no copy of the tree.

    Raises ProgramError, PolicyError.
    """
    if context.unsafe_no_sandbox:
        return await _run_unprotected(argv, context, seconds, stdin)
    return await _run_protected(argv, context, seconds, stdin, reads=reads)


async def _run_protected(
    argv: Sequence[str], context: CheckContext, seconds: float, stdin: bytes, *, reads: bool
) -> tuple[Finished, Path]:
    from gigctl.system.sandbox import Policy, Sandbox, find_sandbox, run_sandboxed
    from gigctl.system.view import home_of, place_of

    sandbox = find_sandbox()
    assert isinstance(sandbox, Sandbox)  # noqa: S101  # the caller looked
    repository = _repository(context)
    policy = Policy(seconds=seconds, output=OUTPUT, env=_QUIET, tree="read" if reads else "scratch")
    done = await run_sandboxed(
        sandbox, argv, tree=Path(context.tree or ""), policy=policy, environ=os.environ, repository=repository,
        prepared=_prepared(context), stdin=stdin,
    )  # fmt: skip
    return done, place_of(repository, home_of(os.environ))


def _repository(context: CheckContext) -> Path | None:
    return _resolved(context.repository) if context.repository else None


def _prepared(context: CheckContext) -> Path | None:
    return _resolved(context.prepared) if context.prepared else None


def _resolved(folder: str) -> Path:
    return Path(folder).resolve()


async def _run_unprotected(
    argv: Sequence[str], context: CheckContext, seconds: float, stdin: bytes
) -> tuple[Finished, Path]:
    """On the bare machine, as the user allowed it: on a copy, and without what the environment holds beyond tools."""
    import shutil
    import tempfile

    from gigctl.system.proc import run_async
    from gigctl.system.resolver import resolve

    repository = _repository(context)
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        place = _resolved(name) / "tree"
        shutil.copytree(context.tree or "", place, symlinks=True)
        seen = resolve(argv, os.environ, tree=place, repository=repository)
        for path, real in seen.dependencies:
            if not (place / path).exists():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).symlink_to(real)
        env = {**seen.variables, "PATH": os.environ.get("PATH", seen.search_path), "HOME": name, "LANG": "C.UTF-8"}
        done = await run_async(argv, stdin=stdin, cwd=place, env=env | _QUIET, timeout=seconds, limit=OUTPUT)
        return done, place
