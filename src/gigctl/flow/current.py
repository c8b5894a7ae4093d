"""Which revision a task means: what an agent's draft may move, and what only a person may."""

from __future__ import annotations

from gigctl.insight.alternatives import passes
from gigctl.ledger import attempts, revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.records import RevisionRecord, TaskRecord

__all__ = ["is_passing", "settle_current"]


def settle_current(tx: Tx, task: TaskRecord, revision_id: int) -> None:
    """Makes an agent's draft the task's current revision where it may be that; what was signed stays what is meant."""
    if task.current_id == revision_id or task.state == "signed":
        return
    draft = revisions.get_revision_by_id(tx, revision_id)
    before = None if task.current_id is None else revisions.get_revision_by_id(tx, task.current_id)
    if before is None or _replaces(tx, before, draft):
        tasks.set_current(tx, task.id, revision_id)


def _replaces(tx: Tx, before: RevisionRecord, draft: RevisionRecord) -> bool:
    """DESIGN, *One task's way*: never a human's; a repair, a later round's first, or one that passes where it fails."""
    if before.made_by == "human" or draft.rejected or draft.input_n < before.input_n:
        return False
    if before.rejected or before.input_n < draft.input_n or draft.parent == before.number:
        return True
    if attempts.is_first_of_later_round(tx, draft.id, before.id):
        return True
    if attempts.is_one_of_all(tx, draft.id):
        return False
    return passes(draft) and before.assessed and not passes(before)


def is_passing(tx: Tx, task: TaskRecord) -> bool | None:
    """Whether the task's current revision is of its newest input and passes; None where that is not known."""
    if task.current_id is None:
        return None
    revision = revisions.get_revision_by_id(tx, task.current_id)
    if not revision.assessed or revision.input_n != task.input_n or revision.rejected:
        return None
    return passes(revision)
