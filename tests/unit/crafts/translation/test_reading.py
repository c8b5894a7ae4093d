"""What is mended in an answer, and what is refused."""

from __future__ import annotations

import pytest

from gigctl.crafts import translation
from gigctl.crafts.base import MalformedAnswer
from gigctl.model import Content, Draft, Task
from support.translating import tasks_of

TABLE = "| Nom | Prix |\n| :-- | --: |\n| Lampe | 12 € |"


def _read(source: str, answer: str) -> str:
    task = tasks_of(source.encode())[0]
    return translation.read(task, Draft(answer)).text


@pytest.mark.parametrize(
    ("source", "answer", "wanted"),
    [
        ("# Titre", "# Title", "Title"),
        ("# Titre", "A long\ntitle", "A long title"),
        ("# Titre", "In C #", "In C \\#"),
        ("## 1. Objet", "1. Object", "1. Object"),
        ("- un mot", "- a word", "a word"),
        ("un mot", "- a word", "\\- a word"),
        ("un mot", "2026. A year", "2026\\. A year"),
        ("un mot", "two\nlines", "two lines"),
        ("un mot\nencore", "one word\n\nmore", "one word\nmore"),
        ("un mot\nencore", "one word\n<div>", "one word <div>"),
        ("un mot\nencore", "one  \n> two", "one  \n\\> two"),
        ("un mot", "Here is the translation:\n\na word", "a word"),
        ("un mot", "```\na word\n```", "a word"),
        ("un mot", "<think>hm</think>\n\na word", "a word"),
        ("un mot", '"a word"', "a word"),
        (TABLE, "| Name | Price |\n|---|---|\n| Lamp | 12 € |", "| Name | Price |\n| :-- | --: |\n| Lamp | 12 € |"),
        (TABLE, "| Name | Price |\n| Lamp | 12 € |", "| Name | Price |\n| :-- | --: |\n| Lamp | 12 € |"),
        ("::: tip [Un titre]\n", "A [good] title", "A (good) title"),
        ("[x]: /u\nun mot", "(a word)", "\\(a word)"),
        ("> [x]: /u\nun mot", '"a word"\nmore', '"a word" more'),
        ("> [x]: /u\nun mot", "(a word) more", "(a word) more"),
        ("un mot\nencore", "|a\n|-", "|a\n\\|-"),
    ],
)
def test_mended(source: str, answer: str, wanted: str) -> None:
    assert _read(source, answer) == wanted


@pytest.mark.parametrize(
    ("source", "answer", "reason"),
    [
        ("un mot", "", "empty"),
        ("un mot", " \n", "empty"),
        ("un mot", "one\n\ntwo", "several paragraphs"),
        ("un mot", "```\na word", "fence"),
        ("un mot", "<think>a word", "think"),
        ("un mot", "<div>a word</div>", "HTML"),
        ("un mot", "[^1]: a word", "label"),
        (TABLE, "| Name | Price |\n|---|---|", "2 table lines"),
        (TABLE, "|---|---|\n|---|---|\n| Lamp | 12 € |", "looks like its second"),
        ("- a | b\n|-|-|\n", "a | b\n|-|-|", "another mark"),
        ("> mot\r\n> --|--\n>|-|-|\n", "|a\n|-", "without the character |"),
        ("# mot\n|-|\n|a|\n", "a | b", "without the character |"),
        (TABLE, "| Name | Price |\n|---|---|\n| Lamp | 12 | € |", "Row 3"),
    ],
)
def test_refused(source: str, answer: str, reason: str) -> None:
    with pytest.raises(MalformedAnswer, match=reason):
        _read(source, answer)


def test_a_task_without_a_place_may_have_paragraphs() -> None:
    task = Task("acme-0.1", "translation", Content.of_text("un\n\ndeux"))
    assert translation.read(task, Draft("one\n\ntwo\n")).text == "one\n\ntwo"


def test_what_the_source_has_is_no_wrapper() -> None:
    assert _read("« Un mot. »", "“A word.”") == "“A word.”"
