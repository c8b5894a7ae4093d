"""The client's base moved: drafts are put on the new one, and signatures carried where nothing that they saw changed.

What a signature of a change to a tree saw is the changed paths and their context: the files that these import, and
those that import them. Where all of it is the same in the new base the change is, byte for byte, what was signed; its
required checks run again on the new tree, and where they pass the signature is carried, as a decision of its own that
names the human's. All else goes back to review. A conflict is marked in the files, and the task's new input has the
check `conflicts`, so that nobody signs the marks unawares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gigctl.crafts.registry import get_craft
from gigctl.errors import TemporaryError, UsageError
from gigctl.flow import checking, integration
from gigctl.flow.dependents import release_dependents, renew_integration, void
from gigctl.flow.desk import Desk
from gigctl.flow.erasing import check_idle
from gigctl.flow.references import get_gig
from gigctl.ledger import decisions, gigs, revisions, rounds, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Change, CheckSpec, Content, Own
from gigctl.records import DecisionRecord, GigRecord, RevisionRecord, RoundRecord, TaskRecord
from gigctl.system.git import Base, Store, add_base
from gigctl.system.git.rebase import Conflict, Rebased, find_common_base, rebase_content

__all__ = ["Moved", "TaskMove", "move_base"]

Fate = Literal["carried", "review", "conflict", "redo", "ready"]
"""What becomes of a task: its signature is kept; it is (back) in review; so with marks of a conflict in it; its draft
can't be put on the new base at all; it had no draft."""
_SHOWN = 512 * 1024
"""Bytes of the largest file whose imports are looked at."""


class TaskMove(Struct, frozen=True):
    """What becomes of one task, why in half a sentence, and the paths in conflict."""

    ref: str
    fate: Fate
    why: str
    conflicts: tuple[Conflict, ...] = ()


class Moved(Struct, frozen=True):
    """`old` and `new` are commits; equal where there was nothing to do. `done` is False for a dry run."""

    gig: str
    old: str
    new: str
    tasks: tuple[TaskMove, ...]
    done: bool


class _Known(Struct, frozen=True):
    """A task as it stood when the move was worked out."""

    task: TaskRecord
    revision: RevisionRecord | None
    content: Content | None
    decision: DecisionRecord | None


class _Plan(Struct, frozen=True):
    """What is to be done with a task: `carry` is the human's signature that may be kept."""

    known: _Known
    move: TaskMove
    rebased: Content | None = None
    carry: DecisionRecord | None = None


def move_base(desk: Desk, word: str, rev: str, *, dry_run: bool = False) -> Moved:
    """Puts a gig and all its tasks on the commit that `rev` is now in the client's repository.

    Raises UsageError (no repository, no such commit, an unrelated history, a closed gig), TemporaryError where a run
    works on it or something else changed it meanwhile.
    """
    with desk.ledger.reading() as tx:
        gig = get_gig(tx, word)
        _refuse(desk, tx, gig)
        known = [_load(tx, task) for task in tasks.list_tasks(tx, gig.id)]
    store = Store.open(desk.store)
    base = add_base(store, Path(gig.repository), rev)
    old = gig.base_commit or ""
    if base.commit == old:
        return Moved(gig.ref, old, old, (), done=False)
    if find_common_base(store, old, base.commit) is None:
        raise UsageError(f"{rev} has no history in common with {old[:12]}, which {gig.ref} starts from",
                         "gigctl gig add makes a gig of it")  # fmt: skip
    plans = _plan(store, gig, base, known)
    if dry_run:
        return Moved(gig.ref, old, base.commit, tuple(plan.move for plan in plans), done=False)
    made = _write(desk, gig, base, plans)
    moves = {plan.known.task.id: plan.move for plan in plans}
    for plan, revision in made:
        moves[plan.known.task.id] = _settle(desk, store, plan, revision)
    return Moved(gig.ref, old, base.commit, tuple(moves.values()), done=True)


def _refuse(desk: Desk, tx: Tx, gig: GigRecord) -> None:
    if gig.state == "closed":
        raise UsageError(f"{gig.ref} is closed", f"gigctl gig edit {gig.ref} --state open")
    if not gig.repository or gig.base_commit is None:
        raise UsageError(f"{gig.ref} has no repository whose base could move", f"gigctl gig show {gig.ref}")
    check_idle(desk, tx, gig.ref, gig.client_id, gig.id)


def _load(tx: Tx, task: TaskRecord) -> _Known:
    revision = None if task.current_id is None else revisions.get_revision_by_id(tx, task.current_id)
    content = None if revision is None else revisions.get_content(tx, revision.id)
    decision = None if task.signed_id is None else decisions.get_decision(tx, task.signed_id)
    return _Known(task, revision, content, decision)


