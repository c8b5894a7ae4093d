"""Deciding: sign, reject, redo, reopen, edit, check. Only a human comes here; no agent has a way in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gigctl.errors import GateError, UsageError, WaitsForHuman
from gigctl.flow import checking
from gigctl.flow.actor import describe, find_actor
from gigctl.flow.dependents import release_dependents, void
from gigctl.flow.desk import Desk
from gigctl.flow.references import Target, find_tasks
from gigctl.insight.alternatives import list_undecided
from gigctl.ledger import attempts, decisions, deliveries, gigs, revisions, rewording, rounds, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Content, Verdict
from gigctl.records import DeliveryRecord, GigRecord, RevisionRecord, TaskRecord

__all__ = [
    "Sheet",
    "SheetItem",
    "Unchanged",
    "add_edit",
    "check_now",
    "find_deliveries",
    "prepare_sign",
    "redo",
    "refuse_edit",
    "reject",
    "reopen",
    "sign",
]


# --- sign ---


class SheetItem(Struct, frozen=True):
    """One task on a sheet to be signed: what would be signed and what is known of it."""

    task: TaskRecord
    revision: RevisionRecord
    text: str  # of a text
    paths: tuple[str, ...]  # of a change to a tree
    edited: bool  # by the freelancer, since the draft
    cost: int  # picodollars
    reworded: bool = False  # what it was asked by changed since

    @property
    def gating(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.revision.verdicts if verdict.gates)


class Sheet(Struct, frozen=True):
    """What a signature would cover. `whole` is True where every revision was named, which decides by itself."""

    items: tuple[SheetItem, ...]
    signed_before: tuple[str, ...]
    whole: bool

    @property
    def edited(self) -> int:
        return sum(item.edited for item in self.items)

    @property
    def gating(self) -> list[tuple[str, Verdict]]:
        return [(item.task.ref, verdict) for item in self.items for verdict in item.gating]

    @property
    def cost(self) -> int:
        return sum(item.cost for item in self.items)


def prepare_sign(desk: Desk, words: Sequence[str]) -> Sheet:
    """What the references mean, with its checks run. Raises UsageError, WaitsForHuman where something is not ready."""
    with desk.ledger.reading() as tx:
        targets = find_tasks(tx, words, states=("review", "ready", "blocked", "failed", "signed"))
        known = {gig: gigs.get_gig_by_id(tx, gig) for gig in {target.task.gig_id for target in targets}}
        unassessed = [target for target in targets if _wants_checks(tx, known[target.task.gig_id], target)]
    for target in unassessed:
        _check(desk, target)
    with desk.ledger.reading() as tx:
        targets = [Target(tasks.get_task_by_id(tx, target.task.id), target.revision) for target in targets]
        before = tuple(target.task.ref for target in targets if _is_signed(tx, target))
        open_ = [target for target in targets if not _is_signed(tx, target)]
        _refuse_unready(tx, open_)
        items = tuple(_item(tx, target) for target in open_)
    if not items and not before:
        raise UsageError("nothing was named that can be signed", "gigctl queue")
    return Sheet(items, before, whole=bool(items) and all(target.revision is not None for target in open_))


def _wants_checks(tx: Tx, gig: GigRecord, target: Target) -> bool:
    """Whether its verdicts are missing, or are not those of today's checks, terms and source."""
    if target.task.state in ("cancelled", "blocked") or _is_signed(tx, target):
        return False
    if target.revision is None and target.task.current_id is None:
        return False
    revision = revisions.get_revision(tx, target.task, target.revision)
    return not (revision.assessed and checking.is_answered(tx, gig, target.task, revision))


def _is_signed(tx: Tx, target: Target) -> bool:
    if target.task.state != "signed":
        return False
    return target.revision is None or target.revision == target.task.current


