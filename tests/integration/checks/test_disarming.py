"""Tricks by which a change turns its test command green without mending anything. Each works on the bare tree (that is
tested as well), and is found out where the base is known."""

from __future__ import annotations

import asyncio
import importlib.util
import py_compile
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gigctl.checks import command
from gigctl.flow import work
from gigctl.model import EXECUTABLE, LINK, REGULAR, SUBMODULE, Change, CheckContext, CheckSpec, Content, Verdict
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

NOTHING_ELSE = "def test_a(): pass\ndef test_b(): pass\n"
EXPECTED = f"import pytest\n{IMPORT}@pytest.mark.xfail\n{ADD}\n{NOTHING}"
FORGED_MAKE = "test:\n\t@printf 'Ran 2 tests in 0.0s\\n\\nOK\\n'\n"
BASE_PLUGIN = {**BASE, "judge.py": "", "pyproject.toml": SETTINGS.replace("-v", "-v -p judge")}
BASE_INCLUDING = {**BASE_UNITTEST, "Makefile": "include rules.mk\n", "rules.mk": BASE_MAKE["Makefile"]}
BASE_DOTENV = {**BASE_UNITTEST, "Makefile": "test:\n\t. ./.env 2>/dev/null; python3 -m unittest\n", ".env": "\n"}
FORGED_SITE = FORGED_UNITTEST.replace("raise SystemExit", "import os; os._exit")
IN_SRC = ["env", "PYTHONPATH=src", *UNITTEST]

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
    "a pytest.toml": ({"pytest.toml": "[pytest]\naddopts = ['-k', 'nothing']\n"}, PYTEST, BASE),
    "a settings file in the tests' folder": (
        {"tests/pytest.ini": "[pytest]\naddopts = -k nothing\n"}, [*PYTEST, "tests"], BASE_BARE,
    ),
    "a plugin that the settings load": ({"judge.py": FORGING_HOOK}, PYTEST, BASE_PLUGIN),
    "a test of another case in its place": (
        {"tests/test_calc.py": None, "tests/Test_Calc.py": TEST, "tests/test_CALC.py": NOTHING_ELSE}, PYTEST, BASE,
    ),
    "expected failures": ({"tests/test_calc.py": EXPECTED}, PYTEST, BASE),
    "a package sitecustomize": (
        {"src/sitecustomize/__init__.py": FORGED_SITE}, IN_SRC, {**BASE_UNITTEST, "src/a.py": ""},
    ),
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
    "a GNUmakefile that goes before the Makefile": ({"GNUmakefile": FORGED_MAKE}, ["make", "test"], BASE_MAKE),
    "what the Makefile includes": ({"rules.mk": FORGED_MAKE}, ["make", "test"], BASE_INCLUDING),
    "a .env that the command reads": ({".env": "export PYTHONPATH=mine\n", "mine/unittest/__main__.py": FORGED_UNITTEST,
        "mine/unittest/__init__.py": ""}, ["make", "test"], BASE_DOTENV),
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
    assert kept.read_text() == "[2, false]"
    kept.write_text("[3, false]")  # it is what is kept that counts, not another run
    found = bench.assess({"y.py": "1\n"}, PYTEST)
    assert "ran 2 tests, and 3 at the base" in said(found)
    kept.write_text("spoilt")
    assert bench.assess({"z.py": "1\n"}, PYTEST).outcome == "pass"
    assert kept.read_text() == "[2, false]"


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


# --- what the files' kinds can do ---


def entries(bench: Bench, *changes: Change) -> Verdict:
    content = Content(tuple(sorted(changes, key=lambda change: change.path)), bench.base)
    context = CheckContext(format="code", base=bench.base)
    specs = [CheckSpec("test", "command", {"run": PYTEST})]
    (found,) = asyncio.run(work.assess(content, specs, context, store=bench.store.path))
    return found


EASIER = Change("other/test_calc.py", REGULAR, b"def test_a(): pass\ndef test_b(): pass\n")
KINDS = {
    "a link in a test's place": (EASIER, Change("tests/test_calc.py", LINK, b"../other/test_calc.py")),
    "a link in the tests' place": (
        EASIER, Change("tests", LINK, b"other"), Change("tests/test_calc.py", REGULAR, None),
    ),
    "a submodule in the tests' place": (
        EASIER, Change("tests", SUBMODULE, b"1" * 40), Change("tests/test_calc.py", REGULAR, None),
    ),
    "a folder in a test's place": (
        Change("tests/test_calc.py", REGULAR, None),
        Change("tests/test_calc.py/test_a.py", REGULAR, b"def test_a(): pass"),
    ),
    "settings in a link": (Change("pyproject.toml", LINK, b"mine.toml"),
        Change("mine.toml", REGULAR, SETTINGS.replace("-v", "-k nothing").encode())),
}  # fmt: skip


