"""`prepare` of `gigctl.toml`: run once, as agreed, in the sandbox; found by the checks; kept by what it hangs on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from support.repositories import Repository, make_repository
from support.terminal import GIGCTL, environment
from support.trees import check_tree

INSTALL = "mkdir -p node_modules/dep && cp deps.lock node_modules/dep/said && date +%N > node_modules/dep/when"
USE = ["sh", "-c", "cat node_modules/dep/said"]


def rules(prepare: str, *run: str) -> str:
    words = ", ".join(f"{word!r}" for word in run or USE)
    return f"[checks.uses]\nrun = [{words}]\n[code]\nprepare = ['sh', '-c', {prepare!r}]\n"


def make_project(path: Path, prepare: str = INSTALL, *run: str, **files: str) -> Repository:
    return make_repository(path, {"gigctl.toml": rules(prepare, *run), "deps.lock": "1\n", "go.sum": "1\n", **files})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "user"


def kept(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("prepared/*") if path.is_dir())


def test_without_agreement_nothing_runs(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r")
    ran = check_tree(project.path, home=home, code=3)
    assert "which was not agreed to" in ran.err
    assert "--prepare" in ran.err
    assert kept(home) == []


def test_what_was_prepared_is_found_and_kept(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r")
    before = project.state()
    ran = check_tree(project.path, "--prepare", home=home)
    assert ran.out == "pass  uses\n"
    assert "prepared node_modules" in ran.err
    (place,) = kept(home)
    when = (place / "tree/node_modules/dep/when").read_text()
    again = check_tree(project.path, home=home)
    assert (again.out, again.err) == ("pass  uses\n", "")
    assert (place / "tree/node_modules/dep/when").read_text() == when
    assert [path.name for path in (place / "tree").iterdir()] == ["node_modules"]
    assert project.state() == before


@pytest.mark.parametrize("changed", [{"go.sum": "2\n"}, {"gigctl.toml": rules(f"{INSTALL}; true")}])
def test_other_locks_and_another_command_are_agreed_to_anew(
    tmp_path: Path, home: Path, changed: dict[str, str]
) -> None:
    project = make_project(tmp_path / "r")
    check_tree(project.path, "--prepare", home=home)
    project.write({"readme.txt": "nothing to do with it"})
    check_tree(project.path, home=home)
    project.write(changed)
    check_tree(project.path, home=home, code=3)
    check_tree(project.path, "--prepare", home=home)
    assert len(kept(home)) == 2


def test_a_file_that_the_command_names_counts(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r")
    check_tree(project.path, "--prepare", home=home)
    project.write({"deps.lock": "2\n"})
    check_tree(project.path, home=home, code=3)


def test_a_change_does_not_bring_its_own_dependencies(tmp_path: Path, home: Path) -> None:
    """They would judge it: a runner is one of them."""
    project = make_project(tmp_path / "r", INSTALL, "grep", "-qx", "1", "node_modules/dep/said")
    project.git("branch", "before")
    project.commit({"deps.lock": "2\n", "gigctl.toml": rules("mkdir node_modules; touch /tmp/evil", "true")})
    ran = check_tree(project.path, "--base", "before", "--prepare", home=home)
    assert ran.out == "pass  uses\n"
    assert (kept(home)[0] / "tree/node_modules/dep/said").read_text() == "1\n"


def test_a_failing_one_says_so_and_keeps_nothing(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", "mkdir node_modules; echo no such package >&2; exit 7")
    ran = check_tree(project.path, "--prepare", home=home, code=3)
    assert "failed (exit code 7)" in ran.err
    assert "no such package" in ran.err
    assert kept(home) == []


def test_it_sees_no_home_and_nothing_beside_the_tree(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    (home / "secret").write_text("top secret")
    (tmp_path / "beside").write_text("top secret")
    look = f"mkdir node_modules; cat {home}/secret {tmp_path}/beside > node_modules/found 2>&1; echo x > {home}/left;"
    project = make_project(tmp_path / "r", f"{look} env > node_modules/env; true", "true")
    check_tree(project.path, "--prepare", home=home, env={"GITHUB_TOKEN": "ghs_1", "PIP_INDEX_URL": "http://pip.test"})
    (place,) = kept(home)
    assert "top secret" not in (place / "tree/node_modules/found").read_text()
    seen = (place / "tree/node_modules/env").read_text()
    assert "ghs_1" not in seen
    assert "PIP_INDEX_URL=http://pip.test" in seen
    assert not (home / "left").exists()
    assert (place / "home/left").read_text() == "x\n"


def test_checks_can_not_change_what_was_prepared(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", INSTALL, "sh", "-c", "echo evil > node_modules/dep/said")
    ran = check_tree(project.path, "--prepare", home=home, code=1)
    assert "Read-only" in ran.out
    assert (kept(home)[0] / "tree/node_modules/dep/said").read_text() == "1\n"


def test_a_link_opens_no_door(tmp_path: Path, home: Path) -> None:
    """What was prepared is the client's own writing: no interpreter of theirs shows a folder of the user's."""
    home.mkdir()
    private = home / "private/bin/python3"
    private.parent.mkdir(parents=True)
    private.write_text("#!/bin/sh\n")
    private.chmod(0o755)
    make = f"mkdir -p .venv/bin && ln -s {private} .venv/bin/python3 && echo home = {private.parent} > .venv/pyvenv.cfg"
    project = make_project(tmp_path / "r", f"{make}; ln -s {home} node_modules; true", "test", "!", "-e", str(private))
    assert check_tree(project.path, "--prepare", home=home).out == "pass  uses\n"


def test_one_that_was_killed_leaves_nothing_half_done(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", f"{INSTALL}; test -e again.txt || sleep 60")
    home.mkdir()
    child = subprocess.Popen(
        [GIGCTL, "check", "--tree", "--prepare"], cwd=project.path, env=environment(home), start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not list(home.rglob("prepared/.*/tree/node_modules/dep/when")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    check_tree(project.path, home=home, code=3)
    project.write({"again.txt": ""})
    check_tree(project.path, "--prepare", home=home)
    assert len(kept(home)) == 1


def test_two_at_once_prepare_once(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", f"{INSTALL}; sleep 1")
    home.mkdir()
    words = [GIGCTL, "check", "--tree", "--prepare"]
    both = [subprocess.Popen(words, cwd=project.path, env=environment(home)) for _ in range(2)]
    assert [child.wait() for child in both] == [0, 0]
    assert len(kept(home)) == 1


def test_where_nothing_can_be_kept_it_still_serves(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r")
    nowhere = {"GIGCTL_CACHE_DIR": "/dev/null/cache"}
    assert check_tree(project.path, "--prepare", home=home, env=nowhere).out == "pass  uses\n"
    check_tree(project.path, home=home, env=nowhere, code=3)


def test_a_python_package_by_pip(tmp_path: Path, home: Path) -> None:
    """A real wheel, installed by the pip of a real environment that the command makes."""
    project = make_project(
        tmp_path / "r",
        "python3 -m venv .venv && .venv/bin/pip install -q --no-index ./giga-1.0-py3-none-any.whl",
        ".venv/bin/python", "-c", "import giga; print(giga.NAME)",
    )  # fmt: skip
    wheel = project.path / "giga-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("giga.py", "NAME = 'giga'\n")
        file.writestr("giga-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: giga\nVersion: 1.0\n")
        file.writestr("giga-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("giga-1.0.dist-info/RECORD", "")
    assert check_tree(project.path, "--prepare", home=home).out == "pass  uses\n"
    assert check_tree(project.path, home=home).out == "pass  uses\n"


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_node_package_by_npm(tmp_path: Path, home: Path) -> None:
    package = '{"name": "x", "version": "1.0.0", "dependencies": {"giga": "file:giga"}}'
    project = make_project(
        tmp_path / "r", "npm install --offline --install-links --no-fund --no-audit", "node", "-e", "require('giga')",
        **{"package.json": package, "giga/package.json": '{"name": "giga", "version": "1.0.0", "main": "g.js"}',
           "giga/g.js": "exports.name = 'giga'\n"},
    )  # fmt: skip
    assert check_tree(project.path, "--prepare", home=home).out == "pass  uses\n"