# --- what is to be done ---


def _plan(store: Store, gig: GigRecord, base: Base, known: Sequence[_Known]) -> list[_Plan]:
    differing = {change.path for change in store.list_changes(gig.base_tree or "", base.tree)}
    signed = any(one.decision is not None for one in known)
    bases = [store.read_files(tree, largest=_SHOWN) if signed else () for tree in (gig.base_tree or "", base.tree)]
    told = f"the new base {base.commit[:12]}"
    return [
        _plan_one(store, base, one, differing, bases, told) for one in known if not integration.list_joined(one.task)
    ]


def _plan_one(
    store: Store, base: Base, known: _Known, differing: set[str], bases: Sequence[Sequence[Change]], told: str
) -> _Plan:  # fmt: skip
    ref = known.task.ref
    if known.content is None or known.revision is None or known.revision.rejected:
        return _Plan(known, TaskMove(ref, "ready", "no draft yet"))
    if known.revision.input_n != known.task.input_n:
        return _Plan(known, TaskMove(ref, "redo", "its draft was made for an older source"))
    paths = {change.path for change in known.content.changes}
    why = _why_looked_at(known, paths, differing, bases)
    if why == "":
        carried = replace(known.content, base=base.tree)
        return _Plan(known, TaskMove(ref, "carried", _SAME), carried, known.decision)
    rebased = rebase_content(store, known.content, base.tree, ours=ref, theirs=told)
    return _Plan(known, _move(ref, why, rebased), rebased.content)


_SAME = "its files and what they hang on are as they were"


def _why_looked_at(
    known: _Known, paths: set[str], differing: set[str], bases: Sequence[Sequence[Change]]
) -> str:  # fmt: skip
    """Why a human has to look (again), in half a sentence; empty where a signature may be carried. What a change hangs
    on may be new: it is looked for in both `bases`, the one that was and the one that is."""
    changed = _first(path for path in differing if _touches(path, paths))
    if changed:
        return f"the client changed {changed}"
    if known.decision is None or known.content is None:
        return "its draft is on the new base"
    own = {change.path: change for change in known.content.changes}
    trees = [tuple(({change.path: change for change in shown} | own).values()) for shown in bases]
    craft = get_craft(known.task.craft)
    nearby = _first(differing & frozenset().union(*(craft.find_neighbours(tree, paths) for tree in trees)))
    if nearby:
        return f"the client changed {nearby}, which it hangs on"
    return "it was signed with a key, and only that key signs again" if known.decision.signer else ""


def _touches(path: str, paths: Iterable[str]) -> bool:
    """Whether a path is one of some, or lies in or around one (a file where the other side has a folder)."""
    return any(path == own or path.startswith(own + "/") or own.startswith(path + "/") for own in paths)


def _first(paths: Iterable[str]) -> str:
    found = sorted(paths)
    return f"{found[0]} and {len(found) - 1} more" if len(found) > 1 else "".join(found)


def _move(ref: str, why: str, rebased: Rebased) -> TaskMove:
    if rebased.content is None:
        return TaskMove(ref, "redo", "its draft can't be put on the new base", rebased.conflicts)
    if rebased.conflicts:
        return TaskMove(ref, "conflict", why, rebased.conflicts)
    if not rebased.content.changes:
        return TaskMove(ref, "review", "the new base has its change already")
    return TaskMove(ref, "review", why)


# --- doing it ---


def _write(desk: Desk, gig: GigRecord, base: Base, plans: Sequence[_Plan]) -> list[tuple[_Plan, int]]:
    """All of it in one transaction, no signature left: those that are carried are made anew after the checks. The new
    revisions."""
    made = []
    with desk.ledger.writing() as tx:
        now = gigs.get_gig_by_id(tx, gig.id)
        _refuse(desk, tx, now)
        if now.base_commit != gig.base_commit or any(_moved(tx, plan.known.task) for plan in plans):
            raise TemporaryError(f"{gig.ref} was changed while it was being updated", "say it again")
        gigs.move_base(tx, now, base.commit, base.tree)
        for plan in sorted(plans, key=lambda plan: plan.carry is not None):  # what is not carried ends what needs it
            revision = _write_one(tx, base, plan)
            if revision is not None:
                made.append((plan, revision))
        for task in tasks.list_tasks(tx, gig.id):
            if integration.list_joined(task):
                renew_integration(tx, desk.store, task)
    return sorted(made, key=lambda pair: pair[0].known.task.position)


