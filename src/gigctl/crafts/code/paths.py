"""Which paths an answer may write: inside the tree, through no link, and never where git or gigctl keeps its own."""

from __future__ import annotations

from collections.abc import Mapping

from gigctl.crafts.base import MalformedAnswer
from gigctl.model import LINK, SUBMODULE, Change

__all__ = ["check_path"]

_OWN = frozenset({".git", "git~1", ".gigctl", "gigctl~1"})
"""Folders of git's and ours, also by the short names that Windows gives them."""
_IGNORED_BY_HFS = dict.fromkeys(
    [0x200C, 0x200D, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
"""Characters that HFS+ ignores in a name, so that `.g<U+200C>it` is `.git` there (CVE-2014-9390)."""
_NAME_BYTES, _PATH_BYTES = 255, 4095


def check_path(path: str, tree: Mapping[str, Change]) -> None:
    """Raises MalformedAnswer where an answer may not write this path; `tree` is the base by path."""
    reason = _wrong_name(path) or _wrong_place(path, tree)
    if reason:
        raise MalformedAnswer(f"{path!a} can't be written: {reason}.")


def _wrong_name(path: str) -> str:
    names = path.split("/")
    if path.startswith(("/", "~")) or path[1:2] == ":" or "\\" in path:
        return "a path is relative to the root of the repository, with / between its names"
    if any(name in ("", ".", "..") for name in names):
        return "a path has no empty names, `.` or `..`"
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in path):
        return "a path has no control characters"
    if any(_is_own(name) for name in names):
        return "the folders .git and .gigctl are not an answer's to change"
    raw = [name.encode("utf-8", "surrogatepass") for name in names]
    if max(map(len, raw)) > _NAME_BYTES or sum(map(len, raw)) + len(raw) > _PATH_BYTES:
        return "it is too long"
    return ""


def _is_own(name: str) -> bool:
    plain = name.translate(_IGNORED_BY_HFS).partition(":")[0].rstrip(" .").casefold()
    return plain in _OWN


def _wrong_place(path: str, tree: Mapping[str, Change]) -> str:
    names = path.split("/")
    for depth in range(1, len(names) + 1):
        there = tree.get("/".join(names[:depth]))
        if there is None:
            continue
        if there.mode in (LINK, SUBMODULE):
            return f"{there.path} is a {'link' if there.mode == LINK else 'submodule'}"
        if depth < len(names):
            return f"{there.path} is a file, not a folder"
    if any(known.startswith(path + "/") for known in tree):
        return "it is a folder"
    return ""
