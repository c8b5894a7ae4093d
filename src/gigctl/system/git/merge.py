"""Changes to one tree joined in memory, as git merges branches: no folder, no hook, no merge driver of a client's."""

from __future__ import annotations

from collections.abc import Sequence

from gigctl.system.git.person import Person
from gigctl.system.git.process import GitError
from gigctl.system.git.store import Store

__all__ = ["merge_trees"]

_NOBODY = Person("gigctl", "")


def merge_trees(store: Store, base: str, trees: Sequence[str]) -> str | None:
    """The tree that has the changes of all `trees` to the tree `base`; None where git finds two of them at odds, or is
    older than 2.38 and can't tell."""
    start = store.commit_of(base, [], "Base", _NOBODY, seconds=0)
    joined = base
    for tree in trees:
        found = _merge(store, start, joined, tree)
        if found is None:
            return None
        joined = found
    return joined


def _merge(store: Store, start: str, ours: str, theirs: str) -> str | None:
    """Three ways: both are put on the one start, which git then finds to be what they have in common."""
    sides = [store.commit_of(tree, [start], "Side", _NOBODY, seconds=n) for n, tree in enumerate((ours, theirs), 1)]
    try:
        done = store.run("merge-tree", "--write-tree", "--no-messages", *sides, expected=(0, 1), timeout=300)
    except GitError:
        return None
    return done.text.split("\n", 1)[0].strip() if done.code == 0 else None
