"""`gigctl check --tree` as CI runs it: the installed command in a checkout, without a ledger."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from support.repositories import Repository
from support.schema import check_document, check_error
from support.terminal import GIGCTL, environment, run_gigctl
from support.trees import CALC, RULES, TEST, check_tree, make_project


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "user"


def verdicts(text: str) -> dict[str, str]:
    return {item["name"]: item["verdict"] for item in check_document(text, "check")}


def test_a_tree_that_passes_leaves_nothing_behind(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r")
    before = project.state()
    assert check_tree(project.path, home=home).out == "pass  acceptance, no-todo\n"
    assert project.state() == before
    assert not [path for path in home.rglob("*") if path.is_file()]  # no ledger, no setting, no cache


def test_without_a_reference_it_is_the_tree(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r")
    home.mkdir()
    ran = run_gigctl("check", home=home, cwd=project.path, code=0)
    assert ran.out == "pass  acceptance, no-todo\n"


def test_files_are_judged_as_they_are_in_the_tree(tmp_path: Path, home: Path) -> None:
    """Not committed, not even known to git; what git ignores is no part of it."""
    project = make_project(tmp_path / "r", **{".gitignore": "*.log\n"})
    project.write({"calc.py": CALC.replace("+", "-"), "new.py": "# TODO\n", "x.log": "TODO"})
    ran = check_tree(project.path, "--json", home=home, code=1)
    assert verdicts(ran.out) == {"acceptance": "fail", "no-todo": "fail"}
    parts = [e["part"] for item in check_document(ran.out, "check") for e in item["evidence"]]
    assert parts == [None, "new.py"]


def test_reports_of_an_earlier_run_are_not_judged(tmp_path: Path, home: Path) -> None:
    """They quote what was found; a committed file of that name is one as any other."""
    project = make_project(tmp_path / "r")
    project.write({"new.py": "# TODO\n"})
    options = ("--junit", "report.xml", "--sarif", "report.sarif")
    check_tree(project.path, *options, home=home, code=1)
    project.place("new.py").unlink()
    assert check_tree(project.path, *options, home=home).out == "pass  acceptance, no-todo\n"
    project.commit({"report.xml": "<!-- TODO -->"})
    check_tree(project.path, *options, home=home, code=1)


def test_a_folder_of_a_monorepo_has_its_own_rules_and_the_whole_tree_around(tmp_path: Path, home: Path) -> None:
    rules = "[checks.here]\nrun = \"sh -c 'test -f own.txt && test -f ../../calc.py && test -d ../../.git'\"\n"
    project = make_project(tmp_path / "r")
    project.commit({"packages/api/gigctl.toml": rules, "packages/api/own.txt": "", "packages/api/src/x.py": ""})
    assert check_tree(project.path, "packages/api", home=home).out == "pass  here\n"
    assert check_tree(project.path / "packages/api/src", home=home).out == "pass  here\n"
    assert check_tree(project.path / "packages", home=home).out == "pass  acceptance, no-todo\n"


def test_nothing_to_check_by_is_3(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", **{"gigctl.toml": ""})
    for place in (project.path, tmp_path):
        error = check_error(check_tree(place, "--json", home=home, code=3).err)
        assert "gigctl.toml" in error["message"]
    assert check_tree(tmp_path, home=home, code=3).out == ""


def test_the_hint_is_a_file_that_works(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", **{"gigctl.toml": "", "setup.cfg": "[flake8]\nmax-line-length = 99\n"})
    said = check_tree(project.path, home=home, code=3).err
    _, hint = said.split("hint: put this into gigctl.toml; in the tree are unittest, flake8:\n")
    project.write({"gigctl.toml": hint})
    assert '[checks.flake8]\ncheck = "style"\ntool = "flake8"\n' in hint
    assert verdicts(check_tree(project.path, "--json", home=home, code=None).out)["test"] == "pass"
    empty = check_tree(make_project(tmp_path / "e", **{"gigctl.toml": ""}).path / "tests", home=home, code=3).err
    assert "[checks.test]" in empty


RUFF = f'[checks.ruff]\ncheck = "style"\ntool = "ruff"\nrun = ["{sys.executable}", "-m", "ruff", "check"]\n'


def test_a_linter_reads_the_whole_tree_where_there_is_no_base(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", **{"gigctl.toml": RUFF, "new.py": "import os\n"})
    assert "fail  ruff: new.py, line 1: F401" in check_tree(project.path, home=home, code=1).out


def test_a_linter_of_a_folders_rules_reads_that_folder(tmp_path: Path, home: Path) -> None:
    project = make_project(
        tmp_path / "r", **{"web__gigctl.toml": RUFF, "web__new.py": "import os\n", "b.py": "import os"}
    )
    project.write({"web/ruff.toml": "lint.select = ['F']\n", "ruff.toml": "lint.select = []\n"})
    items = check_document(check_tree(project.path / "web", "--json", home=home, code=1).out, "check")
    assert [e["part"] for item in items for e in item["evidence"]] == ["web/new.py"]
    project.write({"web/gigctl.toml": RUFF.replace(sys.executable, "no-such-program")})
    ran = check_tree(project.path / "web", home=home, code=None)
    assert "skip  ruff: no-such-program: there is no program 'no-such-program'" in ran.out


def test_what_could_not_be_checked_at_all_is_3(tmp_path: Path, home: Path) -> None:
    rules = '[checks.a]\nrun = "no-such-program"\nrequired = false\n'
    project = make_project(tmp_path / "r", **{"gigctl.toml": rules})
    ran = check_tree(project.path, home=home, code=3)
    assert "none of the checks could be run" in ran.err


def test_where_there_is_no_file_it_is_3(tmp_path: Path, home: Path) -> None:
    (tmp_path / "gigctl.toml").write_text("[checks.secrets]\n[checks.compiles]\n")
    ran = check_tree(tmp_path, home=home, code=3)
    assert "is no file but gigctl.toml: nothing could be checked" in ran.err
    (tmp_path / "a.py").write_text("")
    assert check_tree(tmp_path, home=home).out == "pass  secrets, compiles\n"


def test_bad_rules_are_told_at_once(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", **{"gigctl.toml": "[chekcs.a]\n[code]\nlnit = 'x'\n"})
    said = check_tree(project.path, home=home, code=3).err.splitlines()
    assert [line.split(":")[0] for line in said] == ["error", "error", "hint"]


def test_options_of_the_tree_alone(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    assert run_gigctl("check", "acme-1", "--base", "x", home=home, code=2).err
    assert run_gigctl("check", "--tree", "a", "b", home=home, code=2).err
    assert run_gigctl("check", "--tree", tmp_path / "no", home=home, code=2).err


# --- what changed since a base ---


@pytest.fixture
def branch(tmp_path: Path) -> Repository:
    """A project on a branch that began at `main`, which has gone on since."""
    project = make_project(tmp_path / "r", **{"old.py": "# TODO since ever\n"})
    project.git("checkout", "--quiet", "-b", "feature")
    project.commit({"new.py": "x = 1\n"})
    project.git("checkout", "--quiet", "main")
    project.commit({"later.py": "# TODO\n"})
    project.git("checkout", "--quiet", "feature")
    return project


def test_only_what_changed_since_the_merge_base_is_judged(branch: Repository, home: Path) -> None:
    assert verdicts(check_tree(branch.path, "--json", home=home, code=1).out)["no-todo"] == "fail"
    assert check_tree(branch.path, "--base", "main", home=home).out == "pass  acceptance, no-todo\n"
    branch.write({"new.py": "# TODO\n"})
    ran = check_tree(branch.path, "--base", "main", home=home, code=1)
    assert ran.out.startswith("fail  no-todo: new.py:1:")


def test_nothing_changed_is_said(branch: Repository, home: Path) -> None:
    out = check_tree(branch.path, "--base", "HEAD", home=home).out
    assert "pass  acceptance, no-todo" in out
    assert "no-todo: nothing was changed" in out


def test_weakened_and_deleted_tests_are_put_back(branch: Repository, home: Path) -> None:
    branch.write({"calc.py": CALC.replace("+", "-"), "tests/test_calc.py": TEST.replace("1, 2), 3", "2, 1), 1")})
    branch.write({"conftest.py": "import os; os._exit(0)\n", "sitecustomize.py": "import os; os._exit(0)\n"})
    (branch.path / "tests/__init__.py").unlink()
    ran = check_tree(branch.path, "--base", "main", home=home, code=1)
    assert "fail  acceptance: python3 -m unittest failed" in ran.out
    assert "tests/__init__.py, tests/test_calc.py, protected: put back as main has them" in ran.err
    assert "conftest.py, sitecustomize.py, protected: left out, since main has no such files" in ran.err
    assert "an honest change of tests is judged by itself, without --base" in ran.err


def test_what_is_only_read_is_read_in_tests_too(branch: Repository, home: Path) -> None:
    """Putting it back would hide from the checks what is delivered."""
    branch.write({"tests/test_calc.py": f"{TEST}# TODO\n"})
    ran = check_tree(branch.path, "--base", "main", home=home, code=1)
    assert "tests/test_calc.py, protected: put back as main has it" in ran.err
    assert "fail  no-todo: tests/test_calc.py" in ran.out


def test_the_rules_are_the_bases(branch: Repository, home: Path) -> None:
    branch.write({"calc.py": CALC.replace("+", "-"), "gigctl.toml": '[checks.acceptance]\nrun = "true"\n'})
    assert check_tree(branch.path, home=home).out == "pass  acceptance\n"
    ran = check_tree(branch.path, "--base", "main", home=home, code=1)
    assert "fail  acceptance" in ran.out
    assert "gigctl.toml is another than that of main, whose rules count" in ran.err
    (branch.path / "gigctl.toml").unlink()
    assert "fail  acceptance" in check_tree(branch.path, "--base", "main", home=home, code=1).out


def test_nearer_rules_that_a_change_adds_do_not_count(branch: Repository, home: Path) -> None:
    branch.write({"sub/gigctl.toml": '[checks.acceptance]\nrun = "true"\n', "calc.py": CALC.replace("+", "-")})
    assert check_tree(branch.path / "sub", home=home).out == "pass  acceptance\n"
    assert "fail  acceptance" in check_tree(branch.path / "sub", "--base", "main", home=home, code=1).out


def test_where_the_base_has_no_rules_the_trees_count(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r")
    project.git("rm", "--quiet", "gigctl.toml")
    project.commit()
    project.git("checkout", "--quiet", "-b", "feature")
    project.commit({"gigctl.toml": RULES, "more.py": "x = 1\n"})
    ran = check_tree(project.path, "--base", "main", home=home)
    assert ran.out == "pass  acceptance, no-todo\n"
    assert "protected" not in ran.err
    assert "main has no gigctl.toml: judged by the rules of the work tree itself" in ran.err


def test_fewer_tests_than_at_the_base_have_failed(tmp_path: Path, home: Path) -> None:
    """By a file that nobody protects: the package's own loader."""
    rules = RULES + "[code]\nprotect = ['*.toml']\n"
    project = make_project(tmp_path / "r", **{"gigctl.toml": rules})
    project.git("checkout", "--quiet", "-b", "feature")
    project.write({"tests/test_calc.py": TEST[: TEST.index("    def test_nothing")]})
    assert check_tree(project.path, home=home).out == "pass  acceptance, no-todo\n"
    ran = check_tree(project.path, "--base", "main", home=home, code=1)
    assert "unittest ran 1 tests, and 2 at the base" in ran.out


