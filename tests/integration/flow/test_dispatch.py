"""A run against a real server, with the openai agent and prices: DESIGN's table row by row, caps, walls, stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gigctl.errors import PolicyError, worst_exit_code
from gigctl.flow.desk import Desk
from gigctl.flow.dispatch import Collector
from gigctl.flow.gigfile import Wish
from gigctl.flow.intake import add_gig
from gigctl.flow.planning import open_planned
from gigctl.flow.run import carry_out, plan_run
from gigctl.flow.runoptions import Notices, RunOptions
from gigctl.flow.showing import find_sheet
from gigctl.flow.steps import TRIES, Attempt, Done, Review, Wait
from gigctl.insight.queue import list_queue
from gigctl.ledger import clients, limits, rounds, tasks
from gigctl.ledger.runs import Run
from gigctl.model import Content
from gigctl.render.tasks import render_sheet
from gigctl.render.terminal import Terminal
from support.desks import (
    PRICE,
    QUICK,
    add_client,
    add_texts,
    attempts_of,
    make_desk,
    money,
    outcomes,
    paid,
    run,
    task_of,
)
from support.llm_server import Asked, LLMServer, Reply, closed_port, status
from support.repositories import make_repository

FINE = "A fine text of some words."


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer(lambda asked: FINE) as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path, server: LLMServer) -> Iterator[Desk]:
    made = make_desk(
        tmp_path / "desk", paid("a", server), paid("b", server), paid("free", server, price_in=0, price_out=0)
    )
    yield made
    made.close()


def code(result: object) -> int:
    return worst_exit_code(result.codes)  # type: ignore[attr-defined]


# --- what happened to a call ---


def test_answered_is_settled_by_usage(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)
    server.queue(Reply(FINE, usage={"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}))
    result, ends = run(desk, gig)
    assert (code(result), result.failure, server.count) == (0, None, 1)
    assert ends[f"{gig}.1"].end == Review("a draft passed its checks")
    assert (result.spent, money(desk)[gig]) == (107 * PRICE, (107 * PRICE, 0))
    assert task_of(desk, f"{gig}.1").state == "review"


def test_answered_without_usage_costs_the_bound(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)
    server.queue(Reply(FINE, usage=None))
    run(desk, gig)
    attempt = attempts_of(desk, f"{gig}.1")[0]
    assert attempt.cost == attempt.reserved > 2048 * PRICE
    assert money(desk)[gig] == (attempt.reserved, 0)


@pytest.mark.parametrize("number", [429, 500, 502, 503])
def test_not_paid_is_released_and_tried_again(number: int, desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)
    server.queue(*[status(number)] * (TRIES - 1))
    result, _ = run(desk, gig)
    assert (code(result), server.count) == (0, TRIES)
    assert [attempt.cost for attempt in attempts_of(desk, f"{gig}.1")[:-1]] == [0] * (TRIES - 1)


def test_out_of_tries_the_next_agent_is_asked(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)
    server.queue(*[status(503)] * TRIES)
    result, _ = run(desk, gig, agents="a,b")
    assert (code(result), server.count) == (0, TRIES + 1)
    assert outcomes(desk, f"{gig}.1") == [("a", "overloaded")] * TRIES + [("b", "draft")]


def test_never_sent_is_released_and_left_for_later(tmp_path: Path) -> None:
    with make_desk(tmp_path / "desk", paid("a", f"http://127.0.0.1:{closed_port()}/v1")) as desk:
        gig = add_texts(desk)
        result, ends = run(desk, gig)
        assert code(result) == 75
        assert "no connection" in str(result.failure)
        assert ends[f"{gig}.1"].end == Wait("later")
        assert (task_of(desk, f"{gig}.1").state, money(desk)[gig]) == ("ready", (0, 0))
        assert len(attempts_of(desk, f"{gig}.1")) == TRIES
        run(desk, gig)
        # The next run asks again: the fifth failure opens the breaker for two seconds, which are waited out; after the
        # sixth the agent has failed for longer than this run waits.
        assert len(attempts_of(desk, f"{gig}.1")) == TRIES + 2


IMPATIENT = replace(QUICK, handover=0.1, outage=0.4)


def test_an_agent_that_fails_on_and_on_is_waited_for_no_more(desk: Desk, server: LLMServer) -> None:
    """Its rests grow to a minute, and each task has some tries: a hundred tasks would wait for hours."""
    gig = add_texts(desk, 40)
    server.queue(*[status(500)] * 200)
    began = time.monotonic()
    result, ends = run(desk, gig, waits=IMPATIENT)
    assert time.monotonic() - began < 10
    assert code(result) == 75
    assert {end.end for end in ends.values()} == {Wait("later")}
    assert len(ends) == 40
    assert {end.reason for end in ends.values()} == {"a: unavailable: answered 500: no"}
    assert server.count <= limits.FAILURES + 2 * 4  # what was begun is not sent


def test_what_fails_on_and_on_is_handed_over_at_once_where_another_can_be_asked(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 40)
    server.script = lambda asked: status(500) if asked.json["model"] == "model-a" else FINE
    result, ends = run(desk, gig, agents="a,b", waits=IMPATIENT)
    assert (code(result), result.failure) == (0, None)
    assert {end.end for end in ends.values()} == {Review("a draft passed its checks")}


def test_an_agent_that_comes_back_in_time_is_asked_again(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 40)
    back = time.monotonic() + 1.0
    server.script = lambda asked: FINE if time.monotonic() > back else status(500)
    heard: list[tuple[str, str]] = []
    notices = Notices(failing=lambda agent, reason: heard.append((agent, reason)))
    result, _ = run(desk, gig, notices=notices, waits=replace(QUICK, outage=20.0))
    assert (code(result), result.failure) == (0, None)
    assert heard == [("a", "unavailable: answered 500: no")]
    assert time.monotonic() - back < 10


_HALF = json.dumps("half \ud800 a sign").encode()


@pytest.mark.parametrize(
    ("code_", "body", "outcome"),
    [
        (200, b'{"choices": [{"message": {"content": %s}, "finish_reason": "stop"}]}', "malformed"),
        (200, b'{"choices": [{"message": {"content": %s}, "finish_reason": "length"}]}', "cut"),
        (200, b'{"choices": [{"message": {"content": "no", "refusal": %s}, "finish_reason": "stop"}]}', "refused"),
        (200, b'{"choices": [{"message": {"content": "A text."}, "finish_reason": "stop"}], "model": %s}', "draft"),
        (400, b'{"error": {"message": %s, "code": %s}}', "refused"),
    ],
)
def test_half_a_character_of_an_answer_ends_no_run(
    desk: Desk, server: LLMServer, code_: int, body: bytes, outcome: str
) -> None:
    """JSON can hold it, UTF-8 and the ledger can't."""
    gig = add_texts(desk, 3)
    server.queue(Reply(status=code_, body=body.replace(b"%s", _HALF)))
    run(desk, gig, jobs=1, repairs=0)
    found = [attempts_of(desk, f"{gig}.{n}") for n in (1, 2, 3)]
    assert [calls[0].outcome for calls in found] == [outcome, "draft", "draft"]
    assert server.count == 3


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (status(400, "This model's maximum context length is 10 tokens", code="context_length_exceeded"), "too_long"),
        (status(400, "flagged by our content policy", code="content_filter"), "refused"),
        (status(404, "no such model"), "refused"),
        (status(422, "what?"), "refused"),
    ],
)
def test_refused_by_status_is_released_and_the_next_agent_asked(
    reply: Reply, outcome: str, desk: Desk, server: LLMServer
) -> None:
    gig = add_texts(desk)
    server.queue(reply)
    assert code(run(desk, gig, agents="a,b")[0]) == 0
    assert outcomes(desk, f"{gig}.1") == [("a", outcome), ("b", "draft")]
    assert attempts_of(desk, f"{gig}.1")[0].cost == 0


