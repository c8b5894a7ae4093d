"""Runs: who holds the lock lives; what a dead one left is put in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigctl.errors import LedgerError, TemporaryError
from gigctl.ledger import attempts, gigs, rounds, runs
from gigctl.ledger.opening import open_ledger
from gigctl.ledger.store import Ledger
from gigctl.system import locks
from support.books import Work, new_gig, new_task, python

VICTIM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.books import Work
from gigctl.ledger import rounds
from gigctl.ledger.opening import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
work = Work(ledger)
with ledger.writing() as tx:
    rounds.claim_slot(tx, work.round.slots[0], work.run.id)
work.settle(work.begin(7), 5, answer="kept")
work.begin(11)
print(work.run.id, work.task.id, work.gig.id, flush=True)
sys.stdin.readline()
"""


def test_what_a_killed_run_left_is_put_in_order(tmp_path: Path) -> None:
    victim = python(VICTIM, tmp_path, Path(__file__).parents[2], stdin=subprocess.PIPE)
    assert victim.stdout is not None
    run, task, gig = map(int, victim.stdout.readline().split())
    with open_ledger(tmp_path) as ledger:
        assert runs.list_live_runs(ledger) == [run]
        assert runs.recover(ledger) == 0  # it lives
        os.kill(victim.pid, signal.SIGKILL)
        victim.communicate()
        assert runs.list_live_runs(ledger) == []
        assert runs.recover(ledger) == 1
        assert runs.recover(ledger) == 0
        with ledger.reading() as tx:
            assert [(a.outcome, a.cost) for a in attempts.list_attempts(tx, task=task)] == [
                ("draft", 5),
                ("unknown", None),
            ]
            record = gigs.get_gig_by_id(tx, gig)
            assert (record.spent, record.reserved) == (16, 0)
            assert runs.get_spent(tx, run) == 16
            open_round = rounds.find_open_round(tx, task)
            assert open_round is not None
            assert rounds.list_leases(tx, open_round.id) == {}
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_ends_with_its_block(ledger: Ledger) -> None:
    with runs.Run(ledger, max_cost=5) as run:
        assert runs.list_live_runs(ledger) == [run.id]
        lock = runs.runs_folder(ledger) / f"{run.id}.lock"
        assert not locks.is_free(lock)
    assert not lock.exists()
    assert runs.list_live_runs(ledger) == []
    with ledger.reading() as tx:
        assert tx.value("SELECT ended IS NOT NULL FROM run WHERE id = ?", run.id)


def test_a_run_whose_lock_can_not_be_had_was_never_there(ledger: Ledger) -> None:
    folder = runs.runs_folder(ledger)
    folder.mkdir()
    held = locks.hold(folder / "1.lock")
    with pytest.raises(TemporaryError):
        runs.Run(ledger)
    held.release()
    with ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM run") == 0


def test_which_run_works_on_what(ledger: Ledger) -> None:
    work = Work(ledger)
    me = work.task.client_id
    with ledger.writing() as tx:
        other = new_gig(tx)
        new_task(tx, other)
        assert runs.find_run_at_work(ledger, tx, me) is None  # it has claimed nothing yet
        rounds.claim_slot(tx, work.round.slots[0], work.run.id)
        assert runs.find_run_at_work(ledger, tx, me) == work.run.id
        assert runs.find_run_at_work(ledger, tx, me, work.gig.id) == work.run.id
        assert runs.find_run_at_work(ledger, tx, me, other.id) is None
        assert runs.find_run_at_work(ledger, tx, me + 1) is None
        rounds.release_slots(tx, work.task.id, work.run.id)
    work.settle(work.begin(), 0)
    with ledger.reading() as tx:
        assert runs.find_run_at_work(ledger, tx, me, work.gig.id) == work.run.id
    work.run.end()
    with ledger.reading() as tx:
        assert runs.find_run_at_work(ledger, tx, me) is None


def test_a_run_whose_end_can_not_be_written_is_dead_all_the_same(ledger: Ledger) -> None:
    """What came first is what is told; the next run puts its affairs in order."""
    with pytest.raises(ValueError, match="first"), runs.Run(ledger) as run:  # noqa: PT012
        ledger._connection.execute("PRAGMA query_only=ON")
        raise ValueError("first")
    assert runs.list_live_runs(ledger) == []
    with pytest.raises(LedgerError, match="readonly"), _writable(ledger), runs.Run(ledger) as second:
        ledger._connection.execute("PRAGMA query_only=ON")
    ledger._connection.execute("PRAGMA query_only=OFF")
    assert runs.recover(ledger) == 2
    with ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM run WHERE ended IS NULL AND id IN (?, ?)", run.id, second.id) == 0


@contextlib.contextmanager
def _writable(ledger: Ledger) -> Iterator[None]:
    ledger._connection.execute("PRAGMA query_only=OFF")
    yield
