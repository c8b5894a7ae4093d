"""A change to a tree, as a person reads it: a head line a file, what is more than text said in words, then the hunks in
the colours of their language.

All of it was displayed before it is coloured, and the colours are rich's of what is displayed: what a file holds can
neither reach the terminal nor change what is seen of it, only how it is coloured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gigctl.model import unquote_path
from gigctl.render.display import cell_width, display, display_line
from gigctl.render.figures import render_count
from gigctl.render.terminal import Terminal

__all__ = ["FileDiff", "read_patch", "render_patch"]

_LEXED_BYTES, _LEXED_LINE = 100_000, 500
"""Up to here a file's hunks, and each line of them, are coloured: a lexer's patterns are not linear."""
_TAB = 4
_FURTHER = "↪"
"""Begins what goes on of a line: no sign that a diff's own lines begin with."""


class FileDiff(Struct, frozen=True):
    """One file of a patch as git writes it. `facts` is what git says of it before the hunks; `lines` are the hunks'."""

    old: str
    new: str
    facts: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def added(self) -> int:
        return sum(line.startswith("+") for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.startswith("-") for line in self.lines)


def read_patch(patch: bytes) -> list[FileDiff]:
    """The files of what `git diff` wrote, in order. A hunk's length decides where it ends, not what its lines say."""
    lines = patch.decode("utf-8", "surrogateescape").split("\n")
    out: list[FileDiff] = []
    at = 0
    while at < len(lines):
        if not lines[at].startswith("diff --git "):
            at += 1
            continue
        head, at = _take_facts(lines, at + 1)
        hunks, at = _take_hunks(lines, at)
        out.append(_file(lines[at - len(hunks) - len(head) - 1], head, hunks))
    return out


def _take_facts(lines: Sequence[str], at: int) -> tuple[list[str], int]:
    end = at
    while end < len(lines) and not lines[end].startswith(("@@ ", "diff --git ")):
        end += 1
    return list(lines[at:end]), end


_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def _take_hunks(lines: Sequence[str], at: int) -> tuple[list[str], int]:
    end = at
    while end < len(lines) and (found := _HUNK.match(lines[end])):
        old, new = (1 if count is None else int(count) for count in found.groups())
        end += 1
        while end < len(lines) and (old > 0 or new > 0 or lines[end].startswith("\\")):
            old -= lines[end][:1] in (" ", "-")
            new -= lines[end][:1] in (" ", "+")
            end += 1
    return list(lines[at:end]), end


def _file(first: str, head: Sequence[str], hunks: Sequence[str]) -> FileDiff:
    known = dict(_known(line) for line in head)
    old = known.get("rename from") or known.get("copy from") or known.get("---") or ""
    new = known.get("rename to") or known.get("copy to") or known.get("+++") or ""
    if not old and not new:  # a mode alone, an empty or a binary file: both names are the same one
        old = new = _same_name(first)
    facts = tuple(line for line in head if line and not line.startswith(("--- ", "+++ ", "index ", "rename ", "copy ")))
    return FileDiff(old or new, new or old, facts, tuple(hunks))


def _known(line: str) -> tuple[str, str]:
    for name in ("rename from", "rename to", "copy from", "copy to"):
        if line.startswith(f"{name} "):
            return name, unquote_path(line[len(name) + 1 :])
    for name in ("---", "+++"):
        if line.startswith(f"{name} ") and line != f"{name} /dev/null":
            return name, unquote_path(line[4:].removesuffix("\t"))[2:]
    return line, ""