def test_refused_by_all_has_failed(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)
    server.queue(status(404, "gone"), status(404, "gone"))
    result, ends = run(desk, gig, agents="a,b")
    assert (code(result), ends[f"{gig}.1"].end, server.count) == (4, Done("failed"), 2)
    assert f"{gig}.1 failed" in str(result.failure)
    assert task_of(desk, f"{gig}.1").state == "failed"
    assert plan_run(desk, [gig], RunOptions(), ("a",)).tasks == ()
    assert code(run(desk, gig, retry_failed=True)[0]) == 0


def test_a_prompt_too_long_for_the_window_is_not_sent(tmp_path: Path, server: LLMServer) -> None:
    with make_desk(tmp_path / "desk", paid("a", server, window=256), paid("b", server)) as desk:
        gig = add_texts(desk)
        assert code(run(desk, gig, agents="a,b")[0]) == 0
        assert (outcomes(desk, f"{gig}.1"), server.count) == ([("a", "too_long"), ("b", "draft")], 1)


@pytest.mark.parametrize(
    "reply", [status(401), status(402), status(403), status(429, "no more", code="insufficient_quota")]
)
def test_no_key_or_credit_stops_the_agent_and_not_task_after_task(reply: Reply, desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 20)
    server.script = lambda asked: reply
    result, ends = run(desk, gig, jobs=3)
    assert (code(result), server.count <= 3, len(ends)) == (4, True, 20)
    assert {end.end for end in ends.values()} == {Wait("stopped")}
    assert (result.failed, result.waiting, list(result.stopped)) == (0, 20, ["a"])
    assert "20 of 20 tasks are not done" in str(result.failure)
    assert {task_of(desk, ref).state for ref in ends} == {"ready"}
    assert money(desk)[gig] == (0, 0)


