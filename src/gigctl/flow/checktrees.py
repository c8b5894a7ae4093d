"""The folders in which checks find a revision: what a change must not judge itself by is put back first, and each
tree that comes of that is checked out once, however many checks run on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.command import argv_of
from gigctl.checks.judge_settings import protected_by
from gigctl.checks.judges import named_by
from gigctl.checks.protect import PutBack, put_back
from gigctl.checks.registry import get_check
from gigctl.checks.settings import Files, load_files
from gigctl.model import CheckContext, CheckSpec, Content, Evidence
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store

__all__ = ["CheckTrees", "Placed"]

_MOST_NAMES = 5


class Placed(Struct, frozen=True):
    """A check's context with its tree in it, and what is to be said of that tree."""

    context: CheckContext
    evidence: tuple[Evidence, ...] = ()


class CheckTrees:
    """The trees of one content, in a folder of ours that is gone afterwards."""

    def __init__(self, store: Store, content: Content, context: CheckContext, folder: Path) -> None:
        self._store = store
        self._content = content
        self._context = context
        self._folder = folder
        self._made: dict[str, Path] = {}
        self._put_back: dict[tuple[str, ...], PutBack] = {}

    def place(self, spec: CheckSpec) -> Placed:
        """Where a check runs; one that reads the content alone runs nowhere."""
        if not get_check(spec.check).NEEDS_TREE:
            return Placed(self._context)
        found = self._judged(spec)
        return Placed(replace(self._context, tree=str(self._check_out(found.tree))), _tell(found))

    def _judged(self, spec: CheckSpec) -> PutBack:
        base = self._content.base
        if base is None:
            return PutBack(self._tree)
        patterns = self._patterns(spec)
        if patterns not in self._put_back:
            self._put_back[patterns] = put_back(self._store, self._tree, base, patterns)
        return self._put_back[patterns]

    def _patterns(self, spec: CheckSpec) -> tuple[str, ...]:
        said = spec.options.get("protect")
        if said is not None:
            return tuple(said)
        argv = argv_of(spec.options) if "run" in spec.options else ()
        return (*self._default, *named_by(argv, self._base_files))

    @cached_property
    def _tree(self) -> str:
        return self._store.tree_of(self._content)

    @cached_property
    def _base_files(self) -> Files:
        assert self._content.base is not None  # noqa: S101  # only then is anything put back
        return load_files(self._store, self._content.base)

    @cached_property
    def _default(self) -> tuple[str, ...]:
        return protected_by(self._base_files)

    def _check_out(self, tree: str) -> Path:
        if tree not in self._made:
            place = self._folder / f"tree-{len(self._made)}"
            check_out(self._store, tree, place, history=self._context.commit, every_link=True)
            self._made[tree] = place
        return self._made[tree]


def _tell(found: PutBack) -> tuple[Evidence, ...]:
    """That, and why: a change is not judged by its own tests and settings."""
    told = []
    if found.restored:
        told.append(f"{_names(found.restored)}: put back as the base has it before this ran")
    if found.left_out:
        told.append(f"{_names(found.left_out)}: left out before this ran, for the base has no such file")
    return tuple(Evidence(f"{line}; a change is not judged by its own tests and settings") for line in told)


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_NAMES} more" if len(paths) > _MOST_NAMES else ""
    return ", ".join(paths[:_MOST_NAMES]) + more