def test_a_base_that_is_not_there_is_3_with_the_command_that_fetches_it(branch: Repository, home: Path) -> None:
    error = check_error(check_tree(branch.path, "--base", "origin/main", "--json", home=home, code=3).err)
    assert error["hint"] == "git fetch origin +refs/heads/main:refs/remotes/origin/main"
    assert check_tree(branch.path, "--base", "--upload-pack=x", home=home, code=2).err
    assert check_tree(branch.path.parent, "--base", "main", home=home, code=3).err


def test_a_shallow_clone_says_what_to_fetch_and_then_can(branch: Repository, tmp_path: Path, home: Path) -> None:
    branch.git("clone", "--quiet", "--depth=1", f"file://{branch.path}", str(tmp_path / "shallow"))
    shallow = Repository(tmp_path / "shallow")
    assert check_tree(shallow.path, home=home, code=1).out.endswith("pass  acceptance\n")
    for fetched in (False, True):
        error = check_error(check_tree(shallow.path, "--base", "origin/main", "--json", home=home, code=3).err)
        command = error["hint"].split()
        assert command[:3] == ["git", "fetch", "--unshallow"]
        if not fetched:  # the branch alone, without the history that both share
            shallow.git("fetch", "--quiet", "--depth=1", *command[3:])
    shallow.git(*command[1:])
    assert check_tree(shallow.path, "--base", "origin/main", home=home).out == "pass  acceptance, no-todo\n"


