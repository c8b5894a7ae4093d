"""Is a model going round in circles? The same words again and again, which the source has not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.prose import at, excerpt
from gigctl.model import CheckContext, Content, Verdict

NAME = "repeated"
VERSION = 1
HELP = "no sentence or phrase comes again and again"
NEEDS_TREE = False

_SENTENCE = re.compile(r"[^.!?。！？؟।\n]{20,}")
_GRAM = 3


@cache
def _unit() -> re.Pattern[str]:
    """A word, or a character of a script without spaces. Made when it is wanted: it takes 2 ms."""
    return re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|[^\W_]+")


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    text = content.text
    copies, offset, length = _longest_loop(text)
    if copies >= 3 and 2 * copies > 3 * _longest_loop(context.source)[0]:
        return verdict(NAME, "fail", at(_say(text[offset : offset + length], copies), text, offset))
    sentence, times = _commonest_sentence(text)
    if times >= 3 and 2 * times > 3 * _commonest_sentence(context.source)[1]:
        return verdict(NAME, "fail", at(_say(sentence, times), text, text.find(sentence)))
    return verdict(NAME, "pass")


def _say(what: str, times: int) -> str:
    return f'"{excerpt(what)}" comes {times} times, write it once'


def _longest_loop(text: str) -> tuple[int, int, int]:
    """(copies, offset of the first, its length in characters) of the phrase that most often follows itself.

    Linear: each three words know where they last stood; as long as that distance stays the same, a loop goes on.
    A phrase of one or two words counts from five copies on ("very, very, very").
    """
    words = _words(text)
    if len(set(zip(words, words[1:], words[2:], strict=False))) >= len(words) - 2:
        return 0, 0, 0  # as most texts: nothing comes twice
    grams = zip(words, words[1:], words[2:], strict=False)
    spans = [found.span() for found in _unit().finditer(text)]
    last: dict[tuple[object, ...], int] = {}
    best, period, run = (0, 0, 0), 0, 0
    for index, gram in enumerate(grams):
        distance = index - last.get(gram, index)
        last[gram] = index
        run = run + 1 if distance and distance == period else (1 if distance else 0)
        period = distance
        if not distance:
            continue
        copies = (run + _GRAM - 1) // distance + 1
        if copies > best[0] and (distance >= _GRAM or copies >= 5):
            first = index - run + 1 - distance
            best = (copies, spans[first][0], spans[first + distance - 1][1] - spans[first][0])
    return best


_LOWERED = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else ord(" ") for code in range(256))
"""Of ASCII: the words in lower case, and a space for all else."""


def _words(text: str) -> Sequence[object]:
    """The units of a text, without case."""
    if text.isascii():  # the same words, without the expression
        return text.encode().translate(_LOWERED).split()
    return [word.casefold() for word in _unit().findall(text)]


def _commonest_sentence(text: str) -> tuple[str, int]:
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(text)]
    if len(set(sentences)) == len(sentences):
        return "", 0  # as in most texts: none comes twice
    found = Counter(sentences)
    long = [(sentence, times) for sentence, times in found.most_common(3) if len(_unit().findall(sentence)) >= 4]
    return long[0] if long else ("", 0)
