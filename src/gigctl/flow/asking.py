"""From the ledger's rows to what a craft and a check are given: the task as they see it, and what goes along."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.settings import find_settings, load_files
from gigctl.crafts.registry import get_craft
from gigctl.ledger import attempts, clients, revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import (
    AskContext,
    Change,
    CheckContext,
    CheckSpec,
    Evidence,
    Gig,
    Own,
    Request,
    Task,
    TaskSpec,
    Term,
    Verdict,
)
from gigctl.records import AttemptRecord, ClientRecord, GigRecord, RoundRecord, TaskRecord
from gigctl.system.git.store import Store

__all__ = ["View", "build_request", "craft_gig", "craft_task", "load_terms", "load_view", "task_gig", "view_of_new"]

SHOWN_FILE = 512 * 1024
"""Bytes of the largest file of a tree that a craft is given, to show it or a part of it."""


FACTS = 1_000
"""Characters that the client's settings take of a prompt."""
LARGE_WINDOW = 12_000
"""Tokens: with less, a request has the task alone."""


class View(Struct, frozen=True):
    """A task as its craft, its agents and its checks see it, for as long as its input stays what it is."""

    record: TaskRecord
    client: ClientRecord
    task: Task
    specs: tuple[CheckSpec, ...]
    context: CheckContext
    facts: str = ""  # how the client's own formatter and linters want code written


def load_view(tx: Tx, gig: GigRecord, record: TaskRecord, store: Path | None = None) -> View:
    """`store` is our git store: with it, a task on a tree has the tree's files."""
    client = clients.get_client_by_id(tx, gig.client_id)
    seen = task_gig(tx, gig, record)
    view = _view(gig, client, record, seen, _craft_task(tx, seen, record, store))
    base = view.task.input.base
    return replace(view, facts=_facts(store, base)) if store and base else view


def _view(gig: GigRecord, client: ClientRecord, record: TaskRecord, seen: GigRecord, task: Task) -> View:
    terms = tuple((term.source, term.target) for term in load_terms(client.glossary))
    context = replace(
        get_craft(task.craft).context(task), terms=terms, client=str(client.id), repository=gig.repository or None,
        commit=gig.base_commit if record.input_base is not None else None,
    )  # fmt: skip
    return View(record, client, task, _specs(seen, record.craft), context)


def view_of_new(gig: GigRecord, client: ClientRecord, record: TaskRecord, spec: TaskSpec) -> View:
    """The same of a task that was made a moment ago of `spec`, without reading it again."""
    seen = gig if spec.own is None else _with_own(gig, spec.own)
    brief = (spec.own.brief if spec.own else "") or gig.brief
    task = Task(
        ref=record.ref, craft=record.craft, input=spec.input, brief=brief, name=spec.name,
        source_language=seen.source_language, target_language=spec.language, place=spec.place, context=spec.context,
        options=seen.options, checks=seen.checks,
    )  # fmt: skip
    return _view(gig, client, record, seen, task)


def craft_gig(gig: GigRecord) -> Gig:
    return Gig(
        ref=gig.ref, craft=gig.craft, brief=gig.brief, title=gig.title, source_language=gig.source_language,
        target_languages=gig.targets, base=gig.base_tree, options=gig.options, checks=gig.checks,
    )  # fmt: skip


def task_gig(tx: Tx, gig: GigRecord, task: TaskRecord) -> GigRecord:
    """The gig as one task sees it: what the task's newest input says itself is over it."""
    own = tasks.get_own(tx, task)
    return gig if own is None else _with_own(gig, own)


def _with_own(gig: GigRecord, own: Own) -> GigRecord:
    if not (own.source_language or own.options or own.checks):
        return gig
    checks = {spec.name: spec for spec in (*gig.checks, *own.checks)}
    return replace(
        gig, source_language=own.source_language or gig.source_language, options={**gig.options, **own.options},
        checks=tuple(checks.values()),
    )  # fmt: skip


def craft_task(tx: Tx, gig: GigRecord, task: TaskRecord, store: Path | None = None) -> Task:
    """A task as its craft sees it."""
    return _craft_task(tx, task_gig(tx, gig, task), task, store)


