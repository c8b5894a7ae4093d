"""`do`: one small job as a filter. Its tasks are in the client's scratch gig, its answer a draft that nobody signed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gigctl.crafts.base import BadSource, Craft
from gigctl.crafts.registry import get_craft
from gigctl.errors import UsageError
from gigctl.flow import policy
from gigctl.flow.asking import craft_gig, craft_task, task_gig
from gigctl.flow.desk import Desk
from gigctl.flow.dispatch import Collector, Opened, Opening
from gigctl.flow.intake import STDIN_NAME
from gigctl.flow.jobs import Asked
from gigctl.flow.planning import open_new
from gigctl.flow.resting import Rested
from gigctl.flow.run import RunResult, count_rested, finish_result
from gigctl.flow.runoptions import SILENT, Notices, RunOptions
from gigctl.flow.steps import Done
from gigctl.ledger import clients, gigs, revisions, runs, tasks
from gigctl.ledger.store import Tx
from gigctl.model import REGULAR, Change, Content, Gig, Own, Source, TaskSpec
from gigctl.records import GigRecord
from gigctl.system.git.store import Store

__all__ = ["Answer", "do", "get_name"]

SCRATCH = 0
"""The number of the gig that `do` keeps its drafts in."""


class Answer(Struct, frozen=True):
    """What came of it: the answer's bytes (None where there is none), the tasks in their order, as they ended."""

    answer: bytes | None
    ends: tuple[Rested, ...]
    result: RunResult


def get_name(craft: str) -> str:
    """A craft's name; raises UsageError where there is none of it."""
    return get_craft(craft).NAME


def do(
    desk: Desk, asked: Asked, source: Source | None, client: str, run: RunOptions, default: Sequence[str],
    notices: Notices = SILENT,
) -> Answer:  # fmt: skip
    """Drafts and checks what is asked for. Raises UsageError, PolicyError."""
    craft = get_craft(asked.craft)
    if source is not None and source.name == STDIN_NAME and not asked.brief and _is_brief_alone(craft):
        asked, source = replace(asked, brief=_text(source)), None
    own = Own(asked.brief, asked.source_language, dict(asked.options), asked.checks)
    specs = _specs(desk, craft, asked, own, source)
    runs.recover(desk.ledger)
    with desk.ledger.writing() as tx:
        owner = clients.get_client(tx, client)
        chain = run.agents or tuple(default)
        policy.check_chain(owner, chain, desk.agents)
        gig = gigs.find_gig(tx, owner, SCRATCH) or gigs.add_gig(tx, owner, SCRATCH, craft=craft.NAME, title="scratch")
    ends: dict[int, Rested] = {}
    with runs.Run(desk.ledger, run.max_cost) as here:
        result = RunResult(here.id, len(specs), "the same command")

        def rested(end: Rested) -> None:
            ends[end.task] = end
            count_rested(result, end)

        collector = Collector(desk, here, run, rested, notices)
        made: dict[int, int] = {}
        gc.freeze()
        asyncio.run(collector.dispatch({chain[0]: _openings(gig, craft, specs, chain, run, made)}))
    finish_result(desk, result, collector)
    failed = [end.ref for end in result.wants if end.end == Done("failed")]
    if failed:  # asked for once more it would be another job
        result.again = f"gigctl run {' '.join(failed[:3])}{' -a ' + ','.join(chain) if run.agents else ''}"
    in_order = [made[n] for n in sorted(made)]
    with desk.ledger.reading() as tx:
        answer = _answer(tx, gig, craft, source, in_order) if len(made) == len(specs) else None
    return Answer(answer, tuple(ends[task] for task in in_order if task in ends), result)


def _is_brief_alone(craft: Craft) -> bool:
    """Whether a brief is all that it needs."""
    return "brief" in craft.REQUIRES and not craft.ON_TREE


def _text(source: Source) -> str:
    """What is to be done, where nothing else was given."""
    try:
        text = source.data.decode().strip()
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not UTF-8 (byte {error.start + 1}): expected the brief") from error
    if "\0" in text:
        raise UsageError("standard input has zero bytes: expected the brief, a text")
    return text


def _specs(desk: Desk, craft: Craft, asked: Asked, own: Own, source: Source | None) -> tuple[TaskSpec, ...]:
    seen = Gig(
        ref="", craft=craft.NAME, brief=asked.brief, source_language=asked.source_language,
        target_languages=(asked.target,) if asked.target else (), options=own.options, checks=own.checks,
    )  # fmt: skip
    for name, there in (("to", asked.target), ("brief", asked.brief)):
        if name in craft.REQUIRES and not there:
            raise UsageError(f"--{name}: {craft.NAME} needs it", f"gigctl do {craft.NAME} --{name} …")
    if craft.ON_TREE:
        if source is None:
            raise UsageError(f"{craft.NAME} needs a file to change", f"gigctl do {craft.NAME} FILE --brief …")
        tree = Store.open(desk.store).add_tree((Change(source.name, REGULAR, source.data),))
        seen, source = replace(seen, base=tree), None
    try:
        found = craft.split(source, seen)
    except BadSource as error:
        raise UsageError(str(error)) from error
    return tuple(replace(spec, own=own) for spec in found.tasks)


async def _openings(
    gig: GigRecord, craft: Craft, specs: Sequence[TaskSpec], chain: Sequence[str], run: RunOptions, made: dict[int, int]
) -> AsyncIterator[Opening]:
    """`made`: the task of each, by its place; a change that is undone with its group is done once more."""
    for n, spec in enumerate(specs):

        def opening(tx: Tx, n: int = n, spec: TaskSpec = spec) -> Opened:
            task = tasks.add_job(tx, gig, spec, craft.NAME)
            made[n] = task.id
            return open_new(tx, task, chain, run)

        yield opening


def _answer(tx: Tx, gig: GigRecord, craft: Craft, source: Source | None, made: Sequence[int]) -> bytes | None:
    """The drafts, put together as they would be delivered; None where one is missing."""
    drafts = []
    for task in made:
        record = tasks.get_task_by_id(tx, task)
        if record.current_id is None:
            return None
        drafts.append((record, revisions.get_content(tx, record.current_id)))
    if craft.ON_TREE:
        changed = {change.path: change.data for _, content in drafts for change in content.changes}
        return changed.get(source.name) if source else None
    if source is None:
        return _texts([content for _, content in drafts])
    if not drafts:
        return source.data  # nothing to do is in it
    seen = craft_gig(task_gig(tx, gig, drafts[0][0]))
    pairs = [(craft_task(tx, gig, record), content) for record, content in drafts]
    language = drafts[0][0].language
    files = craft.assemble(replace(seen, target_languages=(language,) if language else ()), (source,), pairs, language)
    return b"".join(change.data or b"" for change in files)


def _texts(contents: Sequence[Content]) -> bytes:
    return "\n\n".join(content.text for content in contents).encode("utf-8", "surrogateescape") + b"\n"
