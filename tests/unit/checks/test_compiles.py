"""What compiles passes, what does not is named with its line, and nothing can take the check down."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from gigctl.checks import compiles
from gigctl.checks.base import BadOption
from gigctl.model import LINK, REGULAR, Change, CheckContext, Content, Verdict


def check(**files: bytes | None) -> Verdict:
    changes = tuple(Change(path.replace("__", "."), REGULAR, data) for path, data in files.items())
    return asyncio.run(compiles.run(Content(changes, "0" * 40), {}, CheckContext()))


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a__py", b"def f():\n    return 1\n"),
        ("a__py", b"\xef\xbb\xbfx = 1\r\n"),
        ("a__py", b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"),
        ("a__py", b""),
        ("a__json", b'\xef\xbb\xbf{"a": [1, null]}'),
        ("a__toml", b'a = "b"\n'),
        ("tsconfig__json", b"// a comment\n{}"),
        ("a__py", None),
    ],
)
def test_good_files_pass(path: str, data: bytes | None) -> None:
    assert check(**{path: data}).outcome == "pass"


@pytest.mark.parametrize(
    ("path", "data", "line"),
    [
        ("a__py", b"x = 1\ndef f(:\n    pass\n", 2),
        ("a__py", b"def f():\nreturn 1\n", 2),
        ("a__py", b"return 1\n", 1),
        ("a__py", b"x = 1\nx = '\xff'\n", None),
        ("a__py", b"x = 1\0\n", None),
        ("a__json", b'{"a": 1,\n "b": }', 2),
        ("a__json", b"\n\xff", 2),
        ("a__json", b"[NaN]", None),
        ("a__json", b"", 1),
        ("a__toml", b"a = \n", None),
        ("a__pyw", b"def (\n", 1),
        ("tool", b"#!/usr/bin/env python3\ndef (\n", 2),
        ("tool", b"#! /usr/bin/python -u\ndef (\n", 2),
    ],
)
def test_bad_files_fail_with_their_place(path: str, data: bytes, line: int | None) -> None:
    found = check(**{path: data})
    assert found.outcome == "fail"
    (evidence,) = found.evidence
    assert evidence.part == path.replace("__", ".")
    assert "does not compile" in evidence.message
    if line is not None:
        assert evidence.line == line


@pytest.mark.parametrize(
    "data",
    [b"(" * 5_000, b"x = " + b"-" * 200_000 + b"1", b"a" + b".b" * 200_000, b"x = [" * 100_000],
)
def test_what_crashes_a_compiler_fails_and_the_next_file_is_still_read(data: bytes) -> None:
    found = check(a__py=data, b__py=b"def f(:\n", c__json=b"[" * 100_000)
    assert found.outcome == "fail"
    assert "b.py" in {evidence.part for evidence in found.evidence}
    assert "c.json" in {evidence.part for evidence in found.evidence}


def test_a_file_is_compiled_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert check(a__py=f"open({str(mark)!r}, 'w')\n".encode()).passed
    assert not mark.exists()


def test_what_nothing_compiles_is_said() -> None:
    found = check(README__md=b"# Hello")
    assert found.passed
    assert "README.md" in found.evidence[0].message


def test_links_are_no_files() -> None:
    content = Content((Change("a.py", LINK, b"no (python"),), "0" * 40)
    assert asyncio.run(compiles.run(content, {}, CheckContext())).passed


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize(
    ("path", "data", "outcome"),
    [
        ("a__js", b"const a = 1;\n", "pass"),
        ("a__js", b"export const a = await 1;\n", "pass"),
        ("a__js", b"const b = 1\nconst a = ;\n", "fail"),
        ("a__cjs", b"export const a = 1;\n", "fail"),
        ("a__mjs", b"require('fs').writeFileSync('/tmp/never', '')", "pass"),
    ],
)
def test_javascript(path: str, data: bytes, outcome: str) -> None:
    found = check(**{path: data})
    assert found.outcome == outcome
    if outcome == "fail":
        assert found.evidence[0].line


def test_javascript_without_node_is_skipped_and_gates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = check(a__js=b"const a = 1;\n")
    assert found.outcome == "skip"
    assert found.gates


def test_it_takes_no_option() -> None:
    with pytest.raises(BadOption):
        compiles.option("yes")
    with pytest.raises(BadOption):
        compiles.validate({"strict": True})
