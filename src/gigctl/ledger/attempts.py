"""Attempts: calls to agents. The intent and its reserved money before, the answer and its cost after.

Money is in picodollars. A reservation of None means that the price is unknown, 0 that the call is free.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct

from gigctl.ledger import blobs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.model import Part, Request, Usage
from gigctl.records import AttemptRecord, TaskRecord


class NoRoom(Struct, frozen=True):
    """Why money can't be reserved. `wait`: the cap is only full of reservations in flight."""

    cap: Literal["run", "task", "gig"]
    left: int
    needed: int | None
    wait: bool


class Settlement(Struct, frozen=True):
    """How a call ended. `cost` None with outcome `unknown`: whether it was paid is not known."""

    outcome: str
    cost: int | None
    usage: Usage | None = None
    model: str = ""
    seconds: float = 0.0
    reason: str = ""
    answer: str | None = None


RELEASED = 0
"""The cost of a call that can't have been paid."""


# --- requests ---


def put_request(tx: Tx, owner: Owner, request: Request) -> str:
    """A request as a list of (role, blob); its hash."""
    # As JSON: roles and hashes are plain words.
    parts = ", ".join(f'["{part.role}", "{blobs.put_text(tx, owner, part.text)}"]' for part in request.parts)
    options = _options(request.max_output, request.temperature, request.seed, request.schema)
    sha = blobs.sha256_of(f"[{parts}]\n{options}".encode())
    tx.run("INSERT OR IGNORE INTO request VALUES (?, ?, ?)", sha, f"[{parts}]", options)
    return sha


@lru_cache(maxsize=16)
def _options(max_output: int, temperature: float | None, seed: int | None, schema: str | None) -> str:
    told = {"max_output": max_output, "temperature": temperature, "seed": seed, "schema": schema}
    return json.dumps(told, sort_keys=True)


def get_request(tx: Tx, sha: str) -> Request:
    row = tx.find("SELECT parts, options FROM request WHERE sha256 = ?", sha)
    parts = tuple(Part(role, blobs.get_text(tx, blob)) for role, blob in json.loads(row["parts"]))
    return Request(parts, **json.loads(row["options"]))


# --- agents' versions ---


def put_agent_version(tx: Tx, name: str, sha: str) -> int:
    """A name that is pointed at another model starts afresh."""
    found = tx.value("SELECT id FROM agent_version WHERE name = ? AND sha256 = ?", name, sha)
    return int(found) if found else tx.insert("agent_version", name=name, sha256=sha, created=tx.now)


# --- the life of a call ---


def find_no_room(tx: Tx, *, run: int, task: TaskRecord, slot: int, amount: int | None) -> NoRoom | None:
    """The first cap that an amount does not fit under; None where it fits under all. Unknown calls count as spent."""
    if amount == 0:
        return None
    for cap, limit, spent, reserved in _caps(tx, run, task, slot):
        if limit is not None and (amount is None or spent + reserved + amount > limit):
            waits = amount is not None and spent + amount <= limit
            return NoRoom(cap, max(limit - spent - reserved, 0), amount, waits)
    return None


def _caps(
    tx: Tx, run: int, task: TaskRecord, slot: int
) -> Iterator[tuple[Literal["run", "task", "gig"], int | None, int, int]]:
    all_ = tx.find(
        "SELECT run.max_cost, run.spent, run.reserved, gig.budget, gig.spent, gig.reserved, round.id,"
        " round.max_cost_each FROM run, gig, slot JOIN round ON round.id = slot.round"
        " WHERE run.id = ? AND gig.id = ? AND slot.id = ?",
        run, task.gig_id, slot,
    )  # fmt: skip
    if all_[7] is not None:
        spent, reserved = tx.find(
            "SELECT coalesce(sum(CASE WHEN a.outcome IS NOT NULL THEN coalesce(a.cost, a.reserved) END), 0),"
            " coalesce(sum(CASE WHEN a.outcome IS NULL THEN a.reserved END), 0)"
            " FROM slot JOIN attempt_slot l ON l.slot = slot.id JOIN attempt a ON a.id = l.attempt"
            " WHERE slot.round = ?",
            all_[6],
        )
        yield "task", all_[7], spent, reserved
    yield ("run", *all_[:3])
    yield ("gig", *all_[3:6])


def begin_attempt(
    tx: Tx, task: TaskRecord, *, run: int, slot: int, agent: str, version: int, request: str, reserved: int | None,
    sample: int = 0, mends: int | None = None, cached_from: int | None = None,
) -> int:  # fmt: skip
    """The intent, with its money; its id. The caller has looked at `find_no_room` in the same transaction."""
    row = tx.insert(
        "attempt", run=run, client=task.client_id, gig=task.gig_id, agent=agent, agent_version=version, request=request,
        sample=sample, mends=mends, reserved=reserved, begun=tx.now, cached_from=cached_from,
    )  # fmt: skip
    tx.insert("attempt_slot", slot=slot, attempt=row)
    if reserved:
        tx.run("UPDATE run SET reserved = reserved + ? WHERE id = ?", reserved, run)
        tx.run("UPDATE gig SET reserved = reserved + ? WHERE id = ?", reserved, task.gig_id)
    record_event(tx, "attempt begun", attempt=row, slot=slot, version=version, request=request, reserved=reserved)
    return row


