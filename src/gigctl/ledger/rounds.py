"""Rounds and their slots: one time that work on a task is asked for, and the places that drafts of it are made in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from msgspec.structs import replace

from gigctl.ledger import blobs
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.ledger.tasks import owner_of
from gigctl.records import RoundRecord, TaskRecord


def open_round(
    tx: Tx, task: TaskRecord, *, agents: Sequence[str], wanted: Literal["first", "all"] = "first", drafts: int = 1,
    repairs: int = 2, max_cost_each: int | None = None, notes: Sequence[str] = (), fresh: bool = False,
) -> RoundRecord:  # fmt: skip
    """Closes the open round, if there is one, and opens the next one with its notes and the new ones."""
    before = find_open_round(tx, task.id)
    if before is not None:
        close_round(tx, before.id)
    kept = before.notes if before is not None and before.input_n == task.input_n else ()
    n = (tx.value("SELECT max(n) FROM round WHERE task = ?", task.id) or 0) + 1
    wish = RoundRecord(0, n, task.input_n, tuple(agents), wanted, repairs, max_cost_each, True, fresh, (*kept, *notes))
    return add_round(tx, task, wish, len(agents) if wanted == "all" else drafts)


def add_round(tx: Tx, task: TaskRecord, wish: RoundRecord, slots: int, run: int | None = None) -> RoundRecord:
    """A round as `wish` has it, but for its id and its slots, which `run` leases. The task has no open one."""
    row = tx.insert(
        "round", task=task.id, n=wish.n, input=wish.input_n, agents=_chain(wish.agents), wanted=wish.wanted,
        repairs=wish.repairs, max_cost_each=wish.max_cost_each, fresh=int(wish.fresh), created=tx.now,
    )  # fmt: skip
    shas = [blobs.put_text(tx, owner_of(task), note) for note in wish.notes]
    if shas:
        tx.each("INSERT INTO round_note VALUES (?, ?, ?)", [(row, i, sha) for i, sha in enumerate(shas, 1)])
    ids = tuple(tx.insert("slot", task=task.id, round=row, n=i, run=run) for i in range(1, slots + 1))
    record_event(
        tx, "round opened", task=task.id, round=row, agents=list(wish.agents), wanted=wish.wanted, drafts=slots,
        repairs=wish.repairs, max_cost_each=wish.max_cost_each, notes=shas,
    )  # fmt: skip
    return replace(wish, id=row, slots=ids)


@lru_cache(maxsize=64)
def _chain(agents: tuple[str, ...]) -> str:
    return json.dumps(agents)


def close_round(tx: Tx, round_id: int) -> None:
    if tx.run("UPDATE round SET open = 0 WHERE id = ? AND open = 1", round_id).rowcount:
        record_event(tx, "round closed", round=round_id)


def _read(tx: Tx, row: Any) -> RoundRecord:
    notes = tx.rows("SELECT note FROM round_note WHERE round = ? ORDER BY n", row["id"])
    slots = tx.rows("SELECT id FROM slot WHERE round = ? ORDER BY n", row["id"])
    return RoundRecord(
        id=row["id"],
        n=row["n"],
        input_n=row["input"],
        agents=tuple(json.loads(row["agents"])),
        wanted=row["wanted"],
        repairs=row["repairs"],
        max_cost_each=row["max_cost_each"],
        open=bool(row["open"]),
        fresh=bool(row["fresh"]),
        notes=tuple(blobs.get_text(tx, note["note"]) for note in notes),
        slots=tuple(slot["id"] for slot in slots),
    )


def find_open_round(tx: Tx, task: int) -> RoundRecord | None:
    row = tx.find("SELECT * FROM round WHERE task = ? AND open = 1", task)
    return None if row is None else _read(tx, row)


def find_last_round(tx: Tx, task: int) -> RoundRecord | None:
    row = tx.find("SELECT * FROM round WHERE task = ? ORDER BY n DESC LIMIT 1", task)
    return None if row is None else _read(tx, row)


def is_asked_again(tx: Tx, task: int, revision: int) -> bool:
    """Whether work was asked for once more after a revision was made: its round is open and newer than it."""
    found = tx.value(
        "SELECT 1 FROM round JOIN revision ON revision.id = ? WHERE round.task = ? AND round.open = 1"
        " AND round.created > revision.created",
        revision, task,
    )  # fmt: skip
    return found is not None


def claim_slot(tx: Tx, slot: int, run: int) -> bool:
    """Leases a slot to a run: one statement, so that two processes can't both have it."""
    row = tx.find("UPDATE slot SET run = ? WHERE id = ? AND (run IS NULL OR run = ?) RETURNING id", run, slot, run)
    return row is not None


def release_slots(tx: Tx, task: int, run: int) -> None:
    tx.run("UPDATE slot SET run = NULL WHERE task = ? AND run = ?", task, run)


def list_leases(tx: Tx, round_id: int) -> dict[int, int]:
    """Slot id → run id, of the slots that are leased."""
    return {
        row["id"]: row["run"]
        for row in tx.rows("SELECT id, run FROM slot WHERE round = ? AND run IS NOT NULL", round_id)
    }
