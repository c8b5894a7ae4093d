"""Keeping the ledger: is it whole, copies of it, putting one back, and all of it as plain data."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from gigctl.errors import LedgerError
from gigctl.flow.desk import Desk
from gigctl.flow.erasing import note_backup, trees_beside
from gigctl.flow.references import get_gig
from gigctl.ledger import attempts, clients, decisions, deliveries, gigs, revisions, tasks
from gigctl.ledger import backups as copies
from gigctl.ledger.backups import Restored
from gigctl.ledger.journal import head, list_events
from gigctl.ledger.store import Ledger, Tx
from gigctl.ledger.verify import check_ledger
from gigctl.model import Content
from gigctl.records import GigRecord, RevisionRecord, TaskRecord
from gigctl.system.git.copies import copy_store, find_damage, find_missing, restore_store
from gigctl.system.git.store import Store

__all__ = ["Copied", "ExportedRevision", "ExportedTask", "Verified", "backup", "export", "restore", "verify"]


class Verified(Struct, frozen=True):
    """`head` is the hash of the last event: who wrote it down elsewhere can prove the journal by it."""

    path: Path
    ledger_id: str
    events: int
    head: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(desk: Desk) -> Verified:
    """Every byte of content, journal and trees, and the rows against the journal. Raises LedgerError for one that is
    unreadable."""
    if not desk.paths.ledger.exists():
        raise LedgerError(
            f"there is no ledger at {desk.paths.ledger}", "gigctl gig add makes it; gigctl ledger restore"
        )
    problems = [*check_ledger(desk.ledger), *_check_trees(desk)]
    with desk.ledger.reading() as tx:
        events, last = head(tx)
    return Verified(desk.paths.ledger, desk.ledger.id, events, last, tuple(problems))


def _check_trees(desk: Desk) -> list[str]:
    """What code gigs start from is in our git store, not in the ledger's file."""
    with desk.ledger.reading() as tx:
        bases = gigs.list_bases(tx)
    if not bases:
        return []
    store = Store.open(desk.store)
    if missing := find_missing(store, bases):
        return [f"{store.path} lacks {oid}, which a code gig starts from" for oid in missing]
    damage = find_damage(store, bases)
    return [f"{store.path} is damaged: {damage}"] if damage else []


class Copied(Struct, frozen=True):
    """A backup: the ledger's copy, and that of the trees that code gigs start from (None: there is none). `unnoted` is
    why it could not be remembered, for `gig remove` to name it."""

    ledger: Path
    trees: Path | None
    unnoted: str = ""


def backup(desk: Desk, file: Path | None) -> Copied:
    """A whole copy, in the folder of backups under the time where no file is named. Raises LedgerError."""
    stamp = desk.now().strftime("%Y%m%dT%H%M%SZ")
    target = (file or desk.paths.backups / f"ledger-{stamp}.sqlite").absolute()
    trees = trees_beside(target)
    if trees.exists():
        raise LedgerError(f"{trees} is there already", "name a file that is not there yet")
    try:
        # The trees first under their name: a copy of the ledger that has its name has them.
        with copies.making(desk.paths.data, target), _source(desk) as ledger:
            ledger.backup(target, lambda: desk.store.exists() and copy_store(Store.open(desk.store), trees))
    except BaseException:
        if not target.exists():
            with suppress(OSError):  # the folder is none: what is said is why
                trees.unlink()
        raise
    unnoted = ""
    try:
        note_backup(desk, target)
    except OSError as error:
        unnoted = error.strerror or "it can't be written"
    return Copied(target, trees if trees.exists() else None, unnoted)


def _source(desk: Desk) -> AbstractContextManager[Ledger]:
    """The ledger to be copied, also out of a folder that can't be written."""
    if desk.paths.ledger.exists() and not os.access(desk.paths.data, os.W_OK):
        return copies.reading_only(desk.paths.ledger)
    return nullcontext(desk.ledger)


def restore(desk: Desk, file: Path) -> tuple[Restored, tuple[str, ...]]:
    """A backup takes the ledger's place; the desk's ledger must not have been opened. Told with it are the gigs whose
    trees are nowhere."""
    if file.is_file() and (trees := trees_beside(file)).exists():
        restore_store(Store.open(desk.store), trees)
    restored = copies.restore(desk.paths.data, file)
    with desk.ledger.reading() as tx:
        bases = gigs.list_bases(tx)
        missing = set(find_missing(Store.open(desk.store), bases)) if bases else set()
        without = [gig.ref for gig in gigs.list_gigs(tx, with_scratch=True)
                   if missing & {gig.base_commit, gig.base_tree}]  # fmt: skip
    return restored, tuple(without)


# --- export ---


class ExportedTask(Struct, frozen=True):
    """A task with its inputs (number, content) and what it waits for (reference, kind)."""

    task: TaskRecord
    brief: str
    inputs: tuple[tuple[int, Content], ...]
    needs: tuple[tuple[str, str], ...]


class ExportedRevision(Struct, frozen=True):
    revision: RevisionRecord
    content: Content


def export(desk: Desk, words: Sequence[str] = ()) -> Generator[tuple[str, Any], None, None]:
    """(kind, record) of everything, or of some gigs; one snapshot, and no more than a task of it in memory at once."""
    with desk.ledger.reading() as tx:
        if words:
            chosen = list({gig.id: gig for gig in (get_gig(tx, word) for word in words)}.values())
        else:
            yield from (("client", client) for client in clients.list_clients(tx))
            chosen = list(gigs.list_gigs(tx, with_scratch=True))
        for gig in chosen:
            yield from _gig(tx, gig)
        if not words:
            yield from (("event", event) for event in list_events(tx))


def _gig(tx: Tx, gig: GigRecord) -> Iterator[tuple[str, Any]]:
    yield "gig", (gig, gigs.count_tasks(tx, gig.id))
    for source in gigs.list_sources(tx, gig.id):
        yield "source", (gig.ref, source)
    for task in list(tasks.list_tasks(tx, gig.id, with_cancelled=True)):
        yield from _task(tx, task)
    for delivery in deliveries.list_deliveries(tx, gig):
        yield "delivery", delivery


def _task(tx: Tx, task: TaskRecord) -> Iterator[tuple[str, Any]]:
    inputs = tuple((n, tasks.get_input(tx, task.id, n)) for n in range(1, task.input_n + 1))
    needs = tuple((tasks.get_task_by_id(tx, other).ref, kind) for other, kind in tasks.list_needs(tx, task.id))
    yield "task", ExportedTask(task, tasks.get_texts(tx, task.id)[0], inputs, needs)
    for attempt in attempts.list_attempts(tx, task=task.id):
        yield "attempt", (task.ref, attempt)
    for revision in revisions.list_revisions(tx, task.id):
        yield "revision", ExportedRevision(revision, revisions.get_content(tx, revision.id))
    for decision in decisions.list_decisions(tx, task.id):
        yield "decision", (task.ref, decision)
