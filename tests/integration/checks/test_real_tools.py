"""Real runners, type checkers, linters and formatters of a client: proposed by what the repository says, run in the
sandbox, seen to pass and to fail, and never blamed on a change for what stood there before.

ruff, mypy, pytest, unittest and node are run wherever they are installed. The others are looked for in the folder
`GIGCTL_TOOLS`: `python/.venv` (black, flake8, isort, pylint), `node/node_modules` (eslint 9, @eslint/js, prettier,
typescript, vitest, jest, mocha) and `eslint8/node_modules` (eslint 8); CONTRIBUTING.md has the commands.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import Struct

from gigctl.flow import work
from gigctl.flow.proposals import propose_checks
from gigctl.model import REGULAR, Change, CheckContext, CheckSpec, Content, Verdict
from gigctl.system.git.store import Store
from gigctl.system.sandbox import Missing, find_sandbox

pytestmark = pytest.mark.skipif(isinstance(find_sandbox(), Missing), reason="no sandbox works here")

TOOLS = os.environ.get("GIGCTL_TOOLS", "")
Texts = Mapping[str, str | None]


class Case(Struct, frozen=True):
    """`base` has old offences of its own; `good` changes it well and `bad` so that each check in `said` says that.
    `needs` is the toolbox's folder of dependencies that the client has beside their tree."""

    base: Texts
    argv: Mapping[str, str]
    good: Texts
    bad: Texts
    said: Mapping[str, str]
    needs: str = ""


OLD = "import os\n\n\ndef old( a ):\n    return  a\n"
OLD_TEST = "from calc import old\n\n\ndef test_old():\n    assert old(1) == 1\n"
OLD_CASE = (
    "import unittest\nimport calc\n\n\nclass T(unittest.TestCase):\n    def test(self):\n"
    "        self.assertEqual(calc.old(1), 1)\n"
)
GOOD = f"{OLD}\n\ndef add(a: int, b: int) -> int:\n    return a + b\n"
SUM = "export function old( a ){ return a }\n"
SUM_TEST = "test('old', () => expect(old(1)).toBe(1));\n"
ADD = "\nexport function add(a, b) {\n  return a + b;\n}\n"
BROKEN_SUM = "export const old = () => 0;\n"
VENV = ".venv/bin/python -m"
BIN = "node_modules/.bin"
COMMON = "const { old } = require('./sum'); const a = require('node:assert');\n"
OLD_COMMON = "exports.old = function( a ){ return a }\n"