def test_a_stopped_agents_tasks_go_to_the_next(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 6)
    server.script = lambda asked: FINE if server.count > 1 else status(401)
    assert code(run(desk, gig, agents="a,b", jobs=1)[0]) == 0
    assert Counter(outcomes(desk, f"{gig}.{n}")[-1] for n in range(1, 7)) == {("b", "draft"): 6}


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(FINE, finish="length"), "cut"),
        (Reply(FINE, finish="content_filter"), "refused"),
        (Reply(body=b"<html>no</html>"), "malformed"),
    ],
)
def test_paid_and_useless_is_settled_and_the_next_agent_asked(
    reply: Reply, outcome: str, desk: Desk, server: LLMServer
) -> None:
    gig = add_texts(desk)
    server.queue(reply)
    assert code(run(desk, gig, agents="a,b", repairs=0)[0]) == 0
    first, _ = attempts_of(desk, f"{gig}.1")
    assert (first.outcome, bool(first.cost)) == (outcome, True)
    assert first.cost == (first.reserved if outcome == "malformed" else (first.tokens_in + first.tokens_out) * PRICE)


def test_an_unreadable_answer_is_mended_with_its_reason_then_the_next_agent(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)
    server.queue(Reply("```"), Reply("``` "), Reply("```  "))
    result, _ = run(desk, gig, agents="a,b", repairs=2)
    seen = outcomes(desk, f"{gig}.1")
    assert seen[:3] == [("a", "malformed")] * 3
    assert seen[3:] == [("b", "draft")]
    assert "code fence" in server.bodies[1]["messages"][-1]["content"]
    assert "code fence" not in json.dumps(server.bodies[3])
    assert result.spent > 0


@pytest.mark.parametrize("reply", [status(408), status(504), Reply(FINE, cut=20), Reply(drop=True), Reply(hang=True)])
def test_sent_and_not_answered_is_unknown(reply: Reply, tmp_path: Path, server: LLMServer) -> None:
    with make_desk(tmp_path / "desk", paid("a", server, timeout=0.3), paid("b", server)) as desk:
        gig = add_texts(desk)
        server.queue(reply)
        result, ends = run(desk, gig, agents="a,b")
        first = attempts_of(desk, f"{gig}.1")[0]
        assert (code(result), ends[f"{gig}.1"].end, server.count) == (75, Wait("unknown"), 1)
        assert (first.outcome, first.cost, money(desk)[gig]) == ("unknown", None, (first.reserved, 0))
        assert "--retry-unknown" in (result.failure.hint or "")
        said = ends[f"{gig}.1"].reason
        assert said.startswith("a: ")
        # Nothing but the word itself repeats it: no other run, no other repairs, no other agent.
        for options in ({}, {"repairs": 5}, {"drafts": 3}, {"agents": "b"}, {"agents": "b,a"}):
            again, ends = run(desk, gig, **{"agents": "a,b", **options})
            assert (code(again), server.count) == (75, 1)
            assert ends[f"{gig}.1"].reason == f"a: {first.reason}"
            assert first.reason in said
            assert first.reason in str(again.failure)
        assert code(run(desk, gig, agents="a,b", retry_unknown=True)[0]) == 0
        assert outcomes(desk, f"{gig}.1") == [("a", "unknown"), ("a", "draft")]


