"""A file as lines with byte offsets, and the block: one stretch of it that is translated by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, field

from gigctl.crafts.base import BadSource
from gigctl.model import LeftAlone, Source

Kind = Literal["heading", "paragraph", "item", "table", "title", "front matter", "text"]

BOM = "\ufeff"
LINE_END = re.compile(r"\r\n|\r|\n")
SPACES = " \t"
DELIMITER = re.compile(r"[-:|][-:| \t]*")
"""The look of a table's second line; the parser looks at no more where a table may end a paragraph."""

_WIDE_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
_BINARY_SHARE = 10
"""One NUL in so many bytes is no text: UTF-16 of western text has one in two."""

_FILLED = re.compile(rb"[^\r\n]+")
MOST_BYTES = 32 * 1024 * 1024
MOST_LINES = 300_000
"""Of one file: ten times the longest novel, and what the parser reads in 20 s where every line is a block."""
MOST_BLOCK_BYTES = 64 * 1024
"""Of one block: twice what a model can answer (8,192 tokens of about four bytes), so that nothing longer comes back
whole; and the parsers' time grows with the square of a block that is all brackets."""


class Block(Struct, frozen=True):
    """What one task translates.

    `start` and `end` are byte offsets in the file. `text` has its lines without what stands before them there; what
    stands between line n and n + 1 (the line's end, `> `, indentation) is `seams[n]`. `head` and `tail` make the text
    the same kind of block again when it is parsed alone: `## `, `\\n===`, the definitions right above it. `below` is
    the line right below, where it looks like a table's second.
    """

    kind: Kind
    line: int  # counts from 1
    start: int
    end: int
    text: str
    seams: tuple[str, ...] = ()
    more: str = "\n"  # the seam before a line that the source's block has not
    head: str = ""
    tail: str = ""
    below: str = ""
    heading: str = ""
    definitions: str = ""
    style: str = ""  # of a front-matter value: how YAML quotes it
    raw: str = ""  # of a front-matter value: as it stands in the file, where that is not the text


class Found(Struct, frozen=True):
    """What a file holds: the blocks to translate, and what is left alone."""

    blocks: tuple[Block, ...]
    left_alone: tuple[LeftAlone, ...]


class Lines(Struct):
    """A file's lines without their ends. Columns count characters, offsets count bytes."""

    lines: list[str]
    ends: list[str]
    offsets: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> Lines:
        """`text` is the whole file; a byte order mark is no part of its first line."""
        body = text.removeprefix(BOM)
        ends = [*LINE_END.findall(body), ""]
        made = cls(LINE_END.split(body), ends)
        offset = len(BOM.encode()) if body != text else 0
        for line, end in zip(made.lines, ends, strict=True):
            made.offsets.append(offset)
            offset += len(line.encode()) + len(end)
        return made

    def offset(self, line: int, column: int) -> int:
        return self.offsets[line] + len(self.lines[line][:column].encode())

    def cut(self, spans: Sequence[tuple[int, int, int]]) -> dict[str, Any]:
        """The fields of a block that covers `spans`: (line from 0, first column, column after the last) of each line.

        Each but the last is taken to the line's end, so that spaces which break a line stay in the text.
        """
        first, last = spans[0], spans[-1]
        texts = [self.lines[line][start:end] for line, start, end in spans]
        seams = [self.ends[spans[n - 1][0]] + self.lines[line][:start] for n, (line, start, _) in enumerate(spans) if n]
        return {
            "line": first[0] + 1,
            "start": self.offset(first[0], first[1]),
            "end": self.offset(last[0], last[2]),
            "text": "\n".join(texts),
            "seams": tuple(seams),
            "more": seams[-1] if seams else self._seam_after(first[0], first[1]),
        }

    def _seam_after(self, line: int, column: int) -> str:
        """What a second line of a block has before it: the file's line end, quote marks, blanks for list markers."""
        end = self.ends[line] or self.ends[0] or "\n"
        return end + re.sub(r"[^>\t]", " ", self.lines[line][:column])


def decode(source: Source) -> str:
    """The text of a file, its byte order mark included. Raises BadSource where it is none in UTF-8."""
    for mark, name in _WIDE_BOMS.items():
        if source.data.startswith(mark):
            raise BadSource(f"{source.name} is {name} (byte 0), expected UTF-8: save it as UTF-8 and give it again")
    zeros = source.data.count(0)
    if zeros * _BINARY_SHARE > len(source.data):
        at = source.data.index(0)
        raise BadSource(f"{source.name} has zero bytes (the first is byte {at}), expected text in UTF-8")
    try:
        return source.data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte, line = source.data[error.start], source.data.count(b"\n", 0, error.start) + 1
        raise BadSource(
            f"{source.name}:{line} is not UTF-8 (byte {error.start} is 0x{byte:02x}), expected text in UTF-8: "
            f"`iconv -f CP1252 -t UTF-8` turns an old western file into it"
        ) from None


def check_size(source: Source) -> None:
    """Raises BadSource where a file is too large to be read in seconds."""
    lines = sum(1 for _ in _FILLED.finditer(source.data))
    for found, most, what in ((len(source.data), MOST_BYTES, "bytes"), (lines, MOST_LINES, "lines with text")):
        if found > most:
            raise BadSource(
                f"{source.name} has {found:,} {what}, expected at most {most:,} in a file: "
                "split it into several and give them all (--source FILE, as often as needed)"
            )


def check_blocks(source: Source, blocks: Iterable[Block]) -> None:
    """Raises BadSource where a block is longer than any answer."""
    for block in blocks:
        if block.end - block.start > MOST_BLOCK_BYTES:
            what = {"table": "one table", "front matter": "one value"}.get(block.kind, "one paragraph")
            cure = "split the table" if block.kind == "table" else "put blank lines where it can be parted"
            raise BadSource(
                f"{source.name}:{block.line} is {what} of {block.end - block.start:,} bytes, "
                f"expected at most {MOST_BLOCK_BYTES:,}: {cure}"
            )


def place_of(block: Block, file: str) -> dict[str, Any]:
    """A block's place as JSON data: what `block_bytes` and the guard of an answer need."""
    kept: Mapping[str, Any] = {
        "seams": list(block.seams),
        "more": block.more,
        "head": block.head,
        "tail": block.tail,
        "below": block.below,
        "style": block.style,
        "raw": block.raw,
    }
    place = {"file": file, "kind": block.kind, "start": block.start, "end": block.end}
    return place | {name: value for name, value in kept.items() if value}


def with_seams(text: str, seams: Sequence[str], more: str = "\n") -> str:
    """The text as it stands in the file; each line beyond those of the source has `more` before it."""
    lines = LINE_END.split(text)
    out = [lines[0]]
    for n, line in enumerate(lines[1:]):
        out += [seams[n] if n < len(seams) else more, line]
    return "".join(out)


def shortened(text: str, limit: int) -> str:
    """The text on one line, cut at a word where it has more than `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0] + " …"


def sorted_by_line(found: Iterable[LeftAlone]) -> tuple[LeftAlone, ...]:
    return tuple(sorted(found, key=lambda item: item.line))
