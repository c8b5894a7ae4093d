"""Revisions, verdicts, decisions and deliveries: what was said, and what it was said of."""

from __future__ import annotations

import pytest

from gigctl.errors import UsageError
from gigctl.ledger import decisions, deliveries, gigs, revisions, tasks
from gigctl.ledger.store import Ledger, Tx
from gigctl.ledger.waiting import list_waiting
from gigctl.model import REGULAR, Change, Content, Evidence, Verdict
from gigctl.records import TaskRecord
from support.books import new_gig, new_task

PASS = Verdict("numbers", "pass", fingerprint="f1", seconds=0.5)
FAIL = Verdict("length", "fail", (Evidence("too long", "x", 3, 4),), fingerprint="f2")


def drafted(tx: Tx, text: str = "Hello", task: TaskRecord | None = None) -> tuple[TaskRecord, int]:
    task = task or new_task(tx, new_gig(tx))
    row = revisions.add_revision(tx, task, Content.of_text(text), made_by="agent")
    tasks.set_current(tx, task.id, row)
    tasks.set_state(tx, task.id, "review")
    return tasks.get_task_by_id(tx, task.id), row


def test_a_content_comes_back_whole(ledger: Ledger) -> None:
    tree = Content((Change("a b/\udcff.py", REGULAR, b"x = 1"), Change("gone.py", REGULAR, None)), "b" * 40)
    with ledger.writing() as tx:
        task = new_task(tx, new_gig(tx))
        row = revisions.add_revision(tx, task, tree, made_by="human", seconds=4.5)
        found = revisions.get_content(tx, row)
        assert (found.base, set(found.changes)) == (tree.base, set(tree.changes))
        assert found.sha256 == tree.sha256
        record = revisions.get_revision_by_id(tx, row)
        assert (record.ref, record.seconds, record.bytes, record.made_by) == ("me-1.1@1", 4.5, 5, "human")


