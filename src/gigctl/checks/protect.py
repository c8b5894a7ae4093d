"""Files that a change must not judge itself by: which they are, and the tree with them as the base has them."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from msgspec import Struct

from gigctl.system.git.store import Entry, Store

__all__ = ["PROTECTED", "PutBack", "find_shadows", "is_protected", "put_back"]

PROTECTED = (
    # Python's tests, what says which of them run and how, and what runs before any of them.
    "tests/**", "test/**", "test_*.py", "*_test.py", "tests.py", "conftest.py", "pytest.ini", ".pytest.ini",
    "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg", "pyproject.toml", "noxfile.py", ".coveragerc",
    "sitecustomize.py", "usercustomize.py", "*.pth", "pyvenv.cfg", "__pycache__/**", ".env", ".env.*", ".envrc",
    "*.dist-info/**", "*.egg-info/**",
    # JavaScript's.
    "__tests__/**", "__mocks__/**", "*.test.*", "*.spec.*", "jest.config.*", "jest.setup.*", "setupTests.*",
    "vitest.config.*", "vitest.setup.*", "vitest.workspace.*", "vite.config.*", "babel.config.*", ".babelrc*",
    ".mocharc.*", "ava.config.*", "karma.conf.*", ".nycrc*", ".c8rc*", ".taprc", ".swcrc", "bunfig.toml",
    "__snapshots__/**", "*.snap", "package.json", ".npmrc", ".yarnrc*", ".pnpmfile.*", "node.config.json",
    "*[-_]test.*[jt]s*", "test-*.*[jt]s*", "test.*[jt]s*", "*[-_]spec.*[jt]s*", "vitest.projects.*", "*_test.go",
    # What a linter, formatter or type checker lets pass.
    "ruff.toml", ".ruff.toml", ".flake8", ".isort.cfg", "mypy.ini", ".mypy.ini", "pyrightconfig.json", ".pylintrc*",
    "pylintrc", "pylintrc.toml", ".eslintrc*", "eslint.config.*", ".eslintignore", ".prettierrc*",
    "prettier.config.*", ".prettierignore", "biome.json*", "tsconfig*.json", "jsconfig.json", ".editorconfig",
)  # fmt: skip
"""Where nobody said what is protected: tests, their settings and those of linters, in any folder."""

_RUNNERS = frozenset({
    "sitecustomize", "usercustomize",
    "pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli", "nose",
    "nose2", "coverage", "pytest_cov", "xdist", "ruff", "black", "isort", "flake8", "pycodestyle", "pyflakes", "mypy",
    "mypy_extensions", "pylint", "astroid", "mccabe", "pathspec", "platformdirs", "click",
    "hypothesis", "anyio", "faker", "typeguard", "syrupy", "respx", "requests_mock", "pyfakefs", "sybil",
    "schemathesis", "time_machine", "freezegun", "testtools", "unittest2", "mock", "sniffio",
    "attr", "attrs", "sortedcontainers",
})  # fmt: skip
"""What `python -m pytest` and its plugins load: a module of that name at the top would be loaded in its place."""
_ROOTS = ("", "src/", "lib/")
"""Where a project's own modules begin, and Python looks before it looks for what is installed."""
_PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg", "gigctl.toml")
_INSTALLED = frozenset({"node_modules", ".venv", "venv", ".tox", ".nox", "__pypackages__"})
"""Folders of dependencies: one that a change brings along hides the client's own."""
_PACKAGE = re.compile(r"/__init__\.(?:pyc?|(?:[\w-]+\.)*so)$")
_MODULE = re.compile(r"([A-Za-z_]\w*)(?:\.pyc?|(?:\.[\w-]+)?\.so)")

_NO_BLOB = "0" * 40
_GONE = "0"


class PutBack(Struct, frozen=True):
    """`tree` is judged; `restored` are as the base has them again, `left_out` were added by the change."""

    tree: str
    restored: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


# --- patterns ---


