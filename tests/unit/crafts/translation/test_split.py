"""Which blocks are found, and what is left alone."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from gigctl.crafts import translation
from gigctl.crafts.base import BadSource
from gigctl.model import Gig, Source
from support.translating import GIG, tasks_of, texts_of, translated


def _alone(text: str) -> list[tuple[int, str]]:
    return [(item.line, item.what) for item in translation.split(Source("a.md", text.encode()), GIG).left_alone]


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("# Titre {#ancre}\n", ["Titre"]),
        ("## Titre ##\n", ["Titre"]),
        ("Un\ntitre\n===\n", ["Un\ntitre"]),
        ("> un\n> deux\ntrois\n", ["un\ndeux\ntrois"]),
        ("- [ ] faire\n  ceci\n", ["faire\nceci"]),
        ("> [!NOTE]\n> Attention au chien\n", ["Attention au chien"]),
        ("::: tip Un titre\nDu texte\n:::\n", ["Un titre", "Du texte"]),
        ('!!! note "Un titre"\n    Du texte\n', ["Un titre", "Du texte"]),
        ("vu[^1]\n\n[^1]: Une note\n    longue\n", ["vu[^1]", "Une note\nlongue"]),
        ("- | a | b |\n  |---|---|\n  | un | deux |\n", ["| a | b |\n|---|---|\n| un | deux |"]),
        ("![Un chat](c.png)\n", ["![Un chat](c.png)"]),
    ],
)
def test_blocks(source: str, texts: list[str]) -> None:
    assert texts_of(source) == texts


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("```\nmot\n```\n", "code"),
        ("    mot\n", "indented code"),
        ("***\n", "a rule"),
        ("<!-- mot -->\n", "a comment"),
        ("<p>mot</p>\n", "HTML with text in it"),
        ("<hr>\n", "HTML"),
        ("[a]: /url 'mot'\n", "a link definition"),
        ("12 000 €\n", "no words"),
        ("<https://a.example/mot>\n", "a link alone"),
        ("![](mot.png)\n", "an image without text alone"),
        ("`mot`\n", "code alone"),
        ("{{ mot }}\n", "an address or a variable alone"),
        ("+++\ntitle = 'mot'\n+++\n", "front matter that is not YAML"),
        ("---\na: [b\n---\n", "front matter that can't be read as YAML"),
    ],
)
def test_left_alone(source: str, what: str) -> None:
    assert texts_of(source) == []
    assert _alone(source) == [(1, what)]


@pytest.mark.parametrize("underline", ["", "===\n"])
def test_text_that_any_translation_would_join_to_the_paragraph_above_is_left_alone(underline: str) -> None:
    source = f"- un\n|a|b|\n    |-|-|\n{underline}"
    assert texts_of(source) == ["un"]
    assert _alone(source) == [(2, "text that only a table's look keeps apart from the paragraph above")]


def test_no_break_spaces_above_a_text_stay_out_of_it() -> None:
    assert texts_of("|a|b|\n|-|-|\n\xa0\nfin") == ["|a|b|\n|-|-|", "fin"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.md", "é".encode("utf-16"), "UTF-16"),
        ("a.md", b"un\ncaf\xe9", r"a\.md:2 is not UTF-8 \(byte 6 is 0xe9\)"),
        ("a.md", b"a\0b\0c\0", "zero bytes"),
        ("a.docx", b"PK", r"\.docx is not translated yet"),
    ],
)
def test_bad_sources(name: str, data: bytes, said: str) -> None:
    with pytest.raises(BadSource, match=said):
        translation.split(Source(name, data), GIG)


def test_a_gig_without_anything_is_refused() -> None:
    with pytest.raises(BadSource, match="nothing to translate"):
        translation.split(None, GIG)


@pytest.mark.parametrize(
    "nested",
    [
        "- " * 11 + "Bonjour.",
        "> " * 90 + "Bonjour.",
        "\n".join("  " * n + "- Point." for n in range(45)) + "\n\n" + "  " * 44 + "  Bonjour.",
    ],
)
def test_what_is_nested_deeply_is_read_and_so_is_what_follows(nested: str) -> None:
    found = texts_of(f"{nested}\n\nFin du texte.\n")
    assert found[-2:] == ["Bonjour.", "Fin du texte."]


@pytest.mark.parametrize("nested", ["- " * 60 + "Bonjour.", "> " * 3000 + "Bonjour.", "1. " * 500])
def test_what_is_nested_deeper_than_anybody_reads_is_refused(nested: str) -> None:
    with pytest.raises(BadSource, match=r"a\.fr\.md:3 is nested more than 100"):
        texts_of(f"Un.\n\n{nested}\n\nFin.\n")


def test_an_answer_that_nests_deeper_is_malformed() -> None:
    data = b"| a | b |\n|---|---|\n| un | deux |\n"
    assert translated(data, lambda task: "> " * 200 + task.input.text) == (data, 1)


def test_each_language_gets_its_tasks() -> None:
    gig = Gig("acme-1", "translation", target_languages=("de", "en"))
    found = translation.split(Source("a.md", b"un mot\n\ndeux\n"), gig).tasks
    assert [(task.language, task.input.text) for task in found] == [
        ("de", "un mot"),
        ("de", "deux"),
        ("en", "un mot"),
        ("en", "deux"),
    ]


def test_definitions_that_a_block_uses_go_along() -> None:
    (task,) = tasks_of(b"vu [ici][A] et[^n]\n\n[a]: /u 'T'\n[b]: /v\n[^n]: 12\n")
    assert task.context["definitions"] == '[^n]: n\n[a]: </u> "T"'


FRONT = """---
title: "Un titre"  # dit
description: Une ligne : non
slug: un-titre
date: 2026-11-02
summary: >-
  plié
  ici
