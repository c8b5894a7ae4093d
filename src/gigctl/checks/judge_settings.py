"""What a tree's own settings say of its tests: where they are, and what is set up before them.

Plain reading of text: nothing of a repository is run, and what can't be read names nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from gigctl.checks.judge_names import (
    anchored,
    file_patterns,
    has_tests_alone,
    iter_texts,
    module_patterns,
    names_tests,
    split_words,
)
from gigctl.checks.protect import PROTECTED
from gigctl.checks.settings import Files, find_settings

__all__ = ["protected_by"]

_KEYS_OF_PROGRAMS = re.compile(
    r"""\b(?:setupFiles(?:AfterEnv)?|globalSetup|globalTeardown|testEnvironment|environment|runner|reporters?|transform
        |snapshotSerializers|resolver|preset|require|import|file|files|spec|include|testMatch|testRegex|roots)["']?\s*:\s*
        (\[[^\]]{0,4000}\]|\{[^}]{0,4000}\}|"[^"\n]*"|'[^'\n]*'|`[^`\n]*`)""",
    re.VERBOSE,
)
"""In settings that are a program: the keys that name what is set up before the tests, and which those are."""
_RELATIVE = re.compile(r"""(?:\bfrom|\bimport|\b(?:require|import)\s*\()\s*["'](\.{1,2}/[^"'\n]{1,300})["']""")
_QUOTED = re.compile(r"""["'`]([^"'`\n]{1,300})["'`]""")
_PROGRAM = re.compile(
    r"(?:^|/)(?:(?:jest|vitest|vite|ava|karma|eslint|prettier)\.(?:config|conf|workspace|setup)|\.mocharc|\.eslintrc"
    r"|\.prettierrc)\.[cm]?[jt]s$"
)
_PLUGINS = re.compile(
    r"^pytest_plugins\s*(?::[^=\n]+)?=\s*([\[(][^\])]{0,4000}[\])]|[\"'][^\"'\n]*[\"'])", re.MULTILINE
)


def protected_by(files: Files) -> tuple[str, ...]:
    """The patterns of what a change is not judged by, where nobody said: all tests and their settings, and what this
    tree's own settings name."""
    own: list[str] = []
    for setting in find_settings(files):
        own += _TESTS_OF.get(setting.tool, _no_tests)(setting.values, files)
    for path, text in files.texts.items():
        if _PROGRAM.search(path):
            own += _of_program(path, text, files)
        elif path.rpartition("/")[2] == "conftest.py":
            own += [
                pattern
                for found in _PLUGINS.findall(text)
                for name in _QUOTED.findall(found)
                for pattern in module_patterns(name)
            ]
    return tuple(dict.fromkeys([*PROTECTED, *(pattern for pattern in own if pattern.strip("/.*"))]))


def _no_tests(values: Mapping[str, Any], files: Files) -> list[str]:
    return []


def _of_pytest(values: Mapping[str, Any], files: Files) -> list[str]:
    """Where its tests are, what they are named, and the plugins that it is told to load."""
    options = split_words(values.get("addopts"))
    loaded = [word for before, word in pairwise(options) if before == "-p"]
    loaded += [word[2:] for word in options if word.startswith("-p")]
    plugins = [name for name in loaded if re.fullmatch(r"[\w.]+", name)]
    folders = [path for path in anchored(split_words(values.get("testpaths"))) if has_tests_alone(path, files)]
    named = [word for word in split_words(values.get("python_files")) if names_tests(word)]
    return [*folders, *named, *(pattern for name in plugins for pattern in module_patterns(name))]


def _of_jest(values: Mapping[str, Any], files: Files) -> list[str]:
    """What its tests are named, and each file of the tree that its settings name: what is set up before them."""
    roots = [path for path in anchored(split_words(values.get("roots"))) if "est" in path]
    matched = [word for word in anchored(split_words(values.get("testMatch"))) if names_tests(word)]
    return [*roots, *matched, *(path for path in anchored(iter_texts(values)) if path.strip("/") in files.paths)]


def _of_mocha(values: Mapping[str, Any], files: Files) -> list[str]:
    named = [word for key in ("spec", "require", "file", "import") for word in split_words(values.get(key))]
    globs = anchored(word for word in named if "*" in word and names_tests(word))
    folders = [f"/{word.strip('./')}/**" for word in named if has_tests_alone(word, files)]
    return [*globs, *folders, *(pattern for word in named for pattern in file_patterns(word, files))]


_TESTS_OF: Mapping[str, Callable[[Mapping[str, Any], Files], list[str]]] = {
    "pytest": _of_pytest, "jest": _of_jest, "mocha": _of_mocha,
}  # fmt: skip


def _of_program(path: str, text: str, files: Files) -> Iterator[str]:
    """What settings that are a program load themselves, and what their keys name."""
    folder = path.rpartition("/")[0]
    for word in _RELATIVE.findall(text):
        yield from file_patterns(_joined(folder, word), files)
    for value in _KEYS_OF_PROGRAMS.findall(text):
        for word in _QUOTED.findall(value):
            plain = word.removeprefix("<rootDir>/")
            yield from file_patterns(_joined(folder, plain), files)
            if "*" in plain and names_tests(plain):
                yield from anchored([_joined(folder, plain)])


def _joined(folder: str, word: str) -> str:
    """A path that starts at a folder, from the top; one that leaves the tree is nothing."""
    parts = [part for part in folder.split("/") if part]
    for part in word.split("/"):
        if part == ".." and not parts:
            return ""
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
