"""All that the store keeps in one file: written beside a backup of the ledger, and put back with it.

The file is a zip of git's own: the refs, where history was cut short (`shallow`), and one pack of all objects.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from gigctl.errors import LedgerError
from gigctl.system.files import new_file_from
from gigctl.system.git.process import GitError
from gigctl.system.git.store import Store, checked_id

__all__ = ["copy_store", "find_damage", "find_missing", "restore_store"]

_REFS, _SHALLOW, _PACK = "refs", "shallow", "objects.pack"
_OURS = ("refs/gigctl/", "refs/tags/")
_TIMEOUT = 3600.0


def copy_store(store: Store, target: Path) -> bool:
    """Writes the file; False, and none, where the store keeps nothing. Never overwrites."""
    refs = store.run("for-each-ref", "--format=%(objectname) %(refname)", *_OURS).text
    if not refs:
        return False
    with store.scratch() as folder:
        store.run("pack-objects", "--quiet", "--all", "--revs", str(folder / "all"), timeout=_TIMEOUT)
        (pack,) = folder.glob("all-*.pack")
        made = folder / "copy"
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(_REFS, refs)
            if (cut := store.path / "shallow").exists():
                archive.write(cut, _SHALLOW)
            archive.write(pack, _PACK)
        pack.unlink()
        new_file_from(target, made)
    return True


def restore_store(store: Store, copy: Path) -> None:
    """Adds what the file holds; what is there stays. Raises LedgerError for one that is damaged or of another kind."""
    try:
        with zipfile.ZipFile(copy) as archive, store.scratch() as folder:
            refs = [line.split(" ", 1) for line in archive.read(_REFS).decode().splitlines()]
            cut = archive.read(_SHALLOW).decode().split() if _SHALLOW in archive.namelist() else []
            pack = folder / "restored.pack"
            with archive.open(_PACK) as packed, pack.open("wb") as out:
                shutil.copyfileobj(packed, out)
            _add_pack(store, pack)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, GitError) as error:
        raise LedgerError(f"{copy} is damaged: {error}", "restore an older backup") from error
    _add_cut(store, map(checked_id, cut))
    names = "".join(f"update {name} {checked_id(oid)}\n" for oid, name in refs if name.startswith(_OURS))
    store.run("update-ref", "--stdin", stdin=names.encode())


def _add_pack(store: Store, pack: Path) -> None:
    """Git reads every object of it, and names it by its content."""
    name = store.run("index-pack", str(pack), timeout=_TIMEOUT).text.split()[-1]
    place = store.path / "objects" / "pack"
    place.mkdir(parents=True, exist_ok=True)
    for ending in (".pack", ".idx"):  # the index last: a pack without one is not seen
        pack.with_suffix(ending).replace(place / f"pack-{checked_id(name)}{ending}")


def _add_cut(store: Store, commits: Iterable[str]) -> None:
    file = store.path / "shallow"
    known = file.read_text().split() if file.exists() else []
    found = dict.fromkeys([*known, *commits])
    if found:
        file.write_text("".join(f"{commit}\n" for commit in found))


def find_missing(store: Store, ids: Iterable[str]) -> list[str]:
    """Those of some objects that the store does not have."""
    asked = "".join(f"{checked_id(oid)}\n" for oid in sorted(ids))
    lines = store.run("cat-file", "--batch-check", stdin=asked.encode()).text.splitlines() if asked else []
    return [line.split()[0] for line in lines if line.endswith(" missing")]


def find_damage(store: Store, ids: Iterable[str]) -> str:
    """What git finds wrong with an object that some hang on, each read and hashed; the empty string where all is
    whole."""
    asked = "".join(f"{checked_id(oid)}\n" for oid in sorted(ids))
    if not asked:
        return ""
    try:
        store.run("rev-list", "--verify-objects", "--quiet", "--stdin", stdin=asked.encode(), timeout=_TIMEOUT)
    except GitError as error:
        return error.reason
    return ""
