"""What a person looks at: a task whole, its bytes, what was sent for it, and one revision against another."""

from __future__ import annotations

from dataclasses import dataclass

from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.references import get_task
from gigctl.insight.sheet import TaskSheet, load_request, load_sheet
from gigctl.ledger import revisions, tasks
from gigctl.model import Content
from gigctl.system.git.difference import diff_trees
from gigctl.system.git.store import Store

__all__ = ["Pair", "find_pair", "find_prompt", "find_sheet", "text_bytes", "tree_diff"]


def find_sheet(desk: Desk, word: str) -> TaskSheet:
    """Raises UsageError."""
    with desk.ledger.reading() as tx:
        target = get_task(tx, word)
    return load_sheet(desk.ledger, target.task, target.revision)


def text_bytes(desk: Desk, sheet: TaskSheet) -> bytes:
    """A text's own bytes; of a change to a tree its diff."""
    content = sheet.content if sheet.content is not None else sheet.input
    if content.is_text:
        return content.changes[0].data or b""
    return tree_diff(desk, Content((), content.base), content)


def find_prompt(desk: Desk, sheet: TaskSheet) -> str:
    """What the last call sent, each part under its role. Raises UsageError where nothing was sent."""
    if not sheet.attempts:
        raise UsageError(f"nothing was sent for {sheet.task.ref} yet", f"gigctl run {sheet.task.ref}")
    made_by = sheet.shown.attempt_id if sheet.shown else None
    attempt = next((a for a in sheet.attempts if a.id == made_by), sheet.attempts[-1])
    request = load_request(desk.ledger, attempt)
    return "".join(f"--- {part.role} ---\n{part.text}\n" for part in request.parts)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two contents to be compared, with the names they go by. `prose` is True for a text whose words matter."""

    old: Content
    new: Content
    names: tuple[str, str]
    prose: bool


def find_pair(desk: Desk, words: list[str]) -> Pair:
    """One reference: against what it came from (an edit against its draft, a draft against the source). Two: the
    first against the second. Raises UsageError."""
    if len(words) > 2:
        raise UsageError("a diff is of one reference, or of two", "gigctl diff acme-3.12@1 acme-3.12@2")
    with desk.ledger.reading() as tx:
        targets = [get_task(tx, word) for word in words]
        found = [revisions.get_revision(tx, t.task, t.revision) for t in targets]
        contents = [revisions.get_content(tx, revision.id) for revision in found]
        if len(found) == 2:
            return Pair(contents[0], contents[1], (found[0].ref, found[1].ref), contents[0].is_text)
        revision, task = found[0], targets[0].task
        edited = revision.made_by == "human" and revision.parent is not None
        parent = revisions.get_revision(tx, task, revision.parent) if edited else None
        if parent is not None:
            old = revisions.get_content(tx, parent.id)
            return Pair(old, contents[0], (parent.ref, revision.ref), contents[0].is_text)
        source = tasks.get_input(tx, task.id, revision.input_n)
        return Pair(source, contents[0], (f"{task.ref} source", revision.ref), contents[0].is_text)


def tree_diff(desk: Desk, old: Content, new: Content) -> bytes:
    """A unified diff of two changes to a tree, in which no attribute of the client's can hide anything."""
    store = Store.open(desk.store)
    return diff_trees(store, store.tree_of(old), store.tree_of(new))
