"""What `next_steps` is told: the ledger's rows of one task, as plain facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gigctl.flow.steps import AttemptFact, RoundFacts, SlotFacts, TaskFacts, VerdictFact
from gigctl.ledger import attempts, revisions, rounds, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Verdict
from gigctl.records import AttemptRecord, RoundRecord, TaskRecord

__all__ = ["Situation", "load_situation"]


@dataclass(frozen=True, slots=True)
class Situation:
    """A task with its open round, as rows and as facts."""

    task: TaskRecord
    round: RoundRecord | None
    attempts: dict[int, AttemptRecord]
    task_facts: TaskFacts
    round_facts: RoundFacts | None


def load_situation(
    tx: Tx, task_id: int, *, run: int = 0, stopped: Iterable[str] = (), held: Iterable[str] = (), broke: bool = False,
    retry_unknown: bool = False,
) -> Situation:  # fmt: skip
    """The facts as the run `run` (0: one that is not begun) sees them: a slot that another run leases is that one's."""
    task = tasks.get_task_by_id(tx, task_id)
    round_ = rounds.find_open_round(tx, task_id)
    facts = TaskFacts(task.state, frozenset(stopped), frozenset(held), broke)
    if round_ is None:
        return Situation(task, None, {}, facts, None)
    made = attempts.list_attempts(tx, round_id=round_.id)
    drafts = attempts.list_revisions_of(tx, [attempt.id for attempt in made])
    verdicts = {attempt: revisions.list_verdicts(tx, revision) for attempt, revision in drafts.items()}
    leases = rounds.list_leases(tx, round_.id)
    slots = tuple(
        SlotFacts(
            slot, n, tuple(_fact(a, run, drafts.get(a.id), verdicts.get(a.id)) for a in made if a.slot_id == slot),
            leased=leases.get(slot, run) != run,
        )
        for n, slot in enumerate(round_.slots, 1)
    )  # fmt: skip
    known = RoundFacts(round_.agents, slots, round_.wanted, round_.repairs, retry_unknown)
    return Situation(task, round_, {attempt.id: attempt for attempt in made}, facts, known)


def _fact(attempt: AttemptRecord, run: int, revision: int | None, verdicts: tuple[Verdict, ...] | None) -> AttemptFact:
    found = None if verdicts is None else tuple(VerdictFact(v.outcome, v.required) for v in verdicts)
    return AttemptFact(
        agent=attempt.agent,
        outcome=attempt.outcome,
        this_run=attempt.run == run,
        free=attempt.reserved == 0,
        revision=revision,
        verdicts=found,
        mends=attempt.mends,
        id=attempt.id,
    )
