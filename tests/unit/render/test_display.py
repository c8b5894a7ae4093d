"""Nothing that a terminal obeys, hides or reorders passes the display function."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.render.display import cell_width, display, display_line, fit

ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"),
        ("\x1b]8;;http://evil\x1b\\click", "␛]8;;http://evil␛\\click"),
        ("\x9b31m", "\\u{9b}31m"),
        ("rtl \u202etxt.exe", "rtl \\u{202e}txt.exe"),
        ("\u2066isolate\u2069", "\\u{2066}isolate\\u{2069}"),
        ("zero\u200bwidth", "zero\\u{200b}width"),
        ("a\u200db", "a\\u{200d}b"),
        ("\U000e0041tag", "\\u{e0041}tag"),
        ("\ufeffbom", "\\u{feff}bom"),
        ("\ue000", "\\u{e000}"),
        ("back\b\bspace\r", "back␈␈space␍"),
        ("dos\r\nend", "dos\nend"),
        ("line\u2028sep\u0085nel", "line\\u{2028}sep\\u{85}nel"),
        ("byte \udcff", "byte \\x{ff}"),
        ("lone \ud800", "lone \\u{d800}"),
        ("del\x7f nul\x00", "del␡ nul␀"),
        ("naïve 日本語 नमस्ते", "naïve 日本語 नमस्ते"),
        ("👩\u200d💻 ❤\ufe0f\u200d🔥", "👩\u200d💻 ❤\ufe0f\u200d🔥"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("[/red] [link=x]y[/link]", "[/red] [link=x]y[/link]"),
    ],
)
def test_display(text: str, shown: str) -> None:
    assert display(text) == shown


@given(ANY_TEXT)
def test_nothing_dangerous_is_left(text: str) -> None:
    for char in display(text):
        assert char in "\n\t\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cs", "Co", "Zl", "Zp"), hex(
            ord(char)
        )
        assert unicodedata.bidirectional(char) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    display(text).encode()


@given(ANY_TEXT)
def test_one_line_is_one_line(text: str) -> None:
    assert len(display_line(text).splitlines()) <= 1


@given(st.text(st.sampled_from("ab :#[v\n\t\r\u2028\u00a0\u3000"), max_size=30))
def test_no_line_of_a_ci_log_is_a_command(text: str) -> None:
    shown = display(f"{text}\n  ::set-output name=x::y\n##vso[task]\nsaid ##[add-mask]x", in_ci=True)
    assert not re.search(r"(?m)^\s*::|##\[|##vso\[", shown)


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("日本語é한"), max_size=40),
    st.integers(1, 30),
)
def test_fit_never_is_wider(text: str, width: int) -> None:
    shown = fit(text, width)
    assert cell_width(shown) <= width
    assert shown == text or shown.endswith("…")


def test_widths() -> None:
    assert cell_width("日本") == 4
    assert cell_width("e\u0301") == 1
    assert cell_width("abc") == 3