CASES: dict[str, Case] = {
    "ruff, mypy and pytest": Case(
        {
            "pyproject.toml": "[tool.ruff.lint]\nselect = ['F']\n[tool.ruff.format]\nquote-style = 'single'\n"
            "[tool.mypy]\nstrict = true\nexclude = ['tests']\n[tool.pytest.ini_options]\ntestpaths = ['tests']\n",
            "calc.py": OLD,
            "tests/test_calc.py": OLD_TEST,
            "conftest.py": "",
        },
        {
            "test": "python3 -m pytest -q", "mypy": "python3 -m mypy .", "ruff": "python3 -m ruff check",
            "ruff-format": "python3 -m ruff format",
        },
        {"calc.py": GOOD},
        {"calc.py": OLD.replace("return  a", "return  str(a)") + '\n\nwrong: int = "a"\nany(undefined for _ in ())\n'},
        {
            "test": "assert '1' == 1",
            "mypy": "calc.py, line 8: assignment: Incompatible types",
            "ruff": "calc.py, line 9: F821: Undefined name `undefined`",
            "ruff-format": "calc.py, lines 4 to 5 (and 1 more place): ruff writes def old(a):",
        },
    ),
    "unittest": Case(
        {"calc.py": OLD, "test_calc.py": OLD_CASE},
        {"test": "python3 -m unittest"},
        {"calc.py": GOOD},
        {"calc.py": OLD.replace("  a", " 2")},
        {"test": "AssertionError: 2 != 1"},
    ),
    "black": Case(
        {"pyproject.toml": "[tool.black]\nline-length = 40\n", "calc.py": OLD},
        {"black": f"{VENV} black"},
        {"calc.py": GOOD},
        {"calc.py": f"{OLD}\n\nvalues = [{', '.join(map(str, range(20)))}]\n"},
        {"black": "calc.py, line 8: black writes values = [⏎"},
        "python/.venv",
    ),
    "isort": Case(
        {"setup.cfg": "[isort]\nprofile = black\n", "calc.py": "import sys, json\n\nprint(json, sys)\n"},
        {"isort": f"{VENV} isort"},
        {"calc.py": "import sys, json\n\nprint(json, sys, 1)\n", "new.py": "import json\nimport sys\n"},
        {"new.py": "import sys, json\n"},
        {"isort": "new.py, line 1: isort writes import json⏎import sys"},
        "python/.venv",
    ),
    "flake8": Case(
        {".flake8": "[flake8]\nmax-line-length = 50\nextend-ignore = E302\n", "calc.py": OLD},
        {"flake8": f"{VENV} flake8"},
        {"calc.py": GOOD},
        {"calc.py": f"{OLD}\n\ndef f( a):\n    return '{'x' * 50}'\n"},
        {"flake8": "calc.py, line 8: E201: whitespace after '('\ncalc.py, line 9: E501: line too long"},
        "python/.venv",
    ),
    "pylint": Case(
        {".pylintrc": "[MESSAGES CONTROL]\ndisable = missing-docstring\n", "calc.py": OLD},
        {"pylint": f"{VENV} pylint"},
        {"calc.py": GOOD},
        {"calc.py": f"{OLD}\n\ndef add(a, b):\n    return (a + b)\n"},
        {"pylint": "calc.py, line 9: superfluous-parens"},
        "python/.venv",
    ),
    "eslint 9 and prettier": Case(
        {
            "package.json": '{"type": "module", "prettier": {"singleQuote": true}}',
            "eslint.config.js": "import js from '@eslint/js';\nexport default [js.configs.recommended,\n"
            "  { rules: { eqeqeq: 'error', 'prefer-const': 'warn' } }];\n",
            "sum.js": "export function old( a ){ const gone = 1; return a }\n",
        },
        {"eslint": f"{BIN}/eslint", "prettier": f"{BIN}/prettier"},
        {"sum.js": f"export function old( a ){{ const gone = 1; return a }}\n{ADD}", "a b.css": "a {\n  top: 0;\n}\n"},
        {"sum.js": 'export function old( a ){ const gone = 1; return a }\n\nexport const is = (a) => a == "b";\n'},
        {
            "eslint": "sum.js, line 3: eqeqeq: Expected '==='",
            "prettier": "sum.js, line 3: prettier writes export const is = (a) => a == 'b';",
        },
        "node/node_modules",
    ),
    "eslint 8": Case(
        {
            "package.json": "{}",
            ".eslintrc.json": '{"root": true, "env": {"node": true, "es2022": true}, "extends": "eslint:recommended",\n'
            ' "rules": {"semi": ["error", "always"]}}',
            "sum.js": OLD_COMMON,
        },
        {"eslint": f"{BIN}/eslint"},
        {"sum.js": f"{OLD_COMMON}exports.add = (a, b) => a + b;\n"},
        {"sum.js": f"{OLD_COMMON}exports.add = (a, b) => a + c;\n"},
        {"eslint": "sum.js, line 2: no-undef: 'c' is not defined."},
        "eslint8/node_modules",
    ),
    "tsc": Case(
        {
            "tsconfig.json": '{"compilerOptions": {"strict": true, "module": "nodenext", "types": []},\n'
            ' "include": ["src"]}',
            "src/old.ts": "export const old: number = 'x';\n",
            "src/f.ts": "export const f = (a: number): number => a;\n",
            "src/g.ts": "import { f } from './f.js';\nexport const g = f(1);\n",
        },
        {"tsc": f"{BIN}/tsc --noEmit"},
        {"src/old.ts": "// moved\nexport const old: number = 'x';\n", "src/new.ts": "export const n: number = 1;\n"},
        {"src/f.ts": "export const f = (a: string): string => a;\n"},
        {"tsc": "src/g.ts, line 2: TS2345: Argument of type 'number'"},
        "node/node_modules",
    ),
    "vitest": Case(
        {
            "package.json": '{"type": "module", "scripts": {"test": "vitest"}}',
            "sum.js": SUM,
            "sum.test.js": f"import {{ test, expect }} from 'vitest';\nimport {{ old }} from './sum.js';\n{SUM_TEST}",
        },
        {"test": f"{BIN}/vitest run"},
        {"sum.js": SUM + ADD},
        {"sum.js": BROKEN_SUM},
        {"test": "expected +0 to be 1"},
        "node/node_modules",
    ),
    "vitest with settings": Case(
        {
            "package.json": '{"type": "module", "scripts": {"test": "vitest"}}',
            "vitest.config.js": "import { defineConfig } from 'vitest/config';\n"
            "export default defineConfig({ test: { setupFiles: ['./begin.js'] } });\n",
            "begin.js": "",
            "sum.js": SUM,
            "sum.test.js": f"import {{ test, expect }} from 'vitest';\nimport {{ old }} from './sum.js';\n{SUM_TEST}",
        },
        {"test": f"{BIN}/vitest run"},
        {"sum.js": SUM + ADD},
        {"sum.js": BROKEN_SUM},
        {"test": "expected +0 to be 1"},
        "node/node_modules",
    ),
    "jest": Case(
        {
            "package.json": '{"devDependencies": {"jest": "30"}}',
            "sum.js": OLD_COMMON,
            "sum.test.js": f"const {{ old }} = require('./sum');\n{SUM_TEST}",
        },
        {"test": f"{BIN}/jest"},
        {"sum.js": f"{OLD_COMMON}exports.add = (a, b) => a + b;\n"},
        {"sum.js": "exports.old = () => 0;\n"},
        {"test": "Expected: 1"},
        "node/node_modules",
    ),
    "mocha": Case(
        {
            "package.json": '{"scripts": {"test": "mocha"}}',
            "sum.js": OLD_COMMON,
            "test/sum.js": COMMON.replace("./", "../") + "it('old', () => a.equal(old(1), 1));\n",
        },
        {"test": f"{BIN}/mocha"},
        {"sum.js": f"{OLD_COMMON}exports.add = (a, b) => a + b;\n"},
        {"sum.js": "exports.old = () => 0;\n"},
        {"test": "0 == 1"},
        "node/node_modules",
    ),
    "node:test": Case(
        {
            "package.json": '{"scripts": {"test": "node --test"}}',
            "sum.js": OLD_COMMON,
            "sum.test.js": COMMON + "require('node:test')('old', () => a.equal(old(1), 1));\n",
        },
        {"test": "node --test"},
        {"sum.js": f"{OLD_COMMON}exports.add = (a, b) => a + b;\n"},
        {"sum.js": "exports.old = () => 0;\n"},
        {"test": "0 == 1"},
        "node",
    ),
    "npm test": Case(
        {
            "package.json": '{"scripts": {"test": "node --check sum.js && node --test"}}',
            "sum.js": OLD_COMMON,
            "sum.test.js": COMMON + "require('node:test')('old', () => a.equal(old(1), 1));\n",
        },
        {"test": "npm test"},
        {"sum.js": f"{OLD_COMMON}exports.add = (a, b) => a + b;\n"},
        {"sum.js": "process.exit(0);\n"},
        {"test": "and 1 at the base"},
        "node",
    ),
}  # fmt: skip


