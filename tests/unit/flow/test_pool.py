"""The writer's groups, and the pool's ways to end, on a real ledger and with real signals."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gigctl.errors import DiskFull
from gigctl.flow import pool
from gigctl.flow.pool import FULL, Pool, Writer
from gigctl.ledger.opening import connect, open_ledger
from gigctl.ledger.store import Ledger, Tx
from gigctl.system import clock


@pytest.fixture
def commits() -> list[datetime]:
    """When each transaction of the ledger began."""
    return []


@pytest.fixture
def ledger(tmp_path: Path, commits: list[datetime]) -> Iterator[Ledger]:
    def now() -> datetime:
        commits.append(clock.now())
        return commits[-1]

    with open_ledger(tmp_path, now) as made:
        commits.clear()
        yield made


def commit(ledger: Ledger, *changes: Callable[[Tx], Any]) -> list[Any]:
    """What became of changes that are committed as one group."""

    async def all_at_once() -> list[Any]:
        writer = Writer(ledger)
        try:
            return await asyncio.gather(*map(writer.commit, changes), return_exceptions=True)
        finally:
            writer.close()

    return asyncio.run(all_at_once())


def _put(name: str, size: int = 1) -> Callable[[Tx], int]:
    def put(tx: Tx) -> int:
        assert tx.now  # as every change that is written asks what time it is
        return tx.insert("blob", sha256=name, size=size, data=b"x" * size)

    return put


def _names(ledger: Ledger) -> list[str]:
    with ledger.reading() as tx:
        return [row["sha256"] for row in tx.rows("SELECT sha256 FROM blob ORDER BY sha256")]


def _refuse(tx: Tx) -> None:
    tx.insert("blob", sha256="half", size=1, data=b"x")
    raise ValueError("mine")


def test_a_change_that_fails_is_undone_alone(ledger: Ledger) -> None:
    ends = commit(ledger, _put("a"), _refuse, _put("b"))
    assert [type(end) for end in ends] == [int, ValueError, int]
    assert _names(ledger) == ["a", "b"]


def test_a_change_that_comes_alone_and_fails_is_undone(ledger: Ledger) -> None:
    assert [type(end) for end in commit(ledger, _refuse)] == [ValueError]
    assert _names(ledger) == []


def test_on_a_full_disk_nobody_in_the_group_is_told_that_it_is_kept(ledger: Ledger) -> None:
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count={pages + 4}")
    ends = commit(ledger, _put("a"), _put("large", 10_000_000), _put("b"))
    assert [type(end) for end in ends] == [DiskFull] * 3
    assert _names(ledger) == []
    assert [type(end) for end in commit(ledger, _put("c"))] == [int]


def test_changes_that_come_together_share_a_commit(ledger: Ledger, commits: list[datetime]) -> None:
    assert commit(ledger, *(_put(str(n)) for n in range(9))) == list(range(1, 10))
    assert len(commits) == 1
    assert _names(ledger) == [str(n) for n in range(9)]


def _orphan(tx: Tx) -> int:
    """A change that only the commit finds wrong."""
    tx.run("PRAGMA defer_foreign_keys=ON")
    return tx.insert("gig", client=99, number=1, state="open", craft="x", currency="EUR", created=tx.now)


def test_a_crowd_is_written_in_groups_that_wait_for_nobody(
    ledger: Ledger, commits: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "GROUP_SECONDS", 3600.0)  # so that whoever waited would hang
    assert len(commit(ledger, *(_put(str(n)) for n in range(3 * FULL)))) == 3 * FULL
    assert len(commits) == 3


def test_nobody_is_told_that_it_is_kept_where_the_commit_failed(ledger: Ledger) -> None:
    ends = commit(ledger, _put("a"), _orphan, _refuse)
    assert [type(end) for end in ends] == [sqlite3.IntegrityError] * 3
    assert _names(ledger) == []
    assert [type(end) for end in commit(ledger, _put("b"))] == [int]
    assert _names(ledger) == ["b"]


def test_what_is_written_stays_though_who_waits_goes_away(ledger: Ledger) -> None:
    """And of what failed, asyncio prints nothing into the user's terminal."""
    printed: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: printed.append(context))
        writer = Writer(ledger)
        waiting = [asyncio.create_task(writer.commit(change)) for change in (_put("a"), _refuse)]
        await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
        await writer.commit(_put("b"))
        assert all(one.cancelled() for one in waiting)
        writer.close()

    asyncio.run(main())
    gc.collect()
    assert _names(ledger) == ["a", "b"]
    assert printed == []


