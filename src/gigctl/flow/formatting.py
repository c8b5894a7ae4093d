"""The client's own formatters, run on what a draft touched: what they make of it is offered as a revision."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.detect import as_spec, find_tools
from gigctl.checks.settings import load_files
from gigctl.checks.style import NAME, ToolFailed, format_content, is_formatter
from gigctl.errors import ConfigError, UsageError
from gigctl.flow import asking
from gigctl.flow.checktrees import CheckTrees
from gigctl.flow.desk import Desk
from gigctl.flow.references import get_task
from gigctl.flow.review import add_edit, refuse_edit
from gigctl.ledger import gigs, revisions, tasks
from gigctl.model import CheckContext, CheckSpec, Content, Evidence
from gigctl.records import RevisionRecord, TaskRecord
from gigctl.system.git.store import Store

__all__ = ["Formatted", "format_task", "is_offered"]

_ROUNDS = 3
"""Two formatters that do not agree at once (an import moved, then wrapped) mostly do so at the second try."""


class Formatted(Struct, frozen=True):
    """`revision` is None where the formatters named in `by` had nothing to change; `missing` says why others did not
    work."""

    task: TaskRecord
    revision: RevisionRecord | None
    by: tuple[str, ...]
    missing: tuple[str, ...] = ()


class _Draft(Struct, frozen=True):
    task: TaskRecord
    content: Content
    specs: tuple[CheckSpec, ...]
    context: CheckContext


def format_task(desk: Desk, word: str, environ: Mapping[str, str]) -> Formatted:
    """A revision of the human's that has a task's draft as the client's formatters write the lines that it touched.

    Raises UsageError where there is no draft of a tree, or no formatter; ConfigError where none of them works here.
    """
    draft = _load(desk, word)
    store = Store.open(desk.store)
    specs = _find_formatters(store, draft, environ)
    if not specs:
        raise UsageError(f"{draft.task.gig} has no formatter: no settings of black, isort, ruff format or prettier",
                         f"gigctl edit {draft.task.ref}")  # fmt: skip
    content, failed = asyncio.run(_format(store, draft, specs))
    by = tuple(spec.name for spec in specs if spec.name not in failed)
    if not by:
        raise ConfigError(f"{draft.task.ref} was not formatted: {'; '.join(failed.values())}", "gigctl doctor")
    made = add_edit(desk, draft.task, content) if content.sha256 != draft.content.sha256 else None
    return Formatted(draft.task, made, by, tuple(failed.values()))


def _load(desk: Desk, word: str) -> _Draft:
    with desk.ledger.reading() as tx:
        target = get_task(tx, word)
        task = target.task
        refuse_edit(tx, task)
        if target.revision is None and task.current_id is None:
            raise UsageError(f"{task.ref} has no draft to format", f"gigctl run {task.ref}")
        content = revisions.get_content(tx, revisions.get_revision(tx, task, target.revision).id)
        if content.base is None:
            raise UsageError(f"{task.ref} is no change to a repository", f"gigctl edit {task.ref}")
        view = asking.load_view(tx, gigs.get_gig_by_id(tx, task.gig_id), task)
    return _Draft(task, content, view.specs, replace(view.context, store=str(desk.store)))


def _find_formatters(store: Store, draft: _Draft, environ: Mapping[str, str]) -> list[CheckSpec]:
    """Those that the gig checks by, or else those of the base's settings."""
    own = [spec for spec in draft.specs if _formats(spec)]
    if own or draft.content.base is None:
        return own
    repository = Path(draft.context.repository) if draft.context.repository else None
    tools = find_tools(load_files(store, draft.content.base), environ, repository)
    return [as_spec(tool, environ, repository) for tool in tools if tool.kind == "format"]


def _formats(spec: CheckSpec) -> bool:
    return spec.check == NAME and is_formatter(spec.options)


async def _format(store: Store, draft: _Draft, specs: Sequence[CheckSpec]) -> tuple[Content, dict[str, str]]:
    """What comes of it, and why which of them did not work."""
    content = draft.content
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        trees = CheckTrees(store, content, draft.context, Path(name))
        for _ in range(_ROUNDS):
            before = content
            for spec in (one for one in specs if one.name not in failed):
                try:
                    content = await format_content(content, spec.options, trees.place(spec).context)
                except ToolFailed as error:
                    failed[spec.name] = f"{spec.name}: {_reason(error)}"
            if content == before:
                break
    return content, failed


def _reason(error: ToolFailed) -> str:
    said = error.args[-1]
    return said.message if isinstance(said, Evidence) else str(said)


def is_offered(desk: Desk, revision: RevisionRecord) -> bool:
    """Whether a formatter's check gates a revision: what it would write can be had."""
    gating = {verdict.name for verdict in revision.verdicts if verdict.outcome == "fail"}
    if not gating:
        return False
    with desk.ledger.reading() as tx:
        task = tasks.get_task_by_id(tx, revision.task_id)
        view = asking.load_view(tx, gigs.get_gig_by_id(tx, task.gig_id), task)
    return any(spec.name in gating and _formats(spec) for spec in view.specs)