# --- the machines of CI ---


def test_without_a_home_in_a_tree_that_nobody_can_write(tmp_path: Path) -> None:
    project = make_project(tmp_path / "r")
    for place in [*project.path.rglob("*"), project.path]:
        if not place.is_symlink():
            place.chmod(0o555 if place.is_dir() else 0o444)
        if os.geteuid() == 0:
            os.chown(place, 65534, 65534, follow_symlinks=False)  # and it belongs to somebody else
    no_home = {"HOME": None, "XDG_RUNTIME_DIR": None, "TERM": None}
    ran = run_gigctl("check", "--tree", home=tmp_path, cwd=project.path, env=no_home, code=0)
    assert ran.out == "pass  acceptance, no-todo\n"


@pytest.mark.skipif(shutil.which("bwrap", path="/usr/bin") is None, reason="no bubblewrap to hide")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a checkout away")
def test_a_checkout_that_belongs_to_somebody_else(branch: Repository, home: Path) -> None:
    """As in a container: git itself refuses to look at it."""
    for path in (branch.path, *branch.path.rglob("*")):
        os.chown(path, 1234, 1234, follow_symlinks=False)
    assert "pass  acceptance" in check_tree(branch.path, home=home, code=1).out
    assert check_tree(branch.path, "--base", "main", home=home).code == 0


