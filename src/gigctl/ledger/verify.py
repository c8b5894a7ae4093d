"""Whether the ledger is as it was written: the file, the chain, each content, and the rows against the chain."""

from __future__ import annotations

from gigctl.ledger.blobs import check_blobs
from gigctl.ledger.decisions import check_decisions
from gigctl.ledger.journal import check_chain, list_events
from gigctl.ledger.revisions import check_revisions
from gigctl.ledger.store import Ledger, Tx


def check_ledger(ledger: Ledger) -> list[str]:
    """What is wrong, a sentence each; an empty list where nothing is."""
    wrong = ledger.damage()
    with ledger.reading() as tx:
        wrong += check_chain(tx)
        if wrong:
            return wrong + list(check_blobs(tx))
        return [*check_blobs(tx), *check_revisions(tx), *check_decisions(tx), *_check_rows(tx)]


def _check_rows(tx: Tx) -> list[str]:
    """Rows that the journal knows otherwise: hashes of inputs and revisions, outcomes and money of attempts."""
    revisions = {(r["task"], r["number"]): r for r in tx.rows("SELECT task, number, sha256, made_by FROM revision")}
    settled: dict[int, tuple[str, int | None]] = {}
    wrong: list[str] = []
    for event in list_events(tx):
        data = event.data
        if event.kind == "revision added":
            row = revisions.pop((data["task"], data["number"]), None)
            if row is None or (row["sha256"], row["made_by"]) != (data["revision"], data["by"]):
                wrong.append(f"revision {data['number']} of task {data['task']} is not as the journal has it")
        elif event.kind == "attempt settled":
            settled[data["attempt"]] = (data["outcome"], data["cost"])
        elif event.kind == "task added":
            found = tx.value("SELECT hash FROM task_input WHERE task = ? AND n = 1", data["task"])
            if found != data["input"]:
                wrong.append(f"the input of task {data['task']} is not as the journal has it")
    wrong += [f"revision {number} of task {task} is not in the journal" for task, number in revisions]
    for row in tx.stream("SELECT id, outcome, cost FROM attempt WHERE outcome IS NOT NULL"):
        if settled.get(row["id"]) != (row["outcome"], row["cost"]):
            wrong.append(f"attempt {row['id']} is not as the journal has it")
    return wrong + _check_sums(tx)


def _check_sums(tx: Tx) -> list[str]:
    """What gigs are said to have spent, against their attempts."""
    rows = tx.rows(
        "SELECT gig.id, gig.spent, (SELECT coalesce(sum(coalesce(cost, reserved, 0)), 0) FROM attempt"
        " WHERE attempt.gig = gig.id AND outcome IS NOT NULL) AS told FROM gig"
    )
    return [f"gig {row['id']} is said to have spent {row['spent']}, its attempts {row['told']}" for row in rows
            if row["spent"] != row["told"]]  # fmt: skip
