"""A test command must not be turned green without mending anything: each way that was tried, on code that is wrong.

The base has a bug and tests that see it; the change makes the tests pass, and leaves the bug.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.repositories import make_repository
from support.trees import TEST, check_tree

WRONG = "def add(a, b):\n    return a - b\n"
PLUGIN = """\
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.outcome, report.longrepr = "passed", None
    return report
"""
ENTRY = "[pytest11]\nzz = zzplug\n"
WEAK = TEST.replace("3)", "-1)")
RUN = 'import sys, unittest\nsys.path.insert(0, ".")\nunittest.main("tests.test_calc", argv=["x"])\n'
PYTEST = f"{sys.executable} -m pytest -q"
UNITTEST = "python3 -m unittest"

Texts = Mapping[str, str]
PYTHON: dict[str, tuple[str, Texts, Texts]] = {
    "weakened tests": (UNITTEST, {}, {"tests/test_calc.py": WEAK}),
    "weakened tests of another name": (
        UNITTEST, {"testcalc.py": TEST, "tests/test_calc.py": "", "tests/__init__.py": ""}, {"testcalc.py": WEAK},
    ),
    "a plugin by dist-info": (PYTEST, {}, {"zz-1.dist-info/entry_points.txt": ENTRY, "zz-1.dist-info/METADATA":
        "Metadata-Version: 2.1\nName: zz\nVersion: 1\n", "zzplug.py": PLUGIN}),
    "a plugin by egg-info": (PYTEST, {}, {"zz.egg-info/entry_points.txt": ENTRY, "zz.egg-info/PKG-INFO":
        "Metadata-Version: 2.1\nName: zz\nVersion: 1\n", "zzplug.py": PLUGIN}),
    "an installed plugin's module": (PYTEST, {}, {"_hypothesis_pytestplugin.py": PLUGIN}),
    "a plugin on the command line": (f"{PYTEST} -p helper", {"helper.py": ""}, {"helper.py": PLUGIN}),
    "a plugin that conftest names": (
        PYTEST,
        {"conftest.py": "pytest_plugins = ['tools.plug']\n", "tools/__init__.py": "", "tools/plug.py": ""},
        {"tools/plug.py": PLUGIN},
    ),
    "a script of tests": ("python3 runtests.py", {"runtests.py": RUN}, {"runtests.py": "print('ok')\n"}),
    "a program that tests, by any name": ("python3 go.py", {"go.py": RUN}, {"go.py": "print('ok')\n"}),
    "a module of tests": ("python3 -m acceptance", {"acceptance.py": RUN}, {"acceptance.py": "print('ok')\n"}),
    "a program that is told to test": ("python3 manage.py test", {"manage.py": RUN}, {"manage.py": ""}),
    "a Makefile's program": (
        "make test", {"Makefile": "test:\n\tpython3 all.py\n", "all.py": RUN}, {"all.py": "print('ok')\n"},
    ),
    "an exit code, below make": (
        "make test", {"Makefile": "test:\n\tpython3 -m unittest\n"},
        {"calc.py": f"import atexit, os\natexit.register(os._exit, 0)\n{WRONG}"},
    ),
    "the end of the process, -munittest": ("python3 -munittest", {}, {"calc.py": "import os\nos._exit(0)\n"}),
    "the end of the process, -Im": ("python3 -Im unittest", {}, {"calc.py": "import os\nos._exit(0)\n"}),
    "the end of the process, a script": (
        "python3 tests/run.py", {"tests/run.py": RUN}, {"calc.py": "import os\nos._exit(0)\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", sorted(PYTHON))
def test_of_python(tmp_path: Path, way: str) -> None:
    run, base, change = PYTHON[way]
    rules = f"[checks.acceptance]\nrun = {json.dumps(run.split())}\n"
    files = {"gigctl.toml": rules, "calc.py": WRONG, "tests/__init__.py": "", "tests/test_calc.py": TEST}
    _must_stay_red(tmp_path, files | dict(base), change)


def test_what_shadows_the_runner_where_a_folder_has_rules_of_its_own(tmp_path: Path) -> None:
    rules = '[checks.acceptance]\nrun = ["python3", "-m", "unittest"]\n'
    base = {"gigctl.toml": rules, "calc.py": WRONG, "tests/__init__.py": "", "tests/test_calc.py": TEST}
    shadow = "import sys\nprint('Ran 2 tests in 0.001s\\n\\nOK', file=sys.stderr)\n"
    _must_stay_red(tmp_path, {f"sub/{path}": text for path, text in base.items()}, {"sub/unittest.py": shadow}, "sub")


SCRIPT = "export const add = (a, b) => a - b\n"
NODE = (
    'import test from "node:test"\nimport assert from "node:assert"\nimport {add} from "./calc.mjs"\n'
    'test("adds", () => assert.equal(add(1, 2), 3))\n'
)
WEAK_NODE = NODE.replace(", 3)", ", -1)")
NPM = json.dumps({"scripts": {"test": "node run.js"}})
SCRIPTS: dict[str, tuple[str, Texts, Texts]] = {
    **{
        f"weakened {name}": ("node --test", {name: NODE}, {name: WEAK_NODE})
        for name in ("test-calc.mjs", "calc-test.mjs", "calc_test.mjs", "test.mjs", "calc.test.mjs")
    },
    "what is imported first": (
        "node --import ./begin.mjs --test", {"begin.mjs": "", "a.test.mjs": NODE},
        {"begin.mjs": 'import assert from "node:assert"\nassert.equal = () => {}\n'},
    ),
    "the script of npm test": ("npm test", {"package.json": NPM, "run.js": "process.exit(1)\n"}, {"run.js": ""}),
    "an exit code, below npm": (
        "npm test", {"package.json": json.dumps({"scripts": {"test": "node --test"}}), "a.test.mjs": NODE},
        {"calc.mjs": f"process.on('exit', () => {{ process.exitCode = 0 }})\n{SCRIPT}"},
    ),
    "the end of the process": ("node --test", {"a.test.mjs": NODE}, {"calc.mjs": "process.exit(0)\n"}),
}  # fmt: skip


@pytest.mark.skipif(shutil.which("node") is None or shutil.which("npm") is None, reason="node is not installed")
@pytest.mark.parametrize("way", sorted(SCRIPTS))
def test_of_javascript(tmp_path: Path, way: str) -> None:
    run, base, change = SCRIPTS[way]
    rules = f"[checks.acceptance]\nrun = {json.dumps(run.split())}\n"
    _must_stay_red(tmp_path, {"gigctl.toml": rules, "calc.mjs": SCRIPT} | dict(base), change)


def _must_stay_red(tmp_path: Path, base: Texts, change: Texts, folder: str = "") -> None:
    project = make_repository(tmp_path / "r", base)
    project.git("checkout", "--quiet", "-b", "change")
    project.write(change)
    ran = check_tree(project.path / folder, "--base", "main", "--json", home=tmp_path / "user", code=1)
    (item,) = json.loads(ran.out)["items"]
    assert item["verdict"] == "fail", item
