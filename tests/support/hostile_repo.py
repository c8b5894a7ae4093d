"""A booby-trapped repository: every program that its `.git` or its files name writes a line into a canary file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from support.repositories import Repository, make_repository

_HOOKS = (
    *("applypatch-msg", "commit-msg", "fsmonitor-watchman", "p4-changelist", "p4-post-changelist", "p4-pre-submit"),
    *("p4-prepare-changelist", "post-applypatch", "post-checkout", "post-commit", "post-index-change", "post-merge"),
    *("post-receive", "post-rewrite", "post-update", "pre-applypatch", "pre-auto-gc", "pre-commit"),
    *("pre-merge-commit", "pre-push", "pre-rebase", "pre-receive", "prepare-commit-msg", "proc-receive"),
    *("push-to-checkout", "reference-transaction", "sendemail-validate", "update"),
)

_ATTRIBUTES = """\
[attr]hidden -diff -text
*.dat filter=trap
*.sneaky -diff
*.conv diff=trap
*.ext diff=outside
*.id ident
*.exp export-subst
*.utf16 working-tree-encoding=UTF-16
*.eol text eol=crlf
*.macro hidden
* merge=trap
"""

_FILES = {
    ".gitattributes": _ATTRIBUTES,
    ".gitignore": "*.ignored\n",
    "README.md": "a client's project\n",
    "big.dat": "goes through a filter\n",
    "a.sneaky": "hidden from a diff\n",
    "a.conv": "shown through a program\n",
    "a.ext": "shown through another\n",
    "a.id": "$Id$\n",
    "a.exp": "$Format:%H$\n",
    "a.utf16": "as UTF-16\n".encode("utf-16"),
    "a.eol": "line\nfeeds\n",
    "a.macro": "by a macro\n",
    "sub/module.py": "x = 1\n",
}


@dataclass(frozen=True)
class Hostile:
    """`sprung` tells which traps a program fell into; `trap(NAME)` is a command line that is one more."""

    repository: Repository
    worktree: Path
    linked: Path
    bare: Path
    canary: Path
    script: Path

    @property
    def path(self) -> Path:
        return self.repository.path

    def sprung(self) -> list[str]:
        return self.canary.read_text().splitlines() if self.canary.exists() else []

    def trap(self, name: str) -> str:
        return f"{self.script} {name}"

    def places(self) -> list[Path]:
        """All the ways into the repository."""
        return [self.path, self.path / "sub", self.worktree, self.linked, self.bare]

    def aim_at(self, store: Path) -> None:
        """Arm what knows the path that will be fetched from: its address is rewritten to a program."""
        with (self.path / ".git" / "config").open("a") as config:
            config.write(f'[url "ext::{self.trap("aimed")} "]\n\tinsteadOf = {store}\n')


def make_hostile(folder: Path, more: Mapping[str, bytes | str] | None = None) -> Hostile:
    """The repository (with `more` files), a worktree of it, a folder whose `.git` file points at it, a bare one; owned
    by somebody else."""
    folder.mkdir(parents=True, exist_ok=True)
    canary, script = folder / "canary", folder / "trap"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >>"{canary}"\ncase "$1" in clean | smudge) cat ;; esac\n')
    script.chmod(0o755)
    repository = make_repository(folder / "client", {**_FILES, **(more or {})})
    _add_links_and_submodule(repository, folder)
    worktree = folder / "worktree"
    repository.git("worktree", "add", "--quiet", str(worktree), "HEAD")
    linked = folder / "linked"
    linked.mkdir()
    (linked / ".git").write_text(f"gitdir: {repository.path}/.git\n")
    bare = folder / "bare.git"
    repository.git("clone", "--quiet", "--bare", str(repository.path), str(bare))
    hostile = Hostile(repository, worktree, linked, bare, canary, script)
    for git_folder in (repository.path / ".git", bare):
        _arm(hostile, git_folder)
    (repository.path / "big.dat").write_text("changed, so that the filter is wanted\n")
    _give_away(folder)
    return hostile


def _add_links_and_submodule(repository: Repository, folder: Path) -> None:
    for name, target in {
        "absolute": "/etc/passwd",
        "upwards": "../../outside",
        "inside": "README.md",
        "stair": "sub/..",
        "through": "stair/../outside",
    }.items():
        (repository.path / name).symlink_to(target)
    module = f'[submodule "lib"]\n\tpath = lib\n\turl = file://{folder}/client\n'
    repository.write({".gitmodules": module})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{repository.head},lib")
    repository.git("add", "--all", ":!lib")
    repository.git("commit", "--quiet", "--message", "Links and a submodule")


def _arm(hostile: Hostile, git_folder: Path) -> None:
    hooks = git_folder / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in _HOOKS:
        (hooks / name).write_text(f"#!/bin/sh\nexec {hostile.trap(f'hook-{name}')}\n")
        (hooks / name).chmod(0o755)
    (git_folder / "included").write_text(f"[core]\n\tfsmonitor = {hostile.trap('included-fsmonitor')}\n")
    with (git_folder / "config").open("a") as config:
        config.write(_config(hostile, hooks, git_folder))
    # An alternate, so that a fetch asks core.alternateRefsCommand.
    spare = hostile.path.parent / "spare.git"
    if not spare.exists():
        hostile.repository.git("clone", "--quiet", "--bare", str(hostile.path), str(spare))
    (git_folder / "objects" / "info").mkdir(exist_ok=True)
    (git_folder / "objects" / "info" / "alternates").write_text(f"{spare}/objects\n")


def _config(hostile: Hostile, hooks: Path, git_folder: Path) -> str:
    trap = hostile.trap
    return f"""
