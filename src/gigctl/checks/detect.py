"""Which test runner, type checker, linter and formatter a tree has, from its own settings; nothing of it is run.

What is found becomes checks that `gig add` proposes. What is not installed here is proposed all the same, and not
required: its verdict is `skip`, never `pass`.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.command_log import find_module
from gigctl.checks.settings import Files, Setting, find_settings, mentions
from gigctl.model import CheckSpec

__all__ = ["Tool", "as_spec", "find_tools", "is_installed"]

Kind = Literal["test", "other test", "types", "lint", "format"]
"""An `other test` is the runner of a second language."""
_BIN = "node_modules/.bin"
_VENVS = (".venv", "venv")
_MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
_SHELL = re.compile(r"[|&;<>()$`\n]")
_TEST_PATH = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|tests)\.py$")
_SCRIPT_TEST = re.compile(r"(?:^|/)(?:[^/]+\.(?:test|spec)\.[cm]?[jt]sx?|__tests__/.*)$")
_PYTEST = re.compile(r"^\s*(?:import|from) pytest\b|^(?:async )?def test_", re.MULTILINE)


class Tool(Struct, frozen=True):
    """`argv` is run at the top of the tree; `why` names the file that says so."""

    kind: Kind
    name: str
    argv: tuple[str, ...]
    why: str


def find_tools(files: Files, environ: Mapping[str, str], repository: Path | None = None) -> tuple[Tool, ...]:
    """What the tree is tested and judged with, one of each kind of tool for a language, the test runners first.

    `repository` is the client's checkout, whose own virtual environment and packages are what is run.
    """
    said = find_settings(files)
    python = _python(repository)
    package = _package(files)
    return (*_tests(files, said, python, package), *_types(files, said, python), *_style(said, python))


def as_spec(tool: Tool, environ: Mapping[str, str], repository: Path | None = None) -> CheckSpec:
    """The check that a gig gets. What is not installed is not required."""
    required = is_installed(tool.argv, environ, repository)
    if tool.kind in ("test", "other test"):
        name = "test" if tool.kind == "test" else f"test-{tool.name}"
        return CheckSpec(name, "command", {"run": list(tool.argv)}, required)
    return CheckSpec(tool.name, "style", {"tool": tool.name, "run": list(tool.argv)}, required)


# --- test runners ---


def _tests(files: Files, said: Sequence[Setting], python: str, package: Mapping[str, Any]) -> Iterator[Tool]:
    """What runs the tests of each language, Python's first; where there is none, the Makefile's."""
    found = [tool for tool in (_python_runner(files, said, python), _script_runner(files, package)) if tool is not None]
    named = (name for name in _MAKEFILES if re.search(r"^test\s*:(?!=)", files.texts.get(name, ""), re.MULTILINE))
    if not found and (name := next(named, "")):
        found = [Tool("test", "make", ("make", "test"), f"the target test of {name}")]
    yield from found[:1]
    yield from (replace(tool, kind="other test") for tool in found[1:])


def _python_runner(files: Files, said: Sequence[Setting], python: str) -> Tool | None:
    paths = sorted(path for path in files.paths if _TEST_PATH.search(path))
    if why := _why_pytest(files, said, paths):
        return Tool("test", "pytest", (python, "-m", "pytest", "-q"), why)
    return _unittest(files, paths, python) if paths else None


def _why_pytest(files: Files, said: Sequence[Setting], paths: Sequence[str]) -> str:
    for setting in said:
        if setting.tool == "pytest":
            return f"the settings of pytest in {setting.path}"
    if any(path.rpartition("/")[2] == "conftest.py" for path in files.paths):
        return "conftest.py"
    for path, text in files.texts.items():
        if _is_list(path) and mentions([text], "pytest") and paths:
            return f"pytest in {path}"
    found = next((path for path in paths if _PYTEST.search(files.texts.get(path, ""))), "")
    return f"the tests in {found}" if found else ""


def _is_list(path: str) -> bool:
    return path in ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "noxfile.py") or path.startswith(
        "requirements"
    )


def _unittest(files: Files, paths: Sequence[str], python: str) -> Tool:
    """`unittest` finds by itself what lies in packages; a folder of tests that is none is named."""
    folder = paths[0].rpartition("/")[0]
    argv = [python, "-m", "unittest"]
    if folder and f"{folder}/__init__.py" not in files.paths:
        argv += ["discover", "-s", folder, "-p", "*test*.py"]
    elif not any(path.rpartition("/")[2].startswith("test") for path in paths):
        argv += ["discover", "-p", "*_test.py"]
    return Tool("test", "unittest", tuple(argv), f"the tests in {paths[0]}")


def _package(files: Files) -> Mapping[str, Any]:
    try:
        found = json.loads(files.texts.get("package.json", "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _script_runner(files: Files, package: Mapping[str, Any]) -> Tool | None:
    scripts = package.get("scripts")
    script = scripts.get("test") if isinstance(scripts, dict) else None
    if isinstance(script, str) and script.strip() and "no test specified" not in script:
        argv = _plain_script(script)
        return Tool("test", _name(argv), argv, "scripts.test in package.json")
    for name, more in (("vitest", ("run",)), ("jest", ())):
        if name in _dependencies(package):
            return Tool("test", name, (f"{_BIN}/{name}", *more), f"{name} in package.json")
    found = min((path for path in files.paths if _SCRIPT_TEST.search(path)), default="")
    if found and found.endswith(("js", "jsx")):
        return Tool("test", "node", ("node", "--test"), f"the tests in {found}")
    return None


def _plain_script(script: str) -> tuple[str, ...]:
    """A script that is a known runner's command line is run as that, so that its tests can be counted."""
    try:
        words = shlex.split(script)
    except ValueError:
        words = []
    if _SHELL.search(script) or not words:
        return ("npm", "test")
    if words[0] == "npx":
        words = words[1:]
    if words[:1] in (["jest"], ["mocha"], ["ava"], ["tap"]):
        return (f"{_BIN}/{words[0]}", *words[1:])
    if words[:1] == ["vitest"]:
        rest = [word for word in words[1:] if word not in ("watch", "dev", "--watch")]
        return (f"{_BIN}/vitest", *([] if "run" in rest else ["run"]), *rest)
    if words[:1] == ["node"] and "--test" in words:
        return tuple(words)
    return ("npm", "test")


