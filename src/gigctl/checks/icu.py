"""ICU MessageFormat, as far as its arguments go: `{n, plural, one {# file} other {# files in {folder}}}`."""

from __future__ import annotations

import re

_MESSAGE = re.compile(r"\{\s*[\w.-]{1,100}\s*,\s*(?:plural|select|selectordinal|number|date|time|spellout|ordinal)\b")
_ARGUMENT = re.compile(r"\{\s*([\w.-]{1,100})\s*(?:,\s*([a-z]{1,20})\s*)?([,}])")
_BRANCH = re.compile(r"\s*(?:offset:\d+\s*)?(=?[\w-]{1,50})\s*\{")
_DEPTH = 30


class BadMessage(Exception):
    """Not a message; says what was expected."""


def is_message(text: str) -> bool:
    return _MESSAGE.search(text) is not None


def parse(text: str) -> list[str]:
    """What a message fills in, sorted, each once: `name`, `name, number`, and for select `name, select, key`.

    A plural's categories are the language's own, so only that it has `other` is asked for.
    """
    found: set[str] = set()
    end = _pattern(text, 0, found, 0, nested=False)
    if end != len(text):
        raise BadMessage(f"a closing brace at character {end + 1} that nothing opened")
    return sorted(found)


def _pattern(text: str, index: int, found: set[str], depth: int, *, nested: bool) -> int:
    """Reads up to the end, or to the brace that ends a branch; gives its offset."""
    if depth > _DEPTH:
        raise BadMessage("nested too deep")
    while index < len(text):
        char = text[index]
        if char == "'" and index + 1 < len(text) and text[index + 1] in "{}'":
            index = _quoted(text, index)
        elif char == "{":
            index = _argument(text, index, found, depth)
        elif char == "}":
            return index
        else:
            index += 1
    if nested:
        raise BadMessage("a branch that is not closed")
    return index


def _quoted(text: str, index: int) -> int:
    if text[index + 1] == "'":
        return index + 2
    end = text.find("'", index + 1)
    return len(text) if end < 0 else end + 1


def _argument(text: str, index: int, found: set[str], depth: int) -> int:
    start = _ARGUMENT.match(text, index)
    if start is None:
        raise BadMessage(f"no argument after the brace at character {index + 1}")
    name, kind, stop = start.groups()
    if stop == "}":
        found.add(f"{name}, {kind}" if kind else name)
        return start.end()
    if kind not in ("plural", "select", "selectordinal"):
        found.add(f"{name}, {kind}")
        end = text.find("}", start.end())
        if end < 0:
            raise BadMessage(f"{name} is not closed")
        return end + 1
    return _branches(text, start.end(), (name, kind), found, depth)


def _branches(text: str, index: int, argument: tuple[str, str], found: set[str], depth: int) -> int:
    name, kind = argument
    keys = set()
    while branch := _BRANCH.match(text, index):
        keys.add(branch[1])
        index = _pattern(text, branch.end(), found, depth + 1, nested=True) + 1
    if "other" not in keys:
        raise BadMessage(f"{name}, {kind} has no branch other")
    found.add(f"{name}, {kind}")
    if kind == "select":
        found.update(f"{name}, select, {key}" for key in keys)
    end = re.compile(r"\s*\}").match(text, index)
    if end is None:
        raise BadMessage(f"{name}, {kind} is not closed")
    return end.end()
