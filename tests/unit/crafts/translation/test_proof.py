"""What nobody translated is byte for byte the client's, and what was translated has the same blocks."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gigctl.crafts.translation.dialect import block_structure, block_tokens
from support.translating import BREAKING, as_it_was, in_german, in_other_letters, on_three_lines, tasks_of, translated

_FOREIGN = (in_german, on_three_lines, in_other_letters)


def _structure_by(parser: MarkdownIt) -> Callable[[str], Any]:
    def structure(text: str) -> Any:
        tokens = parser.parse(text)
        return [(t.type, t.tag, t.level, t.markup, t.hidden, None if t.type == "inline" else t.attrs) for t in tokens]

    return structure


_PLAIN = (MarkdownIt("commonmark"), MarkdownIt("commonmark").enable("table"))
"""Two dialects that know none of the craft's containers, footnotes and front matter."""


def _assert_same_blocks(document: str, answer: Callable[..., str]) -> None:
    made, _ = translated(document.encode(), answer)
    after = made.decode().removeprefix("\ufeff")
    before = document.removeprefix("\ufeff")
    assert block_structure(after) == block_structure(before), (document, after)
    # `[^1]: mot` is a link definition to a parser without footnotes, and two words are none. To one without containers
    # their marks go on with whatever stands above them. So such a document counts where it reads alike by both.
    marked = any(mark in document for mark in ("[^", ":::", "!!!", "???", '=== "'))
    body, made_body = _below_front_matter(before), _below_front_matter(after)
    for parser in _PLAIN:
        alike = not marked or _blocks(parser.parse(body)) == _blocks(block_tokens(body))
        if alike and _holds_each_block(parser, before, body):
            structure = _structure_by(parser)
            assert structure(made_body) == structure(body), (document, after)


def _blocks(tokens: Iterable[Token]) -> list[Any]:
    shown = (token for token in tokens if token.type != "definition")
    return [(token.type, token.tag, token.level, token.markup, token.hidden, token.map) for token in shown]


def _below_front_matter(document: str) -> str:
    """The document with blank lines in place of its front matter, which is rules and links to a plain parser."""
    first = next(iter(block_tokens(document)), None)
    if first is None or first.type != "front_matter" or not first.map:
        return document
    rest = re.split(r"\r\n?|\n", document)[first.map[1] :]
    return "\n" * first.map[1] + "\n".join(rest)


def _holds_each_block(parser: MarkdownIt, document: str, body: str) -> bool:
    """Whether each of our blocks lies within one of the parser's.

    A table's look ends a paragraph, so a quote or a list can end where it goes on to a parser without tables.
    """
    ends = [0, *(found.end() for found in re.finditer(rb"\r\n?|\n", document.encode()))]
    leaves = [t.map for t in parser.parse(body) if t.map and t.type in ("inline", "table_open")]
    places = [task.place for task in tasks_of(document.encode()) if task.place["kind"] != "front matter"]
    lines = [(bisect_right(ends, place["start"]), bisect_right(ends, place["end"] - 1)) for place in places]
    return all(any(first < start and end <= last for first, last in leaves) for start, end in lines)


def _spellings(document: str) -> list[str]:
    return [
        document,
        document.replace("\n", "\r\n"),
        document.replace("\n", "\r"),
        document.rstrip("\n"),
        "\ufeff" + document,
    ]


def test_each_spec_example_comes_back_byte_for_byte(spec_examples: list[str]) -> None:
    for example in spec_examples:
        for spelt in _spellings(example):
            assert translated(spelt.encode(), as_it_was) == (spelt.encode(), 0)


@pytest.mark.parametrize("answer", _FOREIGN, ids=lambda answer: answer.__name__)
def test_each_spec_example_keeps_its_blocks(spec_examples: list[str], answer: Callable[..., str]) -> None:
    for example in spec_examples:
        _assert_same_blocks(example, answer)


@pytest.mark.parametrize("number", range(4))
def test_no_answer_breaks_a_spec_example(spec_examples: list[str], number: int) -> None:
    """Every example meets a quarter of the breaking answers, another quarter in each of the four."""
    for n, example in enumerate(spec_examples):
        for bad in BREAKING[(n + number) % 8 :: 8]:
            _assert_same_blocks(example, lambda _, bad=bad: bad)


def test_each_corpus_file_comes_back_and_keeps_its_blocks(corpus: Path) -> None:
    files = sorted((corpus / "markdown").glob("*.md"))
    assert files
    for path in files:
        data = path.read_bytes()
        assert translated(data, as_it_was) == (data, 0)
        for answer in _FOREIGN:
            _assert_same_blocks(data.decode(), answer)


