"""An answer becomes a block's text: what would change the document's structure is mended, or refused.

Mended without a word, because nothing is lost by it: an answer's own `#` or list marker is taken off, lines of a block
that had one line are joined, a line that would begin a block is escaped, a table gets its delimiter row back. Refused
as malformed: several paragraphs for one, a table of other rows or cells, HTML, a fence or a definition in place of
text. Each result is parsed: it must be one block of the source's kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gigctl.crafts.answer_text import unwrap
from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.translation.blocks import DELIMITER, LINE_END, SPACES
from gigctl.crafts.translation.dialect import TooDeep, block_tokens
from gigctl.model import Content, Draft, Task

__all__ = ["read"]

_HARD_BREAK = re.compile(r"(?:\\|[ ]{2,})$")
_HEADING_MARK = re.compile(r"#{1,6}[ \t]+")
_ITEM_MARK = re.compile(r"(?:[-+*]|\d{1,9}[.)])[ \t]+(?=\S)")
_ORDERED = re.compile(r"(\d{1,9})([.)])(?=[ \t]|$)")
_BEGINS_BLOCK = re.compile(r"[-+*](?=[ \t]|$)|#{1,6}(?=[ \t]|$)|>|:{3,}|!!!|\?\?\?|\+\+\+|[-=*_ \t]+$")
_OWN_TAGS = re.compile(r"\s*<(source|code|translation)>\s*(?P<inside>.*?)\s*(?:</\1>\s*)?", re.DOTALL)
_CLOSING_MARKS = re.compile(r"(?:^|(?<=[ \t]))(#+)$")
_DELIMITER = re.compile(r"[ \t|:-]*-[ \t|:-]*")


def read(task: Task, draft: Draft) -> Content:
    """The block's text in an answer. Raises MalformedAnswer."""
    source = task.input.text
    if draft.content == source:
        return task.input
    plain = LINE_END.sub("\n", source)
    text = unwrap(_without_tags(unwrap(LINE_END.sub("\n", draft.content), plain), plain), plain).strip("\n")
    if not text.strip():
        raise MalformedAnswer("The answer is empty. Answer with the translation.")
    fit = _FITTERS.get(task.place.get("kind", ""))
    try:
        return Content.of_text(fit(text, source, task.place) if fit else text)
    except TooDeep as error:
        raise MalformedAnswer(f"The answer begins hundreds of lists or quotes. {_AGAIN}") from error


def _without_tags(text: str, source: str) -> str:
    """The text without the tags that the prompt puts around a source, and that small models give back."""
    found = _OWN_TAGS.fullmatch(text)
    return found["inside"] if found and not _OWN_TAGS.fullmatch(source) else text


def _fit_heading(text: str, source: str, place: Mapping[str, Any]) -> str:
    if not _HEADING_MARK.match(source):
        text = _HEADING_MARK.sub("", text.lstrip(), count=1)
    if place.get("tail", "").startswith("\n"):
        return _fit_paragraph(text, source, place)
    line = " ".join(part.strip() for part in _lines(text, source))
    return _verified(_CLOSING_MARKS.sub(r"\\\1", line), place)


def _fit_paragraph(text: str, source: str, place: Mapping[str, Any]) -> str:
    lines = _lines(text, source)
    if len(LINE_END.split(source)) == 1 and not any(map(_HARD_BREAK.search, lines[:-1])):
        lines = [" ".join(lines)]
    lines[-1] = re.sub(r"\\$", r"\\\\", lines[-1]) if _odd_backslashes(lines[-1]) else lines[-1]
    if place.get("head") and _is_title("\n".join(lines)):
        lines[0] = "\\" + lines[0]
    try:
        return _verified("\n".join(map(_escaped, lines)), place)
    except MalformedAnswer:
        if len(lines) == 1:
            raise
        # A line break is a space to a reader, and within a line nothing begins a block.
        return _verified(_escaped(" ".join(line.rstrip("\\ ") for line in lines)), place)


def _is_title(text: str) -> bool:
    """Whether it, or its first lines, would become a link's title if a link definition stood right above."""
    if text[:1] not in ('"', "'", "("):
        return False
    definition = block_tokens("[a]: b\n" + text)[0]
    return bool(definition.map and definition.map[1] > 1)


def _fit_item(text: str, source: str, place: Mapping[str, Any]) -> str:
    if "\n" not in text and not _ITEM_MARK.match(source):
        text = _ITEM_MARK.sub("", text.lstrip(SPACES), count=1)
    return _fit_paragraph(text, source, place)


