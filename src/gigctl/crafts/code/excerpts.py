"""Of a file that is too large to be shown whole, the parts that a task is about. Pure, and for any language.

A file is cut where a definition begins, or a line without indent after a blank one; it is never parsed, so that what
does not compile can be shown too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from msgspec import Struct

__all__ = ["Span", "choose_spans", "cut_into_parts", "render_spans"]

_DEFINES = re.compile(
    r"(?P<indent>[ \t]{0,8})(?:export |default |public |private |protected |static |async |pub |abstract )*"
    r"(?:def|class|function\*?|fn|func|interface|type|enum|struct|impl|trait|module|const|let|var)[ \t]+"
    r"(?P<name>[A-Za-z_$][\w$]*)"
)
_WORD = re.compile(r"[A-Za-z_$][\w$]{2,}")
_NAMED, _HIT, _HEAD = 10.0, 20.0, 0.5
_GAP_BYTES = 32


class Span(Struct, frozen=True):
    """Lines `start` to `stop` (from 0, `stop` is past the last) and the name that is defined there, if any."""

    start: int
    stop: int
    name: str = ""


def cut_into_parts(lines: Sequence[str]) -> list[Span]:
    """Parts that together are the whole file; decorators and comments stay with what they stand above."""
    starts: list[tuple[int, str]] = [(0, "")]
    for number, line in enumerate(lines):
        found = _DEFINES.match(line)
        begins = found is not None or (number > 0 and not lines[number - 1].strip() and line[:1].strip() != "")
        if begins and number > 0:
            at = _above(lines, number)
            if at > starts[-1][0]:
                starts.append((at, found["name"] if found else ""))
            elif found is not None and not starts[-1][1]:
                starts[-1] = (starts[-1][0], found["name"])
    ends = [at for at, _ in starts[1:]] + [len(lines)]
    return [Span(at, end, name) for (at, name), end in zip(starts, ends, strict=True) if end > at]


def _above(lines: Sequence[str], number: int) -> int:
    while number > 0 and lines[number - 1].lstrip().startswith(("@", "#", "//", "/*", "*")):
        number -= 1
    return number


def choose_spans(
    lines: Sequence[str], words: Collection[str], budget: int, hits: Collection[int] = ()
) -> tuple[Span, ...]:
    """The parts that are worth most and have at most `budget` bytes together, in the file's order: those that define
    one of the `words`, have a line (from 1) of `hits`, or use some of the words; and the file's head.

    None where nothing of it speaks of the words.
    """
    parts = cut_into_parts(lines)
    wanted = frozenset(words)
    scored = [(_score(part, lines, wanted, hits), part) for part in parts]
    if not any(score >= 1 for score, _ in scored):
        return ()
    chosen: list[Span] = []
    for score, part in sorted(scored, key=lambda pair: -pair[0]):
        size = sum(len(line.encode("utf-8", "replace")) + 1 for line in lines[part.start : part.stop]) + _GAP_BYTES
        if score > 0 and size <= budget:
            budget -= size
            chosen.append(part)
    return _joined(sorted(chosen, key=lambda part: part.start))


def _score(part: Span, lines: Sequence[str], words: frozenset[str], hits: Collection[int]) -> float:
    text = "\n".join(lines[part.start : part.stop])
    score = float(len(words & set(_WORD.findall(text))))
    if part.name in words:
        score += _NAMED
    if any(part.start < hit <= part.stop for hit in hits):
        score += _HIT
    return max(score, _HEAD if part.start == 0 else 0.0)


def _joined(parts: Sequence[Span]) -> tuple[Span, ...]:
    out: list[Span] = []
    for part in parts:
        if out and out[-1].stop == part.start:
            out[-1] = Span(out[-1].start, part.stop)
        else:
            out.append(part)
    return tuple(out)


def render_spans(lines: Sequence[str], spans: Sequence[Span]) -> str:
    """The spans with a line in each gap that says what is left out."""
    out: list[str] = []
    at = 0
    for span in spans:
        if span.start > at:
            out.append(_gap(at, span.start))
        out += lines[span.start : span.stop]
        at = span.stop
    if at < len(lines):
        out.append(_gap(at, len(lines)))
    return "\n".join(out)


def _gap(start: int, stop: int) -> str:
    return f"[lines {start + 1} to {stop} are not shown]"
