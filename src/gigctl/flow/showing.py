"""What a person looks at: a task whole, its bytes, what was sent for it, and one revision against another."""

from __future__ import annotations

from msgspec import Struct

from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.references import get_task
from gigctl.insight.queue import list_queue
from gigctl.insight.sheet import TaskSheet, load_request, load_sheet
from gigctl.ledger import revisions, tasks
from gigctl.model import Content, Verdict
from gigctl.records import AttemptRecord, RevisionRecord
from gigctl.system.git.difference import diff_trees
from gigctl.system.git.store import Store

__all__ = ["Pair", "Prompt", "find_pair", "find_prompt", "find_reasons", "find_sheet", "text_bytes", "tree_diff"]


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


def find_reasons(desk: Desk, sheet: TaskSheet) -> tuple[str, ...]:
    """Why the task wants a human, in the queue's words; none where it does not."""
    return next((item.reasons for item in list_queue(desk.ledger, desk.today, task=sheet.task.id)), ())


class Prompt(Struct, frozen=True):
    """What a call sent, each part under its role. `n` counts the calls from 1; `led_to` is the revision that came
    of it or was edited from it, None where it is only the last call. `answered`: the call before it had asked a person,
    so that who could go on with that session was told the answer alone."""

    text: str
    attempt: AttemptRecord
    n: int
    of: int
    led_to: RevisionRecord | None
    answered: bool


def find_prompt(desk: Desk, sheet: TaskSheet) -> Prompt:
    """The call that led to the revision that is shown; the last one where none did. Raises UsageError where nothing was
    sent."""
    if not sheet.attempts:
        raise UsageError(f"nothing was sent for {sheet.task.ref} yet", f"gigctl run {sheet.task.ref}")
    made_by = _made_by(sheet)
    found = next((n for n, a in enumerate(sheet.attempts, 1) if a.id == made_by), None)
    n = found or len(sheet.attempts)
    attempt = sheet.attempts[n - 1]
    parts = load_request(desk.ledger, attempt).parts
    text = "".join(f"--- {part.role} ---\n{part.text}\n" for part in parts)
    answered = n > 1 and sheet.attempts[n - 2].outcome == "question"
    return Prompt(text, attempt, n, len(sheet.attempts), sheet.shown if found else None, answered)


def _made_by(sheet: TaskSheet) -> int | None:
    """The call whose draft is shown, or was edited into what is shown."""
    known = {revision.number: revision for revision in sheet.revisions}
    revision = sheet.shown
    while revision is not None and revision.attempt_id is None:
        revision = known.get(revision.parent or 0)
    return revision.attempt_id if revision else None


class Pair(Struct, frozen=True):
    """Two contents to be compared, with the names they go by. `prose` is True for a text whose words matter; `verdicts`
    are those of the new one."""

    old: Content
    new: Content
    names: tuple[str, str]
    prose: bool
    verdicts: tuple[Verdict, ...] = ()

    @property
    def changed(self) -> list[str]:
        """The paths that differ between two changes to the same tree."""
        old, new = ({change.path: change for change in content.changes} for content in (self.old, self.new))
        return [path for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)]


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
            return Pair(contents[0], contents[1], (found[0].ref, found[1].ref), contents[0].is_text, found[1].verdicts)
        revision, task = found[0], targets[0].task
        edited = revision.made_by == "human" and revision.parent is not None
        parent = revisions.get_revision(tx, task, revision.parent) if edited else None
        if parent is not None:
            old = revisions.get_content(tx, parent.id)
            return Pair(old, contents[0], (parent.ref, revision.ref), contents[0].is_text, revision.verdicts)
        source = tasks.get_input(tx, task.id, revision.input_n)
        names = (f"{task.ref} source", revision.ref)
        return Pair(source, contents[0], names, contents[0].is_text, revision.verdicts)


def tree_diff(desk: Desk, old: Content, new: Content) -> bytes:
    """A unified diff of two changes to a tree, in which no attribute of the client's can hide anything."""
    store = Store.open(desk.store)
    return diff_trees(store, store.tree_of(old), store.tree_of(new))
