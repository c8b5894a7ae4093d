"""The options of a writing gig, read once and strictly; all that is wrong with them is told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from gigctl.crafts.base import BadSource

__all__ = ["OPTIONS", "Wanted", "load_wanted"]

OPTIONS: Mapping[str, str] = {
    "length": "120..160, ..160 (characters) or 300..500 words",
    "required": "terms that must be there, with commas between them",
    "forbidden": "terms that must not be there, with commas between them",
    "format": "text or markdown",
    "language": "the language to write in, such as en or de-AT",
    "file": "the name of the file that is delivered",
}
_RANGE = re.compile(r"(\d{0,9})\s*\.\.\s*(\d{0,9})\s*(characters|chars|words)?")
_FORMAT = re.compile("text|markdown")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_FILE = re.compile(r"(?:[\w@+ \-][\w@+. \-]*/)*[\w@+ \-][\w@+. \-]*")


class Wanted(Struct, frozen=True):
    """What a text must be. Lengths count characters, or words where `unit` says so; 0 and None are no limit."""

    least: int = 0
    most: int | None = None
    unit: str = "characters"
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    format: str = "text"
    language: str = ""
    file: str = ""

    @property
    def has_length(self) -> bool:
        return self.least > 0 or self.most is not None


def load_wanted(options: Mapping[str, Any]) -> Wanted:
    """Raises BadSource, which names every option that can't be read and what was expected."""
    try:
        return _load_items(tuple(options.items()))
    except TypeError:  # a list of terms
        return _load(options)


@lru_cache(maxsize=64)
def _load_items(items: tuple[tuple[str, Any], ...]) -> Wanted:
    """Read once: it is asked for several times a task, and a batch's rows often say the same."""
    return _load(dict(items))


def _load(options: Mapping[str, Any]) -> Wanted:
    errors: list[str] = []
    least, most, unit = _load_length(options.get("length", ""), errors)
    wanted = Wanted(
        least,
        most,
        unit,
        _load_terms("required", options, errors),
        _load_terms("forbidden", options, errors),
        _load_word("format", options, _FORMAT, "text or markdown", errors) or "text",
        _load_word("language", options, _LANGUAGE, "a language tag such as en or de-AT", errors),
        _load_word("file", options, _FILE, "a relative file name", errors),
    )
    if errors:
        raise BadSource("; ".join(errors))
    return wanted


def _load_length(value: Any, errors: list[str]) -> tuple[int, int | None, str]:
    if value == "":
        return 0, None, "characters"
    found = _RANGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not (found[1] or found[2]):
        errors.append(f"length={value}: expected 120..160, ..160 or 300..500 words")
        return 0, None, "characters"
    least, most = int(found[1] or 0), int(found[2]) if found[2] else None
    if most is not None and most < max(least, 1):
        errors.append(f"length={value}: the first number is above the second")
    return least, most, "words" if found[3] == "words" else "characters"


def _load_terms(key: str, options: Mapping[str, Any], errors: list[str]) -> tuple[str, ...]:
    value = options.get(key, ())
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        errors.append(f"{key}={value}: expected terms with commas between them")
        return ()
    return tuple(item.strip() for item in items if item.strip())


def _load_word(key: str, options: Mapping[str, Any], pattern: re.Pattern[str], expected: str, errors: list[str]) -> str:
    value = options.get(key, "")
    if value == "":
        return ""
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    errors.append(f"{key}={value}: expected {expected}")
    return ""
