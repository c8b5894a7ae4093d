"""Changes to one tree joined in memory, as git merges branches: no folder, no hook, no merge driver of a client's."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gigctl.system.git.person import Person
from gigctl.system.git.process import GitError
from gigctl.system.git.store import Store, to_text

__all__ = ["Merged", "merge_trees"]

_NOBODY = Person("gigctl", "")


class Merged(Struct, frozen=True):
    """A tree in which changes are joined; `at_odds` are the paths that git could not join, with its marks in their text
    (`<<<<<<< SIDE`). `sides` are the names that it gave each tree there."""

    tree: str
    sides: tuple[str, ...]
    at_odds: tuple[str, ...] = ()


def merge_trees(store: Store, base: str, trees: Sequence[str]) -> Merged | None:
    """The tree that has the changes of all `trees` to the tree `base`; None where git is older than 2.38, and can't
    join them without a folder."""
    start = store.commit_of(base, [], "Base", _NOBODY, seconds=0)
    sides = [store.commit_of(tree, [start], "Side", _NOBODY, seconds=n) for n, tree in enumerate(trees, 1)]
    ours, joined, at_odds = sides[0], trees[0], dict[str, None]()
    for side in sides[1:]:
        try:
            joined, odd = _merge(store, ours, side)
        except GitError:
            return None
        at_odds |= dict.fromkeys(odd)
        ours = store.commit_of(joined, [start], "Joined", _NOBODY, seconds=0)
    return Merged(joined, tuple(sides), tuple(at_odds))


def _merge(store: Store, ours: str, theirs: str) -> tuple[str, list[str]]:
    """Three ways: both stand on one commit, which git finds to be what they have in common."""
    form = ("--write-tree", "--no-messages", "--name-only", "-z")
    done = store.run("merge-tree", *form, ours, theirs, expected=(0, 1), timeout=300)
    tree, *names = done.stdout.split(b"\0")
    return tree.decode().strip(), [to_text(name) for name in names if name]
