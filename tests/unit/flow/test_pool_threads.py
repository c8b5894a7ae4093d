"""The pool's two threads: one reads ahead of the work, one writes behind it. Neither holds up a call, or the end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gigctl.flow.pool import Ahead, Outlet


def groups(items: Iterator[Any], most: int = 4, largest: int = 3, pause: float = 0.0) -> list[list[Any]]:
    """What comes of a blocking iterator, by someone who takes `pause` seconds for each group."""

    async def main() -> list[list[Any]]:
        found = []
        async for group in Ahead(items, most).groups(largest):
            found.append(group)
            await asyncio.sleep(pause)
        return found

    return asyncio.run(main())


def flat(found: list[list[Any]]) -> list[Any]:
    return [item for group in found for item in group]


# --- ahead ---


@pytest.mark.parametrize("most", [1, 2, 7, 1000])
@pytest.mark.parametrize("largest", [1, 3, 1000])
def test_all_come_in_order_and_no_group_is_empty_or_too_large(most: int, largest: int) -> None:
    found = groups(iter(range(500)), most, largest)
    assert flat(found) == list(range(500))
    assert {1 <= len(group) <= min(most, largest) for group in found} == {True}


def test_nothing_is_no_group() -> None:
    assert groups(iter(())) == []


def test_what_is_there_is_not_held_back_for_what_is_not() -> None:
    """The producer waits for its first item to be worked on before it makes the second."""
    worked = threading.Event()

    def slowly() -> Iterator[int]:
        yield 1
        assert worked.wait(10)
        yield 2

    async def main() -> list[list[int]]:
        found = []
        async for group in Ahead(slowly(), 100).groups(100):
            found.append(group)
            worked.set()
        return found

    assert asyncio.run(main()) == [[1], [2]]


def test_a_slow_producer_holds_up_nobody_else() -> None:
    def slowly() -> Iterator[int]:
        for n in range(3):
            time.sleep(0.05)
            yield n

    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.create_task(tick())
        assert [item async for group in Ahead(slowly(), 4).groups(4) for item in group] == [0, 1, 2]
        ticking.cancel()
        return ticks

    assert asyncio.run(main()) > 20


def test_no_more_is_read_ahead_than_was_said() -> None:
    taken, most = [0], [0]

    def counting() -> Iterator[int]:
        for n in range(60):
            most[0] = max(most[0], n - taken[0])
            yield n

    async def main() -> None:
        async for group in Ahead(counting(), 5).groups(2):
            await asyncio.sleep(0.001)
            taken[0] += len(group)

    asyncio.run(main())
    # Five wait, two are in hand, one is made and not yet put down.
    assert 5 <= most[0] <= 8


def test_what_the_iterator_raised_comes_after_what_it_brought() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise RuntimeError("line 3")

    found: list[int] = []

    async def main() -> None:
        async for group in Ahead(failing(), 10).groups(1):
            found.extend(group)
            await asyncio.sleep(0.01)

    with pytest.raises(RuntimeError, match="line 3"):
        asyncio.run(main())
    assert found == [1, 2]


def test_how_many_there_are_is_known_at_the_end() -> None:
    async def main() -> None:
        ahead = Ahead(iter(range(10)), 100)
        async for _ in ahead.groups(100):
            pass
        assert (ahead.count, ahead.ended) == (10, True)

    asyncio.run(main())


HANGS = """
import asyncio, sys, threading
from gigctl.flow.pool import Ahead

def hanging():
    yield "read"
    {hang}

async def main():
    async for group in Ahead(hanging(), 4).groups(4):
        print(group[0], flush=True)
        return

asyncio.run(main())
"""


@pytest.mark.parametrize("hang", ["threading.Event().wait()", "import os; os.read(0, 1)"])
def test_a_reader_that_hangs_does_not_keep_the_process(hang: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGS.format(hang=hang)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == (b"read\n", b"")


def test_a_reader_whose_loop_is_gone_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    go, before = threading.Event(), threading.active_count()

    def late() -> Iterator[int]:
        yield 1
        go.wait(10)
        yield 2

    async def main() -> None:
        async for _ in Ahead(late(), 4).groups(4):
            return

    asyncio.run(main())
    assert threading.active_count() == before + 1
    go.set()
    _until(lambda: threading.active_count() == before)
    assert capfd.readouterr() == ("", "")


# --- outlet ---


def put(write: Callable[[int], None], *items: int, then: Exception | None = None) -> None:
    """Puts items, and ends, or raises."""
    with Outlet(write) as outlet:
        for item in items:
            outlet.put(item)
        if then is not None:
            raise then


def test_items_are_written_in_order_and_all_by_the_end() -> None:
    written: list[int] = []

    def write(item: int) -> None:
        time.sleep(0.0002)
        written.append(item)

    put(write, *range(200))
    assert written == list(range(200))


def test_a_slow_writer_holds_up_nobody_and_shows_how_much_waits() -> None:
    go = threading.Event()
    with Outlet(lambda _: go.wait(10)) as outlet:
        began = time.monotonic()
        for n in range(1000):
            outlet.put(n)
        assert time.monotonic() - began < 5
        assert outlet.pending >= 998  # one is in the writer's hands
        go.set()
        _until(lambda: outlet.pending == 0)


def _failing_at(bad: int, seen: list[int]) -> Callable[[int], None]:
    def write(item: int) -> None:
        seen.append(item)
        if item == bad:
            raise BrokenPipeError("nobody reads")

    return write


def test_what_the_writer_raised_is_raised_where_the_next_is_put() -> None:
    seen: list[int] = []
    begun: list[int] = []

    def items() -> Iterator[int]:
        for n in range(1000):
            begun.append(n)
            yield n
            time.sleep(0.01)

    def work() -> None:
        with Outlet(_failing_at(3, seen)) as outlet:
            for item in items():
                outlet.put(item)

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        work()
    assert seen == [0, 1, 2, 3]
    assert len(begun) < 1000


def test_what_the_writer_raised_last_is_raised_at_the_end() -> None:
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        put(_failing_at(0, []), 0)


def test_after_a_failure_nothing_more_is_written() -> None:
    seen: list[int] = []
    with pytest.raises(BrokenPipeError):
        put(_failing_at(0, seen), *range(10))
    assert seen == [0]


def test_an_error_of_the_block_is_not_hidden_by_the_writers() -> None:
    with pytest.raises(KeyError, match="the first"):
        put(_failing_at(0, []), 0, then=KeyError("the first"))


def test_what_was_put_before_an_error_is_written() -> None:
    seen: list[int] = []
    with pytest.raises(KeyError):
        put(_failing_at(-1, seen), *range(10), then=KeyError())
    assert seen == list(range(10))


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)
