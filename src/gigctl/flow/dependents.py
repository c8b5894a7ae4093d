"""What a signature, or its end, means for the tasks that waited for it."""

from __future__ import annotations

from pathlib import Path

from gigctl.flow import integration
from gigctl.ledger import decisions, revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Content
from gigctl.records import TaskRecord

__all__ = ["release_dependents", "renew_integration", "void"]


def release_dependents(tx: Tx, task: TaskRecord, content: Content, store: Path) -> None:
    """After a signature: who waited goes on, and who takes the signed content gets it as its newest input. `store` is
    our git store, for the task that joins several changes to a tree."""
    for other, kind in tasks.list_dependents(tx, task.id):
        waiting = tasks.get_task_by_id(tx, other)
        if integration.list_joined(waiting):
            renew_integration(tx, store, waiting)
        elif kind == "source" and content.sha256 != waiting.input_hash:
            tasks.add_input(tx, tasks.owner_of(waiting), other, content)
            _back_to_review(tx, tasks.get_task_by_id(tx, other))
        if tasks.get_task_by_id(tx, other).state == "blocked":
            tasks.set_state(tx, other, tasks.waiting_state(tx, other))


def renew_integration(tx: Tx, store: Path, task: TaskRecord) -> None:
    """Where what it joins was signed for something else since: its signature is void, and its input made anew."""
    if task.state != "cancelled" and integration.is_outdated(tx, task):
        void(tx, task)
        integration.renew(tx, store, task)


def void(tx: Tx, task: TaskRecord) -> None:
    """Ends a task's signature, so that it is to be looked at again, and puts back what was built on it."""
    if not decisions.void_signature(tx, task):
        return
    tasks.set_state(tx, task.id, "review")
    for other, _ in tasks.list_dependents(tx, task.id):
        _back_to_review(tx, tasks.get_task_by_id(tx, other))


def _back_to_review(tx: Tx, task: TaskRecord) -> None:
    """What depends on something that changed is looked at again; what was not begun waits."""
    if task.state == "signed":
        void(tx, task)
    elif task.state == "ready" and revisions.find_best_revision(tx, task.id) is None:
        tasks.set_state(tx, task.id, tasks.waiting_state(tx, task.id))
