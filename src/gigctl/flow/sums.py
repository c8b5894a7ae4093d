"""Several signed changes as one: which can't go out side by side, and whether their sum passes what each passed.

What can't is no delivery: one task of the gig is made that joins them, and its signature is what then goes out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gigctl.errors import GateError, GigctlError, WaitsForHuman
from gigctl.flow import asking, checking, integration, work
from gigctl.flow.checking import Question
from gigctl.flow.dependents import renew_integration
from gigctl.flow.desk import Desk
from gigctl.flow.review import check_now
from gigctl.flow.series import Series
from gigctl.flow.signoffs import Signed, load_signed, refuse_forged
from gigctl.ledger import revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import CheckSpec, Content, Reference, Verdict, quote_path
from gigctl.records import GigRecord, TaskRecord
from gigctl.system.git import Store

__all__ = ["Overlap", "Sum", "add_task_for", "check_sum", "find_overlap", "load_sum", "name_joined", "take_joined"]

_NAMED = 3


# --- what stands for what ---


def take_joined(tx: Tx, gig: GigRecord, ready: Sequence[Signed]) -> tuple[list[Signed], list[Signed]]:
    """Those that go out themselves, and those in whose place a task that joins them does, named or not.

    Raises WaitsForHuman where one of these is unsigned, Overlap where the task that joins them is not made for what is
    signed now.
    """
    found = {one.task.number: one for one in ready}
    replaced: set[int] = set()
    todo = list(ready)
    while todo:
        one = todo.pop()
        numbers = integration.list_joined(one.task)
        for number in numbers:
            replaced.add(number)
            if number not in found:
                found[number] = _load_joined(tx, gig, one, number)
                todo.append(found[number])
        if numbers and integration.is_outdated(tx, one.task):
            raise Overlap(gig, [found[number] for number in numbers], one.content.changes[0].path)
    return (
        [one for number, one in found.items() if number not in replaced],
        [one for number, one in found.items() if number in replaced],
    )


def _load_joined(tx: Tx, gig: GigRecord, joins: Signed, number: int) -> Signed:
    task = tasks.get_task(tx, Reference(gig.client, gig.number, number))
    if task.state != "signed":
        raise WaitsForHuman(f"{task.ref}, which {joins.task.ref} joins, is not signed", f"gigctl show {task.ref}")
    signed = load_signed(tx, task)
    refuse_forged(tx, [signed])
    return signed


def name_joined(kept: Sequence[Signed], joined: Sequence[Signed]) -> dict[str, tuple[str, ...]]:
    """For the manifest: of each task that joins others, which."""
    refs = {one.task.number: one.task.ref for one in joined}
    return {
        one.task.ref: tuple(refs[number] for number in numbers)
        for one in (*kept, *joined) if (numbers := integration.list_joined(one.task))
    }  # fmt: skip


# --- where two are at odds ---


class Overlap(Exception):
    """Changes that can't go out side by side, with a path that two of them have."""

    def __init__(self, gig: GigRecord, signed: Sequence[Signed], path: str) -> None:
        super().__init__(path)
        self.gig, self.signed, self.path = gig, tuple(signed), path


def find_overlap(gig: GigRecord, signed: Sequence[Signed]) -> Overlap | None:
    """All that change a path which another changes too, unless both leave the same bytes there; a folder in the place
    of which another has a file is such a path."""
    found: dict[str, dict[int, Signed]] = {}
    for n, one in enumerate(signed):
        for other in signed[n + 1 :]:
            for path in _at_odds(one.content, other.content):
                found.setdefault(path, {}).update({one.task.id: one, other.task.id: other})
    if not found:
        return None
    together = {id_ for those in found.values() for id_ in those}
    return Overlap(gig, [one for one in signed if one.task.id in together], min(found))


def _at_odds(one: Content, other: Content) -> Iterator[str]:
    left, right = ({change.path: change for change in content.changes} for content in (one, other))
    yield from (path for path in left.keys() & right.keys() if left[path] != right[path])
    for files, others in ((left, right), (right, left)):
        made = {path for path, change in files.items() if change.data is not None}
        for path, change in others.items():
            if change.data is not None:
                yield from made.intersection(_folders(path))


