"""A batch against a real server: what is done again and what is not, what is kept, and every row accounted for whatever
the server does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gigctl.errors import PolicyError, UsageError
from gigctl.flow.batch import WINDOW
from gigctl.flow.desk import Desk
from gigctl.flow.review import prepare_sign, reject, sign
from gigctl.ledger import limits
from support.batches import Batched, batch, texts
from support.desks import PRICE, QUICK, add_client, attempts_of, make_desk, money, paid, task_of
from support.llm_server import Asked, LLMServer, Reply, closed_port, status

FINE = "A fine text of some words."


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer(lambda asked: FINE) as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path, server: LLMServer) -> Iterator[Desk]:
    with make_desk(tmp_path / "desk", paid("a", server), paid("b", server)) as made:
        yield made


def all_ok(done: Batched) -> bool:
    return set(done.statuses) == {"ok"} and done.code == 0


# --- the same file again ---


def test_the_same_file_again_asks_nobody(desk: Desk, server: LLMServer) -> None:
    first = batch(desk, texts(12))
    assert all_ok(first)
    assert (server.count, first.cached) == (12, 0)
    again = batch(desk, texts(12))
    assert all_ok(again)
    assert (server.count, again.cached, again.result.spent) == (12, 12, 0)
    for id, line in again.by_id.items():
        before = first.by_id[id]
        assert (line.output, line.revision, line.agent) == (before.output, before.revision, before.agent)
        assert line.cost == 0
        assert [(v.name, v.outcome) for v in line.checks] == [(v.name, v.outcome) for v in before.checks]


def test_it_does_only_what_is_not_done(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(5))
    done = batch(desk, [*texts(8)[4:], *texts(8)[:4]])
    assert all_ok(done)
    assert (server.count, done.cached) == (8, 5)


def test_another_file_and_another_name_are_another_gig(desk: Desk, server: LLMServer) -> None:
    row = texts(1)
    places = [
        batch(desk, row).lines[0].revision,
        batch(desk, row, name="other.jsonl").lines[0].revision,
        batch(desk, row, gig="spring").lines[0].revision,
        batch(desk, row, gig="spring", name="other.jsonl").lines[0].revision,
        batch(desk, row, gig="me-1").lines[0].revision,
    ]
    assert places == ["me-1.1@1", "me-2.1@1", "me-3.1@1", "me-3.1@1", "me-1.1@1"]
    assert server.count == 1  # what is asked is the same


def test_a_changed_row_is_a_new_input_of_the_same_task(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(3))
    rows = texts(3)
    rows[1]["input"] = "Write something else."
    done = batch(desk, rows)
    assert all_ok(done)
    assert (server.count, done.cached) == (4, 2)
    assert done.by_id["2"].revision == "me-1.2@2"
    assert task_of(desk, "me-1.2").input_n == 2
    assert batch(desk, rows).cached == 3
    # And back again: the old text is an old input, and its answer is kept.
    back = batch(desk, texts(3))
    assert (back.by_id["2"].revision, back.by_id["2"].cached, server.count) == ("me-1.2@3", True, 4)


def test_a_changed_brief_for_all_changes_every_row(desk: Desk, server: LLMServer) -> None:
    rows = [{"id": str(n), "name": f"tea {n}"} for n in range(3)]
    batch(desk, rows, brief="Praise {name}.")
    assert batch(desk, rows, brief="Praise {name}.").cached == 3
    assert batch(desk, rows, brief="Praise {name}, briefly.").cached == 0
    assert server.count == 6


def test_a_column_that_nobody_names_changes_nothing(desk: Desk, server: LLMServer) -> None:
    rows = texts(2)
    batch(desk, rows)
    assert batch(desk, [{**row, "price": "3"} for row in rows]).cached == 2
    assert server.count == 2


def test_another_agent_does_not_do_again_what_passes(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(2))
    assert batch(desk, texts(2), agents="b").cached == 2
    assert server.count == 2


def test_what_is_signed_stays_signed_and_is_said(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(2))
    sign(desk, prepare_sign(desk, ["me-1.1"]))
    done = batch(desk, texts(2))
    assert {id: line.signed for id, line in done.by_id.items()} == {"1": True, "2": False}
    assert (all_ok(done), server.count) == (True, 2)


# --- prune, limit, retry ---


def test_prune_cancels_what_the_file_has_no_more_and_a_row_that_is_back_is_as_it_was(
    desk: Desk, server: LLMServer
) -> None:
    batch(desk, texts(4))
    done = batch(desk, texts(4)[:2], prune=True)
    assert (done.result.pruned, len(done.lines)) == (2, 2)
    assert [task_of(desk, f"me-1.{n}").state for n in range(1, 5)] == ["review", "review", "cancelled", "cancelled"]
    assert batch(desk, texts(4)[:2], prune=True).result.pruned == 0
    back = batch(desk, texts(4))
    assert (all_ok(back), back.cached, server.count) == (True, 4, 4)
    assert task_of(desk, "me-1.4").state == "review"


def test_without_the_word_nothing_is_pruned(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(2))
    batch(desk, texts(1))
    assert task_of(desk, "me-1.2").state == "review"


@pytest.mark.parametrize("rows", [["{", *texts(1)], texts(1)])
def test_where_not_every_row_was_read_nothing_is_pruned(rows: list[str], desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(3))
    limit = None if len(rows) > 1 else 1
    with pytest.raises(UsageError, match="dropped nothing"):
        batch(desk, rows, prune=True, limit=limit)
    assert task_of(desk, "me-1.3").state == "review"


def test_a_limit_is_the_most_that_is_worked_on(desk: Desk, server: LLMServer) -> None:
    first = batch(desk, texts(10), limit=3)
    assert (first.statuses, server.count, first.code) == ({"ok": 3, "not run": 7}, 3, 0)
    assert {line.reason for line in first.lines if line.status == "not run"} == {"--limit is reached"}
    second = batch(desk, texts(10), limit=3)
    assert (second.statuses, second.cached, server.count) == ({"ok": 6, "not run": 4}, 3, 6)
    assert batch(desk, texts(10), limit=30).statuses == {"ok": 10}


def test_a_limit_counts_what_changed_and_not_what_is_done(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(4))
    rows = texts(4, " Anew.")
    assert batch(desk, rows, limit=1).statuses["not run"] == 3
    done = batch(desk, rows, limit=1)
    assert (done.statuses, server.count) == ({"ok": 2, "not run": 2}, 6)


def test_what_failed_is_left_until_it_is_said(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: status(400, "no") if "number 2," in asked.prompt else FINE
    first = batch(desk, texts(3))
    assert (first.statuses, first.code) == ({"ok": 2, "agent failed": 1}, 4)
    assert "no" in first.by_id["2"].reason
    count = server.count
    left = batch(desk, texts(3))
    assert (left.by_id["2"].status, server.count) == ("agent failed", count)
    assert left.by_id["2"].reason == "failed before (--retry-failed asks again)"
    server.script = lambda asked: FINE
    assert all_ok(batch(desk, texts(3), retry_failed=True))
    assert server.count == count + 1


def test_what_failed_its_checks_is_asked_again_where_it_is_said(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: "too short" if "number 2," in asked.prompt else FINE
    said = {"options": ["length=20..40"], "repairs": 1}
    first = batch(desk, texts(3), **said)
    assert (first.statuses, first.code, server.count) == ({"ok": 2, "failed check": 1}, 1, 4)
    line = first.by_id["2"]
    assert (line.output, line.reason.startswith("length: ")) == ("too short", True)
    assert [verdict.outcome for verdict in line.checks if verdict.name == "length"] == ["fail"]
    left = batch(desk, texts(3), **said)
    assert (left.statuses, left.by_id["2"].output, server.count) == (first.statuses, "too short", 4)
    server.script = lambda asked: FINE
    assert all_ok(batch(desk, texts(3), retry_failed=True, **said))
    assert server.count == 5


def test_a_check_that_failed_has_the_exit_code_in_every_run(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: "too short"
    said = {"options": ["length=20..40"], "repairs": 0}
    assert [batch(desk, texts(1), **said).code for _ in range(2)] == [1, 1]


# --- order ---


def test_in_order_though_one_row_is_very_slow(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(FINE, delay=0.5 if "number 1," in asked.prompt else 0.001)
    done = batch(desk, texts(60), ordered=True, jobs=8)
    assert done.ids == [str(n) for n in range(1, 61)]
    assert all_ok(done)
    mixed = batch(desk, texts(60, " More."), jobs=8)
    assert mixed.ids[0] != "1"
    assert sorted(mixed.ids, key=int) == done.ids


def test_in_order_what_is_bad_and_what_is_done_has_its_place(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(FINE, delay=0.05)
    batch(desk, texts(6)[1::2])
    rows = [*texts(3), "{", *texts(6)[3:], texts(1)[0]]
    done = batch(desk, rows, ordered=True, jobs=2)
    assert done.ids == ["1", "2", "3", "", "4", "5", "6", "1"]
    assert [line.line for line in done.lines] == list(range(1, 9))
    assert [line.cached for line in done.lines] == [False, True, False, False, True, False, True, False]


# --- rows that are none ---


def test_bad_lines_are_told_and_the_rest_goes_on(desk: Desk, server: LLMServer) -> None:
    rows = [*texts(2), "{", "[]", '{"id": "x"}', '{"id": "x", "input": 1, "input": 2}', *texts(4)[2:]]
    done = batch(desk, rows)
    assert (done.statuses, done.code, server.count) == ({"ok": 4, "invalid": 4}, 1, 4)
    told = {line.line: line.reason for line in done.lines if line.status == "invalid"}
    assert [reason.partition(": ")[0] for reason in map(told.get, (3, 4, 5, 6)) if reason] == [
        f"line {n}" for n in (3, 4, 5, 6)
    ]
    assert batch(desk, rows).code == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "x", "input": "\\ud800"}',
        '{"id": "\\udfff", "input": "x"}',
        '{"id": "x", "input": "a", "set": {"required": ' + "[" * 900 + "]" * 900 + "}}",
        '{"input": "a", "deep": ' + "[" * 970 + "]" * 970 + "}",
        '{"id": "x", "input": "a", "kw": "a\\u0000b"}',
        '{"id": "x", "input": "a", "from": "de", "to": "fr", "craft": "translation", "set": {"format": "pdf"}}',
        '{"id": "x", "input": "a", "set": {"length": {"min": 1e999}}}',
        '{"id": "x", "file": "a\\ud800"}',
    ],
)
def test_no_line_ends_the_batch(line: str, desk: Desk, server: LLMServer) -> None:
    done = batch(desk, [*texts(1), line, *texts(2)[1:]], brief="Write of {kw}.")
    assert done.statuses["ok"] >= 2
    assert set(done.statuses) <= {"ok", "invalid"}


def test_two_rows_of_one_id_are_an_error_for_the_second(desk: Desk, server: LLMServer) -> None:
    rows = [*texts(2), {"id": "1", "input": "Something else."}, *texts(3)[2:]]
    for _ in range(2):
        done = batch(desk, rows)
        [bad] = [line for line in done.lines if line.status == "invalid"]
        assert (bad.id, bad.line, bad.reason) == ("1", 3, "line 3: another row has the id 1")
        assert (done.statuses, done.code, server.count) == ({"ok": 3, "invalid": 1}, 1, 3)


def test_an_empty_file_is_no_rows(desk: Desk, server: LLMServer) -> None:
    done = batch(desk, b"")
    assert (done.lines, done.code, server.count) == ([], 0, 0)


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
def test_a_row_may_be_two_megabytes(desk: Desk, server: LLMServer) -> None:
    done = batch(desk, [{"id": "1", "brief": "Sum it up.", "input": "word " * 400_000}, *texts(3)[1:]])
    assert all_ok(done)
    assert server.count == 3


# --- answers that are kept ---


def test_an_equal_question_is_answered_from_the_ledger_of_that_client_alone(desk: Desk, server: LLMServer) -> None:
    add_client(desk, "acme", "any")
    batch(desk, texts(3))
    again = batch(desk, texts(3), gig="other")
    assert (all_ok(again), again.cached, server.count, again.result.spent) == (True, 3, 3, 0)
    assert {line.cost for line in again.lines} == {0}
    other = batch(desk, texts(3), client="acme")
    assert (all_ok(other), other.cached, server.count) == (True, 0, 6)


def test_another_agent_is_asked_itself(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(2))
    assert batch(desk, texts(2), gig="other", agents="b").cached == 0
    assert server.count == 4


def test_equal_rows_in_flight_share_one_call(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(FINE, delay=0.1)
    done = batch(desk, [{"id": str(n), "input": "The same."} for n in range(20)], jobs=16)
    assert (all_ok(done), server.count, done.cached) == (True, 1, 19)
    assert done.result.spent == sum(line.cost or 0 for line in done.lines)
    assert len({line.revision for line in done.lines}) == 20


def test_equal_rows_do_not_wait_for_each_others_copies(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(1))
    began = time.monotonic()
    done = batch(desk, [{**texts(1)[0], "id": str(n)} for n in range(60)], gig="x", jobs=32)
    assert (all_ok(done), done.cached, server.count) == (True, 60, 1)
    assert time.monotonic() - began < 1


def test_where_the_one_call_fails_the_others_are_asked(desk: Desk, server: LLMServer) -> None:
    server.queue(Reply(FINE, cut=10, delay=0.05))
    done = batch(desk, [{"id": str(n), "input": "The same."} for n in range(5)], jobs=4)
    assert (done.statuses, server.count) == ({"unknown": 1, "ok": 4}, 2)


def test_fresh_asks_again(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(3))
    done = batch(desk, texts(3), fresh=True)
    assert (all_ok(done), done.cached, server.count) == (True, 0, 6)
    assert done.by_id["1"].revision == "me-1.1@2"
    done = batch(desk, [{"id": str(n), "input": "The same."} for n in range(4)], gig="x", fresh=True)
    assert (all_ok(done), server.count) == (True, 10)


def test_what_was_rejected_is_asked_anew(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(1))
    reject(desk, ["me-1.1"], "dull", ("a",))
    server.script = lambda asked: "Another text of some words."
    done = batch(desk, texts(1))
    assert (done.lines[0].output, done.lines[0].cached, server.count) == ("Another text of some words.", False, 2)


def test_what_an_answer_cost_is_its_rows(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(FINE, usage={"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100})
    done = batch(desk, texts(4))
    assert {line.cost for line in done.lines} == {100 * PRICE}
    assert done.result.spent == 400 * PRICE
    assert {(line.tokens.input, line.tokens.output) for line in done.lines if line.tokens} == {(90, 10)}


# --- agents that can't, money that is not there ---


@pytest.mark.parametrize("number", [401, 402, 403])
def test_an_agent_with_a_wrong_key_is_stopped_once(number: int, desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: status(number, "bad key")
    done = batch(desk, texts(200), jobs=4)
    assert (done.statuses, done.code) == ({"not run": 200}, 4)
    assert server.count <= 4
    assert (done.result.spent, money(desk)["me-1"]) == (0, (0, 0))
    assert all("bad key" in line.reason for line in done.lines)
    server.script = lambda asked: FINE
    assert all_ok(batch(desk, texts(200), jobs=8))


def test_a_stopped_agent_is_followed_by_the_next(desk: Desk, server: LLMServer, tmp_path: Path) -> None:
    with LLMServer(lambda asked: status(401, "bad key")) as bad:
        desk.agents["a"] = paid("a", bad)
        done = batch(desk, texts(50), agents="a,b")
        assert (done.statuses, bad.count <= 4, server.count) == ({"ok": 50}, True, 50)
        assert {line.agent for line in done.lines} == {"b"}


def test_a_fallback_is_asked_where_the_first_refuses(desk: Desk, server: LLMServer) -> None:
    with LLMServer(lambda asked: status(400, "no") if "number 3," in asked.prompt else FINE) as picky:
        desk.agents["a"] = paid("a", picky)
        done = batch(desk, texts(6), agents="a,b")
        assert all_ok(done)
        assert {id: line.agent for id, line in done.by_id.items() if line.agent != "a"} == {"3": "b"}
        assert (picky.count, server.count) == (6, 1)


def test_a_chain_with_a_forbidden_agent_is_refused_before_any_call(desk: Desk, server: LLMServer) -> None:
    add_client(desk, "acme", "only:a")
    with pytest.raises(PolicyError):
        batch(desk, texts(2), agents="a,b", client="acme")
    assert server.count == 0


def test_what_the_run_may_spend_is_never_exceeded(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(FINE, usage=None)  # it costs the bound
    batch(desk, texts(1))
    [attempt] = attempts_of(desk, "me-1.1")
    assert attempt.cost
    cap = attempt.cost * 5 + attempt.cost // 2
    done = batch(desk, texts(31)[1:], gig="capped", max_cost=cap, jobs=8)
    assert (done.statuses["ok"], done.statuses["not run"], done.code) == (5, 25, 5)
    assert done.result.spent <= cap
    assert server.count == 6
    assert {line.reason for line in done.lines if line.status == "not run"} == {"--max-cost is reached"}
    assert all_ok(batch(desk, texts(31)[1:], gig="capped"))


def test_what_a_row_may_cost_stops_that_row(desk: Desk, server: LLMServer) -> None:
    rows = [*texts(3), {"id": "long", "input": "Write. " * 4000}]
    done = batch(desk, rows, max_cost_each=4000 * PRICE)
    assert {id: line.status for id, line in done.by_id.items() if line.status != "ok"} == {"long": "not run"}
    assert (done.code, server.count) == (5, 3)
    assert done.by_id["long"].reason == "--max-cost-each is reached"


# --- what the server does ---


@pytest.mark.parametrize("after", [None, 0.2, "date"])
def test_429s_are_waited_out(after: float | str | None, desk: Desk, server: LLMServer) -> None:
    from email.utils import formatdate

    said = formatdate(time.time() + 1, usegmt=True) if after == "date" else after
    server.queue(*[status(429, "slow down", retry_after=said)] * 3)
    done = batch(desk, texts(20))
    assert all_ok(done)
    assert server.count == 23
    if after == 0.2:
        assert min(asked.at for asked in server.requests[8:]) - server.requests[0].at >= 0.2


def test_500s_are_tried_again_and_then_left_for_later(desk: Desk, server: LLMServer) -> None:
    server.queue(*[status(500)] * 3)
    assert all_ok(batch(desk, texts(20)))
    server.script = lambda asked: status(500)
    done = batch(desk, texts(12, " Later."), gig="later")
    assert (done.statuses, done.code) == ({"not run": 12}, 75)
    assert money(desk)["me-2"] == (0, 0)
    server.script = lambda asked: FINE
    with desk.ledger.writing() as tx:  # in place of the rest that the breaker gives it
        limits.record_success(tx, "a")
    assert all_ok(batch(desk, texts(12, " Later."), gig="later"))


def test_half_answers_are_unknown_and_never_asked_again_by_the_way(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(FINE, cut=20) if _number(asked) % 3 == 0 else FINE
    done = batch(desk, texts(30), jobs=8)
    assert (done.statuses, done.code) == ({"ok": 20, "unknown": 10}, 75)
    server.script = lambda asked: FINE
    again = batch(desk, texts(30))
    assert (again.statuses, server.count, again.code) == ({"ok": 20, "unknown": 10}, 30, 75)
    assert all_ok(batch(desk, texts(30), retry_unknown=True))
    assert (server.count, money(desk)["me-1"][1]) == (40, 0)


def _number(asked: Asked) -> int:
    return int(asked.prompt.rpartition("number ")[2].partition(",")[0])


def test_a_server_that_never_answers_is_given_up(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(hang=True)
    desk.agents["a"] = paid("a", server, timeout=0.3)
    done = batch(desk, texts(10), jobs=8)
    assert (done.code, sum(done.statuses.values())) == (75, 10)
    assert done.statuses.keys() <= {"unknown", "not run"}  # those that were on the way: no more are sent to their loss
    assert 5 <= server.count == done.statuses["unknown"]
    assert money(desk)["me-1"][0] > 0


def test_a_hung_agent_starves_no_other(desk: Desk, server: LLMServer) -> None:
    with LLMServer(lambda asked: Reply(hang=True)) as hung:
        desk.agents["a"] = paid("a", hung, timeout=0.3, price_in=0, price_out=0)
        done = batch(desk, texts(6), agents="a,b", jobs=2)
        assert {line.status for line in done.lines} <= {"ok", "unknown"}


def test_connections_that_were_idle_and_are_dropped_lose_nothing(desk: Desk, server: LLMServer) -> None:
    server.script = lambda asked: Reply(FINE, close_idle=0.02)
    assert all_ok(batch(desk, texts(6), apart=0.4))  # on a busy machine the server's end comes late, and not so late
    assert server.count == 6


def test_connections_that_are_dropped_while_they_are_used_are_unknown_and_not_asked_twice(
    desk: Desk, server: LLMServer
) -> None:
    server.script = lambda asked: Reply(FINE, close_idle=0.0)
    # Five lost calls in a row open the breaker: here too that is no outage.
    done = batch(desk, texts(60), jobs=8, waits=replace(QUICK, handover=60.0, outage=60.0))
    lost = done.statuses.get("unknown", 0)
    assert done.statuses.get("ok", 0) + lost == 60
    assert 60 - lost <= server.count <= 60
    server.script = lambda asked: FINE
    before = server.count
    assert all_ok(batch(desk, texts(60), retry_unknown=True))
    assert server.count == before + lost


def test_connections_that_are_reset_unread_are_tried_again(desk: Desk, server: LLMServer) -> None:
    server.drop_connections = 6
    done = batch(desk, texts(20))
    assert sum(done.statuses.values()) == 20
    assert server.count == done.statuses["ok"]


def test_nobody_listens(tmp_path: Path) -> None:
    with make_desk(tmp_path / "desk", paid("a", f"http://127.0.0.1:{closed_port()}/v1")) as desk:
        done = batch(desk, texts(30))
        assert (done.statuses, done.code) == ({"not run": 30}, 75)
        assert money(desk)["me-1"] == (0, 0)


def test_redirects_are_not_followed(desk: Desk, server: LLMServer) -> None:
    with LLMServer(lambda asked: FINE) as elsewhere:
        server.script = lambda asked: Reply(body=b"", status=307, headers={"Location": f"{elsewhere.url}/x"})
        done = batch(desk, texts(10))
        assert elsewhere.count == 0
        assert sum(done.statuses.values()) == 10
        assert "ok" not in done.statuses


@pytest.mark.parametrize("turned_away", [429, 503])
def test_a_server_that_takes_few_at_once_is_sent_few(turned_away: int, desk: Desk, server: LLMServer) -> None:
    def script(asked: Asked) -> Reply:
        if server.in_flight > 6:
            return status(turned_away)
        return Reply(FINE, delay=0.05)

    server.script = script
    done = batch(desk, texts(150), jobs=32)
    assert done.statuses["ok"] >= 145, done.statuses  # one may be turned away four times
    assert server.count < 150 * 1.6  # turned away once each, where nothing is learned
    assert all_ok(batch(desk, texts(150), jobs=4))


MIXED = [
    status(429, retry_after=0), status(500), status(503), Reply(FINE, cut=30), Reply(drop=True),
    Reply(FINE, close_idle=0),
    Reply(body=b"", status=302, headers={"Location": "http://127.0.0.1:1/"}), Reply(body=b"not json"), Reply(""),
    Reply(FINE, finish="length"), status(400, "bad"), Reply(garbage=b"\x00\xff\r\n\r\n"), Reply(FINE, usage=None),
]  # fmt: skip


@pytest.mark.parametrize("ordered", [False, True])
def test_whatever_the_server_does_every_row_is_accounted_for(ordered: bool, desk: Desk, server: LLMServer) -> None:
    def script(asked: Asked) -> Reply | str:
        n = _number(asked) * 7 % 40  # apart: five in a row would rest the agent
        return MIXED[n] if n < len(MIXED) else FINE

    server.script = script
    rows = texts(160)
    done = batch(desk, rows, ordered=ordered, jobs=8)
    assert Counter(done.ids) == Counter(str(n) for n in range(1, 161))
    assert done.statuses["ok"] >= 100
    server.script = lambda asked: FINE
    with desk.ledger.writing() as tx:
        limits.record_success(tx, "a")  # of somebody else's: the last calls were failures, after which it has a rest
    last = batch(desk, rows, retry_failed=True, retry_unknown=True)
    assert all_ok(last), last.statuses
    assert money(desk)["me-1"][1] == 0


# --- several at once ---

ENV = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
OTHER = """
import sys, pathlib
from support.batches import batch
from support.desks import make_desk, paid
folder, url = sys.argv[1:]
with make_desk(pathlib.Path(folder), paid("a", url, timeout=60)) as desk:
    batch(desk, [{"id": "2", "input": "Number 2."}])
