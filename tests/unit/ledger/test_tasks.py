"""Tasks: what they wait for, circles, and slots that two can't have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigctl.errors import UsageError
from gigctl.ledger import rounds, tasks
from gigctl.ledger.journal import list_events
from gigctl.ledger.opening import open_ledger
from gigctl.ledger.store import Ledger, Tx
from gigctl.model import Content, Reference
from gigctl.records import TaskRecord
from support.books import Work, new_gig, new_task, outputs, python


def some(tx: Tx, count: int) -> list[TaskRecord]:
    gig = new_gig(tx)
    return [new_task(tx, gig, f"text {n}") for n in range(count)]


def state(tx: Tx, task: TaskRecord) -> str:
    return tasks.get_task_by_id(tx, task.id).state


def test_a_task_is_blocked_until_what_it_waits_for_is_signed(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        one, two, last = some(tx, 3)
        for needed in (one, two):
            tasks.add_need(tx, last.id, needed.id, "after")
        assert state(tx, last) == "blocked"
        assert tasks.list_needs(tx, last.id) == [(one.id, "after"), (two.id, "after")]
        assert tasks.list_dependents(tx, one.id) == [(last.id, "after")]
        for needed, expected in ((one, "blocked"), (two, "ready")):
            tasks.set_state(tx, needed.id, "signed")
            assert tasks.waiting_state(tx, last.id) == expected


def test_what_was_cancelled_is_waited_for_no_more_but_its_text_is(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        one, after, source = some(tx, 3)
        tasks.add_need(tx, after.id, one.id, "after")
        tasks.add_need(tx, source.id, one.id, "source")
        tasks.set_state(tx, one.id, "cancelled")
        assert tasks.waiting_state(tx, after.id) == "ready"
        assert tasks.waiting_state(tx, source.id) == "blocked"


def test_a_circle_is_refused_at_any_length(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        one, two, three = some(tx, 3)
        tasks.add_need(tx, two.id, one.id, "after")
        tasks.add_need(tx, three.id, two.id, "source")
        for start, goal in ((one, one), (one, two), (one, three), (two, three)):
            with pytest.raises(UsageError, match="would wait for itself"):
                tasks.add_need(tx, start.id, goal.id, "after")
        tasks.add_need(tx, three.id, one.id, "after")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=15))
def test_whatever_is_asked_there_is_never_a_circle(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]]
) -> None:
    with open_ledger(tmp_path_factory.getbasetemp() / "circles") as ledger, ledger.writing() as tx:
        made = some(tx, 6)
        edges: set[tuple[int, int]] = set()
        for task, needs in pairs:
            try:
                tasks.add_need(tx, made[task].id, made[needs].id, "after")
                edges.add((task, needs))
            except UsageError:
                pass
        left = set(range(6))
        while free := {task for task in left if not any((task, needs) in edges for needs in left)}:
            left -= free
        assert not left


def test_numbers_are_never_used_again_and_inputs_follow_each_other(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        one, two = some(tx, 2)
        assert (one.number, two.number) == (1, 2)
        assert tasks.add_input(tx, tasks.owner_of(one), one.id, Content.of_text("newer")) == 2
        tree = Content((), base="a" * 40)
        assert tasks.add_input(tx, tasks.owner_of(one), one.id, tree) == 3
        now = tasks.get_task_by_id(tx, one.id)
        assert (now.input_n, now.input_hash, now.input_base) == (3, tree.sha256, "a" * 40)
        assert tasks.get_input(tx, one.id, 2).text == "newer"
        assert tasks.get_input(tx, one.id, 3) == tree


def test_what_is_not_there(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        some(tx, 1)
        with pytest.raises(UsageError, match=r"no task me-1\.2"):
            tasks.get_task(tx, Reference("me", 1, 2))
        with pytest.raises(UsageError, match="no task 99"):
            tasks.get_task_by_id(tx, 99)
        assert tasks.get_task(tx, Reference("me", 1, 1)).ref == "me-1.1"


def test_a_state_is_journalled_once(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        (task,) = some(tx, 1)
        tasks.set_state(tx, task.id, "review")
        tasks.set_state(tx, task.id, "review")
        assert [e.data["state"] for e in list_events(tx) if e.kind == "task state"] == ["review"]
        tasks.set_state(tx, task.id, "cancelled")
        assert list(tasks.list_tasks(tx, task.gig_id)) == []
        assert [t.id for t in tasks.list_tasks(tx, task.gig_id, with_cancelled=True)] == [task.id]
        assert tasks.count_states(tx, task.gig_id, ["cancelled"]) == 1


# --- rounds and slots ---


def test_a_task_has_one_open_round_whose_notes_go_on(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        (task,) = some(tx, 1)
        first = rounds.open_round(tx, task, agents=["a"], notes=["shorter"])
        second = rounds.open_round(tx, task, agents=["a", "b"], wanted="all", notes=["formal"])
        assert (second.n, second.notes, len(second.slots)) == (2, ("shorter", "formal"), 2)
        found = rounds.find_open_round(tx, task.id)
        assert found == second
        assert first.id != second.id
        rounds.close_round(tx, second.id)
        rounds.close_round(tx, second.id)
        assert rounds.find_open_round(tx, task.id) is None
        last = rounds.find_last_round(tx, task.id)
        assert last is not None
        assert not last.open
        assert [e.kind for e in list_events(tx)].count("round closed") == 2


def test_notes_on_an_older_input_do_not_go_on(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        (task,) = some(tx, 1)
        rounds.open_round(tx, task, agents=["a"], notes=["of the old text"])
        tasks.add_input(tx, tasks.owner_of(task), task.id, Content.of_text("newer"))
        newer = tasks.get_task_by_id(tx, task.id)
        assert rounds.open_round(tx, newer, agents=["a"]).notes == ()


def test_a_slot_is_one_runs_alone(ledger: Ledger) -> None:
    work = Work(ledger)
    with ledger.writing() as tx:
        other = tx.insert("run", begun=tx.now)
        slot = work.round.slots[0]
        assert rounds.claim_slot(tx, slot, work.run.id)
        assert rounds.claim_slot(tx, slot, work.run.id)  # again by the same run
        assert not rounds.claim_slot(tx, slot, other)
        assert rounds.list_leases(tx, work.round.id) == {slot: work.run.id}
        rounds.release_slots(tx, work.task.id, other)
        assert not rounds.claim_slot(tx, slot, other)
        rounds.release_slots(tx, work.task.id, work.run.id)
        assert rounds.claim_slot(tx, slot, other)
    work.run.end()


def test_eight_processes_claim_each_slot_once(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger, ledger.writing() as tx:
        (task,) = some(tx, 1)
        round_ = rounds.open_round(tx, task, agents=["a"], drafts=120)
        for _ in range(8):
            tx.insert("run", begun=tx.now)
    code = (
        "import sys\nfrom pathlib import Path\nfrom gigctl.ledger import rounds\n"
        "from gigctl.ledger.opening import open_ledger\nl = open_ledger(Path(sys.argv[1]))\n"
        "for slot in map(int, sys.argv[3].split(',')):\n with l.writing() as tx:\n"
        "  if rounds.claim_slot(tx, slot, int(sys.argv[2])): print(slot)\n"
    )
    slots = ",".join(map(str, round_.slots))
    claimed = [
        line for out in outputs([python(code, tmp_path, run, slots) for run in range(1, 9)]) for line in out.split()
    ]
    assert sorted(map(int, claimed)) == sorted(round_.slots)