def _fit_table(text: str, source: str, place: Mapping[str, Any]) -> str:
    del place
    rows = [line.strip(SPACES) for line in text.split("\n") if line.strip(SPACES)]
    wanted = LINE_END.split(source)
    if len(rows) == len(wanted) - 1 and not (len(rows) > 1 and _DELIMITER.fullmatch(rows[1])):
        rows.insert(1, wanted[1])
    if len(rows) != len(wanted):
        raise MalformedAnswer(
            f"The answer has {len(rows)} table lines, the source has {len(wanted)}. "
            "Answer with the whole table: the same rows, the same columns, nothing else."
        )
    rows[1] = wanted[1].strip(SPACES)
    for n, (row, other) in enumerate(zip(rows, wanted, strict=True), 1):
        if _cells(row) != _cells(other):
            raise MalformedAnswer(f"Row {n} of the table has {_cells(row)} cells, the source has {_cells(other)}.")
    if _opened_by(rows[0]) != _opened_by(wanted[0]):
        raise MalformedAnswer("The table's first row begins with another mark than the source's. Begin it alike.")
    if DELIMITER.fullmatch(rows[0]) and not DELIMITER.fullmatch(wanted[0].strip(SPACES)):
        raise MalformedAnswer("The table's first row looks like its second. Answer with its titles, translated.")
    table = "\n".join(rows)
    if [token.type for token in block_tokens(table)] != [token.type for token in block_tokens(source)]:
        raise MalformedAnswer("The answer is not the source's table. Keep its pipes and rows as they are.")
    return table


def _opened_by(row: str) -> list[tuple[Any, ...]]:
    """What a row would be by itself: `- a | b` is a list item to a parser without tables, and to some with them."""
    return [(token.type, token.markup, token.attrs) for token in block_tokens(row.strip(SPACES))]


def _cells(row: str) -> int:
    from markdown_it.rules_block.table import escapedSplit

    cells = escapedSplit(row.strip())
    return len(cells) - (cells[0] == "") - (len(cells) > 1 and cells[-1] == "")


def _fit_line(text: str, source: str, place: Mapping[str, Any]) -> str:
    """A container's title: one line, which must not end what it stands in."""
    line = " ".join(part.strip() for part in _lines(text, source))
    tail = place.get("tail", "")
    return line.replace('"', "'") if tail == '"' else line.replace("]", ")").replace("[", "(") if tail else line


def _fit_value(text: str, source: str, place: Mapping[str, Any]) -> str:
    if place.get("style") in ("|", ">"):
        return "\n".join(line.strip() for line in text.split("\n"))
    return text.strip() if "\n" in source.strip() else " ".join(text.split("\n")).strip()


def _fit_text(text: str, source: str, place: Mapping[str, Any]) -> str:
    del place
    return "\n".join(line.strip() for line in _lines(text, source))


_FITTERS: Mapping[str, Callable[[str, str, Mapping[str, Any]], str]] = {
    "heading": _fit_heading,
    "paragraph": _fit_paragraph,
    "item": _fit_item,
    "table": _fit_table,
    "title": _fit_line,
    "front matter": _fit_value,
    "text": _fit_text,
}


def _lines(text: str, source: str) -> list[str]:
    """The answer's lines without indentation. Raises MalformedAnswer where it is several paragraphs."""
    every = [line.lstrip() for line in text.split("\n")]
    lines = [line for line in every if line]
    lines[-1] = lines[-1].rstrip()
    wanted = len(LINE_END.split(source))
    if len(lines) != len(every) and not (wanted > 1 and len(lines) == wanted):
        raise MalformedAnswer(
            "The answer has several paragraphs, the source is one. Answer with its translation alone, without blank "
            "lines, comments or neighbouring text."
        )
    return lines


def _odd_backslashes(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _escaped(line: str) -> str:
    """The line with a backslash before what would make it a list item, a heading, a quote, a rule or a container.

    Always, not only where the block parsed alone shows it: within a list more can begin an item.
    """
    line = _ORDERED.sub(r"\1\\\2", line, count=1) if _ORDERED.match(line) else line
    return "\\" + line if _BEGINS_BLOCK.match(line) or DELIMITER.fullmatch(line) else line


def _verified(text: str, place: Mapping[str, Any]) -> str:
    """The text, where it is one block of the kind it must be. Raises MalformedAnswer."""
    head, tail = place.get("head", ""), place.get("tail", "")
    if place.get("below") and "|" in text.rpartition("\n")[2]:
        raise MalformedAnswer(
            f"With the line below it ({place['below'][:40]}) the answer would become a table. "
            "Answer without the character | in the last line."
        )
    tokens = [token for token in block_tokens(head + text + tail) if token.type != "definition"]
    kind = "heading_open" if place.get("kind") == "heading" else "paragraph_open"
    first = head.count("\n")
    lines = [first, first + (text + tail).count("\n") + 1]
    alone = len(tokens) == 3 and tokens[0].type == kind and tokens[0].map == lines
    if alone and _same_heading(tokens, head, tail):
        return text
    raise MalformedAnswer(f"The answer is no plain {kind.removesuffix('_open')}: it holds {_named(tokens)}. {_AGAIN}")


_AGAIN = "Answer with the translated text alone, in the same Markdown as the source."


def _same_heading(tokens: Sequence[Any], head: str, tail: str) -> bool:
    if tokens[0].type != "heading_open":
        return True
    marks = head.strip() if head.startswith("#") else tail.strip()[:1]
    return bool(tokens[0].markup == marks and tokens[1].content)


def _named(tokens: Sequence[Any]) -> str:
    names = {
        "bullet_list_open": "a list",
        "ordered_list_open": "a list",
        "table_open": "a table",
        "fence": "a code fence",
        "html_block": "HTML",
        "hr": "a rule",
        "heading_open": "a heading",
        "blockquote_open": "a quote",
        "footnote_reference_open": "a footnote's label",
    }
    found = dict.fromkeys(names[token.type] for token in tokens if token.type in names)
    return " and ".join(found) or "something else"
