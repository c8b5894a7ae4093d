"""The checks of one revision: what is known of its bytes already, and what has to be run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.registry import get_check
from gigctl.flow import asking, work
from gigctl.flow.current import settle_current
from gigctl.ledger import revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import CheckContext, CheckSpec, Content, Verdict
from gigctl.records import GigRecord, RevisionRecord, TaskRecord

__all__ = ["Question", "check_revision", "find_known", "is_answered", "load_question", "record_verdicts"]


class Question(Struct, frozen=True):
    """A content, its checks and what they may know, with the verdicts that are known already."""

    content: Content
    specs: tuple[CheckSpec, ...]
    context: CheckContext
    known: tuple[Verdict | None, ...]


def load_question(
    tx: Tx, gig: GigRecord, task: TaskRecord, revision: int, *, unsafe_no_sandbox: bool = False, again: bool = False
) -> Question:
    """`again`: what the machine has a say in is run anew, whatever is known."""
    content = revisions.get_content(tx, revision)
    view = asking.load_view(tx, gig, task)
    marks = work.fingerprints(content, view.specs, view.context)
    known = tuple(find_known(tx, spec, mark, again=again) for spec, mark in zip(view.specs, marks, strict=True))
    context = replace(view.context, unsafe_no_sandbox=unsafe_no_sandbox)
    return Question(content, view.specs, context, known)


def is_answered(tx: Tx, gig: GigRecord, task: TaskRecord, revision: RevisionRecord) -> bool:
    """Whether the verdicts of a revision are those of today's checks on it, with what these may know today."""
    view = asking.load_view(tx, gig, task)
    marks = work.fingerprints(revisions.get_content(tx, revision.id), view.specs, view.context)
    asked = [(spec.name, spec.required, mark) for spec, mark in zip(view.specs, marks, strict=True)]
    return asked == [(verdict.name, verdict.required, verdict.fingerprint) for verdict in revision.verdicts]


def find_known(tx: Tx, spec: CheckSpec, mark: str, *, again: bool = False) -> Verdict | None:
    """The verdict on the same bytes. What a program of this machine failed is not known for good: a library that the
    tests want may have been installed since."""
    found = revisions.find_verdict(tx, mark)
    if found is not None and get_check(spec.check).NEEDS_TREE and (again or found.outcome == "fail"):
        return None
    return None if found is None else replace(found, name=spec.name, required=spec.required)


async def check_revision(question: Question, *, store: Path | None) -> list[Verdict]:
    """A verdict a check, in order; what was computed before on the same bytes is not computed again."""
    open_specs = [spec for spec, known in zip(question.specs, question.known, strict=True) if known is None]
    fresh = iter(await work.assess(question.content, open_specs, question.context, store=store) if open_specs else ())
    return [known if known is not None else next(fresh) for known in question.known]


def record_verdicts(tx: Tx, task_id: int, revision: int, verdicts: Sequence[Verdict]) -> None:
    """In the ledger, with what they mean for which revision the task means."""
    task = tasks.get_task_by_id(tx, task_id)
    revisions.record_verdicts(tx, task, revision, verdicts)
    if task.current_id != revision and revisions.get_revision_by_id(tx, revision).made_by == "agent":
        settle_current(tx, task, revision)
