"""Limits of agents: never faster than agreed, for eight processes as for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigctl.ledger import limits
from gigctl.ledger.limits import BURST_SHARE, MINUTE, hold_back, take_turn
from gigctl.ledger.opening import open_ledger
from gigctl.ledger.store import Ledger
from gigctl.model import AgentEntry
from support.books import Work, outputs, python

START = 1_800_000_000_000_000
Asked = list[tuple[int, int]]


def entry(name: str = "a", **more: int) -> AgentEntry:
    return AgentEntry(name, "openai", **more)  # type: ignore[arg-type]


def busiest_minute(sent: list[tuple[int, int]]) -> tuple[int, int]:
    """The most calls, and the most tokens, in any minute."""
    windows = [[(at, n) for at, n in sent if begin <= at < begin + MINUTE] for begin, _ in sent]
    return max(map(len, windows), default=0), max((sum(n for _, n in w) for w in windows), default=0)


@settings(max_examples=60, deadline=None)
@given(
    rpm=st.integers(1, 60),
    tpm=st.integers(200, 2000),
    asked=st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(1, 200)), max_size=60),
)
def test_never_more_than_the_rate(tmp_path_factory: pytest.TempPathFactory, rpm: int, tpm: int, asked: Asked) -> None:
    """In any minute at most what is allowed in one, and the burst; whoever waits as told may go."""
    with open_ledger(tmp_path_factory.getbasetemp() / "limits") as ledger, ledger.writing() as tx:
        tx.run("DELETE FROM agent_limit")
        agent, now, sent = entry(rpm=rpm, tpm=tpm), START, []
        for pause, tokens in asked:
            now += pause
            wait = take_turn(tx, agent, now, tokens)
            if wait:
                now += round(wait * 1e6)
                assert take_turn(tx, agent, now, tokens) == 0
            sent.append((now, tokens))
        calls, tokens = busiest_minute(sent)
    assert calls <= rpm + max(rpm // BURST_SHARE, 1)
    assert tokens <= tpm + max(tpm // BURST_SHARE, 200)


def test_a_burst_goes_at_once_and_then_the_rate(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        agent = entry(rpm=60)
        waits = [take_turn(tx, agent, START, 1) for _ in range(8)]
        assert waits[:6] == [0.0] * 6
        assert waits[6] == waits[7] == pytest.approx(1.0)  # who was refused was not counted
        assert take_turn(tx, agent, START + 1_000_000, 1) == 0


def test_a_call_larger_than_the_burst_may_still_go(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        agent = entry(tpm=1000)
        assert take_turn(tx, agent, START, 900) == 0
        assert take_turn(tx, agent, START, 900) == pytest.approx(54)


def test_what_has_no_limit_writes_nothing(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        assert take_turn(tx, entry(), START, 10**9) == 0
        assert tx.value("SELECT count(*) FROM agent_limit") == 0


def test_all_wait_while_it_is_held_back(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        hold_back(tx, "a", START + 2_000_000)
        hold_back(tx, "a", START + 1_000_000)  # an earlier one shortens nothing
        assert take_turn(tx, entry(), START, 1) == pytest.approx(2)
        assert take_turn(tx, entry("b"), START, 1) == 0
        assert take_turn(tx, entry(), START + 2_000_000, 1) == 0


def test_calls_in_flight_are_counted_whoever_made_them(ledger: Ledger) -> None:
    work = Work(ledger)
    first = work.begin()
    with ledger.writing() as tx:
        assert take_turn(tx, entry(concurrency=1), START, 1) > 0
        assert take_turn(tx, entry(concurrency=2), START, 1) == 0
    work.settle(first, 0)
    with ledger.writing() as tx:
        assert take_turn(tx, entry(concurrency=1), START, 1) == 0


def test_the_rate_holds_over_processes(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    code = (
        "import sys\nfrom pathlib import Path\nfrom gigctl.ledger.limits import take_turn\n"
        "from gigctl.ledger.opening import open_ledger\nfrom gigctl.model import AgentEntry\n"
        "l = open_ledger(Path(sys.argv[1])); a = AgentEntry('a', 'openai', rpm=120); went = 0\n"
        f"for _ in range(30):\n with l.writing() as tx: went += take_turn(tx, a, {START}, 1) == 0\nprint(went)\n"
    )
    went = sum(int(out) for out in outputs([python(code, tmp_path) for _ in range(4)]))
    assert went == 12  # all at one moment: the burst, and no more
    assert limits.BURST_SHARE == 10


# --- the breaker ---


def fail(ledger: Ledger, at: int, begun: int | None = None) -> None:
    with ledger.writing() as tx:
        limits.record_failure(tx, "a", at if begun is None else begun, at)


def turn(ledger: Ledger, at: int) -> float:
    with ledger.writing() as tx:
        return take_turn(tx, entry(), at, 1)


def test_an_agent_that_fails_in_a_row_is_left_alone_and_then_tried_by_one(ledger: Ledger) -> None:
    for n in range(limits.FAILURES - 1):
        fail(ledger, START + n)
        assert turn(ledger, START + n) == 0
    fail(ledger, START)
    assert turn(ledger, START + 1) == pytest.approx(2.0, abs=0.001)
    later = START + limits.FIRST_REST + 1
    assert turn(ledger, later) == 0  # one goes
    assert turn(ledger, later + 1) == pytest.approx(2.0, abs=0.001)  # and the others wait for what becomes of it
    fail(ledger, later + 50, begun=later)
    assert turn(ledger, later + 51) == pytest.approx(4.0, abs=0.001)


def test_many_that_fail_together_are_no_longer_rest(ledger: Ledger) -> None:
    for n in range(64):
        fail(ledger, START + n, begun=START - 100_000)
    assert turn(ledger, START + 64) == pytest.approx(2.0, abs=0.001)


def test_the_rest_has_an_end(ledger: Ledger) -> None:
    now = START
    for _ in range(30):
        fail(ledger, now)
        now += limits.LONGEST_REST + 1
    fail(ledger, now)
    assert turn(ledger, now + 1) == pytest.approx(60.0, abs=0.001)


def test_an_answer_ends_it(ledger: Ledger) -> None:
    for _ in range(limits.FAILURES):
        fail(ledger, START)
    with ledger.writing() as tx:
        assert limits.is_failing(tx, "a")
        limits.record_success(tx, "a")
        assert not limits.is_failing(tx, "a")
    assert turn(ledger, START + 1) == 0
