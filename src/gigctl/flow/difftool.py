"""The user's own diff program, on copies that nothing of it comes back from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.showing import Pair
from gigctl.model import Content
from gigctl.system import proc
from gigctl.system.git.config import find_difftool
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store

__all__ = ["run_tool"]


def run_tool(desk: Desk, pair: Pair, argv: Sequence[str]) -> None:
    """Runs `argv` with the two sides' paths at its end: two files of a text, two folders of a tree. One word, or none,
    may also name what git starts as a difftool: that sees each changed file."""
    of_git = find_difftool(argv[0] if argv else "") if len(argv) < 2 else []
    if not of_git and not argv:
        raise UsageError("no diff program is named", "--tool meld, or gigctl config set diff-tool meld")
    with tempfile.TemporaryDirectory(prefix="gigctl-diff-") as name:
        folder = Path(name)
        sides = [_laid_out(desk, content, folder / side) for side, content in (("old", pair.old), ("new", pair.new))]
        if of_git:
            _show_by_git(of_git, folder, desk.environ)
        else:
            proc.interactive([*argv, *map(str, sides)])


def _show_by_git(argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
    """No repository that the folder may lie in counts. Git 2.39 dies of a file whose mode alone differs."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o644)
    proc.interactive([*argv, "old", "new"], cwd=folder, env={**environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)})


def _laid_out(desk: Desk, content: Content, place: Path) -> Path:
    place.mkdir()
    if content.is_text:
        file = place / "text.md"
        file.write_bytes(content.changes[0].data or b"")
        return file
    store = Store.open(desk.store)
    check_out(store, store.tree_of(content), place)
    return place
