"""Is there anything at all?"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.options import check_keys, no_option
from gigctl.model import CheckContext, Content, Verdict

NAME = "empty"
VERSION = 1
HELP = "the draft has something to read"
NEEDS_TREE = False


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    if not content.is_text:
        return verdict(NAME, "pass") if content.changes else verdict(NAME, "fail", "nothing was changed")
    text = content.text
    if not _is_visible(text) and (_is_visible(context.source) or not context.source):
        return verdict(NAME, "fail", "the draft has no visible character")
    if _has_words(context.source) and not any(map(str.isalnum, text)):
        return verdict(NAME, "fail", "the source has words, the draft has none")
    return verdict(NAME, "pass")


def _is_visible(text: str) -> bool:
    # Zero-width, control and format characters (Cc, Cf) and separators (Z*) show nothing.
    return any(unicodedata.category(char)[0] not in "ZC" for char in text)


def _has_words(text: str) -> bool:
    # "(C)" is well translated by its sign.
    return sum(char.isalnum() for char in text) > 1
