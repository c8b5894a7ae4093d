"""What the human said: signatures and what ends them, rejections, notes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gigctl.ledger import blobs
from gigctl.ledger.journal import Event, list_events, record_event
from gigctl.ledger.store import Tx
from gigctl.ledger.tasks import owner_of
from gigctl.model import Verdict
from gigctl.records import DecisionKind, DecisionRecord, RevisionRecord, TaskRecord


def add_decision(
    tx: Tx, task: TaskRecord, kind: DecisionKind, *, actor: str, revision: int | None = None, note: str | None = None,
    part: str | None = None, over: Sequence[int] = (), **signed: Any,
) -> int:  # fmt: skip
    """A decision and its event; its id. `signed` are the columns that a signature binds."""
    sha = blobs.put_optional(tx, owner_of(task), note)
    despite = blobs.put_optional(tx, owner_of(task), signed.pop("despite", None))
    signature = blobs.put_optional(tx, owner_of(task), signed.pop("signature", None))
    bound = {"task": task.id, "revision": revision, "part": part, "kind": kind, "note": sha, "actor": actor}
    bound |= {"despite": despite, "signature": signature} | signed
    event = record_event(tx, "decision", **{name: value for name, value in bound.items() if value is not None})
    row = tx.insert("decision", **bound, at=tx.now, event=event)
    tx.each("INSERT INTO decision_over VALUES (?, ?)", [(row, other) for other in over])
    return row


def sign_revision(
    tx: Tx, task: TaskRecord, revision: RevisionRecord, verdicts: Sequence[Verdict], *, actor: str,
    despite: str | None = None, note: str | None = None, signer: str | None = None, signature: str | None = None,
    carried_from: int | None = None,
) -> int:  # fmt: skip
    """The human act: binds the input, the revision and the checks that were seen; its id."""
    seen = [[v.name, v.outcome, v.required, v.fingerprint, v.unsandboxed] for v in verdicts]
    decision = add_decision(
        tx, task, "sign", actor=actor, revision=revision.id, note=note, despite=despite, signer=signer,
        signature=signature, carried_from=carried_from, signed_input=task.input_hash, signed_revision=revision.sha256,
        signed_checks=json.dumps(seen, separators=(",", ":")),
    )  # fmt: skip
    tx.run(
        "UPDATE task SET state = 'signed', signed = ?, current = ?, held_until = NULL WHERE id = ?",
        decision,
        revision.id,
        task.id,
    )
    return decision


def void_signature(tx: Tx, task: TaskRecord) -> bool:
    """Ends a signature, since what it binds is no longer what the task means; whether there was one."""
    if task.signed_id is None:
        return False
    tx.run("UPDATE decision SET voided = ? WHERE id = ?", tx.now, task.signed_id)
    tx.run("UPDATE task SET signed = NULL WHERE id = ?", task.id)
    record_event(tx, "signature void", decision=task.signed_id, task=task.id)
    return True


def list_decisions(tx: Tx, task: int) -> list[DecisionRecord]:
    return [_read(tx, row) for row in tx.rows(f"{_SELECT} WHERE d.task = ? ORDER BY d.id", task)]


def get_decision(tx: Tx, decision: int) -> DecisionRecord:
    return _read(tx, tx.find(f"{_SELECT} WHERE d.id = ?", decision))


_SELECT = "SELECT d.*, revision.number AS number FROM decision d LEFT JOIN revision ON revision.id = d.revision"


def _read(tx: Tx, row: Any) -> DecisionRecord:
    return DecisionRecord(
        id=row["id"],
        kind=row["kind"],
        revision=row["number"],
        note=_text(tx, row["note"]),
        actor=row["actor"],
        at=row["at"],
        voided=row["voided"],
        checks=tuple(tuple(item) for item in json.loads(row["signed_checks"] or "[]")),
        despite=_text(tx, row["despite"]),
        signer=row["signer"],
        signed_input=row["signed_input"],
        signed_revision=row["signed_revision"],
        carried_from=row["carried_from"],
        signature=_text(tx, row["signature"]),
        over=tuple(o["revision"] for o in tx.rows("SELECT revision FROM decision_over WHERE decision = ?", row["id"])),
    )


def _text(tx: Tx, sha: str | None) -> str:
    erased = sha is None or tx.value("SELECT data IS NULL FROM blob WHERE sha256 = ?", sha)
    return "" if erased else blobs.get_text(tx, sha)


def check_decisions(tx: Tx) -> list[str]:
    """Decisions that are not as the journal has them, a sentence each."""
    wrong = []
    events: dict[int, Event] = {event.id: event for event in list_events(tx) if event.kind == "decision"}
    columns = (
        "task", "revision", "part", "kind", "note", "actor", "despite", "signature", "signer", "carried_from",
        "signed_input", "signed_revision", "signed_checks",
    )  # fmt: skip
    for row in tx.stream("SELECT * FROM decision"):
        known = {name: row[name] for name in columns if row[name] is not None}
        event = events.pop(row["event"], None)
        if event is None or event.data != known or event.at != row["at"]:
            wrong.append(f"decision {row['id']} (task {row['task']}) is not as the journal has it")
    wrong += [f"a decision on task {event.data['task']} is gone (event {event.id})" for event in events.values()]
    return wrong
