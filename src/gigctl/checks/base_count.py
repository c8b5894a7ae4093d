"""How many tests a command runs at the base: computed once, and kept beside the store under what it depends on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from gigctl.model import CheckContext
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store
from gigctl.system.resolver import Visible

__all__ = ["count_at_base"]

Count = Callable[[str], Awaitable[int | None]]
_FOLDER = "counts"


async def count_at_base(argv: Sequence[str], seen: Visible | None, context: CheckContext, count: Count) -> int | None:
    """What `count` says of a folder with the base's tree; None where there is no base, or it can't tell."""
    if context.base_tree is not None:
        return await count(context.base_tree)
    if context.base is None or context.store is None:
        return None
    store = Store.open(Path(context.store))
    kept = store.path / "gigctl" / _FOLDER / _key(argv, seen, context)
    if (known := _read(kept)) is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        place = Path(name) / "tree"
        check_out(store, context.base, place, history=context.commit, every_link=True)
        found = await count(str(place))
    if found is not None:
        _keep(kept, found)
    return found


def _key(argv: Sequence[str], seen: Visible | None, context: CheckContext) -> str:
    """Of the base's tree, the command, and the state of what is installed: another plugin can run other tests."""
    installed = []
    if seen is not None:
        installed = [[str(path), *_times(path)] for path in (*seen.shown, *(real for _, real in seen.dependencies))]
    text = json.dumps([context.base, context.commit, list(argv), context.unsafe_no_sandbox, installed])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _times(path: Path) -> list[int]:
    """When something was last put into or taken out of a folder, or of those in which it keeps its packages."""
    found = []
    for folder in (path, *sorted(path.glob("lib/python3*/site-packages")), path / "node_modules"):
        with contextlib.suppress(OSError):
            found.append(folder.stat().st_mtime_ns)
    return found


def _read(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _keep(file: Path, count: int) -> None:
    """Whole or not at all; where nothing can be written it is computed again."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        made = file.with_name(f"{file.name}.{os.getpid()}")
        made.write_text(str(count))
        made.replace(file)
