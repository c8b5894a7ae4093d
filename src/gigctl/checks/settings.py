"""What a repository says of itself in its own settings files: the tools it uses and how it wants its code written.

Facts, as plain data: nothing of a repository is run, and a file that can't be read says nothing.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct

from gigctl.system.git.store import Store

__all__ = ["Files", "Setting", "find_settings", "load_files"]

LARGEST = 256 * 1024
"""Bytes of a settings file; what is larger was not written by hand."""
_TEST_FILES = 40
"""Test files that are looked into, to see what runs them."""
_LARGEST_VALUE = 400

_NAMED = (
    "pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml",
    "noxfile.py", ".flake8", "ruff.toml", ".ruff.toml", "mypy.ini", ".mypy.ini", ".isort.cfg", ".editorconfig",
    "pyrightconfig.json", ".pylintrc", "pylintrc", "pylintrc.toml", ".pylintrc.toml", "package.json",
    "tsconfig.json", "biome.json", "biome.jsonc", "Makefile", "makefile", "GNUmakefile",
)  # fmt: skip
_PATTERNS = re.compile(
    r"\.eslintrc(?:\.\w+)?|eslint\.config\.\w+|\.prettierrc(?:\.\w+)?|prettier\.config\.\w+|jest\.config\.\w+|\.mocharc(?:\.\w+)?"
    r"|vitest\.(?:config|workspace|setup)\.\w+|vite\.config\.\w+|(?:ava|karma)\.conf(?:ig)?\.\w+"
    r"|requirements[\w.-]*\.(?:txt|in)"
)
_TEST_FILE = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|tests)\.py$")

_TOML = {
    "ruff": ("tool", "ruff"), "black": ("tool", "black"), "isort": ("tool", "isort"), "flake8": ("tool", "flake8"),
    "mypy": ("tool", "mypy"), "pyright": ("tool", "pyright"), "pytest": ("tool", "pytest"),
    "pylint": ("tool", "pylint"),
}  # fmt: skip
_INI = {"flake8": "flake8", "isort": "isort", "pycodestyle": "pycodestyle", "mypy": "mypy", "pytest": "pytest",
        "tool:pytest": "pytest", "settings": "isort"}  # fmt: skip
_IN_PACKAGE = {"eslintConfig": "eslint", "prettier": "prettier", "jest": "jest", "ava": "ava", "mocha": "mocha"}


class Files(Struct, frozen=True):
    """A tree's paths, and the texts of those that are settings or tests."""

    paths: frozenset[str]
    texts: Mapping[str, str]


class Setting(Struct, frozen=True):
    """What `path` says to `tool`; `values` is plain JSON data, empty where the file is a program of its own."""

    tool: str
    path: str
    values: Mapping[str, Any]


def load_files(store: Store, tree: str, folder: str = "") -> Files:
    """The settings of the top folder, and of one more (`a/b/`), the first few of all test files, and every path."""
    entries = store.list_tree(tree)
    tests = [entry.path for entry in entries if _TEST_FILE.search(entry.path)][:_TEST_FILES]
    wanted = {entry.path for entry in entries if _is_settings(entry.path.removeprefix(folder))} | set(tests)
    wanted |= {entry.path for entry in entries if _is_settings(entry.path) or _is_set_up(entry.path)}
    found = store.read_entries(
        e for e in entries if e.path in wanted and e.size <= LARGEST and e.mode.startswith("100")
    )
    texts = {change.path: (change.data or b"").decode("utf-8-sig", "replace") for change in found}
    return Files(frozenset(entry.path for entry in entries), texts)


def _is_settings(path: str) -> bool:
    return path in _NAMED or _PATTERNS.fullmatch(path) is not None


def _is_set_up(path: str) -> bool:
    return path.rpartition("/")[2] == "conftest.py"


def find_settings(files: Files) -> tuple[Setting, ...]:
    """All that the settings files say to a formatter, linter, type checker or test runner, by file."""
    found: list[Setting] = []
    for path in sorted(files.texts):
        if _is_settings(path):
            found += _read(path, files.texts[path])
    return tuple(found)