def test_closing_does_not_wait(ledger: Ledger, commits: list[datetime]) -> None:
    async def main() -> None:
        writer = Writer(ledger)
        writer.close()
        assert commits == []
        one = asyncio.create_task(writer.commit(_put("a")))
        await asyncio.sleep(0)
        writer.close()
        assert _names(ledger) == ["a"]
        assert await one == 1
        count = len(commits)
        await asyncio.sleep(0.05)
        assert len(commits) == count  # nothing comes after: there is nothing left to write

    asyncio.run(main())


def test_the_loop_goes_on_while_the_disk_writes(ledger: Ledger) -> None:
    """And who looks into the ledger meanwhile waits, and finds what was written."""
    began, go_on = threading.Event(), threading.Event()

    class Slow(Ledger):
        def _commit(self) -> None:
            began.set()
            assert go_on.wait(10)
            super()._commit()

    async def main() -> None:
        with closing(Slow(ledger.path, connect(ledger.path), clock.now)) as slow:
            writer = Writer(slow)
            one = asyncio.create_task(writer.commit(_put("a")))
            while not began.is_set():
                await asyncio.sleep(0.001)
            two = asyncio.create_task(writer.commit(_put("b")))
            await asyncio.sleep(0.05)
            assert not one.done()
            threading.Timer(0.05, go_on.set).start()
            assert _names(slow) == ["a"]
            assert await one
            writer.close()
            assert await two
            assert _names(slow) == ["a", "b"]

    asyncio.run(main())


def test_changes_that_come_while_the_disk_writes_are_one_group(ledger: Ledger, commits: list[datetime]) -> None:
    async def main() -> list[int]:
        writer = Writer(ledger)

        async def twice(name: str) -> int:
            await writer.commit(_put(name))
            return await writer.commit(_put(f"{name}{name}"))

        found = await asyncio.gather(*(twice(str(n)) for n in range(9)))
        writer.close()
        return found

    asyncio.run(main())
    assert len(commits) == 2
    assert len(_names(ledger)) == 18


# --- the pool ---

Job = Callable[[], Awaitable[None]]


class Day:
    """A pool whose jobs are functions, and how often it told of a stop."""

    def __init__(self, *streams: Iterable[Job], size: int = 1, grace: float = 30.0) -> None:
        self.told = 0
        self.pool: Pool[Job] = Pool(size, lambda job: job(), self._tell, grace, ahead=0)
        self.streams = streams

    def _tell(self) -> None:
        self.told += 1

    def live(self) -> None:
        asyncio.run(asyncio.wait_for(self.pool.run(map(_each, self.streams)), 20))


async def _each(jobs: Iterable[Job]) -> AsyncIterator[Job]:
    for job in jobs:
        yield job


async def _nothing() -> None:
    return


async def _for_ever() -> None:
    await asyncio.Event().wait()


def test_every_job_is_done_and_so_many_at_once() -> None:
    now, most, done = 0, 0, 0

    async def work() -> None:
        nonlocal now, most, done
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now, done = now - 1, done + 1

    Day([work] * 10, size=3).live()
    assert (most, done) == (3, 10)


def test_no_streams_are_no_work() -> None:
    day = Day()
    day.live()
    assert (day.told, day.pool.interrupted) == (0, False)


def test_a_slow_stream_holds_up_no_other() -> None:
    others_are_done = asyncio.Event()

    async def slow() -> None:
        await others_are_done.wait()

    async def last() -> None:
        others_are_done.set()

    Day([slow], [_nothing] * 50 + [last]).live()
    assert others_are_done.is_set()


def test_what_a_worker_raised_is_raised_after_the_others_have_finished() -> None:
    done: list[str] = []

    async def broken() -> None:
        await asyncio.sleep(0.01)  # so that the other has begun
        raise RuntimeError("first")

    async def in_flight() -> None:
        await asyncio.sleep(0.02)
        done.append("in flight")
        raise RuntimeError("second")

    async def later() -> None:
        done.append("later")

    day = Day([broken, in_flight, later], size=2, grace=0.001)  # the grace is for who presses Ctrl-C
    with pytest.raises(RuntimeError, match="first"):
        day.live()
    assert done == ["in flight"]
    assert (day.pool.interrupted, day.told) == (False, 0)