draft: true
hero: images/un chat.png
---
"""


def test_front_matter_values() -> None:
    source = FRONT.replace(" : non", "")
    assert texts_of(source) == ["Un titre", "Une ligne", "plié\nici"]
    made, _ = translated(source.encode(), lambda task: "New: " + task.input.text.replace("\n", " "))
    assert made.decode() == source.replace('"Un titre"', '"New: Un titre"').replace(
        "Une ligne", '"New: Une ligne"'
    ).replace("plié\n  ici", "New: plié ici")


@pytest.mark.no_cover  # it is timed
def test_a_megabyte_is_split_in_seconds() -> None:
    data = ("Un *mot* dans [un lien][a] et la suite.\n\n- un\n- deux\n\n" * 18_000).encode()[:1_000_000]
    start = time.process_time()
    translation.split(Source("a.md", data + b"\n\n[a]: /u\n"), GIG)
    assert time.process_time() - start < 20


@pytest.mark.no_cover  # it is timed
@pytest.mark.parametrize(
    "unit", ["[", "![", "^[", "&", "[a](", "[\\[", "aaaa", "漢", "{{", "a@", "[a]: /u 'x ", "* ", "a\n", "# a ", "<!--"]
)
@pytest.mark.parametrize("apart", ["", "\n\n"])
def test_no_file_takes_minutes(unit: str, apart: str) -> None:
    """Each of these took markdown-it, or a pattern of ours, from a minute to hours."""
    text = (unit * (900 // len(unit)) + apart) * 400
    start = time.process_time()
    with suppress(BadSource):  # of one block alone, whose time is what is looked at
        translation.split(Source("a.md", text.encode()), GIG)
    assert time.process_time() - start < 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mot " * 20_000, r"a\.md:1 is one paragraph of 79,999 bytes, expected at most 65,536: put blank lines"),
        ("fin\n\n|a|b|\n|-|-|\n" + "|mot|un|\n" * 9_000, r"a\.md:3 is one table of .*: split the table"),
        ("\n".join(["mot"] * 300_001), r"a\.md has 300,001 lines with text, expected at most 300,000.*split it"),
        ("\n" * (32 * 1024 * 1024 + 1), r"a\.md has 33,554,433 bytes, expected at most 33,554,432"),
    ],
)
def test_what_is_too_large_is_refused_with_a_way_out(text: str, said: str) -> None:
    with pytest.raises(BadSource, match=said):
        translation.split(Source("a.md", text.encode()), GIG)


@pytest.mark.parametrize("text", ["`mot` " * 3_000, "<https://a.example/mot> " * 1_000, "![](mot.png) " * 1_000])
def test_a_long_block_without_words_is_left_alone(text: str) -> None:
    assert texts_of(text) == []


@pytest.mark.parametrize("text", ["`a` " * 3_000 + "mot", "[mot](/u) " * 1_000, "![mot](m.png) " * 1_000])
def test_a_long_block_with_words_is_a_task(text: str) -> None:
    assert texts_of(text) == [text.rstrip()]