def _folders(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


# --- the sum ---


class Sum(Struct, frozen=True):
    """Several changes together, with the checks of all of them."""

    gig: GigRecord
    signed: tuple[Signed, ...]
    tree: str
    question: Question


def load_sum(tx: Tx, store: Store, gig: GigRecord, signed: Sequence[Signed], series: Series) -> Sum | None:
    """None where one change goes out as it was signed: its checks stand in its signature."""
    if len(signed) < 2:
        return None
    content = Content(store.list_changes(series.base_tree, series.signed_tree), series.base_tree)
    if any(one.content.sha256 == content.sha256 for one in signed):
        return None
    views = [asking.load_view(tx, gig, one.task) for one in signed]
    specs: dict[str, CheckSpec] = {}
    for view in views:
        for spec in view.specs:
            if spec.name not in specs or spec.required:
                specs[spec.name] = spec
    wanted, context = tuple(specs.values()), views[0].context
    marks = work.fingerprints(content, wanted, context)
    known = tuple(checking.find_known(tx, spec, mark) for spec, mark in zip(wanted, marks, strict=True))
    return Sum(gig, tuple(signed), series.signed_tree, Question(content, wanted, context, known))


def check_sum(desk: Desk, found: Sum) -> tuple[Verdict, ...]:
    """Its verdicts. Raises GateError where a required check does not pass: the sum is then a task's draft, which is
    where it can be looked at, mended and signed."""
    verdicts = asyncio.run(checking.check_revision(found.question, store=desk.store))
    gating = [verdict for verdict in verdicts if verdict.gates]
    if not gating:
        return tuple(verdicts)
    first = gating[0]
    why = first.evidence[0].message.partition("\n")[0] if first.evidence else first.outcome
    names = _listed([one.task for one in found.signed])
    task, _ = _add(desk, found.gig, found.signed, f'Together they do not pass the check "{first.name}".', found.tree)
    raise GateError(
        f'{found.gig.ref} is not delivered: on the sum of {names} the required check "{first.name}" is '
        f"{first.outcome}: {why}",
        f"{task.ref} has the sum as its draft: gigctl run {task.ref} -a AGENT, or gigctl edit {task.ref}",
    )


def add_task_for(desk: Desk, overlap: Overlap) -> GigctlError:
    """The task that joins them, made where it is not there yet; what to tell of it."""
    records = [one.task for one in overlap.signed]
    path = quote_path(overlap.path)
    task, made = _add(desk, overlap.gig, overlap.signed, f"Both change {path}.", None)
    what = "was made to join them" if made else "joins them"
    if task.state == "signed":  # it was not named, and is what must go out
        return WaitsForHuman(f"{_listed(records)} change {path}, each in its own way: {task.ref} joins them",
                             f"gigctl deliver {task.ref}")  # fmt: skip
    drafted = task.current_id is not None and task.state == "review"
    do = f"gigctl diff {task.ref}, then gigctl sign {task.ref}" if drafted else (
        f"gigctl run {task.ref}, or gigctl edit {task.ref}")  # fmt: skip
    draft = "; its draft puts both together as git would, and nobody has looked at it" if drafted else ""
    return WaitsForHuman(
        f"{overlap.gig.ref} is not delivered: {_listed(records)} change {path}, each in its own way: {task.ref} "
        f"{what}{draft}", do,
    )  # fmt: skip


def _add(
    desk: Desk, gig: GigRecord, signed: Sequence[Signed], why: str, tree: str | None
) -> tuple[TaskRecord, bool]:  # fmt: skip
    """The task, with the checks of its draft run, and whether it is new."""
    store = Store.open(desk.store)
    with desk.ledger.writing() as tx:
        joined = [tasks.get_task_by_id(tx, one.task.id) for one in signed]
        for now, one in zip(joined, signed, strict=True):
            if now.signed_id != one.task.signed_id:
                raise WaitsForHuman(f"{now.ref} changed while it was being delivered", f"gigctl show {now.ref}")
        task = integration.find(tx, gig, joined)
        made = task is None
        if task is None:
            task = integration.add(tx, store, gig, joined, why=why, tree=tree)
        else:
            renew_integration(tx, desk.store, task)
        task = tasks.get_task_by_id(tx, task.id)
        unchecked = task.current_id is not None and not revisions.get_revision_by_id(tx, task.current_id).assessed
    if unchecked:
        check_now(desk, [task.ref])
    return task, made


def _listed(these: Sequence[TaskRecord]) -> str:
    refs = [task.ref for task in these]
    if len(refs) > _NAMED + 1:
        return f"{', '.join(refs[:_NAMED])} and {len(refs) - _NAMED} more"
    return f"{', '.join(refs[:-1])} and {refs[-1]}"
