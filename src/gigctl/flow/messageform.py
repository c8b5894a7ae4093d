"""The form of a repository's commit messages, told from its last subjects, and a subject put in that form. Pure.

A rule holds where three of five subjects keep it; what can't be known (a ticket that nobody named) is not invented.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

from msgspec import Struct

__all__ = ["Form", "find_form", "put_in_form"]

Value = TypeVar("Value")

LOOKED_AT = 50
"""Subjects, the newest: a convention is what is done now."""
_FEWEST = 5
_SHARE = 0.6
_TYPES = ("feat", "fix", "docs", "style", "refactor", "perf", "test", "tests", "build", "ci", "chore", "revert")
_CONVENTIONAL = re.compile(rf"(?P<type>{'|'.join(_TYPES)})(?P<scope>\([^()\s]+\))?!?: +(?P<rest>\S.*)", re.IGNORECASE)
_TICKET = re.compile(r"(?P<open>[\[(]?)(?P<key>[A-Z][A-Z0-9]{1,9})-\d+(?P<close>[\])]?)(?P<colon>:?) +(?P<rest>\S.*)")
_AREA = re.compile(r"(?P<area>[a-z][\w./-]{0,30}): +(?P<rest>\S.*)")
_NOT_ONE_OF_OURS = re.compile(r"(?:Merge |Revert \"|Bump |v?\d+(?:\.\d+)+\b|Release )", re.IGNORECASE)
_GUESSES = (
    ("fix", r"fix(?:es|ed)?|mend|bug|repair|correct|crash|wrong|fail(?:s|ing)?|regression"),
    ("test", r"tests?|coverage"),
    ("docs", r"docs?|documentation|readme|typos?|comment"),
    ("perf", r"speed|faster|slow|performance"),
    ("refactor", r"refactor|rename|restructure|simplify|extract|move"),
    ("feat", r"add|new|support|allow|implement|introduce|let|show|create"),
)
_PAST = {
    "add": "added", "allow": "allowed", "change": "changed", "correct": "corrected", "create": "created",
    "document": "documented", "drop": "dropped", "extract": "extracted", "fix": "fixed", "handle": "handled",
    "implement": "implemented", "improve": "improved", "introduce": "introduced", "make": "made", "mend": "mended",
    "move": "moved", "refactor": "refactored", "remove": "removed", "rename": "renamed", "replace": "replaced",
    "simplify": "simplified", "support": "supported", "update": "updated", "use": "used", "write": "wrote",
}  # fmt: skip
_THIRD = {word: f"{word}es" if word.endswith("x") else "simplifies" if word == "simplify" else f"{word}s" for word in _PAST}  # noqa: E501  # fmt: skip
_BASE = {form: base for forms in (_PAST, _THIRD) for base, form in forms.items()} | {base: base for base in _PAST}
_STOPS = re.compile(r"(?<![.\s])\s*\.(?:\s+\.)*\Z")
"""What ends a sentence; an ellipsis is not a stop."""
Tense = Literal["imperative", "past", "present", ""]


class Form(Struct, frozen=True):
    """`kind`: `conventional` (`fix: …`), `ticket` (`ABC-12 …`, with `key` and how it is written), `area` (`parser: …`)
    or empty. `capital` is None where both are found; `types` are the conventional ones in use, the commonest first."""

    kind: Literal["conventional", "ticket", "area", ""] = ""
    types: tuple[str, ...] = ()
    key: str = ""
    ticket: str = ""  # with `{}` in the ticket's place
    capital: bool | None = None
    tense: Tense = ""
    stop: bool = False


def find_form(subjects: Iterable[str]) -> Form:
    """The form that most of the last subjects have; one without any rule where they are too few."""
    ours = [line.strip() for line in subjects if line.strip() and not _NOT_ONE_OF_OURS.match(line.strip())][:LOOKED_AT]
    if len(ours) < _FEWEST:
        return Form()
    kind, rests, types, key, ticket = _kind(ours)
    first = [rest.split()[0] for rest in rests]
    lettered = [word for word in first if word[:1].isalpha()]
    capital = _most([word[0].isupper() for word in lettered])
    tenses = [_tense(word) for word in first]
    tense = _most([one for one in tenses if one], least=max(3, len(first) // 4))
    return Form(kind, types, key, ticket, capital, tense or "", _most([rest.endswith(".") for rest in rests]) or False)


def _kind(
    ours: Sequence[str],
) -> tuple[Literal["conventional", "ticket", "area", ""], list[str], tuple[str, ...], str, str]:
    """The kind, the subjects without their prefixes, and what the prefixes are."""
    enough = _SHARE * len(ours)
    if len(found := [match for line in ours if (match := _CONVENTIONAL.match(line))]) >= enough:
        types = Counter(match["type"].lower() for match in found)
        return (
            "conventional",
            [match["rest"] for match in found],
            tuple(word for word, _ in types.most_common()),
            "",
            "",
        )
    if len(found := [match for line in ours if (match := _TICKET.match(line))]) >= enough:
        key = Counter(match["key"] for match in found).most_common(1)[0][0]
        forms = Counter(f"{match['open']}{{}}{match['close']}{match['colon']}" for match in found)
        return "ticket", [match["rest"] for match in found], (), key, forms.most_common(1)[0][0]
    if len(found := [match for line in ours if (match := _AREA.match(line))]) >= enough:
        return "area", [match["rest"] for match in found], (), "", ""
    return "", list(ours), (), "", ""


def _most(values: Sequence[Value], least: int = 1) -> Value | None:
    """The value that most have; None where none has, or there are fewer than `least`."""
    if len(values) < least or not values:
        return None
    value, count = Counter(values).most_common(1)[0]
    return value if count >= _SHARE * len(values) else None


def _tense(word: str) -> Tense:
    bare = word.lower()
    if bare in _PAST:
        return "imperative"
    return "past" if bare in _PAST.values() else "present" if bare in _THIRD.values() else ""


# --- a subject of ours ---


def put_in_form(subject: str, form: Form, told: str = "") -> str:
    """The subject as this repository writes one. `told` is what a ticket's number may be found in: brief and title."""
    if form == Form():
        return subject
    prefix, rest = "", subject.strip()
    if form.kind == "conventional" and not _CONVENTIONAL.match(rest):
        prefix = f"{_guess_type(rest, form.types)}: "
    elif form.kind == "ticket" and not _TICKET.match(rest):
        found = re.search(rf"\b{re.escape(form.key)}-\d+\b", f"{rest}\n{told}")
        prefix = f"{form.ticket.format(found[0])} " if found else ""
        if found:
            rest = re.sub(rf"[\[(]?\b{re.escape(found[0])}\b[\])]?:?", "", rest).strip() or rest
    elif form.kind == "area" and _AREA.match(rest):
        return rest
    if form.kind and not prefix:
        return rest
    return prefix + _written(rest, form)


def _written(rest: str, form: Form) -> str:
    first, blank, more = rest.partition(" ")
    base = _BASE.get(first.lower())
    if base and form.tense:
        word = {"past": _PAST, "present": _THIRD}.get(form.tense, {}).get(base, base)
        first = word.capitalize() if first[:1].isupper() else word
    if form.capital is True:
        first = first[:1].upper() + first[1:]
    elif form.capital is False and first[1:].islower():  # a name or an abbreviation stays one
        first = first.lower()
    text = (first + blank + more).rstrip()
    if form.stop:
        return text if text.endswith((".", "!", "?", "…")) else text + "."
    return _STOPS.sub("", text) or text


def _guess_type(text: str, types: Sequence[str]) -> str:
    """The first whose words the subject has, among those in use; else the commonest in use."""
    for name, words in _GUESSES:
        used = next((one for one in types if one in (name, f"{name}s")), None)
        if used and re.search(rf"\b(?:{words})\b", text, re.IGNORECASE):
            return used
    return next((one for one in types if one in ("feat", "fix")), types[0] if types else "feat")