def _same_name(first: str) -> str:
    """`diff --git a/NAME b/NAME`: git writes one name twice, quoted or not."""
    names = first.removeprefix("diff --git ")
    half = names[: len(names) // 2]
    return unquote_path(half)[2:] if half else names


# --- for a person ---


def render_patch(patch: bytes, terminal: Terminal) -> str:
    """A unified diff's bytes: in a pipe their own characters, on a terminal file by file, displayed and coloured."""
    if not terminal.is_tty and not terminal.in_ci:
        return patch.decode("utf-8", "surrogateescape")
    files = read_patch(patch)
    if not files:
        return ""
    blocks = ["\n".join([*_head(file, terminal), *_body(file, terminal)]) for file in files]
    if len(files) > 1:
        added, removed = (sum(getattr(file, name) for file in files) for name in ("added", "removed"))
        blocks.insert(0, f"{render_count(len(files), 'file')}  +{added} −{removed}")
    return "\n\n".join(blocks) + "\n"


def _head(file: FileDiff, terminal: Terminal) -> Iterator[str]:
    name = display_line(file.new) if file.old == file.new else f"{display_line(file.old)} → {display_line(file.new)}"
    facts = ", ".join(_told(file))
    counts = f"+{file.added} −{file.removed}" if file.lines else ""
    yield terminal.styled(display(name, in_ci=terminal.in_ci), "bold")
    told = "  ".join(filter(None, [facts, counts]))
    if told:
        yield terminal.styled(f"  {told}", "odd" if facts else "dim")


_FACTS = (
    (re.compile(r"similarity index (\d+)%"), "renamed ({0} % the same)"),
    (re.compile(r"new file mode 100644"), "new"),
    (re.compile(r"new file mode 100755"), "new, can be run"),
    (re.compile(r"new file mode 120000"), "new link"),
    (re.compile(r"new file mode 160000"), "new submodule"),
    (re.compile(r"deleted file mode 120000"), "link deleted"),
    (re.compile(r"deleted file mode \d+"), "deleted"),
    (re.compile(r"Binary files .* differ \((.*), (.*)\)"), "binary: {0} → {1}"),
)
_MODES = {"100644": "a file", "100755": "a file that can be run", "120000": "a link", "160000": "a submodule"}


def _told(file: FileDiff) -> Iterator[str]:
    """What git says of the file, in words; what we have none for as it is."""
    modes = {line.partition(" mode ")[0]: line.partition(" mode ")[2] for line in file.facts if " mode " in line}
    if "old" in modes and "new" in modes:
        old, new = (_MODES.get(modes[name], modes[name]) for name in ("old", "new"))
        yield f"was {old}, is now {new} ({display_line(modes['old'])} → {display_line(modes['new'])})"
    for line in file.facts:
        if line.startswith(("old mode ", "new mode ")):
            continue
        for pattern, words in _FACTS:
            if found := pattern.fullmatch(line):
                yield words.format(*found.groups())
                break
        else:
            yield display_line(line)


def _body(file: FileDiff, terminal: Terminal) -> Iterator[str]:
    shown = [_displayed(line, terminal) for line in file.lines]
    colored = _colored(file, shown, terminal) if terminal.color else {}
    for n, line in enumerate(shown):
        sign, rest = line[:1], line[1:]
        if sign in ("@", "\\"):
            yield from _broken("", line, [(line, "hunk" if sign == "@" else "dim")], terminal)
            continue
        style = {"+": "added", "-": "removed"}.get(sign, "")
        yield from _broken(sign, rest, colored.get(n) or [(rest, style)], terminal)


def _displayed(line: str, terminal: Terminal) -> str:
    """A carriage return before a line's end is seen: it is a difference."""
    sign, rest = line[:1], line[1:]
    return sign + display(rest, in_ci=terminal.in_ci).expandtabs(_TAB)


Runs = list[tuple[str, str]]
"""Pieces of a line with a style each: one of the terminal's, or an SGR code of rich's."""


def _broken(sign: str, rest: str, runs: Runs, terminal: Terminal) -> Iterator[str]:
    """The line in pieces that the terminal's width holds, each with a sign of its own."""
    style = {"+": "added", "-": "removed"}.get(sign, "")
    begin = terminal.styled(sign, style) if style else sign
    room = max(terminal.width - len(sign or " "), 8)
    pieces = [runs] if not terminal.is_tty or cell_width(rest) <= room else _cut(runs, room)
    for piece in pieces:
        yield begin + "".join(_painted(text, how, terminal) for text, how in piece)
        begin = terminal.styled(_FURTHER, "dim")


def _cut(runs: Runs, room: int) -> Iterator[Runs]:
    """In lines of `room` columns at most."""
    line: Runs = []
    used = 0
    for text, how in runs:
        begin = 0
        for at, char in enumerate(text):
            width = cell_width(char)
            if used + width > room:
                yield [*line, (text[begin:at], how)]
                line, used, begin = [], 0, at
            used += width
        line.append((text[begin:], how))
    yield line


def _painted(text: str, how: str, terminal: Terminal) -> str:
    if not how or not text:
        return text
    return f"\x1b[{how}m{text}\x1b[0m" if how[:1].isdigit() else terminal.styled(text, how)


def _colored(file: FileDiff, shown: Sequence[str], terminal: Terminal) -> dict[int, Runs]:
    """By a line's place, its pieces: what stays and what is new in the colours of its language, what went in one."""
    new = [n for n, line in enumerate(shown) if line[:1] in (" ", "+")]
    code = "\n".join(shown[n][1:] for n in new)
    if len(code) > _LEXED_BYTES or any(len(shown[n]) > _LEXED_LINE for n in new):
        return {}
    from rich.syntax import Syntax

    lexer = Syntax.guess_lexer(display_line(file.new))
    if lexer in ("default", "text"):
        return {}
    lines = Syntax(code, lexer, theme="ansi_dark").highlight(code).split("\n", allow_blank=True)
    out: dict[int, Runs] = {}
    for n, line in zip(new, lines, strict=False):
        if line.plain != shown[n][1:]:
            return {}  # the lexer changed what it was to colour: nothing of it is shown
        out[n] = _runs(line.plain, line.spans, "added" if shown[n][0] == "+" else "")
    return out


def _runs(text: str, spans: Sequence[object], plain: str) -> Runs:
    """Each piece with the colour of the innermost span over it; the rest in that of its sign."""
    how = [plain] * len(text)
    for span in spans:
        code = _sgr(span.style)  # type: ignore[attr-defined]
        if code:
            how[span.start : span.end] = [code] * (span.end - span.start)  # type: ignore[attr-defined]
    out: Runs = []
    for char, style in zip(text, how, strict=True):
        if out and out[-1][1] == style:
            out[-1] = (out[-1][0] + char, style)
        else:
            out.append((char, style))
    return out


def _sgr(style: object) -> str:
    """The terminal's code of a colour of the sixteen; no background, which is the terminal's own."""
    color = getattr(style, "color", None)
    number = getattr(color, "number", None)
    if number is None or not 0 <= number < 16 or number in (0, 7, 15):
        return ""
    return str(30 + number if number < 8 else 82 + number)
