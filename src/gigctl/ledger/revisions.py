"""Revisions: immutable contents of a task, and what the checks said of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gigctl.errors import UsageError
from gigctl.ledger import blobs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.ledger.tasks import owner_of
from gigctl.model import Change, Content, Evidence, Verdict, quote_path, revision_text, unquote_path
from gigctl.records import RevisionRecord, TaskRecord

_SELECT = (
    "SELECT revision.*, attempt.agent, parent.number AS parent_number, task.number AS task_number,"
    " gig.number AS gig_number, client.slug,"
    " (SELECT coalesce(sum(blob.size), 0) FROM revision_file f JOIN blob ON blob.sha256 = f.sha256"
    "  WHERE f.revision = revision.id) AS bytes"
    " FROM revision JOIN task ON task.id = revision.task JOIN gig ON gig.id = task.gig"
    " JOIN client ON client.id = gig.client LEFT JOIN attempt ON attempt.id = revision.attempt"
    " LEFT JOIN revision parent ON parent.id = revision.parent"
)


def add_revision(
    tx: Tx, task: TaskRecord, content: Content, *, made_by: str, attempt: int | None = None, parent: int | None = None,
    seconds: float | None = None,
) -> int:  # fmt: skip
    """A new revision of the task's newest input; its id. `parent` is a revision's id, `seconds` a human's time."""
    return put_revision(tx, task, content, made_by=made_by, attempt=attempt, parent=parent, seconds=seconds)[0]


def put_revision(
    tx: Tx, task: TaskRecord, content: Content, *, made_by: str, attempt: int | None = None, parent: int | None = None,
    seconds: float | None = None, number: int | None = None,
) -> tuple[int, int]:  # fmt: skip
    """The same; its id and its number. With a `number`, the caller has it from the task, and counts it there."""
    number = number or tx.value(
        "UPDATE task SET next_revision = next_revision + 1 WHERE id = ? RETURNING next_revision - 1", task.id
    )
    sha = content.sha256
    event = record_event(
        tx, "revision added", task=task.id, number=number, input=task.input_hash, revision=sha, by=made_by
    )
    row = tx.insert(
        "revision", task=task.id, number=number, input=task.input_n, sha256=sha, base=content.base, made_by=made_by,
        attempt=attempt, parent=parent, seconds=seconds, created=tx.now, event=event,
    )  # fmt: skip
    owner = owner_of(task)
    lines = [
        (
            row,
            quote_path(change.path),
            change.mode,
            None if change.data is None else blobs.put_bytes(tx, owner, change.data),
        )
        for change in content.changes
    ]
    tx.each("INSERT INTO revision_file (revision, path, mode, sha256) VALUES (?, ?, ?, ?)", lines)
    return row, number


def get_content(tx: Tx, revision: int) -> Content:
    base = tx.value("SELECT base FROM revision WHERE id = ?", revision)
    rows = tx.rows("SELECT path, mode, sha256 FROM revision_file WHERE revision = ? ORDER BY path", revision)
    changes = [
        Change(
            unquote_path(row["path"]),
            row["mode"],
            None if row["sha256"] is None else blobs.get_bytes(tx, row["sha256"]),
        )
        for row in rows
    ]
    return Content(tuple(changes), base)


def _read(tx: Tx, row: Any) -> RevisionRecord:
    verdicts = list_verdicts(tx, row["id"])
    return RevisionRecord(
        id=row["id"],
        ref=f"{row['slug']}-{row['gig_number']}.{row['task_number']}@{row['number']}",
        task_id=row["task"],
        number=row["number"],
        input_n=row["input"],
        sha256=row["sha256"],
        base=row["base"],
        made_by=row["made_by"],
        agent=row["agent"],
        attempt_id=row["attempt"],
        parent=row["parent_number"],
        rejected=row["rejected"] is not None,
        seconds=row["seconds"],
        bytes=row["bytes"],
        created=row["created"],
        verdicts=verdicts or (),
        assessed=verdicts is not None,
    )


def get_revision_by_id(tx: Tx, revision: int) -> RevisionRecord:
    return _read(tx, tx.find(f"{_SELECT} WHERE revision.id = ?", revision))


def get_revision(tx: Tx, task: TaskRecord, number: int | None = None) -> RevisionRecord:
    """One of the task's revisions by its number; without one, the current. Raises UsageError."""
    if number is None:
        if task.current_id is None:
            raise UsageError(f"{task.ref} has no draft yet", f"gigctl run {task.ref}")
        return get_revision_by_id(tx, task.current_id)
    row = tx.find(f"{_SELECT} WHERE revision.task = ? AND revision.number = ?", task.id, number)
    if row is None:
        raise UsageError(f"there is no revision {task.ref}@{number}", f"gigctl show {task.ref} --history")
    return _read(tx, row)


def list_revisions(tx: Tx, task: int) -> list[RevisionRecord]:
    return [_read(tx, row) for row in tx.rows(f"{_SELECT} WHERE revision.task = ? ORDER BY revision.number", task)]


def reject_revision(tx: Tx, revision: int, decision: int) -> None:
    tx.run("UPDATE revision SET rejected = ? WHERE id = ?", decision, revision)


def find_best_revision(tx: Tx, task: int) -> int | None:
    """The newest that was not rejected, of the newest input; None where none is left."""
    found = tx.value(
        "SELECT id FROM revision WHERE task = ?1 AND rejected IS NULL AND input = (SELECT max(n) FROM task_input WHERE"
        " task = ?1) ORDER BY number DESC LIMIT 1",
        task,
    )
    return None if found is None else int(found)


