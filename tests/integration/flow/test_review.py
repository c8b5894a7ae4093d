"""Deciding: what a signature binds and what ends it, what is sent back, what waits for what."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gigctl.errors import GateError, UsageError, WaitsForHuman
from gigctl.flow import review
from gigctl.flow.desk import Desk
from gigctl.flow.gigfile import TaskWish
from gigctl.flow.gigs import GigChanges
from gigctl.flow.gigs import close as close_gig
from gigctl.flow.gigs import edit as edit_gig
from gigctl.flow.references import get_task
from gigctl.flow.showing import find_sheet
from gigctl.insight.queue import REWORDED, list_queue
from gigctl.ledger import clients, decisions, revisions, rounds, tasks
from gigctl.ledger.verify import check_ledger
from gigctl.model import Content
from gigctl.records import DecisionRecord
from gigctl.render.runs import why
from gigctl.render.tasks import render_sheet
from gigctl.render.terminal import Terminal
from support.desks import add_client, add_texts, make_desk, paid, run, task_of
from support.llm_server import LLMServer, Reply

FINE = "A fine text of some words."


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer(lambda asked: f"{FINE} {server_count(made)}") as made:
        yield made


def server_count(server: LLMServer) -> int:
    return server.count


@pytest.fixture
def desk(tmp_path: Path, server: LLMServer) -> Iterator[Desk]:
    made = make_desk(tmp_path / "desk", paid("a", server), paid("b", server))
    yield made
    assert check_ledger(made.ledger) == []
    made.close()


@pytest.fixture
def task(desk: Desk) -> str:
    """A task with a draft that passed."""
    gig = add_texts(desk)
    run(desk, gig)
    return f"{gig}.1"


def sign(desk: Desk, *words: str, **more: str) -> list[str]:
    return review.sign(desk, review.prepare_sign(desk, words), **more)


def edit(desk: Desk, ref: str, text: str) -> None:
    review.add_edit(desk, task_of(desk, ref), Content.of_text(text))


def state(desk: Desk, ref: str) -> tuple[str, int | None]:
    """The state and the revision that is meant."""
    found = task_of(desk, ref)
    return found.state, found.current


def decided(desk: Desk, ref: str) -> list[DecisionRecord]:
    task = task_of(desk, ref).id
    with desk.ledger.reading() as tx:
        return decisions.list_decisions(tx, task)


def reasons(desk: Desk, ref: str) -> tuple[str, ...]:
    return next((item.reasons for item in list_queue(desk.ledger, date(2026, 1, 1)) if item.ref == ref), ())


# --- sign ---


def test_a_signature_binds_input_revision_and_checks(desk: Desk, task: str) -> None:
    assert sign(desk, task) == [f"{task}@1"]
    signed = decided(desk, task)[0]
    now = task_of(desk, task)
    with desk.ledger.reading() as tx:
        revision = revisions.get_revision(tx, now)
    assert (now.state, now.signed_id) == ("signed", signed.id)
    assert (signed.signed_input, signed.signed_revision) == (now.input_hash, revision.sha256)
    assert [(check[0], check[1], check[3]) for check in signed.checks] == [
        (verdict.name, "pass", verdict.fingerprint) for verdict in revision.verdicts
    ]
    assert review.prepare_sign(desk, [task]).signed_before == (task,)


def test_what_is_signed_is_edited_only_once_it_is_reopened(desk: Desk, task: str) -> None:
    sign(desk, task)
    with pytest.raises(UsageError, match="is signed") as raised:
        edit(desk, task, "Mine.")
    assert f"gigctl reopen {task} first" in str(raised.value.hint)
    assert (state(desk, task), decided(desk, task)[0].voided) == (("signed", 1), None)
    review.reopen(desk, [task])
    edit(desk, task, "Mine.")
    assert state(desk, task) == ("review", 2)
    assert decided(desk, task)[0].voided
    sign(desk, task)
    assert (state(desk, task), task_of(desk, task).signed_id) == (("signed", 2), decided(desk, task)[-1].id)


def test_a_task_of_a_closed_gig_is_not_edited(desk: Desk, task: str) -> None:
    gig = task.partition(".")[0]
    close_gig(desk, gig)
    with pytest.raises(UsageError, match=f"{gig} is closed") as raised:
        edit(desk, task, "Mine.")
    assert raised.value.hint == f"gigctl gig edit {gig} --state open"


def test_an_edit_that_changes_nothing_is_none(desk: Desk, task: str) -> None:
    with pytest.raises(UsageError, match="nothing was changed"):
        edit(desk, task, f"{FINE} 1")
    assert state(desk, task) == ("review", 1)


def test_another_revision_is_signed_in_its_place(desk: Desk, task: str) -> None:
    edit(desk, task, "Mine.")
    sign(desk, task)
    assert sign(desk, f"{task}@1") == [f"{task}@1"]
    assert state(desk, task) == ("signed", 1)
    assert [bool(decision.voided) for decision in decided(desk, task)] == [True, False]


def test_a_check_that_did_not_pass_needs_a_reason_which_is_kept(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 2, options={"required": "good"})
    server.script = lambda asked: "good" if "number 2" in asked.prompt else "bad"
    run(desk, gig, repairs=0)
    with pytest.raises(GateError, match=rf'{gig}\.1: required check "terms" is fail'):
        sign(desk, gig)
    assert state(desk, f"{gig}.2")[0] == "review"
    sign(desk, gig, despite="the client wants it so")
    assert [decided(desk, f"{gig}.{n}")[0].despite for n in (1, 2)] == ["the client wants it so", ""]
    assert ("terms", "fail") in [check[:2] for check in decided(desk, f"{gig}.1")[0].checks]


@pytest.mark.parametrize("move", ["edit", "redo", "reject", "sign", "input"])
def test_what_moved_while_it_was_looked_at_is_not_signed(move: str, desk: Desk) -> None:
    gig = add_texts(desk, 2)
    run(desk, gig)
    sheet = review.prepare_sign(desk, [gig])
    ref = f"{gig}.2"
    if move == "edit":
        edit(desk, ref, "Mine.")
    elif move == "redo":
        review.redo(desk, [ref], "shorter", ("a",))
    elif move == "reject":
        review.reject(desk, [ref], "no", ("a",))
    elif move == "sign":
        sign(desk, ref)
    else:
        task = task_of(desk, ref)
        with desk.ledger.writing() as tx:
            tasks.add_input(tx, tasks.owner_of(task), task.id, Content.of_text("newer"))
    with pytest.raises(UsageError, match="changed while it was being signed"):
        review.sign(desk, sheet)
    assert state(desk, f"{gig}.1")[0] == "review"  # all of a sheet, or nothing


def test_verdicts_that_are_out_of_date_are_computed_again_before_a_signature(desk: Desk, server: LLMServer) -> None:
    add_client(desk, "acme", "any")
    gig = add_texts(desk, client="acme")
    run(desk, gig)
    with desk.ledger.writing() as tx:
        clients.edit_client(tx, clients.get_client(tx, "acme"), glossary="prestataire,service provider\n")
    task = task_of(desk, f"{gig}.1")
    with desk.ledger.reading() as tx:
        before = revisions.get_revision(tx, task).verdicts
    seen = review.prepare_sign(desk, [gig]).items[0].revision.verdicts
    assert [verdict.fingerprint for verdict in seen] != [verdict.fingerprint for verdict in before]
    assert [verdict.name for verdict in seen] == [verdict.name for verdict in before]


def test_what_is_not_ready_is_said_all_at_once(desk: Desk) -> None:
    gig = add_texts(desk, 3)
    run(desk, f"{gig}.1")
    with pytest.raises(WaitsForHuman, match=rf"{gig}\.2 has no draft yet; {gig}\.3 has no draft yet") as refused:
        sign(desk, gig)
    assert refused.value.hint == f"gigctl run {gig}"
    with pytest.raises(WaitsForHuman) as refused:
        sign(desk, f"{gig}.3")
    assert refused.value.hint == f"gigctl run {gig}.3"


# --- send back ---


def test_redo_asks_with_the_note_and_calls_nobody(desk: Desk, server: LLMServer, task: str) -> None:
    assert review.redo(desk, [task], "less formal", ("a",)) == [task]
    assert (state(desk, task), server.count) == (("ready", 1), 1)
    run(desk, task, agents="a")
    assert "less formal" in json.dumps(server.bodies[1])
    assert state(desk, task) == ("review", 2)
    assert [decision.kind for decision in decided(desk, task)] == ["redo"]
    sign(desk, task)  # the draft that was sent back is no alternative any more
    assert state(desk, task) == ("signed", 2)


def test_redo_twice_keeps_both_notes(desk: Desk, server: LLMServer, task: str) -> None:
    review.redo(desk, [task], "less formal", ("a",))
    run(desk, task)
    review.redo(desk, [task], "and shorter", ("a",))
    run(desk, task)
    assert "less formal" in json.dumps(server.bodies[2])
    assert "and shorter" in json.dumps(server.bodies[2])


def test_reject_closes_the_revision_and_asks_for_another(desk: Desk, server: LLMServer, task: str) -> None:
    assert review.reject(desk, [task], "the figures are invented", ("a",)) == [f"{task}@1"]
    assert state(desk, task) == ("ready", None)
    with pytest.raises(WaitsForHuman, match=r"was rejected \(@1\)"):
        sign(desk, f"{task}@1")
    run(desk, task)
    assert "the figures are invented" in json.dumps(server.bodies[1])
    assert state(desk, task) == ("review", 2)
    sign(desk, task)


def test_reject_goes_back_to_the_one_before(desk: Desk, task: str) -> None:
    edit(desk, task, "Mine.")
    review.reject(desk, [task], "no", ("a",))
    assert state(desk, task) == ("review", 1)
    with pytest.raises(UsageError, match="rejected before"):
        review.reject(desk, [f"{task}@2"], "no", ("a",))


def test_what_is_signed_is_not_sent_back(desk: Desk, task: str) -> None:
    sign(desk, task)
    for verb in (review.redo, review.reject):
        with pytest.raises(UsageError, match="is signed"):
            verb(desk, [task], "no", ("a",))
        with pytest.raises(UsageError, match="nothing that was named"):
            verb(desk, [task.partition(".")[0]], "no", ("a",))


def test_reopen_ends_the_signature(desk: Desk, task: str) -> None:
    with pytest.raises(UsageError, match="is open"):
        review.reopen(desk, [task])
    sign(desk, task)
    assert review.reopen(desk, [task]) == [task]
    assert state(desk, task) == ("review", 1)
    assert [decision.kind for decision in decided(desk, task)] == ["sign", "reopen"]
    assert decided(desk, task)[0].voided
    sign(desk, task)


def test_a_run_never_moves_what_was_signed_meanwhile(desk: Desk, server: LLMServer, task: str) -> None:
    review.redo(desk, [task], "again", ("a",))

    def answer(asked: object) -> str:
        other = make_desk(desk.paths.data.parent)
        sign(other, f"{task}@1")
        other.close()
        return "Another text."

    server.script = answer
    result, ends = run(desk, task)
    assert state(desk, task) == ("signed", 1)
    assert decided(desk, task)[-1].voided is None
    assert (result.failure, why(ends[task])) == (None, "signed meanwhile")
    sheet = find_sheet(desk, task)
    assert sheet.content is not None
    assert sheet.content.text == f"{FINE} 1"
    history = render_sheet(sheet, Terminal(), date(2026, 1, 1), history=True)
    assert [line for line in history.splitlines() if "too late: @1 was signed meanwhile" in line and "@2" in line]
    assert history.count("too late") == 1
    review.check_now(desk, [f"{task}@2"])
    assert state(desk, task) == ("signed", 1)


def test_what_was_written_and_signed_meanwhile_is_what_the_task_means(desk: Desk, server: LLMServer) -> None:
    ref = f"{add_texts(desk)}.1"

    def write_and_sign() -> None:
        other = make_desk(desk.paths.data.parent)
        edit(other, ref, "Mine of some words.")
        sign(other, ref)
        other.close()

    def answer(asked: object) -> str:
        person = threading.Thread(target=write_and_sign)  # the server's own loop can run no checks
        person.start()
        person.join()
        return "Too late."

    server.script = answer
    result, ends = run(desk, ref)
    assert (result.failure, why(ends[ref]), state(desk, ref)) == (None, "signed meanwhile", ("signed", 1))
    assert find_sheet(desk, ref).attempts[0].revision == 2  # it was paid, and is kept


def test_a_draft_that_was_under_way_when_the_brief_changed_is_older_than_it(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)

    def answer(asked: object) -> str:
        other = make_desk(desk.paths.data.parent)
        edit_gig(other, gig, GigChanges(options={"format": "markdown"}))
        other.close()
        return FINE

    server.script = answer
    run(desk, gig)
    assert reasons(desk, f"{gig}.1") == (REWORDED,)
    server.script = lambda asked: f"{FINE} More."
    run(desk, gig, fresh=True)
    assert reasons(desk, f"{gig}.1") == ("ready to sign",)


# --- alternatives ---


def test_vs_is_decided_by_name_or_by_rejecting(desk: Desk) -> None:
    gig = add_texts(desk, 2)
    run(desk, gig, agents="a,b", wanted_all=True)
    for n in (1, 2):
        assert state(desk, f"{gig}.{n}") == ("review", 1)
        with pytest.raises(WaitsForHuman, match="has undecided drafts @2"):
            sign(desk, f"{gig}.{n}")
    assert sign(desk, f"{gig}.1@2") == [f"{gig}.1@2"]
    review.reject(desk, [f"{gig}.2@2"], "no", ("a",))
    assert sign(desk, f"{gig}.2") == [f"{gig}.2@1"]


def test_a_second_draft_that_passes_takes_the_place_of_one_that_fails(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, options={"required": "good"})
    server.queue("bad", "good")
    run(desk, gig, drafts=2, repairs=0)
    assert state(desk, f"{gig}.1") == ("review", 2)
    sign(desk, gig)


def test_a_draft_after_a_humans_is_an_alternative(desk: Desk, task: str) -> None:
    edit(desk, task, "Mine.")
    run(desk, task, agents="b")
    assert state(desk, task) == ("review", 2)
    with pytest.raises(WaitsForHuman, match="undecided drafts @3"):
        sign(desk, task)


def test_another_agents_draft_replaces_the_first(desk: Desk, task: str) -> None:
    run(desk, task, agents="b")
    assert state(desk, task) == ("review", 2)
    sign(desk, task)


# --- what waits for what ---


@pytest.fixture
def chain(desk: Desk) -> str:
    """A gig in which .2 comes after .1, .3 takes the text of .1, and .4 that of .3."""
    return add_texts(
        desk,
        tasks=(
            TaskWish("one", brief="Write one."),
            TaskWish("two", brief="Write two.", after=("one",)),
            TaskWish("three", brief="Write three.", sources=("one",)),
            TaskWish("four", brief="Write four.", sources=("three",)),
        ),
    )


def states(desk: Desk, gig: str) -> list[str]:
    return [task_of(desk, f"{gig}.{n}").state for n in (1, 2, 3, 4)]


def signed_chain(desk: Desk, gig: str) -> None:
    for refs in ([f"{gig}.1"], [f"{gig}.2", f"{gig}.3"], [f"{gig}.4"]):
        run(desk, *refs)
        sign(desk, *refs)
    assert states(desk, gig) == ["signed"] * 4


def test_a_signature_lets_go_on_who_waited_and_hands_the_text_over(desk: Desk, server: LLMServer, chain: str) -> None:
    assert states(desk, chain) == ["ready", "blocked", "blocked", "blocked"]
    with pytest.raises(WaitsForHuman, match=rf"waits for the signature of {chain}\.1"):
        sign(desk, f"{chain}.2")
    run(desk, chain)
    assert server.count == 1
    sign(desk, f"{chain}.1")
    assert states(desk, chain) == ["signed", "ready", "ready", "blocked"]
    run(desk, chain)
    assert any(f"{FINE} 1" in json.dumps(body) and "Write three" in json.dumps(body) for body in server.bodies)
    sign(desk, f"{chain}.2", f"{chain}.3")
    assert states(desk, chain) == ["signed", "signed", "signed", "ready"]


def test_an_edit_puts_back_all_that_was_built_on_it(desk: Desk, chain: str) -> None:
    signed_chain(desk, chain)
    review.reopen(desk, [f"{chain}.1"])
    edit(desk, f"{chain}.1", "Otherwise.")
    assert states(desk, chain) == ["review"] * 4
    made = [decision for n in (1, 2, 3, 4) for decision in decided(desk, f"{chain}.{n}") if decision.kind == "sign"]
    assert all(decision.voided for decision in made)


def test_a_changed_source_is_new_work_and_an_unchanged_one_is_not(desk: Desk, server: LLMServer, chain: str) -> None:
    signed_chain(desk, chain)
    review.reopen(desk, [f"{chain}.1"])
    sign(desk, f"{chain}.1")
    assert reasons(desk, f"{chain}.3") == ("ready to sign", "1 task waits for it")
    sign(desk, f"{chain}.3")
    review.reopen(desk, [f"{chain}.1"])
    edit(desk, f"{chain}.1", "Otherwise.")
    sign(desk, f"{chain}.1")
    assert reasons(desk, f"{chain}.3")[0] == "its source changed"
    with pytest.raises(WaitsForHuman, match="older source"):
        sign(desk, f"{chain}.3")
    run(desk, f"{chain}.3", agents="b")
    assert "Otherwise." in json.dumps(server.bodies[-1])
    assert state(desk, f"{chain}.3") == ("review", 2)
    sign(desk, f"{chain}.3")


def test_what_waits_is_not_signed_before_what_it_waits_for(desk: Desk, chain: str) -> None:
    signed_chain(desk, chain)
    review.reopen(desk, [f"{chain}.1"])
    assert states(desk, chain) == ["review"] * 4
    with pytest.raises(WaitsForHuman, match=rf"\.2 waits for the signature of {chain}\.1"):
        sign(desk, f"{chain}.2")
    sign(desk, f"{chain}.2", f"{chain}.1")  # in one act they are looked at together
    assert states(desk, chain)[:2] == ["signed", "signed"]


def test_what_was_not_begun_is_blocked_again(desk: Desk, chain: str) -> None:
    run(desk, f"{chain}.1")
    sign(desk, f"{chain}.1")
    review.reopen(desk, [f"{chain}.1"])
    assert states(desk, chain) == ["review", "blocked", "blocked", "blocked"]


# --- the queue ---


def test_the_queue_says_why(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(status=504, body=b"") if "number 1" in asked.prompt else "bad"
    gig = add_texts(desk, 2, options={"required": "good"})
    mine = add_texts(desk, agents=("a", "manual"))
    run(desk, gig, repairs=0)
    server.script = lambda asked: Reply(status=404, body=b"")
    run(desk, mine, agents="a,manual")
    assert "may have been paid" in reasons(desk, f"{gig}.1")[0]
    assert reasons(desk, f"{gig}.2") == ("check terms fail",)
    assert reasons(desk, f"{mine}.1") == ("yours to write",)
    edit(desk, f"{mine}.1", "Mine.")
    assert reasons(desk, f"{mine}.1") == ("ready to sign",)


def test_manual_work_is_in_the_queue_before_any_run(desk: Desk) -> None:
    gig = add_texts(desk, agents=("manual",))
    assert reasons(desk, f"{gig}.1") == ("yours to write",)
    with desk.ledger.reading() as tx:
        assert rounds.find_open_round(tx, get_task(tx, f"{gig}.1").task.id) is None
