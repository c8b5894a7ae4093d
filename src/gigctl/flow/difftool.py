"""The user's own diff program, on copies that nothing of it comes back from."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.showing import Pair
from gigctl.model import Content
from gigctl.system import proc
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store

__all__ = ["run_tool"]


def run_tool(desk: Desk, pair: Pair, argv: Sequence[str]) -> None:
    """Runs `argv` with the two sides' paths at its end: two files of a text, two folders of a tree."""
    if not argv:
        raise UsageError("no diff program is named", "--tool meld, or gigctl config set diff-tool meld")
    with tempfile.TemporaryDirectory(prefix="gigctl-diff-") as name:
        sides = [
            _laid_out(desk, content, Path(name) / side) for side, content in (("old", pair.old), ("new", pair.new))
        ]
        proc.interactive([*argv, *map(str, sides)])


def _laid_out(desk: Desk, content: Content, place: Path) -> Path:
    place.mkdir()
    if content.is_text:
        file = place / "text.md"
        file.write_bytes(content.changes[0].data or b"")
        return file
    store = Store.open(desk.store)
    check_out(store, store.tree_of(content), place)
    return place
