"""Drafts beside the one that a task means: which of them wait for a decision, and which were decided about before."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, NamedTuple

from gigctl.ledger.alternatives import list_come_back, list_with_others

if TYPE_CHECKING:
    from gigctl.ledger.store import Tx
    from gigctl.records import RevisionRecord, TaskRecord

__all__ = ["Alternatives", "list_undecided", "load_alternatives", "passes"]


class Alternatives(NamedTuple):
    """By task id: the numbers of the drafts between which a person must choose (the current one is the first), and the
    number of the rejected revision that the current one is the same as."""

    undecided: dict[int, tuple[int, ...]]
    come_back: dict[int, int]


def load_alternatives(tx: Tx, among: Container[int]) -> Alternatives:
    """Of the tasks in review whose ids are `among` these."""
    found = {task: _choices(tx, task) for task in sorted(list_with_others(tx)) if task in among}
    return Alternatives({task: numbers for task, numbers in found.items() if numbers}, list_come_back(tx))


def _choices(tx: Tx, task_id: int) -> tuple[int, ...]:
    from gigctl.ledger import tasks  # for the few that have one: the plain queue is what is typed most often

    task = tasks.get_task_by_id(tx, task_id)
    others = tuple(other.number for other in list_undecided(tx, task))
    return (task.current, *others) if task.current and others else others


def passes(revision: RevisionRecord) -> bool:
    return revision.assessed and not any(verdict.gates for verdict in revision.verdicts)


def list_undecided(tx: Tx, task: TaskRecord) -> list[RevisionRecord]:
    """Alternatives: passing drafts of the newest input that did not become current and that nobody decided about.

    A human's revision decides about the drafts before it, a later round (`redo`, `run -a`) about those it replaced.
    """
    from gigctl.ledger import attempts, revisions

    made = {r.number: r for r in revisions.list_revisions(tx, task.id) if r.input_n == task.input_n}
    round_of = {a.revision: a.round for a in attempts.list_attempts(tx, task=task.id)}
    current = made.get(task.current or 0)
    oldest = round_of.get(current.number, 0) if current else 0
    behind = set()
    while current is not None:
        behind.add(current.number)
        current = made.get(current.parent or 0)
    since = max((r.number for r in made.values() if r.made_by == "human"), default=0)
    return [
        r for r in made.values()
        if r.made_by == "agent" and r.number > since and r.number not in behind and round_of[r.number] >= oldest
        and not r.rejected and passes(r)
    ]  # fmt: skip
