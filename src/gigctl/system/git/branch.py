"""Hand a commit over as a branch: the client's repository fetches it from us, and nothing else in it changes."""

from __future__ import annotations

from pathlib import Path

from gigctl.errors import UsageError
from gigctl.system.git.bases import find_repository
from gigctl.system.git.process import FAR_SIDE, GitError
from gigctl.system.git.store import Store

__all__ = ["add_branch", "check_branch_name"]


def check_branch_name(store: Store, name: str) -> None:
    """Raises UsageError where git would not have it as a branch's name."""
    done = store.git.run("check-ref-format", f"refs/heads/{name}", expected=(0, 1))
    if done.code or name.startswith("-") or name in ("HEAD", "@"):
        raise UsageError(f"{name!r} is no name for a branch")


def add_branch(store: Store, repository: Path, name: str, commit: str) -> None:
    """Make the branch `name` in the client's repository. Its worktree, index and head stay as they are.

    Raises UsageError where there is such a branch already: none is ever moved.
    """
    check_branch_name(store, name)
    place = find_repository(store, repository)
    own = f"--git-dir={place}"
    if store.git.run(own, "show-ref", "--verify", "--quiet", f"refs/heads/{name}", expected=(0, 1)).code == 0:
        raise UsageError(f"{repository} has a branch {name!r} already", "choose another name, or delete that branch")
    quiet = ("--quiet", "--no-write-fetch-head", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance")
    args = (own, "fetch", *quiet, f"--upload-pack={FAR_SIDE}", "--", str(store.path), commit)
    store.git.run(*args, env={"GIT_ALLOW_PROTOCOL": "file"}, timeout=600)
    _make_branch(store, own, name, commit)


def _make_branch(store: Store, own: str, name: str, commit: str) -> None:
    """The zeros say that it must not be there yet, also if somebody else made it a moment ago."""
    made = ("update-ref", "-m", "gigctl: delivered", f"refs/heads/{name}", commit, "0" * 40)
    try:
        store.git.run(own, *made)
    except GitError as error:
        raise UsageError(f"the branch {name!r} can't be made: {error.reason}") from error
