"""Test runners, type checkers, linters and formatters, found by what a tree says of itself."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from gigctl.checks.detect import Tool, as_spec, find_tools, is_installed
from gigctl.checks.settings import Files

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def tree(texts: dict[str, str]) -> Files:
    return Files(frozenset(texts), texts)


def runner_of(texts: dict[str, str]) -> Tool | None:
    return next((tool for tool in find_tools(tree(texts), ENVIRON) if tool.kind == "test"), None)


@pytest.mark.parametrize(
    ("texts", "argv"),
    [
        ({"pyproject.toml": "[tool.pytest.ini_options]\n", "a.py": ""}, "python3 -m pytest -q"),
        ({"tox.ini": "[pytest]\n"}, "python3 -m pytest -q"),
        ({"setup.cfg": "[tool:pytest]\n"}, "python3 -m pytest -q"),
        ({"tests/conftest.py": ""}, "python3 -m pytest -q"),
        ({"requirements-dev.txt": "pytest>=8\n", "tests/test_a.py": ""}, "python3 -m pytest -q"),
        (
            {"requirements-dev.txt": "pytest-cov\n", "tests/test_a.py": ""},
            "python3 -m unittest discover -s tests -p *test*.py",
        ),
        ({"test_a.py": "def test_a(): pass\n"}, "python3 -m pytest -q"),
        ({"test_a.py": "import unittest\n"}, "python3 -m unittest"),
        ({"a_test.py": "import unittest\n"}, "python3 -m unittest discover -p *_test.py"),
        ({"tests/__init__.py": "", "tests/test_a.py": "import unittest\n"}, "python3 -m unittest"),
        ({"package.json": '{"scripts": {"test": "jest --ci"}}'}, "node_modules/.bin/jest --ci"),
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, "node_modules/.bin/vitest run"),
        ({"package.json": '{"scripts": {"test": "npx vitest run"}}'}, "node_modules/.bin/vitest run"),
        ({"package.json": '{"scripts": {"test": "node --test"}}'}, "node --test"),
        ({"package.json": '{"scripts": {"test": "tsc && jest"}}'}, "npm test"),
        ({"package.json": '{"scripts": {"test": "karma start"}}'}, "npm test"),
        ({"package.json": '{"devDependencies": {"jest": "29"}}'}, "node_modules/.bin/jest"),
        (
            {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}', "a.test.js": ""},
            "node --test",
        ),
        ({"Makefile": "all:\n\techo\ntest: all\n\t./check\n"}, "make test"),
        ({"Makefile": "test := 1\n"}, ""),
        ({"package.json": "[1", "README.md": ""}, ""),
        ({"package.json": '{"scripts": {"test": "it\'s"}}'}, "npm test"),
        ({}, ""),
    ],
)  # fmt: skip
def test_what_runs_the_tests(texts: dict[str, str], argv: str) -> None:
    found = runner_of(texts)
    assert (" ".join(found.argv) if found else "") == argv
    assert found is None or found.why


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (
            {"pytest.ini": "[pytest]\n", "package.json": '{"scripts": {"test": "jest --ci"}}'},
            {"test": "python3 -m pytest -q", "test-jest": "node_modules/.bin/jest --ci"},
        ),
        (
            {"test_a.py": "import unittest\n", "package.json": '{"scripts": {"test": "karma start"}}'},
            {"test": "python3 -m unittest", "test-npm": "npm test"},
        ),
        ({"pytest.ini": "[pytest]\n", "Makefile": "test:\n\tpytest\n"}, {"test": "python3 -m pytest -q"}),
        ({"GNUmakefile": "test:\n\tx\n", "Makefile": "test:\n\ty\n"}, {"test": "make test"}),
    ],
)
def test_each_language_has_a_runner(texts: dict[str, str], names: dict[str, str]) -> None:
    found = [as_spec(tool, ENVIRON) for tool in find_tools(tree(texts), ENVIRON)]
    assert {spec.name: " ".join(map(str, spec.options["run"])) for spec in found} == names  # type: ignore[call-overload]


def test_types_linters_and_formatters() -> None:
    said = "[tool.mypy]\nfiles = ['src']\n[tool.ruff]\n[tool.ruff.format]\n[tool.black]\n[tool.isort]\n"
    found = find_tools(tree({"pyproject.toml": said, ".flake8": "[flake8]\n"}), ENVIRON)
    assert {tool.name: tool.argv[2:] for tool in found} == {
        "mypy": ("mypy",), "ruff": ("ruff", "check"), "flake8": ("flake8",), "black": ("black",),
        "isort": ("isort",), "ruff-format": ("ruff", "format"),
    }  # fmt: skip
    found = find_tools(tree({"tsconfig.json": "{}", "eslint.config.js": "x", ".prettierrc": "{}"}), ENVIRON)
    assert [tool.argv[0] for tool in found] == [f"node_modules/.bin/{name}" for name in ("tsc", "eslint", "prettier")]
    assert not find_tools(tree({"a.py": ""}), ENVIRON)


def test_the_repositorys_own_environment_is_what_runs(tmp_path: Path) -> None:
    texts = tree({"pytest.ini": "[pytest]\n"})
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tool,) = find_tools(texts, ENVIRON, tmp_path)
    assert tool.argv[0] == ".venv/bin/python"
    assert not as_spec(tool, ENVIRON, Path("/nonexistent")).required
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    assert not as_spec(tool, ENVIRON, tmp_path).required
    (tmp_path / ".venv" / "lib" / "python3.11" / "site-packages" / "pytest").mkdir(parents=True)
    spec = as_spec(tool, ENVIRON, tmp_path)
    assert spec.required
    assert (spec.name, spec.check, spec.options) == (
        "test",
        "command",
        {"run": [".venv/bin/python", "-m", "pytest", "-q"]},
    )


def test_what_is_installed(tmp_path: Path) -> None:
    environ = {"PATH": f"{Path(sys.executable).parent}:{ENVIRON['PATH']}", "HOME": str(tmp_path)}
    assert is_installed(["python3", "-m", "pytest"], environ)
    assert is_installed(["python3", "-m", "unittest"], environ)
    assert not is_installed(["python3", "-m", "no_such_module"], environ)
    assert not is_installed(["no-such-program"], environ)
    assert not is_installed(["node_modules/.bin/jest"], environ, tmp_path)


def test_npm_is_installed_where_the_packages_are_that_it_needs(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    (tmp_path / "package.json").write_text('{"scripts": {"test": "tsc && jest"}, "devDependencies": {"jest": "29"}}')
    assert not is_installed(("npm", "test"), ENVIRON, tmp_path)
    (tmp_path / "node_modules").mkdir()
    assert is_installed(("npm", "test"), ENVIRON, tmp_path)
    (tmp_path / "node_modules").rmdir()
    (tmp_path / "package.json").write_text('{"scripts": {"test": "tsc && node test.js"}}')
    assert is_installed(("npm", "test"), ENVIRON, tmp_path)
