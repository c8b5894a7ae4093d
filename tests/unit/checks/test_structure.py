"""The parts of a Markdown block, and of a plain text, that must come back."""

from __future__ import annotations

import pytest

from support.checking import messages, run_check, translate_check

SAME = [
    "# Titre *un*",
    "Un *mot* **fort** et `code()`  \nà la ligne.",
    "- un\n- deux\n  - trois",
    "| a | b |\n| --- | --- |\n| 1 | `x` |",
    "Voir [le site](https://example.org/a) et ![photo](p.png).",
    "Du <b>gras</b>, ~~rayé~~.",
    "> cité\n\n1. un\n2. deux",
    "```python\nx = 1\n```",
    'Voir http://example.org/pay?x=1, <a href="http://example.org/">un</a>.',
    "<p class='x'>un</p>",
    "[doc]: http://example.org/doc 'un'",
    "| a | b |\n| :- | -: |\n| un | `x` |",
    "- [ ] un\n- [x] deux",
]
OTHER = [
    ("Un *mot* fort", "A strong word", "emphasis once in the source, not in the draft"),
    ("Un mot", "A **word**", "strong not in the source, once in the draft"),
    ("`a()` et `b()`", "`a()` and b()", 'code "b()" once in the source, not in the draft'),
    ("[ici](https://a.example/x)", "[here](https://a.example/y)", None),
    ("[ici](https://a.example/x)", "here", None),
    ("![p](p.png)", "[p](p.png)", None),
    ("- un\n- deux", "- one", "2 list items in the source, 1 in the draft"),
    ("## Titre", "### Title", "1 heading 2 in the source, 0 in the draft"),
    ("un  \ndeux", "one two", "line break once in the source, not in the draft"),
    ("un<br>deux", "one two", 'tag "br" once in the source, not in the draft'),
    ("| a | b |\n|---|---|\n| 1 | 2 |", "| a |\n|---|\n| 1 |", None),
    ("un", "one\n\ntwo", "1 paragraph in the source, 2 in the draft"),
    ("```\nx = 1\n```", "```\ny = 1\n```", None),
    (
        "Au http://example.org/pay ici",
        "At http://evil.example/pay",
        'address "http://example.org/pay" once in the source',
    ),
    (
        '<a href="http://a.example/">un</a>',
        '<a href="http://b.example/">one</a>',
        'tag "a href=http://a.example/" once',
    ),
    ("Du <b>gras</b>", 'Some <b onclick="x()">bold</b>', 'tag "b" once in the source, not in the draft'),
    ("<p class='x'>un</p>", "<p class='x' onclick='y'>one</p>", 'tag "p class=x" once in the source'),
    ("Voir [un].", "See [one].\n\n[one]: http://evil.example/", None),
    ("un", "one\n\n[^1]: more", None),
    ("un", "[one](javascript:alert(1))", 'link to "javascript:alert(1" not in the source, once in the draft'),
    ("| a |\n| :- |\n| un |", "| a |\n| -: |\n| one |", None),
    ("- [ ] un", "- [x] one", "open box once in the source, not in the draft"),
    ("- [ ] un", "- one", "open box once in the source, not in the draft"),
]


@pytest.mark.parametrize("source", SAME)
def test_the_same_structure_passes(source: str) -> None:
    assert messages(translate_check("structure", source, source.replace("un", "one"), form="markdown")) == []


@pytest.mark.parametrize(("source", "draft", "said"), OTHER)
def test_another_structure_fails(source: str, draft: str, said: str | None) -> None:
    verdict = translate_check("structure", source, draft, form="markdown")
    assert verdict.outcome == "fail"
    if said:
        assert messages(verdict)[0].startswith(said)


def test_references_are_the_documents() -> None:
    definitions = "[doc]: https://example.org/doc\n\n[^1]: Une note.\n"
    known = {"source": "Voir [doc] et [^1].", "format": "markdown", "definitions": definitions}
    assert run_check("structure", "See [the page][doc] and [^1].", **known).passed
    lost = run_check("structure", "See the doc.", **known)
    assert messages(lost) == [
        'link to "https://example.org/doc" once in the source, not in the draft',
        'footnote "1" once in the source, not in the draft',
    ]


@pytest.mark.parametrize(
    ("source", "draft", "passes"),
    [
        ("http://example.org/fr/pay", "http://example.org/en/pay", True),
        ("[a](http://example.org/fr/pay)", "[a](http://example.org/en/pay)", True),
        ("[a](http://example.org/fr/pay)", "[a](http://example.org/en/paid)", False),
        ("[a](../fr/pay)", "[a](../en/pay)", False),
        ('<a href="http://a.example/fr/">', '<a href="http://a.example/en/">', True),
        ('<a href="http://a.example/" title="Aide">', '<a href="http://a.example/" title="Help">', True),
        ("<a href='http://a.example/'>", '<A HREF="http://a.example/">', True),
        ("[a]: http://a.example 'Aide'", "[a]: http://a.example 'Help'", True),
        ("[a]: http://a.example", "[a]: http://b.example", False),
        ("[a]: http://a.example", "[a]: http://a.example\n[a]: http://b.example", False),
        ("<!-- a -->un", "<!-- b -->un", False),
        ("un <!-- a -->", "un <!-- b -->", False),
        ("<!-- <b>a</b> -->un", "<!-- <b>a</b> -->one", True),
    ],
)
def test_what_a_reader_follows(source: str, draft: str, passes: bool) -> None:
    text = f"{source} et un mot" if not source.startswith("[") else source
    other = f"{draft} and a word" if not source.startswith("[") else draft
    assert translate_check("structure", text, other, form="markdown").passed == passes


def test_a_definition_of_the_document_is_not_the_drafts_to_change() -> None:
    known = {"source": "Voir [doc].", "format": "markdown", "definitions": "[doc]: <https://example.org/doc>"}
    assert run_check("structure", "See [doc].", **known).passed
    assert not run_check("structure", "See [doc].\n\n[doc]: https://evil.example/", **known).passed


def test_evidence_names_block_and_line() -> None:
    verdict = translate_check("structure", "- un\n- *deux*", "- one\n- two", form="markdown")
    assert (verdict.evidence[0].part, verdict.evidence[0].line) == ("block 2", 2)


@pytest.mark.parametrize(
    ("source", "draft", "passes"),
    [
        ("un\n\ndeux", "one\n\ntwo", True),
        ("un\n\ndeux", "one two", False),
        ("- un\n- deux", "- one\n- two", True),
        ("- un\n- deux", "- one and two", False),
        ("Voir https://example.org/fr/a.", "See https://example.org/en/a", True),
        ("Voir https://example.org/a.", "See it.", False),
        ("Du <b>gras</b>", "<b>Bold</b>", True),
        ("Du <b>gras</b>", "Bold", False),
        ("cp <fichier>", "cp <file>", True),
        ("Écrire à a@example.org", "Write to b@example.org", False),
    ],
)
def test_plain_text(source: str, draft: str, passes: bool) -> None:
    assert translate_check("structure", source, draft).passed is passes