def _moved(tx: Tx, task: TaskRecord) -> bool:
    now = tasks.get_task_by_id(tx, task.id)
    return (now.input_n, now.current_id, now.state, now.signed_id) != (
        task.input_n, task.current_id, task.state, task.signed_id)  # fmt: skip


def _write_one(tx: Tx, base: Base, plan: _Plan) -> int | None:
    """The task's new input, and its draft on the new base."""
    task = tasks.get_task_by_id(tx, plan.known.task.id)
    if plan.carry is None:
        void(tx, task)
    else:
        decisions.void_signature(tx, task)
    round_ = rounds.find_open_round(tx, task.id)
    if round_ is not None:
        rounds.close_round(tx, round_.id)
    own = _own(tx, task, plan.move.conflicts if plan.rebased is not None else ())
    tasks.add_input(tx, tasks.owner_of(task), task.id, Content((), base.tree), own)
    task = tasks.get_task_by_id(tx, task.id)
    revision = None
    if plan.rebased is not None:
        revision = revisions.add_revision(tx, task, plan.rebased, made_by="memory", parent=task.current_id)
        tasks.set_current(tx, task.id, revision)
    if round_ is not None and task.state == "ready":
        _ask_again(tx, task, round_)
    elif revision is not None or (plan.move.fate == "redo" and task.state != "failed"):
        tasks.set_state(tx, task.id, "review")
    else:
        tasks.set_state(tx, task.id, tasks.waiting_state(tx, task.id))
    return revision


def _ask_again(tx: Tx, task: TaskRecord, round_: RoundRecord) -> None:
    """What was asked for and not yet done is asked for on the new base."""
    rounds.open_round(
        tx, task, agents=round_.agents, wanted=round_.wanted, drafts=max(len(round_.slots), 1), repairs=round_.repairs,
        max_cost_each=round_.max_cost_each, notes=round_.notes, fresh=round_.fresh,
    )  # fmt: skip


def _own(tx: Tx, task: TaskRecord, conflicts: Sequence[Conflict]) -> Own | None:
    """What the input says itself, with the check that a conflict asks for, and without one that was settled."""
    own = tasks.get_own(tx, task)
    if own is not None:
        brief = tasks.get_texts(tx, task.id)[0] if tasks.has_own_brief(tx, task.id) else ""
        kept = tuple(spec for spec in own.checks if spec.check != "conflicts")
        own = replace(own, brief=brief, checks=kept)
    if not conflicts:
        return own
    left = {one.path: [one.sha256, one.why] for one in conflicts if not one.marked}
    spec = CheckSpec("conflicts", "conflicts", {"left": left} if left else {})
    own = own or Own()
    return replace(own, checks=(*own.checks, spec))


def _settle(desk: Desk, store: Store, plan: _Plan, revision: int) -> TaskMove:
    """Runs the checks of a new revision, and carries the signature where the required ones pass."""
    with desk.ledger.reading() as tx:
        task = tasks.get_task_by_id(tx, plan.known.task.id)
        gig = gigs.get_gig_by_id(tx, task.gig_id)
        question = checking.load_question(tx, gig, task, revision)
    verdicts = asyncio.run(checking.check_revision(question, store=desk.store))
    with desk.ledger.writing() as tx:
        checking.record_verdicts(tx, task.id, revision, verdicts)
        if plan.carry is None:
            return plan.move
        gating = next((verdict for verdict in verdicts if verdict.gates), None)
        if gating is not None:
            why = f'required check "{gating.name}" is {gating.outcome} on the new base'
            return TaskMove(task.ref, "review", why)
        return _carry(tx, desk.store, plan, task, revision)


def _carry(tx: Tx, store: Path, plan: _Plan, before: TaskRecord, revision: int) -> TaskMove:
    task = tasks.get_task_by_id(tx, before.id)
    if (task.state, task.current_id, task.input_n) != ("review", revision, before.input_n):
        return TaskMove(task.ref, "review", "something else changed it meanwhile")
    needs = [tasks.get_task_by_id(tx, other) for other, _ in tasks.list_needs(tx, task.id)]
    if waits := next((other.ref for other in needs if other.state not in ("signed", "cancelled")), None):
        return TaskMove(task.ref, "review", f"it waits for {waits}, which is to be signed again")
    old = plan.carry
    assert old is not None  # noqa: S101
    made = revisions.get_revision_by_id(tx, revision)
    decisions.sign_revision(
        tx, task, made, made.verdicts, actor=old.actor, carried_from=old.carried_from or old.id, note=old.note or None
    )
    release_dependents(tx, task, revisions.get_content(tx, revision), store)
    return plan.move
