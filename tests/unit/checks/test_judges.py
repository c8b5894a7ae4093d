from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.checks.judges import named_by
from gigctl.checks.settings import Files

TEXTS = {
    "Makefile": "all: build\n\nbuild:\n\tpython3 gen.py\n\ntest: unit\n\t@python3 judge.py\\\n\t\t-v\n\n"
                "unit:\n\tnode check.js\n",
    "package.json": json.dumps({
        "scripts": {
            "test": "node run.js", "posttest": "node after.js", "start": "node app.js",
            "unit": "mocha --require ./set-up.mjs checks/*.js",
        }
    }),
    "web/package.json": json.dumps({"scripts": {"test": "node all.js"}}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "patterns"),
    [
        (["make", "test"], ("/Makefile", "/makefile", "/GNUmakefile", "*.mk", "/check.js", "/judge.py")),
        (
            ["make", "-C", "api"],
            ("/Makefile", "/makefile", "/GNUmakefile", "*.mk", "Makefile", "makefile", "GNUmakefile"),
        ),
        (["make", "build"], ("/Makefile", "/makefile", "/GNUmakefile", "*.mk")),
        (["./run_tests.sh"], ("/run_tests.sh",)),
        (["bash", "ci/all.sh", "-v"], ("/ci/all.sh",)),
        (["env", "-C", "api", "just", "check"], ("/api/justfile", "/api/Justfile", "/api/.justfile")),
        (["pytest", "-c", "strict.cfg"], ("/strict.cfg",)),
        (["python3", "app.py", "--selftest"], ()),
        (["./contest"], ()),
        (["python3", "scripts/check_all.py"], ("/scripts/check_all.py",)),
        (["./no_such_test.sh"], ()),
        (["python3", "runtests.py"], ("/runtests.py",)),
        (["python3", "manage.py", "test"], ("/manage.py",)),
        (["python3", "manage.py", "migrate"], ()),
        (
            ["python3", "-m", "acceptance"],
            ("/acceptance.py", "/acceptance/**", "/src/acceptance.py", "/src/acceptance/**"),
        ),
        (["python3", "-m", "app"], ()),
        (["python3", "-m", "pytest", "-p", "judge"], ("/judge.py", "/judge/**", "/src/judge.py", "/src/judge/**")),
        (["python3", "-Im", "unittest"], ("test*.py",)),
        (["python3", "-m", "unittest", "discover", "-p", "check_*.py"], ("check_*.py",)),
        (["python3", "-m", "unittest", "judge.Case.test_a"], ("test*.py", "/judge.py")),
        (["pytest", "judge.py::test_a", "-q"], ("/judge.py",)),
        (["pytest", "--doctest-modules", "app.py"], ()),
        (["pytest", "cases"], ()),
        (["pytest", "checks/"], ("/checks/**",)),
        (["node", "--import", "./set-up.mjs", "--test"], ("/set-up.mjs",)),
        (["node", "--require=./set-up", "--test"], ("/set-up.*", "/set-up/**")),
        (["npm", "test"], ("/run.js", "/after.js")),
        (["npm", "run", "unit"], ("/set-up.mjs", "/checks/*.js")),
        (["npm", "start"], ()),
        (["sh", "-c", "cd x && A=1 python3 runtests.py | tail"], ("/runtests.py",)),
        (["env", "-C", "web", "npm", "t"], ("/web/all.js",)),
        (["npx", "mocha", "checks/*.js"], ("/checks/*.js",)),
    ],
)
def test_what_a_command_line_itself_judges_by(argv: list[str], patterns: tuple[str, ...]) -> None:
    paths = {"run_tests.sh", "ci/all.sh", "api/Makefile", "strict.cfg", "app.py", "contest", "scripts/check_all.py",
             "runtests.py", "manage.py", "acceptance.py", "judge.py", "cases/a.py", "checks/a.js", "set-up.mjs",
             "run.js", "after.js", "check.js", "gen.py", "web/all.js"}  # fmt: skip
    assert named_by(argv, Files(frozenset(paths | TEXTS.keys()), TEXTS)) == patterns


@given(
    st.lists(st.sampled_from([*"ab/.-*", "make", "npm", "test", "sh", "-c", "a && b", "'", "python3", "-m", "-p", ""]))
)
def test_no_command_line_is_too_odd(argv: list[str]) -> None:
    named_by(argv, Files(frozenset(TEXTS), TEXTS))


def test_scripts_that_start_each_other_end() -> None:
    texts = {"package.json": json.dumps({"scripts": {"test": "npm test && npm test && make test"}}),
             "Makefile": "test: test\n\tnpm test\n\tmake test\n"}  # fmt: skip
    assert named_by(["npm", "test"], Files(frozenset(texts), texts))[:1] == ("/Makefile",)
