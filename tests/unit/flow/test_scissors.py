"""The line that ends a text in an editor: what stands above it comes back to the byte, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.flow.scissors import Laid, find_text, lay_out, without_added_end

BELOW = "# source of me-1.1\nLe prix est de 12 euros.\n\n# checks of me-1.1@1 that did not pass\nfail  numbers: 12"
pieces = st.sampled_from([
    "a", "é", " ", "\n", "\r\n", "\r", "\t", "# source of me-1.1", "\f", "\u2028", "\x85", "\ufeff",
    "# ------ >8 ------ me-1.1: this line and all below it are ignored ------",
    "# ------ >8 ------ me-1.1 (2): this line and all below it are ignored ------",
])  # fmt: skip
texts = st.lists(pieces, max_size=12).map("".join)


def taken(data: bytes, laid: Laid) -> bytes | None:
    """What becomes the revision of what an editor wrote."""
    text = find_text(data, laid)
    return None if text is None else without_added_end(text, laid.draft)


@given(texts, texts)
def test_what_is_not_touched_comes_back_to_the_byte(draft: str, below: str) -> None:
    laid = lay_out(draft.encode(), below, "me-1.1")
    assert taken(laid.data, laid) == draft.encode()


@given(texts, texts.filter(lambda text: ">8" not in text))
def test_what_is_written_above_is_the_text(draft: str, written: str) -> None:
    laid = lay_out(draft.encode(), BELOW, "me-1.1")
    tail = laid.data[laid.data.rindex(b"\n" + laid.line) :]
    assert find_text(written.encode() + tail, laid) == written.encode() + b"\n"


def test_the_line_is_one_that_the_draft_has_not() -> None:
    first = lay_out(b"", "", "me-1.1").line
    draft = b"One.\n" + first + b"\nTwo."
    laid = lay_out(draft, BELOW, "me-1.1")
    assert laid.line != first
    assert b"me-1.1" in laid.line
    assert taken(laid.data, laid) == draft


def test_below_a_draft_of_crlf_the_lines_end_so_too() -> None:
    laid = lay_out(b"One.\r\nTwo.\r\n", BELOW, "me-1.1")
    assert laid.data.count(b"\n") == laid.data.count(b"\r\n")
    assert taken(laid.data, laid) == b"One.\r\nTwo.\r\n"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_without_the_line_and_all_below_it_the_whole_is_the_text(end: bytes) -> None:
    laid = lay_out(b"One.", BELOW, "me-1.1")
    assert taken(b"Another." + end, laid) == b"Another."


@pytest.mark.parametrize("left", [*BELOW.splitlines()[:2], "  fail  numbers: 12 "])
def test_without_the_line_nothing_that_was_below_it_becomes_the_text(left: str) -> None:
    laid = lay_out(b"One.\n", BELOW, "me-1.1")
    assert find_text(f"One.\n{left}\n".encode(), laid) is None


def test_a_source_that_the_draft_is_may_not_stand_there_once_more() -> None:
    laid = lay_out(b"Bonjour\n", "# source of me-1.1\nBonjour", "me-1.1")
    assert find_text(b"Bonjour\n", laid) == b"Bonjour\n"
    assert find_text(b"Bonjour\nBonjour\n", laid) is None


def test_a_line_that_stands_twice_ends_nothing() -> None:
    laid = lay_out(b"One.\n", BELOW, "me-1.1")
    assert find_text(laid.data + laid.data, laid) is None
