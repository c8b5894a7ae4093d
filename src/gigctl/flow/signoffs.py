"""What a human signed, from the ledger, looked at once more before it goes out; and who drafted it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gigctl.errors import GateError, LedgerError
from gigctl.flow.manifest import AIUse, DraftedBy, SeenCheck, Signoff
from gigctl.ledger import attempts, decisions, revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Content
from gigctl.records import DecisionRecord, RevisionRecord, TaskRecord

__all__ = ["Signed", "list_ai_use", "load_signed", "refuse_forged", "to_signoff"]


class Signed(Struct, frozen=True):
    """A task with the content that its signature binds."""

    task: TaskRecord
    content: Content
    revision: RevisionRecord
    decision: DecisionRecord


def load_signed(tx: Tx, task: TaskRecord) -> Signed:
    """Everything that the signature binds is compared with what is there now. Raises LedgerError, GateError."""
    if task.signed_id is None:
        raise LedgerError(f"{task.ref} is called signed and has no signature", "gigctl ledger verify")
    decision = decisions.get_decision(tx, task.signed_id)
    if decision.kind != "sign" or decision.voided is not None or decision.revision is None:
        raise LedgerError(f"{task.ref}'s signature is void", f"gigctl show {task.ref}; gigctl ledger verify")
    revision = revisions.get_revision(tx, task, decision.revision)
    content = revisions.get_content(tx, revision.id)
    _compare(tx, task, decision, content)
    for name, verdict, required, _, _ in decision.checks:
        if required and verdict != "pass" and not decision.despite:
            raise GateError(f'{task.ref} was signed with the required check "{name}" at {verdict} and no reason given',
                            f"gigctl reopen {task.ref}, then gigctl sign --despite WHY")  # fmt: skip
    return Signed(task, content, revision, decision)


def _compare(tx: Tx, task: TaskRecord, decision: DecisionRecord, content: Content) -> None:
    if decision.signed_revision != content.sha256:
        raise LedgerError(f"{task.ref} is not what was signed: its bytes are others", "gigctl ledger verify")
    newest = tasks.hash_input(tx, task.id, task.input_n)
    if not decision.signed_input == task.input_hash == newest:
        raise LedgerError(f"{task.ref} was signed for another version of its source", f"gigctl reopen {task.ref}")


def refuse_forged(tx: Tx, signed: Sequence[Signed]) -> None:
    """A signature counts only as the journal has it: a row that was put into the file is none. Raises LedgerError."""
    own = {f"(task {one.task.id})": one.task.ref for one in signed}
    for sentence in decisions.check_decisions(tx):
        ref = next((ref for mark, ref in own.items() if mark in sentence), None)
        if ref is not None:
            raise LedgerError(f"{ref}'s signature can't be relied on: {sentence}", "gigctl ledger verify")


def to_signoff(signed: Signed) -> Signoff:
    decision = signed.decision
    return Signoff(
        task=signed.task.ref,
        revision=decision.signed_revision or "",
        input=decision.signed_input or "",
        at=decision.at,
        by=decision.actor,
        checks=tuple(
            SeenCheck(name, verdict, bool(required), mark, bool(unsandboxed))
            for name, verdict, required, mark, unsandboxed in decision.checks
        ),
        despite=decision.despite,
        carried=decision.carried_from is not None,
        signer=decision.signer or "",
        signature=decision.signature,
    )


# --- who drafted ---


def list_ai_use(tx: Tx, signed: Sequence[Signed]) -> AIUse:
    """By the ledger: which agent and model drafted what was signed, and what a human changed of it."""
    made: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for one in signed:
        agent, model, edited = _origin(tx, one)
        refs, changed = made.setdefault((agent, model), ([], []))
        refs.append(one.task.ref)
        if edited and agent:
            changed.append(one.task.ref)
    drafts = tuple(
        DraftedBy(agent, model, tuple(refs), tuple(changed)) for (agent, model), (refs, changed) in sorted(made.items())
    )
    return AIUse(_statement(drafts, sorted({one.decision.actor for one in signed})), drafts)


def _origin(tx: Tx, signed: Signed) -> tuple[str, str, bool]:
    """Agent and model of the draft that a signed revision goes back to, and whether a human changed it since."""
    known = {revision.number: revision for revision in revisions.list_revisions(tx, signed.task.id)}
    calls = {attempt.id: attempt for attempt in attempts.list_attempts(tx, task=signed.task.id)}
    at: RevisionRecord | None = signed.revision
    edited = False
    while at is not None and (at.made_by == "human" or (at.made_by == "memory" and at.parent is not None)):
        edited = edited or at.made_by == "human"  # what a new base made of a draft is still the draft's
        at = None if at.parent is None else known.get(at.parent)
    if at is None or at.made_by != "agent":
        return "", "", edited
    call = calls.get(at.attempt_id) if at.attempt_id is not None else None
    return at.agent or "an agent", call.model if call else "", edited


def _statement(drafts: Sequence[DraftedBy], actors: Sequence[str]) -> str:
    by_agent = [draft for draft in drafts if draft.agent]
    total = sum(len(draft.tasks) for draft in drafts)
    machine = sum(len(draft.tasks) for draft in by_agent)
    if not machine:
        return f"No machine drafted any of the {total} parts. Each was signed by {', '.join(actors)}."
    edited = sum(len(draft.edited) for draft in by_agent)
    names = ", ".join(dict.fromkeys(draft.model or draft.agent for draft in by_agent))
    return (
        f"Drafted by machine ({names}): {machine} of {total} parts; changed by a person since: {edited}; "
        f"written by a person alone: {total - machine}. Every part was signed by {', '.join(actors)}."
    )
