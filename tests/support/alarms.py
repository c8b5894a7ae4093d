"""Judging a pair of a catalogue by the translation checks, and ways to spoil a good translation."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from gigctl.checks.placeholders import find_placeholders
from gigctl.checks.registry import get_check
from gigctl.model import CheckContext, Content, Verdict

from .catalogues import Pair

CHECKS = ("structure", "numbers", "placeholders", "untranslated", "empty", "repeated", "length", "ending")


async def judge(name: str, pair: Pair, form: str = "text") -> Verdict:
    context = CheckContext(source=pair.source, source_language="en", target_language=pair.language, format=form)
    return await get_check(name).run(Content.of_text(pair.target), {}, context)


Spoil = Callable[[Pair, random.Random], str | None]


def _drop_number(pair: Pair, chance: random.Random) -> str | None:
    plain = pair.target
    for item in find_placeholders(plain):
        plain = plain[: item.start] + "x" * (item.end - item.start) + plain[item.end :]
    found = list(re.finditer(r"(?<![\w%{$])\d+(?![\w}])", plain))
    if not found:
        return None
    one = chance.choice(found)
    return pair.target[: one.start()] + pair.target[one.end() :]


def _change_number(pair: Pair, chance: random.Random) -> str | None:
    without = re.search(r"(?<![\w%{$.,])[2-9]\d+(?![\w}.,])", pair.target)
    if without is None or find_placeholders(pair.target):
        return None
    return pair.target[: without.start()] + str(int(without.group()) + 1) + pair.target[without.end() :]


def _drop_placeholder(pair: Pair, chance: random.Random) -> str | None:
    found = find_placeholders(pair.target)
    if not found or not find_placeholders(pair.source):
        return None
    one = chance.choice(found)
    return pair.target[: one.start] + pair.target[one.end :]


def _leave_whole(pair: Pair, chance: random.Random) -> str | None:
    return pair.source if len(pair.source.split()) >= 5 else None


def _leave_sentence(pair: Pair, chance: random.Random) -> str | None:
    sentences = re.split(r"(?<=[.!?])\s+", pair.source)
    drafted = re.split(r"(?<=[.!?。！？؟])\s+", pair.target)
    if len(sentences) < 2 or len(sentences) != len(drafted):
        return None
    one = chance.randrange(len(sentences))
    if len(sentences[one].split()) < 5:
        return None
    return " ".join([*drafted[:one], sentences[one], *drafted[one + 1 :]])


def _cut(pair: Pair, chance: random.Random) -> str | None:
    split = pair.target.split(" ")
    if len(split) < 8:
        return None
    return " ".join(split[: chance.randrange(len(split) // 2, len(split) - 1)])


def _repeat(pair: Pair, chance: random.Random) -> str | None:
    return " ".join([pair.target.strip()] * 3) if len(pair.target.split()) >= 4 else None


def _add_note(pair: Pair, chance: random.Random) -> str | None:
    return f"{pair.target}\n\nNote: I have translated the text as literally as I could."


def _add_preamble(pair: Pair, chance: random.Random) -> str | None:
    return f"Here is the translation of your text:\n\n{pair.target}"


def _drop_address(pair: Pair, chance: random.Random) -> str | None:
    found = re.search(r"https?://\S+", pair.target)
    return pair.target.replace(found.group(), "", 1) if found else None


MUTATIONS: dict[str, tuple[str, Spoil]] = {
    "a number dropped": ("numbers", _drop_number),
    "a number changed": ("numbers", _change_number),
    "a placeholder dropped": ("placeholders", _drop_placeholder),
    "the whole left as it was": ("untranslated", _leave_whole),
    "a sentence left as it was": ("untranslated", _leave_sentence),
    "the end cut off": ("ending", _cut),
    "said three times": ("repeated", _repeat),
    "a note added": ("ending", _add_note),
    "a preamble added": ("ending", _add_preamble),
    "an address dropped": ("structure", _drop_address),
}
