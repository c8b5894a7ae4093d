"""Front matter as people write it: which values are text, and that each goes back into the YAML that it stood in."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gigctl.crafts import translation
from gigctl.model import Content, Source
from support.translating import GIG, as_it_was, tasks_of, texts_of, translated


def document(front: str) -> str:
    return f"---\n{front}---\n"


def shouted(front: str) -> Any:
    """The values that YAML reads after every text was answered in capitals."""
    data, refused = translated(document(front).encode(), lambda task: task.input.text.upper())
    assert refused == 0
    return yaml.safe_load(data.decode().removeprefix("---\n").removesuffix("---\n"))


@pytest.mark.parametrize(
    ("front", "texts"),
    [
        ("title: Bonjour\ndate: 2026-01-01\n", ["Bonjour"]),
        ("hero:\n  - title: Un\n    text: Deux\n  - alt: Trois\n", ["Un", "Deux", "Trois"]),
        ("keywords: [vin, pain]\n", ["vin", "pain"]),
        ("custom: Une phrase de mots\nslug: une-phrase\n", ["Une phrase de mots"]),
        ("title: &t Bonjour\nog_title: *t\n", ["Bonjour"]),
        ("? [a, b]\n: Une phrase de mots\n", ["Une phrase de mots"]),
        ("title: 'L''eau'\n", ["L'eau"]),
        ("title: |\n  Un.\n\n  Deux.\n", ["Un.\n\nDeux."]),
        ("description: >-\n  Un long\n  texte ici\n", ["Un long\ntexte ici"]),
        ("a:\n  text: |\n    un\n    deux\n  mood: gai\n", ["un\ndeux"]),
        ("a:\n  - text: >\n      un\n    # pas un\n    alt: deux\n", ["un", "deux"]),
        ("text: |2\n    un\n  deux\n", ["  un\ndeux"]),
        ("title: images/a.png\nalt: '#fff'\ntext: 12\n", []),
        ("title:\n", []),
    ],
)
def test_what_is_text(front: str, texts: list[str]) -> None:
    assert texts_of(document(front)) == texts


@pytest.mark.parametrize(
    ("front", "read"),
    [
        ("title: un\n", {"title": "UN"}),
        ("title: 'l''eau'\n", {"title": "L'EAU"}),
        ('title: "l\'eau: une"\n', {"title": "L'EAU: UNE"}),
        ("keywords: [vin, pain]\n", {"keywords": ["VIN", "PAIN"]}),
        ("title: |\n  un\n\n  deux\n", {"title": "UN\n\nDEUX\n"}),
        ("a:\n  text: |\n    un\n    deux\n  mood: gai\n", {"a": {"text": "UN\nDEUX\n", "mood": "gai"}}),
        ("a:\n- text: >-\n    un\n  alt: deux\n", {"a": [{"text": "UN", "alt": "DEUX"}]}),
        ("title: un\n  deux\nauthor: x\n", {"title": "UN DEUX", "author": "x"}),
    ],
)
def test_each_goes_back_where_it_stood(front: str, read: dict[str, Any]) -> None:
    assert shouted(front) == read


@pytest.mark.parametrize("style", ["plain", "'", '"'])
@pytest.mark.parametrize(
    "answer",
    [
        "oui",
        "yes",
        "12",
        "null",
        "a: b",
        "a #b",
        "- a",
        "l'eau",
        'say "so"',
        "[a",
        "{a}",
        "*a",
        "&a",
        "!a",
        "a\\b",
        "é…",
        "%a",
    ],
)
def test_whatever_is_answered_is_read_as_that_text(style: str, answer: str) -> None:
    """No answer becomes another kind of value, or more YAML."""
    quote = "" if style == "plain" else style
    data, refused = translated(document(f"title: {quote}Bonjour{quote}\nlayout: x\n").encode(), lambda _: answer)
    assert refused == 0
    front = data.decode().removeprefix("---\n").removesuffix("---\n")
    assert yaml.safe_load(front) == {"title": answer, "layout": "x"}


@pytest.mark.parametrize("front", ["- un\n- deux\n", "a: [b\n", "title: " + "mot " * 20_000 + "\n"])
def test_what_is_no_table_of_values_is_left_alone_and_said(front: str) -> None:
    data = document(front).encode()
    split = translation.split(Source("a.md", data), GIG)
    assert split.tasks == ()
    assert [left.what for left in split.left_alone] == ["front matter that can't be read as YAML"]
    assert translated(data, as_it_was)[0] == data


def test_a_value_that_is_no_text_by_its_key_is_said() -> None:
    front = "author: Ada Lovelace\nmood: très gai\ndate: 2026-11-25\nweight: 3\nempty:\n"
    split = translation.split(Source("a.md", document(front).encode()), GIG)
    assert [(left.line, left.what) for left in split.left_alone] == [
        (2, "front matter: author"), (3, "front matter: mood"), (4, "front matter: date"), (5, "front matter: weight"),
    ]  # fmt: skip


@pytest.mark.parametrize("style", ["|", ">-"])
@pytest.mark.parametrize("answer", ["Un\n\ndeux", "Un\nb\nc\nd", "Un", "Un\n\n\nb", "Un: #\n- b\n---"])
def test_a_text_of_other_lines_stays_in_its_block(style: str, answer: str) -> None:
    """The lines of a draft, or of a person's edit, are as many as they are: none may end the value."""
    data, refused = translated(
        document(f"a:\n  text: {style}\n    un\n\n    deux\n  b: 1\n").encode(), lambda _: answer
    )
    assert refused == 0
    front = yaml.safe_load(data.decode().removeprefix("---\n").removesuffix("---\n"))
    assert front["a"]["b"] == 1
    assert front["a"]["text"].split() == answer.split()
    assert (front["a"]["text"].rstrip("\n") == answer) is (style == "|" or "\n" not in answer)


def test_a_person_may_indent_the_first_line() -> None:
    data = document("title: |\n  un\n  deux\n").encode()
    (task,) = tasks_of(data)
    (change,) = translation.assemble(GIG, [Source("a.fr.md", data)], [(task, Content.of_text("  A\r\nB\n"))], "de")
    assert change.data == document("title: |\n  A\n  B\n").encode()


def test_a_text_of_several_lines_keeps_them_where_nobody_changed_it() -> None:
    data = document('title: "un\n  deux"\nalt: trois\n  quatre\n').encode()
    assert translated(data, as_it_was) == (data, 0)


def test_a_block_says_what_it_is() -> None:
    """So that a prompt can."""
    (task,) = tasks_of(document("title: Bonjour\n").encode())
    assert task.context["kind"] == "front matter"
