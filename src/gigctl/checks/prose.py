"""What the checks of texts share: where something is, what a text is made of, and what is no prose in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from gigctl.checks.reading import as_text
from gigctl.model import LINK, SUBMODULE, Content, Evidence

MAX_EVIDENCE = 8
"""Findings that a verdict lists: a model mends a few at a time, and a person reads no more."""

ADDRESS = re.compile(
    r"\b(?:https?|ftp|file|mailto|git|ssh)://?[^\s<>\"'`«»“”)\]]+|\bwww\.[^\s<>\"'`)\]]+|[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}\w"
)
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)[^`]+?(?<!`)\1(?!`)")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_TARGET = re.compile(r"(?<=\]\()[^()\s]*")
_WORD = re.compile(r"[^\W\d_]+(?:[’'\u02bc-][^\W\d_]+)*")


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1. Lines end at `\\n` alone, as an editor counts them."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1


def excerpt(text: str, limit: int = 60) -> str:
    """A short piece of a text on one line, safe to store: what is no character is written as an escape."""
    flat = " ".join(text[: limit * 4].split()).encode("utf-8", "backslashreplace").decode()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def at(message: str, text: str, offset: int, part: str | None = None) -> Evidence:
    """A finding at an offset of the text."""
    line, column = place(text, offset)
    return Evidence(message, part, line, column)


def blank(pattern: re.Pattern[str], text: str) -> str:
    """The text with each match as spaces, so that offsets stay."""
    return pattern.sub(lambda found: " " * (found.end() - found.start()), text)


def blank_spans(text: str, spans: list[tuple[int, int]]) -> str:
    """The same for spans in order."""
    out, last = [], 0
    for start, end in spans:
        out += [text[last:start], " " * (end - start)]
        last = end
    return "".join([*out, text[last:]])


def prose(text: str, *, markdown: bool) -> str:
    """The text with code, addresses and tags as spaces; offsets stay."""
    if "`" in text:
        text = blank(_CODE, text)
    if "<" in text:
        text = blank(_TAG, text)
    if markdown and "](" in text:
        text = blank(_TARGET, text)
    return blank(ADDRESS, text) if "/" in text or "@" in text or "www." in text else text


@cache
def _dense() -> re.Pattern[str]:
    """Made when it is wanted: so large a class takes 4 ms, which an English text need not pay."""
    return re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


_DENSITY = 1.6
"""How many more letters a sign of Chinese, Japanese or Korean stands for, beyond its own."""


def weight(text: str) -> float:
    """How long a text is in letters of an alphabet."""
    text = text.strip()
    return len(text) + (0 if text.isascii() else _DENSITY * len(_dense().findall(text)))


def words(text: str) -> list[str]:
    """Runs of letters, with their apostrophes and hyphens."""
    return _WORD.findall(text)


def word_matches(text: str) -> Iterator[re.Match[str]]:
    return _WORD.finditer(text)


def text_parts(content: Content) -> list[tuple[str | None, str]]:
    """What can be read of a content: (None, text) of a one-text content, else (path, text) of each changed file.

    Deleted files, links and files that are no text are left out.
    """
    if content.is_text:
        return [(None, content.text)]
    read = (
        (change.path, as_text(change.data))
        for change in content.changes
        if change.data is not None and change.mode not in (LINK, SUBMODULE)
    )
    return [(path, text) for path, text in read if text is not None]
