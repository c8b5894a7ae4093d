from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.system.git.message import mailable


@pytest.mark.parametrize(
    ("message", "mailed"),
    [
        ("Fix it", "Fix it\n"),
        ("Fix\nit\n\n\n\nBecause.  \n", "Fix it\n\nBecause.\n"),
        ("[api] Fix it", "api: Fix it\n"),
        ("[a][b] Fix", "a: [b] Fix\n"),
        ("Re: [x] y", "x: y\n"),
        ("S\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x", "S\n\n diff --git a/x b/x\n --- a/x\n+++ b/x\n"),
        ("S\n\nFrom: mallory\nSubject: z", "S\n\n From: mallory\n Subject: z\n"),
        ("", "Change\n"),
        ("a\x1b[2Jb", "a [2Jb\n"),
    ],
)
def test_examples(message: str, mailed: str) -> None:
    assert mailable(message) == mailed


@given(st.text(alphabet=st.sampled_from("ab[]: \n\t-.>é") | st.characters()))
def test_it_says_the_same_the_second_time(message: str) -> None:
    once = mailable(message)
    assert mailable(once) == once
    assert once.endswith("\n")
    assert once.strip()