def settle_attempt(tx: Tx, attempt: int, owner: Owner, end: Settlement) -> bool:
    """The answer and its cost; whether it cost more than was reserved for it."""
    usage = end.usage
    row = tx.find(
        "UPDATE attempt SET outcome = ?, cost = ?, reason = ?, answer = ?, model = ?, tokens_in = ?, tokens_out = ?,"
        " tokens_cached = ?, seconds = ?, settled = ? WHERE id = ? AND outcome IS NULL"
        " RETURNING run, gig, agent, reserved",
        end.outcome, end.cost, blobs.put_optional(tx, owner, end.reason), blobs.put_optional(tx, owner, end.answer),
        end.model, usage and usage.input, usage and usage.output, usage and usage.cached, end.seconds, tx.now, attempt,
    )  # fmt: skip
    if row is None:
        raise AssertionError(f"attempt {attempt} is settled already")
    reserved = row["reserved"] or 0
    _move_money(tx, row["run"], row["gig"], reserved, reserved if end.cost is None else end.cost)
    record_event(tx, "attempt settled", attempt=attempt, outcome=end.outcome, cost=end.cost)
    over = end.cost is not None and row["reserved"] is not None and end.cost > reserved
    if over:
        tx.run(
            "INSERT INTO agent_limit (name, overspent) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET overspent = excluded.overspent",
            row["agent"], tx.now,
        )  # fmt: skip
        record_event(tx, "agent overspent", agent=row["agent"], attempt=attempt)
    return over


def _move_money(tx: Tx, run: int, gig: int, reserved: int, spent: int) -> None:
    if reserved or spent:
        tx.run("UPDATE run SET reserved = reserved - ?, spent = spent + ? WHERE id = ?", reserved, spent, run)
        tx.run("UPDATE gig SET reserved = reserved - ?, spent = spent + ? WHERE id = ?", reserved, spent, gig)


def count_paid_in_flight(tx: Tx, run: int) -> int:
    """A run's calls that have no end yet and are not free."""
    return int(
        tx.value("SELECT count(*) FROM attempt WHERE run = ? AND outcome IS NULL AND coalesce(reserved, 1) > 0", run)
    )


UNSENT = "unsent"
"""The end of an attempt that was begun, and taken back before anything was sent."""


def release_attempt(tx: Tx, attempt: int) -> None:
    """Takes an intent back that was never sent: its money is free again."""
    row = tx.find("SELECT run, gig, reserved FROM attempt WHERE id = ? AND outcome IS NULL", attempt)
    if row is None:
        return
    tx.run("UPDATE attempt SET outcome = ?, cost = 0, settled = ? WHERE id = ?", UNSENT, tx.now, attempt)
    _move_money(tx, row["run"], row["gig"], row["reserved"] or 0, 0)
    record_event(tx, "attempt settled", attempt=attempt, outcome=UNSENT, cost=0)


def mark_unknown(tx: Tx, run: int) -> None:
    """Calls that were in flight when their run died: whether they were paid is not known, their money stays spent."""
    for row in tx.rows("SELECT id, gig, reserved FROM attempt WHERE run = ? AND outcome IS NULL", run):
        tx.run("UPDATE attempt SET outcome = 'unknown', settled = ? WHERE id = ?", tx.now, row["id"])
        _move_money(tx, run, row["gig"], row["reserved"] or 0, row["reserved"] or 0)
        record_event(tx, "attempt settled", attempt=row["id"], outcome="unknown", cost=None)


class KeptAnswer(Struct, frozen=True):
    """An answer that was paid for before, and the attempt that it was."""

    attempt: int
    text: str


def find_answer(
    tx: Tx, task: int, input_n: int, client: int, version: int, request: str, sample: int
) -> KeptAnswer | None:
    """An answer to the very same request. A task that asks again for the same input wants another than it had."""
    row = tx.find(
        "SELECT id, answer FROM attempt a WHERE client = ? AND agent_version = ? AND request = ? AND sample = ?"
        " AND outcome = 'draft' AND answer IS NOT NULL AND NOT EXISTS (SELECT 1 FROM slot JOIN attempt_slot l"
        " ON l.slot = slot.id JOIN attempt own ON own.id = l.attempt JOIN round ON round.id = slot.round"
        " WHERE slot.task = ? AND round.input = ? AND own.answer = a.answer) ORDER BY id LIMIT 1",
        client, version, request, sample, task, input_n,
    )  # fmt: skip
    if row is None or not (text := _erasable(tx, row["answer"])):
        return None
    return KeptAnswer(row["id"], text)