def test_a_free_call_that_was_lost_is_asked_again_at_once(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)
    server.queue(Reply(drop=True))
    assert code(run(desk, gig, agents="free")[0]) == 0
    assert outcomes(desk, f"{gig}.1") == [("free", "unknown"), ("free", "draft")]


def test_a_repair_that_was_lost_is_in_the_queue_and_goes_on_with_the_word(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, options={"required": "good"})
    server.queue(Reply("bad"), status(504))
    result, _ = run(desk, gig)
    assert (code(result), task_of(desk, f"{gig}.1").state) == (75, "review")
    server.queue(Reply("good"))
    assert code(run(desk, gig, agents="a", retry_unknown=True)[0]) == 0
    assert outcomes(desk, f"{gig}.1") == [("a", "draft"), ("a", "unknown"), ("a", "draft")]


# --- checks and repairs ---


def test_a_failed_check_is_repaired_with_its_evidence(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, options={"required": "good"})
    server.queue(Reply("bad words"), Reply("good words"))
    assert code(run(desk, gig)[0]) == 0
    asked = server.bodies[1]["messages"]
    assert ("bad words" in json.dumps(asked), "good" in asked[-1]["content"]) == (True, True)
    assert task_of(desk, f"{gig}.1").current == 2


def test_what_is_not_mended_is_exit_1_and_no_error(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, options={"required": "good"})
    server.script = lambda asked: f"bad words {server.count}"
    result, ends = run(desk, gig, repairs=2)
    assert (code(result), result.failure, server.count) == (1, None, 3)
    assert ends[f"{gig}.1"].end == Review("a required check did not pass")


def test_drafts_stop_at_the_first_that_passes(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, options={"required": "good"})
    server.queue("bad", "good", "good")
    run(desk, gig, drafts=3, repairs=0)
    assert (server.count, task_of(desk, f"{gig}.1").current) == (2, 2)


def test_the_most_promising_draft_is_repaired_last(desk: Desk, server: LLMServer) -> None:
    """One that lacks a word of two is nearer than one that lacks both; its repair is asked for with what it said."""
    gig = add_texts(desk, options={"required": "good,fine"})
    server.queue("bad", "good", "worse", "good and fine")
    run(desk, gig, drafts=3, repairs=1)
    assert (server.count, task_of(desk, f"{gig}.1").current) == (4, 4)
    made = attempts_of(desk, f"{gig}.1")
    assert [attempt.mends for attempt in made] == [None, None, None, made[1].id]
    again = add_texts(desk, options={"required": "good"})
    server.script = lambda asked: f"bad {server.count}"
    run(desk, again, drafts=3, repairs=2)
    assert server.count == 4 + 3 + 2


@pytest.mark.parametrize(
    ("options", "drafts", "repairs"),
    [
        ({}, 4, 1),
        ({"drafts": 2}, 2, 2),
        ({"repairs": 0}, 1, 0),
        ({"usual_repairs": 0}, 4, 0),
        ({"redrawn": frozenset("b")}, 1, 2),
    ],
)
def test_code_of_a_small_model_is_drawn_anew(
    desk: Desk, server: LLMServer, tmp_path: Path, options: dict[str, object], drafts: int, repairs: int
) -> None:
    made = make_repository(tmp_path / "client", {"x.py": "X = 1\n"})
    gig = add_gig(desk, Wish(craft="code", brief="x is 2", repository=str(made.path))).gig.ref
    server.script = lambda asked: f"x.py\n```\nX = {server.count}  (\n```"  # never compiles
    run(desk, gig, **{"redrawn": frozenset("a"), **options})
    mended = [attempt.mends is not None for attempt in attempts_of(desk, f"{gig}.1")]
    assert (mended.count(False), mended.count(True)) == (drafts, repairs)


def test_vs_drafts_at_once(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk)
    server.script = lambda asked: Reply(FINE, delay=0.3)
    run(desk, gig, agents="a,b", wanted_all=True)
    assert (server.count, server.peak) == (2, 2)
    assert sorted(outcomes(desk, f"{gig}.1")) == [("a", "draft"), ("b", "draft")]


