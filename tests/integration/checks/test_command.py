"""The acceptance command, really run: in bubblewrap where it works, and bare where the user allowed that."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from gigctl.checks import command
from gigctl.checks.base import BadOption
from gigctl.model import CheckContext, Content, Verdict
from gigctl.system.sandbox import Missing, Sandbox, find_sandbox

needs_sandbox = pytest.mark.skipif(isinstance(find_sandbox(), Missing), reason="no sandbox works here")
PASSING = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(1, 1)\n"
UNITTEST = ["python3", "-m", "unittest"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def check(tree: Path | None, argv: list[str] | str, /, content: Content | None = None, **more: Any) -> Verdict:
    options = {"run": argv, **{key: more.pop(key) for key in ("timeout", "protect") if key in more}}
    command.validate(options)
    context = CheckContext(tree=str(tree) if tree else None, **more)
    return asyncio.run(command.run(content or Content((), "0" * 40), options, context))


def said(verdict: Verdict) -> str:
    return verdict.evidence[0].message


@needs_sandbox
def test_exit_codes_decide(tree: Path) -> None:
    assert check(tree, ["true"]).outcome == "pass"
    failed = check(tree, ["sh", "-c", "echo broken >&2; exit 3"])
    assert failed.outcome == "fail"
    assert "exit code 3" in said(failed)
    assert "broken" in said(failed)


@needs_sandbox
def test_real_tests(tree: Path) -> None:
    (tree / "test_a.py").write_text(PASSING)
    assert check(tree, UNITTEST).outcome == "pass"
    (tree / "test_a.py").write_text(PASSING.replace("1, 1", "30, 90"))
    failed = check(tree, UNITTEST)
    assert failed.outcome == "fail"
    assert "AssertionError: 30 != 90" in said(failed)
    assert 'File "test_a.py", line 4' in said(failed)


@needs_sandbox
def test_pytest_of_the_callers_environment(tree: Path) -> None:
    (tree / "test_a.py").write_text("def test_a():\n    assert 30 == 90\n")
    failed = check(tree, [sys.executable, "-m", "pytest", "-q"])
    assert failed.outcome == "fail"
    assert "assert 30 == 90" in said(failed)
    (tree / "test_a.py").write_text("def test_a():\n    assert 90 == 90\n")
    assert check(tree, [sys.executable, "-m", "pytest", "-q"]).outcome == "pass"


@needs_sandbox
@pytest.mark.parametrize("test", [None, PASSING.replace("test_a", "other"), "import os\nos._exit(0)\n"])
def test_a_runner_that_proves_nothing_fails(tree: Path, test: str | None) -> None:
    if test:
        (tree / "test_a.py").write_text(test)
    failed = check(tree, UNITTEST)
    assert failed.outcome == "fail"
    assert "ran no test" in said(failed) or "without telling" in said(failed)


@needs_sandbox
def test_the_tree_is_not_written(tree: Path) -> None:
    (tree / "a").write_text("one")
    assert check(tree, ["sh", "-c", "echo two > a; echo x > b; grep two a"]).outcome == "pass"
    assert (tree / "a").read_text() == "one"
    assert not (tree / "b").exists()


@needs_sandbox
def test_nothing_of_home_and_no_network(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Path.home() / "secret"
    secret.write_text("key")
    monkeypatch.setenv("SOME_API_KEY", "key")
    assert check(tree, ["sh", "-c", f'test ! -e {secret} && test -z "$SOME_API_KEY"']).outcome == "pass"
    connect = "import socket; socket.create_connection(('1.1.1.1', 53), 2)"
    assert check(tree, ["python3", "-c", connect]).outcome == "fail"


@needs_sandbox
def test_limits(tree: Path) -> None:
    late = check(tree, ["sh", "-c", "echo begun; sleep 30"], timeout="1s")
    assert late.outcome == "fail"
    assert "did not end within 1 s" in said(late)
    loud = check(tree, ["sh", "-c", "yes"], timeout="20s")
    assert loud.outcome == "fail"
    assert "MiB" in said(loud)
    assert len(said(loud)) < 3000


@needs_sandbox
@pytest.mark.parametrize(
    ("argv", "outcome"),
    [
        (["no-such-program"], "skip"),
        (["python3", "-m", "no_such_module"], "skip"),
        (["node_modules/.bin/jest"], "skip"),
        (["./missing.sh"], "error"),
    ],
)
def test_what_is_not_installed_is_skipped_and_never_repaired(tree: Path, argv: list[str], outcome: str) -> None:
    found = check(tree, argv)
    assert found.outcome == outcome
    assert argv[-1].removeprefix("./") in said(found)


@needs_sandbox
def test_dependencies_of_the_repository_are_seen(tree: Path, tmp_path: Path) -> None:
    repository = tmp_path / "client"
    (repository / "node_modules" / "dep").mkdir(parents=True)
    (repository / "node_modules" / "dep" / "index.js").write_text("module.exports = 7\n")
    (repository / "own.txt").write_text("not committed")
    argv = ["sh", "-c", "test -e node_modules/dep/index.js && test ! -e own.txt"]
    assert check(tree, argv, repository=str(repository)).outcome == "pass"


def test_without_a_tree(tree: Path) -> None:
    assert check(None, ["true"]).outcome == "error"


def test_unprotected_where_the_user_allows_it(tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOME_API_KEY", "key")
    (tree / "a").write_text("one")
    found = check(tree, ["sh", "-c", 'echo two > a; test -z "$SOME_API_KEY"'], unsafe_no_sandbox=True)
    assert found.outcome == "pass"
    assert found.unsandboxed
    assert (tree / "a").read_text() == "one"
    failed = check(tree, ["sh", "-c", "pwd; exit 1"], unsafe_no_sandbox=True)
    assert failed.outcome == "fail"
    repository = tmp_path / "client"
    (repository / ".venv").mkdir(parents=True)
    argv = ["sh", "-c", "test -d .venv"]
    assert check(tree, argv, repository=str(repository), unsafe_no_sandbox=True).outcome == "pass"


def test_without_a_sandbox_it_is_skipped_and_gates(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The probe's answer is the machine's; here it is another machine's.
    find_sandbox.cache_clear()
    monkeypatch.setattr("gigctl.system.sandbox._TRUSTED_PATH", str(tree))
    try:
        found = check(tree, ["sh", "-c", "touch ran"])
    finally:
        monkeypatch.undo()
        find_sandbox.cache_clear()
    assert found.outcome == "skip"
    assert found.gates
    assert "bubblewrap is not installed" in said(found)


def test_options() -> None:
    assert command.option("pytest -q 'a b'") == {"run": ["pytest", "-q", "a b"]}
    for bad in ("", "  ", "it's"):
        with pytest.raises(BadOption):
            command.option(bad)
    for options in ({"run": []}, {"run": [1]}, {"run": ["x"], "timeout": "soon"}, {"run": ["x"], "protect": "tests"}):
        with pytest.raises(BadOption):
            command.validate(options)


@needs_sandbox
def test_the_same_failure_gives_the_same_words(tree: Path) -> None:
    (tree / "test_a.py").write_text(PASSING.replace("1, 1", "object(), 90"))
    assert said(check(tree, UNITTEST)) == said(check(tree, UNITTEST))


def test_the_sandbox_was_tried() -> None:
    assert isinstance(find_sandbox(), Sandbox | Missing)


@needs_sandbox
def test_fewer_tests_than_at_the_base_have_failed(tree: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "test_a.py").write_text(PASSING)
    (base / "test_b.py").write_text(PASSING)
    (tree / "test_a.py").write_text(PASSING)
    failed = check(tree, UNITTEST, base_tree=str(base))
    assert failed.outcome == "fail"
    assert "unittest ran 1 tests, and 2 at the base" in said(failed)
    (tree / "test_c.py").write_text(PASSING)
    assert check(tree, UNITTEST, base_tree=str(base)).outcome == "pass"
    (base / "test_b.py").write_text(PASSING.replace("1, 1", "1, 2"))  # one that failed there counts as well
    (tree / "test_c.py").unlink()
    assert check(tree, UNITTEST, base_tree=str(base)).outcome == "fail"
    (base / "test_a.py").write_text("import os\nos._exit(0)\n")  # nothing to compare with
    assert check(tree, UNITTEST, base_tree=str(base)).outcome == "pass"