def _read(path: str, text: str) -> Iterator[Setting]:
    name = PurePosixPath(path).name
    if name == "pyproject.toml":
        yield from _from_tables(path, _toml(text))
    elif name in ("ruff.toml", ".ruff.toml"):
        yield Setting("ruff", path, _plain(_toml(text)))
    elif name in (
        "setup.cfg",
        "tox.ini",
        "pytest.ini",
        ".pytest.ini",
        ".flake8",
        "mypy.ini",
        ".mypy.ini",
        ".isort.cfg",
    ):
        yield from _from_ini(path, text)
    elif name in ("pytest.toml", ".pytest.toml"):
        yield from _from_tables(path, {"tool": _toml(text)})
    elif name in (".pylintrc", "pylintrc"):
        yield Setting("pylint", path, _plain(_ini(text)))
    elif name in ("pylintrc.toml", ".pylintrc.toml"):
        yield Setting("pylint", path, _plain(_toml(text)))
    elif name == ".editorconfig":
        sections = _ini(f"[]\n{text}".replace("[]\n", "[(all)]\n", 1))
        yield Setting("editorconfig", path, {key: values for key, values in sections.items() if values})
    elif name == "package.json":
        yield from _from_package(path, _json(text))
    elif name == "pyrightconfig.json":
        yield Setting("pyright", path, _plain(_json(text)))
    elif name == "tsconfig.json":
        options = _json(text).get("compilerOptions", {})
        yield Setting("tsc", path, _plain(options if isinstance(options, dict) else {}))
    elif found := re.match(r"\.?(eslint|prettier|jest|vitest|biome|mocha)", name):
        yield Setting(found[1], path, _plain(_from_any(name, text)))


def _from_tables(path: str, table: Mapping[str, Any]) -> Iterator[Setting]:
    for tool, keys in _TOML.items():
        values: Any = table
        for key in keys:
            values = values.get(key) if isinstance(values, dict) else None
        if isinstance(values, dict):
            inner = values.get("ini_options") if tool == "pytest" else None
            yield Setting(tool, path, _plain(inner if isinstance(inner, dict) else values))


def _from_ini(path: str, text: str) -> Iterator[Setting]:
    for section, values in _ini(text).items():
        if section in _INI:
            yield Setting(_INI[section], path, values)
        elif section.lower().startswith("pylint"):
            yield Setting("pylint", path, values)


def _from_package(path: str, table: Mapping[str, Any]) -> Iterator[Setting]:
    for key, tool in _IN_PACKAGE.items():
        if isinstance(table.get(key), dict):
            yield Setting(tool, path, _plain(table[key]))


def _from_any(name: str, text: str) -> Mapping[str, Any]:
    """A settings file that is JSON or YAML; one that is a program is named, and not run."""
    if name.endswith((".js", ".cjs", ".mjs", ".ts", ".mts", ".cts")):
        return {}
    table = _json(text)
    if table or text.lstrip().startswith("{"):
        return table
    return _yaml(text)


# --- forms ---


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _ini(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, default_section="\0", allow_no_value=True)
    try:
        parser.read_string(text)
    except (configparser.Error, AttributeError):  # the latter: a line that goes on a key without a value
        return {}
    return {name: {key: (value or "").strip() for key, value in parser[name].items()} for name in parser.sections()}


def _json(text: str) -> Mapping[str, Any]:
    """JSON as these tools read it, with comments and a comma too many."""
    for form in (text, _without_comments(text)):
        try:
            found = json.loads(form)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


_TOKENS = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)


def _without_comments(text: str) -> str:
    plain = _TOKENS.sub(lambda found: found[0] if found[0].startswith(('"', ",")) else " ", text)
    return _TOKENS.sub(lambda found: "" if found[0] == "," else found[0], plain)


def _yaml(text: str) -> Mapping[str, Any]:
    import yaml

    if re.search(r"[&*]\w", text):  # an alias can be a thousand million lines
        return {}
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON data, each short enough to be told."""
    out = {}
    for key, value in values.items():
        try:
            text = json.dumps(value, default=str)
        except (ValueError, RecursionError):
            continue
        out[str(key)] = json.loads(text) if len(text) <= _LARGEST_VALUE else "…"
    return out


def mentions(texts: Iterable[str], word: str) -> bool:
    """Whether a name stands by itself in one of the texts."""
    pattern = re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w-])")
    return any(pattern.search(text) for text in texts)
