"""Is the text as long as it should be? With a range: characters or words. Without: beside its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gigctl.checks.base import BadOption, verdict
from gigctl.checks.languages import ends_with_valediction
from gigctl.checks.options import check_keys
from gigctl.checks.prose import weight
from gigctl.model import CheckContext, Content, Verdict

NAME = "length"
VERSION = 2
HELP = "as long as asked for (120..160, ..160, 300..500 words), or as a translation of its source is"
NEEDS_TREE = False

_RANGE = re.compile(r"\s*([0-9]{0,9})\s*\.\.\s*([0-9]{0,9})\s*(characters|chars|words)?\s*")
LEAST, MOST, SLACK = 0.4, 2.6, 12
"""A translation has 0.4 to 2.6 times its source's letters, give or take a dozen: see docs/checks.md for the corpus."""
_KEYS = {"min": "a whole number", "max": "a whole number", "unit": "characters or words"}


def option(value: str) -> dict[str, Any]:
    if not value.strip():
        return {}
    found = _RANGE.fullmatch(value)
    if found is None or not (found[1] or found[2]):
        raise BadOption(f"length is like 120..160, ..160 or 300..500 words, got {value!r}")
    out: dict[str, Any] = {"unit": "words" if found[3] == "words" else "characters"}
    out |= {key: int(text) for key, text in (("min", found[1]), ("max", found[2])) if text}
    validate(out)
    return out


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, _KEYS)
    for key in ("min", "max"):
        value = options.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BadOption(f"length: {key} is a whole number, got {value!r}")
    if options.get("unit", "characters") not in ("characters", "words"):
        raise BadOption(f"length: unit is characters or words, got {options['unit']!r}")
    if "max" in options and options["max"] < options.get("min", 0):
        raise BadOption(f"length: min {options['min']} is above max {options['max']}")


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    text = content.text.strip()
    if "min" in options or "max" in options:
        return _in_range(text, options)
    if not context.source.strip():
        return verdict(NAME, "pass")
    source, draft = weight(context.source), weight(text)
    if draft < source * LEAST - SLACK and not ends_with_valediction(text):
        return verdict(NAME, "fail", f"{_amount(text)} for a source of {_amount(context.source)}: is a part missing?")
    if draft > source * MOST + SLACK * 2:
        return verdict(NAME, "fail", f"{_amount(text)} for a source of {_amount(context.source)}: was something added?")
    return verdict(NAME, "pass")


def _in_range(text: str, options: Mapping[str, Any]) -> Verdict:
    unit = options.get("unit", "characters")
    have = len(text.split()) if unit == "words" else len(text)
    least, most = options.get("min", 0), options.get("max")
    if have < least:
        return verdict(NAME, "fail", f"{have} {unit}, at least {least} were asked for: write {least - have} more")
    if most is not None and have > most:
        return verdict(NAME, "fail", f"{have} {unit}, at most {most} were asked for: take out {have - most}")
    return verdict(NAME, "pass")


def _amount(text: str) -> str:
    return f"{len(text.strip())} characters"
