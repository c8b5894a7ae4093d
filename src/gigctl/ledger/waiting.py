"""What waits for a human, in one statement, so that a ledger of a million tasks answers at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gigctl.ledger import blobs
from gigctl.ledger.store import Tx

# One row a task that a human can move: reviewed or failed ones, ready ones that are the human's to write or whose
# call ended unknown. `failing` names the required checks that did not pass, `held_up` counts who waits for it.
_WAITING = """
SELECT task.id, client.slug, gig.number AS gig_number, task.number, task.state, gig.due, task.name, gig.title,
  task.current, task.held_until, revision.number AS current_number, revision.assessed, revision.made_by,
  revision.input < (SELECT max(n) FROM task_input WHERE task = task.id) AS outdated,
  (SELECT group_concat(rv.name || ' ' || v.outcome, ', ') FROM revision_verdict rv JOIN verdict v USING (fingerprint)
    WHERE rv.revision = task.current AND rv.required AND v.outcome <> 'pass') AS failing,
  (SELECT count(*) FROM task_need WHERE needs = task.id) AS held_up,
  (SELECT a.outcome FROM slot JOIN attempt_slot l ON l.slot = slot.id JOIN attempt a ON a.id = l.attempt
    JOIN round ON round.id = slot.round AND round.open WHERE slot.task = task.id ORDER BY a.id DESC LIMIT 1) AS last,
  coalesce((SELECT agents FROM round WHERE task = task.id AND open), task.agents, gig.agents) AS agents
FROM task JOIN gig ON gig.id = task.gig JOIN client ON client.id = gig.client
LEFT JOIN revision ON revision.id = task.current
WHERE task.state IN ('review', 'failed', 'ready') AND gig.state = 'open' AND gig.removed IS NULL
"""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """As the ledger has it; `insight/queue.py` makes reasons and urgency of it."""

    id: int
    ref: str
    gig: str
    state: str
    due: str | None
    name: str
    title: str
    current: int | None
    held_until: str | None
    assessed: bool
    outdated: bool
    failing: str
    held_up: int
    last: str | None
    agents: str


def list_waiting(
    tx: Tx, *, gigs: list[int] | None = None, client: int | None = None, craft: str | None = None,
    state: str | None = None,
) -> Iterator[WaitingRow]:  # fmt: skip
    """Unordered. Without `gigs`, the scratch gigs (number 0) are left out."""
    where, values = "", []
    if gigs is not None:
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
        if row["title"] not in titles:
            titles[row["title"]] = blobs.get_text(tx, row["title"])
        yield _read(row, titles[row["title"]])


def _read(row: Any, title: str) -> WaitingRow:
    gig = f"{row['slug']}-{row['gig_number']}"
    return WaitingRow(
        row["id"], f"{gig}.{row['number']}", gig, row["state"], row["due"], row["name"], title, row["current_number"],
        row["held_until"], row["assessed"] is not None, bool(row["outdated"]), row["failing"] or "", row["held_up"],
        row["last"], row["agents"],
    )  # fmt: skip
