"""A document put through the translation craft: split, each block answered by a function, assembled."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gigctl.crafts import translation
from gigctl.crafts.base import MalformedAnswer
from gigctl.model import Draft, Gig, Source, Task

Answer = Callable[[Task], str]

GIG = Gig("acme-1", "translation", source_language="fr", target_languages=("de",))


def tasks_of(data: bytes, name: str = "a.fr.md", gig: Gig = GIG, **more: Any) -> list[Task]:
    found = translation.split(Source(name, data), gig).tasks
    languages: Mapping[str, Any] = {"source_language": gig.source_language}
    return [
        Task(
            f"{gig.ref}.{n}",
            "translation",
            spec.input,
            place=spec.place,
            context=spec.context,
            target_language=spec.language,
            **languages,
            **more,
        )
        for n, spec in enumerate(found, 1)
    ]


def texts_of(text: str, name: str = "a.fr.md") -> list[str]:
    return [task.input.text for task in tasks_of(text.encode(), name)]


def translated(data: bytes, answer: Answer, name: str = "a.fr.md") -> tuple[bytes, int]:
    """The assembled file, and how many answers were refused (their blocks keep the source)."""
    signed, refused = [], 0
    for task in tasks_of(data, name):
        try:
            signed.append((task, translation.read(task, Draft(answer(task)))))
        except MalformedAnswer:
            refused += 1
    (change,) = translation.assemble(GIG, [Source(name, data)], signed, "de")
    assert change.data is not None
    return change.data, refused


def as_it_was(task: Task) -> str:
    return task.input.text


def in_german(task: Task) -> str:
    """A sentence of another language; in a table the words of its cells."""
    if task.context["kind"] != "table":
        return "Dies ist ein ganzer Satz auf Deutsch."
    rows = task.input.text.split("\n")
    return "\n".join(row if n == 1 else re.sub(r"[^\W\d_]+", "Zelle", row) for n, row in enumerate(rows))


def on_three_lines(task: Task) -> str:
    return in_german(task) if task.context["kind"] == "table" else "Dies ist ein Satz,\nder auf drei Zeilen\nsteht."


def in_other_letters(task: Task) -> str:
    """Each small Latin letter as a Cyrillic one: all markup stays where it was."""
    return "".join(chr(ord("а") + ord(char) - ord("a")) if "a" <= char <= "z" else char for char in task.input.text)


BREAKING = (
    *("# x", "- y\n- z", "1. z", "2) z\n3) w", "```", "a\n```\nb\n```", "> q", "===", "a\n===", "a\n---", "a\n\nb"),
    *("    code", "<div>\nx", "a\n<div>", "| a |\n|---|\n| b |", "a | b\n--|--\nc | d", "[x]: /y", "[^1]: foo", "---"),
    *("--", "- -", "::: tip", "!!! note", "a\n    b", "a\n- b\n- c", "* * *", "_ _", "a\n2. b", "a  \nb", "a\\\nb"),
    *("foo \\", "<!-- c", "<b>", "\tfoo", "a #", "#", "\\", "a\n:::", "+++\nx\n+++", "=", "(1) a\n10) b", '"titre"'),
    *("(titre)", "x\n-", "x\n1.", "[a]: b\nc", "|a\n|-", "x\n\x0b\ny", "x\n<?php", "x\n</pre>", "--- a", "x\n~~~"),
    *("a | b", "|a\n-|-", "'t'\nb", "-|-"),
)
"""Answers that would become another block, or several, if they were put in as they stand."""
