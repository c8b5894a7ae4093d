from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from gigctl.checks.judge_settings import protected_by
from gigctl.checks.protect import is_protected
from gigctl.checks.settings import Files


def tree(texts: Mapping[str, str]) -> Files:
    return Files(frozenset(texts), texts)


def test_what_is_protected() -> None:
    texts = {"pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['checks', 'tests']\n"}
    patterns = protected_by(tree(texts))
    for path in ("checks/a.py", "tests/test_a.py", "conftest.py", "pyproject.toml"):
        assert is_protected(path, patterns)
    assert not is_protected("Makefile", patterns)
    texts = {"package.json": json.dumps({"jest": {"roots": ["<rootDir>/src", "<rootDir>/testing"]}})}
    patterns = protected_by(tree(texts))
    assert is_protected("testing/a.js", patterns)
    assert not is_protected("src/a.js", patterns)
    texts = {"pytest.ini": "[pytest]\ntestpaths = .\n"}  # the whole tree is nothing that could be put back
    assert not is_protected("src/a.py", protected_by(tree(texts)))


@pytest.mark.parametrize(
    ("texts", "kept", "free"),
    [
        ({"pytest.ini": "[pytest]\npython_files = check_*.py *.py\n"}, ["a/check_a.py"], ["a.py"]),
        ({"pytest.toml": "[pytest]\ntestpaths = ['checks']\n", "checks/test_a.py": ""}, ["checks/data.json"], []),
        ({"pytest.ini": "[pytest]\ntestpaths = app\n", "app/a.py": "", "app/test_a.py": ""}, [], ["app/a.py"]),
        (
            {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q -p tools.judge -psecond'\n"},
            ["tools/judge.py", "second.py", "src/second.py"],
            ["tools/a.py"],
        ),
        (
            {
                "package.json": json.dumps({
                    "jest": {"setupFiles": ["<rootDir>/prepare.js"], "testMatch": ["**/*.check.js", "**/*.js"],
                             "transform": {"^.+$": "./turn.js"}}
                }),
                "prepare.js": "",
                "turn.js": "",
            },
            ["prepare.js", "turn.js", "a/b.check.js"],
            ["a.js"],
        ),
        (
            {".mocharc.json": '{"spec": ["./specs/**/*.js", "src/**/*.js"], "require": "./begin.js"}', "begin.js": ""},
            ["specs/a/b.js", "begin.js"],
            ["src/a.js"],
        ),
        (
            {".mocharc.cjs": "module.exports = {require: ['./set-up.cjs'], spec: ['spec/*.js', 'src/**/*.js']}",
             "set-up.cjs": ""},
            ["set-up.cjs", "spec/a.js"],
            ["src/a.js"],
        ),
        (
            {"web/vitest.config.ts": "import {own} from './own'\nexport default {test: {setupFiles: ['./begin']}, "
             "build: {lib: {entry: 'lib.ts'}}}", "web/begin.ts": "", "web/own.ts": "", "web/lib.ts": ""},
            [],
            ["web/lib.ts"],
        ),
        (
            {"vite.config.ts": "import {own} from './own'\nexport default {test: {setupFiles: ['./begin']}, "
             "build: {lib: {entry: 'lib.ts'}}}", "begin.ts": "", "own.ts": "", "lib.ts": ""},
            ["begin.ts", "begin.js", "begin/index.js", "own.ts"],
            ["lib.ts"],
        ),
        (
            {"jest.config.js": "module.exports = {globalSetup: '<rootDir>/../up.js', transform: {'^.+$': './turn.js'}}",
             "turn.js": "", "up.js": ""},
            ["turn.js"],
            ["up.js"],
        ),
        (
            {"conftest.py": 'pytest_plugins = [\n    "tools.plug",\n]\n', "tools/plug.py": ""},
            ["tools/plug.py"],
            ["tools/other.py"],
        ),
        ({"app/conftest.py": "pytest_plugins = 'judge'\n", "judge.py": ""}, ["judge.py"], []),
    ],
    ids=["names", "folder", "package", "plugins", "jest", "mocha", "mocha program", "below", "vite", "jest program",
         "conftest", "conftest below"],
)  # fmt: skip
def test_what_settings_say_of_tests_is_protected(texts: dict[str, str], kept: list[str], free: list[str]) -> None:
    patterns = protected_by(tree(texts))
    assert [path for path in kept if not is_protected(path, patterns)] == []
    assert [path for path in free if is_protected(path, patterns)] == []
