"""What changed between two texts: by lines (unified) or word by word, for a terminal, a pipe or a pager.

difflib is quadratic, and cubic on repetitive text: it only ever sees what is left between lines (words) that both
sides have exactly once (the idea of Bram Cohen's patience diff), and a rest that is too large is shown as replaced.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from typing import Literal, NamedTuple

from gigctl.render.display import display, display_line
from gigctl.render.terminal import Terminal
from gigctl.system.git.paths import list_obeyed

__all__ = ["Block", "compare", "render_obeyed", "render_unified", "render_words", "words"]

_MOST_CELLS = 160_000
"""Of difflib's table: 400 by 400 lines take about 0.1 s at worst."""
_DEEPEST = 12

_NO_SPACES = (
    "\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"  # Han, kana
    "\u0e00-\u0edf\u1000-\u109f\u1780-\u17df"  # Thai, Lao, Burmese, Khmer
)
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u064b-\u0670\u0900-\u0903\u093a-\u094f\u0981-\u0d4d\u1dc0-\u1dff\u200c\u200d\u2019'"
)


@cache
def _word() -> re.Pattern[str]:
    """Made when it is wanted: it takes 4 ms, and commands import this for other things."""
    return re.compile(rf"\n|[^\S\n]+|[{_NO_SPACES}]|(?:[^\W{_NO_SPACES}][{_MARKS}]*)+|.", re.DOTALL)


def render_obeyed(ref: str, paths: Iterable[str]) -> str:
    """A warning where a change is to what git itself obeys; else nothing."""
    found = ", ".join(map(display_line, list_obeyed(paths)))
    return f"{ref} changes {found}, which git itself obeys: read it before you sign" if found else ""


class Block(NamedTuple):
    """`old[old_start:old_end]` became `new[new_start:new_end]`; `same` where they are equal."""

    same: bool
    old_start: int
    old_end: int
    new_start: int
    new_end: int


def words(text: str) -> list[str]:
    """Words, blanks, line ends and signs; each character of a script that sets no spaces by itself."""
    return _word().findall(text)


def compare(old: Sequence[str], new: Sequence[str]) -> list[Block]:
    """Equal and changed blocks in turn, covering both sides."""
    out: list[Block] = []
    for block in _compare(old, new, 0, len(old), 0, len(new), 0):
        if block.old_start == block.old_end and block.new_start == block.new_end:
            continue
        if out and out[-1].same == block.same:
            out[-1] = out[-1]._replace(old_end=block.old_end, new_end=block.new_end)
        else:
            out.append(block)
    return out


def _compare(
    old: Sequence[str], new: Sequence[str], old_start: int, old_end: int, new_start: int, new_end: int, depth: int
) -> Iterator[Block]:
    head = _common(old, new, range(old_start, old_end), range(new_start, new_end))
    yield Block(True, old_start, old_start + head, new_start, new_start + head)
    old_start, new_start = old_start + head, new_start + head
    back_old, back_new = range(old_end - 1, old_start - 1, -1), range(new_end - 1, new_start - 1, -1)
    tail = _common(old, new, back_old, back_new)
    old_last, new_last = old_end - tail, new_end - tail
    yield from _middle(old, new, old_start, old_last, new_start, new_last, depth)
    yield Block(True, old_last, old_end, new_last, new_end)


def _common(old: Sequence[str], new: Sequence[str], old_at: range, new_at: range) -> int:
    count = 0
    for left, right in zip(old_at, new_at, strict=False):
        if old[left] != new[right]:
            break
        count += 1
    return count