def test_revisions_by_number(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        task = new_task(tx, new_gig(tx))
        with pytest.raises(UsageError, match="no draft yet"):
            revisions.get_revision(tx, task)
        task, first = drafted(tx, task=task)
        second = revisions.add_revision(tx, task, Content.of_text("Hi"), made_by="human", parent=first)
        assert revisions.get_revision(tx, task).id == first
        assert revisions.get_revision(tx, task, 2).parent == 1
        assert [r.number for r in revisions.list_revisions(tx, task.id)] == [1, 2]
        with pytest.raises(UsageError, match=r"no revision me-1\.1@3"):
            revisions.get_revision(tx, task, 3)
        assert revisions.find_best_revision(tx, task.id) == second
        decision = decisions.add_decision(tx, task, "reject", actor="me", revision=second, note="no")
        revisions.reject_revision(tx, second, decision)
        assert revisions.find_best_revision(tx, task.id) == first
        tasks.add_input(tx, tasks.owner_of(task), task.id, Content.of_text("newer"))
        assert revisions.find_best_revision(tx, task.id) is None


def test_verdicts_are_known_again_where_they_are_an_answer(ledger: Ledger) -> None:
    skip = Verdict("acceptance", "skip", (Evidence("no sandbox"),), fingerprint="f3")
    unsafe = Verdict("compiles", "pass", fingerprint="f4", unsandboxed=True)
    with ledger.writing() as tx:
        task, row = drafted(tx)
        assert revisions.list_verdicts(tx, row) is None
        revisions.record_verdicts(tx, task, row, [FAIL, PASS, skip, unsafe])
        assert revisions.list_verdicts(tx, row) == (FAIL, PASS, skip, unsafe)
        found = revisions.find_verdict(tx, "f2")
        assert found is not None
        assert (found.outcome, found.evidence) == ("fail", FAIL.evidence)
        for mark in ("f3", "f4", "unknown"):
            assert revisions.find_verdict(tx, mark) is None
        revisions.record_verdicts(tx, task, row, [PASS])
        assert revisions.list_verdicts(tx, row) == (PASS,)
        revisions.forget_verdicts(tx, task.gig_id)
        assert revisions.list_verdicts(tx, row) is None


def test_a_signature_binds_and_ends(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        task, row = drafted(tx)
        revision = revisions.get_revision_by_id(tx, row)
        assert not decisions.void_signature(tx, task)
        decision = decisions.sign_revision(tx, task, revision, [FAIL], actor="me", despite="asked for", note="ok")
        task = tasks.get_task_by_id(tx, task.id)
        assert (task.state, task.signed_id, task.current_id) == ("signed", decision, row)
        found = decisions.get_decision(tx, decision)
        assert found.checks == (("length", "fail", True, "f2", False),)
        assert (found.despite, found.note, found.signed_input) == ("asked for", "ok", task.input_hash)
        assert found.signed_revision == revision.sha256
        assert decisions.void_signature(tx, task)
        (again,) = decisions.list_decisions(tx, task.id)
        assert again.voided is not None
        assert tasks.get_task_by_id(tx, task.id).signed_id is None


def test_what_was_preferred_over_what(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        task, one = drafted(tx)
        _, other = drafted(tx, "Hi", task)
        decision = decisions.add_decision(tx, task, "prefer", actor="me", revision=one, over=[other], part="2")
        found = decisions.get_decision(tx, decision)
        assert (found.kind, found.over, found.revision) == ("prefer", (other,), 1)


def test_words_of_a_removed_gig_are_empty(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        task, row = drafted(tx)
        revisions.record_verdicts(tx, task, row, [FAIL])
        decisions.add_decision(tx, task, "redo", actor="me", note="secret")
        gigs.remove_gig(tx, gigs.get_gig_by_id(tx, task.gig_id))
        assert [d.note for d in decisions.list_decisions(tx, task.id)] == [""]
        verdicts = revisions.list_verdicts(tx, row)
        assert verdicts is not None
        assert verdicts[0].evidence == ()


def test_a_delivery_names_its_tasks(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        task, row = drafted(tx)
        decisions.sign_revision(tx, task, revisions.get_revision_by_id(tx, row), [], actor="me")
        gig, task = gigs.get_gig_by_id(tx, task.gig_id), tasks.get_task_by_id(tx, task.id)
        deliveries.add_delivery(tx, gig, [task], form="zip", manifest=b"{}", partial=True)
        (found,) = deliveries.list_deliveries(tx, gig)
        assert (found.form, found.partial, found.tasks) == ("zip", True, ("me-1.1",))
        assert gigs.count_tasks(tx, gig.id).delivered == 1


# --- what waits ---


def test_what_waits_for_a_human(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        gig = new_gig(tx, title="Title", due="2030-01-01", agents=["manual"])
        waiting, ready, done = (new_task(tx, gig, str(n)) for n in range(3))
        waiting, row = drafted(tx, task=waiting)
        revisions.record_verdicts(tx, waiting, row, [FAIL, PASS])
        tasks.set_state(tx, done.id, "cancelled")
        tasks.add_need(tx, ready.id, waiting.id, "after")
        tasks.set_state(tx, ready.id, "ready")
        scratch = new_task(tx, new_gig(tx, number=0))
        rows = {row.ref: row for row in list_waiting(tx)}
        assert sorted(rows) == ["me-1.1", "me-1.2"]
        first = rows["me-1.1"]
        assert (first.failing, first.held_up, first.current, first.assessed, first.outdated) == (
            "length fail", 1, 1, True, False,
        )  # fmt: skip
        assert (first.title, first.due, first.last) == ("Title", "2030-01-01", None)
        assert [r.ref for r in list_waiting(tx, gigs=[scratch.gig_id])] == ["me-0.1"]
        assert [r.ref for r in list_waiting(tx, state="ready", client=1, craft="writing")] == ["me-1.2"]
        assert list(list_waiting(tx, client=2)) == []
        gigs.edit_gig(tx, gig, state="closed")
        assert list(list_waiting(tx)) == []
