"""Tricks by which a change turns its test command green without mending anything. Each works on the bare tree (that is
tested as well), and is found out where the base is known."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gigctl.checks import command
from gigctl.flow import work
from gigctl.model import EXECUTABLE, REGULAR, Change, CheckContext, CheckSpec, Content, Verdict
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store
from gigctl.system.sandbox import Missing, find_sandbox

pytestmark = pytest.mark.skipif(isinstance(find_sandbox(), Missing), reason="no sandbox works here")

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
UNITTEST = ["python3", "-m", "unittest"]
BROKEN = "def add(a, b):\n    return a - b\n"
MENDED = "def add(a, b):\n    return a + b\n"
ADD = "def test_add():\n    assert add(1, 2) == 3\n"
NOTHING = "def test_nothing():\n    assert add(0, 0) == 0\n"
IMPORT = "from calc import add\n\n"
TEST = f"{IMPORT}{ADD}\n{NOTHING}"
CASE = """\
import unittest
from calc import add

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
    def test_nothing(self):
        self.assertEqual(add(0, 0), 0)
"""
SH = "#!/bin/sh\nexec python3 -m unittest\n"
SETTINGS = "[tool.pytest.ini_options]\naddopts = '-v'\n"
BASE = {"calc.py": BROKEN, "tests/test_calc.py": TEST, "pyproject.toml": SETTINGS}
BASE_BARE = {"calc.py": BROKEN, "tests/test_calc.py": TEST}
BASE_UNITTEST = {"calc.py": BROKEN, "test_calc.py": CASE}
BASE_SCRIPT = {**BASE_UNITTEST, "run_tests.sh": SH}
BASE_MAKE = {**BASE_UNITTEST, "Makefile": "test:\n\tpython3 -m unittest\n"}

WEAKER = TEST.replace("== 3", "== -1")
FORGED = "print('2 passed in 0.01s')\nraise SystemExit(0)\n"
FORGED_UNITTEST = "import sys\nprint('Ran 2 tests in 0.0s\\n\\nOK', file=sys.stderr)\nraise SystemExit(0)\n"
FORGING_HOOK = """\
import os
def pytest_sessionstart(session):
    print('2 passed in 0.01s', flush=True)
    os._exit(0)
"""
DESELECTING = """\
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if 'nothing' in item.name]
"""
EXPECTING_FAILURE = """\
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xfail)
"""
SKIPPED = f"import pytest\n{IMPORT}@pytest.mark.skip\n{ADD}\n{NOTHING}"
ELSEWHERE = {"tests/test_calc.py": None, "other/test_calc.py": "def test_a(): pass\ndef test_b(): pass\n"}
LOAD_TESTS = """\
def load_tests(loader, tests, pattern):
    return loader.loadTestsFromName('test_calc.T.test_nothing')
