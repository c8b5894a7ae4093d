"""Calls and their money: reserved before, settled after, never more than a cap."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigctl.ledger import attempts, revisions, tasks
from gigctl.ledger.attempts import NoRoom
from gigctl.ledger.limits import clear_overspent, find_overspent
from gigctl.ledger.opening import open_ledger
from gigctl.ledger.store import Ledger
from gigctl.ledger.verify import check_ledger
from gigctl.model import Content, Request, Usage
from support.books import REQUEST, Work


@pytest.fixture
def work(ledger: Ledger) -> Work:
    return Work(ledger, budget=100, each=80, run=90)


def test_a_reservation_becomes_the_cost(work: Work) -> None:
    attempt = work.begin(50)
    assert work.money() == (0, 50)
    assert not work.settle(attempt, 30, usage=Usage(10, 20, 5), model="m", seconds=1.5, answer="Hello", reason="")
    assert work.money() == (30, 0)
    with work.ledger.reading() as tx:
        (found,) = attempts.list_attempts(tx, task=work.task.id)
        assert (found.outcome, found.cost, found.tokens_in, found.tokens_out, found.tokens_cached) == (
            "draft", 30, 10, 20, 5,
        )  # fmt: skip
        assert attempts.get_answer(tx, attempt) == "Hello"
        assert attempts.cost_of_task(tx, work.task.id) == 30
        assert attempts.list_attempts(tx, round_id=work.round.id) == [found]
        assert attempts.get_reserved(tx, attempt) == 50


def test_a_call_that_was_not_paid_gives_its_money_back(work: Work) -> None:
    work.settle(work.begin(50), attempts.RELEASED, "overloaded")
    assert work.money() == (0, 0)


def test_what_was_never_sent_is_taken_back_once(work: Work) -> None:
    attempt = work.begin(50)
    for _ in range(2):
        with work.ledger.writing() as tx:
            attempts.release_attempt(tx, attempt)
        assert work.money() == (0, 0)
    settled = work.begin(50)
    work.settle(settled, 30)
    with work.ledger.writing() as tx:
        attempts.release_attempt(tx, settled)
    assert work.money() == (30, 0)
    assert check_ledger(work.ledger) == []


@pytest.mark.parametrize(
    ("spent", "held", "amount", "expected"),
    [
        (0, 0, 80, None),
        (0, 0, 81, NoRoom("task", 80, 81, False)),
        (30, 0, 51, NoRoom("task", 50, 51, False)),
        (0, 30, 51, NoRoom("task", 50, 51, True)),  # only full of reservations: it waits
        (30, 10, 50, NoRoom("task", 40, 50, True)),
        (0, 0, None, NoRoom("task", 80, None, False)),  # an unknown price satisfies no cap
        (80, 0, 0, None),  # what is free needs no room
    ],
)
def test_a_cap(work: Work, spent: int, held: int, amount: int | None, expected: NoRoom | None) -> None:
    if spent:
        work.settle(work.begin(spent), spent)
    if held:
        work.begin(held)
    assert work.room(amount) == expected


@pytest.mark.parametrize(("caps", "cap"), [({"budget": 10}, "gig"), ({"each": 10}, "task"), ({"run": 10}, "run")])
def test_each_cap_holds_by_itself(ledger: Ledger, caps: dict[str, int], cap: str) -> None:
    work = Work(ledger, **caps)
    assert work.room(10) is None
    found = work.room(11)
    assert found is not None
    assert found.cap == cap


def test_without_a_cap_any_price_goes(ledger: Ledger) -> None:
    work = Work(ledger)
    assert work.room(None) is None
    assert work.room(10**15) is None
    work.begin(None)
    assert work.money() == (0, 0)


def test_an_unknown_call_counts_as_spent(work: Work) -> None:
    work.settle(work.begin(50), None, "unknown")
    assert work.money() == (50, 0)
    assert work.room(31) == NoRoom("task", 30, 31, False)
    with work.ledger.reading() as tx:
        assert attempts.cost_of_task(tx, work.task.id) == 50


def test_calls_of_a_dead_run_are_unknown_and_spent(work: Work) -> None:
    work.begin(50)
    work.begin(None)
    with work.ledger.writing() as tx:
        attempts.mark_unknown(tx, work.run.id)
        assert [a.outcome for a in attempts.list_attempts(tx, task=work.task.id)] == ["unknown", "unknown"]
    assert work.money() == (50, 0)


def test_one_that_cost_more_than_it_could_marks_the_agent(work: Work) -> None:
    assert work.settle(work.begin(50), 60)
    assert work.settle(work.begin(1), 2)
    assert work.money() == (62, 0)
    with work.ledger.reading() as tx:
        assert find_overspent(tx, "a") is not None
        assert find_overspent(tx, "b") is None
    with work.ledger.writing() as tx:
        clear_overspent(tx, "a")
        assert find_overspent(tx, "a") is None
    assert check_ledger(work.ledger) == []


def test_an_end_comes_once(work: Work) -> None:
    attempt = work.begin(5)
    work.settle(attempt, 5)
    with pytest.raises(AssertionError, match="settled already"):
        work.settle(attempt, 5)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["held", "paid", "unknown"])), max_size=12
    )
)
def test_no_order_of_calls_exceeds_a_budget(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[int, int, str]]
) -> None:
    """While no call costs more than its bound, what is spent and reserved never passes the cap."""
    with open_ledger(tmp_path_factory.getbasetemp() / "money") as ledger:
        work = Work(ledger, budget=100)
        for bound, cost, end in calls:
            if work.room(bound) is None:
                attempt = work.begin(bound)
                if end != "held":
                    work.settle(attempt, None if end == "unknown" else min(cost, bound), "draft")
            assert sum(work.money()) <= 100
        work.run.end()
        assert work.money()[1] == 0


# --- requests and the cache ---


def test_a_request_comes_back_as_it_was_sent(work: Work) -> None:
    asked = Request(REQUEST.parts, max_output=7, schema='{"type":"object"}', temperature=0.5, seed=3)
    with work.ledger.writing() as tx:
        sha = attempts.put_request(tx, tasks.owner_of(work.task), asked)
        assert attempts.get_request(tx, sha) == asked
        assert attempts.put_request(tx, tasks.owner_of(work.task), asked) == sha
        assert attempts.put_request(tx, tasks.owner_of(work.task), REQUEST) != sha


def test_an_answer_is_found_again_by_the_same_client_agent_and_sample(work: Work) -> None:
    attempt = work.begin(0, sample=1)
    work.settle(attempt, 0, answer="Hello")
    with work.ledger.writing() as tx:
        request = attempts.put_request(tx, tasks.owner_of(work.task), REQUEST)
        client, version = work.task.client_id, work.version
        # Its own task wants another answer for the same input, and any answer for a newer one.
        assert attempts.find_answer(tx, work.task.id, 1, client, version, request, 1) is None
        found = attempts.find_answer(tx, work.task.id, 2, client, version, request, 1)
        assert found == attempts.KeptAnswer(attempt, "Hello")
        other = attempts.put_agent_version(tx, "a", "1" * 64)
        assert other != version
        assert attempts.put_agent_version(tx, "a", "0" * 64) == version
        for key in ((client, version, request, 0), (client, other, request, 1), (client + 1, version, request, 1)):
            assert attempts.find_answer(tx, work.task.id, 2, *key) is None


def test_where_a_draft_came_from(work: Work) -> None:
    first = work.begin(0)
    work.settle(first, 0, answer="one")
    repair = work.begin(0, mends=first)
    work.settle(repair, 0, answer="two")
    with work.ledger.writing() as tx:
        assert attempts.find_mended_revision(tx, repair, work.task.id) is None
        made = revisions.add_revision(tx, work.task, Content.of_text("one"), made_by="agent", attempt=first)
        assert attempts.find_mended_revision(tx, repair, work.task.id) == made
        assert attempts.list_revisions_of(tx, [first, repair]) == {first: made}
        assert not attempts.is_one_of_all(tx, made)
        human = revisions.add_revision(tx, work.task, Content.of_text("mine"), made_by="human")
        assert not attempts.is_first_of_later_round(tx, made, human)
        assert not attempts.is_one_of_all(tx, human)


def test_the_first_draft_of_a_later_round(work: Work) -> None:
    from gigctl.ledger import rounds

    made = []
    for n in range(2):
        if n:
            with work.ledger.writing() as tx:
                work.round = rounds.open_round(tx, work.task, agents=["a", "b"], wanted="all")
        for _ in range(2):
            attempt = work.begin(0)
            work.settle(attempt, 0, answer="x")
            with work.ledger.writing() as tx:
                content = Content.of_text(f"draft {len(made)}")
                made.append(revisions.add_revision(tx, work.task, content, made_by="agent", attempt=attempt))
    with work.ledger.reading() as tx:
        assert attempts.is_first_of_later_round(tx, made[2], made[0])
        assert not attempts.is_first_of_later_round(tx, made[3], made[0])
        assert not attempts.is_first_of_later_round(tx, made[1], made[0])
        assert [attempts.is_one_of_all(tx, draft) for draft in made] == [False, False, True, True]
