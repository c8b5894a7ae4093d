"""What a command says of the base: computed once, and kept beside the store under all that it depends on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gigctl.model import CheckContext
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store
from gigctl.system.resolver import Visible

__all__ = ["compute_at_base"]

_FOLDER = "at-base"
_FORM = 2
"""Of what is kept: another number where it is asked for something else."""


async def compute_at_base(
    argv: Sequence[str], seen: Visible, context: CheckContext, ask: Callable[[CheckContext], Awaitable[Any]]
) -> Any:
    """What `ask` finds (JSON data, None where it can't tell) in a context with the base's tree; None without a base."""
    if context.base_tree is not None:
        return await ask(replace(context, tree=context.base_tree))
    if context.base is None or context.store is None:
        return None
    store = Store.open(Path(context.store))
    kept = store.path / "gigctl" / _FOLDER / _key(argv, seen, context)
    if (known := _read(kept)) is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        place = Path(name) / "tree"
        check_out(store, context.base, place, history=context.commit, every_link=True)
        found = await ask(replace(context, tree=str(place)))
    if found is not None:
        _keep(kept, found)
    return found


def _key(argv: Sequence[str], seen: Visible, context: CheckContext) -> str:
    """Of the base's tree, the command, and the state of what is installed: another plugin can run other tests."""
    installed = [[str(path), *_times(path)] for path in (*seen.shown, *(real for _, real in seen.dependencies))]
    text = json.dumps([_FORM, context.base, context.commit, list(argv), context.unsafe_no_sandbox, installed])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _times(path: Path) -> list[int]:
    """When something was last put into or taken out of a folder, or of those in which it keeps its packages."""
    found = []
    for folder in (path, *sorted(path.glob("lib/python3*/site-packages"))):
        with contextlib.suppress(OSError):
            found.append(folder.stat().st_mtime_ns)
    return found


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None


def _keep(file: Path, found: Any) -> None:
    """Whole or not at all; where nothing can be written it is computed again."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        made = file.with_name(f"{file.name}.{os.getpid()}")
        made.write_text(json.dumps(found))
        made.replace(file)
