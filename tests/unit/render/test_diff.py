"""Diffs: exact (they can be applied), displayed on a terminal, and never slow."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigctl.render.diff import compare, render_unified, render_words, words
from gigctl.render.terminal import Terminal

PIPE = Terminal()
COLOR = Terminal(is_tty=True, color=True)
TTY = Terminal(is_tty=True)
FEW = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "d é\n"]), max_size=30)


@given(FEW, FEW)
def test_blocks_cover_both_sides(old: list[str], new: list[str]) -> None:
    blocks = compare(old, new)
    at = (0, 0)
    for block in blocks:
        assert (block.old_start, block.new_start) == at
        at = (block.old_end, block.new_end)
        if block.same:
            assert old[block.old_start : block.old_end] == new[block.new_start : block.new_end]
    assert at == (len(old), len(new))
    assert all(left.same != right.same for left, right in itertools.pairwise(blocks))


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs patch")
@settings(max_examples=40, deadline=None)
@given(FEW, FEW, st.booleans(), st.integers(0, 3))
def test_patch_applies_it(old: list[str], new: list[str], end: bool, context: int) -> None:
    import tempfile

    before, after = "".join(old), "".join(new) + ("" if end else "last")
    diff = render_unified(before, after, PIPE, context=context)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "before"
        file.write_text(before)
        if diff:
            done = subprocess.run(["patch", "-s", "-u", str(file)], input=diff, text=True, capture_output=True)
            assert done.returncode == 0, done.stdout + diff
        assert (file.read_text() if file.exists() else "") == after


def test_equal_texts_have_no_diff() -> None:
    assert render_unified("a\n", "a\n", COLOR) == ""
    assert render_words("a b", "a b", PIPE) == "a b"


@given(st.text(max_size=60))
def test_words_lose_nothing(text: str) -> None:
    assert "".join(words(text)) == text


def test_words_of_scripts() -> None:
    assert words("l’eau, 12.5") == ["l’eau", ",", " ", "12", ".", "5"]
    assert words("日本x") == ["日", "本", "x"]
    assert words("e\u0301te") == ["e\u0301te"]


def test_word_by_word() -> None:
    old, new = "The contractor shall pay 12 euros.\nEnd.", "The service provider will pay 12 euros.\nEnd."
    assert render_words(old, new, PIPE) == "The [-contractor shall-]{+service provider will+} pay 12 euros.\nEnd."
    assert render_words(old, new, COLOR).startswith(
        "The \x1b[31mcontractor shall\x1b[0m\x1b[32mservice provider will\x1b[0m pay"
    )


def test_foreign_text_is_displayed_on_a_terminal_and_kept_in_a_pipe() -> None:
    bad = "x \x1b]52;c;AA\x07\n"
    for terminal in (TTY, COLOR):
        shown = render_unified("x\n", bad, terminal) + render_words("x", bad, terminal)
        assert "\x1b]" not in shown
        assert "\x07" not in shown
    assert bad in render_unified("x\n", bad, PIPE)


def test_a_ci_log_is_not_commanded() -> None:
    shown = render_words("", "::add-mask::x", Terminal(in_ci=True))
    assert not shown.startswith("::")


@pytest.mark.no_cover  # it is timed
def test_huge_texts_are_quick() -> None:
    old = [f"line {number}\n" for number in range(20_000)]
    new = [line if number % 7 else f"changed {number}\n" for number, line in enumerate(old)]
    same = ["x\n"] * 20_000 + ["y\n"] * 20_000
    started = time.process_time()
    render_unified("".join(old), "".join(new), PIPE)
    render_unified("".join(same), "".join(reversed(same)), PIPE)
    assert time.process_time() - started < 10  # a quadratic one takes minutes
