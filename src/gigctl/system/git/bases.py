"""Bring what a gig starts from into the store: a revision of the client's repository, or files without git."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from gigctl.errors import UsageError
from gigctl.system.git.process import FAR_SIDE, GitError
from gigctl.system.git.store import Store

__all__ = ["Base", "add_base", "find_repository"]

_FETCH_TIMEOUT = 1800.0


class Base(Struct, frozen=True):
    """Where a gig starts: `prefix` is the folder within the tree that was pointed at (`""`, or `sub/folder/`)."""

    commit: str
    tree: str
    prefix: str = ""


def add_base(store: Store, repository: Path, rev: str = "HEAD") -> Base:
    """Fetch `rev` with its history and tags into the store. The client's repository is only read.

    `repository` may be any folder of a checkout, a bare repository, a worktree, a shallow clone. Raises UsageError
    where it is no repository or has no such revision, GitError where it can't be fetched.
    """
    place = find_repository(store, repository)
    if _ask(store, repository, "--show-object-format") != "sha1":
        raise UsageError(f"{repository} keeps SHA-256 objects; only SHA-1 repositories can be worked on")
    commit = _resolve(store, repository, rev)
    _fetch(store, place, commit)
    tree = store.run("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}").text.strip()
    _check_paths(store, repository, tree)
    return Base(commit, tree, _ask(store, repository, "--show-prefix"))


def find_repository(store: Store, folder: Path) -> Path:
    """Git's folder of the repository that `folder` is in, the common one of all its worktrees."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
    try:
        return (folder / _ask(store, folder, "--git-common-dir")).resolve()
    except GitError as error:
        hint = "point at a checkout, or give the files themselves"
        raise UsageError(f"{folder} is no git repository: {error.reason}", hint) from error


def _ask(store: Store, folder: Path, question: str) -> str:
    return store.git.run("rev-parse", question, cwd=folder).text.removesuffix("\n")


def _resolve(store: Store, folder: Path, rev: str) -> str:
    if rev.startswith("-") or not rev.isprintable():
        raise UsageError(f"{rev!r} is no revision")
    args = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    done = store.git.run(*args, cwd=folder, expected=(0, 1, 128))
    if done.code == 0:
        return done.text.strip()
    if rev == "HEAD":
        raise UsageError(f"{folder} has no commit yet", "commit something, or give the files themselves")
    raise UsageError(f"{folder} has no revision {rev!r}")


def _fetch(store: Store, place: Path, commit: str) -> None:
    quiet = ("--quiet", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
    far = ("--update-shallow", f"--upload-pack={FAR_SIDE}")
    try:
        store.run(
            *("fetch", *quiet, *far, "--", str(place), f"+{commit}:refs/gigctl/base/{commit}"),
            env={"GIT_ALLOW_PROTOCOL": "file"},
            timeout=_FETCH_TIMEOUT,
        )
    except GitError as error:
        hint = f"if it is a partial clone, complete it first: git -C {place} fetch --refetch --no-filter"
        raise GitError(f"can't read {place}: {error.reason}", hint, reason=error.reason) from error


def _check_paths(store: Store, repository: Path, tree: str) -> None:
    """Refuse now what could never be checked out: git itself knows which paths those are."""
    try:
        with store.index(tree):
            pass
    except GitError as error:
        raise UsageError(f"{repository} has files that git itself refuses to write: {error.reason}") from error