"""
TWIN = """
import sys, pathlib
from support.batches import batch, texts
from support.desks import make_desk, paid
folder, url, count, ordered, prune = sys.argv[1:]
with make_desk(pathlib.Path(folder), paid("a", url)) as desk:
    done = batch(desk, texts(int(count)), jobs=4, ordered=bool(ordered), prune=bool(prune))
    print(done.statuses)
"""


def twins(desk: Desk, server: LLMServer, count: int, ordered: str = "", prune: str = "") -> list[str]:
    """Two processes with the same file; what each said."""
    argv = [sys.executable, "-c", TWIN, desk.paths.data.parent, server.url, str(count), ordered, prune]
    both = [subprocess.Popen(argv, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "12"]
    try:
        said = [process.communicate(timeout=60) for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], said
    return [out.strip() for out, _ in said]


def test_two_processes_on_one_file_share_the_work(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(1))  # so that the gig is there
    server.script = lambda asked: Reply(FINE, delay=0.02)
    twins(desk, server, 120)
    asked = Counter(each.last for each in server.requests)
    assert (len(asked), set(asked.values())) == (120, {1})
    assert all_ok(batch(desk, texts(120)))
    assert server.count == 120


def test_two_processes_that_prune_drop_nothing_of_each_other(desk: Desk, server: LLMServer) -> None:
    batch(desk, texts(3))
    server.script = lambda asked: Reply(FINE, delay=0.02)
    twins(desk, server, 60, prune="yes")
    assert {task_of(desk, f"me-1.{n}").state for n in range(1, 61)} == {"review"}


@pytest.mark.parametrize("delay", [0.3, 30.0])
def test_in_order_a_row_that_another_run_has_holds_up_nothing(delay: float, desk: Desk, server: LLMServer) -> None:
    """More rows than the window, and the second is in other hands, for a moment or for longer than all others take."""
    rows = [{"id": "1", "input": "Number 1."}, {"id": "2", "input": "Number 2."}, *texts(60)[9:], *["{"] * WINDOW]
    batch(desk, rows[:1])
    server.script = lambda asked: Reply(FINE, delay=delay if "Number 2." in asked.prompt else 0.2)
    other = subprocess.Popen([sys.executable, "-c", OTHER, desk.paths.data.parent, server.url], env=ENV)
    try:
        server.wait_for(2)
        done = batch(desk, rows, ordered=True, jobs=16)
    finally:
        other.kill()
        other.wait()
    assert [line.line for line in done.lines] == list(range(1, len(rows) + 1))
    line = done.lines[1]
    assert (line.status, line.reason) == (("ok", "") if delay < 1 else ("not run", "another run works on it"))
    assert (done.statuses["ok"] >= 52, done.code) == (True, 1 if delay < 1 else 75)
    assert server.count == 53


# --- size ---

WEIGHS = """
import sys, pathlib
from itertools import islice
from gigctl.flow.batch import BatchOptions, carry_out_batch, open_batch
from gigctl.flow.runoptions import RunOptions
from gigctl.flow.jobs import load_asked
from gigctl.flow.rows import read_rows
from support.desks import make_desk, paid
folder, url, count, ordered = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), bool(sys.argv[4])
numbers = iter(range(count))
line = '{"id": "%d", "input": "Write text number %d, please."}\\n'
read = lambda: b"".join((line % (n, n)).encode() for n in islice(numbers, 100))
with make_desk(folder, paid("a", url)) as desk:
    asked = load_asked(craft="writing", brief="", source_language="", target="", options=[], checks=[], id_column="id",
                       path=folder / "jobs", store=desk.store)
    run, wanted, ok = RunOptions(agents=("a",), jobs=32), BatchOptions(path=folder / "jobs", ordered=ordered), [0]
    def write(line):
        ok[0] += line.status == "ok"
    batch = open_batch(desk, asked, wanted, run, ("a",))
    carry_out_batch(desk, batch, read_rows(read, "jobs.jsonl"), asked, wanted, run, write, lambda _: None)
# Not ru_maxrss, which a process has from whoever started it.
print(ok[0], *[line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")])
"""


def weigh(folder: Path, url: str, count: int, ordered: str) -> float:
    """The peak memory of a batch of so many rows, in MB."""
    argv = [sys.executable, "-c", WEIGHS, folder, url, str(count), ordered]
    done = subprocess.run(argv, env=ENV, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    ok, kilobytes = map(int, done.stdout.split())
    assert ok == count
    return kilobytes / 1024


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    with LLMServer(lambda asked: FINE) as server:
        few, many = (weigh(tmp_path / f"of {n}", server.url, n, "yes") for n in (2_000, 20_000))
    assert many - few < 30
    assert many < 150
