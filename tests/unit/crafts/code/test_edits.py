"""Edits apply to exactly what they name, or not at all, and leave a file's own habits alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.code.answers import Block, WholeFile, parse_answer
from gigctl.crafts.code.edits import apply_edits, find_differences
from gigctl.model import EXECUTABLE, LINK, REGULAR, Change

CODE = b"def f():\n    return 1\n\n\ndef g():\n    return 1\n"


def tree(data: bytes | None = CODE, mode: str = REGULAR, path: str = "a.py") -> dict[str, Change]:
    return {path: Change(path, mode, data)}


def block(search: str, replace: str, number: int = 1, path: str = "a.py") -> Block:
    def lines(text: str) -> tuple[str, ...]:
        return tuple(text.split("\n")) if text else ()

    return Block(path, lines(search), lines(replace), number)


def whole(text: str, path: str = "a.py", *, titled: bool = False) -> WholeFile:
    return WholeFile(path, tuple(text.split("\n")), titled)


def applied(edit: Block | WholeFile, data: bytes = CODE) -> bytes | None:
    (change,) = apply_edits([edit], tree(data))
    return change.data


def test_a_block_replaces_its_lines() -> None:
    assert applied(block("def g():\n    return 1", "def g():\n    return 2")) == CODE[:-2] + b"2\n"


def test_lines_can_go() -> None:
    assert applied(block("\n\ndef g():\n    return 1", "")) == b"def f():\n    return 1\n"


def test_blanks_at_the_ends_of_lines_are_forgiven_where_that_is_clear() -> None:
    assert applied(block("def g():  ", "def h():")) == CODE.replace(b"g", b"h")
    assert applied(block("x = 1", "x = 2"), b"x = 1\t \ny = 1\n") == b"x = 2\ny = 1\n"


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([block("    return 1", "    return 2")], r"matches 2 places in a.py \(lines 2, 6\)"),
        ([block("  return 1", "  return 2")], r"not in a.py.*\n    return 1"),
        ([block("nothing like it", "x")], "not in a.py"),
        ([block("", "x")], "searches for nothing"),
        ([block("def f():", "def h():"), block("def f():\n    return 1", "pass", 2)], "overlap"),
        ([block("def f():", "def h():"), block("def f():", "def i():", 2)], "the same lines"),
        ([block("def f():", "def f():")], "changes nothing"),
        ([whole(CODE.decode().rstrip("\n"))], "changes nothing"),
        ([whole("x = 1"), whole("x = 2")], "twice"),
        ([whole("x = 1"), block("def f():", "def h():")], "twice"),
        ([whole("")], "empty"),
        ([whole("def f():\n    return 2\n\n# ... rest of the code unchanged ...")], "leaves lines out"),
        ([whole("def f():\n    return 2\n\n# (rest of the file stays the same)\n...")], "leaves lines out"),
        ([whole("x = '\ud800'")], "UTF-8"),
        ([block("x", "y", path="b.py")], "does not exist"),
        ([whole("x", path="../b.py")], "can't be written"),
        ([whole("x", path=".git/config")], "can't be written"),
    ],
)
def test_what_does_not_apply_says_why(edits: list[Block | WholeFile], reason: str) -> None:
    with pytest.raises(MalformedAnswer, match=f"(?s){reason}") as caught:
        apply_edits(edits, tree())
    assert len(str(caught.value)) < 1500


def test_all_or_nothing() -> None:
    good, bad = block("def f():", "def h():"), block("nowhere", "x", 2)
    with pytest.raises(MalformedAnswer, match="Block 2"):
        apply_edits([good, bad], tree())
    with pytest.raises(MalformedAnswer):
        apply_edits([whole("x", path="new.py"), bad], tree())


def test_the_same_block_twice_is_one() -> None:
    edit = block("def f():", "def h():")
    (change,) = apply_edits([edit, block("def f():", "def h():", 2)], tree())
    assert change.data == CODE.replace(b"f()", b"h()")


def test_new_files_are_plain_files() -> None:
    found = apply_edits([block("", "x = 1", path="pkg/new.py"), whole("y", path="b.txt")], tree())
    assert found == (Change("b.txt", REGULAR, b"y\n"), Change("pkg/new.py", REGULAR, b"x = 1\n"))


def test_an_executable_stays_one() -> None:
    (change,) = apply_edits([whole("#!/bin/sh\nls")], tree(b"#!/bin/sh\n", EXECUTABLE))
    assert change.mode == EXECUTABLE


@pytest.mark.parametrize(
    "line", ["rest = 1", "# the other one", "print('the rest of it')", "# wait ...", "...", "# existing users pay less"]
)
def test_an_honest_line_is_no_elision(line: str) -> None:
    assert applied(whole("def f():\n" + line)) == f"def f():\n{line}\n".encode()


@pytest.mark.parametrize("there", [tree(None), tree(b"../x", LINK)])
def test_what_was_not_shown_is_not_changed(there: dict[str, Change]) -> None:
    with pytest.raises(MalformedAnswer):
        apply_edits([whole("x = 1")], there)


@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        (b"a\r\nb\r\n", "a\nc", b"a\r\nc\r\n"),
        (b"a\nb", "a\nc", b"a\nc"),
        (b"a\r\nb", "a\nc\nd", b"a\r\nc\r\nd"),
        (b"\xef\xbb\xbfa\n", "b", b"\xef\xbb\xbfb\n"),
        (b"a\r\nb\nc\r\n", "a\nb\nd", b"a\r\nb\nd\r\n"),
        (b"a\n", "b\n\n", b"b\n"),
    ],
)
def test_a_whole_file_keeps_the_files_habits(before: bytes, lines: str, after: bytes) -> None:
    assert applied(whole(lines), before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\r\nx\r\nb\r\n", b"a\r\ny\r\nz\r\nb\r\n"),
        (b"a\nx", b"a\ny\nz"),
        (b"\xef\xbb\xbfx\n", b"\xef\xbb\xbfy\nz\n"),
        (b"a\r\nx\nb\r\n", b"a\r\ny\nz\nb\r\n"),
        (b"\xff\nx\n", b"\xff\ny\nz\n"),
    ],
)
def test_a_block_keeps_the_files_habits(before: bytes, after: bytes) -> None:
    assert applied(block("x", "y\nz"), before) == after


def test_a_title_is_no_line_of_the_file() -> None:
    assert applied(whole("# a.py\nx = 1", titled=True), b"x = 0\n") == b"x = 1\n"
    assert applied(whole("# a.py\nx = 1", titled=True), b"# a.py\nx = 0\n") == b"# a.py\nx = 1\n"


def test_a_part_of_a_file_does_not_pass_for_the_whole() -> None:
    part = ("def g():", "    return 2")
    with pytest.raises(MalformedAnswer, match="a part of"):
        apply_edits([WholeFile("a.py", part, guessed=True)], tree(b"import os\n" + CODE))
    whole_file = WholeFile("a.py", ("import os", *part), guessed=True)
    assert apply_edits([whole_file], tree(b"import os\n" + CODE))[0].data == b"import os\ndef g():\n    return 2\n"


# --- round trips ---

LINE = st.text(alphabet=st.sampled_from("ab =()\t'é"), max_size=5)
TEXT = st.tuples(st.lists(LINE, min_size=1, max_size=14), st.sampled_from(["\n", "\r\n"]), st.booleans())


def joined(lines: list[str], newline: str, final: bool) -> bytes:
    return (newline.join(lines) + (newline if final else "")).encode()


@given(TEXT, st.lists(LINE, min_size=1, max_size=14))
def test_blocks_made_from_an_edit_make_exactly_that_edit(old: tuple[list[str], str, bool], new: list[str]) -> None:
    lines, newline, final = old
    before, after = joined([*lines, "end"], newline, final), joined([*new, "end"], newline, final)
    pairs = find_differences(before, after)
    answer = "\n".join(
        "\n".join(["a.py", "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE"])
        for search, replace in pairs
    )
    if before == after:
        assert not pairs
        return
    (change,) = apply_edits(parse_answer(answer, ["a.py"], ["a.py"]), tree(before))
    assert change.data == after


@given(TEXT, st.lists(LINE, min_size=1, max_size=14))
def test_a_whole_file_comes_out_as_it_was_written(old: tuple[list[str], str, bool], new: list[str]) -> None:
    lines, newline, final = old
    before, after = joined([*lines, "end"], newline, final), joined([*new, "end"], newline, final)
    answer = "\n".join(["a.py", "```", *new, "end", "```"])
    if before == after:
        with pytest.raises(MalformedAnswer, match="changes nothing"):
            apply_edits(parse_answer(answer, ["a.py"], ["a.py"]), tree(before))
        return
    (change,) = apply_edits(parse_answer(answer, ["a.py"], ["a.py"]), tree(before))
    assert change.data == after


@given(st.binary(max_size=60), LINE)
def test_a_block_touches_no_byte_beside_its_lines(rest: bytes, new: str) -> None:
    before = b"\nUNIQUE\n".join([rest, rest])
    try:
        (change,) = apply_edits([Block("a.py", ("UNIQUE",), (new,), 1)], tree(before))
    except MalformedAnswer:
        return
    # A file of more \r\n than \n may have its own end put to the new line; the bytes around it stay.
    assert change.data is not None
    assert change.data.startswith(rest + b"\n")
    assert change.data.endswith(b"\n" + rest)
