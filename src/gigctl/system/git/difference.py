"""The difference between two trees, for a person: no attribute or setting of a client's hides any of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gigctl.system.git.store import Store

__all__ = ["diff_trees"]

_LIMIT = 512 * 1024 * 1024
_PARTS = re.compile(rb"^index ([0-9a-f]{40})\.\.([0-9a-f]{40})(.*)\n(Binary files (.*) differ\n)?", re.MULTILINE)
"""A hunk's lines begin with a space, a sign or a backslash, so that these can only be git's own."""
_SHORT = 10


def diff_trees(store: Store, old: str | None, new: str | None, *, context: int = 3) -> bytes:
    """A unified diff of two trees (None: the empty one), renames found; binary files are said with their sizes."""
    empty = store.run("mktree").text.strip()
    shown = ("--patch", "--full-index", "--find-renames", "--no-textconv", "--no-ext-diff", "--no-color")
    form = ("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--histogram", f"--unified={context}")
    raw = store.run("diff-tree", "-r", *shown, *form, old or empty, new or empty, limit=_LIMIT, timeout=300).stdout
    sizes = _sizes(store, {oid for part in _PARTS.finditer(raw) if part[4] for oid in part.group(1, 2)})
    return _PARTS.sub(lambda part: _said(part, sizes), raw)


def _sizes(store: Store, ids: set[bytes]) -> dict[bytes, int]:
    asked = b"".join(oid + b"\n" for oid in ids if oid.strip(b"0"))
    answer = store.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).stdout if asked else b""
    return {oid: int(size) for oid, size in (line.split() for line in answer.splitlines())}


def _said(part: re.Match[bytes], sizes: Mapping[bytes, int]) -> bytes:
    head = b"index %s..%s%s\n" % (part[1][:_SHORT], part[2][:_SHORT], part[3])
    if not part[4]:
        return head
    old, new = (b"%d bytes" % sizes[oid] if oid in sizes else b"not there" for oid in part.group(1, 2))
    return head + b"Binary files %s differ (%s, %s)\n" % (part[5], old, new)
