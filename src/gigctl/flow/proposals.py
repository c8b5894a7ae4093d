"""The checks that a code gig gets from its repository: those that its `gigctl.toml` names, or else what is detected."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.detect import as_spec, find_tools
from gigctl.checks.settings import load_files
from gigctl.flow.repofile import NAME, read_repo_file
from gigctl.model import CheckSpec
from gigctl.system.git.store import Store

__all__ = ["Proposal", "propose_checks"]


class Proposal(Struct, frozen=True):
    """A check that was found, and where."""

    spec: CheckSpec
    why: str

    @property
    def text(self) -> str:
        """`test: python3 -m pytest -q (the tests in tests/test_a.py)`."""
        run = self.spec.options.get("run")
        what = shlex.join(run) if run else self.spec.check
        missing = "" if self.spec.required else "; not installed here, so not required"
        return f"{self.spec.name}: {what} ({self.why}{missing})"


def propose_checks(
    store: Store, tree: str, given: Sequence[CheckSpec], environ: Mapping[str, str], repository: Path
) -> list[Proposal]:
    """What the tree says beside the checks that were `given` by name; none of its tests where those run a command.

    Raises ConfigError for a `gigctl.toml` that can't be read.
    """
    found = _from_file(store, tree) or _detected(store, tree, environ, repository)
    names = {spec.name for spec in given}
    commands = any(spec.check == "command" for spec in given)
    return [one for one in found if one.spec.name not in names and not (commands and one.spec.name == "test")]


def _from_file(store: Store, tree: str) -> list[Proposal]:
    files = store.read_files(tree, [NAME])
    if not files or not files[0].mode.startswith("100"):
        return []
    said = read_repo_file(files[0].data or b"", f"the repository's {NAME}")
    return [Proposal(_protecting(spec, said.protect), NAME) for spec in said.checks]


def _protecting(spec: CheckSpec, protect: tuple[str, ...] | None) -> CheckSpec:
    if protect is None or spec.check not in ("command", "style"):
        return spec
    return replace(spec, options={"protect": list(protect), **spec.options})


def _detected(store: Store, tree: str, environ: Mapping[str, str], repository: Path) -> list[Proposal]:
    tools = find_tools(load_files(store, tree), environ, repository)
    found = [Proposal(as_spec(tool, environ, repository), tool.why) for tool in tools]
    return [*found, Proposal(CheckSpec("secrets", "secrets"), "no key or password comes in")]
