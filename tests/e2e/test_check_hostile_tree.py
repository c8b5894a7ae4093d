"""`gigctl check --tree` in a booby-trapped repository: nothing of it runs but in the sandbox, and nothing escapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.hostile_repo import Hostile, make_hostile, make_partial
from support.trees import check_tree

NAMES = ["a\n::error::b.py", "sp ace.py", "-n", "\u202eq.py", "日本.py", ":!x.py", '"quoted".py']
RULES = """\
[checks.seen]
run = ["python3", "look.py"]
[checks.no-secret]
check = "regex"
pattern = "root:x[:]0:0"
must = "not match"
"""
LOOK = """\
import os, pathlib, socket, sys
found = []
for place in ("/root/.ssh", "/etc/shadow", os.environ.get("CANARY_HOME", "/none")):
    try:
        found.append(str(os.listdir(place) if os.path.isdir(place) else open(place).read()))
    except OSError:
        pass
try:
    socket.create_connection(("192.0.2.1", 80), 1)
    found.append("network")
except OSError:
    pass
pathlib.Path("written").write_text("x")
if "passwd" in os.readlink("absolute"):
    found += ["escaped"] if "root:x" + ":0:0" in pathlib.Path("absolute").read_text() else []
print(found)
sys.exit(1 if found else 0)
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    made = make_hostile(tmp_path / "evil")
    files = {"gigctl.toml": RULES, "look.py": LOOK} | dict.fromkeys(NAMES, "x = 1\n")
    made.repository.write(files)
    return made


def test_no_trap_springs_and_nothing_is_written(hostile: Hostile, tmp_path: Path) -> None:
    before = hostile.repository.state()
    for place in (hostile.path, hostile.path / "sub"):
        ran = check_tree(place, "--json", home=tmp_path / "user", code=0)
        assert [item["verdict"] for item in json.loads(ran.out)["items"]] == ["pass", "pass"]
    assert hostile.repository.state() == before
    assert hostile.sprung() == []


def test_nor_with_a_base(hostile: Hostile, tmp_path: Path) -> None:
    ran = check_tree(hostile.path, "--base", "HEAD~1", home=tmp_path / "user", code=0)
    assert ran.out.startswith("pass  seen, no-secret")
    assert hostile.sprung() == []
    assert not [line for line in (ran.out + ran.err).splitlines() if line.lstrip().startswith("::")]


def test_a_linked_worktree_and_a_folder_whose_git_is_elsewhere(hostile: Hostile, tmp_path: Path) -> None:
    for place in (hostile.worktree, hostile.linked):
        (place / "gigctl.toml").write_text('[checks.a]\nrun = "true"\n')
        assert check_tree(place, home=tmp_path / "user", code=0).out == "pass  a\n"
    assert check_tree(hostile.bare, home=tmp_path / "user", code=3).err
    assert hostile.sprung() == []


def test_a_partial_clone_fetches_nothing(tmp_path: Path) -> None:
    hostile = make_partial(tmp_path / "evil")
    hostile.repository.write({"gigctl.toml": '[checks.a]\nrun = "true"\n'})
    ran = check_tree(hostile.path, home=tmp_path / "user", code=3)
    assert hostile.sprung() == []
    assert "complete it: git fetch --refetch --no-filter" in ran.err


def test_settings_that_name_another_work_tree(hostile: Hostile, tmp_path: Path) -> None:
    elsewhere = tmp_path / "private"
    elsewhere.mkdir()
    (elsewhere / "gigctl.toml").write_text('[checks.a]\nrun = "true"\n')
    with (hostile.path / ".git" / "config").open("a") as config:
        config.write(f"[core]\n\tworktree = {tmp_path}\n")
    ran = check_tree(hostile.path, home=tmp_path / "user", code=3)
    assert ran.out == ""
    assert "name another work tree" in ran.err


def test_rules_that_are_a_link_out_are_not_followed(hostile: Hostile, tmp_path: Path) -> None:
    outside = tmp_path / "rules.toml"
    outside.write_text('[checks.a]\nrun = "true"\n')
    (hostile.path / "gigctl.toml").unlink()
    (hostile.path / "gigctl.toml").symlink_to(outside)
    assert "is a link" in check_tree(hostile.path, home=tmp_path / "user", code=3).err
