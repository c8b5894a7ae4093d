"""Does every place that a program will fill in still stand, with its name and type?

Known forms: `{x}`, `{0}`, `{x:.2f}`, `{{x}}`, `${x}`, `%{x}`, `{% tag %}`, printf's (`%s`, `%-5.1f`, `%1$s`,
`%<PRIu64>`), Python's (`%(x)s`), Qt's (`%1`), ICU MessageFormat with its nested branches. A percent sign in prose
("10 % de") is none; a text that is a date format (`%Y-%m-%d`) is the translator's to change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from gigctl.checks import icu
from gigctl.checks.base import verdict
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.prose import MAX_EVIDENCE, at, excerpt
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "placeholders"
VERSION = 1
HELP = "every placeholder stands, with its name and type"
NEEDS_TREE = False

_FORMS = re.compile(
    r"""
      (?P<tag>\{%[^{}\n]{1,200}%\})
    | (?P<double>\{\{[^{}\n]{1,200}\}\})
    | (?P<shell>\$\{[^{}\n]{1,200}\})
    | (?P<ruby>%\{[^{}\n]{1,200}\})
    | (?P<brace>\{[A-Za-z_0-9.\[\]-]{0,100}(?:![rsa])?(?::[^{}\s]{0,30})?\})
    | (?P<python>%\((?P<name>[^()\n]{1,100})\)[#0+-]*[0-9]*(?:\.[0-9]+)?(?P<kind>[diouxXeEfFgGcrsa]))
    | (?P<escaped>%%)
    | (?<![0-9])(?P<printf>%(?:(?P<index>[0-9]{1,2})\$)?
        (?P<width>[#0+'I-]*(?:\*(?:[0-9]+\$)?|[0-9]{1,4})?(?:\.(?:\*(?:[0-9]+\$)?|[0-9]{0,4}))?)
        (?:hh|h|ll|l|q|j|z|t|L|I64|I32)?(?P<type>[diouxXeEfFgGaAcspn@]|<PRI[a-zA-Z0-9]{1,12}>))
    | (?P<qt>%L?[1-9][0-9]?(?![0-9$%,.]|\s?[%])(?=\W|$))
    """,
    re.VERBOSE,
)
_DATE_FORMAT = re.compile(r"%[-_0^#E]?[YmHMSyBAbjkIPZT]")
_SAME_TYPE = {"i": "d", "u": "d", "X": "x", "a": "s", "r": "s", "F": "f", "E": "e", "G": "g", "A": "a"}


class Placeholder(Struct, frozen=True):
    """`key` is what must be equal on both sides; `text` what is written."""

    key: str
    text: str
    start: int
    end: int

    @property
    def is_qt(self) -> bool:
        return self.key.startswith("%") and self.key[-1].isdigit()


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    source, draft = context.source, content.text
    if "%" not in source + draft and "{" not in source + draft:
        return verdict(NAME, "pass")
    if icu.is_message(source):
        return verdict(NAME, *_outcome(_compare_messages(source, draft)))
    return verdict(NAME, *_outcome(_compare(source, draft)))


def _outcome(found: list[Evidence]) -> tuple[Any, ...]:
    return ("fail", *found[:MAX_EVIDENCE]) if found else ("pass",)


def find_placeholders(text: str) -> list[Placeholder]:
    """The placeholders of a text in its order, percent escapes left out."""
    if "%" not in text and "{" not in text:
        return []
    return [item for item in _scan(text) if item.key != "%%"]


def _scan(text: str) -> Iterator[Placeholder]:
    dates = _DATE_FORMAT.search(text) is not None
    number = 0
    for found in _FORMS.finditer(text):
        kind = found.lastgroup
        whole = found.group()
        if found["printf"]:
            if dates or _is_prose(found, text):
                continue
            number += not found["index"] and found["type"] not in "n"
            number += found["width"].count("*") if "$" not in found["width"] else 0
            yield Placeholder(_printf_key(found, number), whole, *found.span())
        elif found["python"]:
            conversion = found["kind"]
            key = f"%({found['name']}){_SAME_TYPE.get(conversion, conversion)}"
            yield Placeholder(key, whole, *found.span())
        elif kind:
            yield Placeholder(re.sub(r"\s+", "", whole), whole, *found.span())


def _is_prose(found: re.Match[str], text: str) -> bool:
    """`100 %de`, `50%-ig`: a percent sign after a number, or before a word that goes on."""
    before = text[: found.start()].rstrip(" \u00a0\u202f")[-1:]
    after = text[found.end() : found.end() + 2]
    if (
        before.isdigit()
        and found.start()
        and text[found.start() - 1] in " \u00a0\u202f"
        and (after[:1].isalpha() or after[:1] in ("'", "’"))
    ):
        return True
    # A word of letters begins right after the sign (`%de la`): a conversion is followed by a unit of two at most.
    return len(after) == 2 and after.isalpha() and after.islower() and not found["index"] and found["type"] in "cegx"


def _printf_key(found: re.Match[str], number: int) -> str:
    conversion = found["type"]
    return f"%{found['index'] or number}${_SAME_TYPE.get(conversion, conversion)}"


def _compare(source: str, draft: str) -> list[Evidence]:
    wanted, there = list(_scan(source)), list(_scan(draft))
    if not any(item.is_qt for item in wanted):
        there = [item for item in there if not item.is_qt]
    need, have = Counter(item.key for item in wanted), Counter(item.key for item in there)
    shown = {item.key: item for item in reversed([*there, *wanted])}
    found = []
    for key in need:
        if key != "%%" and have[key] < need[key]:
            times = "" if need[key] == 1 else f" {need[key]} times"
            left = "missing in the draft" if not have[key] else f"{have[key]} times in the draft"
            found.append(Evidence(f"{excerpt(shown[key].text)}{times} in the source, {left}"))
    for item in _surplus(there, need):
        found.append(at(f"{excerpt(item.text)} in the draft, not in the source", draft, item.start))
    if need["%%"] and not have["%%"] and "%" in draft.replace("%%", ""):
        found.append(Evidence("the percent sign is written %% in the source, % in the draft"))
    return found


def _surplus(there: list[Placeholder], need: Counter[str]) -> list[Placeholder]:
    """What the draft has and the source has not. A named one may be said again, as grammar wants it."""
    used: Counter[str] = Counter()
    out = []
    for item in there:
        used[item.key] += 1
        named = need[item.key] and not item.key.startswith("%")
        if item.key != "%%" and used[item.key] > need[item.key] and not named:
            out.append(item)
    return out


def _compare_messages(source: str, draft: str) -> list[Evidence]:
    """ICU: the arguments with their types, select's keys, an `other` in each, and what the branches fill in."""
    try:
        wanted = icu.parse(source)
    except icu.BadMessage:
        return _compare(source, draft)
    try:
        there = icu.parse(draft)
    except icu.BadMessage as error:
        return [Evidence(f"the draft is no ICU message: {error}")]
    found = [Evidence(f"{{{item}}} in the source, missing in the draft") for item in wanted if item not in there]
    return found + [Evidence(f"{{{item}}} in the draft, not in the source") for item in there if item not in wanted]
