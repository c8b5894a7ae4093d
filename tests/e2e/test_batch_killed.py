"""`kill -9` of `batch` at any moment, against a server of its own that counts: nothing recorded is lost, nothing paid
twice, nothing printed that is not there. `GIGCTL_KILLS=100` makes it a hundred."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.at_work import AtWork, Books, counting_server, lines_of, rows_of, until, write_rows
from support.desks import make_desk
from support.office import Office, open_office

KILLS = int(os.environ.get("GIGCTL_KILLS", "4"))
ROWS = 1000
FEWEST_LEFT = 600
"""Rows that must be left before a batch, so that it can't be done before it is killed."""
LONGEST = 0.8
"""Seconds after the first answer, at most: in a second a batch of so many may be done."""


@dataclass
class Night:
    """Batches that are killed, one after the other, each as long as enough is left of it."""

    office: Office
    books: Books
    chance: random.Random
    files: list[str] = field(default_factory=list)
    midway: int = 0
    printed: int = 0

    def command(self, file: str, *more: str) -> tuple[str, ...]:
        return ("batch", file, "--craft", "writing", "-a", "a", "-j", "32", *more)

    def left(self) -> int:
        """Rows of the last file that nobody has taken in."""
        with self.books.desk.ledger.reading() as tx:
            return ROWS - int(tx.value("SELECT count(*) FROM task WHERE gig = (SELECT max(id) FROM gig)"))

    def kill(self, n: int) -> None:
        """Most at a random moment after the first answer, every fifth at any moment at all."""
        if not self.files or self.left() < FEWEST_LEFT:
            self.files.append(f"rows{len(self.files)}.jsonl")
            write_rows(self.office.home / self.files[-1], rows_of(ROWS, f"text {len(self.files)}"))
        before = self.books.log.stat().st_size
        with AtWork(self.office, *self.command(self.files[-1])) as batch:
            if n % 5 == 2:
                time.sleep(self.chance.uniform(0, 0.5))
            else:
                until(lambda: self.is_answered(before))
                time.sleep(self.chance.uniform(0, LONGEST))
            alive = batch.process.poll() is None
        self.midway += alive and self.is_answered(before)
        self.check(batch.lines)

    def is_answered(self, before: int) -> bool:
        """Whether the server has answered since its log had so many bytes."""
        with self.books.log.open("rb") as log:
            log.seek(before)
            return b'"answered"' in log.read()

    def check(self, lines: list[Any]) -> Counter[str]:
        assert len({line["id"] for line in lines}) == len(lines)
        self.printed += len(lines)
        return self.books.check(lines)

    def finish(self, file: str) -> int:
        """Nothing is stuck: the same command leaves what may have been paid, and with the word it does the rest. How
        much may have been paid."""
        asked = self.books.count("asked")
        ran = self.office.gigctl(*self.command(file), code=None)
        lines = lines_of(ran.out)
        self.check(lines)
        status = Counter(line["status"] for line in lines)
        assert status["ok"] + status["unknown"] == len(lines) == ROWS
        assert ran.code == (75 if status["unknown"] else 0)
        assert set((self.books.count("asked") - asked).values()) <= {1}
        assert not asked.keys() & (self.books.count("asked") - asked).keys()
        lines = lines_of(self.office.gigctl(*self.command(file, "--retry-unknown")).out)
        self.check(lines)
        assert Counter(line["status"] for line in lines) == {"ok": ROWS}
        return status["unknown"]


def test_killed_at_any_moment(tmp_path: Path) -> None:
    office = open_office(tmp_path / "user")
    with counting_server(tmp_path) as (url, log), make_desk(office.folder) as desk:
        office.add_agent("a", url, "--price-in", "1", "--price-out", "1")
        night = Night(office, Books(desk, log), random.Random(13))
        for n in range(KILLS):
            night.kill(n)
        unknown = sum(night.finish(file) for file in night.files)
        with desk.ledger.reading() as tx:
            assert tx.value("SELECT count(*) FROM task WHERE state <> 'review'") == 0
            assert tx.value("SELECT count(*) FROM attempt WHERE outcome IS NULL") == 0
            assert tx.value("SELECT sum(reserved) FROM gig") == 0
        twice = sum(count - 1 for count in night.books.count("answered").values())
        assert twice <= unknown
        assert night.midway >= KILLS / 2
    print(
        f"{KILLS} kills, {night.midway} between the first answer and the exit, {len(night.files)} batches,"
        f" {len(night.books.drafts)} drafts, {unknown} unknown, {twice} of them paid twice, {night.printed} lines"
    )
