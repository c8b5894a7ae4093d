"""What waits for a human, in one statement, so that a ledger of a million tasks answers at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gigctl.ledger import blobs
from gigctl.ledger.rewording import REWORDED
from gigctl.ledger.store import Tx

OPEN = "task.state IN ('review', 'failed', 'ready', 'blocked')"
"""The words of the index `task_waiting`, which SQLite takes for no others; a query over all gigs wants it, and says
with CROSS JOIN that tasks come first, or it looks at every task of every gig."""

_ASKED_AGAIN = "EXISTS (SELECT 1 FROM round WHERE round.task = task.id AND open AND round.created > revision.created)"

# One row a task that a human can move: reviewed or failed ones, ready ones that are the human's to write or whose
# call ended unknown. `failing` names the required checks that did not pass, `held_up` counts who waits for it.
_WAITING = f"""
SELECT task.id AS id, client.slug || '-' || gig.number || '.' || task.number, client.slug || '-' || gig.number,
  task.state, gig.due, task.name, revision.number, task.held_until, revision.assessed IS NOT NULL,
  revision.id IS NOT NULL AND EXISTS (SELECT 1 FROM task_input WHERE task = task.id AND n > revision.input),
  coalesce((SELECT group_concat(rv.name || ' ' || v.outcome, ', ')
    FROM revision_verdict rv JOIN verdict v USING (fingerprint)
    WHERE rv.revision = task.current AND rv.required AND v.outcome <> 'pass'), ''),
  (SELECT count(*) FROM task_need WHERE needs = task.id),
  CASE WHEN task.state <> 'review' OR revision.id IS NULL OR {_ASKED_AGAIN} THEN (SELECT
      CASE WHEN a.outcome = 'unknown' AND a.reserved = 0 THEN 'cut off' ELSE a.outcome END
    FROM slot JOIN round ON round.id = slot.round AND round.open JOIN attempt_slot l ON l.slot = slot.id
    JOIN attempt a ON a.id = l.attempt WHERE slot.task = task.id ORDER BY a.id DESC LIMIT 1) END AS last,
  {_ASKED_AGAIN},
  coalesce({REWORDED}, 0),
  CASE WHEN task.state <> 'ready' THEN ''
    ELSE coalesce((SELECT agents FROM round WHERE round.task = task.id AND open), task.agents, gig.agents) END,
  gig.title AS title
FROM task CROSS JOIN gig ON gig.id = task.gig JOIN client ON client.id = gig.client
LEFT JOIN revision ON revision.id = task.current
WHERE {OPEN} AND task.state <> 'blocked' AND gig.state = 'open' AND gig.removed IS NULL
"""  # noqa: S608


class WaitingRow(NamedTuple):
    """The columns of the statement, in its order; `insight/queue.py` makes reasons and urgency of them.

    `title` is the text of the gig's, `assessed`, `outdated`, `asked_again` and `reworded` are 0 or 1, `agents` is a
    JSON list. `last` is the last call's outcome where no draft came after it; "cut off" is an unknown one that was
    free. `question` is the text of a last call that ended with one.
    """

    id: int
    ref: str
    gig: str
    state: str
    due: str | None
    name: str
    current: int | None
    held_until: str | None
    assessed: bool
    outdated: bool
    failing: str
    held_up: int
    last: str | None
    asked_again: int
    reworded: int
    agents: str
    title: str
    question: str


def list_waiting(
    tx: Tx, *, task: int | None = None, gigs: list[int] | None = None, client: int | None = None,
    craft: str | None = None, state: str | None = None,
) -> Iterator[WaitingRow]:  # fmt: skip
    """Unordered. Without `task` or `gigs`, the scratch gigs (number 0) are left out."""
    where, values = "", []
    if task is not None:
        where += " AND task.id = ?"
        values.append(task)
    elif gigs is not None:
        where += f" AND task.gig IN ({','.join('?' * len(gigs))})"
        values += gigs
    else:
        where += " AND gig.number > 0"
    for column, value in (("gig.client", client), ("task.craft", craft), ("task.state", state)):
        if value is not None:
            where += f" AND {column} = ?"
            values.append(value)  # type: ignore[arg-type]
    titles: dict[str | None, str] = {}
    for row in tx.stream(_WAITING + where, *values):
        title = row["title"]
        if title not in titles:
            titles[title] = blobs.get_text(tx, title)
        question = _find_question(tx, row["id"]) if row["last"] == "question" else ""
        yield WaitingRow._make((*row[:-1], titles[title], question))


def _find_question(tx: Tx, task: int) -> str:
    sha = tx.value(
        "SELECT a.reason FROM slot JOIN attempt_slot l ON l.slot = slot.id JOIN attempt a ON a.id = l.attempt"
        " WHERE slot.task = ? AND a.outcome = 'question' ORDER BY a.id DESC LIMIT 1",
        task,
    )  # fmt: skip
    return blobs.get_text(tx, sha) if sha else ""