_LINE = st.sampled_from(
    [
        *("", "", "", "mot", "deux mots", "**gras** et `code`", "# Titre", "## Titre ##", "===", "---", "- un", "* un"),
        *("1. un", "10) dix", "> cité", "> - un", ">> deux", "```", "~~~", "    code", "\tcode", "  suite", "|a|b|"),
        *("|-|-|", "a | b", "--|--", "| 1 | 2 |", "[x]: /u", "[x]: /u 'T'", "'T'", "[^1]: note", "vu[^1]", "<div>"),
        *(
            "</div>",
            "<!-- c -->",
            "::: tip Titre",
            ":::",
            "!!! note",
            "fin  ",
            "fin\\",
            "texte avec un \0 au milieu",
            "a\tb",
            "+ x",
            "- [ ] t",
        ),
        *("> [!NOTE]", "+++", "title: Un titre", "\u00a0", "\u2028", "![](i.png)", "<https://a.example>", "12", "\\"),
    ]
)
_INDENT = st.sampled_from(["", "", "", " ", "  ", "    ", "\t", "> ", ">", "- ", "   > "])
_END = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])
_DOCUMENT = st.builds(
    lambda mark, rows, tail: mark + "".join(indent + line + end for indent, line, end in rows) + tail,
    st.sampled_from(["", "", "", "\ufeff", "---\n"]),
    st.lists(st.tuples(_INDENT, _LINE, _END), max_size=12),
    st.sampled_from(["", "fin", "---\n"]),
)


@settings(max_examples=400, deadline=None)
@given(_DOCUMENT)
def test_random_documents_come_back_byte_for_byte(document: str) -> None:
    assert translated(document.encode(), as_it_was) == (document.encode(), 0)


@settings(max_examples=400, deadline=None)
@given(_DOCUMENT, st.sampled_from(_FOREIGN))
def test_random_documents_keep_their_blocks(document: str, answer: Callable[..., str]) -> None:
    _assert_same_blocks(document, answer)


@settings(max_examples=400, deadline=None)
@given(_DOCUMENT, st.sampled_from(BREAKING))
@hypothesis.example("# Titre\n|-|-|\n---\n", "-|-")  # an underlined heading that looks like a table's second line
def test_no_answer_breaks_a_random_document(document: str, bad: str) -> None:
    _assert_same_blocks(document, lambda _: bad)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_comes_back_as_markdown_and_as_text(text: str) -> None:
    data = text.encode("utf-8", "ignore")
    if data.count(0) * 10 > len(data) or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    for name in ("a.fr.md", "a.fr.txt"):
        assert translated(data, as_it_was, name) == (data, 0)


@pytest.mark.parametrize(
    "document",
    [
        "- +++\r\n--|--\n    --|--\n\tcode\r",
        "- +++\r\n--|--\n    |-|-|\rfin",
        "- +++\r\n--|--\n>[x]: /u\nfin",
        "- +++\r\n--|--\n- [x]: /u\nfin",
        "- +++\r\n--|--\n\r    [x]: /u\r texte",
        "- +++\r\n--|--\n  |-|-|\r   > \\\n    10) dix\r",
        "- +++\r\n--|--\n|a|b|\n    --|--\n===\n",
        "- un\n|a|b|\n    |-|-|\n",
        "> mot\r\n> --|--\n>|-|-|\r",
        "> mot\r\n- \xa0\r\na | b\r\t|-|-|\n",
        "- mot\r\n--|--\r\n|-|-|\r\n",
        "# mot\r\n--|--\r\n|-|-|\r\n",
        "> - mot\r\n>   encore\r\n",
        "-  a | b\n|-|-|\r\n",
        "|a|b|\n|-|-|\n\xa0\nfin",
    ],
)
def test_no_answer_breaks_what_a_table_or_a_definition_touches(document: str) -> None:
    for bad in BREAKING:
        _assert_same_blocks(document, lambda _, bad=bad: bad)


@pytest.mark.parametrize("document", ["", "\n", "\ufeff", "\r\n\r\n", "   ", "mot", "\ufeffmot", "un long mot a\0b"])
def test_edges_come_back(document: str) -> None:
    for name in ("a.fr.md", "a.fr.txt"):
        assert translated(document.encode(), as_it_was, name) == (document.encode(), 0)


def test_blocks_are_in_order_and_apart(spec_examples: list[str]) -> None:
    for example in spec_examples:
        places = [task.place for task in tasks_of(example.encode())]
        assert all(a["end"] <= b["start"] for a, b in pairwise(places))