class Client:
    """A checkout with what it depends on beside it, and our store with its tree."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.checkout = folder / "client"
        self.checkout.mkdir()
        if case.needs not in ("", "node"):
            found = Path(TOOLS, case.needs)
            shutil.copytree(found, self.checkout / found.name, symlinks=True, copy_function=_linked)
        self.store = Store.open(folder / "git")
        self.base = self.store.add_tree(_changes(case.base))
        environ = {**os.environ}
        self.specs = [one.spec for one in propose_checks(self.store, self.base, (), environ, self.checkout)]

    def assess(self, change: Texts, specs: list[CheckSpec] | None = None) -> dict[str, Verdict]:
        content = Content(_changes(change), self.base)
        context = CheckContext(format="code", base=self.base, repository=str(self.checkout))
        found = asyncio.run(work.assess(content, specs or self.specs, context, store=self.store.path))
        return {verdict.name: verdict for verdict in found}


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _changes(files: Texts) -> tuple[Change, ...]:
    return tuple(Change(path, REGULAR, None if text is None else text.encode()) for path, text in sorted(files.items()))


def said(verdict: Verdict) -> str:
    return "\n".join(one.message for one in verdict.evidence)


@pytest.fixture(autouse=True)
def _python_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a client who has activated an environment."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.parametrize("name", CASES)
def test_a_real_tool_is_proposed_and_passes_and_fails(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    if case.needs == "node" and not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    if case.needs not in ("", "node") and not (TOOLS and Path(TOOLS, case.needs).is_dir()):
        pytest.skip(f"there is no {case.needs} in GIGCTL_TOOLS")
    client = Client(tmp_path, case)
    proposed = {spec.name: " ".join(spec.options["run"]) for spec in client.specs if "run" in spec.options}
    assert proposed == case.argv
    assert all(spec.required for spec in client.specs)
    good = client.assess(case.good)
    assert {name: said(verdict) for name, verdict in good.items() if not verdict.passed} == {}
    bad = client.assess(case.bad)
    for check, text in case.said.items():
        assert bad[check].outcome == "fail", said(bad[check])
        for line in text.split("\n"):
            assert line in said(bad[check])


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].needs not in ("", "node")])
def test_a_tool_that_is_not_installed_is_skipped_with_the_reason(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    bare = Case(case.base, case.argv, case.good, case.bad, case.said)
    client = Client(tmp_path, bare)
    tools = [spec for spec in client.specs if "run" in spec.options]
    here = {spec.name for spec in tools if spec.required}
    assert not here, "these are installed for everybody: nothing is seen"
    for verdict in client.assess(case.bad, tools).values():
        assert verdict.outcome == "skip"
        assert "install" in said(verdict) or "there is no program" in said(verdict)
