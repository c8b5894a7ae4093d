"""Files that a change must not judge itself by: which they are, and a tree with them put back as its base has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from gigctl.system.git.store import Store

__all__ = ["PROTECTED", "PutBack", "is_protected", "put_back"]

PROTECTED = (
    # Python's tests, and what says which of them run and how.
    "tests/**", "test/**", "test_*.py", "*_test.py", "conftest.py", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg",
    "pyproject.toml", "noxfile.py", ".coveragerc",
    # What Python would load in the place of a runner, or before one.
    "pytest.py", "pytest/**", "_pytest/**", "pluggy/**", "unittest.py", "unittest/**", "sitecustomize.py",
    "usercustomize.py", "*.pth", "pyvenv.cfg",
    # JavaScript's.
    "__tests__/**", "__mocks__/**", "*.test.*", "*.spec.*", "jest.config.*", "vitest.config.*", "vite.config.*",
    "babel.config.*", ".babelrc", ".mocharc.*", "package.json", ".npmrc",
)  # fmt: skip
"""Where nobody said what is protected: tests and their settings, in any folder."""
_NO_BLOB = "0" * 40
_GONE = "0"


class PutBack(Struct, frozen=True):
    """`tree` is judged; `restored` are as the base has them again, `left_out` were added by the change."""

    tree: str
    restored: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def is_protected(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern covers a path. `*` stays within a name and `**` does not; one without a slash is met in any
    folder; one that names a folder covers all below it."""
    names = path.split("/")
    return any(_covers(_parts(pattern), names) for pattern in patterns)


def _parts(pattern: str) -> list[str]:
    plain = pattern.strip().removeprefix("./")
    parts = [part for part in plain.split("/") if part]
    anchored = "/" in plain.rstrip("/") or plain.startswith("/")
    # `tests/**` alone is met in any folder as well: a monorepo has many.
    return [*([] if anchored and parts[1:] != ["**"] else ["**"]), *parts, "**"]


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


def put_back(store: Store, tree: str, base: str, patterns: Sequence[str]) -> PutBack:
    """The tree with its protected files as the tree `base` has them, and none that `base` has not."""
    now = {e.path: (e.mode, e.id) for e in store.list_tree(tree) if is_protected(e.path, patterns)}
    was = {e.path: (e.mode, e.id) for e in store.list_tree(base) if is_protected(e.path, patterns)}
    restored = sorted(path for path in was if now.get(path) != was[path])
    left_out = sorted(path for path in now if path not in was)
    if not restored and not left_out:
        return PutBack(tree)
    with store.index(tree) as index:
        index.stage((_GONE, _NO_BLOB, path) for path in left_out)
        index.stage((*was[path], path) for path in restored)
        return PutBack(index.write(), tuple(restored), tuple(left_out))