def _middle(
    old: Sequence[str], new: Sequence[str], old_start: int, old_end: int, new_start: int, new_end: int, depth: int
) -> Iterator[Block]:
    size = (old_end - old_start) * (new_end - new_start)
    if size == 0:
        yield Block(False, old_start, old_end, new_start, new_end)
        return
    if size <= _MOST_CELLS:
        matcher = SequenceMatcher(None, old[old_start:old_end], new[new_start:new_end], autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            yield Block(tag == "equal", old_start + a, old_start + b, new_start + c, new_start + d)
        return
    anchors = _anchors(old, new, old_start, old_end, new_start, new_end) if depth < _DEEPEST else []
    if not anchors:
        yield Block(False, old_start, old_end, new_start, new_end)
        return
    for left, right in [*anchors, (old_end, new_end)]:
        yield from _compare(old, new, old_start, left, new_start, right, depth + 1)
        old_start, new_start = left, right


def _anchors(
    old: Sequence[str], new: Sequence[str], old_start: int, old_end: int, new_start: int, new_end: int
) -> list[tuple[int, int]]:
    """Places of what both sides have once, in the order of both: the longest increasing run."""
    left, right = Counter(old[old_start:old_end]), Counter(new[new_start:new_end])
    place = {new[at]: at for at in range(new_start, new_end) if right[new[at]] == 1}
    pairs = [(at, place[old[at]]) for at in range(old_start, old_end) if left[old[at]] == 1 and old[at] in place]
    ends: list[int] = []
    last: list[tuple[int, int]] = []
    before: dict[tuple[int, int], tuple[int, int] | None] = {}
    for pair in pairs:
        at = bisect_left(ends, pair[1])
        before[pair] = last[at - 1] if at else None
        ends[at : at + 1], last[at : at + 1] = [pair[1]], [pair]
    out: list[tuple[int, int]] = []
    step = last[-1] if last else None
    while step:
        out.append(step)
        step = before[step]
    return out[::-1]


# --- unified ---


def render_unified(
    old: str, new: str, terminal: Terminal, *, names: tuple[str, str] = ("before", "after"), context: int = 3
) -> str:
    """A unified diff: in a pipe the texts' own characters, on a terminal displayed and coloured. Empty where equal."""
    left, right = _lines(old), _lines(new)
    blocks = compare(left, right)
    if all(block.same for block in blocks):
        return ""
    out = [
        terminal.styled(f"--- {_shown(names[0], terminal)}", "bold"),
        terminal.styled(f"+++ {_shown(names[1], terminal)}", "bold"),
    ]
    for hunk in _hunks(blocks, context):
        out += _hunk_lines(hunk, left, right, terminal)
    return "\n".join(out) + "\n"


def _lines(text: str) -> list[str]:
    """Lines with their ends; `\\n` alone ends one, as in git."""
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


def _hunks(blocks: Sequence[Block], context: int) -> Iterator[list[Block]]:
    """Changes that are nearer to each other than twice the context, with the context around them."""
    hunk: list[Block] = []
    for at, block in enumerate(blocks):
        if not block.same:
            hunk.append(block)
            continue
        size = block.old_end - block.old_start
        first, last = at == 0, at == len(blocks) - 1
        if not first and not last and size <= 2 * context:
            hunk.append(block)
            continue
        if not first:
            keep = min(context, size)
            hunk.append(block._replace(old_end=block.old_start + keep, new_end=block.new_start + keep))
            yield hunk
        keep = min(context, size)
        hunk = [block._replace(old_start=block.old_end - keep, new_start=block.new_end - keep)]
        if last:
            return
    if any(not block.same for block in hunk):
        yield hunk


def _hunk_lines(hunk: Sequence[Block], old: Sequence[str], new: Sequence[str], terminal: Terminal) -> Iterator[str]:
    first, last = hunk[0], hunk[-1]
    head = f"@@ -{_span(first.old_start, last.old_end)} +{_span(first.new_start, last.new_end)} @@"
    yield terminal.styled(head, "hunk")
    for block in hunk:
        if block.same:
            yield from _marked(" ", old[block.old_start : block.old_end], terminal)
            continue
        yield from _marked("-", old[block.old_start : block.old_end], terminal)
        yield from _marked("+", new[block.new_start : block.new_end], terminal)


def _span(start: int, end: int) -> str:
    count = end - start
    first = start + 1 if count else start
    return str(first) if count == 1 else f"{first},{count}"


def _marked(sign: Literal[" ", "-", "+"], lines: Sequence[str], terminal: Terminal) -> Iterator[str]:
    style = {"-": "removed", "+": "added", " ": ""}[sign]
    for line in lines:
        text = sign + _shown(line.removesuffix("\n"), terminal)
        yield terminal.styled(text, style) if style else text
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _shown(text: str, terminal: Terminal) -> str:
    """On a terminal and in a CI log the display function's text, in a pipe the characters themselves."""
    if terminal.is_tty or terminal.in_ci:
        return display(text, in_ci=terminal.in_ci)
    return text


# --- word by word ---


def render_words(old: str, new: str, terminal: Terminal) -> str:
    """The whole new text with what went and what came: coloured, or as `[-old-]{+new+}`."""
    left, right = words(old), words(new)
    out = []
    for block in _joined(compare(left, right), left):
        if block.same:
            out.append(_shown("".join(left[block.old_start : block.old_end]), terminal))
            continue
        out.append(_word_mark("removed", "".join(left[block.old_start : block.old_end]), terminal))
        out.append(_word_mark("added", "".join(right[block.new_start : block.new_end]), terminal))
    return "".join(out)


def _joined(blocks: Sequence[Block], old: Sequence[str]) -> list[Block]:
    """Changes with nothing but blanks between them are one: a phrase, not word after word."""
    out: list[Block] = []
    for block in blocks:
        between = len(out) >= 2 and not block.same and out[-1].same and not out[-2].same
        if between and all(word.isspace() and "\n" not in word for word in old[out[-1].old_start : out[-1].old_end]):
            first = out[-2]
            out[-2:] = [Block(False, first.old_start, block.old_end, first.new_start, block.new_end)]
        else:
            out.append(block)
    return out


def _word_mark(style: Literal["removed", "added"], text: str, terminal: Terminal) -> str:
    """A line's end is left out of the marks, so that a pager's colours end with their line."""
    if not text:
        return ""
    marks = ("[-", "-]") if style == "removed" else ("{+", "+}")
    shown = (_shown(line, terminal) for line in text.split("\n"))
    if terminal.color:
        return "\n".join(terminal.styled(line, style) for line in shown)
    return "\n".join(f"{marks[0]}{line}{marks[1]}" if line else "" for line in shown)
