"""The task of a gig that joins signed changes which can't go out side by side: one change in their place, which is
drafted, reviewed and signed like any other.

Its input is the gig's base, a brief with the changes in it, and the hashes of the revisions that it joins: what one of
them is signed for anew is another input, so that no signature outlives it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.ledger import decisions, gigs, revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Change, CheckSpec, Content, Own, TaskSpec
from gigctl.records import GigRecord, TaskRecord
from gigctl.system.git import Merged, Store, diff_trees, merge_trees

__all__ = [
    "Marked",
    "add",
    "find",
    "find_marked",
    "is_outdated",
    "list_joined",
    "list_unjoined",
    "load_joined",
    "renew",
]

_JOINS = "joins"
_SHOWN = 24_000
"""Characters of one change that the brief shows, about 8,000 tokens."""


def list_joined(task: TaskRecord) -> tuple[int, ...]:
    """The numbers of the gig's tasks that it joins; none for any other task."""
    found = task.place.get(_JOINS, ()) if task.input_base is not None else ()
    return tuple(found) if isinstance(found, list) else ()


def find(tx: Tx, gig: GigRecord, joined: Sequence[TaskRecord]) -> TaskRecord | None:
    """The one that joins just these, and was not cancelled."""
    numbers = {task.number for task in joined}
    return next((task for task in tasks.list_tasks(tx, gig.id) if set(list_joined(task)) == numbers), None)


def is_outdated(tx: Tx, task: TaskRecord) -> bool:
    """Whether what it joins was signed for other contents since, or on another base; not while one of them is open."""
    joined = load_joined(tx, task)
    if any(one.state != "signed" for one in joined):
        return False
    own = tasks.get_own(tx, task)
    known = own.options.get(_JOINS) if own else None
    return known != _bound(tx, joined) or task.input_base != gigs.get_gig_by_id(tx, task.gig_id).base_tree


def add(
    tx: Tx, store: Store, gig: GigRecord, joined: Sequence[TaskRecord], *, why: str, tree: str | None = None
) -> TaskRecord:
    """A new one, with the changes put together as its first draft: `tree`, else a clean merge, where there is one.

    `why` is a sentence on what is wrong with them as they are. All of `joined` are signed.
    """
    base = gig.base_tree or ""
    place = {_JOINS: [task.number for task in joined]}
    spec = TaskSpec(f"Join {_listed(joined)}", Content((), base), place=place, own=_own(tx, store, base, joined, why))
    made = tasks.add_task(tx, gig, spec, craft=joined[0].craft)
    for task in joined:
        tasks.add_need(tx, made, task.id, "source")
    _add_draft(tx, store, made, base, joined, tree)
    return tasks.get_task_by_id(tx, made)


def renew(tx: Tx, place: Path, task: TaskRecord) -> None:
    """Its input anew, with what is signed now. Whoever calls this has seen to its signature."""
    store, joined = Store.open(place), load_joined(tx, task)
    base = gigs.get_gig_by_id(tx, task.gig_id).base_tree or ""
    own = _own(tx, store, base, joined, "")
    tasks.add_input(tx, tasks.owner_of(task), task.id, Content((), base), own)
    tasks.set_state(tx, task.id, tasks.waiting_state(tx, task.id))
    _add_draft(tx, store, task.id, base, joined, None)


def load_joined(tx: Tx, task: TaskRecord) -> list[TaskRecord]:
    """The tasks that it joins; none for any other task."""
    if not list_joined(task):
        return []
    needs = tasks.list_needs(tx, task.id)
    return [tasks.get_task_by_id(tx, other) for other, kind in needs if kind == "source"]


def _bound(tx: Tx, joined: Sequence[TaskRecord]) -> list[list[str]]:
    """What each was signed for: its reference and its revision's hash."""
    return [[task.ref, _signed_revision(tx, task)] for task in joined]


def _signed_revision(tx: Tx, task: TaskRecord) -> str:
    assert task.signed_id is not None  # noqa: S101
    return decisions.get_decision(tx, task.signed_id).signed_revision or ""


def _signed_content(tx: Tx, task: TaskRecord) -> Content:
    assert task.signed_id is not None  # noqa: S101
    revision = decisions.get_decision(tx, task.signed_id).revision
    return revisions.get_content(tx, revisions.get_revision(tx, task, revision).id)


