"""The examples for CI, as far as they can be run without those services: their own commands, in a clean clone, with the
variables that the service sets."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from support.repositories import Repository
from support.terminal import GIGCTL, environment
from support.trees import CALC, TEST, make_project

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"


def load(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text())


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """A project with a branch that breaks it, and weakens its tests so that nobody sees."""
    project = make_project(tmp_path / "origin")
    project.git("checkout", "--quiet", "-b", "broken")
    project.commit({"calc.py": CALC.replace("+", "-"), "tests/test_calc.py": TEST.replace("1, 2), 3", "1, 1), 0")})
    project.git("checkout", "--quiet", "-b", "fine", "main")
    project.commit({"more.py": "x = 1\n"})
    return project


@pytest.fixture
def clone(origin: Repository, tmp_path: Path) -> Iterator[Any]:
    """A clean clone of a branch, with so much of its history."""

    def make(branch: str, *options: str) -> Repository:
        address = f"file://{origin.path}"
        place = tmp_path / f"clone-{branch}"
        origin.git("clone", "--quiet", f"--branch={branch}", *options, address, str(place))
        return Repository(place)

    return make


def run(script: str, clone: Repository, env: Mapping[str, str], *shell: str) -> subprocess.CompletedProcess[str]:
    home = clone.path.parent / "home"
    home.mkdir(exist_ok=True)
    path = f"{Path(GIGCTL).parent}:/usr/bin:/bin"
    whole = environment(home, **{"CI": "true", **env, "PATH": path})
    argv = [*(shell or ("sh", "-e", "-c")), script]
    return subprocess.run(argv, cwd=clone.path, env=whole, capture_output=True, text=True, timeout=120)


# --- GitHub ---


def run_action(clone: Repository, env: Mapping[str, str], **inputs: str) -> subprocess.CompletedProcess[str]:
    """Each step as the runner starts it (`bash --noprofile --norc -eo pipefail`), its inputs filled in."""
    action = load("action.yml")
    values = {name: inputs.get(name, given["default"]) for name, given in action["inputs"].items()}
    assert not inputs.keys() - values.keys()
    github = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(clone.path), "GITHUB_BASE_REF": "", **env}
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # an expression in a script would be code of whoever wrote its value
        own = {
            k: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda m: values[m[1]], v) for k, v in step.get("env", {}).items()
        }
        ran = run(step["run"], clone, github | own, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
        if ran.returncode:
            return ran
    return ran


def test_the_action_on_a_push(clone: Any, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    ran = run_action(clone("main", "--depth=1"), {"GITHUB_STEP_SUMMARY": str(summary)})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "pass  acceptance, no-todo\n"
    assert "| acceptance | pass |" in summary.read_text()
    assert ET.parse(tmp_path / "clone-main" / "gigctl.xml").getroot().attrib["failures"] == "0"


def test_the_action_on_a_pull_request(clone: Any) -> None:
    """From the shallow clone that actions/checkout makes."""
    ran = run_action(clone("fine", "--depth=1"), {"GITHUB_BASE_REF": "main"})
    assert ran.returncode == 0, ran.stderr
    ran = run_action(clone("broken", "--depth=1"), {"GITHUB_BASE_REF": "main"})
    assert ran.returncode == 1
    assert "fail  acceptance" in ran.stdout
    assert "tests/test_calc.py, protected: put back as origin/main has it" in ran.stderr
    assert "::error title=acceptance%3A fail::python3 -m unittest failed" in ran.stderr


def test_the_action_without_the_base_would_see_nothing(clone: Any) -> None:
    """Which shows that the one before tests the base's protected files, and not the change's."""
    assert run_action(clone("broken", "--depth=1"), {}).returncode == 0


def test_the_actions_inputs_are_words_and_no_commands(clone: Any, tmp_path: Path) -> None:
    evil = f'"; touch {tmp_path}/sprung; echo "$(touch {tmp_path}/sprung)'
    project = clone("main")
    for name in ("folder", "base", "signers", "junit", "options"):
        run_action(project, {}, **{name: evil})
    run_action(project, {"GITHUB_BASE_REF": evil})
    assert not (tmp_path / "sprung").exists()


def test_the_action_wants_signatures(clone: Any) -> None:
    project = clone("main")
    project.write({"signers": "ada ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEvgJQwTQyzCzBzJmB3Wf3Lq1D7b0o1m7jv6hXbKn4Qx\n"})
    ran = run_action(project, {}, signers="signers")
    assert ran.returncode == 1
    assert "fail  sign-off: there is no sign-off in .gigctl/signoffs/" in ran.stdout


def test_the_workflow_uses_the_action() -> None:
    steps = load("workflow.yml")["jobs"]["check"]["steps"]
    assert [step["uses"] for step in steps] == ["actions/checkout@v4", "./.github/actions/gigctl"]


# --- GitLab ---


def run_job(clone: Repository, **env: str) -> subprocess.CompletedProcess[str]:
    """`before_script` and `script` in one shell, as GitLab's runner joins them."""
    job = load("gitlab-ci.yml")["gigctl"]
    lines = [*job["before_script"], *job["script"]]
    return run(
        "\n".join(lines), clone, {**job["variables"], "GITLAB_CI": "true", **env}, "bash", "-eo", "pipefail", "-c"
    )


def test_the_job_of_gitlab(clone: Any, tmp_path: Path) -> None:
    assert run_job(clone("main")).stdout == "pass  acceptance, no-todo\n"
    assert run_job(clone("fine"), CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main").returncode == 0
    ran = run_job(clone("broken"), CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main")
    assert ran.returncode == 1
    report = load("gitlab-ci.yml")["gigctl"]["artifacts"]["reports"]["junit"]
    assert ET.parse(tmp_path / "clone-broken" / report).getroot().attrib["failures"] == "1"


# --- pre-commit ---


def test_the_hook_of_pre_commit(clone: Any) -> None:
    """In git's own hook, with the variables that git gives it."""
    (hook,) = load("pre-commit-config.yaml")["repos"][0]["hooks"]
    assert (hook["language"], hook["pass_filenames"]) == ("system", False)
    project = clone("main")
    script = project.path / ".git" / "hooks" / "pre-commit"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\nPATH={shlex.quote(str(Path(GIGCTL).parent))}:$PATH exec {hook['entry']}\n")
    script.chmod(0o755)
    project.write({"calc.py": CALC + "\n\ndef sub(a, b):\n    return a - b\n"})
    assert project.attempt("commit", "--quiet", "--all", "--message", "Subtract").returncode == 0
    project.write({"calc.py": CALC.replace("+", "-")})
    refused = project.attempt("commit", "--quiet", "--all", "--message", "Break")
    assert refused.returncode == 1
    assert b"fail  acceptance" in refused.stdout + refused.stderr
