"""The formatters, linters and type checkers that `style` can read: how each is called, and what it says.

All are called so that they write nothing, ask nobody and name each place as a line. What they say is text of a program
that reads somebody else's files: it is parsed, and told as data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

__all__ = ["TOOLS", "Finding", "StyleTool"]


class Finding(Struct, frozen=True):
    """`path` as the tool wrote it; line and column count from 1."""

    path: str
    line: int
    column: int | None
    code: str
    message: str


class StyleTool(Struct, frozen=True):
    """`argv` is the default; `more` goes behind it. A formatter (`kind` is `format`) gets a file on standard input, and
    `more` has its name as `./{path}`, which no name makes an option; a linter gets the changed files' names; a type
    checker finds its files itself."""

    kind: Literal["format", "lint", "types"]
    argv: tuple[str, ...]
    more: tuple[str, ...]
    endings: tuple[str, ...]
    read: Callable[[str], Iterator[Finding]] = lambda said: iter(())
    clean: tuple[int, ...] = (0, 1)  # exit codes of a tool that did its work


_LINE = re.compile(
    r"^(?P<path>.+?):(?P<line>\d+)(?::(?P<column>\d+))?: (?:(?P<level>error|note|warning): )?(?P<message>.*?)"
    r"(?:  \[(?P<code>[\w-]+)\])?$",
    re.MULTILINE,
)
_TSC = re.compile(
    r"^(?P<path>.+?)\((?P<line>\d+),(?P<column>\d+)\): error (?P<code>TS\d+): (?P<message>.*)$", re.MULTILINE
)


def _read_lines(said: str) -> Iterator[Finding]:
    for found in _LINE.finditer(said):
        if found["level"] not in ("note", "warning"):
            column = int(found["column"]) if found["column"] else None
            yield Finding(found["path"], int(found["line"]), column, found["code"] or "", found["message"])


def _read_flake8(said: str) -> Iterator[Finding]:
    for one in _read_lines(said):
        code, _, message = one.message.partition(" ")
        yield Finding(one.path, one.line, one.column, code, message)


def _read_tsc(said: str) -> Iterator[Finding]:
    for found in _TSC.finditer(said):
        yield Finding(found["path"], int(found["line"]), int(found["column"]), found["code"], found["message"])


def _read_ruff(said: str) -> Iterator[Finding]:
    for one in _items(said):
        place = one.get("location")
        line, column = _place(place if isinstance(place, dict) else {}, "row", "column")
        yield Finding(_text(one, "filename"), line, column, _text(one, "code"), _text(one, "message"))


def _read_eslint(said: str) -> Iterator[Finding]:
    for file in _items(said):
        messages = file.get("messages")
        for one in messages if isinstance(messages, list) else ():
            if isinstance(one, dict) and one.get("severity", 2) == 2:
                line, column = _place(one, "line", "column")
                yield Finding(_text(file, "filePath"), line, column, _text(one, "ruleId"), _text(one, "message"))


def _read_pylint(said: str) -> Iterator[Finding]:
    for one in _items(said):
        line, column = _place(one, "line", "column")
        code = _text(one, "symbol")
        yield Finding(_text(one, "path"), line, None if column is None else column + 1, code, _text(one, "message"))


def _items(said: str) -> Iterable[Mapping[str, Any]]:
    """The objects of a JSON list; ValueError for anything else."""
    found = json.loads(said or "[]")
    if not isinstance(found, list):
        raise ValueError(f"expected a list, got {type(found).__name__}")  # noqa: TRY004  # as for text that is no JSON
    return [one for one in found if isinstance(one, dict)]


def _text(table: Mapping[str, Any], key: str) -> str:
    return str(table.get(key) or "")


def _place(table: Mapping[str, Any], line: str, column: str) -> tuple[int, int | None]:
    found = [value if isinstance(value := table.get(key), int) else None for key in (line, column)]
    return found[0] or 1, found[1]


_PYTHON = (".py", ".pyi")
_TYPESCRIPT = (".ts", ".tsx", ".cts", ".mts")
_SCRIPT = (".js", ".jsx", ".cjs", ".mjs", *_TYPESCRIPT)
_WEB = (*_SCRIPT, ".vue", ".css", ".scss", ".less", ".html", ".json", ".md", ".yaml", ".yml")
_BIN = "node_modules/.bin"

TOOLS: dict[str, StyleTool] = {
    "ruff": StyleTool(
        "lint", ("python3", "-m", "ruff", "check"),
        ("--output-format=json", "--no-cache", "--no-fix", "--force-exclude", "--quiet", "--"), _PYTHON, _read_ruff,
    ),
    "flake8": StyleTool(
        "lint", ("python3", "-m", "flake8"),
        ("--format=%(path)s:%(row)d:%(col)d: %(code)s %(text)s", "--color=never", "--"), _PYTHON, _read_flake8,
    ),
    "pylint": StyleTool(
        "lint", ("python3", "-m", "pylint"),
        ("--output-format=json", "--score=n", "--persistent=n", "--jobs=1", "--"), _PYTHON, _read_pylint,
        clean=tuple(range(32)),  # a bit for each kind of message
    ),
    "eslint": StyleTool(
        "lint", (f"{_BIN}/eslint",), ("--format", "json", "--no-color", "--"), _SCRIPT, _read_eslint,
    ),
    "mypy": StyleTool(
        "types", ("python3", "-m", "mypy", "."),
        ("--no-error-summary", "--show-column-numbers", "--show-error-codes", "--hide-error-context", "--no-pretty",
         "--no-color-output", "--no-incremental", "--cache-dir=/dev/null"), _PYTHON, _read_lines,
    ),
    "tsc": StyleTool(
        "types", (f"{_BIN}/tsc", "--noEmit"), ("--pretty", "false"), _TYPESCRIPT, _read_tsc, clean=(0, 1, 2),
    ),
    "black": StyleTool("format", ("python3", "-m", "black"), ("--quiet", "--stdin-filename", "./{path}", "-"), _PYTHON),
    "isort": StyleTool("format", ("python3", "-m", "isort"), ("--quiet", "--filename", "./{path}", "-"), _PYTHON),
    "ruff-format": StyleTool(
        "format", ("python3", "-m", "ruff", "format"),
        ("--no-cache", "--force-exclude", "--quiet", "--stdin-filename", "./{path}", "-"),
        _PYTHON,
    ),
    "prettier": StyleTool("format", (f"{_BIN}/prettier",), ("--no-color", "--stdin-filepath", "./{path}"), _WEB),
}  # fmt: skip
