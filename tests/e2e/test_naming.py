"""Who signs: said where git knows no name and no address, and never empty in a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.terminal import run_gigctl


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user whose git knows nobody, with a signed change to a repository of a client's."""
    folder = tmp_path / "user"
    repo = folder / "repo"
    repo.mkdir(parents=True)
    (repo / "a.txt").write_text("one\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(repo)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (folder / "new").mkdir()
    (folder / "new" / "a.txt").write_text("two\n")
    run_gigctl("gig", "add", "--craft", "code", "--repo", repo, "--brief", "Say two", home=folder, code=0)
    run_gigctl("edit", "me-1.1", "--from", folder / "new", home=folder, code=0)
    return folder


def author(home: Path) -> str:
    argv = ["git", "-C", str(home / "repo"), "log", "-1", "--format=%an <%ae>", "gigctl/me-1"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def test_nobody_known_is_said_once_by_sign_and_by_deliver_and_the_commit_has_an_address(home: Path) -> None:
    for words in (["sign", "me-1", "--expect", "1", "--despite", "no check"], ["deliver", "me-1", "--as", "branch"]):
        err = run_gigctl(*words, home=home, code=0).err
        assert err.count("warning: git knows no name and no address of yours") == 1
        assert "git config --global user.name" in err
    name, _, address = author(home).partition(" <")
    login, _, host = address.rstrip(">").partition("@")
    assert name == login
    assert host


def test_who_is_known_hears_nothing_and_signs_in_that_name(home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n\tname = Grace\n\temail = grace@example.org\n")
    for words in (["sign", "me-1", "--expect", "1", "--despite", "no check"], ["deliver", "me-1", "--as", "branch"]):
        assert "warning" not in run_gigctl(*words, home=home, code=0).err
    assert author(home) == "Grace <grace@example.org>"


def test_a_name_alone_lacks_the_address(home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n\tname = Grace\n")
    err = run_gigctl("sign", "me-1", "--expect", "1", "--despite", "no check", home=home, code=0).err
    assert "git knows no address of yours: sign-offs and commits are by Grace" in err
