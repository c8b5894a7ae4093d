"""What `next_steps` is told: the ledger's rows of one task, as plain facts."""

from __future__ import annotations

from msgspec import Struct

from gigctl.flow.steps import AttemptFact, RoundFacts, SlotFacts, VerdictFact
from gigctl.ledger import attempts, revisions, rounds, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Verdict
from gigctl.records import AttemptRecord, RoundRecord, TaskRecord

__all__ = ["Situation", "fresh_situation", "load_situation", "with_draft"]


class Situation(Struct, frozen=True):
    """A task with its open round, as rows and as facts. `leased`: its slots are this run's already, in the transaction
    in which it was made."""

    task: TaskRecord
    round: RoundRecord | None
    attempts: dict[int, AttemptRecord]
    round_facts: RoundFacts | None
    leased: bool = False


def load_situation(tx: Tx, task_id: int, *, run: int = 0, retry_unknown: bool = False) -> Situation:
    """The facts as the run `run` (0: one that is not begun) sees them: a slot that another run leases is that one's."""
    task = tasks.get_task_by_id(tx, task_id)
    round_ = rounds.find_open_round(tx, task_id)
    if round_ is None:
        return Situation(task, None, {}, None)
    # What was never sent is as if it had not been.
    made = [a for a in attempts.list_attempts(tx, round_id=round_.id) if a.outcome != attempts.UNSENT]
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
    return Situation(task, round_, {attempt.id: attempt for attempt in made}, known)


def fresh_situation(task: TaskRecord, round_: RoundRecord, *, leased: bool = False) -> Situation:
    """Of a round that was opened a moment ago, in the same transaction: nothing was done in it yet."""
    slots = tuple(SlotFacts(slot, n) for n, slot in enumerate(round_.slots, 1))
    return Situation(task, round_, {}, RoundFacts(round_.agents, slots, round_.wanted, round_.repairs), leased)


def with_draft(situation: Situation, slot: int, attempt: AttemptFact) -> RoundFacts | None:
    """The facts once a first draft was made in the only slot of its round; None where there is more to know."""
    facts = situation.round_facts
    if facts is None or situation.attempts or [each.id for each in facts.slots] != [slot]:
        return None
    first = SlotFacts(slot, facts.slots[0].n, (attempt,), leased=facts.slots[0].leased)
    return RoundFacts(facts.agents, (first,), facts.wanted, facts.repairs, facts.retry_unknown)


def _fact(attempt: AttemptRecord, run: int, revision: int | None, verdicts: tuple[Verdict, ...] | None) -> AttemptFact:
    found = None if verdicts is None else tuple(VerdictFact(v.outcome, v.required, len(v.evidence)) for v in verdicts)
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
