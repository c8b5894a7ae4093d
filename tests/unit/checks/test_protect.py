from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.checks.protect import PROTECTED, find_shadows, is_protected, put_back
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
                 "sitecustomize.py", "x.pth", "a/b/jest.config.mjs", "tsconfig.b.json", ".eslintrc.js",
                 "test-calc.mjs", "calc-test.js", "calc_test.ts", "test.cjs", "a.egg-info/x"):  # fmt: skip
        assert is_protected(path, PROTECTED), path
    for path in (
        "src/app.py",
        "README.md",
        "latest.py",
        "contest.py",
        "src/testing.py",
        "lib/protest/x",
        "latest.js",
        "contest.ts",
        "src/attest-all.js",
        "test.md",
    ):
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


def test_many_patterns_and_paths_take_no_time() -> None:
    begun = time.process_time()
    for n in range(10_000):
        is_protected(f"src/package_{n % 97}/module_{n}.py", PROTECTED)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "path",
    [
        "pytest.py", "pytest/__init__.py", "_pytest/x/y.py", "src/pluggy.py", "unittest/case.py", "argparse.py",
        "re.cpython-311-x86_64-linux-gnu.so", "api/src/os.py", "api/random.pyc", "node_modules/.bin/jest",
        "lib/json.py", "web/node_modules/x", ".venv/bin/python", "venv/lib/x.py", "_hypothesis_pytestplugin.py",
        "pytest_mock/__init__.py", "tools/unittest.py", "anyio.py",
    ],
)  # fmt: skip
def test_what_takes_a_tools_place_is_left_out(path: str) -> None:
    base = ["app.py", "src/app/types.py", "api/pyproject.toml", "vendor/x", "tools/gigctl.toml"]
    package = [f"{path[: -len(name)]}__init__.py" for name in ("x/y.py", "case.py") if path.endswith(f"/{name}")]
    assert list(find_shadows([path, *package], base)) == [path, *package]


@pytest.mark.parametrize(
    "path",
    [
        "src/app/types.py", "app/random.py", "logging/new.py", "types_of.py", "docs/json.md", "json.md", "pytest.cfg",
        "web/src/token.ts", "node_modules", "third/node_modules/b", "vendor/x/y", "a b/os.py",
        "email/welcome.html", "packaging/rpm.spec", "mock/server.js", "unittest/case.py", "src/platform/mac.py",
    ],
)  # fmt: skip
def test_a_projects_own_names_are_its_own(path: str) -> None:
    base = ["logging/__init__.py", "app.py", "third/node_modules/a", "a b/c.py"]
    assert list(find_shadows([path], base)) == []


def test_the_repository_of_a_test_runner_may_be_changed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    store = Store.open(tmp_path / "git")
    base = store.tree_of(Content((Change("src/_pytest/main.py", REGULAR, b"1"), Change("x", REGULAR, b"1"))))
    mended = (Change("src/_pytest/main.py", REGULAR, b"2"), Change("src/_pytest/new.py", REGULAR, b"2"))
    tree = store.tree_of(Content(mended, base))
    assert put_back(store, tree, base, PROTECTED).tree == tree


def test_nothing_protected_is_nothing_put_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    store = Store.open(tmp_path / "git")
    base = store.tree_of(Content((Change("tests/a.py", REGULAR, b"1"),)))
    tree = store.tree_of(Content((Change("tests/a.py", REGULAR, b"2"), Change("json.py", REGULAR, b"2")), base))
    assert put_back(store, tree, base, ()).tree == tree
    assert put_back(store, tree, base, ("spec/**",)).left_out == ("json.py",)