# --- limits ---


def test_retry_after_is_honoured_for_all(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 3)
    server.queue(status(429, retry_after=0.7))
    assert code(run(desk, gig, jobs=1)[0]) == 0
    first, second = (asked.at for asked in server.requests[:2])
    assert second - first >= 0.7


def test_an_agent_that_wants_hours_is_left_for_the_next_one(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 3)
    server.queue(status(429, retry_after=3600))
    assert code(run(desk, gig, agents="a,b", jobs=1)[0]) == 0
    assert [outcomes(desk, f"{gig}.{n}")[-1][0] for n in (1, 2, 3)] == ["b", "b", "b"]
    again = add_texts(desk, 2)
    result, _ = run(desk, again, agents="a")
    assert (code(result), server.count) == (75, 4)
    assert "left alone" in str(result.failure)


def test_a_rate_is_kept_without_giving_up(tmp_path: Path, server: LLMServer) -> None:
    with make_desk(tmp_path / "desk", paid("a", server, rpm=600)) as desk:
        gig = add_texts(desk, 70)
        began = time.monotonic()
        assert code(run(desk, gig, jobs=8)[0]) == 0
        assert time.monotonic() - began >= 0.8  # 60 at once, then ten a second


def test_no_more_in_flight_than_the_agent_takes(tmp_path: Path, server: LLMServer) -> None:
    server.latency = 0.02
    with make_desk(tmp_path / "desk", paid("a", server, concurrency=2)) as desk:
        run(desk, add_texts(desk, 8), jobs=8)
    assert server.peak == 2


def test_a_slow_agent_holds_up_its_own_tasks_alone(tmp_path: Path, server: LLMServer) -> None:
    rested: list[tuple[str, float]] = []
    with (
        LLMServer(lambda asked: Reply(hang=True)) as stuck,
        make_desk(tmp_path / "desk", paid("slow", stuck, timeout=1.0), paid("a", server)) as desk,
    ):
        slow, fast = add_texts(desk, 4, agents=("slow",)), add_texts(desk, 6, agents=("a",))
        asked = RunOptions(jobs=2, waits=QUICK)
        plan = plan_run(desk, [slow, fast], asked, ("a",))
        began = time.monotonic()
        carry_out(desk, plan, asked, lambda end, _: rested.append((end.ref, time.monotonic() - began)))
    assert [ref.startswith(fast) for ref, _ in rested[:6]] == [True] * 6
    assert rested[5][1] < 1.0
    assert 1.9 < rested[-1][1] < 5


# --- money ---


def test_the_runs_cap_stops_it_and_what_was_begun_is_told(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 10)
    bound = _bound(desk, gig)
    result, ends = run(desk, gig, jobs=1, max_cost=bound + 250 * PRICE)
    assert (code(result), len(ends)) == (5, 10)
    assert 1 <= server.count < 10
    assert result.spent <= bound + 250 * PRICE
    assert "--max-cost is reached" in str(result.failure)
    assert Counter(type(end.end) for end in ends.values())[Wait] == 10 - server.count


def test_a_cap_full_of_reservations_waits_for_them(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 6)
    server.latency = 0.05
    result, _ = run(desk, gig, jobs=6, max_cost=_bound(desk, gig) + 1000 * PRICE)
    assert (code(result), server.peak, server.count) == (0, 1, 6)


def test_the_cap_of_each_task(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 2, options={"required": "good"})
    server.script = lambda asked: Reply("bad words", usage=None)
    result, ends = run(desk, gig, repairs=5, max_cost_each=_bound(desk, gig) + 2000 * PRICE)
    assert (code(result), server.count) == (5, 2)
    assert {end.reason for end in ends.values()} == {"--max-cost-each is reached"}
    assert code(run(desk, gig, repairs=5, max_cost_each=10**15)[0]) == 1


def test_an_unknown_price_fits_under_no_cap(tmp_path: Path, server: LLMServer) -> None:
    with make_desk(tmp_path / "desk", paid("a", server, price_in=None, price_out=None)) as desk:
        gig = add_texts(desk)
        result, _ = run(desk, gig, max_cost=10**15)
        assert (code(result), server.count) == (5, 0)
        assert "price of a is unknown" in str(result.failure)
        assert code(run(desk, gig)[0]) == 0
        budgeted = add_texts(desk, about=" Soon.", budget="100")
        assert (code(run(desk, budgeted)[0]), server.count) == (5, 1)


