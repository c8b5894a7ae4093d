"""What an agent asked a person, and the answer: it opens a round whose note is both, and `run` goes on.

An agent that can take up its session again is only told the answer; another one is asked anew, with the note.
"""

from __future__ import annotations

from gigctl.agents.base import find_session
from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.facts import Situation
from gigctl.flow.references import get_task
from gigctl.ledger import attempts, rounds, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Reply
from gigctl.records import AttemptRecord, RoundRecord, TaskRecord

__all__ = ["answer", "find_reply"]

_ANSWER = "\n\nThe answer: "


def answer(desk: Desk, word: str, text: str) -> str:
    """Stores an answer; nobody is called until `run`. The reference of the task. UsageError where nothing is asked."""
    if not text.strip():
        raise UsageError("the answer is empty", f"gigctl answer {word} TEXT")
    with desk.ledger.writing() as tx:
        task = get_task(tx, word).task
        round_ = rounds.find_open_round(tx, task.id)
        asked = None if round_ is None else _find_asked(tx, task, round_)
        if round_ is None or asked is None:
            raise UsageError(f"{task.ref}: no agent waits for an answer", f'gigctl redo {task.ref} -m "…" asks again')
        if rounds.list_leases(tx, round_.id):
            raise UsageError(f"{task.ref} is being worked on by a run", "wait until it is done, or stop it")
        note = f"You asked: {asked.reason}{_ANSWER}{text.strip()}"
        rounds.open_round(
            tx, task, agents=round_.agents, wanted=round_.wanted, drafts=len(round_.slots), repairs=round_.repairs,
            max_cost_each=round_.max_cost_each, notes=[note], fresh=round_.fresh,
        )  # fmt: skip
        tasks.set_state(tx, task.id, tasks.waiting_state(tx, task.id))
    return task.ref


def _find_asked(tx: Tx, task: TaskRecord, round_: RoundRecord) -> AttemptRecord | None:
    """The call of an open round that ended with a question; a task that is signed or cancelled asks nothing."""
    if task.state in ("signed", "cancelled"):
        return None
    made = [each for each in attempts.list_attempts(tx, round_id=round_.id) if each.outcome != attempts.UNSENT]
    last = {each.slot_id: each for each in made}
    return next((each for each in reversed(last.values()) if each.outcome == "question"), None)


def find_reply(tx: Tx, situation: Situation, agent: str) -> Reply | None:
    """The answer that the first call of a round is to tell this agent, in the session in which it asked."""
    if situation.round is None or situation.attempts or not situation.round.notes:
        return None
    made = [each for each in attempts.list_attempts(tx, task=situation.task.id) if each.outcome != attempts.UNSENT]
    if not made or made[-1].outcome != "question" or made[-1].agent != agent:
        return None
    session = find_session(attempts.get_answer(tx, made[-1].id))
    said = situation.round.notes[-1].partition(_ANSWER)[2]
    return Reply(session, said) if session and said else None
