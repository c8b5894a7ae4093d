"""The client's own linter, type checker and formatter, really run, on what the change touched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from importlib import util
from pathlib import Path

import pytest

from gigctl.checks.style import NAME
from gigctl.checks.style_tools import TOOLS
from gigctl.flow import work
from gigctl.model import REGULAR, Change, CheckContext, CheckSpec, Content, Verdict
from gigctl.system.git.store import Store
from gigctl.system.sandbox import Missing, find_sandbox

pytestmark = pytest.mark.skipif(isinstance(find_sandbox(), Missing), reason="no sandbox works here")

OLD = "import os\n\n\ndef old( a ):\n    return  a\n"
RUFF = [sys.executable, "-m", "ruff", "check"]
FORMAT = [sys.executable, "-m", "ruff", "format"]
MYPY = [sys.executable, "-m", "mypy", "."]


class Case:
    def __init__(self, folder: Path, base: Mapping[str, str]) -> None:
        self.store = Store.open(folder / "git")
        self.base = self.store.add_tree(_changes(base))

    def check(self, tool: str, argv: list[str] | None, changes: Mapping[str, str | None]) -> Verdict:
        options = {"tool": tool} | ({"run": argv} if argv else {})
        content = Content(_changes(changes), self.base)
        context = CheckContext(format="code", base=self.base)
        specs = [CheckSpec(tool, NAME, options)]
        (found,) = asyncio.run(work.assess(content, specs, context, store=self.store.path))
        return found


def _changes(files: Mapping[str, str | None]) -> tuple[Change, ...]:
    return tuple(Change(path, REGULAR, None if text is None else text.encode()) for path, text in sorted(files.items()))


def said(verdict: Verdict) -> str:
    return "\n".join(one.message for one in verdict.evidence)


def test_a_linters_findings_on_touched_lines_alone(tmp_path: Path) -> None:
    case = Case(tmp_path, {"a.py": OLD, "ruff.toml": '[lint]\nselect = ["F"]\n'})
    assert case.check("ruff", RUFF, {"a.py": OLD + "x = 1\n"}).outcome == "pass"  # `os` was there before
    found = case.check("ruff", RUFF, {"a.py": OLD + "import sys\n", "pkg/-odd name.py": "import json\n"})
    assert found.outcome == "fail"
    assert [(one.part, one.line) for one in found.evidence] == [("a.py", 6), ("pkg/-odd name.py", 1)]
    assert "a.py, line 6: F401: `sys` imported but unused" in said(found)
    assert case.check("ruff", RUFF, {"README.md": "import x\n"}).outcome == "pass"
    assert case.check("ruff", RUFF, {"a.py": None}).outcome == "pass"


def test_a_draft_can_not_disarm_the_linter(tmp_path: Path) -> None:
    case = Case(tmp_path, {"a.py": OLD, "ruff.toml": '[lint]\nselect = ["F"]\n'})
    for trick in (
        {"ruff.toml": "[lint]\nselect = []\n"},
        {"ruff.py": "raise SystemExit(0)\n"},
        {".ruff.toml": "exclude=['*']"},
    ):
        found = case.check("ruff", RUFF, {"a.py": OLD + "import sys\n", **trick})
        assert found.outcome == "fail", trick
        assert "F401" in said(found)
        assert "put back" in said(found) or "left out" in said(found)


def test_a_formatters_on_touched_lines_alone(tmp_path: Path) -> None:
    case = Case(tmp_path, {"a.py": OLD, "ruff.toml": "line-length = 40\n"})
    assert case.check("ruff-format", FORMAT, {"a.py": OLD + "\n\nx = 1\n"}).outcome == "pass"
    found = case.check("ruff-format", FORMAT, {"a.py": OLD + "\n\nx  =  1\n"})
    assert found.outcome == "fail"
    assert "a.py, line 8: ruff writes x = 1" in said(found)
    long = f"\n\nvalues = [{', '.join(map(str, range(20)))}]\n"
    assert "lines" not in said(case.check("ruff-format", FORMAT, {"a.py": OLD + long}))
    assert case.check("ruff-format", FORMAT, {"a.py": OLD + long}).outcome == "fail"


def test_a_final_newline_is_its_last_lines(tmp_path: Path) -> None:
    case = Case(tmp_path, {"a.py": OLD.rstrip("\n"), "ruff.toml": "exclude = ['made']\n"})
    found = case.check("ruff-format", FORMAT, {"b.py": "x = 1"})
    assert (found.outcome, said(found)) == ("fail", "b.py, line 1: ruff writes x = 1 and a final newline")
    assert case.check("ruff-format", FORMAT, {"a.py": f"import sys\n{OLD}".rstrip("\n")}).outcome == "pass"
    assert case.check("ruff-format", FORMAT, {"made/b.py": "x  =  1"}).outcome == "pass"  # what its settings leave out
    assert case.check("ruff-format", FORMAT, {"--config=x.py": "x  =  1\n"}).outcome == "fail"


def test_a_file_that_does_not_parse_is_the_tools_error(tmp_path: Path) -> None:
    case = Case(tmp_path, {"a.py": OLD, "ruff.toml": ""})
    found = case.check("ruff-format", FORMAT, {"a.py": "def"})
    assert found.outcome == "error"
    assert "ended with 2" in said(found)


def test_a_type_checkers_findings_that_the_base_has_not(tmp_path: Path) -> None:
    typed = "def f(a: int) -> int:\n    return a\n\n\nwrong: int = 'x'\n"
    case = Case(tmp_path, {"a.py": typed, "b.py": "from a import f\n\nf(1)\n", "mypy.ini": "[mypy]\nstrict = True\n"})
    assert case.check("mypy", MYPY, {"c.py": "x = 1\n"}).outcome == "pass"
    moved = case.check("mypy", MYPY, {"a.py": f"import os as os\n\n{typed}"})
    assert (moved.outcome, said(moved)) == ("pass", "")
    found = case.check("mypy", MYPY, {"a.py": typed.replace("a: int", "a: str").replace("return a", "return int(a)")})
    assert found.outcome == "fail"
    assert "b.py, line 3: arg-type:" in said(found)
    assert "wrong" not in said(found)


@pytest.mark.skipif(util.find_spec("black") is not None, reason="black is installed here")
def test_what_is_not_installed_is_skipped(tmp_path: Path) -> None:
    case = Case(tmp_path, {"a.py": OLD})
    for tool, argv in (("black", [sys.executable, "-m", "black"]), ("eslint", None), ("prettier", None)):
        path = "a.py" if tool == "black" else "a.js"
        found = case.check(tool, argv, {path: "x = 1\n"})
        assert found.outcome == "skip", said(found)
        assert "install" in said(found) or "there is no program" in said(found)


def test_what_other_tools_say() -> None:
    bad = {"line": 3, "column": 1, "ruleId": "no-undef", "message": "x", "severity": 2}
    warned = {"line": 4, "ruleId": None, "message": "warned", "severity": 1}
    eslint = json.dumps([{"filePath": "/t/a.js", "messages": [bad, warned]}])
    assert [(f.path, f.line, f.code) for f in TOOLS["eslint"].read(eslint)] == [("/t/a.js", 3, "no-undef")]
    flake8 = "./a b.py:3:1: F401 'os' imported but unused\n"
    assert [(f.path, f.line, f.code) for f in TOOLS["flake8"].read(flake8)] == [("./a b.py", 3, "F401")]
    tsc = "src/a.ts(4,7): error TS2322: Type 'string' is not assignable to type 'number'.\n"
    assert [(f.path, f.line, f.code) for f in TOOLS["tsc"].read(tsc)] == [("src/a.ts", 4, "TS2322")]
    for text in ("{}", "[1]", "nonsense", '[{"messages": 3}]', '[{"messages": [4]}]'):
        with contextlib.suppress(ValueError):
            assert list(TOOLS["eslint"].read(text)) == []
