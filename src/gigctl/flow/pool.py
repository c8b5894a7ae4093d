"""The only place that starts asyncio tasks: workers over a stream of jobs, and a writer that commits in groups."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar
from weakref import WeakKeyDictionary

from msgspec import Struct

from gigctl.ledger.store import Ledger, Tx

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["AHEAD", "FULL", "GRACE_SECONDS", "Ahead", "Outlet", "Pool", "Writer"]

Job = TypeVar("Job")
Item = TypeVar("Item")
Result = TypeVar("Result")
GRACE_SECONDS = 10.0
"""How long calls in flight may finish after the first Ctrl-C (DESIGN, promise 2)."""
AHEAD = 32
"""How many jobs are begun (their intent is on disk) before one of them can be sent: about the rate times the time that
a commit takes. Each of them is `unknown` when the machine dies; docs/performance.md has the curve."""
GROUP_SECONDS = 0.01
"""How long a commit is followed by none: what comes meanwhile is grouped. The first change after a rest waits for
nobody."""
SOON_SECONDS = 0.001
"""How long that one waits, for those that come with it."""
FULL = 16
"""Changes of one commit: so many wait for no others. A larger group would hold up what could be sent meanwhile."""


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Change = tuple[Callable[[Tx], object], asyncio.Future[object]]
_End = tuple[object, Exception | None]


class _Landing(Struct):
    """A group on its way to the disk."""

    future: Future[None]
    group: Collection[_Change] = ()
    results: Collection[object] = ()


class Writer:
    """The ledger's one writer in this process: changes that come within a few milliseconds share a durable commit.

    They are carried out in the loop's thread, and go to disk in another one: meanwhile calls are sent and read.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: deque[_Change] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._disk: ThreadPoolExecutor | None = None
        self._landing: _Landing | None = None
        self._last = 0.0  # when the last group was on disk, by the loop's clock

    async def commit(self, change: Callable[[Tx], Result]) -> Result:
        """What the change returns, once it is durable. An error of the change undoes it alone, for which it may be
        carried out a second time."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, done))  # type: ignore[arg-type]
        if len(self._waiting) == FULL:
            self._drop_timer()
        self._set_timer()
        # Whoever waits for it may go away: what is being written is written all the same.
        return await done

    def _set_timer(self) -> None:
        if self._waiting and self._timer is None and self._landing is None:
            loop = asyncio.get_running_loop()
            rest = max(SOON_SECONDS, self._last + GROUP_SECONDS - loop.time())
            self._timer = loop.call_later(rest if len(self._waiting) < FULL else 0.0, self._write)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """What waits is on disk when it returns."""
        while self._waiting or self._landing is not None:
            self._land()
            self._write()
        if self._disk is not None:
            self._disk.shutdown()

    def _write(self) -> None:
        """One transaction of what waits now. A savepoint a change costs a tenth of a batch's time, and a change that
        fails ends its run: so there is none until one fails, when all is undone and done again."""
        self._drop_timer()
        group = [self._waiting.popleft() for _ in range(min(FULL, len(self._waiting)))]
        if not group:
            return
        try:
            with self._ledger.writing(self._send_to_disk) as tx:
                results = [change(tx) for change, _ in group]
        except Exception as error:  # noqa: BLE001  # told to the one that it is of, or to all
            self._tell(group, self._write_apart(group, error))
        else:
            assert self._landing is not None  # noqa: S101
            self._landing.group, self._landing.results = group, results

    def _send_to_disk(self, commit: Callable[[], None]) -> Callable[[], object]:
        if self._disk is None:
            from concurrent.futures import ThreadPoolExecutor

            self._disk = ThreadPoolExecutor(1)
        loop = asyncio.get_running_loop()
        future = self._disk.submit(commit)
        self._landing = _Landing(future)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._land))
        return future.exception

    def _land(self) -> None:
        """Tells those whose changes are on disk, once."""
        landing, self._landing = self._landing, None
        if landing is not None:
            error = landing.future.exception()
            if error is None:
                self._tell(landing.group, [(result, None) for result in landing.results])
            elif isinstance(error, Exception):
                self._tell(landing.group, self._write_apart(landing.group, error))
            else:
                raise error
        self._set_timer()

    def _tell(self, group: Collection[_Change], ends: Collection[_End]) -> None:
        self._last = time.monotonic()
        for (_, done), (result, failure) in zip(group, ends, strict=True):
            if done.done():
                continue  # cancelled: nobody waits
            if failure is None:
                done.set_result(result)
            else:
                done.set_exception(failure)

    def _write_apart(self, group: Collection[_Change], failure: Exception) -> list[_End]:
        """What became of each, after `failure` undid them all."""
        if len(group) == 1:
            return [(None, failure)]
        ends: list[_End] = []
        try:
            with self._ledger.writing() as tx:
                for change, _ in group:
                    try:
                        with tx.savepoint():
                            ends.append((change(tx), None))
                    except Exception as error:
                        if tx.is_spoiled_by(error):
                            raise
                        ends.append((None, error))
        except Exception as error:  # noqa: BLE001  # whatever it is, the group is undone, and each caller is told
            return [(None, error)] * len(group)
        return ends


class Pool(Generic[Job]):
    """Runs `work(job)` for streams of jobs, `size` and some `ahead` of each, so that a slow stream holds up no other.
    The first stop lets work finish, the second does not. `told` hears of the first."""

    def __init__(
        self, size: int, work: Callable[[Job], Awaitable[None]], told: Callable[[], None], grace: float = GRACE_SECONDS,
        ahead: int = AHEAD,
    ) -> None:  # fmt: skip
        self._size = size + ahead
        self._work = work
        self._told = told
        self._grace = grace
        self._feeders: list[asyncio.Task[None]] = []
        self._workers: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        self.stopping = asyncio.Event()
        self.interrupted = False
        self.abandoned = False

    async def run(self, streams: Iterable[AsyncIterator[Job]]) -> None:
        """Until the jobs are done, or stopped. Raises what a stream or a worker raised."""
        loop = asyncio.get_running_loop()
        self._feeders, self._workers = [], []
        # Who starts it with nohup wants it to outlive the terminal.
        stops = [number for number in _SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
        for number in stops:
            loop.add_signal_handler(number, self.stop)
        try:
            for stream in streams:
                # Held at one: a job that waits here is in no worker's hands, so that a stop need not put it back.
                jobs: asyncio.Queue[Job | None] = asyncio.Queue(1)
                workers = [asyncio.create_task(self._worker(jobs)) for _ in range(self._size)]
                self._feeders.append(asyncio.create_task(self._feed(stream, jobs)))
                self._workers += workers
            if self._workers:
                await asyncio.wait([*self._feeders, *self._workers])
        finally:
            for number in stops:
                loop.remove_signal_handler(number)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """The first time: nothing new is begun, and what is in flight has some seconds. The second time: abandoned."""
        if self.interrupted:
            self._abandon()
            return
        self.interrupted = True
        self._begin_nothing_more()
        asyncio.get_running_loop().call_later(self._grace, self._abandon)
        self._told()

    def _begin_nothing_more(self) -> None:
        """A stream may wait for long, for a pipe that nobody writes to: nobody waits for it."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        for feeder in self._feeders:
            feeder.cancel()

    def _abandon(self) -> None:
        self.abandoned = True
        for worker in (*self._feeders, *self._workers):
            worker.cancel()

    async def _feed(self, stream: AsyncIterator[Job], jobs: asyncio.Queue[Job | None]) -> None:
        """Hands the stream's jobs on, and at its end, or when the pool is stopped, sends the workers home."""
        with self._kept():
            try:
                async for job in stream:
                    await jobs.put(job)
            except asyncio.CancelledError:
                if self.abandoned:
                    raise
            finally:
                await self._send_home(jobs)

    async def _send_home(self, jobs: asyncio.Queue[Job | None]) -> None:
        """The stream's end, which each worker hands on; a stop that comes now must not keep it from them."""
        while True:
            try:
                await jobs.put(None)
            except asyncio.CancelledError:
                if self.abandoned:
                    raise
            else:
                return

    async def _worker(self, jobs: asyncio.Queue[Job | None]) -> None:
        with self._kept():
            while (job := await jobs.get()) is not None:
                if not self.stopping.is_set():
                    with self._kept():  # who failed goes on taking jobs, undone: nobody must wait for a place
                        await self._work(job)
                if self.abandoned:
                    return  # its stream may be gone as well: nobody would send it home
            jobs.put_nowait(None)

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """What goes wrong is kept for `run`, which raises it when what is in flight has ended: that may be paid."""
        try:
            yield
        except asyncio.CancelledError:
            if not self.abandoned:
                raise
        except Exception as error:  # noqa: BLE001  # raised by `run`
            self._failure = self._failure or error
            self._begin_nothing_more()

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


