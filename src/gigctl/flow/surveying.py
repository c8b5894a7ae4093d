"""`batch -n`: what a batch would do, found out by reading all its rows, and nothing written."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from gigctl.flow import policy
from gigctl.flow.batch import BatchOptions, find_gig, plan_row
from gigctl.flow.desk import Desk
from gigctl.flow.jobs import Asked, BadJob, Job, make_job
from gigctl.flow.planning import Bounds
from gigctl.flow.rows import BadRow, Row, Rows
from gigctl.flow.runoptions import RunOptions
from gigctl.ledger import clients, jobs, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Task
from gigctl.records import GigRecord

__all__ = ["Survey", "survey"]

SHOWN = 20
"""Bad rows that are told."""


class Survey(Struct):
    """Counts of rows. `at_most` is in picodollars, None where a price is unknown; `bad` are the first bad rows."""

    gig: str | None
    agents: tuple[str, ...]
    rows: int = 0
    new: int = 0
    changed: int = 0
    again: int = 0
    done: int = 0
    invalid: int = 0
    over_limit: int = 0
    at_most: int | None = 0
    bad: list[str] = field(default_factory=list)

    @property
    def to_do(self) -> int:
        return self.new + self.changed + self.again


def survey(
    desk: Desk, rows: Rows, asked: Asked, options: BatchOptions, run: RunOptions, default: Sequence[str]
) -> Survey:
    """Raises UsageError, PolicyError, as the batch itself would."""
    with desk.ledger.reading() as tx:
        client = clients.get_client(tx, options.client or "me")
        gig = find_gig(tx, client.id, options)
        client = clients.get_client_by_id(tx, gig.client_id) if gig else client
        chain = run.agents or (gig.agents if gig else ()) or tuple(default)
        policy.check_chain(client, chain, desk.agents)
        bounds = Bounds(desk, chain, run, client)
        found = Survey(gig.ref if gig else None, chain)
        seen: set[int] = set()  # 60 bits of each key: enough to tell a million apart, in a tenth of the memory
        for row in rows.each:
            found.rows += 1
            _count(tx, found, row, asked, gig, run, options, bounds, seen)
    return found


def _count(
    tx: Tx, found: Survey, row: Row | BadRow, asked: Asked, gig: GigRecord | None, run: RunOptions,
    options: BatchOptions, bounds: Bounds, seen: set[int],
) -> None:  # fmt: skip
    try:
        if isinstance(row, BadRow):
            raise BadJob(row.reason)  # noqa: TRY301  # counted below, with those of the jobs
        job = make_job(row, asked)
        mark = int(job.key[:15], 16)
        if mark in seen:
            raise BadJob(f"another row has the id {job.id}")  # noqa: TRY301
    except BadJob as error:
        found.invalid += 1
        if len(found.bad) < SHOWN:
            found.bad.append(f"line {row.line}: {error}")
        return
    seen.add(mark)
    kind = _kind(tx, job, gig, run, bounds.chain)
    if kind != "done" and options.limit is not None and found.to_do >= options.limit:
        kind = "over_limit"
    setattr(found, kind, getattr(found, kind) + 1)
    if kind in ("new", "changed", "again"):
        bound = bounds.of(_seen(job, gig))
        found.at_most = None if bound is None or found.at_most is None else found.at_most + bound


def _kind(tx: Tx, job: Job, gig: GigRecord | None, run: RunOptions, chain: Sequence[str]) -> str:
    known = jobs.find_job(tx, gig.id, job.key) if gig else None
    if known is None:
        return "new"
    task = tasks.get_task_by_id(tx, known.task)
    if tasks.input_sha256(job.spec.input, job.spec.own) != task.input_hash:
        return "changed"
    return "done" if isinstance(plan_row(tx, task, run, chain), str) else "again"


def _seen(job: Job, gig: GigRecord | None) -> Task:
    """The job as its craft will see it."""
    own, spec = job.spec.own, job.spec
    return Task(
        ref="", craft=job.craft, input=spec.input, brief=own.brief if own else "", name=spec.name,
        source_language=own.source_language if own else "", target_language=spec.language, place=spec.place,
        context=spec.context, options={**(gig.options if gig else {}), **(own.options if own else {})},
    )  # fmt: skip
