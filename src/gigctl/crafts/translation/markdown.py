"""The blocks of a Markdown file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from gigctl.crafts.translation.blocks import DELIMITER, SPACES, Block, Found, Kind, Lines, sorted_by_line
from gigctl.crafts.translation.dialect import block_tokens, inline_tokens
from gigctl.crafts.translation.front_matter import find_values
from gigctl.crafts.translation.words import (
    begins_with_words,
    has_words,
    inline_has_words,
    may_have_words,
    what_is_alone,
)
from gigctl.model import LeftAlone

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["find_blocks"]

Span = tuple[int, int, int]
"""Line (from 0), first column, column after the last."""

_LEAVES = {
    "fence": "code",
    "code_block": "indented code",
    "hr": "a rule",
    "definition": "a link definition",
    "toml_front_matter": "front matter that is not YAML",
}
_TEXTS = ("paragraph_open", "table_open", "heading_open")
_TOUCHING = "text that only a table's look keeps apart from the paragraph above"
_ANCHOR = re.compile(r"\{[#.:][^{}]*\}")
"""`{#skip-link}` after a heading is its address."""
_ALERT = re.compile(r"\[![A-Za-z]+\][ \t]*$")
_TASK = re.compile(r"\[[ xX]\][ \t]+(?=\S)")
_CONTAINER_TITLE = re.compile(
    r":{3,}[ \t]*(?:\{[^{}]*\}|[\w-]+)(?:[ \t]*\[(?P<boxed>.+)\]|[ \t]+(?P<title>[^\s{].*?))[ \t]*$"
)
_ADMONITION_TITLE = re.compile(r'(?:!!!|\?\?\?\+?)[^"]*"(?P<title>.+)"')
_TITLE_MOST = 1000
"""Characters of a line that can hold a container's title."""
_LABEL = re.compile(r"\[((?:[^\[\]\\]|\\.){1,999})\]", re.DOTALL)
"""A label has at most 999 characters (CommonMark)."""
_HTML_TEXT = re.compile(r"<!--(?:.*?-->|.*)|<(script|style)\b(?:.*?</\1\s*>|.*)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_BLOCK_EFFORT, _FILE_EFFORT = 10_000, 5_000_000
"""Characters times marks: markdown-it looks from each opening bracket or bare ampersand through the whole rest of its
block (80 kB of `[` take 14 s), so what is full of them is judged by its look: in one block, and in all of a file."""
_OPENING = "[&<"


class _Reader(Struct):
    """One walk over a file's tokens."""

    lines: Lines
    parsed: list[int]  # where each line begins in what the parser read
    labels: Mapping[str, str]  # normalised label -> its definition
    known: dict[str, Any]  # what the parser knows of the document's labels
    blocks: list[Block] = field(default_factory=list)
    alone: list[LeftAlone] = field(default_factory=list)
    heading: str = ""
    effort: int = _FILE_EFFORT  # that is left
    open: list[str] = field(default_factory=list)  # types of the containers around

    def spans(self, token: Token) -> list[Span]:
        first = _first_line(token)
        marks: Sequence[tuple[int, int]] = token.meta["lines"]
        every = [
            (first + n, start - self.parsed[first + n], end - self.parsed[first + n])
            for n, (start, end) in enumerate(marks)
        ]
        # No-break spaces alone are a line of text to the parser, and one that ends a table: they stay where they are.
        filled = (n for n, (line, start, end) in enumerate(every) if self.lines.lines[line][start:end].strip())
        return every[next(filled, 0) :]

    def leave(self, line: int, what: str) -> None:
        self.alone.append(LeftAlone(line + 1, what))

    def add(self, kind: Kind, spans: Sequence[Span], **more: str) -> None:
        line, start, end = spans[-1]
        text = self.lines.lines[line][start:end]
        trimmed = [*spans[:-1], (line, start, start + len(text.rstrip(SPACES)))]
        fields = self.lines.cut(trimmed) | more
        definitions = self.definitions_in(fields["text"])
        self.blocks.append(Block(kind, **fields, heading=self.heading, definitions=definitions))

    def definitions_in(self, text: str) -> str:
        """The document's definitions that the text may refer to, as Markdown."""
        if not self.labels or "[" not in text:
            return ""
        from markdown_it.common.utils import normalizeReference

        names = {normalizeReference(found) for found in _LABEL.findall(text)}
        return "\n".join(sorted(self.labels[name] for name in names if name in self.labels))

    def inside(self, inline: Token) -> Sequence[Token]:
        """An inline token's content, parsed once; nothing where that would take too long."""
        effort = len(inline.content) * (1 + sum(map(inline.content.count, _OPENING)))
        if not inline.children and effort <= min(_BLOCK_EFFORT, self.effort):
            self.effort -= effort
            inline_tokens(inline, self.known)
        return inline.children or ()

    def has_words(self, inline: Token) -> bool:
        if begins_with_words(inline.content):
            return True
        inside = self.inside(inline)
        return inline_has_words(inside) if inside else may_have_words(inline.content)


def find_blocks(text: str) -> Found:
    """What is to be translated in a Markdown file, in the file's order. `text` is the whole file."""
    lines = Lines.of(text)
    source = "\n".join(lines.lines)
    known: dict[str, Any] = {}
    tokens = block_tokens(source, known)
    starts = [0]
    for line in lines.lines[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    reader = _Reader(lines, starts, _labels(tokens), known)
    for n, token in enumerate(tokens):
        _read_token(reader, tokens, n, token)
    return Found(tuple(reader.blocks), sorted_by_line(reader.alone))


def _first_line(token: Token) -> int:
    return token.map[0] if token.map else 0


def _labels(tokens: Sequence[Token]) -> dict[str, str]:
    from markdown_it.common.utils import normalizeReference

    found: dict[str, str] = {}
    for token in tokens:
        if token.type == "definition":
            label, url, title = token.meta["label"], token.meta["url"], token.meta["title"]
            quoted = ' "' + title.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"' if title else ""
            found.setdefault(normalizeReference(label), f"[{' '.join(label.split())}]: <{url}>{quoted}")
        elif token.type == "footnote_reference_open":
            label = f"^{token.meta['label']}"
            found.setdefault(normalizeReference(label), f"[{label}]: {token.meta['label']}")
    return found


def _read_token(reader: _Reader, tokens: Sequence[Token], n: int, token: Token) -> None:
    if token.nesting < 0:
        reader.open.pop()
    elif token.type == "heading_open":
        _read_heading(reader, tokens, n)
    elif token.type == "paragraph_open":
        _read_paragraph(reader, tokens, n)
    elif token.type == "table_open":
        _read_table(reader, token, tokens, n)
    elif token.type == "admonition_open":
        _read_title(reader, token, _ADMONITION_TITLE)
    elif token.type == "container_marker":
        _read_title(reader, token, _CONTAINER_TITLE)
    elif token.type == "front_matter":
        _read_front_matter(reader, token)
    elif token.type == "html_block":
        reader.leave(_first_line(token), _html(token.content))
    elif token.type in _LEAVES:
        reader.leave(_first_line(token), _LEAVES[token.type])
    if token.nesting > 0:
        reader.open.append(token.type)


def _html(content: str) -> str:
    if content.lstrip().startswith("<!--"):
        return "a comment"
    return "HTML with text in it" if has_words(_HTML_TEXT.sub(" ", content)) else "HTML"


def _read_heading(reader: _Reader, tokens: Sequence[Token], n: int) -> None:
    token, inline = tokens[n], tokens[n + 1]
    if not reader.has_words(inline):
        return _leave_inline(reader, token, inline)
    underlined = token.markup in ("=", "-")
    if underlined and _touches_a_paragraph(tokens, n):
        return reader.leave(_first_line(token), _TOUCHING)
    spans = reader.spans(token)
    if underlined:
        underline = reader.lines.lines[spans[-1][0]][spans[-1][1] :]
        body = _without_anchor(reader, spans[:-1])
        reader.heading = inline.content
        return reader.add("heading", body, head=_definition_above(tokens, n), tail="\n" + underline.rstrip(SPACES))
    line, start, end = spans[0]
    raw = reader.lines.lines[line][start:end]
    after = raw[len(token.markup) :]
    begin = len(raw) - len(after.lstrip(SPACES))
    stop = _closing_marks(raw, begin)
    tail = raw[stop:].rstrip(SPACES)
    body = _without_anchor(reader, [(line, start + begin, start + stop)])
    reader.heading = reader.lines.lines[line][body[0][1] : body[0][2]]
    return reader.add("heading", body, head=token.markup + " ", tail=tail, below=_delimiter_below(reader, tokens, n))


def _closing_marks(line: str, begin: int) -> int:
    """Where the `##` that may end a heading's line begin, with the blanks before them; without such the line's end."""
    filled = line[begin:].rstrip(SPACES)
    text = filled.rstrip("#")
    return begin + len(text.rstrip(SPACES)) if len(text) < len(filled) and text[-1:] in (" ", "\t") else len(line)


def _without_anchor(reader: _Reader, spans: Sequence[Span]) -> list[Span]:
    line, start, end = spans[-1]
    text = reader.lines.lines[line][start:end]
    filled = text.rstrip(SPACES)
    at = filled.rfind("{")
    if at > 0 and filled[at - 1] in SPACES and _ANCHOR.fullmatch(filled, at):
        end = start + len(filled[:at].rstrip(SPACES))
    return [*spans[:-1], (line, start, end)]


def _definition_above(tokens: Sequence[Token], n: int) -> str:
    """A link definition that ends on the line before: what follows could become its title."""
    at = _leaf_right_above(tokens, n)
    if at is None or tokens[at].type != "definition":
        return ""
    above = tokens[at]
    return f"[{' '.join(above.meta['label'].split())}]: <{above.meta['url']}>\n"


def _leaf_right_above(tokens: Sequence[Token], n: int) -> int | None:
    """The token that ends on the line before, also in a quote or a list: its text could go on here, lazily."""
    at = n - 1
    while at > 0 and tokens[at].nesting < 0:
        at -= 1
    above = tokens[at].map if at >= 0 else None
    return at if above and above[1] == _first_line(tokens[n]) else None


def _touches_a_paragraph(tokens: Sequence[Token], n: int) -> bool:
    """Two paragraphs without a blank line between: the second's first lines ended the first by a table's look."""
    at = _leaf_right_above(tokens, n)
    return at is not None and tokens[at + 1].type == "paragraph_close"


def _delimiter_below(reader: _Reader, tokens: Sequence[Token], n: int) -> str:
    """The line right below a block, where it looks like a table's second: a `|` above would make it one."""
    at = n + 3
    while at < len(tokens) and tokens[at].nesting < 0:
        at += 1
    here, below = tokens[n], tokens[at] if at < len(tokens) else None
    if below is None or below.type not in _TEXTS or not here.map or _first_line(below) != here.map[1]:
        return ""
    line, start, end = reader.spans(below)[0]
    text = reader.lines.lines[line][start:end].strip(SPACES)
    return text if DELIMITER.fullmatch(text) else ""


def _read_paragraph(reader: _Reader, tokens: Sequence[Token], n: int) -> None:
    token, inline = tokens[n], tokens[n + 1]
    if not reader.has_words(inline):
        return _leave_inline(reader, token, inline)
    if _touches_a_paragraph(tokens, n):
        return reader.leave(_first_line(token), _TOUCHING)
    spans = reader.spans(token)
    line, start, end = spans[0]
    text = reader.lines.lines[line][start:end]
    in_item = bool(reader.open) and reader.open[-1] == "list_item_open"
    if _ALERT.match(text) and len(spans) > 1 and "blockquote_open" in reader.open:
        spans = spans[1:]
    elif in_item and (task := _TASK.match(text)):
        spans[0] = (line, start + task.end(), end)
    head, below = _definition_above(tokens, n), _delimiter_below(reader, tokens, n)
    return reader.add("item" if in_item else "paragraph", spans, head=head, below=below)


def _read_table(reader: _Reader, token: Token, tokens: Sequence[Token], n: int) -> None:
    inlines = list(_inlines(tokens, n))
    if any(map(reader.has_words, inlines)):
        reader.add("table", reader.spans(token))
    else:
        reader.leave(_first_line(token), "a table without words")


def _inlines(tokens: Sequence[Token], n: int) -> Iterator[Token]:
    while tokens[n].type != "table_close":
        if tokens[n].type == "inline":
            yield tokens[n]
        n += 1


def _read_title(reader: _Reader, token: Token, form: re.Pattern[str]) -> None:
    """The title on a container's opening line; the marker and its name stay."""
    line, start, end = reader.spans(token)[0]
    found = form.match(reader.lines.lines[line][start:end]) if end - start <= _TITLE_MOST else None
    name = next((key for key, value in found.groupdict().items() if value), "") if found else ""
    if found and has_words(found[name]):
        tail = '"' if form is _ADMONITION_TITLE else "]" if name == "boxed" else ""
        reader.add("title", [(line, start + found.start(name), start + found.end(name))], tail=tail)


def _read_front_matter(reader: _Reader, token: Token) -> None:
    first, last = token.map or (0, 0)
    found = find_values(reader.lines, first + 1, last - 1)
    reader.blocks += found.blocks
    reader.alone += found.left_alone


def _leave_inline(reader: _Reader, token: Token, inline: Token) -> None:
    if inline.content.strip():
        reader.leave(_first_line(token), what_is_alone(reader.inside(inline)))