def find_last_draft(tx: Tx, task: int) -> int | None:
    """The newest draft of the task's open round; None where it has none, or wants all of several."""
    found = tx.value(
        "SELECT revision.id FROM revision JOIN attempt_slot l ON l.attempt = revision.attempt"
        " JOIN slot ON slot.id = l.slot JOIN round ON round.id = slot.round AND round.open = 1"
        " WHERE round.wanted = 'first' AND revision.task = ?1 AND round.task = ?1"
        " ORDER BY revision.number DESC LIMIT 1",
        task,
    )
    return None if found is None else int(found)


# --- verdicts ---


def find_verdict(tx: Tx, fingerprint: str) -> Verdict | None:
    """One that was computed before on the same bytes by the same rule; one that was no answer is asked for again."""
    row = tx.find(
        "SELECT * FROM verdict WHERE fingerprint = ? AND outcome IN ('pass', 'fail') AND NOT unsandboxed", fingerprint
    )
    if row is None:
        return None
    return Verdict(
        "", row["outcome"], _read_evidence(tx, row["evidence"]), seconds=row["seconds"], fingerprint=fingerprint
    )


def record_verdicts(
    tx: Tx, task: TaskRecord, revision: int, verdicts: Sequence[Verdict], *, first: bool = False
) -> None:
    """The verdicts on a revision, in the place of those it had (`first`: it has none)."""
    if not first:
        tx.run("DELETE FROM revision_verdict WHERE revision = ?", revision)
    owner = owner_of(task)
    tx.each(
        # No REPLACE: it deletes the old row, and looks for whoever refers to it.
        "INSERT INTO verdict (fingerprint, outcome, evidence, seconds, unsandboxed, created) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (fingerprint) DO UPDATE SET outcome = excluded.outcome, evidence = excluded.evidence,"
        " seconds = excluded.seconds, unsandboxed = excluded.unsandboxed, created = excluded.created",
        [
            (v.fingerprint, v.outcome, _put_evidence(tx, owner, v), v.seconds, int(v.unsandboxed), tx.now)
            for v in verdicts
        ],
    )
    tx.each(
        "INSERT INTO revision_verdict (revision, name, n, required, fingerprint) VALUES (?, ?, ?, ?, ?)",
        [(revision, v.name, n, int(v.required), v.fingerprint) for n, v in enumerate(verdicts, 1)],
    )
    tx.run("UPDATE revision SET assessed = ? WHERE id = ?", tx.now, revision)
    found = {v.name: [v.outcome, v.fingerprint, v.required, v.unsandboxed] for v in verdicts}
    record_event(tx, "revision assessed", revision=revision, verdicts=found)


def _put_evidence(tx: Tx, owner: Owner, verdict: Verdict) -> str | None:
    evidence = [[e.message, e.part, e.line, e.column] for e in verdict.evidence]
    return blobs.put_json(tx, owner, evidence) if evidence else None


def forget_verdicts(tx: Tx, gig: int) -> None:
    """After a gig's checks were changed: what is not signed is assessed again."""
    changed = tx.run(
        "UPDATE revision SET assessed = NULL WHERE assessed IS NOT NULL AND task IN"
        " (SELECT id FROM task WHERE gig = ? AND signed IS NULL)",
        gig,
    ).rowcount
    if changed:
        record_event(tx, "verdicts forgotten", gig=gig)


def list_verdicts(tx: Tx, revision: int) -> tuple[Verdict, ...] | None:
    """In the order of the checks; None while the revision was not assessed."""
    if tx.value("SELECT assessed FROM revision WHERE id = ?", revision) is None:
        return None
    rows = tx.rows(
        "SELECT r.name, r.required, v.* FROM revision_verdict r JOIN verdict v USING (fingerprint)"
        " WHERE r.revision = ? ORDER BY r.n",
        revision,
    )
    return tuple(
        Verdict(
            row["name"], row["outcome"], _read_evidence(tx, row["evidence"]), bool(row["required"]), row["seconds"],
            row["fingerprint"], bool(row["unsandboxed"]),
        )
        for row in rows
    )  # fmt: skip


def _read_evidence(tx: Tx, sha: str | None) -> tuple[Evidence, ...]:
    if sha is None or tx.value("SELECT data IS NULL FROM blob WHERE sha256 = ?", sha):
        return ()
    return tuple(Evidence(*item) for item in json.loads(blobs.get_text(tx, sha)))


def check_revisions(tx: Tx) -> list[str]:
    """Revisions whose text no longer hashes to what was recorded, a sentence each."""
    wrong = []
    for row in tx.stream(
        "SELECT r.id, r.task, r.number, r.base, r.sha256 FROM revision r JOIN task ON task.id = r.task"
        " JOIN gig ON gig.id = task.gig WHERE gig.removed IS NULL"
    ):
        files = tx.rows("SELECT path, mode, sha256 FROM revision_file WHERE revision = ?", row["id"])
        text = revision_text(row["base"], [(unquote_path(f["path"]), f["mode"], f["sha256"]) for f in files])
        if blobs.sha256_of(text) != row["sha256"]:
            wrong.append(f"revision {row['number']} of task {row['task']} was changed")
    return wrong
