"""Runs: invocations that do work. A run that lives holds a lock; what a dead one left is put in order here."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from gigctl.errors import GigctlError
from gigctl.ledger import attempts
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Ledger, Tx
from gigctl.system import locks


class Run:
    """A run of this process: its id, and the lock that says that it lives. `max_cost` is in picodollars."""

    def __init__(self, ledger: Ledger, max_cost: int | None = None) -> None:
        self._ledger = ledger
        folder = runs_folder(ledger)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The lock is held before the row can be seen, so that no other process takes this run for dead.
        with ledger.writing() as tx:
            self.id = tx.insert("run", begun=tx.now, max_cost=max_cost)
            self._lock = locks.hold(folder / f"{self.id}.lock")
            record_event(tx, "run begun", run=self.id, max_cost=max_cost)

    def end(self) -> None:
        """What it still leased or had in flight is released or unknown, as for a dead one; then it is over.

        Where that can't be written the next run does it: this one's lock is let go all the same.
        """
        try:
            with self._ledger.writing() as tx:
                _put_in_order(tx, self.id)
        finally:
            self._lock.release()
        (runs_folder(self._ledger) / f"{self.id}.lock").unlink(missing_ok=True)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
        except GigctlError:
            if error is None:
                raise  # else what came first is what is told


def runs_folder(ledger: Ledger) -> Path:
    return ledger.folder / "runs"


def list_live_runs(ledger: Ledger) -> list[int]:
    """Runs whose lock is held."""
    with ledger.reading() as tx:
        begun = [row["id"] for row in tx.rows("SELECT id FROM run WHERE ended IS NULL ORDER BY id")]
    return [run for run in begun if not _is_dead(ledger, run)]


def find_run_at_work(ledger: Ledger, tx: Tx, client: int, gig: int = 0) -> int | None:
    """A live run that has called anybody for a client's (or one gig's) tasks, or leases one."""
    rows = tx.rows(
        "SELECT run.id FROM run WHERE ended IS NULL AND (EXISTS (SELECT 1 FROM attempt a WHERE a.run = run.id"
        " AND a.client = ?1 AND (?2 = 0 OR a.gig = ?2)) OR EXISTS (SELECT 1 FROM slot JOIN task ON task.id = slot.task"
        " JOIN gig ON gig.id = task.gig WHERE slot.run = run.id AND gig.client = ?1 AND (?2 = 0 OR gig.id = ?2)))",
        client, gig,
    )  # fmt: skip
    return next((row["id"] for row in rows if not _is_dead(ledger, row["id"])), None)


def recover(ledger: Ledger) -> int:
    """Puts in order what dead runs left; how many there were. A lock that can be taken means a dead run."""
    with ledger.writing() as tx:
        begun = [row["id"] for row in tx.rows("SELECT id FROM run WHERE ended IS NULL ORDER BY id")]
        dead = [run for run in begun if _is_dead(ledger, run)]
        for run in dead:
            _put_in_order(tx, run)
    for run in dead:
        (runs_folder(ledger) / f"{run}.lock").unlink(missing_ok=True)
    return len(dead)


def _is_dead(ledger: Ledger, run: int) -> bool:
    return locks.is_free(runs_folder(ledger) / f"{run}.lock")


def _put_in_order(tx: Tx, run: int) -> None:
    attempts.mark_unknown(tx, run)
    tx.run("UPDATE slot SET run = NULL WHERE run = ?", run)
    tx.run("UPDATE run SET ended = ? WHERE id = ?", tx.now, run)
    record_event(tx, "run ended", run=run)


def get_spent(tx: Tx, run: int) -> int:
    """Settled and unknown, in picodollars."""
    return int(tx.value("SELECT spent FROM run WHERE id = ?", run))
