"""The only place that starts asyncio tasks: workers over a stream of jobs, and a writer that commits in groups."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from gigctl.ledger.store import Ledger, Tx

__all__ = ["GRACE_SECONDS", "Pool", "Writer"]

Job = TypeVar("Job")
Result = TypeVar("Result")
GRACE_SECONDS = 10.0
"""How long calls in flight may finish after the first Ctrl-C (DESIGN, promise 2)."""
GROUP_SECONDS = 0.004
"""How long the first change of a group waits for others: about one commit's own time on a good disk."""


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Writer:
    """The ledger's one writer in this process: changes that come within a few milliseconds share a durable commit."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: deque[tuple[Callable[[Tx], object], asyncio.Future[object]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def commit(self, change: Callable[[Tx], Result]) -> Result:
        """What the change returns, once it is durable. An error of the change undoes it alone."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((change, done))  # type: ignore[arg-type]
        if self._timer is None:
            self._timer = loop.call_later(GROUP_SECONDS, self.flush)
        # What is being written is not undone by who waits for it going away.
        return await asyncio.shield(done)

    def flush(self) -> None:
        """Commits what waits now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        group, self._waiting = list(self._waiting), deque()
        if not group:
            return
        ends: list[tuple[asyncio.Future[object], object, BaseException | None]] = []
        try:
            with self._ledger.writing() as tx:
                for change, done in group:
                    try:
                        with tx.savepoint():
                            ends.append((done, change(tx), None))
                    except Exception as error:
                        if tx.is_spoiled_by(error):
                            raise
                        ends.append((done, None, error))
        except Exception as error:  # noqa: BLE001  # whatever it is, the group is undone, and each caller is told
            ends = [(done, None, error) for _, done in group]
        for done, result, failure in ends:
            if failure is None:
                done.set_result(result)
            else:
                done.set_exception(failure)
                done.exception()  # seen: asyncio would print it where who waited has gone away


class Pool(Generic[Job]):
    """Runs `work(job)` for streams of jobs, so many at once of each, so that a slow stream holds up no other. The first
    stop lets work finish, the second does not. `told` hears of the first."""

    def __init__(
        self, size: int, work: Callable[[Job], Awaitable[None]], told: Callable[[], None], grace: float = GRACE_SECONDS
    ) -> None:
        self._size = size
        self._work = work
        self._told = told
        self._grace = grace
        self._workers: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        self.stopping = asyncio.Event()
        self.interrupted = False
        self.abandoned = False

    async def run(self, streams: Iterable[Iterable[Job]]) -> None:
        """Until the jobs are done, or stopped. Raises what a worker raised."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            shared = [iter(stream) for stream in streams]
            self._workers = [asyncio.create_task(self._worker(each)) for each in shared for _ in range(self._size)]
            if self._workers:
                await asyncio.wait(self._workers)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """The first time: nothing new is begun, and what is in flight has some seconds. The second time: abandoned."""
        if self.interrupted:
            self._abandon()
            return
        self.interrupted = True
        self.stopping.set()
        asyncio.get_running_loop().call_later(self._grace, self._abandon)
        self._told()

    def _abandon(self) -> None:
        self.abandoned = True
        for worker in self._workers:
            worker.cancel()

    async def _worker(self, stream: Iterable[Job]) -> None:
        try:
            for job in stream:
                if self.stopping.is_set():
                    return
                await self._work(job)
        except asyncio.CancelledError:
            if not self.abandoned:
                raise
        except Exception as error:  # noqa: BLE001  # kept for `run`, which raises it
            self._failure = self._failure or error
            self.stopping.set()

    async def together(self, works: Iterable[Awaitable[Result]]) -> list[Result]:
        """What several pieces of one job return, done at once; they are abandoned with it."""
        return list(await asyncio.gather(*works))

    async def pause(self, seconds: float) -> None:
        """Sleeps, but wakes when the pool is stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            pass