def test_without_a_sandbox_required_checks_gate(tmp_path: Path, home: Path) -> None:
    """On a machine without bubblewrap: this one, with it hidden by itself."""
    project = make_project(tmp_path / "r")
    home.mkdir()
    hide = [
        "bwrap",
        "--dev-bind",
        "/",
        "/",
        "--ro-bind",
        "/dev/null",
        "/usr/bin/bwrap",
        "--",
        GIGCTL,
        "check",
        "--tree",
    ]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        argv = [*hide, *more]
        return subprocess.run(argv, cwd=project.path, env=environment(home), capture_output=True, text=True, timeout=60)

    ran = run()
    assert ran.returncode == 1
    assert ran.stdout.startswith("skip  acceptance: python3 was not run: bubblewrap is not installed (apt install")
    assert "--unsafe-no-sandbox" in ran.stdout
    assert run("--unsafe-no-sandbox", "--json").returncode == 0
    project.write({"gigctl.toml": '[checks.a]\nrun = "true"\nrequired = false\n'})
    assert run().returncode == 3  # nothing could be checked


def test_reports_for_a_service_and_for_github(branch: Repository, tmp_path: Path, home: Path) -> None:
    evil = "import sys; print('::error::x ]]> \\x00\\x1b[31m ##[add-mask]y\\n::stop-commands::z'); sys.exit(1)\n"
    rules = RULES + "[checks.evil]\nrun = 'python3 evil.py'\n"
    branch.git("checkout", "--quiet", "-b", "other", "main")
    branch.commit({"gigctl.toml": rules, "evil.py": "x = 1\n"})
    branch.write({"evil.py": evil})
    env = {
        "GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }  # fmt: skip
    reports = ("--junit", tmp_path / "report.xml", "--sarif", tmp_path / "report.sarif")
    ran = check_tree(branch.path, "--base", "other", *reports, home=home, env=env, code=1)
    commands = [line for line in (ran.out + ran.err).splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert [line.split(" ")[0] for line in commands] == ["::error"]
    assert "stop-commands" in commands[0]
    suite = ET.fromstring((tmp_path / "report.xml").read_bytes().decode())
    assert suite.attrib["failures"] == "1"
    assert "]]>" in (suite.find(".//failure").text or "")  # type: ignore[union-attr]
    assert json.loads((tmp_path / "report.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "evil"
    assert "| evil | fail |" in (tmp_path / "summary.md").read_text()
    ran = check_tree(branch.path, "--base", "other", "--json", home=home, env=env, code=1)
    assert "##[" not in ran.out
    assert ran.err == ""


def test_a_report_that_can_not_be_written_is_3(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r")
    ran = check_tree(project.path, "--junit", "/proc/none/report.xml", home=home, code=None)
    assert ran.code in (2, 3)
    assert ran.out == ""