[core]
	fsmonitor = {trap("fsmonitor")}
	hooksPath = {hooks}
	sshCommand = {trap("ssh")}
	editor = {trap("editor")}
	pager = {trap("pager")}
	askPass = {trap("askpass")}
	gitProxy = {trap("gitproxy")}
	alternateRefsCommand = {trap("alternate-refs")}
	attributesFile = {hostile.path}/.gitattributes
	untrackedCache = true
[sequence]
	editor = {trap("sequence-editor")}
[gpg]
	program = {trap("gpg")}
[gpg "ssh"]
	program = {trap("gpg-ssh")}
	defaultKeyCommand = {trap("gpg-key")}
[commit]
	gpgSign = true
[filter "trap"]
	clean = {trap("clean")}
	smudge = {trap("smudge")}
	required = true
[diff]
	external = {trap("diff-external")}
[diff "trap"]
	textconv = {trap("textconv")}
[diff "outside"]
	command = {trap("diff-command")}
[merge "trap"]
	driver = {trap("merge")}
[alias]
	fetch = "!{trap("alias-fetch")}"
	rev-parse = "!{trap("alias-rev-parse")}"
	st = "!{trap("alias")}"
[uploadpack]
	packObjectsHook = {trap("pack-objects")}
[uploadarchive]
	allowUnreachable = true
[credential]
	helper = "!{trap("credential")}"
[include]
	path = {git_folder}/included
[protocol]
	allow = always
[protocol "ext"]
	allow = always
[url "ext::{trap("rewritten")} "]
	insteadOf = https://
[remote "origin"]
	url = ext::{trap("origin")}
	uploadpack = {trap("origin-uploadpack")}
	receivepack = {trap("origin-receivepack")}
	promisor = true
	fetch = +refs/heads/*:refs/remotes/origin/*
[submodule]
	recurse = true
[submodule "lib"]
	active = true
	url = file://{hostile.path}
	update = "!{trap("submodule-update")}"
[fetch]
	recurseSubmodules = true
	fsckObjects = false
[gc]
	auto = 1
	recentObjectsHook = {trap("gc")}
[maintenance]
	auto = true
[pager]
	diff = {trap("pager-diff")}
	status = true
[interactive]
	diffFilter = {trap("diff-filter")}
[trailer "trap"]
	command = {trap("trailer")}
[receive]
	procReceiveRefs = refs
[man]
	viewer = trap
"""


def make_partial(folder: Path) -> Hostile:
    """A repository that lacks a file, and says to get it by a command of its own (CVE-2024-32004)."""
    hostile = make_hostile(folder)
    blob = hostile.repository.git("hash-object", "--stdin", stdin=b"a client's project\n", env={"GIT_DIR": os.devnull})
    for objects in (hostile.path / ".git" / "objects", folder / "spare.git" / "objects"):
        (objects / blob[:2] / blob[2:]).unlink(missing_ok=True)
    config = hostile.path / ".git" / "config"
    # A path, so that not the transport but the far side's command is what must not run.
    settings = config.read_text().replace(f"ext::{hostile.trap('origin')}\n", f"{folder}/spare.git\n")
    settings += "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tpartialClone = origin\n"
    config.write_text(settings)
    return hostile


def _give_away(folder: Path) -> None:
    """To an owner whom git does not trust, where that can be done (by root)."""
    if os.geteuid() != 0:
        return
    for place in [folder / "client", folder / "worktree", folder / "linked", folder / "bare.git"]:
        for found in [place, *place.rglob("*")]:
            os.chown(found, 65534, 65534, follow_symlinks=False)