def is_protected(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern covers a path. `*` stays within a name and `**` does not; one without a slash is met in any
    folder; one that names a folder covers all below it."""
    return _matcher(tuple(patterns)).covers(path)


class _Matcher:
    """Patterns taken apart once. Most are a name in any folder, and a tree's names are few."""

    def __init__(self, patterns: Sequence[str]) -> None:
        parts = [_parts(pattern) for pattern in patterns]
        self._names = [part[1] for part in parts if _is_name(part)]
        self._others = [part for part in parts if not _is_name(part)]
        self._known: dict[str, bool] = {}

    def covers(self, path: str) -> bool:
        names = path.split("/")
        return any(self._is_named(name) for name in names) or any(_covers(parts, names) for parts in self._others)

    def _is_named(self, name: str) -> bool:
        if (known := self._known.get(name)) is None:
            known = self._known[name] = any(fnmatchcase(name, pattern) for pattern in self._names)
        return known


@lru_cache(maxsize=8)
def _matcher(patterns: tuple[str, ...]) -> _Matcher:
    return _Matcher(patterns)


def _is_name(parts: Sequence[str]) -> bool:
    return len(parts) == 3 and parts[0] == parts[2] == "**" != parts[1]


def _parts(pattern: str) -> list[str]:
    plain = pattern.strip().removeprefix("./")
    parts = [part for part in plain.split("/") if part]
    # `tests/**` is met in any folder as well: a monorepo has many.
    anchored = plain.startswith("/") or ("/" in plain.rstrip("/") and parts[1:] != ["**"])
    if parts[1:] == ["**"]:
        parts = parts[:1]
    return [*([] if anchored else ["**"]), *parts, "**"]


def _covers(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Names against parts, of which `**` is any number of names; at most their product of steps."""
    at = part = mark = 0
    star = -1
    while at < len(names):
        if part < len(parts) and parts[part] == "**":
            star, mark, part = part, at, part + 1
        elif part < len(parts) and fnmatchcase(names[at], parts[part]):
            at, part = at + 1, part + 1
        elif star >= 0:
            mark += 1
            at, part = mark, star + 1
        else:
            return False
    return all(rest == "**" for rest in parts[part:])


# --- what takes the place of a tool ---


def find_shadows(paths: Iterable[str], was: Collection[str]) -> Iterator[str]:
    """Of a change's paths those that Python or Node would load in the place of a tool, and the base (`was`) has not: a
    module named as one of the standard library or a test runner where a project's modules begin, or a folder of
    dependencies of its own."""
    paths = list(paths)
    roots = {root + more for root in _project_folders(was) for more in _ROOTS}
    tops = _tops(was, roots)
    packages = {path[: found.start()] for path in paths if (found := _PACKAGE.search(path))}
    for path in paths:
        brings = any(_brings(path, root, tops, packages) for root in roots if path.startswith(root))
        if brings or _brings_installed(path, tops):
            yield path


def _project_folders(paths: Iterable[str]) -> set[str]:
    return {"", *(path.removesuffix(name) for path in paths for name in _PROJECTS if path.endswith(f"/{name}"))}


def _tops(paths: Iterable[str], roots: Collection[str]) -> frozenset[str]:
    """What the base has itself: each module at a root by name, each folder of dependencies."""
    found = set()
    for path in paths:
        for root in roots:
            if path.startswith(root) and (name := _module(path[len(root) :])):
                found.add(root + name)
        found.update(_installed(path))
    return frozenset(found)


def _module(path: str) -> str:
    """The module that a path below a root belongs to."""
    first, slash, _ = path.partition("/")
    if slash:
        return first
    match = _MODULE.fullmatch(first)
    return match[1] if match else ""


def _brings(path: str, root: str, tops: frozenset[str], packages: Collection[str]) -> bool:
    """A folder that is no package goes after what is installed, and is mostly something else: `email/welcome.html`."""
    name = _module(path[len(root) :])
    if not name or not _is_tool(name) or root + name in tops:
        return False
    return "/" not in path[len(root) :] or root + name in packages


def _is_tool(module: str) -> bool:
    """Plugins of pytest say so by their names, mostly."""
    return module in _RUNNERS or module in sys.stdlib_module_names or "pytest" in module


def _brings_installed(path: str, tops: frozenset[str]) -> bool:
    return any(folder not in tops for folder in _installed(path))


def _installed(path: str) -> Iterator[str]:
    names = path.split("/")
    for n, name in enumerate(names[:-1], 1):
        if name in _INSTALLED:
            yield "/".join(names[:n])
            return


# --- putting back ---


def put_back(store: Store, tree: str, base: str, patterns: Sequence[str]) -> PutBack:
    """The tree with its protected files as the tree `base` has them, and none that `base` has not; nothing where
    nothing is protected. What would take a tool's place is left out whatever the patterns are."""
    if not patterns:
        return PutBack(tree)
    now = {entry.path: entry for entry in store.list_tree(tree)}
    was = {entry.path: entry for entry in store.list_tree(base)}
    restored = sorted(
        path for path, entry in was.items() if _differs(now.get(path), entry) and is_protected(path, patterns)
    )
    added = [path for path in now if path not in was]
    left_out = {path for path in added if is_protected(path, patterns)} | set(find_shadows(added, was))
    if not restored and not left_out:
        return PutBack(tree)
    with store.index(tree) as index:
        index.stage((_GONE, _NO_BLOB, path) for path in left_out)
        index.stage((was[path].mode, was[path].id, path) for path in restored)
        return PutBack(index.write(), tuple(restored), tuple(sorted(left_out)))


def _differs(one: Entry | None, other: Entry) -> bool:
    return one is None or (one.mode, one.id) != (other.mode, other.id)
