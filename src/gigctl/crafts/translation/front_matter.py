"""The text values of a YAML front matter: found by YAML's own marks, written back in the quotes they had."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gigctl.crafts.translation.blocks import LINE_END, Block, Found, Lines
from gigctl.crafts.translation.words import has_words
from gigctl.model import LeftAlone

if TYPE_CHECKING:
    from yaml.nodes import Node, ScalarNode

__all__ = ["find_values", "quoted"]

_TEXT_NAMES = """
title subtitle description summary abstract excerpt caption label alt tagline headline heading text intro
introduction details question answer name_display linktitle link_title sidebar_label sidebar_title nav_title
navtitle short_title shorttitle long_title seo_title meta_title meta_description og_title og_description
keywords titre résumé titel beschreibung título titolo
"""
_TEXT_KEYS = frozenset(_TEXT_NAMES.split())
_OTHER_NAMES = """
author authors creator editor translator contributors layout template lang language locale date updated slug url
permalink path id key type class style script
"""
_OTHER_KEYS = frozenset(_OTHER_NAMES.split())
_SENTENCE_WORDS = 3
"""A value under an unknown key counts as text from so many words on."""
_NO_TEXT = re.compile(r"[./~#@]?[\w.-]*[/\\][\w./\\#?=&-]*|[\w-]+(?:\.[\w-]+)+|#[0-9a-fA-F]{3,8}|[a-z][a-z0-9+.-]*:\S+")
"""A path, a file's or host's name, a colour, an address."""
_MOST = 64 * 1024
"""Characters: a front matter beyond this is data, and YAML's parser recurses."""

_PLAIN = re.compile(
    r"[^\W_](?:[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff:#,\[\]{}]|:(?! |$)|(?<! )#)*", re.UNICODE
)


def find_values(lines: Lines, first: int, last: int) -> Found:
    """The values to translate between line `first` and line `last` (from 0, not included)."""
    import yaml

    text = "\n".join(lines.lines[first:last])
    unread = Found((), (LeftAlone(first, "front matter that can't be read as YAML"),))
    if len(text) > _MOST:
        return unread
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return unread
    if not isinstance(root, yaml.MappingNode):
        return unread
    blocks: list[Block] = []
    alone: list[LeftAlone] = []
    for key, node in _scalars(root, "", set()):
        line = first + node.start_mark.line
        if _is_text(key, node):
            blocks.append(_block(lines, first, node))
        elif node.value.strip():
            alone.append(LeftAlone(line + 1, f"front matter: {key or 'a value'}"))
    return Found(tuple(blocks), tuple(alone))


def _scalars(node: Node | None, key: str, seen: set[int]) -> Iterator[tuple[str, ScalarNode]]:
    """Each scalar value with the key it stands under; what an alias repeats comes once."""
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode

    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        yield key, node
    elif isinstance(node, MappingNode):
        for name, value in node.value:
            yield from _scalars(value, str(name.value) if isinstance(name, ScalarNode) else "", seen)
    elif isinstance(node, SequenceNode):
        for value in node.value:
            yield from _scalars(value, key, seen)


def _is_text(key: str, node: ScalarNode) -> bool:
    value, name = node.value.strip(), key.lower().replace("-", "_")
    if not node.tag.endswith(":str") or not has_words(value) or _NO_TEXT.fullmatch(value) or name in _OTHER_KEYS:
        return False
    return name in _TEXT_KEYS or len(value.split()) >= _SENTENCE_WORDS


def _block(lines: Lines, first: int, node: ScalarNode) -> Block:
    start, end = node.start_mark, node.end_mark
    if node.style in ("|", ">"):
        return _block_scalar(lines, first, node)
    spans = [(first + line, 0, len(lines.lines[first + line])) for line in range(start.line, end.line + 1)]
    spans[0] = (spans[0][0], start.column, spans[0][2])
    spans[-1] = (spans[-1][0], spans[-1][1], end.column)
    fields = lines.cut(spans)
    # As it stands, seams included, so that a value nobody changed is put back byte for byte.
    raw = fields["text"] if len(spans) == 1 else _stretch(lines, spans)
    return Block("front matter", **(fields | {"text": node.value, "seams": ()}), style=node.style or "plain", raw=raw)


def _stretch(lines: Lines, spans: list[tuple[int, int, int]]) -> str:
    parts = [lines.lines[line][start:end] + lines.ends[line] for line, start, end in spans[:-1]]
    line, start, end = spans[-1]
    return "".join(parts) + lines.lines[line][start:end]


def _block_scalar(lines: Lines, first: int, node: ScalarNode) -> Block:
    """`|` and `>`: the lines below the indicator, each without the indentation that all have."""
    end = node.end_mark.line + (node.end_mark.column > 0)  # at column 0 the line is the next key's already
    rows = range(first + node.start_mark.line + 1, first + end)
    filled = [n for n in rows if lines.lines[n].strip()]
    indent = min(_indent(lines.lines[n]) for n in filled)
    inside = [n for n in rows if filled[0] <= n <= filled[-1]]
    spans = [(n, min(indent, len(lines.lines[n])), len(lines.lines[n])) for n in inside]
    return Block("front matter", **lines.cut(spans), style=node.style or "|")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def quoted(text: str, style: str) -> str:
    """The text as a YAML scalar on one line: plain or in single quotes where it was and can be, else in double ones."""
    if style == "plain" and _is_plain(text):
        return text
    printable = all(char.isprintable() for char in text)
    if style == "'" and printable:
        return "'" + text.replace("'", "''") + "'"
    # JSON's strings are YAML's; what YAML calls unprintable is escaped.
    return "".join(
        char if char.isprintable() else json.dumps(char)[1:-1] for char in json.dumps(text, ensure_ascii=False)
    )


def _is_plain(text: str) -> bool:
    import yaml
    from yaml.nodes import ScalarNode

    if not _PLAIN.fullmatch(text) or text != text.strip() or LINE_END.search(text):
        return False
    resolver: Any = yaml.SafeLoader("")
    return bool(resolver.resolve(ScalarNode, text, (True, False)).endswith(":str"))
