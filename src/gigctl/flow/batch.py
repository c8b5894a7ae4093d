"""`batch`: the rows of a file, each a job, each a line of answer as soon as it is at rest. Streams both ways.

What is done is found in the ledger by a row's id, so that the same file again does only what is not done.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.errors import DiskFull, GateError, TemporaryError, UsageError
from gigctl.flow import policy
from gigctl.flow.asking import view_of_new
from gigctl.flow.current import is_passing
from gigctl.flow.dependents import void
from gigctl.flow.desk import Desk
from gigctl.flow.dispatch import Collector, Fresh, Opened, Opening
from gigctl.flow.jobs import Asked, BadJob, Job, get_id, make_job
from gigctl.flow.planning import Planned, open_new, open_planned, plan_task
from gigctl.flow.pool import Ahead, Outlet
from gigctl.flow.resting import Rested
from gigctl.flow.results import Line, line_of, line_of_made, load_line
from gigctl.flow.rowpages import RowPages
from gigctl.flow.rows import BadRow, Row, Rows
from gigctl.flow.run import RunResult, finish_result, with_what_is_kept
from gigctl.flow.runoptions import SILENT, Notices, RunOptions
from gigctl.flow.steps import Review, Wait
from gigctl.ledger import clients, gigs, job_rows, jobs, runs, tasks
from gigctl.ledger.store import Tx
from gigctl.model import CheckSpec, Reference
from gigctl.records import ClientRecord, GigRecord, TaskRecord

__all__ = ["Batch", "BatchOptions", "carry_out_batch", "find_gig", "open_batch", "plan_row"]

READ_AHEAD = 256
"""Rows that are read before somebody works on them."""
WINDOW = 1024
"""Rows that may be under way, or done and waiting for one before them, where they are to come out in order."""
LOOK_SECONDS = 0.2
"""How long nothing comes out before it is asked why."""
SHOWN = 100
"""Ends that are kept, for the one that is told at the end."""
FORMULA = CheckSpec("spreadsheet-formula", "spreadsheet-formula")


class BatchOptions(Struct, frozen=True):
    """What `batch` was asked for beside the rows. `path` is the file's, None for standard input; `gig` a reference or a
    name; `csv`: the answer is read by a spreadsheet."""

    client: str = ""
    gig: str = ""
    path: Path | None = None
    ordered: bool = False
    prune: bool = False
    limit: int | None = None
    csv: bool = False


class Batch(Struct, frozen=True):
    """The gig of a batch, and who is asked."""

    gig: GigRecord
    client: ClientRecord
    is_new: bool
    chain: tuple[str, ...]


# --- its gig ---


def open_batch(desk: Desk, asked: Asked, options: BatchOptions, run: RunOptions, default: Sequence[str]) -> Batch:
    """The gig that is named or belongs to the file, made where there is none. Raises UsageError, PolicyError."""
    with desk.ledger.writing() as tx:
        client = clients.get_client(tx, options.client or "me")
        known = find_gig(tx, client.id, options)
        gig = known or _make_gig(tx, client, options, asked)
        client = clients.get_client_by_id(tx, gig.client_id)
        chain = run.agents or gig.agents or tuple(default)
        policy.check_chain(client, chain, desk.agents)
        if gig.state == "closed":
            raise UsageError(f"{gig.ref} is closed", f"gigctl gig edit {gig.ref} --state open")
        if options.csv and FORMULA.name not in {spec.name for spec in gig.checks}:
            gig = gigs.edit_gig(tx, gig, checks=(*gig.checks, FORMULA))
    return Batch(gig, client, known is None, chain)


def find_gig(tx: Tx, client: int, options: BatchOptions) -> GigRecord | None:
    """The gig of a batch that was run before, or that is named. Raises UsageError."""
    reference = Reference.parse(options.gig) if options.gig else None
    if reference is not None and reference.gig is not None:
        if reference.task is not None:
            raise UsageError(f"--gig {options.gig} is a task: name its gig")
        return gigs.get_gig(tx, reference)
    known = jobs.find_batch(tx, client, jobs.job_key(_place(options))) if _place(options) else None
    return None if known is None else gigs.get_gig_by_id(tx, known)


def _place(options: BatchOptions) -> str:
    """What a batch is found again by; nothing where it never is."""
    return f"name {options.gig}" if options.gig else f"path {options.path}" if options.path else ""


def _make_gig(tx: Tx, client: ClientRecord, options: BatchOptions, asked: Asked) -> GigRecord:
    title = options.gig or (options.path.name if options.path else "batch")
    gig = gigs.add_gig(
        tx, client, craft=asked.craft or "writing", title=title, source_language=asked.source_language,
        targets=(asked.target,) if asked.target else (),
    )  # fmt: skip
    if place := _place(options):
        jobs.add_batch(tx, client.id, jobs.job_key(place), gig.id)
    return gig


# --- the work ---


def carry_out_batch(
    desk: Desk, batch: Batch, rows: Rows, asked: Asked, options: BatchOptions, run: RunOptions,
    write: Callable[[Line], None], progress: Callable[[RunResult], None], notices: Notices = SILENT,
) -> RunResult:  # fmt: skip
    """Every row a line to `write`, which may block, in the order in which they end, or as they stand. Safe to stop and
    to run again."""
    runs.recover(desk.ledger)
    with runs.Run(desk.ledger, run.max_cost) as own, Outlet(write) as outlet:
        result = RunResult(own.id, 0, "the same command")
        work = _Work(desk, batch, rows, asked, options, run, outlet, progress, result)
        collector = work.collector = Collector(desk, own, run, work.rested, notices)
        gc.freeze()
        try:
            asyncio.run(collector.dispatch({batch.chain[0]: work.openings()}))
        except DiskFull as error:
            raise with_what_is_kept(desk, own, result, error) from error
        if options.prune and not collector.is_stopping:
            work.prune()
    finish_result(desk, result, collector)
    return result


def plan_row(tx: Tx, task: TaskRecord, run: RunOptions, chain: Sequence[str]) -> Planned | str:
    """As `run` does; but what has a draft that passes is done, whoever is asked now."""
    if task.state == "review" and not run.fresh:
        passing = is_passing(tx, task)
        if passing:
            return "waiting for you (gigctl queue)"
        if run.retry_failed and passing is False:
            run = replace(run, fresh=True)
    return plan_task(tx, task, run, chain)


class _Place(Struct):
    """A row under way: what its line repeats of it, and where in the file it stands."""

    n: int
    id: str
    line: int
    cells: tuple[str, ...]
    kept: jobs.Place | None = None  # of a row that can be read


@dataclass
class _Work:
    """One batch under way."""

    desk: Desk
    batch: Batch
    rows: Rows
    asked: Asked
    options: BatchOptions
    run: RunOptions
    outlet: Outlet[Line]
    progress: Callable[[RunResult], None]
    result: RunResult
    collector: Collector = field(init=False)
    places: dict[int, _Place] = field(default_factory=dict)  # by task
    waiting: dict[int, Line] = field(default_factory=dict)  # ended before one that stands before them, by its place
    next_out: int = 0
    counted: set[int] = field(default_factory=set)  # where --limit counts: the places of the rows that are worked on
    whole: bool = True  # every row could be read

    def __post_init__(self) -> None:
        self._moved = asyncio.Event()
        self._ahead = Ahead(self.rows.each, READ_AHEAD)

    # --- in ---

    async def openings(self) -> AsyncIterator[Opening]:
        n, pages = 0, RowPages(self.batch.gig, self.options.path, self.collector.run.id, self.rows.head)
        async for group in self._ahead.groups(READ_AHEAD):
            self._count()
            for row, kept in zip(group, pages.places(group), strict=True):
                await self._wait_for_room(n)
                opening = self._opening(n, row, kept)
                n += 1
                if opening is not None:
                    yield opening

    async def _wait_for_room(self, n: int) -> None:
        """Who reads slowly is waited for. Where lines are to come out in order, one slow row must not let thousands
        pile up behind it."""
        while self.outlet.pending > READ_AHEAD:  # noqa: ASYNC110  # a thread empties it, which knows no loop
            await asyncio.sleep(0.02)
        while self.options.ordered and n - self.next_out >= WINDOW:
            self._moved.clear()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._moved.wait()
            except TimeoutError:
                self._pass_over()

    def _pass_over(self) -> None:
        """The row that all wait for, where another run has it: that one is looked at again when all others are done,
        which would be never. It gets its line as it stands."""
        found = next((item for item in self.places.items() if item[1].n == self.next_out), None)
        if found is None or not self.collector.is_put_off(found[0]):
            return
        id_, place = found
        del self.places[id_]
        with self.desk.ledger.reading() as tx:
            task = tasks.get_task_by_id(tx, id_)
            planned = plan_row(tx, task, self.run, self.batch.chain)
            done = replace(load_line(tx, place.id, task, planned), cached=True) if isinstance(planned, str) else None
        if done is None:
            self.result.codes.add(TemporaryError.exit_code)
        self._out(place, done or Line(place.id, "not run", "another run works on it"))

    def _opening(self, n: int, row: Row | BadRow, kept: jobs.Place | None) -> Opening | None:
        place = _Place(n, "", row.line, row.cells, kept)
        try:
            if isinstance(row, BadRow):
                raise BadJob(row.reason)  # noqa: TRY301  # told below, with those of the jobs
            place.id = get_id(row, self.asked)
            job = make_job(row, self.asked)
        except BadJob as error:
            self.whole = False
            self._invalid(place, str(error))
            return None
        return partial(self._take_in, job=job, place=place)

    def _invalid(self, place: _Place, why: str) -> None:
        self.result.codes.add(GateError.exit_code)
        self._out(place, Line(place.id, "invalid", f"line {place.line}: {why}"))

    def _take_in(self, tx: Tx, job: Job, place: _Place) -> Opened:
        """The row's task in the ledger, with a round where there is something to do; else its line comes at once."""
        gig, run, kept = self.batch.gig, self.collector.run.id, place.kept
        assert kept is not None  # noqa: S101  # who made a job of it could read it
        found = jobs.find_job(tx, gig.id, job.key)
        if found is not None and (found.seen == run or self._is_under_way(found.task, place)):
            return partial(self._invalid, place, f"another row has the id {job.id}")
        if found is None and not self._is_over_limit(place):
            task = tasks.add_job(tx, gig, job.spec, job.craft)
            jobs.add_job(tx, gig.id, job.key, task.id, run, kept)
            self._begun(task.id, place)
            situation = open_new(tx, task, self.batch.chain, self.run, run)
            if task.input_base is not None:
                return situation
            return Fresh(situation, view_of_new(gig, self.batch.client, task, job.spec))
        if found is None:
            return partial(self._limited, place)
        jobs.see_job(tx, gig.id, job.key, run, kept, found.mark)
        self._renew(tx, tasks.get_task_by_id(tx, found.task), job)
        task = tasks.get_task_by_id(tx, found.task)
        planned = plan_row(tx, task, self.run, self.batch.chain)
        if isinstance(planned, str):
            line = replace(load_line(tx, job.id, task, planned), cached=True)
            return partial(self._out, place, line)
        if self._is_over_limit(place):
            return partial(self._limited, place)
        self._begun(task.id, place)
        return open_planned(tx, planned, self.run)

    def _begun(self, task: int, place: _Place) -> None:
        """Bears being said twice: a change that is undone with its group is done once more."""
        self.places[task] = place
        if self.options.limit is not None:
            self.counted.add(place.n)

    def _is_under_way(self, task: int, place: _Place) -> bool:
        """Whether a row before this one is at work on a task. Which run has seen it last does not tell: a later one may
        read the same file at the same time."""
        return task in self.places and self.places[task].n != place.n

    def _is_over_limit(self, place: _Place) -> bool:
        limit = self.options.limit
        return limit is not None and place.n not in self.counted and len(self.counted) >= limit

    def _limited(self, place: _Place) -> None:
        self._out(place, Line(place.id, "not run", "--limit is reached"))

    def _renew(self, tx: Tx, task: TaskRecord, job: Job) -> None:
        """A changed row is a new input of the same task; one that was pruned is back."""
        if tasks.input_sha256(job.spec.input, job.spec.own) != task.input_hash:
            void(tx, task)
            tasks.add_input(tx, tasks.owner_of(task), task.id, job.spec.input, job.spec.own)
            tasks.change_task(tx, task, job.spec, job.craft)
            tasks.set_state(tx, task.id, "ready")
        elif task.state == "cancelled":
            tasks.set_state(tx, task.id, "ready" if task.current_id is None else "review")

    # --- out ---

    def rested(self, end: Rested) -> None:
        place = self.places.pop(end.task, None)
        if place is None:  # it was passed over
            return
        if end.end == Wait("stopped") and not end.reason:
            end = replace(end, reason="; ".join(f"{name}: {why}" for name, why in self.collector.crew.stopped.items()))
        if not isinstance(end.end, Review) and len(self.result.wants) < SHOWN:
            self.result.wants.append(end)
        if end.made is not None:
            if not end.made.cached:
                self.result.took(end.made.seconds)
            line = line_of_made(place.id, end)
        else:
            with self.desk.ledger.reading() as tx:
                line = line_of(tx, place.id, end, self.collector.run.id)
        self._out(place, line)

    def _out(self, place: _Place, line: Line) -> None:
        line = replace(line, line=place.line, cells=place.cells)
        if not self.options.ordered:
            self._emit(line)
            return
        self.waiting[place.n] = line
        while (ready := self.waiting.pop(self.next_out, None)) is not None:
            self.next_out += 1
            self._emit(ready)
        self._moved.set()

    def _emit(self, line: Line) -> None:
        result = self.result
        self._count()
        result.done += 1
        result.passed += line.status == "ok"
        result.need_you += line.status == "failed check"
        result.failed += line.status in ("agent failed", "invalid")
        result.waiting += line.status in ("unknown", "not run")
        result.spent += line.cost or 0
        result.codes |= line.codes
        self.outlet.put(line)
        self.progress(result)

    def _count(self) -> None:
        ahead = self._ahead
        self.result.total = ahead.count if ahead.ended else self.rows.guess_total(ahead.count)

    def prune(self) -> None:
        """Drops what the file has no more, where all of it was read. What is signed stays."""
        if not self.whole or self.options.limit is not None:
            raise UsageError("--prune dropped nothing: not every row could be read", "mend the file, then run it again")
        with self.desk.ledger.writing() as tx:
            for task in jobs.list_unseen(tx, self.batch.gig.id, self.collector.run.id):
                if tasks.get_task_by_id(tx, task).state == "signed":
                    job_rows.lose_row(tx, task)
                    continue
                tasks.set_state(tx, task, "cancelled")
                self.result.pruned += 1