"""

TRICKS: dict[str, tuple[Mapping[str, str | None], list[str], Mapping[str, str]]] = {
    "a weakened test": ({"tests/test_calc.py": WEAKER}, PYTEST, BASE),
    "a deleted test": ({"tests/test_calc.py": IMPORT + NOTHING}, PYTEST, BASE),
    "a skipped test": ({"tests/test_calc.py": SKIPPED}, PYTEST, BASE),
    "tests elsewhere": (ELSEWHERE, PYTEST, BASE),
    "a conftest.py that deselects": ({"conftest.py": DESELECTING}, PYTEST, BASE),
    "a conftest.py that expects failure": ({"tests/conftest.py": EXPECTING_FAILURE}, PYTEST, BASE),
    "a conftest.py that ends the run": ({"conftest.py": FORGING_HOOK}, PYTEST, BASE),
    "addopts in pyproject.toml": ({"pyproject.toml": SETTINGS.replace("-v", "-k nothing")}, PYTEST, BASE),
    "a pytest.ini": ({"pytest.ini": "[pytest]\naddopts = -k nothing\n"}, PYTEST, BASE),
    "a tox.ini": ({"tox.ini": "[pytest]\npython_functions = test_nothing\n"}, PYTEST, BASE_BARE),
    "pytest.py": ({"pytest.py": FORGED}, PYTEST, BASE),
    "a package pytest": ({"pytest/__init__.py": "", "pytest/__main__.py": FORGED}, PYTEST, BASE),
    "pluggy.py": ({"pluggy.py": FORGED}, PYTEST, BASE),
    "a module of the standard library": ({"argparse.py": FORGED}, PYTEST, BASE),
    "a package unittest": (
        {"unittest/__init__.py": "", "unittest/__main__.py": FORGED_UNITTEST}, UNITTEST, BASE_UNITTEST,
    ),
    "a module that unittest loads": ({"difflib.py": FORGED_UNITTEST}, UNITTEST, BASE_UNITTEST),
    "a weakened case": ({"test_calc.py": CASE.replace(", 3)", ", -1)")}, UNITTEST, BASE_UNITTEST),
    "load_tests": ({"test_calc.py": CASE + LOAD_TESTS}, UNITTEST, BASE_UNITTEST),
    "the script of the command": ({"run_tests.sh": "#!/bin/sh\nexit 0\n"}, ["./run_tests.sh"], BASE_SCRIPT),
    "the Makefile of the command": ({"Makefile": "test:\n\ttrue\n"}, ["make", "test"], BASE_MAKE),
}  # fmt: skip
EASY = "require('node:test')('add', () => 1);require('node:test')('b', () => 1)\n"
OWN_JEST = "#!/bin/sh\necho 'Tests: 2 passed, 2 total'\n"
NODE_TRICKS: dict[str, tuple[Mapping[str, str | None], list[str]]] = {
    "a weakened test": ({"calc.test.js": EASY}, ["node", "--test"]),
    "scripts in package.json": ({"package.json": '{"scripts": {"test": "true"}}'}, ["npm", "test"]),
    "a runner of its own": ({"node_modules/.bin/jest": OWN_JEST}, ["node_modules/.bin/jest"]),
    "an .npmrc": ({".npmrc": "script-shell=/bin/true\n"}, ["npm", "test"]),
}
NODE_BASE = {
    "calc.js": "exports.add = (a, b) => a - b\n",
    "calc.test.js": "const t = require('node:test'), a = require('node:assert'), {add} = require('./calc')\n"
    "t('add', () => a.equal(add(1, 2), 3))\nt('nothing', () => a.equal(add(0, 0), 0))\n",
    "package.json": '{"scripts": {"test": "node --test"}}',
}


class Bench:
    def __init__(self, folder: Path, base: Mapping[str, str]) -> None:
        self.folder = folder
        self.store = Store.open(folder / "git")
        self.base = self.store.add_tree(_changes(base))

    def assess(self, change: Mapping[str, str | None], argv: list[str], **more: Any) -> Verdict:
        """As `run` and `check` of a task do it."""
        options = {"run": argv, **{k: more.pop(k) for k in ("protect",) if k in more}}
        context = CheckContext(format="code", base=self.base, **more)
        content = Content(_changes(change), self.base)
        specs = [CheckSpec("test", "command", options)]
        (found,) = asyncio.run(work.assess(content, specs, context, store=self.store.path))
        return found

    def bare(self, change: Mapping[str, str | None], argv: list[str]) -> Verdict:
        """The command alone, on the tree as the change has it."""
        tree = self.store.tree_of(Content(_changes(change), self.base))
        place = self.folder / "bare"
        check_out(self.store, tree, place)
        return asyncio.run(command.run(Content(()), {"run": argv}, CheckContext(tree=str(place))))


def _changes(files: Mapping[str, str | None]) -> tuple[Change, ...]:
    return tuple(
        Change(
            path,
            EXECUTABLE if path.endswith(".sh") or "/.bin/" in path else REGULAR,
            None if text is None else text.encode(),
        )
        for path, text in sorted(files.items())
    )


def said(verdict: Verdict) -> str:
    return "\n".join(one.message for one in verdict.evidence)


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_found_out(tmp_path: Path, trick: str) -> None:
    change, argv, base = TRICKS[trick]
    bench = Bench(tmp_path, base)
    assert bench.bare(change, argv).outcome == "pass", "the trick does not work any more: it proves nothing"
    found = bench.assess(change, argv)
    assert found.outcome == "fail"
    assert "put back" in said(found) or "left out" in said(found)


@pytest.mark.parametrize("trick", NODE_TRICKS)
def test_a_trick_of_node_is_found_out(tmp_path: Path, trick: str) -> None:
    change, argv = NODE_TRICKS[trick]
    bench = Bench(tmp_path, NODE_BASE)
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    assert bench.bare(change, argv).outcome == "pass", "the trick does not work any more: it proves nothing"
    found = bench.assess(change, argv)
    assert found.outcome in ("fail", "skip")
    assert "put back" in said(found) or "left out" in said(found)


@pytest.mark.parametrize(("argv", "base"), [(PYTEST, BASE), (UNITTEST, BASE_UNITTEST)])
def test_a_mended_tree_passes(tmp_path: Path, argv: list[str], base: Mapping[str, str]) -> None:
    bench = Bench(tmp_path, base)
    assert bench.assess({}, argv).outcome == "fail"
    mended = bench.assess({"calc.py": MENDED}, argv)
    assert (mended.outcome, mended.evidence) == ("pass", ())
    with_tests = bench.assess({"calc.py": MENDED, "tests/test_more.py": "def test_more(): assert 0\n"}, argv)
    assert with_tests.outcome == "pass"
    assert "tests/test_more.py: left out" in said(with_tests)


def test_who_is_asked_to_change_tests_is_judged_by_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path, BASE)
    more = TEST + "\ndef test_more():\n    assert add(2, 2) == 4\n"
    assert bench.assess({"calc.py": MENDED, "tests/test_calc.py": more}, PYTEST, protect=[]).evidence == ()
    wrong = bench.assess({"calc.py": MENDED, "tests/test_calc.py": more.replace("== 4", "== 5")}, PYTEST, protect=[])
    assert wrong.outcome == "fail"
    found = bench.assess({"calc.py": MENDED, "tests/test_calc.py": IMPORT + ADD}, PYTEST, protect=[])
    assert "ran 1 tests, and 2 at the base" in said(found)


def test_tests_that_the_code_itself_switches_off_are_missed(tmp_path: Path) -> None:
    """What is put back does not help where the code under test decides which tests there are."""
    test = (
        f"import calc\nimport pytest\n\n@pytest.mark.skipif(not hasattr(calc, 'add'), reason='old')\n{ADD}\n{NOTHING}"
    )
    test = test.replace("add(1", "calc.add(1").replace("assert add(0, 0)", "assert 0")
    bench = Bench(tmp_path, {**BASE, "tests/test_calc.py": test})
    found = bench.assess({"calc.py": "def other(): pass\n"}, PYTEST)
    assert "ran 1 tests, and 2 at the base" in said(found)


def test_the_base_is_counted_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"calc.py": MENDED, "tests/test_calc.py": TEST})
    assert bench.assess({"x.py": "1\n"}, PYTEST).outcome == "pass"
    (kept,) = (bench.store.path / "gigctl" / "at-base").iterdir()
    assert kept.read_text() == "2"
    kept.write_text("3")  # it is what is kept that counts, not another run
    found = bench.assess({"y.py": "1\n"}, PYTEST)
    assert "ran 2 tests, and 3 at the base" in said(found)
    kept.write_text("spoilt")
    assert bench.assess({"z.py": "1\n"}, PYTEST).outcome == "pass"
    assert kept.read_text() == "2"


def test_an_ignored_file_is_not_seen(tmp_path: Path) -> None:
    """What an agent left in its folder and git ignores is in no draft, and no check finds it."""
    from gigctl.system.git.folder import collect_folder

    bench = Bench(tmp_path, {**BASE, ".gitignore": "local_*\n", "calc.py": "from local_calc import add\n"})
    place = tmp_path / "work"
    check_out(bench.store, bench.base, place)
    (place / "local_calc.py").write_text(MENDED)
    (place / "calc.py").write_text("from local_calc import add as add\n")
    content = collect_folder(bench.store, place, bench.base).content
    assert [change.path for change in content.changes] == ["calc.py"]
    specs = [CheckSpec("test", "command", {"run": PYTEST})]
    context = CheckContext(format="code", base=bench.base)
    (found,) = asyncio.run(work.assess(content, specs, context, store=bench.store.path))
    assert found.outcome == "fail"
    assert "local_calc" in said(found)


def test_the_file_that_is_run_is_the_one_that_is_delivered(tmp_path: Path) -> None:
    """A client's own ignored files lie beside their tree, and only their folders of dependencies are seen."""
    bench = Bench(tmp_path, {**BASE, "calc.py": "from local_calc import add\n", ".gitignore": "local_*\n"})
    client = tmp_path / "client"
    client.mkdir()
    (client / "local_calc.py").write_text(MENDED)
    found = bench.assess({"x": "1"}, PYTEST, repository=str(client))
    assert found.outcome == "fail"