_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def at_once(works: Iterable[Callable[[], Awaitable[Result]]]) -> list[Result]:
    """What they return, in order; as many are at work as there are cores, whoever else asks for more at the time.
    Where one fails the others are cancelled."""
    loop = asyncio.get_running_loop()
    places = _places.setdefault(loop, asyncio.Semaphore(os.cpu_count() or 1))

    async def work(one: Callable[[], Awaitable[Result]]) -> Result:
        async with places:
            return await one()

    tasks = [asyncio.ensure_future(work(one)) for one in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Ahead(Generic[Item]):
    """A blocking iterator, read ahead in a thread of its own: `groups` yields what has come so far, as it comes.

    The thread is nobody's to wait for: a program that ends while it hangs in a read ends all the same. `count` are the
    items that were read, all of them once it has `ended`.
    """

    def __init__(self, items: Iterator[Item], most: int) -> None:
        self._items = items
        self._most = most
        self._read: deque[Item] = deque()
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self.count = 0
        self.ended = False

    async def groups(self, largest: int) -> AsyncIterator[list[Item]]:
        """Lists of at most `largest` items, none empty. Raises what the iterator raised, after what it brought."""
        loop, come, ended = asyncio.get_running_loop(), asyncio.Event(), False
        threading.Thread(target=self._run, args=(loop, come), daemon=True).start()
        while not ended:
            await come.wait()
            with self._changed:
                group = [self._read.popleft() for _ in range(min(largest, len(self._read)))]
                ended = self.ended and not self._read
                if not (self.ended or self._read):
                    come.clear()
                self._changed.notify()
            if group:
                yield group
        if self._failure is not None:
            raise self._failure

    def _run(self, loop: asyncio.AbstractEventLoop, come: asyncio.Event) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._changed.wait_for(lambda: len(self._read) < self._most)
                    self._read.append(item)
                    self.count += 1
                    first = len(self._read) == 1
                if first:
                    loop.call_soon_threadsafe(come.set)
        except Exception as error:  # noqa: BLE001  # the reader raises it
            self._failure = error
        with self._changed:
            self.ended = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(come.set)


class Outlet(Generic[Item]):
    """Hands items to a blocking `write` in a thread of its own, in order, so that who reads slowly holds up no call.

    `pending` are those that nobody took yet: who brings more waits for them to be few. What `write` raised is raised by
    the next `put`, or by the end of the block.
    """

    def __init__(self, write: Callable[[Item], None]) -> None:
        self._write = write
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def pending(self) -> int:
        return self._items.qsize()

    def put(self, item: Item) -> None:
        if self._failure is not None:
            raise self._failure
        self._items.put(item)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._items.put(None)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            if self._failure is None:
                try:
                    self._write(item)
                except Exception as error:  # noqa: BLE001  # raised where the next one is put
                    self._failure = error
