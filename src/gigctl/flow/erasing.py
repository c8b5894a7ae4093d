"""After material was erased from the ledger: the trees in our git store, and the backups that still hold it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gigctl.errors import TemporaryError
from gigctl.flow.desk import Desk
from gigctl.ledger import gigs
from gigctl.ledger.backups import holds_material
from gigctl.ledger.runs import find_run_at_work, list_live_runs
from gigctl.ledger.store import Tx
from gigctl.system.git.store import Store

__all__ = ["Removal", "check_idle", "finish_removal", "list_backups", "note_backup", "trees_beside"]

_ELSEWHERE = "elsewhere"
"""In the folder of backups: the paths of those that were made outside of it, a line each."""


class Removal(Struct, frozen=True):
    """What was removed, and the backups that still hold its material: `files` are theirs, the trees beside included."""

    ref: str
    backups: tuple[Path, ...]
    files: tuple[Path, ...]

    @property
    def delete_command(self) -> str:
        return "rm " + " ".join(shlex.quote(str(path)) for path in self.files)


def check_idle(desk: Desk, tx: Tx, what: str, client: int, gig: int = 0) -> None:
    """Raises TemporaryError while a run works on the material; trees are only erased while nobody writes any."""
    run = find_run_at_work(desk.ledger, tx, client, gig)
    if run is not None:
        raise TemporaryError(f"run {run} works on {what}", "stop it (Ctrl-C there), or wait until it has ended")


def finish_removal(desk: Desk, ref: str, client: int, gig: int = 0) -> Removal:
    """Leaves no byte of it in the ledger's file, nor in the git store. Raises TemporaryError where a reader stays."""
    with desk.ledger.reading() as tx:
        on_trees = gigs.has_trees(tx, client, gig)
    if on_trees:
        _erase_trees(desk)
    desk.ledger.shrink()
    held = [path for path in list_backups(desk) if holds_material(path, desk.ledger.id, client, gig)]
    files = [each for path in held for each in (path, trees_beside(path)) if each.exists()]
    return Removal(ref, tuple(held), tuple(files))


# --- backups ---


def list_backups(desk: Desk) -> list[Path]:
    """In their folder, and those elsewhere that were made from here and are still there."""
    folder = desk.paths.backups
    found = sorted(path for path in folder.glob("*.sqlite") if not path.name.startswith("."))
    note = folder / _ELSEWHERE
    lines = note.read_text(encoding="utf-8", errors="surrogateescape").split("\n") if note.exists() else []
    elsewhere = [Path(line) for line in dict.fromkeys(lines) if line]
    return found + [path for path in elsewhere if path.is_file()]


def trees_beside(backup: Path) -> Path:
    """The copy of the git store that belongs to one of the ledger."""
    return backup.with_name(f"{backup.name}.trees")


def note_backup(desk: Desk, path: Path) -> None:
    """Remembers a backup outside of the folder, so that a removal can name it."""
    folder = desk.paths.backups
    if path.parent == folder or "\n" in str(path):
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / _ELSEWHERE).open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{path}\n")


# --- trees ---


def _erase_trees(desk: Desk) -> None:
    """Takes out of the git store what no gig that is still there starts from."""
    if not (desk.store / "gigctl" / "ready").exists():
        return
    if runs := list_live_runs(desk.ledger):
        raise TemporaryError(
            f"it is erased from the ledger, but run {runs[0]} uses the store of trees, which still has the gig's files",
            "when it has ended, say it for any other gig or client, or: gigctl ledger verify",
        )
    with desk.ledger.reading() as tx:
        kept = gigs.list_bases(tx)
    store = Store.open(desk.store)
    _delete_refs(store, kept)
    store.run("repack", "-a", "-d", "-q")
    store.run("prune", "--expire=now")


def _delete_refs(store: Store, kept: set[str]) -> None:
    refs = [
        line.split(" ") for line in store.run("for-each-ref", "--format=%(refname) %(objectname)").text.splitlines()
    ]
    bases = [name for name, oid in refs if name.startswith("refs/gigctl/") and oid in kept]
    tags = _merged_tags(store, [oid for name, oid in refs if name in bases and name.startswith("refs/gigctl/base/")])
    gone = [name for name, _ in refs if name not in bases and name not in tags]
    if gone:
        store.run("update-ref", "--stdin", stdin="".join(f"delete {name}\n" for name in gone).encode())


def _merged_tags(store: Store, commits: Sequence[str]) -> set[str]:
    """Tags in the history of what is kept."""
    found: set[str] = set()
    for commit in commits:
        args = ("for-each-ref", "--format=%(refname)", f"--merged={commit}", "refs/tags")
        found |= set(store.run(*args).text.splitlines())
    return found