def _refuse_unready(tx: Tx, targets: Sequence[Target]) -> None:
    """All that stands in the way, at once."""
    together = {target.task.id for target in targets}
    found = [(target.task, why) for target in targets if (why := _why_unready(tx, target, together))]
    if found:
        lines = "; ".join(f"{task.ref} {why}" for task, why in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise WaitsForHuman(f"not signed: {lines}{more}", _way_out([task for task, _ in found]))


def _way_out(unready: Sequence[TaskRecord]) -> str:
    """What to do first; for several tasks without a draft that are of one gig, the gig at once."""
    undrafted = [task for task in unready if task.current_id is None and task.state in ("ready", "failed")]
    if not undrafted or undrafted[0] != unready[0]:
        return f"gigctl show {unready[0].ref}"
    together = len(undrafted) > 1 and len({task.gig for task in undrafted}) == 1
    return f"gigctl run {undrafted[0].gig if together else undrafted[0].ref}"


def _why_unready(tx: Tx, target: Target, together: set[int]) -> str:
    """`together` are the ids of the tasks that are to be signed in the same act."""
    task = target.task
    if task.state == "cancelled":
        return "is cancelled"
    for needed, kind in tasks.list_needs(tx, task.id):
        other = tasks.get_task_by_id(tx, needed)
        if other.state != "signed" and (kind == "source" or needed not in together):
            return f"waits for the signature of {other.ref}"
    if target.revision is None and task.current_id is None:
        return "has no draft yet"
    revision = revisions.get_revision(tx, task, target.revision)
    if revision.rejected:
        return f"was rejected (@{revision.number})"
    if revision.input_n != task.input_n:
        return f"was made for an older source (@{revision.number}): redo or edit it"
    if target.revision is None:
        others = [f"@{other.number}" for other in list_undecided(tx, task)]
        if others:
            return f"has undecided drafts {', '.join(others)}: name the revision, as in {task.ref}@{task.current}"
    if target.revision is None and rounds.is_asked_again(tx, task.id, revision.id):
        return f"was asked for again after @{revision.number}: run it, or name {task.ref}@{revision.number}"
    return ""


def _item(tx: Tx, target: Target) -> SheetItem:
    revision = revisions.get_revision(tx, target.task, target.revision)
    content = revisions.get_content(tx, revision.id)
    return SheetItem(
        target.task, revision, content.text, tuple(change.path for change in content.changes if not content.is_text),
        edited=revision.made_by == "human",
        cost=attempts.cost_of_task(tx, target.task.id), reworded=rewording.is_reworded(tx, revision.id),
    )  # fmt: skip


def sign(desk: Desk, sheet: Sheet, *, despite: str | None = None, signer: str | None = None) -> list[str]:
    """Signs what the sheet shows and nothing else; the references that were signed. Raises GateError, UsageError."""
    if sheet.gating and not despite:
        ref, verdict = sheet.gating[0]
        why = verdict.evidence[0].message.partition("\n")[0] if verdict.evidence else verdict.outcome
        more = f" (and {len(sheet.gating) - 1} more)" if len(sheet.gating) > 1 else ""
        raise GateError(
            f'not signed: {ref}: required check "{verdict.name}" is {verdict.outcome}: {why}{more}',
            f'gigctl edit {ref}, or sign with --despite "reason"',
        )
    who = describe(find_actor())
    signatures = _signatures(desk, sheet.items, signer)
    with desk.ledger.writing() as tx:
        for item, (key, signature) in zip(sheet.items, signatures, strict=True):
            _sign_one(tx, item, who, despite if item.gating else None, key, signature, desk.store)
    return [item.revision.ref for item in sheet.items]


def _sign_one(
    tx: Tx, item: SheetItem, who: str, despite: str | None, key: str | None, signature: str | None, store: Path
) -> None:  # fmt: skip
    """Signs exactly what was shown: whatever moved since then is refused."""
    task = tasks.get_task_by_id(tx, item.task.id)
    revision = revisions.get_revision(tx, task, item.revision.number)
    moved = (task.input_hash, task.current_id, task.state) != (
        item.task.input_hash,
        item.task.current_id,
        item.task.state,
    )
    if moved or revision.verdicts != item.revision.verdicts or revision.rejected:
        raise UsageError(f"{task.ref} changed while it was being signed", f"look again: gigctl show {task.ref}")
    void(tx, task)
    decisions.sign_revision(
        tx, task, revision, revision.verdicts, actor=who, despite=despite, signer=key, signature=signature
    )
    if (round_ := rounds.find_open_round(tx, task.id)) is not None:
        rounds.close_round(tx, round_.id)
    release_dependents(tx, task, revisions.get_content(tx, revision.id), store)


def _signatures(desk: Desk, items: Sequence[SheetItem], signer: str | None) -> list[tuple[str | None, str | None]]:
    """The key's fingerprint and its signature of each sign-off: one question for a passphrase, however many."""
    if not signer:
        return [(None, None)] * len(items)
    from gigctl.flow import signers

    statements = [
        signers.signoff_statement(
            desk.ledger.id, item.task.ref, item.task.input_hash, item.revision.sha256,
            [(v.name, v.outcome, v.fingerprint) for v in item.revision.verdicts],
        )
        for item in items
    ]  # fmt: skip
    key = signers.fingerprint(signer)
    return [(key, signature) for signature in signers.sign_all(statements, signer)]


# --- send back ---


def redo(desk: Desk, words: Sequence[str], note: str, default: Sequence[str]) -> list[str]:
    """Opens a round with the note and the last agents; nobody is called until `run`. The tasks' references."""
    who = describe(find_actor())
    with desk.ledger.writing() as tx:
        targets = find_tasks(tx, words, states=("review", "failed", "ready"))
        if not targets:
            raise UsageError("nothing that was named is open", "gigctl queue")
        for target in targets:
            _refuse_signed(target.task, "redo")
            decisions.add_decision(tx, target.task, "redo", actor=who, revision=target.task.current_id, note=note)
            _ask_again(tx, target.task, note, default)
    return [target.task.ref for target in targets]


def reject(desk: Desk, words: Sequence[str], why: str, default: Sequence[str]) -> list[str]:
    """Closes revisions; a task that has none left asks for another. The revisions' references."""
    closed = []
    who = describe(find_actor())
    with desk.ledger.writing() as tx:
        targets = find_tasks(tx, words, states=("review",))
        if not targets:
            raise UsageError("nothing that was named waits for you", "gigctl queue")
        for target in targets:
            _refuse_signed(target.task, "reject")
            revision = revisions.get_revision(tx, target.task, target.revision)
            if revision.rejected:
                raise UsageError(f"{revision.ref} was rejected before")
            decision = decisions.add_decision(tx, target.task, "reject", actor=who, revision=revision.id, note=why)
            revisions.reject_revision(tx, revision.id, decision)
            _after_reject(tx, target.task, revision, why, default)
            closed.append(revision.ref)
    return closed


def _after_reject(tx: Tx, task: TaskRecord, revision: RevisionRecord, why: str, default: Sequence[str]) -> None:
    best = revisions.find_best_revision(tx, task.id)
    if task.current_id == revision.id:
        tasks.set_current(tx, task.id, best)
    if best is None:
        _ask_again(tx, task, why, default)
    elif (round_ := rounds.find_open_round(tx, task.id)) is not None and not rounds.list_leases(tx, round_.id):
        rounds.close_round(tx, round_.id)  # what was rejected is not repaired


def _ask_again(tx: Tx, task: TaskRecord, note: str, default: Sequence[str]) -> None:
    last = rounds.find_last_round(tx, task.id)
    agents = last.agents if last is not None else task.agents or tuple(default)
    repairs = last.repairs if last is not None else 2
    if last is not None and rounds.list_leases(tx, last.id):
        raise UsageError(f"{task.ref} is being worked on by a run", "wait until it is done, or stop it")
    rounds.open_round(
        tx, task, agents=agents[:1] if last and last.wanted == "all" else agents, repairs=repairs, notes=[note]
    )
    tasks.set_state(tx, task.id, tasks.waiting_state(tx, task.id))


def _refuse_signed(task: TaskRecord, verb: str) -> None:
    if task.state in ("signed", "cancelled"):
        raise UsageError(f"{task.ref} is {task.state}", f"gigctl reopen {task.ref} first, then gigctl {verb}")


def reopen(desk: Desk, words: Sequence[str]) -> list[str]:
    """Brings signed (or cancelled) work back: its signature is void. The tasks' references."""
    opened = []
    who = describe(find_actor())
    with desk.ledger.writing() as tx:
        targets = find_tasks(tx, words, states=("signed",))
        for target in targets:
            task = target.task
            if task.state not in ("signed", "cancelled"):
                raise UsageError(f"{task.ref} is open: it is in state {task.state}", f"gigctl show {task.ref}")
            decisions.add_decision(tx, task, "reopen", actor=who, revision=task.current_id)
            void(tx, task)
            has_draft = task.current_id is not None
            tasks.set_state(tx, task.id, "review" if has_draft else tasks.waiting_state(tx, task.id))
            opened.append(task.ref)
    if not opened:
        raise UsageError("nothing that was named is signed", "gigctl queue")
    return opened


def find_deliveries(desk: Desk, refs: Sequence[str]) -> list[DeliveryRecord]:
    """By gig, the last delivery that any of these tasks was in: what a client has of them."""
    found: dict[str, DeliveryRecord] = {}
    named = set(refs)
    with desk.ledger.reading() as tx:
        for gig in dict.fromkeys(target.task.gig_id for target in find_tasks(tx, refs)):
            for delivery in deliveries.list_deliveries(tx, gigs.get_gig_by_id(tx, gig)):
                if named & set(delivery.tasks):
                    found[delivery.gig] = delivery
    return list(found.values())


# --- edit and check ---


class Unchanged(UsageError):
    """The text is as it was, or was taken back: there is nothing to record, and nothing to keep."""


def refuse_edit(tx: Tx, task: TaskRecord) -> None:
    """Raises UsageError where the task's text is not to be changed now, with the way there."""
    if gigs.get_gig_by_id(tx, task.gig_id).state == "closed":
        raise UsageError(f"{task.gig} is closed", f"gigctl gig edit {task.gig} --state open")
    _refuse_signed(task, "edit")
    if task.state == "blocked":
        raise UsageError(f"{task.ref} is blocked", f"gigctl show {task.ref}")


def add_edit(desk: Desk, task: TaskRecord, content: Content, *, seconds: float | None = None) -> RevisionRecord:
    """A human's revision, checked. Raises UsageError where nothing changed, or the task is not to be edited."""
    with desk.ledger.writing() as tx:
        now = tasks.get_task_by_id(tx, task.id)
        if now.current_id != task.current_id or now.input_n != task.input_n:
            raise UsageError(f"{task.ref} changed while it was being edited", f"gigctl show {task.ref}")
        refuse_edit(tx, now)
        if now.current_id is not None and revisions.get_content(tx, now.current_id).sha256 == content.sha256:
            current = revisions.get_revision(tx, now)
            if current.input_n == now.input_n:
                raise Unchanged(f"nothing was changed in {task.ref}")
        if (round_ := rounds.find_open_round(tx, task.id)) is not None:
            rounds.close_round(tx, round_.id)
        row = revisions.add_revision(tx, now, content, made_by="human", parent=now.current_id, seconds=seconds)
        tasks.set_current(tx, task.id, row)
        tasks.set_state(tx, task.id, "review")
        number = revisions.get_revision_by_id(tx, row).number
    _check(desk, Target(tasks_now(desk, task.id), number))
    with desk.ledger.reading() as tx:
        return revisions.get_revision_by_id(tx, row)


def tasks_now(desk: Desk, task: int) -> TaskRecord:
    with desk.ledger.reading() as tx:
        return tasks.get_task_by_id(tx, task)


def check_now(desk: Desk, words: Sequence[str], *, unsafe_no_sandbox: bool = False) -> list[RevisionRecord]:
    """Runs the checks of the revisions that references mean. What is only read is known by its bytes; programs run
    again, for what is installed may have changed."""
    with desk.ledger.reading() as tx:
        targets = [t for t in find_tasks(tx, words, states=("review", "signed", "ready", "failed"))
                   if t.revision is not None or t.task.current_id is not None]  # fmt: skip
    if not targets:
        raise UsageError("there is no draft to check", "gigctl run REF")
    for target in targets:
        _check(desk, target, unsafe_no_sandbox=unsafe_no_sandbox, again=True)
    with desk.ledger.reading() as tx:
        return [revisions.get_revision(tx, tasks.get_task_by_id(tx, t.task.id), t.revision) for t in targets]


def _check(desk: Desk, target: Target, *, unsafe_no_sandbox: bool = False, again: bool = False) -> None:
    with desk.ledger.reading() as tx:
        revision = revisions.get_revision(tx, target.task, target.revision)
        gig = gigs.get_gig_by_id(tx, target.task.gig_id)
        question = checking.load_question(
            tx, gig, target.task, revision.id, unsafe_no_sandbox=unsafe_no_sandbox, again=again
        )
    verdicts = asyncio.run(checking.check_revision(question, store=desk.store))
    if tuple(verdicts) != revision.verdicts or not revision.assessed:
        with desk.ledger.writing() as tx:
            checking.record_verdicts(tx, target.task.id, revision.id, verdicts)