def _interrupt(number: signal.Signals = signal.SIGINT) -> Job:
    async def kill() -> None:
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.02)

    return kill


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_stop_lets_work_finish(number: signal.Signals) -> None:
    done: list[str] = []

    async def finish() -> None:
        await asyncio.sleep(0.05)
        done.append("finished")

    async def later() -> None:
        done.append("later")

    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)  # who runs the tests may have it ignored
    try:
        day = Day([_interrupt(number), later], [finish, later])
        day.live()
        assert signal.getsignal(number) == usual
    finally:
        signal.signal(number, before)
    assert done == ["finished"]
    assert (day.told, day.pool.interrupted, day.pool.abandoned) == (1, True, False)


def test_who_is_to_outlive_the_terminal_does() -> None:
    done: list[str] = []

    async def later() -> None:
        done.append("later")

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        day = Day([_interrupt(signal.SIGHUP), later])
        day.live()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (done, day.pool.interrupted) == (["later"], False)


def test_the_second_stop_does_not() -> None:
    async def twice() -> None:
        await _interrupt()()
        await _interrupt()()

    day = Day([twice], [_for_ever])
    day.live()
    assert (day.told, day.pool.abandoned) == (1, True)


def test_the_second_stop_waits_for_no_stream_that_hangs_in_its_end() -> None:
    async def twice() -> None:
        await _interrupt()()
        await _interrupt()()

    async def stream() -> AsyncIterator[Job]:
        yield twice
        try:
            await _for_ever()
        finally:
            await _for_ever()

    pool: Pool[Job] = Pool(1, lambda job: job(), lambda: None)
    asyncio.run(asyncio.wait_for(pool.run([stream()]), 10))
    assert pool.abandoned


def test_the_second_stop_ends_more_jobs_than_there_are_workers() -> None:
    async def twice() -> None:
        await asyncio.sleep(0.02)  # so that all the others have begun, and the stream waits for a place
        await _interrupt()()
        await _interrupt()()

    day = Day([twice, *[_for_ever] * 4], size=2)
    day.live()
    assert (day.told, day.pool.abandoned) == (1, True)


def test_work_that_does_not_finish_has_its_grace_and_no_more() -> None:
    day = Day([_interrupt()], [_for_ever], grace=0.05)
    day.live()
    assert (day.told, day.pool.abandoned) == (1, True)


def test_a_worker_that_others_cancel_is_cancelled() -> None:
    """It does not look as if its stream had been done."""
    workers: list[asyncio.Task[None]] = []

    async def cancelled() -> None:
        worker = asyncio.current_task()
        assert worker is not None
        workers.append(worker)
        worker.cancel()
        await asyncio.sleep(0)

    Day([cancelled]).live()
    assert workers[0].cancelled()


def test_a_pause_ends_by_itself_or_with_the_pool() -> None:
    async def main() -> tuple[float, float]:
        pool: Pool[None] = Pool(1, lambda _: _nothing(), lambda: None)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await pool.pause(0.02)
        slept = loop.time() - began
        loop.call_later(0.02, pool.stop)
        await pool.pause(20)
        return slept, loop.time() - began - slept

    slept, woken = asyncio.run(main())
    assert 0.01 < slept < 10
    assert 0.01 < woken < 10


def test_pieces_of_a_job_are_done_together_and_abandoned_with_it() -> None:
    ended: list[bool] = []

    async def endless() -> None:
        try:
            await _for_ever()
        finally:
            ended.append(True)

    async def main() -> list[int]:
        pool: Pool[None] = Pool(1, lambda _: _nothing(), lambda: None)
        barrier = asyncio.Barrier(3)

        async def piece(n: int) -> int:
            await barrier.wait()
            return n

        found = await pool.together(piece(n) for n in range(3))
        whole = asyncio.create_task(pool.together([endless()]))
        await asyncio.sleep(0.01)
        whole.cancel()
        await asyncio.wait([whole])
        assert whole.cancelled()
        return found

    assert asyncio.run(main()) == [0, 1, 2]
    assert ended == [True]
