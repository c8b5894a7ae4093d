"""`gigctl check --tree` as CI runs it: the installed command in a checkout, without a ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.schema import check_document, check_error
from support.terminal import run_gigctl
from support.trees import CALC, check_tree, make_project


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


def test_a_folder_of_a_monorepo_has_its_own_rules_and_the_whole_tree_around(tmp_path: Path, home: Path) -> None:
    rules = "[checks.here]\nrun = \"sh -c 'test -f own.txt && test -f ../../calc.py && test -d ../../.git'\"\n"
    project = make_project(tmp_path / "r", packages__api__gigctl_toml="", packages__api__own_txt="x")
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


def test_what_could_not_be_checked_at_all_is_3(tmp_path: Path, home: Path) -> None:
    rules = '[checks.a]\nrun = "no-such-program"\nrequired = false\n'
    project = make_project(tmp_path / "r", **{"gigctl.toml": rules})
    ran = check_tree(project.path, home=home, code=3)
    assert "none of the checks could be run" in ran.err


def test_bad_rules_are_told_at_once(tmp_path: Path, home: Path) -> None:
    project = make_project(tmp_path / "r", **{"gigctl.toml": "[chekcs.a]\n[code]\nlnit = 'x'\n"})
    said = check_tree(project.path, home=home, code=3).err.splitlines()
    assert [line.split(":")[0] for line in said] == ["error", "error", "hint"]


def test_options_of_the_tree_alone(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    assert run_gigctl("check", "acme-1", "--base", "x", home=home, code=2).err
    assert run_gigctl("check", "--tree", "a", "b", home=home, code=2).err
    assert run_gigctl("check", "--tree", tmp_path / "no", home=home, code=2).err
