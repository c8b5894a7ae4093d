"""The lines of a file that a change touched: what stood there before is not the change's own."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gigctl.checks.reading import is_text
from gigctl.model import EXECUTABLE, REGULAR, Change, CheckContext, Content
from gigctl.system.git.store import Store

__all__ = ["ChangedFile", "Hunk", "find_hunks", "list_changed"]

LARGEST = 16 * 1024 * 1024
"""Bytes of a file that is compared; in one that is larger each line counts as changed."""
_HEAD = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


class Hunk(Struct, frozen=True):
    """Lines `start` to `end` (from 1, `end` not among them) of the new text stand where those of the old one did."""

    old_start: int
    old_end: int
    start: int
    end: int


class ChangedFile(Struct, frozen=True):
    """A changed text: `old` are its bytes at the base, None where it is new."""

    path: str
    old: bytes | None
    new: bytes
    hunks: tuple[Hunk, ...]

    def is_own(self, line: int) -> bool:
        return any(hunk.start <= line < hunk.end for hunk in self.hunks)


def list_changed(content: Content, context: CheckContext) -> list[ChangedFile]:
    """The files that a content changes or adds, as far as they are text. Without a base each is new."""
    texts = [change for change in content.changes if _is_text(change)]
    before = _before([change.path for change in texts], content, context)
    return [_changed(change.path, before.get(change.path), change.data or b"", context) for change in texts]


def _is_text(change: Change) -> bool:
    data = change.data
    return data is not None and change.mode in (REGULAR, EXECUTABLE) and is_text(data)


def _before(paths: Sequence[str], content: Content, context: CheckContext) -> dict[str, bytes]:
    if content.base is None or context.store is None or not paths:
        return {}
    found = Store.open(Path(context.store)).read_files(content.base, paths, largest=LARGEST)
    return {change.path: change.data for change in found if change.data is not None and change.mode.startswith("100")}


def _changed(path: str, old: bytes | None, new: bytes, context: CheckContext) -> ChangedFile:
    if old is None or context.store is None or len(new) > LARGEST:
        return ChangedFile(path, old, new, (Hunk(1, 1, 1, _count(new) + 1),))
    return ChangedFile(path, old, new, tuple(find_hunks(Store.open(Path(context.store)), old, new)))


def _count(text: bytes) -> int:
    return text.count(b"\n") + (not text.endswith(b"\n") and text != b"")


def find_hunks(store: Store, old: bytes, new: bytes) -> list[Hunk]:
    """Where two texts differ, as git sees it: linear in what is alike, whatever the texts are."""
    if old == new:
        return []
    with tempfile.TemporaryDirectory(prefix="gigctl-") as folder:
        for name, text in (("old", old), ("new", new)):
            Path(folder, name).write_bytes(text)
        words = ("--no-index", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--unified=0")
        diff = store.git.run("diff", *words, "--", "old", "new", cwd=Path(folder), expected=(0, 1), limit=8 * LARGEST)
    return [_hunk(*(int(n) if n else 1 for n in head)) for head in _HEAD.findall(diff.stdout)]


def _hunk(old: int, old_count: int, new: int, new_count: int) -> Hunk:
    # Of nothing git names the line before it.
    old, new = old + (not old_count), new + (not new_count)
    return Hunk(old, old + old_count, new, new + new_count)