def test_a_settlement_above_its_reservation_stops_the_run_and_marks_the_agent(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 5)
    dear = {"prompt_tokens": 10**6, "completion_tokens": 1, "total_tokens": 10**6 + 1}
    server.script = lambda asked: Reply(FINE, usage=dear)
    result, ends = run(desk, gig, jobs=1)
    assert (code(result), server.count, len(ends)) == (5, 1, 5)
    assert "cost more than the most" in str(result.failure)
    assert ends[f"{gig}.1"].end == Review("a draft passed its checks")
    with desk.ledger.reading() as tx:
        assert limits.find_overspent(tx, "a")
    assert "a" in plan_run(desk, [gig], RunOptions(agents=("a",)), ("a",)).overspent


CHILD = """
import sys
from pathlib import Path
from support.desks import make_desk, paid, run
desk = make_desk(Path(sys.argv[1]), paid("a", sys.argv[3]))
result, _ = run(desk, sys.argv[2])
print(sorted(result.codes))
"""


def children(count: int, desk: Desk, gig: str, server: LLMServer) -> list[str]:
    """So many processes that run the same gig at the same time; what each printed."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    argv = [sys.executable, "-c", CHILD, str(desk.paths.data.parent), gig, server.url]
    started = [subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    printed = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * count
    return printed


def test_eight_processes_never_exceed_a_gigs_budget(desk: Desk, server: LLMServer) -> None:
    """And never ask for a task twice."""
    server.latency = 0.02
    bound = _bound(desk, add_texts(desk))
    gig = add_texts(desk, 24, budget=f"{bound * 4 / 10**12:.6f}")
    server.script = lambda asked: Reply(FINE, usage=None)
    server.requests.clear()
    printed = children(8, desk, gig, server)
    assert server.count == 3 or server.count == 4
    spent, reserved = money(desk)[gig]
    assert (spent <= bound * 4, reserved) == (True, 0)
    assert any("5" in line for line in printed)


def test_two_processes_share_the_work_without_a_double(desk: Desk, server: LLMServer) -> None:
    server.latency = 0.01
    gig = add_texts(desk, 60)
    children(3, desk, gig, server)
    assert Counter(server.stats()["prompts"].values()) == {1: 60}
    assert {task_of(desk, f"{gig}.{n}").state for n in range(1, 61)} == {"review"}


def test_a_run_that_finds_all_of_it_taken_says_by_whom_and_that_it_is_not_done(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 2)
    with Run(desk.ledger) as other:
        _lease(desk, gig, other)
        result, ends = run(desk, gig)
        assert {end.end for end in ends.values()} == {Wait("leased")}
        assert {end.reason for end in ends.values()} == {f"run {other.id} works on it"}
        assert (code(result), server.count) == (75, 0)
        assert str(result.failure) == f"{gig}.1: run {other.id} works on it (and 1 more)"
        assert result.failure.hint == f"gigctl run {gig}, when that has ended"
    assert code(run(desk, gig)[0]) == 0


def test_what_another_run_let_go_meanwhile_is_taken_up_at_the_end(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 3)
    with make_desk(desk.paths.data.parent) as elsewhere:
        other = Run(elsewhere.ledger)
        _lease(desk, gig, other, tasks=1)
        server.script = _ending(other, server)
        result, ends = run(desk, gig, jobs=1)
    assert (code(result), server.count, len(ends)) == (0, 3, 3)


def _lease(desk: Desk, gig: str, other: Run, tasks: int = 99) -> None:
    """As a run does that is at work on it: rounds that are open, slots that are its own."""
    chosen = RunOptions(agents=("a",))
    planned = plan_run(desk, [gig], chosen, ("a",)).tasks
    with desk.ledger.writing() as tx:
        for each in planned[:tasks]:
            open_planned(tx, each, chosen)
            round_ = rounds.find_open_round(tx, each.task.id)
            assert round_ is not None
            assert rounds.claim_slot(tx, round_.slots[0], other.id)


def _ending(other: Run, server: LLMServer) -> Callable[[Asked], str]:
    """While the second call is answered, the other run ends."""

    def answer(_: Asked) -> str:
        if server.count == 2:
            other.end()
        return FINE

    return answer


def test_a_plan_that_another_run_overtook_pays_nothing(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 3)
    plan = plan_run(desk, [gig], RunOptions(agents=("a",)), ("a",))
    run(desk, gig)
    ends = []
    result = carry_out(desk, plan, RunOptions(), lambda end, _: ends.append(end.end))
    assert (code(result), server.count, ends) == (0, 3, [Review("a draft passed its checks")] * 3)


def test_a_step_that_another_run_overtook_is_not_taken(desk: Desk, server: LLMServer) -> None:
    """Between the look and the claim another process did it all, and let the slot go again."""
    gig = add_texts(desk)
    server.queue(*[status(503)] * TRIES)
    run(desk, gig)
    task = task_of(desk, f"{gig}.1").id
    with Run(desk.ledger) as late:
        collector = Collector(desk, late, RunOptions(waits=QUICK), lambda _: None)
        situation = collector._look(task)
        step = collector._steps(situation)[0]
        assert isinstance(step, Attempt)
        run(desk, gig)
        before = server.count

        async def take() -> object:
            async with collector.crew:
                return await collector._begin(situation, step)

        assert asyncio.run(take()) == ""
    assert server.count == before


def _bound(desk: Desk, gig: str) -> int:
    found = plan_run(desk, [gig], RunOptions(agents=("a",), repairs=0), ("a",))
    assert found.at_most is not None
    return found.at_most // len(found.tasks)


# --- walls ---


@pytest.mark.parametrize("policy", ["local-only", "only:free"])
@pytest.mark.parametrize("chain", ["a", "free,a", "here,a"])
def test_a_forbidden_agent_is_refused_before_any_call(policy: str, chain: str, desk: Desk, server: LLMServer) -> None:
    desk.agents["here"] = paid("here", server, local=True)
    add_client(desk, "acme", policy)
    gig = add_texts(desk, 2, client="acme")
    with pytest.raises(PolicyError):
        run(desk, gig, agents=chain)
    with pytest.raises(PolicyError):
        run(desk, gig, agents=chain, wanted_all=True)
    assert server.count == 0


def test_a_wall_that_was_built_after_the_round_holds(desk: Desk, server: LLMServer) -> None:
    add_client(desk, "acme", "any")
    gig = add_texts(desk, client="acme")
    server.queue(*[status(503)] * TRIES)
    run(desk, gig)
    with desk.ledger.writing() as tx:
        clients.edit_client(tx, clients.get_client(tx, "acme"), policy="local-only")
    server.requests.clear()
    with pytest.raises(PolicyError):
        plan_run(desk, [gig], RunOptions(), ("a",))
    assert server.count == 0


def test_a_wall_that_was_built_after_the_plan_holds(desk: Desk, server: LLMServer) -> None:
    add_client(desk, "acme", "any")
    plan = plan_run(desk, [add_texts(desk, 3, client="acme")], RunOptions(agents=("a",)), ("a",))
    with desk.ledger.writing() as tx:
        clients.edit_client(tx, clients.get_client(tx, "acme"), policy="local-only")
    result = carry_out(desk, plan, RunOptions(), lambda *_: None)
    assert (code(result), server.count) == (6, 0)
    assert "acme is local-only" in str(result.failure)


# --- stops ---


def _kill_when(server: LLMServer, *signals: int, asked: int = 2, between: float = 0.2) -> threading.Thread:
    def send() -> None:
        server.wait_for(asked)
        for number in signals:
            os.kill(os.getpid(), number)
            time.sleep(between)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_stop_lets_calls_in_flight_finish(number: int, desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 10)
    server.script = lambda asked: Reply(FINE, delay=0.3)
    killer = _kill_when(server, number)
    result, ends = run(desk, gig, jobs=2, waits=replace(QUICK, grace=10.0))  # a machine may be busy
    killer.join()
    assert (code(result), server.count, len(ends)) == (130, 2, 2)
    assert {end.end for end in ends.values()} == {Review("a draft passed its checks")}
    server.script = lambda asked: FINE
    assert code(run(desk, gig)[0]) == 0
    assert server.count == 10


def test_the_second_stop_abandons_them(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 4)
    server.script = lambda asked: Reply(FINE, delay=5)
    killer = _kill_when(server, signal.SIGINT, signal.SIGTERM, between=0.1)
    began = time.monotonic()
    result, _ = run(desk, gig, jobs=2)
    killer.join()
    assert (code(result), time.monotonic() - began < 2) == (130, True)
    ends = Counter(outcome for n in range(1, 5) for _, outcome in outcomes(desk, f"{gig}.{n}"))
    assert ends == {"unknown": 2, "unsent": 2}
    assert money(desk)[gig][1] == 0
    server.script = lambda asked: FINE
    again, _ = run(desk, gig)
    assert (code(again), server.count) == (75, 4)


@pytest.mark.parametrize(("agent", "said"), [("free", "its call was cut off: gigctl run"), ("a", "may have been paid")])
def test_a_call_that_was_abandoned_is_said_to_be_paid_only_where_it_may_be(
    agent: str, said: str, desk: Desk, server: LLMServer
) -> None:
    gig = add_texts(desk)
    server.script = lambda asked: Reply(FINE, delay=5)
    killer = _kill_when(server, signal.SIGINT, signal.SIGTERM, asked=1, between=0.1)
    run(desk, gig, agents=agent)
    killer.join()
    (item,) = list_queue(desk.ledger, desk.today)
    assert said in item.reasons[0]
    history = render_sheet(find_sheet(desk, item.ref), Terminal(), desk.today, history=True)
    assert ("cut off" in history) is (agent == "free")


def test_the_grace_ends_by_itself(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 2)
    server.script = lambda asked: Reply(FINE, delay=5)
    killer = _kill_when(server, signal.SIGTERM)
    began = time.monotonic()
    result, _ = run(desk, gig, jobs=2)
    killer.join()
    assert code(result) == 130
    assert QUICK.grace <= time.monotonic() - began < 3


def test_a_new_input_while_a_draft_is_made_is_not_that_drafts(desk: Desk, server: LLMServer) -> None:
    """The draft belongs to what was asked; the task has a newer source to be worked on."""
    gig = add_texts(desk)
    task = task_of(desk, f"{gig}.1")

    def answer(asked: Asked) -> Reply:
        other = make_desk(desk.paths.data.parent)
        with other.ledger.writing() as tx:
            tasks.add_input(tx, tasks.owner_of(task), task.id, Content.of_text("newer"))
        other.close()
        return Reply(FINE)

    server.script = answer
    run(desk, gig)
    with desk.ledger.reading() as tx:
        assert tx.value("SELECT input FROM revision WHERE task = ?", task.id) == 1
    server.script = lambda asked: FINE
    planned = plan_run(desk, [gig], RunOptions(agents=("a",)), ("a",)).tasks[0]
    assert planned.new_round


def test_run_again_drafts_nothing_twice_unless_it_is_said(desk: Desk, server: LLMServer) -> None:
    gig = add_texts(desk, 3)
    for options in ({"agents": "a"}, {"agents": "a"}, {"agents": "a", "repairs": 2}):
        run(desk, gig, **options)
        assert server.count == 3
    run(desk, gig, agents="b")
    assert server.count == 6
    run(desk, gig, agents="b", fresh=True)
    assert server.count == 9


def test_what_a_dead_run_holds_is_found_while_waiting(tmp_path: Path, server: LLMServer) -> None:
    """Its call fills the agent's one place until somebody sees that it is dead: then it is unknown."""
    server.script = lambda asked: Reply(FINE, hang="number 1," in asked.prompt)
    with make_desk(tmp_path / "desk", paid("a", server, concurrency=1)) as desk:
        gig = add_texts(desk, 2)
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        argv = [sys.executable, "-c", CHILD, str(desk.paths.data.parent), f"{gig}.1", server.url]
        other = subprocess.Popen(argv, env=env)
        server.wait_for(1, 30)
        killer = threading.Timer(0.5, other.kill)
        killer.start()
        result, _ = run(desk, f"{gig}.2")
        other.wait()
        assert (code(result), server.count) == (0, 2)
        assert (outcomes(desk, f"{gig}.1"), money(desk)[gig][1]) == ([("a", "unknown")], 0)
