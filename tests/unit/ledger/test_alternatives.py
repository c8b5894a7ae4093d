"""Drafts beside the current one: found by two statements that look at nothing but what is in review."""

from __future__ import annotations

import pytest

from gigctl.ledger import alternatives, decisions, revisions, tasks
from gigctl.ledger.store import Ledger, Tx
from gigctl.model import Content, Verdict
from gigctl.records import TaskRecord
from support.books import new_gig, new_task


def draft(tx: Tx, task: TaskRecord, text: str, outcome: str | None = "pass", made_by: str = "agent") -> int:
    row = revisions.add_revision(tx, task, Content.of_text(text), made_by=made_by)
    if outcome is not None:
        verdict = Verdict("numbers", outcome, fingerprint=f"{text} {outcome}")  # type: ignore[arg-type]
        revisions.record_verdicts(tx, task, row, [verdict])
    return row


def reviewed(tx: Tx, *texts: str) -> tuple[TaskRecord, list[int]]:
    """A task in review with these drafts, the first of which is current."""
    task = new_task(tx, new_gig(tx))
    rows = [draft(tx, task, text) for text in texts]
    tasks.set_current(tx, task.id, rows[0])
    tasks.set_state(tx, task.id, "review")
    return tasks.get_task_by_id(tx, task.id), rows


def reject(tx: Tx, task: TaskRecord, row: int) -> None:
    revisions.reject_revision(tx, row, decisions.add_decision(tx, task, "reject", actor="x", revision=row))


def test_a_passing_draft_beside_the_current_one(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        alone, _ = reviewed(tx, "one")
        both, rows = reviewed(tx, "one", "two")
        draft(tx, alone, "bad", "fail")
        draft(tx, alone, "not looked at", None)
        draft(tx, alone, "mine", made_by="human")
        assert alternatives.list_with_others(tx) == {both.id}
        reject(tx, both, rows[1])
        assert alternatives.list_with_others(tx) == set()


def test_what_is_signed_has_none(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        task, _ = reviewed(tx, "one", "two")
        tasks.set_state(tx, task.id, "signed")
        assert alternatives.list_with_others(tx) == set()


def test_what_was_rejected_and_came_back(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        task, rows = reviewed(tx, "one", "two", "one")
        reject(tx, task, rows[0])
        tasks.set_current(tx, task.id, rows[1])
        assert alternatives.list_come_back(tx) == {}
        tasks.set_current(tx, task.id, rows[2])
        assert alternatives.list_come_back(tx) == {task.id: 1}
        tasks.add_input(tx, tasks.owner_of(task), task.id, Content.of_text("a newer source"))
        newer = tasks.get_task_by_id(tx, task.id)
        tasks.set_current(tx, task.id, draft(tx, newer, "one"))
        assert alternatives.list_come_back(tx) == {}


@pytest.mark.parametrize("sql", [alternatives._OTHERS, alternatives._COME_BACK])
def test_only_what_waits_is_looked_at(sql: str, ledger: Ledger) -> None:
    with ledger.reading() as tx:
        plan = [row[3] for row in tx.rows(f"EXPLAIN QUERY PLAN {sql}")]
    assert plan[0].startswith("SEARCH task USING INDEX task_waiting")
    assert not any(step.startswith("SCAN") for step in plan)
