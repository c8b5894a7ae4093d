"""The habits that models have when they answer with code, read for what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.code.answers import Block, WholeFile, parse_answer

KNOWN = ("src/calc.py", "README.md", "Makefile")
BODY = ("def f():", "    return 2")
FILE = "def f():\n    return 2"


@pytest.mark.parametrize(
    "answer",
    [
        f"src/calc.py\n```\n{FILE}\n```",
        f"src/calc.py\n\n```python\n{FILE}\n```\n",
        f"**src/calc.py**\n```python\n{FILE}\n```",
        f"### `src/calc.py`\n```python\n{FILE}\n```",
        f"`src/calc.py`:\n```python\n{FILE}\n```",
        f"File: src/calc.py\n```python\n{FILE}\n```",
        f"1. `src/calc.py`\n```python\n{FILE}\n```",
        f"Here is the mended `src/calc.py`:\n\n```python\n{FILE}\n```\nIt now returns 2.",
        f"```python src/calc.py\n{FILE}\n```",
        f"```python:src/calc.py\n{FILE}\n```",
        f'```python title="src/calc.py"\n{FILE}\n```',
        f"```src/calc.py\n{FILE}\n```",
        f"~~~~\n{FILE}\n~~~~",
        f"```python\n{FILE}\n```",
        f"calc.py\n```python\n{FILE}\n```",
        f"./src/calc.py\n```python\n{FILE}\n```",
        f"The bug is in f.\r\n\r\nsrc/calc.py\r\n```python\r\n{FILE}\r\n```\r\n".replace("def f():\n", "def f():\r\n"),
        f"src/calc.py\n```\n{FILE}\n```\n\nRun it:\n```bash\npython3 -m unittest\n```",
        f"```\nsrc/calc.py\n```\n{FILE}\n```",
        f"```\nsrc/calc.py\n```\n```python\n{FILE}\n```",
        f"```python\nREADME.md\n```\n\nsrc/calc.py\n```\n{FILE}\n```",
    ],
)
def test_a_whole_file(answer: str) -> None:
    guessed = answer.startswith(("~~~~", "```python\ndef"))
    assert parse_answer(answer, KNOWN, ["src/calc.py"]) == (WholeFile("src/calc.py", BODY, guessed=guessed),)


@pytest.mark.parametrize("comment", ["# src/calc.py", "# file: src/calc.py", "// src/calc.py", "/* src/calc.py */"])
def test_a_path_in_the_first_comment(comment: str) -> None:
    (found,) = parse_answer(f"```\n{comment}\n{FILE}\n```", KNOWN, KNOWN)
    assert found == WholeFile("src/calc.py", (comment, *BODY), titled=True)


def test_a_fence_in_a_file() -> None:
    text = "# Calc\n```sh\nmake\n```\nend"
    (found,) = parse_answer(f"README.md\n````\n{text}\n````", KNOWN, KNOWN)
    assert found == WholeFile("README.md", tuple(text.split("\n")))
    assert parse_answer(f"README.md\n```markdown\n{text}\n```", KNOWN, KNOWN) == (found,)


def test_several_files() -> None:
    answer = f"src/calc.py\n```python\n{FILE}\n```\nand\n\nsrc/new.py\n```python\nX = 1\n```\n"
    assert [edit.path for edit in parse_answer(answer, KNOWN, KNOWN)] == ["src/calc.py", "src/new.py"]


BLOCK = "<<<<<<< SEARCH\n    return 1\n=======\n    return 2\n>>>>>>> REPLACE"


@pytest.mark.parametrize(
    "answer",
    [
        f"src/calc.py\n{BLOCK}",
        f"src/calc.py\n```python\n{BLOCK}\n```",
        f"```python\nsrc/calc.py\n{BLOCK}\n```\n",
        f"```python src/calc.py\n{BLOCK}\n```\n",
        f"In `src/calc.py`:\n\n````\n{BLOCK}\n````\nDone.",
        BLOCK,
        BLOCK.replace("SEARCH", "SEARCH src/calc.py"),
    ],
)
def test_a_block(answer: str) -> None:
    assert parse_answer(answer, KNOWN, ["src/calc.py"]) == (
        Block("src/calc.py", ("    return 1",), ("    return 2",), 1),
    )


def test_blocks_of_one_file_need_its_path_once() -> None:
    found = parse_answer(f"src/calc.py\n```\n{BLOCK}\n\n{BLOCK}\n```\nREADME.md\n{BLOCK}", KNOWN, ())
    assert [(edit.path, edit.number) for edit in found if isinstance(edit, Block)] == [
        ("src/calc.py", 1), ("src/calc.py", 2), ("README.md", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no file"),
        ("I can't do that.", "no file"),
        (f"src/calc.py\n```python\n{FILE}", "never closed"),
        (f"```python\n{FILE}\n```\n```python\n{FILE}\n```", "no path"),
        (f"src/calc.py\n```\n{FILE}\n```\nso\n```python\nX\n```", "no path"),
        ("src/calc.py\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE", "no ======="),
        ("src/calc.py\n<<<<<<< SEARCH\nx\n=======\ny", "no >>>>>>> REPLACE"),
        ("src/calc.py\n<<<<<<< SEARCH\nx\n=======\ny\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE", "no >>>>>>>"),
        (f"```\nsrc/calc.py\n```\nIt is mended now:\n```\n{FILE}\n```", "never closed"),
        (f"```\nx = 1\ny = 2\nz = 3\n{BLOCK}\n```", "mixes"),
        ("x\n>>>>>>> REPLACE", "no <<<<<<< SEARCH began"),
    ],
)
def test_what_can_not_be_read(answer: str, reason: str) -> None:
    with pytest.raises(MalformedAnswer, match=reason):
        parse_answer(answer, KNOWN, ["src/calc.py"])


def test_a_lonely_fence_is_no_file_where_several_were_shown() -> None:
    with pytest.raises(MalformedAnswer, match="no path"):
        parse_answer(f"```python\n{FILE}\n```", KNOWN, KNOWN)
    with pytest.raises(MalformedAnswer, match="does not say its file"):
        parse_answer(BLOCK, KNOWN, KNOWN)


LINES = st.sampled_from(
    ["<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "```", "```python", "~~~", "src/calc.py", "# src/calc.py", "x = 1",
     "", "../../etc/passwd", ".git/config", "    y", "```python src/calc.py", "<think>", "\x1b[2J", "\ud800", "\r"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(LINES, max_size=14).map("\n".join)))
def test_garbage_is_malformed_or_whole(answer: str) -> None:
    try:
        found = parse_answer(answer, KNOWN, ["src/calc.py"])
    except MalformedAnswer:
        return
    assert found
