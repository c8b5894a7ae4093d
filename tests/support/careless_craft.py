"""A craft that does what no craft may: it loses texts, or writes unsigned ones into every file."""

from __future__ import annotations

from collections.abc import Sequence

from gigctl.crafts.writing import HELP, ON_TREE, OPTIONS, REQUIRES, ask, checks, context, find_neighbours, read, split
from gigctl.model import REGULAR, Change, Content, Gig, Source, Task

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
]

NAME = "careless"


def assemble(
    gig: Gig, sources: Sequence[Source], signed: Sequence[tuple[Task, Content]], language: str
) -> tuple[Change, ...]:
    """By the gig's title: loses the last text, puts all in every file, or names a file by what is in it."""
    texts = [content.text for _, content in signed]
    if gig.title == "loses":
        return (Change("all.txt", REGULAR, "\n".join(texts[:-1]).encode()),)
    if gig.title == "mixes":
        whole = "\n".join(texts).encode()
        return tuple(Change(f"{n}.txt", REGULAR, whole) for n in range(len(texts)))
    return (Change(f"{texts[0]}.txt", REGULAR, b""),)
