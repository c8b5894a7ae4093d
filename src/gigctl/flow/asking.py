"""From the ledger's rows to what a craft and a check are given: the task as they see it, and what goes along."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from gigctl.crafts.registry import get_craft
from gigctl.ledger import attempts, clients, revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import AskContext, Change, CheckContext, CheckSpec, Evidence, Gig, Request, Task, Term, Verdict
from gigctl.records import AttemptRecord, GigRecord, RoundRecord, TaskRecord
from gigctl.system.git.store import Store

__all__ = ["build_request", "check_context", "craft_gig", "craft_task", "list_specs", "load_terms"]

SHOWN_FILE = 64 * 1024
"""Bytes of the largest file of a tree that a craft is given to show."""


def craft_gig(gig: GigRecord) -> Gig:
    return Gig(
        ref=gig.ref, craft=gig.craft, brief=gig.brief, title=gig.title, source_language=gig.source_language,
        target_languages=gig.targets, base=gig.base_tree, options=gig.options, checks=gig.checks,
    )  # fmt: skip


def craft_task(tx: Tx, gig: GigRecord, task: TaskRecord, store: Path | None = None) -> Task:
    """`store` is our git store: with it, a task on a tree has the tree's files."""
    brief, context = tasks.get_texts(tx, task.id)
    content = tasks.get_input(tx, task.id, task.input_n)
    tree = _shown_tree(store, content.base) if store and content.base else ()
    return Task(
        ref=task.ref, craft=task.craft, input=content, brief=brief, name=task.name,
        source_language=gig.source_language, target_language=task.language, place=task.place, context=context,
        options=gig.options, checks=gig.checks, tree=tree,
    )  # fmt: skip


def _shown_tree(store: Path, base: str) -> tuple[Change, ...]:
    """A tree's files; what is too large to be shown is there without its bytes, so that nobody makes it anew."""
    repository = Store.open(store)
    large = tuple(Change(e.path, e.mode, None) for e in repository.list_tree(base) if e.size > SHOWN_FILE)
    return repository.read_files(base, largest=SHOWN_FILE) + large


def list_specs(gig: GigRecord, craft: str) -> tuple[CheckSpec, ...]:
    """The craft's checks and the gig's own; one of the same name replaces the craft's."""
    own = {spec.name: spec for spec in gig.checks}
    given = {spec.name: spec for spec in get_craft(craft).checks(craft_gig(gig))}
    return tuple((given | own).values())


def load_terms(glossary: str) -> tuple[Term, ...]:
    """A glossary is a CSV or TSV of source and target terms, one pair a line; `#` begins a comment."""
    lines = [line for line in glossary.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    delimiter = next((sign for sign in "\t;," if lines and sign in lines[0]), ",")
    rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    return tuple(Term(row[0].strip(), row[1].strip()) for row in rows if len(row) >= 2 and row[0].strip())


def check_context(tx: Tx, gig: GigRecord, task: Task) -> CheckContext:
    """What the checks may know of a task: the craft's part, the client's terms and where its files are."""
    client = clients.get_client_by_id(tx, gig.client_id)
    terms = tuple((term.source, term.target) for term in load_terms(client.glossary))
    return replace(
        get_craft(task.craft).context(task), terms=terms, client=str(client.id), repository=gig.repository or None
    )


def build_request(
    tx: Tx, gig: GigRecord, task: TaskRecord, round_: RoundRecord, *, slot: int, mends: AttemptRecord | None,
    store: Path | None = None,
) -> Request:  # fmt: skip
    """What an agent is asked for a slot of a round; with `mends`, to mend what came of that attempt."""
    client = clients.get_client_by_id(tx, gig.client_id)
    context = AskContext(
        terms=load_terms(client.glossary), style=client.style, notes=round_.notes,
        sample=slot - 1 if round_.wanted == "first" else 0,
    )  # fmt: skip
    if mends is not None:
        context = _with_failure(tx, context, task, mends)
    return get_craft(task.craft).ask(craft_task(tx, gig, task, store), context)


def _with_failure(tx: Tx, context: AskContext, task: TaskRecord, mends: AttemptRecord) -> AskContext:
    if mends.revision is None:
        unread = Verdict("answer", "fail", (Evidence(mends.reason),))
        return replace(context, failed_answer=attempts.get_answer(tx, mends.id), failures=(unread,))
    revision = revisions.get_revision(tx, task, mends.revision)
    failures = tuple(verdict for verdict in revision.verdicts if verdict.gates and verdict.outcome == "fail")
    return replace(context, failed=revisions.get_content(tx, revision.id), failures=failures,
                   failed_answer=attempts.get_answer(tx, mends.id))  # fmt: skip
