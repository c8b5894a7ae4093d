"""A batch's input, as people have it: rows of JSON lines or of a spreadsheet's CSV, one after the other, never whole.

What is wrong with one row is told of that row, and the next one is read; what is wrong with the file's head ends it.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, NoReturn

from msgspec import Struct

from gigctl.errors import UsageError

__all__ = ["BadRow", "Head", "Row", "Rows", "read_rows"]

Read = Callable[[], bytes]
"""The next bytes of the input, as many as are there; nothing at its end."""
LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of a line of JSON, characters of a field of CSV: more is no small job, and would be kept in memory."""
DELIMITERS = ",;\t"
_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
_CSV_ENDINGS = (".csv", ".tsv", ".tab")
_EXCEL = re.compile(r'sep=([^\r\n"]?)\r?\n')
"""The line that Excel writes, and wants, before the header of a CSV in a country of decimal commas."""


class Row(Struct, frozen=True):
    """`line` counts from 1 and is where the row begins; `values` are texts by column, or (JSON) whatever stood there.

    `cells` are a CSV's, to be written out again as they came, `text` a line of JSON as it came.
    """

    line: int
    values: Mapping[str, Any]
    cells: tuple[str, ...] = ()
    text: str = ""


class BadRow(Struct, frozen=True):
    """A row that can't be read, and what was expected of it."""

    line: int
    reason: str
    cells: tuple[str, ...] = ()


class Head(Struct, frozen=True):
    """What a file says before its first row. `columns` are a CSV's, empty for JSON lines; `twice` those of its names
    that stand there more than once. How it was written, so that what goes back can be read where it came from:
    `newline`, `quoted` (all names are), `sep` (Excel's line before the header), `marked` (UTF-8 must be told by a byte
    order mark: it had one, or was in another encoding)."""

    csv: bool = False
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    twice: frozenset[str] = frozenset()
    newline: str = "\n"
    quoted: bool = False
    sep: bool = False
    marked: bool = False


class Rows(Struct, frozen=True):
    """What a file says of itself, and its rows, to be read once."""

    head: Head
    each: Iterator[Row | BadRow]
    guess_total: Callable[[int], int]
    """Of the rows that were read so far: about how many there will be; of an input without an end, these."""


def read_rows(read: Read, name: str, encoding: str = "utf-8", size: int = 0) -> Rows:
    """The rows of an input. `name` is for messages and tells the form by its ending; without one, an input that begins
    with `{` is JSON lines. `size` are its bytes, 0 where nobody knows. Raises UsageError for a bad
    head."""
    lines = _Lines(read, name, encoding)
    begins, ending = lines.peek(), name.lower()
    is_json = ending.endswith(_JSON_ENDINGS) or (begins == "{" and not ending.endswith(_CSV_ENDINGS))
    if is_json:
        return Rows(Head(), _json_rows(lines), partial(lines.guess, size))
    head = _csv_head(lines)
    return Rows(head, _csv_rows(lines, head), partial(lines.guess, size))


# --- lines ---


class _Lines:
    """The input's lines as texts, each with its `\\n`, as they come. `number` is that of the last one; `longest` the
    length of the longest since it was set to 0.

    A byte that the encoding does not have stays a surrogate, so that its row alone is refused.
    """

    def __init__(self, read: Read, name: str, encoding: str) -> None:
        self.name = name
        self.number = 0
        self.longest = 0
        self.taken = 0  # bytes
        self.marked = False
        self._read = read
        self._decoder = _decoder(encoding)
        self._encoding = encoding
        self._held = b""
        self._ended = False
        self.each = self._split()

    def peek(self) -> str:
        """The first sign that is not blank, without taking it. Raises UsageError for UTF-16 that nobody named."""
        while not self._ended and (not self._first() or (len(self._held) < _ENOUGH and b"\n" not in self._held)):
            self._fill()
        begins = self._held[:_ENOUGH]
        wide = begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or begins.count(0) * 4 > len(begins)
        if wide and self._encoding.lower().startswith("utf-8"):
            raise UsageError(f"{self.name} looks like UTF-16: expected UTF-8", "--encoding utf-16")
        self.marked = self._held.startswith(codecs.BOM_UTF8) or codecs.lookup(self._encoding).name != "utf-8"
        return self._first()

    def _first(self) -> str:
        try:
            return _decoder(self._encoding).decode(self._held).lstrip("\ufeff \t\r\n")[:1]
        except UnicodeError:
            return "?"  # whoever reads it says where

    def guess(self, size: int, rows: int) -> int:
        return max(rows, rows * size // self.taken) if self.taken else rows

    def _fill(self) -> None:
        piece = self._read()
        self.taken += len(piece)
        self._held += piece
        self._ended = not piece

    def _split(self) -> Iterator[str]:
        text, begun = "", False
        while True:
            try:
                text += self._decoder.decode(self._held, self._ended)
            except UnicodeError as error:
                raise UsageError(f"{self.name}: line {self.number + 1}: no {self._encoding}", "--encoding") from error
            self._held = b""
            if text and not begun:
                text, begun = text.removeprefix("\ufeff"), True
            *whole, text = text.split("\n")
            for line in whole:
                self.number += 1
                self.longest = max(self.longest, len(line))
                yield line + "\n"
            # What is longer than any line may be is not kept: enough of it is, to be refused as too long.
            text = text[: LONGEST_LINE + 1]
            if self._ended:
                break
            self._fill()
        if text:
            self.number += 1
            self.longest = max(self.longest, len(text))
            yield text


_ENOUGH = 64
"""Bytes to tell what a file is by, where its first line has so many."""


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    """A byte order mark is no part of the text (whoever uses it takes the one that is left). Raises UsageError."""
    try:
        name = codecs.lookup(encoding).name
        "x".encode(name)  # it is one of texts
    except (LookupError, UnicodeError) as error:
        raise UsageError(f"--encoding {encoding}: no such encoding", "utf-8, utf-16, cp1252, latin-1 …") from error
    return codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)("surrogateescape")