@pytest.mark.parametrize("trick", KINDS)
def test_another_kind_of_entry_in_a_tests_place(tmp_path: Path, trick: str) -> None:
    found = entries(Bench(tmp_path, BASE), *KINDS[trick])
    assert found.outcome == "fail", said(found)
    assert "-1 == 3" in said(found)  # it is the base's own test that has run
    assert "put back" in said(found)


def test_a_compiled_test_is_not_run_in_place_of_its_source(tmp_path: Path) -> None:
    """Python runs what lies compiled in `__pycache__` without a look at its source, where that says so itself."""
    bench = Bench(tmp_path, BASE_UNITTEST)
    weak = tmp_path / "test_calc.py"
    weak.write_text(CASE.replace(", 3)", ", -1)"))
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    made = Path(str(py_compile.compile(str(weak), str(tmp_path / "made.pyc"), invalidation_mode=mode)))
    name = Path(importlib.util.cache_from_source("test_calc.py")).name
    change = Change(f"__pycache__/{name}", REGULAR, made.read_bytes())
    content = Content((change,), bench.base)
    tree = bench.store.tree_of(content)
    check_out(bench.store, tree, tmp_path / "bare")
    python = [sys.executable, "-m", "unittest"]
    bare = asyncio.run(command.run(Content(()), {"run": python}, CheckContext(tree=str(tmp_path / "bare"))))
    assert bare.outcome == "pass", "the trick does not work any more: it proves nothing"
    context = CheckContext(format="code", base=bench.base)
    specs = [CheckSpec("test", "command", {"run": python})]
    (found,) = asyncio.run(work.assess(content, specs, context, store=bench.store.path))
    assert found.outcome == "fail"
    assert f"__pycache__/{name}: left out" in said(found)


# --- what the code under test can do ---

BY_THE_CODE = {
    "it ends the process": ("import os\nos._exit(0)\n", PYTEST, BASE),
    "it ends the process of unittest": ("import os\nos._exit(0)\n", UNITTEST, BASE_UNITTEST),
    "it leaves": ("raise SystemExit(0)\n", PYTEST, BASE),
    "it leaves unittest": ("raise SystemExit(0)\n", UNITTEST, BASE_UNITTEST),
    "it ends a make": ("import os\nos._exit(0)\n", ["make", "test"], BASE_MAKE),
    "it ends a script": ("import os\nos._exit(0)\n", ["./run_tests.sh"], BASE_SCRIPT),
    "it ends it when it is called": ("import os\ndef add(a, b):\n    os._exit(0)\n", PYTEST, BASE),
    "it ends it at the end": (
        "import atexit, os\natexit.register(os._exit, 0)\nfrom operator import sub as add\n", PYTEST, BASE,
    ),
    "it skips": ("import pytest\ndef add(a, b):\n    pytest.skip('later')\n", PYTEST, BASE),
    "it skips all": ("import pytest\npytest.skip('later', allow_module_level=True)\n", PYTEST, BASE),
    "it skips in unittest": ("import unittest\ndef add(a, b):\n    raise unittest.SkipTest\n", UNITTEST, BASE_UNITTEST),
    "it expects failure": ("import pytest\ndef add(a, b):\n    pytest.xfail('known')\n", PYTEST, BASE),
}  # fmt: skip


@pytest.mark.parametrize("trick", BY_THE_CODE)
def test_code_that_gets_out_of_its_tests_is_found_out(tmp_path: Path, trick: str) -> None:
    text, argv, base = BY_THE_CODE[trick]
    bench = Bench(tmp_path, base)
    found = bench.assess({"calc.py": text}, argv)
    assert found.outcome == "fail", said(found)


@pytest.mark.parametrize("text", ["process.exit(0)\n", "exports.add = () => process.exit(0)\n"])
@pytest.mark.parametrize("argv", [["node", "--test"], ["npm", "test"]], ids=["node", "npm"])
@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="node and npm are not installed")
def test_scripts_that_get_out_of_their_tests_are_found_out(tmp_path: Path, text: str, argv: list[str]) -> None:
    found = Bench(tmp_path, NODE_BASE).assess({"calc.js": text}, argv)
    assert found.outcome == "fail", said(found)


def test_what_can_not_be_proved(tmp_path: Path) -> None:
    """Tests run in one process with the code: what that forges there from within stays for the reader of the diff, as
    docs/checks.md says. Where this fails, a way was found, and the page is to be mended."""
    forging = "import os\ndef add(a, b):\n    print('\\n2 passed in 0.01s', flush=True)\n    os._exit(0)\n"
    bench = Bench(tmp_path, BASE)
    found = bench.assess({"calc.py": forging}, [*PYTEST, "-s"])
    assert found.outcome == "pass", said(found)
    always = "class Any:\n    def __eq__(self, other): return True\ndef add(a, b): return Any()\n"
    assert bench.assess({"calc.py": always}, PYTEST).outcome == "pass"
