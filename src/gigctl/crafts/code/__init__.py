"""The craft `code`: a change to a repository or a single file, as whole files or SEARCH/REPLACE blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gigctl.crafts.answer_text import strip_thinking
from gigctl.crafts.base import BadSource, MalformedAnswer
from gigctl.crafts.code.answers import parse_answer
from gigctl.crafts.code.asking import ask
from gigctl.crafts.code.choosing import find_named
from gigctl.crafts.code.edits import apply_edits
from gigctl.crafts.code.imports import find_neighbours
from gigctl.crafts.code.paths import check_path
from gigctl.model import (
    EXECUTABLE,
    REGULAR,
    Change,
    CheckContext,
    CheckSpec,
    Content,
    Draft,
    Gig,
    Source,
    Split,
    Task,
    TaskSpec,
)

__all__ = [
    "HELP",
    "NAME",
    "ON_TREE",
    "OPTIONS",
    "REQUIRES",
    "ask",
    "assemble",
    "checks",
    "context",
    "find_neighbours",
    "read",
    "split",
    "whole",
]

NAME = "code"
REQUIRES: tuple[str, ...] = ("brief",)
ON_TREE = True
HELP = "a change to a repository or to one file, drafted, compiled and tested in a copy"
OPTIONS: Mapping[str, str] = {
    "files": "paths or patterns that the agent is shown whole, with commas between them",
    "protect": "patterns of what is put back before a check runs, with commas between them; none for nothing",
    "context": "the most tokens of files that go along with a request (16000)",
}


_MOST_CONTEXT = 1_000_000


def split(source: Source | None, gig: Gig) -> Split:
    """One task: the brief, against the gig's tree. A file without a repository is a tree of its own by then."""
    if not gig.brief.strip():
        raise BadSource("a code gig needs a brief: the change to make")
    if gig.base is None:
        raise BadSource("a code gig needs a repository (repo, base) or a source file to change")
    asked = str(gig.options.get("context", "")).strip()
    if asked and not (asked.isdecimal() and asked.isascii() and int(asked) <= _MOST_CONTEXT):
        raise BadSource(f"context: expected tokens, a number up to {_MOST_CONTEXT}, got {asked!a}")
    name = gig.title or gig.brief.strip().splitlines()[0][:72]
    return Split((TaskSpec(name, Content((), gig.base)),))


def whole(source: Source | None, gig: Gig) -> TaskSpec:
    """A change is whole."""
    return split(source, gig).tasks[0]


def read(task: Task, draft: Draft) -> Content:
    """The changes that an answer makes to the base, all or none. Raises MalformedAnswer."""
    tree = {change.path: change for change in task.tree}
    if draft.changes is not None:
        return Content(_from_folder(draft.changes, tree), task.input.base)
    edits = parse_answer(strip_thinking(draft.content), tree, find_named(task))
    return Content(apply_edits(edits, tree), task.input.base)


def _from_folder(changes: Sequence[Change], tree: dict[str, Change]) -> tuple[Change, ...]:
    """What an agent did in a folder; a folder may take a deleted file's place."""
    left = {path: there for path, there in tree.items() if not any(c.path == path and c.data is None for c in changes)}
    for change in changes:
        check_path(change.path, left)
        if change.data is not None and change.mode not in (REGULAR, EXECUTABLE):
            raise MalformedAnswer(f"{change.path} is a link or a submodule: only files can be added or changed.")
    real = [change for change in changes if tree.get(change.path) != change]
    if not real:
        raise MalformedAnswer("Nothing was changed in the folder. Make the change.")
    return tuple(sorted(real, key=lambda change: change.path))


def checks(gig: Gig) -> tuple[CheckSpec, ...]:
    return (CheckSpec("compiles", "compiles"),)


def context(task: Task) -> CheckContext:
    return CheckContext(format="code", base=task.input.base)


def assemble(
    gig: Gig, sources: Sequence[Source], signed: Sequence[tuple[Task, Content]], language: str
) -> tuple[Change, ...]:
    """The signed changes together. Raises BadSource where two tasks made different bytes of one path."""
    merged: dict[str, tuple[Task, Change]] = {}
    for task, content in signed:
        for change in content.changes:
            first, there = merged.setdefault(change.path, (task, change))
            if there != change:
                raise BadSource(f"{first.ref} and {task.ref} both change {change.path}, each in its own way")
    return tuple(merged[path][1] for path in sorted(merged))


if TYPE_CHECKING:
    import gigctl.crafts.code
    from gigctl.crafts.base import Craft

    _: Craft = gigctl.crafts.code
