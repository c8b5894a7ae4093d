"""Short ways to rows of a ledger, and to its file behind gigctl's back."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from gigctl.ledger import attempts, clients, gigs, rounds, tasks
from gigctl.ledger.attempts import Settlement
from gigctl.ledger.runs import Run
from gigctl.ledger.store import Ledger, Tx
from gigctl.model import Content, Part, Request, TaskSpec
from gigctl.records import GigRecord, TaskRecord

REQUEST = Request((Part("system", "Translate."), Part("source", "Bonjour")))


def behind(path: Path, sql: str, *values: Any) -> None:
    """Changes a closed ledger's file as anybody with sqlite3 could."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql, values)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def python(code: str, *args: object, **options: Any) -> subprocess.Popen[str]:
    """A process of its own that runs `code`, with `args` in sys.argv[1:]."""
    words = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def outputs(processes: list[subprocess.Popen[str]], timeout: float = 60) -> list[str]:
    """What each printed, after all have ended well."""
    found = [process.communicate(timeout=timeout) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), [err for _, err in found]
    return [out for out, _ in found]


def new_gig(tx: Tx, client: str = "me", **fields: Any) -> GigRecord:
    return gigs.add_gig(tx, clients.get_client(tx, client), **{"craft": "writing", **fields})


def new_task(tx: Tx, gig: GigRecord, text: str = "Bonjour") -> TaskRecord:
    row = tasks.add_task(tx, gig, TaskSpec(f"name of {text}", Content.of_text(text)), craft="writing")
    return tasks.get_task_by_id(tx, row)


class Work:
    """A task with an open round, and a live run."""

    def __init__(self, ledger: Ledger, *, budget: int | None = None, each: int | None = None, run: int | None = None):
        self.ledger = ledger
        self.run = Run(ledger, run)
        with ledger.writing() as tx:
            self.gig = new_gig(tx, budget=budget)
            self.task = new_task(tx, self.gig)
            self.round = rounds.open_round(tx, self.task, agents=["a"], drafts=2, max_cost_each=each)
            self.version = attempts.put_agent_version(tx, "a", "0" * 64)

    def room(self, amount: int | None, slot: int = 0) -> attempts.NoRoom | None:
        with self.ledger.reading() as tx:
            return attempts.find_no_room(
                tx, run=self.run.id, task=self.task, slot=self.round.slots[slot], amount=amount
            )

    def begin(self, reserved: int | None = 0, slot: int = 0, **more: Any) -> int:
        with self.ledger.writing() as tx:
            request = attempts.put_request(tx, tasks.owner_of(self.task), REQUEST)
            return attempts.begin_attempt(
                tx, self.task, run=self.run.id, slot=self.round.slots[slot], agent="a", version=self.version,
                request=request, reserved=reserved, **more,
            )  # fmt: skip

    def settle(self, attempt: int, cost: int | None, outcome: str = "draft", **more: Any) -> bool:
        with self.ledger.writing() as tx:
            end = Settlement(outcome, cost, **more)
            return attempts.settle_attempt(tx, attempt, tasks.owner_of(self.task), end)

    def money(self) -> tuple[int, int]:
        """What the gig spent and reserved; the run's must be the same."""
        with self.ledger.reading() as tx:
            gig = gigs.get_gig_by_id(tx, self.gig.id)
            run = tx.find("SELECT spent, reserved FROM run WHERE id = ?", self.run.id)
        assert tuple(run) == (gig.spent, gig.reserved)
        return gig.spent, gig.reserved
