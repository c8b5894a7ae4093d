"""`gigctl.toml`, the file in a repository that says how its code is judged: checks and the code craft's options alone,
for it may be a client's.

It is data of somebody else's: what it names is run in the sandbox alone, and no key, agent or policy is read from it.
"""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gigctl.checks.registry import load_spec
from gigctl.errors import ConfigError, UsageError
from gigctl.model import CheckSpec
from gigctl.values import did_you_mean

__all__ = ["LINT", "NAME", "RepoFile", "read_repo_file", "render_rules"]

NAME = "gigctl.toml"
LINT = "lint"
"""What the check is called that `lint` of `[code]` becomes."""
LARGEST = 1024 * 1024
"""Bytes; tomllib recurses on what nobody writes by hand."""
_TABLES = ("checks", "code")
_CODE = {
    "prepare": "a command line or a list of words",
    "protect": "a list of patterns, as tests/**",
    "lint": "a command line or a list of words",
}
_HINT = "it sets checks and the options of the code craft: docs/ci.md"


class RepoFile(Struct, frozen=True):
    """What the file says. `checks` has the linter too; `protect` None where nothing was said, so that the detected
    patterns hold."""

    checks: tuple[CheckSpec, ...] = ()
    prepare: tuple[str, ...] = ()
    protect: tuple[str, ...] | None = None
    lint: tuple[str, ...] = ()


def read_repo_file(data: bytes, origin: str = NAME) -> RepoFile:
    """Raises ConfigError with every error of the file, a line each."""
    if len(data) > LARGEST:
        raise ConfigError(f"{origin} is larger than such a file is ever ({LARGEST // 1024} KiB)", _HINT)
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{origin} is no TOML: {error}", _HINT) from error
    problems = [*_unknown(table, _TABLES, ""), *_not_tables(table)]
    tables, code = (value if isinstance(value := table.get(key, {}), dict) else {} for key in _TABLES)
    problems += _code_problems(code)
    checks = _checks(tables, problems)
    if "lint" in code and any(spec.name == LINT for spec in checks):
        problems.append("lint is named twice: in [code] and in [checks.lint]")
    if problems:
        raise ConfigError("\n".join(f"{origin}: {problem}" for problem in problems), _HINT)
    lint = _words(code.get("lint", ()))
    if lint:
        checks = [*checks, CheckSpec(LINT, "command", {"run": list(lint)})]
    protect = tuple(code["protect"]) if "protect" in code else None
    return RepoFile(tuple(checks), _words(code.get("prepare", ())), protect, lint)


def _unknown(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> Iterator[str]:
    for key in table:
        if key not in known:
            near = did_you_mean(key, known) or f", expected {' or '.join(known)}"
            yield f"{where}{key!a} is no key of it{near}"


def _not_tables(table: Mapping[str, Any]) -> Iterator[str]:
    for key in _TABLES:
        if not isinstance(table.get(key, {}), dict):
            yield f"{key}: expected a table, got {table[key]!r}"[:200]


def _code_problems(code: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(code, tuple(_CODE), "[code] ")
    for key in ("prepare", "lint"):
        if key in code and not _is_command(code[key]):
            yield f"[code] {key}: expected {_CODE[key]}, got {code[key]!r}"[:200]
    patterns = code.get("protect", [])
    if not isinstance(patterns, list) or not all(isinstance(one, str) and one.strip() for one in patterns):
        yield f"[code] protect: expected {_CODE['protect']}, got {patterns!r}"[:200]


def _is_command(value: object) -> bool:
    try:
        words = _words(value)
    except ValueError:  # an open quotation mark
        return False
    return bool(words) and all(isinstance(word, str) and "\0" not in word for word in words)


def _words(value: Any) -> tuple[Any, ...]:
    """A command's words; a text is split as a shell splits words, and never given to one."""
    if isinstance(value, str):
        return tuple(shlex.split(value))
    return tuple(value) if isinstance(value, list | tuple) else ()


def _checks(tables: Mapping[str, Any], problems: list[str]) -> list[CheckSpec]:
    found = []
    for name, table in tables.items():
        if not name.strip():
            problems.append(f"[checks.{name!r}] has no name")
        try:
            found.append(load_spec(name, table))
        except UsageError as error:
            problems += error.message.replace("; [checks.", "\n[checks.").split("\n")
    return found


def render_rules(specs: Sequence[CheckSpec]) -> str:
    """The file that names these checks; without any, one to begin with."""
    if not specs:
        return '[checks.acceptance]\nrun = ["make", "test"]  # the command that must end with 0'
    lines = []
    for spec in specs:
        words = ", ".join(json.dumps(word, ensure_ascii=False) for word in spec.options["run"])
        lines += [f"[checks.{spec.name}]"]
        lines += [] if spec.check == "command" else [f'check = "{spec.check}"', f'tool = "{spec.options["tool"]}"']
        lines += [f"run = [{words}]"]
        lines += [] if spec.required else ["required = false  # not installed here"]
    return "\n".join(lines)
