"""A change to one tree put on another as git merges: three ways, in memory, by no attribute or driver of a client's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec import Struct

from gigctl.errors import ConfigError
from gigctl.model import Change, Content
from gigctl.system.git.person import Person
from gigctl.system.git.process import GitError
from gigctl.system.git.store import Store, to_bytes, to_text

__all__ = ["Conflict", "Rebased", "find_common_base", "rebase_content"]

_NOBODY = Person("gigctl", "")


class Conflict(Struct, frozen=True):
    """A path where both sides changed. `why` is a sentence; `sha256` is of the file as the merge left it where it put
    no marks of both sides into it (None: it left none), and `marked` tells that it did."""

    path: str
    why: str
    marked: bool
    sha256: str | None = None


class Rebased(Struct, frozen=True):
    """`content` is the change on the new tree, with marks of conflicts in the files that have `conflicts`; None where
    not even that can be made (a file stands where the other side has a folder)."""

    content: Content | None
    conflicts: tuple[Conflict, ...] = ()


def find_common_base(store: Store, one: str, two: str) -> str | None:
    """The commit that two have in common; None where their histories have none."""
    done = store.run("merge-base", one, two, expected=(0, 1))
    return done.text.split()[0] if done.code == 0 and done.text.strip() else None


def rebase_content(
    store: Store, content: Content, new: str, *, ours: str = "this task", theirs: str = "the new base"
) -> Rebased:
    """The content's change put on the tree `new`. `ours` and `theirs` name the sides in the marks of a conflict.

    Raises ConfigError where git is older than 2.38, which can't merge in memory.
    """
    start = store.commit_of(content.base or _empty(store), [], "Base", _NOBODY, seconds=0)
    trees = (new, store.tree_of(content))
    sides = [store.commit_of(tree, [start], "Side", _NOBODY, seconds=n) for n, tree in enumerate(trees, 1)]
    try:
        done = store.run("merge-tree", "--write-tree", "-z", "--messages", *sides, expected=(0, 1), timeout=300,
                         limit=256 * 1024 * 1024)  # fmt: skip
    except GitError as error:
        raise ConfigError(f"the drafts can't be rebased: {error.reason}", "git 2.38 or newer is needed") from error
    tree, _, rest = done.stdout.partition(b"\0")
    changes = store.list_changes(new, tree.decode())
    if done.code == 0:
        return Rebased(Content(changes, new))
    paths, told = _read(rest)
    if any(side.encode() in to_bytes(change.path) for change in changes for side in sides):
        whys = tuple(Conflict(path, told.get(path, _BOTH), marked=False) for path in paths)
        return Rebased(None, whys)
    names = {sides[0]: theirs, sides[1]: ours}
    marked = {change.path: _with_names(change, names) for change in changes}
    conflicts = tuple(_conflict(path, told.get(path, _BOTH), marked.get(path)) for path in paths)
    return Rebased(Content(tuple(marked.values()), new), conflicts)


_BOTH = "both sides changed it"


def _empty(store: Store) -> str:
    return store.run("mktree").text.strip()


def _read(rest: bytes) -> tuple[list[str], Mapping[str, str]]:
    """Of what merge-tree says after the tree: the paths in conflict, and a sentence for those that it speaks of.

    The list of `MODE ID STAGE<tab>PATH` ends with an empty field; then come the messages, each as the number of its
    paths, these, its kind and its text.
    """
    head, _, tail = rest.partition(b"\0\0")
    paths = list(dict.fromkeys(to_text(line.split(b"\t", 1)[1]) for line in head.split(b"\0") if b"\t" in line))
    told: dict[str, str] = {}
    fields = tail.split(b"\0")
    at = 0
    while at < len(fields) and fields[at].isdigit():
        count = int(fields[at])
        kind = fields[at + 1 + count].decode("utf-8", "replace") if at + 1 + count < len(fields) else ""
        for path in map(to_text, fields[at + 1 : at + 1 + count]):
            if kind.startswith("CONFLICT"):
                told.setdefault(path, _SENTENCES.get(kind, _BOTH))
        at += count + 3
    return paths, told


_SENTENCES = {
    "CONFLICT (contents)": "both sides changed the same lines",
    "CONFLICT (binary)": "both sides changed it, and it is no text",
    "CONFLICT (modify/delete)": "one side deleted it, the other changed it",
    "CONFLICT (rename/delete)": "one side renamed it, the other deleted it",
    "CONFLICT (rename/rename)": "each side renamed it otherwise",
    "CONFLICT (file/directory)": "it is a file on one side and a folder on the other",
    "CONFLICT (distinct modes)": "it is a file on one side and a link on the other",
}


def _with_names(change: Change, names: Mapping[str, str]) -> Change:
    """The sides by the names that a person gave them, where a conflict's marks have the ids of our commits."""
    data = change.data
    for oid, name in names.items():
        if data is not None and oid.encode() in data:
            data = data.replace(oid.encode(), name.encode())
    return Change(change.path, change.mode, data)


def _conflict(path: str, why: str, left: Change | None) -> Conflict:
    data = left.data if left is not None else None
    marked = data is not None and b"\n=======" in b"\n" + data and b"\n<<<<<<< " in b"\n" + data
    sha256 = None if data is None else hashlib.sha256(data).hexdigest()
    return Conflict(path, why, marked, None if marked else sha256)