def _craft_task(tx: Tx, seen: GigRecord, task: TaskRecord, store: Path | None) -> Task:
    brief, context = tasks.get_texts(tx, task.id)
    content = tasks.get_input(tx, task.id, task.input_n)
    tree = _shown_tree(store, content.base) if store and content.base else ()
    return Task(
        ref=task.ref, craft=task.craft, input=content, brief=brief, name=task.name,
        source_language=seen.source_language, target_language=task.language, place=task.place, context=context,
        options=seen.options, checks=seen.checks, tree=tree,
    )  # fmt: skip


@lru_cache(maxsize=16)
def _facts(store: Path, base: str) -> str:
    """The client's settings, a line a tool; the empty string where there are none."""
    found = find_settings(load_files(Store.open(store), base))
    lines = [f"{one.tool} ({one.path}): {told}" for one in found if (told := _told(one.values))]
    return "Their settings, which the change must keep to:\n" + "\n".join(lines)[:FACTS] if lines else ""


def _told(values: Mapping[str, Any]) -> str:
    """The plain values, a few; whole lists of rules say nothing to a model."""
    flat = {**values, **{k: v for table in values.values() if isinstance(table, Mapping) for k, v in table.items()}}
    plain = [f"{key} = {value}" for key, value in flat.items() if isinstance(value, str | int | bool) and value != ""]
    return ", ".join(line for line in plain if len(line) < 80 and line.isprintable())[:300]


@lru_cache(maxsize=2)
def _shown_tree(store: Path, base: str) -> tuple[Change, ...]:
    """A tree's files; what is too large to be shown is there without its bytes, so that nobody makes it anew."""
    repository = Store.open(store)
    large = tuple(Change(e.path, e.mode, None) for e in repository.list_tree(base) if e.size > SHOWN_FILE)
    return repository.read_files(base, largest=SHOWN_FILE) + large


def _specs(seen: GigRecord, craft: str) -> tuple[CheckSpec, ...]:
    """The craft's checks and the gig's own; one of the same name replaces the craft's."""
    own = {spec.name: spec for spec in seen.checks}
    given = {spec.name: spec for spec in get_craft(craft).checks(craft_gig(seen))}
    return tuple(_protecting(spec, seen.options.get("protect", "")) for spec in (given | own).values())


def _protecting(spec: CheckSpec, patterns: str) -> CheckSpec:
    """A check that runs something, with what the gig says is put back first, where it does not say itself."""
    if not patterns or spec.check not in ("command", "style") or "protect" in spec.options:
        return spec
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip() not in ("", "none")]
    return replace(spec, options={**spec.options, "protect": wanted})


@lru_cache(maxsize=64)
def load_terms(glossary: str) -> tuple[Term, ...]:
    """A glossary is a CSV or TSV of source and target terms, one pair a line; `#` begins a comment."""
    lines = [line for line in glossary.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    delimiter = next((sign for sign in "\t;," if lines and sign in lines[0]), ",")
    rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    return tuple(Term(row[0].strip(), row[1].strip()) for row in rows if len(row) >= 2 and row[0].strip())


def build_request(
    tx: Tx, view: View, round_: RoundRecord, *, slot: int, mends: AttemptRecord | None, window: int | None = None
) -> Request:  # fmt: skip
    """What an agent is asked for a slot of a round; with `mends`, to mend what came of that attempt. `window` is what
    the agent reads at most, in tokens (None: not known)."""
    facts = view.facts if window is None or window >= LARGE_WINDOW else ""
    style = "\n".join(filter(None, (view.client.style, facts)))
    context = AskContext(
        terms=load_terms(view.client.glossary), style=style, notes=round_.notes,
        sample=slot - 1 if round_.wanted == "first" else 0, window=window,
    )  # fmt: skip
    if mends is not None:
        context = _with_failure(tx, context, view.record, mends)
    return get_craft(view.task.craft).ask(view.task, context)


def _with_failure(tx: Tx, context: AskContext, task: TaskRecord, mends: AttemptRecord) -> AskContext:
    if mends.revision is None:
        unread = Verdict("answer", "fail", (Evidence(mends.reason),))
        return replace(context, failed_answer=attempts.get_answer(tx, mends.id), failures=(unread,))
    revision = revisions.get_revision(tx, task, mends.revision)
    failures = tuple(verdict for verdict in revision.verdicts if verdict.gates and verdict.outcome == "fail")
    return replace(context, failed=revisions.get_content(tx, revision.id), failures=failures,
                   failed_answer=attempts.get_answer(tx, mends.id))  # fmt: skip