def _is_broken(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text) if not text.isascii() else False


TOO_LONG = f"it is longer than {LONGEST_LINE // 1024**2} MiB"
NO_UTF8 = "it has bytes that are no UTF-8: save the file as UTF-8, or name its --encoding"


# --- JSON lines ---


def _json_rows(lines: _Lines) -> Iterator[Row | BadRow]:
    for line in lines.each:
        if not line.strip():
            continue
        try:
            yield Row(lines.number, _json_object(line), text=line.strip())
        except ValueError as error:
            yield BadRow(lines.number, str(error))
        except RecursionError:
            yield BadRow(lines.number, "it is nested too deeply")


def _json_object(line: str) -> dict[str, Any]:
    """Numbers stay as they are written: an id keeps its zeros, a price its digits. Raises ValueError."""
    if len(line) > LONGEST_LINE:
        raise ValueError(TOO_LONG)
    if _is_broken(line):
        raise ValueError(NO_UTF8)
    try:
        found = json.loads(
            line, parse_int=str, parse_float=str, parse_constant=_no_constant, object_pairs_hook=_without_doubles
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} (column {error.pos + 1})") from error
    if not isinstance(found, dict):
        raise ValueError("it is no object: expected {…}, one a line")  # noqa: TRY004  # the caller's one kind
    if "\\u" in line and _is_broken(json.dumps(found, ensure_ascii=False)):
        raise ValueError("it has half a character: a \\u of a pair without the other")
    return found


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no value of JSON")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f'"{twice}" stands twice')
    return found


# --- CSV ---


def _csv_head(lines: _Lines) -> Head:
    """The dialect from the header line, as it is: no guess from the rows below it. Raises UsageError."""
    line = next(lines.each, "")
    if excel := _EXCEL.fullmatch(line):
        line = next(lines.each, "")
    if not line.strip():
        raise UsageError(f"{lines.name} is empty: expected a header line, or JSON lines")
    if _is_broken(line):
        raise UsageError(f"{lines.name}: the header line is no UTF-8", "name its --encoding, such as cp1252")
    if "\r" in line.rstrip("\r\n"):
        raise UsageError(f"{lines.name}: its lines end with CR alone: expected LF or CRLF", "save it anew")
    outside = re.sub(r'"[^"]*"', "", line)
    delimiter = (excel and excel[1]) or max(DELIMITERS, key=outside.count)
    try:
        written = next(csv.reader(chain([line], lines.each), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(f"{lines.name}: the header line is no CSV: {error}") from error
    names = tuple(name.strip() for name in written)
    twice = frozenset(name for name, count in Counter(names).items() if count > 1)
    ending = "\r\n" if line.endswith("\r\n") else "\n"
    quoted = line.startswith(delimiter.join(_quoted(name) for name in written))
    return Head(True, names, delimiter, twice, ending, quoted, bool(excel), lines.marked)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _csv_rows(lines: _Lines, head: Head) -> Iterator[Row | BadRow]:
    csv.field_size_limit(LONGEST_LINE)
    cells = csv.reader(lines.each, delimiter=head.delimiter, strict=True)
    while True:
        begins, lines.longest = lines.number + 1, 0
        try:
            row = next(cells)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(begins, TOO_LONG if lines.longest > LONGEST_LINE else f"it is no CSV: {error}")
            continue
        if lines.longest > LONGEST_LINE:  # it is not whole
            yield BadRow(begins, TOO_LONG)
        elif any(cell.strip() for cell in row):
            yield _csv_row(begins, row, head)


def _csv_row(line: int, row: list[str], head: Head) -> Row | BadRow:
    columns = len(head.columns)
    extra = [cell for cell in row[columns:] if cell.strip()]
    cells = tuple((row + [""] * columns)[:columns])
    if extra:
        return BadRow(line, f"it has {len(row)} cells, the header has {columns}", cells)
    if any(map(_is_broken, cells)):
        return BadRow(line, NO_UTF8, cells)
    values = {name: cell for name, cell in zip(head.columns, cells, strict=True) if name and name not in head.twice}
    return Row(line, values, cells)
