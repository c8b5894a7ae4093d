"""`preview`: what would be delivered, with UNSIGNED in every name, so that nobody takes it for a delivery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from gigctl.crafts.registry import get_craft
from gigctl.flow.assembly import assemble, check_paths
from gigctl.flow.desk import Desk
from gigctl.flow.manifest import NOTE, DeliveredFile
from gigctl.flow.parcel import listed, write_file
from gigctl.flow.references import get_gig
from gigctl.flow.selection import Wanted, select
from gigctl.ledger import revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import REGULAR, Change, Content
from gigctl.records import GigRecord, TaskRecord
from gigctl.system.files import new_folder
from gigctl.system.git import Store, diff_trees

__all__ = ["Previewed", "preview"]


class Previewed(Struct, frozen=True):
    """`undrafted` are those of the unsigned tasks in whose place the source stands, of `total`."""

    path: str
    files: tuple[DeliveredFile, ...]
    unsigned: tuple[str, ...]
    undrafted: tuple[str, ...] = ()
    total: int = 0


def preview(desk: Desk, word: str, folder: Path | None = None) -> Previewed:
    """What would be delivered, of the current revisions, marked UNSIGNED in every name; what has no draft stays as in
    the source. Nothing is recorded, and `verify` calls it no delivery. The folder is REF.preview where none is named.
    Raises UsageError."""
    with desk.ledger.reading() as tx:
        wanted = select(tx, get_gig(tx, word), None, ())
        unsigned = tuple(task.ref for task in wanted.every if task.state != "signed")
        undrafted = tuple(task.ref for task in wanted.every if task.current_id is None)
        files = [*_preview_documents(tx, wanted), *_preview_changes(tx, desk, wanted)]
    folder = folder or Path(f"{wanted.gig.ref}.preview")
    note = _preview_note(wanted.gig, unsigned, undrafted, len(wanted.every))
    marked = [replace(file, path=_unsigned_name(file.path)) for file in files]
    check_paths([*(file.path for file in marked), NOTE])
    with new_folder(folder) as temporary:
        for file in [*marked, Change(NOTE, REGULAR, note.encode())]:
            write_file(temporary, file)
    return Previewed(str(folder), tuple(map(listed, marked)), unsigned, undrafted, len(wanted.every))


def _current(tx: Tx, task: TaskRecord) -> Content:
    if task.current_id is None:
        return tasks.get_input(tx, task.id, task.input_n)
    return revisions.get_content(tx, task.current_id)


def _preview_documents(tx: Tx, wanted: Wanted) -> tuple[Change, ...]:
    made = [task for task in wanted.every if not get_craft(task.craft).ON_TREE]
    if not made:
        return ()
    contents = {task.id: _current(tx, task) for task in made}
    return assemble(tx, wanted.gig, made, contents, wanted.languages).files


def _preview_changes(tx: Tx, desk: Desk, wanted: Wanted) -> Iterator[Change]:
    """A diff a task, which no `git am` takes for a patch that was delivered."""
    for task in wanted.every:
        if not get_craft(task.craft).ON_TREE or task.current_id is None:
            continue
        content = revisions.get_content(tx, task.current_id)
        store = Store.open(desk.store)
        yield Change(f"{task.ref}.diff", REGULAR, diff_trees(store, content.base, store.tree_of(content)))


def _unsigned_name(path: str) -> str:
    """`en/contrat.md` becomes `en/contrat.UNSIGNED.md`, which opens as before."""
    name = PurePosixPath(path)
    return str(name.with_name(f"{name.stem}.UNSIGNED{name.suffix}"))


def _preview_note(gig: GigRecord, unsigned: Sequence[str], undrafted: Sequence[str], total: int) -> str:
    left = set(undrafted)
    listed = "".join(f"  {ref}{' (no draft: as in the source)' if ref in left else ''}\n" for ref in unsigned)
    return (
        f"UNSIGNED: a preview of {gig.ref}, and no delivery.\n"
        f"Nobody answers for these files. {len(unsigned)} of {total} tasks are unsigned:\n{listed}"
    )
