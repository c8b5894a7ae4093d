"""Which paths may be in a tree of ours, and which of its links lead out of it. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

__all__ = ["escaping_links", "list_obeyed", "why_refused"]

_HFS_IGNORED = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF],
)
"""Code points that HFS+ leaves out of names (git's utf8.c, after CVE-2014-9390)."""
_HOPS = 40
"""Links that Linux follows in one path before it gives up (path_resolution(7))."""


def why_refused(path: str) -> str | None:
    """Why git would not have this path in a tree, in half a sentence; None where it would."""
    if not path or "\0" in path:
        return "is no path"
    if "\\" in path:
        return "has a backslash, which parts folders on other systems"
    for name in path.split("/"):
        if name in ("", ".", ".."):
            outside = name == ".." or path.startswith("/")
            return "would lie outside its folder" if outside else "is not in its plain form"
        if _is_dot_git(name):
            return "would lie in git's own folder"
    return None


def _is_dot_git(name: str) -> bool:
    """`.git` as any file system may take it: case, HFS+'s unseen letters, NTFS's endings, streams, short names."""
    return _plain(name) in (".git", "git~1")


def _plain(name: str) -> str:
    return name.translate(_HFS_IGNORED).casefold().split(":", 1)[0].rstrip(". ")


_OBEYED = frozenset({".gitattributes", ".gitmodules", "gitatt~1", "gitmod~1"})
"""Also by the short names that Windows gives them."""


def list_obeyed(paths: Iterable[str]) -> list[str]:
    """Those that git itself obeys where the work is checked out: filters, what a diff hides, whence submodules come."""
    return [path for path in paths if _plain(path.rpartition("/")[2]) in _OBEYED]


def escaping_links(links: Mapping[str, str]) -> frozenset[str]:
    """Of a tree's links (path -> target), those that lead out of it, through other links of it too.

    One that goes in circles counts as leading out: nobody can say where it would end.
    """
    return frozenset(path for path in links if _escapes(path, links))


def _escapes(path: str, links: Mapping[str, str]) -> bool:
    place = posixpath.dirname(path).split("/") if "/" in path else []
    todo = links[path].split("/")[::-1]
    if links[path].startswith("/"):
        return True
    hops = 0
    while todo:
        name = todo.pop()
        if name in ("", "."):
            continue
        if name == "..":
            if not place:
                return True
            place.pop()
            continue
        place.append(name)
        target = links.get("/".join(place))
        if target is not None:
            hops += 1
            if target.startswith("/") or hops > _HOPS:
                return True
            place.pop()
            todo += target.split("/")[::-1]
    return False