def _own(tx: Tx, store: Store, base: str, joined: Sequence[TaskRecord], why: str) -> Own:
    """The brief, what the signature will bind, and every check that one of them has of its own."""
    checks: dict[str, CheckSpec] = {}
    for task in joined:
        if (own := tasks.get_own(tx, task)) is not None:
            checks |= {spec.name: spec for spec in own.checks}
    return Own(
        brief=_brief(tx, store, base, joined, why), options={_JOINS: _bound(tx, joined)}, checks=tuple(checks.values())
    )


def _brief(tx: Tx, store: Store, base: str, joined: Sequence[TaskRecord], why: str) -> str:
    head = (
        f"Join {len(joined)} changes to the same files into one that does all that each of them was made for, and"
        f" nothing else. {why}"
    )
    shown = [_shown(tx, store, base, task, n) for n, task in enumerate(joined, 1)]
    return "\n\n".join([head.strip(), *shown])


def _shown(tx: Tx, store: Store, base: str, task: TaskRecord, n: int) -> str:
    """A change as it was signed: what was asked for, and what it does to the base."""
    asked = tasks.get_texts(tx, task.id)[0].strip()
    patch = diff_trees(store, base, store.tree_of(_signed_content(tx, task))).decode("utf-8", "replace")
    cut = "" if len(patch) <= _SHOWN else "\n(cut here: the change is longer)"
    fence = "`" * (max((len(run) for run in re.findall(r"`{3,}", patch)), default=2) + 1)
    head = f"Change {n} ({task.ref}), for which was asked:\n{asked}"
    return f"{head}\n\n{fence}diff\n{patch[:_SHOWN].rstrip()}\n{fence}{cut}"


def _add_draft(
    tx: Tx, store: Store, task_id: int, base: str, joined: Sequence[TaskRecord], tree: str | None
) -> None:  # fmt: skip
    """The changes put together, where that can be done without a thought; a person still looks at it."""
    merged = None if tree else _merge(tx, store, base, joined)
    if merged is not None and not merged.at_odds:
        tree = merged.tree
    changes = store.list_changes(base, tree) if tree is not None else ()
    if not changes:
        return
    task = tasks.get_task_by_id(tx, task_id)
    tasks.set_current(tx, task_id, revisions.add_revision(tx, task, Content(changes, base), made_by="memory"))
    tasks.set_state(tx, task_id, "review")


def _merge(tx: Tx, store: Store, base: str, joined: Sequence[TaskRecord]) -> Merged | None:
    return merge_trees(store, base, [store.tree_of(_signed_content(tx, task)) for task in joined])


class Marked(Struct, frozen=True):
    """What git makes of the changes where it can't join all: its marks, with the tasks' references, are in the text of
    the paths that are `at_odds`."""

    content: Content
    at_odds: tuple[str, ...]


def find_marked(tx: Tx, place: Path, task: TaskRecord) -> Marked | None:
    """What a person starts from where there is no draft of what it joins; None where there is nothing to be joined."""
    joined = load_joined(tx, task)
    base = task.input_base
    if base is None or not list_joined(task) or any(one.state != "signed" for one in joined):
        return None
    store = Store.open(place)
    merged = _merge(tx, store, base, joined)
    if merged is None:
        return None
    names = {side: one.ref for side, one in zip(merged.sides, joined, strict=True)}
    changes = tuple(_named(change, names) for change in store.list_changes(base, merged.tree))
    return Marked(Content(changes, base), merged.at_odds)


def _named(change: Change, names: Mapping[str, str]) -> Change:
    """With the tasks' references where git wrote the names of commits that are nobody's."""
    path, data = change.path, change.data
    for side, ref in names.items():
        path = path.replace(side, ref)
        data = None if data is None else data.replace(side.encode(), ref.encode())
    return replace(change, path=path, data=data)


_MARK = re.compile(rb"^(?:<{7}|>{7}) (?:[A-Za-z]|[0-9a-f]{40}$)", re.MULTILINE)


def list_unjoined(task: TaskRecord, content: Content) -> list[str]:
    """The paths in which git's marks still stand."""
    if not list_joined(task):
        return []
    return [change.path for change in content.changes if change.data is not None and _MARK.search(change.data)]


def _listed(joined: Sequence[TaskRecord]) -> str:
    *most, last = [task.ref for task in joined]
    return f"{', '.join(most)} and {last}" if most else last