def find_asked(tx: Tx, client: int, version: int, request: str, sample: int) -> Literal["in flight", "answered"] | None:
    """Whether the very same request is being asked now, or was answered before."""
    asked = tx.value(
        "SELECT max(outcome IS NULL AND cached_from IS NULL) FROM attempt WHERE request = ? AND agent_version = ?"
        " AND client = ? AND sample = ? AND (outcome IS NULL OR outcome = 'draft')",
        request, version, client, sample,
    )  # fmt: skip
    if asked is None:
        return None
    return "in flight" if asked else "answered"


# --- reading ---

_SELECT = (
    "SELECT a.*, l.slot AS slot_id, slot.n AS slot_n, round.n AS round_n, revision.number AS revision_number"
    " FROM attempt a JOIN attempt_slot l ON l.attempt = a.id JOIN slot ON slot.id = l.slot"
    " JOIN round ON round.id = slot.round LEFT JOIN revision ON revision.attempt = a.id AND revision.task = slot.task"
)


def list_attempts(tx: Tx, *, task: int | None = None, round_id: int | None = None) -> list[AttemptRecord]:
    """Those of a task or of one round, in order."""
    where, value = ("slot.task = ?", task) if round_id is None else ("slot.round = ?", round_id)
    return [_read(tx, row) for row in tx.rows(f"{_SELECT} WHERE {where} ORDER BY a.id", value)]


def _read(tx: Tx, row: Any) -> AttemptRecord:
    return AttemptRecord(
        id=row["id"],
        run=row["run"],
        slot_id=row["slot_id"],
        slot=row["slot_n"],
        round=row["round_n"],
        agent=row["agent"],
        outcome=row["outcome"],
        reason=_erasable(tx, row["reason"]),
        model=row["model"],
        reserved=row["reserved"],
        cost=row["cost"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        tokens_cached=row["tokens_cached"],
        seconds=row["seconds"],
        begun=row["begun"],
        mends=row["mends"],
        revision=row["revision_number"],
        request=row["request"],
        cached_from=row["cached_from"],
    )


def _erasable(tx: Tx, sha: str | None) -> str:
    erased = sha is None or tx.value("SELECT data IS NULL FROM blob WHERE sha256 = ?", sha)
    return "" if erased else blobs.get_text(tx, sha)


def get_answer(tx: Tx, attempt: int) -> str:
    return _erasable(tx, tx.value("SELECT answer FROM attempt WHERE id = ?", attempt))


def cost_of_task(tx: Tx, task: int) -> int:
    """Settled and unknown, in picodollars."""
    return int(
        tx.value(
            "SELECT coalesce(sum(coalesce(a.cost, a.reserved, 0)), 0)"
            " FROM attempt a JOIN attempt_slot l ON l.attempt = a.id JOIN slot ON slot.id = l.slot"
            " WHERE slot.task = ? AND a.outcome IS NOT NULL",
            task,
        )
    )


def get_reserved(tx: Tx, attempt: int) -> int | None:
    value = tx.value("SELECT reserved FROM attempt WHERE id = ?", attempt)
    return None if value is None else int(value)


def find_mended_revision(tx: Tx, attempt: int, task: int) -> int | None:
    """The draft that an attempt was to mend; None where there is none, or no draft came of what it mends."""
    found = tx.value(
        "SELECT revision.id FROM attempt JOIN revision ON revision.attempt = attempt.mends"
        " WHERE attempt.id = ? AND revision.task = ?",
        attempt, task,
    )  # fmt: skip
    return None if found is None else int(found)


_PLACE = (
    "SELECT round.n, round.wanted, slot.n AS slot, revision.attempt FROM revision"
    " JOIN attempt_slot l ON l.attempt = revision.attempt JOIN slot ON slot.id = l.slot"
    " JOIN round ON round.id = slot.round WHERE revision.id = ?"
)


def is_first_of_later_round(tx: Tx, draft: int, before: int) -> bool:
    """Whether a draft is the first of its round, and the round is later than that of the revision `before`."""
    place, old = tx.find(_PLACE, draft), tx.find(_PLACE, before)
    if place is None or old is None or place["n"] <= old["n"]:
        return False
    earlier = tx.value(
        "SELECT 1 FROM revision r JOIN attempt_slot l ON l.attempt = r.attempt JOIN slot ON slot.id = l.slot"
        " JOIN round ON round.id = slot.round WHERE round.task = (SELECT task FROM revision WHERE id = ?1)"
        " AND r.task = round.task AND round.n = ?2 AND r.id < ?1",
        draft, place["n"],
    )  # fmt: skip
    return earlier is None


def is_one_of_all(tx: Tx, draft: int) -> bool:
    """Whether its round wants all drafts, for a person to choose."""
    place = tx.find(_PLACE, draft)
    return place is not None and place["wanted"] == "all"


def list_revisions_of(tx: Tx, attempts: Sequence[int]) -> dict[int, int]:
    """Attempt id → revision id."""
    marks = ",".join("?" * len(attempts))
    sql = f"SELECT attempt, id FROM revision WHERE attempt IN ({marks})"  # noqa: S608
    return {row["attempt"]: row["id"] for row in tx.rows(sql, *attempts)}
