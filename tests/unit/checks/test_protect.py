from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.checks.protect import PROTECTED, is_protected, put_back
from gigctl.model import EXECUTABLE, REGULAR, Change, Content
from gigctl.system.git.store import Store


@pytest.mark.parametrize(
    ("pattern", "covered", "free"),
    [
        ("tests/**", ["tests/a.py", "tests/a/b", "tests", "api/tests/x"], ["test", "my-tests/a", "tests.py"]),
        ("tests", ["tests", "tests/a", "a/tests/b"], ["testsuite"]),
        ("/tests", ["tests/a"], ["x/tests/a"]),
        ("api/tests", ["api/tests/a"], ["tests/a", "x/api/tests/a"]),
        ("test_*.py", ["test_a.py", "x/y/test_.py"], ["test_a.pyc", "a_test.py"]),
        ("a/*/c", ["a/b/c", "a/b/c/d"], ["a/b/x/c"]),
        ("a/**/c", ["a/c", "a/b/c", "a/b/x/c"], ["b/c"]),
        ("./x/y.toml", ["x/y.toml"], ["y.toml"]),
        ("[ab].txt", ["a.txt"], ["c.txt"]),
        ("ü *.py", ["ü 1.py"], ["u 1.py"]),
    ],
)
def test_what_a_pattern_covers(pattern: str, covered: list[str], free: list[str]) -> None:
    assert [path for path in covered if not is_protected(path, [pattern])] == []
    assert [path for path in free if is_protected(path, [pattern])] == []


def test_the_default_covers_tests_their_settings_and_what_could_take_the_runners_place() -> None:
    for path in ("tests/x.py", "src/a_test.py", "conftest.py", "pyproject.toml", "src/app.spec.ts", "package.json",
                 "pytest.py", "sitecustomize.py", "unittest/__init__.py", "a/b/jest.config.mjs"):  # fmt: skip
        assert is_protected(path, PROTECTED), path
    for path in ("src/app.py", "README.md", "latest.py", "contest.py", "src/testing.py", "lib/protest/x"):
        assert not is_protected(path, PROTECTED), path


@given(st.lists(st.sampled_from(["a", "b", "**", "*", "*a*b*a"]), min_size=1, max_size=12), st.text("ab/", max_size=60))
def test_no_pattern_takes_long_or_fails(parts: list[str], path: str) -> None:
    is_protected(path, ["/".join(parts)])


def test_a_pattern_of_many_stars_ends() -> None:
    assert not is_protected("/".join(["a" * 200] * 15), ["/".join(["**", "*a" * 40 + "b"] * 20)])


def files(**contents: str) -> tuple[Change, ...]:
    return tuple(Change(name.replace("__", "/"), REGULAR, text.encode()) for name, text in contents.items())


def test_put_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    store = Store.open(tmp_path / "git")
    base = store.tree_of(Content(files(app="1", tests__a="1", tests__b="1", tests__c="1")))
    change = (
        Change("app", REGULAR, b"2"),
        Change("tests/a", REGULAR, b"weaker"),
        Change("tests/b", REGULAR, None),
        Change("tests/c", EXECUTABLE, b"1"),
        Change("tests/new", REGULAR, b"x"),
    )
    found = put_back(store, store.tree_of(Content(change, base)), base, ["tests/**"])
    assert found.restored == ("tests/a", "tests/b", "tests/c")
    assert found.left_out == ("tests/new",)
    assert found.tree == store.tree_of(Content((Change("app", REGULAR, b"2"),), base))
    assert put_back(store, found.tree, base, ["tests/**"]).tree == found.tree


def test_put_back_where_a_file_took_the_place_of_a_folder(tmp_path) -> None:  # type: ignore[no-untyped-def]
    store = Store.open(tmp_path / "git")
    base = store.tree_of(Content(files(tests__a="1", src__test_x="1")))
    gone = (Change("tests/a", REGULAR, None), Change("src/test_x", REGULAR, None))
    change = (*gone, Change("tests", "120000", b"/etc"), Change("src", REGULAR, b"a file"))
    found = put_back(store, store.tree_of(Content(change, base)), base, ["tests/**", "test_*"])
    assert found.tree == base
