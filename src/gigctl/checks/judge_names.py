"""Names of files as settings and command lines have them, and the patterns that cover what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gigctl.checks.settings import Files

__all__ = ["TESTS", "anchored", "file_patterns", "has_module", "has_tests_alone", "inside", "iter_texts",
           "module_patterns", "names_tests", "split_words"]  # fmt: skip

TESTS = re.compile(r"(?:^|[/_.*-])(?:tests?|checks?|specs?|should|it|e2e)(?:[/_.*-]|$)", re.IGNORECASE)
"""A path or pattern that says that tests are there."""
_TEST_PATH = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|tests)\.py$")
_ENDINGS = ("", ".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".jsx", ".tsx", ".json", ".py", "/index.js", "/index.ts")


def inside(files: Files, folder: str) -> Files:
    """The files of a folder (`a/b/`), as they are called there."""
    if not folder:
        return files
    paths = frozenset(path.removeprefix(folder) for path in files.paths if path.startswith(folder))
    texts = {path.removeprefix(folder): text for path, text in files.texts.items() if path.startswith(folder)}
    return Files(paths, texts)


def file_patterns(word: str, files: Files) -> Iterator[str]:
    """A file by its name, or by the name that Node finds it by: then all that it would find by it."""
    plain = word.removeprefix("./").strip("/")
    if plain in files.paths:
        yield f"/{plain}"
    elif plain and any(f"{plain}{ending}" in files.paths for ending in _ENDINGS):
        yield f"/{plain}.*"
        yield f"/{plain}/**"


def module_patterns(name: str) -> tuple[str, ...]:
    plain = name.replace(".", "/")
    return (f"/{plain}.py", f"/{plain}/**", f"/src/{plain}.py", f"/src/{plain}/**")


def has_module(name: str, files: Files) -> bool:
    plain = name.replace(".", "/")
    endings = (".py", "/__init__.py", "/__main__.py")
    return any(f"{root}{plain}{ending}" in files.paths for root in ("", "src/") for ending in endings)


def has_tests_alone(folder: str, files: Files) -> bool:
    """Whether a folder that a runner looks into is one of tests: it may be the package itself, which is what is to be
    changed."""
    place = folder.strip("./")
    inner = [path for path in files.paths if path.startswith(f"{place}/") and path.endswith(".py")]
    own = (path.rpartition("/")[2] in ("conftest.py", "__init__.py") or _TEST_PATH.search(path) for path in inner)
    return bool(place) and (TESTS.search(place) is not None or (bool(inner) and all(own)))


def names_tests(pattern: str) -> bool:
    """Whether a pattern says more than which language: `check_*.py`, and not `*.py` or `src/**/*.js`."""
    return TESTS.search(pattern) is not None and not set("{}()!|") & set(pattern)


def anchored(words: Iterable[str]) -> list[str]:
    """Paths and patterns as they are from the top of the tree."""
    plain = (word.removeprefix("<rootDir>/").removeprefix("./").strip("/") for word in words)
    return [word if word.startswith("**") else f"/{word}" for word in plain if word]


def iter_texts(value: object) -> Iterator[str]:
    """Each text in a value of plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from iter_texts(one)


def split_words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
