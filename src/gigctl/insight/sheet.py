"""One task whole: its source, its revisions and what the checks said, its attempts, its decisions, its cost."""

from __future__ import annotations

from msgspec import Struct

from gigctl.ledger import attempts, decisions, gigs, revisions, rewording, rounds, tasks
from gigctl.ledger.store import Ledger, Tx
from gigctl.model import Content, Request
from gigctl.records import (
    AttemptRecord,
    DecisionRecord,
    GigRecord,
    RevisionRecord,
    RoundRecord,
    TaskRecord,
)

__all__ = ["TaskSheet", "load_request", "load_sheet", "load_sheet_by_id"]


class TaskSheet(Struct, frozen=True):
    """`shown` is the revision that was asked for, or the current one; `content` and `parent` are its and what it came
    from (for an agent's first draft the input)."""

    task: TaskRecord
    gig: GigRecord
    input: Content
    brief: str
    revisions: tuple[RevisionRecord, ...]
    attempts: tuple[AttemptRecord, ...]
    decisions: tuple[DecisionRecord, ...]
    round: RoundRecord | None
    cost: int
    shown: RevisionRecord | None = None
    content: Content | None = None
    parent: Content | None = None
    reworded: bool = False  # what the task is asked by changed since the revision that is shown


def _list_calls(tx: Tx, task: TaskRecord) -> tuple[AttemptRecord, ...]:
    """What was begun and never sent is as if it had not been."""
    return tuple(call for call in attempts.list_attempts(tx, task=task.id) if call.outcome != attempts.UNSENT)


def load_sheet(ledger: Ledger, task: TaskRecord, revision: int | None = None) -> TaskSheet:
    """Raises UsageError where there is no such revision."""
    with ledger.reading() as tx:
        wanted = revision is not None or task.current_id is not None
        shown = revisions.get_revision(tx, task, revision) if wanted else None
        made = tuple(revisions.list_revisions(tx, task.id))
        content = revisions.get_content(tx, shown.id) if shown else None
        source = tasks.get_input(tx, task.id, shown.input_n if shown else task.input_n)
        parents = {r.number: r.id for r in made}
        parent = revisions.get_content(tx, parents[shown.parent]) if shown and shown.parent else source
        return TaskSheet(
            task, gigs.get_gig_by_id(tx, task.gig_id), source, tasks.get_texts(tx, task.id)[0], made,
            _list_calls(tx, task), tuple(decisions.list_decisions(tx, task.id)),
            rounds.find_last_round(tx, task.id), attempts.cost_of_task(tx, task.id), shown, content, parent,
            rewording.is_reworded(tx, shown.id) if shown else False,
        )  # fmt: skip


def load_sheet_by_id(ledger: Ledger, task: int) -> TaskSheet:
    with ledger.reading() as tx:
        record = tasks.get_task_by_id(tx, task)
    return load_sheet(ledger, record)


def load_request(ledger: Ledger, attempt: AttemptRecord) -> Request:
    """What was really sent."""
    with ledger.reading() as tx:
        return attempts.get_request(tx, attempt.request)
