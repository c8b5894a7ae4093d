"""Would a spreadsheet run it? (CSV injection: OWASP's list of first characters.)"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.prose import excerpt
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "spreadsheet-formula"
VERSION = 1
HELP = "no spreadsheet takes the text for a formula"
NEEDS_TREE = False

# Full-width forms are folded to ASCII by some spreadsheets; blanks before the sign are trimmed by others.
_FORMULA = re.compile(r"[ \r\n\u00a0\ufeff\u200b]*[=+\-@\t＝＋－＠]|[ \n]*\r")
_NUMBER = re.compile(r"\s*[+-]?[0-9]+(?:[.,][0-9]+)*\s*%?\s*")


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a cell's text."""
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    text = content.text
    if not is_formula(text):
        return verdict(NAME, "pass")
    shown = excerpt(text.lstrip(), 20) or "a tab"
    return verdict(NAME, "fail", Evidence(f"a spreadsheet would run a text that begins {shown!r}", None, 1, 1))
