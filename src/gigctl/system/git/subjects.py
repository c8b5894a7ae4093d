"""The subjects of a commit's past, as data."""

from __future__ import annotations

from gigctl.system.git.process import GitError
from gigctl.system.git.store import Store, checked_id

__all__ = ["list_subjects"]


def list_subjects(store: Store, commit: str, most: int) -> list[str]:
    """Of the newest commits up to `commit`, merges left out; none where its history can't be read."""
    form = ("--format=%s", "-z", "--no-merges", "--no-show-signature", "--no-mailmap", "--encoding=UTF-8")
    try:
        text = store.run("log", f"--max-count={most}", *form, checked_id(commit)).stdout.decode("utf-8", "replace")
    except GitError:
        return []
    return [line for line in text.split("\0") if line]
