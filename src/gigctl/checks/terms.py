"""Are the terms that were asked for there, and those that were forbidden not? And the client's glossary.

Case does not count. A required term may be inflected: each of its words of five letters or more may lose two letters
at its end and gain four. A forbidden one is met as it is written, or with `*` at its end as a beginning (`utiliz*`).
Scripts without spaces are searched as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from gigctl.checks.base import BadOption, verdict
from gigctl.checks.options import check_keys
from gigctl.checks.prose import MAX_EVIDENCE, at, excerpt
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "terms"
VERSION = 1
HELP = "required terms are there, forbidden ones are not, and the client's glossary was followed"
NEEDS_TREE = False

_KEYS = {"required": "a list of terms", "forbidden": "a list of terms"}
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
_LONG_WORD = 5


def option(value: str) -> dict[str, Any]:
    """`gravel, sand, -rubble`: a comma between terms, a hyphen before a forbidden one."""
    items = [item.strip() for item in value.split(",") if item.strip()]
    required = [item for item in items if not item.startswith("-")]
    forbidden = [item[1:].strip() for item in items if item.startswith("-")]
    out = {key: found for key, found in (("required", required), ("forbidden", forbidden)) if found}
    validate(out)
    return out


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, _KEYS)
    for key, value in options.items():
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item.strip("* ") for item in value):
            raise BadOption(f"terms: {key} is a list of terms, got {value!r}")


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    found = list(_find(content.text, options, context))
    return verdict(NAME, "fail", *found[:MAX_EVIDENCE]) if found else verdict(NAME, "pass")


def _find(text: str, options: Mapping[str, Any], context: CheckContext) -> Iterator[Evidence]:
    for term in options.get("required", ()):
        if not _inflected(term).search(text):
            yield Evidence(f'"{excerpt(term)}" is required and missing')
    for term in options.get("forbidden", ()):
        if found := _exact(term).search(text):
            yield at(f'"{excerpt(found.group())}" is forbidden', text, found.start())
    for source, target in context.terms:
        met = _inflected(source).search(context.source) if source.strip() and target.strip() else None
        if met and not _inflected(target).search(text):
            yield Evidence(f'"{excerpt(source)}" is "{excerpt(target)}" for this client')


@lru_cache(maxsize=4096)
def _inflected(term: str) -> re.Pattern[str]:
    if _UNSPACED.search(term):
        return re.compile(re.escape(term.strip()), re.IGNORECASE)
    pieces = [_stem(piece) for piece in re.split(r"\s+", term.strip())]
    return re.compile(r"(?<!\w)" + r"[\s\u00a0]+".join(pieces) + r"(?!\w)", re.IGNORECASE)


def _stem(word: str) -> str:
    bare = word.rstrip("*")
    if bare != word:
        return re.escape(bare) + r"\w*"
    if len(word) < _LONG_WORD or not word.isalpha():
        return re.escape(word) + (r"\w{0,2}" if word.isalpha() and len(word) > 2 else "")
    return re.escape(word[:-2]) + r"\w{0,6}"


@lru_cache(maxsize=4096)
def _exact(term: str) -> re.Pattern[str]:
    bare = re.escape(term.strip().rstrip("*")).replace(r"\ ", r"[\s\u00a0]+")
    if _UNSPACED.search(term):
        return re.compile(bare, re.IGNORECASE)
    return re.compile(rf"(?<!\w){bare}" + (r"\w*" if term.rstrip().endswith("*") else r"(?!\w)"), re.IGNORECASE)
