"""What was delivered, of which signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gigctl.ledger import blobs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.records import DeliveryRecord, GigRecord, TaskRecord


def add_delivery(
    tx: Tx, gig: GigRecord, tasks: Sequence[TaskRecord], *, form: str, manifest: bytes, partial: bool
) -> int:
    """Records a delivery of signed tasks; its id."""
    sha = blobs.put_bytes(tx, Owner(gig.client_id, gig.id), manifest)
    signed = {task.id: task.signed_id for task in tasks}
    event = record_event(
        tx, "delivered", gig=gig.id, form=form, manifest=sha, partial=partial, decisions=list(signed.values())
    )
    row = tx.insert("delivery", gig=gig.id, form=form, manifest=sha, partial=int(partial), at=tx.now, event=event)
    tx.each("INSERT INTO delivery_task VALUES (?, ?, ?)", [(row, task, decision) for task, decision in signed.items()])
    return row


def list_deliveries(tx: Tx, gig: GigRecord) -> list[DeliveryRecord]:
    return [_read(tx, gig, row) for row in tx.rows("SELECT * FROM delivery WHERE gig = ? ORDER BY id", gig.id)]


def _read(tx: Tx, gig: GigRecord, row: Any) -> DeliveryRecord:
    tasks = tx.rows(
        "SELECT task.number FROM delivery_task d JOIN task ON task.id = d.task WHERE d.delivery = ? ORDER BY 1",
        row["id"],
    )
    return DeliveryRecord(
        row["id"], gig.ref, row["form"], row["manifest"], bool(row["partial"]), row["at"],
        tuple(f"{gig.ref}.{task['number']}" for task in tasks),
    )  # fmt: skip