def _name(argv: Sequence[str]) -> str:
    return argv[0].rpartition("/")[2]


def _dependencies(package: Mapping[str, Any]) -> set[str]:
    tables = (package.get(key) for key in ("dependencies", "devDependencies"))
    return {name for table in tables if isinstance(table, dict) for name in table}


# --- what reads code ---


def _types(files: Files, said: Sequence[Setting], python: str) -> Iterator[Tool]:
    for setting in said:
        if setting.tool == "mypy":
            where = () if setting.values.get("files") or setting.values.get("packages") else (".",)
            yield Tool("types", "mypy", (python, "-m", "mypy", *where), f"the settings of mypy in {setting.path}")
            break
    if "tsconfig.json" in files.paths:
        yield Tool("types", "tsc", (f"{_BIN}/tsc", "--noEmit"), "tsconfig.json")


_READERS: tuple[tuple[str, str, Kind, tuple[str, ...]], ...] = (
    # settings of → check, kind, its command line before the files
    ("ruff", "ruff", "lint", ("-m", "ruff", "check")),
    ("flake8", "flake8", "lint", ("-m", "flake8")),
    ("pylint", "pylint", "lint", ("-m", "pylint")),
    ("eslint", "eslint", "lint", (f"{_BIN}/eslint",)),
    ("black", "black", "format", ("-m", "black")),
    ("isort", "isort", "format", ("-m", "isort")),
    ("prettier", "prettier", "format", (f"{_BIN}/prettier",)),
)


def _style(said: Sequence[Setting], python: str) -> Iterator[Tool]:
    for tool, name, kind, words in _READERS:
        setting = next((setting for setting in said if setting.tool == tool), None)
        if setting is not None:
            argv = (python, *words) if words[0] == "-m" else words
            yield Tool(kind, name, argv, f"the settings of {tool} in {setting.path}")
    ruff = next((setting for setting in said if setting.tool == "ruff"), None)
    if ruff is not None and "format" in ruff.values:  # without that table nobody said that they format with it
        argv = (python, "-m", "ruff", "format")
        yield Tool("format", "ruff-format", argv, f"[format] of ruff in {ruff.path}")


# --- installed? ---


def _python(repository: Path | None) -> str:
    """The repository's own environment, or the caller's."""
    for name in _VENVS:
        if repository is not None and (repository / name / "bin" / "python").exists():
            return f"{name}/bin/python"
    return "python3"


def is_installed(argv: Sequence[str], environ: Mapping[str, str], repository: Path | None = None) -> bool:
    """Whether the program is there, and the module that an interpreter is to run. Nothing is started for it."""
    program = _program(argv[0], environ, repository)
    if program is None or (argv[0] == "npm" and _lacks_packages(repository)):
        return False
    module = find_module(argv)
    return module is None or module == "unittest" or any(_has(folder, module) for folder in _packages(program, environ))


def _lacks_packages(repository: Path | None) -> bool:
    """Whether a repository's scripts need packages that nobody installed."""
    if repository is None or (repository / "node_modules").is_dir():
        return False
    try:
        text = (repository / "package.json").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return bool(_dependencies(_package(Files(frozenset(), {"package.json": text}))))


def _program(word: str, environ: Mapping[str, str], repository: Path | None) -> Path | None:
    if "/" in word:
        place = (repository or Path("/nonexistent")) / word
        return place if place.exists() else None
    found = shutil.which(word, path=environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"))
    return Path(found) if found else None


def _packages(python: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Where an interpreter looks for packages, without asking it: it may be the client's."""
    prefix = python.parent.parent
    yield from prefix.glob("lib/python3*/site-packages")
    if (prefix / "pyvenv.cfg").exists():
        return
    real = python.resolve().parent.parent
    yield from real.glob("lib/python3*/site-packages")
    for pattern in ("lib/python3*/dist-packages", "local/lib/python3*/dist-packages"):
        yield from Path("/usr").glob(pattern)
    yield from Path(environ.get("HOME") or "/nonexistent").glob(".local/lib/python3*/site-packages")


def _has(folder: Path, module: str) -> bool:
    return (folder / module).is_dir() or (folder / f"{module}.py").is_file()
