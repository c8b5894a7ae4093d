"""Which revision a task means: what an agent's draft may move, and what only a person may."""

from __future__ import annotations

from gigctl.ledger import attempts, revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.records import RevisionRecord, TaskRecord

__all__ = ["list_undecided", "settle_current"]


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
    return _passes(draft) and before.assessed and not _passes(before)


def _passes(revision: RevisionRecord) -> bool:
    return revision.assessed and not any(verdict.gates for verdict in revision.verdicts)


def list_undecided(tx: Tx, task: TaskRecord) -> list[RevisionRecord]:
    """Alternatives: passing drafts of the newest input that did not become current and that nobody decided about.

    A human's revision decides about the drafts before it, a later round (`redo`, `run -a`) about those it replaced.
    """
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
        and not r.rejected and _passes(r)
    ]  # fmt: skip
