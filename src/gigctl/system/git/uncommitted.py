"""What a client's checkout has changed and not committed, asked without any git at work in their repository.

Git looks at the checkout from our own store, by a copy of the client's staging area: no setting, filter or hook of
theirs has a say, and the times that the copy holds still tell which files need not be read.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gigctl.system.git.process import GitError
from gigctl.system.git.store import Store, checked_id, to_text

__all__ = ["list_uncommitted"]


def list_uncommitted(store: Store, repository: Path, base: str) -> tuple[str, ...]:
    """Paths that are changed in the checkout; files that git does not know are not among them.

    What is staged is known where the commit `base`, which the store has, is the one that is checked out. Empty for a
    bare repository, and where it can't be told.
    """
    asked = ("rev-parse", "--show-toplevel", "--git-path", "index", "HEAD")
    try:
        top, index, head = store.git.run(*asked, cwd=repository).text.splitlines()
        with store.scratch() as folder:
            shutil.copy2(repository / index, folder / "index")
            return _changed(store, Path(top), folder / "index", base if head == base else None)
    except (GitError, OSError, ValueError):
        return ()


def _changed(store: Store, top: Path, index: Path, head: str | None) -> tuple[str, ...]:
    options = ("--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all")
    env = {"GIT_INDEX_FILE": os.fspath(index)}
    paths = store.run(f"--work-tree={top}", "diff-files", *options, cwd=top, env=env).stdout.split(b"\0")[:-1]
    if head is not None:
        staged = ("diff-index", "--cached", *options, checked_id(head), "--")
        paths += store.run(*staged, env=env).stdout.split(b"\0")[:-1]
    return tuple(sorted({to_text(path) for path in paths}))
