"""Wrappers come off; what the source had itself stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.crafts.answer_text import (
    strip_closing,
    strip_fence,
    strip_preamble,
    strip_quotes,
    strip_thinking,
    unwrap,
)
from gigctl.crafts.base import MalformedAnswer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The contract ends.", "The contract ends."),
        ("Here is the translation:\n\nThe contract ends.", "The contract ends."),
        ("Sure! Here's the translation:\nThe contract ends.", "The contract ends."),
        ("Sure.\n\n**Translation:**\n\nThe contract ends.", "The contract ends."),
        ("```\nThe contract ends.\n```", "The contract ends."),
        ("Voici la traduction :\n\n```text\nThe contract ends.\n```\n", "The contract ends."),
        ("```markdown\r\nThe contract ends.\r\n```", "The contract ends."),
        ('"The contract ends."', "The contract ends."),
        ("«The contract ends.»", "The contract ends."),
        ("<think>A contract?\nYes.</think>\n\nThe contract ends.", "The contract ends."),
        ("A contract? Yes.\n</think>\n\nThe contract ends.", "The contract ends."),
        ("The contract ends.\n\nLet me know if you need anything else!", "The contract ends."),
    ],
)
def test_wrappers_come_off(answer: str, expected: str) -> None:
    assert unwrap(answer, "Le contrat prend fin.") == expected


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ('"The end."', "« Fin. »"),
        ("```\ncode\n```", "```\ncode\n```"),
        ("Here is the list:\none", "Voici la liste :\nun"),
        ("The following is due:\n- rent", "Est dû :\n- le loyer"),
        ("<think>a tag</think> of ours", "<think>une balise</think> à nous"),
        ("Bye.\n\nLet me know if it rains.", "Salut.\n\nLet me know if it rains."),
    ],
)
def test_what_the_source_has_stays(answer: str, source: str) -> None:
    assert unwrap(answer, source) == answer


@pytest.mark.parametrize(
    "answer",
    [
        '"No" means "no"',
        "Here is where it ends.\nAnd here it goes on.",
        "Of course.\nLet's go.",
        "Translation is hard.\n\nIt always was.",
        "'Tis the season's end'",
        "- first\n- second",
    ],
)
def test_prose_is_no_wrapper(answer: str) -> None:
    assert unwrap(answer, "Une phrase.") == answer


@pytest.mark.parametrize("answer", ["```\nThe contract", "~~~text\nThe contract\n```", "<think>so the contract"])
def test_the_unclosed_is_malformed(answer: str) -> None:
    with pytest.raises(MalformedAnswer):
        unwrap(answer, "Le contrat")


def test_a_fence_within_a_fence_belongs_to_the_answer() -> None:
    assert strip_fence("```markdown\nRun\n```sh\nls\n```\nnow\n```", "") == "Run\n```sh\nls\n```\nnow"


def test_two_fences_are_no_wrapper() -> None:
    answer = "```\nA\n```\nand\n```\nB\n```"
    assert strip_fence(answer, "") == answer


def test_text_before_thinking_is_kept() -> None:
    assert strip_thinking("Write <think> and </think> so.", "Écrivez <think> et </think>.").startswith("Write <think>")


@given(st.text())
def test_an_answer_equal_to_its_source_is_never_touched_inside(text: str) -> None:
    try:
        assert unwrap(text, text) == text.strip("\r\n")
    except MalformedAnswer:
        pytest.fail("what the source has is content")


@given(st.text(), st.text())
def test_nothing_is_made_up(answer: str, source: str) -> None:
    for strip in (strip_thinking, strip_preamble, strip_closing, strip_fence, strip_quotes):
        try:
            assert strip(answer, source) in answer.replace("\r\n", "\n") or strip(answer, source) in answer
        except MalformedAnswer:
            continue
