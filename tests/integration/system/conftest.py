"""A sandbox that works here, and a short way to run something in it; without bubblewrap these tests say why not."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gigctl.system.proc import Finished
from gigctl.system.sandbox import Missing, Policy, Sandbox, find_sandbox, run_sandboxed

Inside = Callable[..., Finished]


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    found = find_sandbox()
    if isinstance(found, Missing):
        pytest.skip(f"{found.reason}: {found.hint}")
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    return folder


@pytest.fixture
def inside(sandbox: Sandbox, tree: Path) -> Inside:
    """`inside(argv, repository=…, environ=…, stdin=…, **policy)`; a string is Python code for a bare interpreter."""

    def run(argv: list[str] | str, **more: Any) -> Finished:
        if isinstance(argv, str):
            argv = [os.path.realpath(sys.executable), "-I", "-c", argv]
        told = {name: more.pop(name) for name in ("repository", "environ", "stdin") if name in more}
        told.setdefault("environ", os.environ)
        return asyncio.run(run_sandboxed(sandbox, argv, tree=tree, policy=Policy(**more), **told))

    return run
