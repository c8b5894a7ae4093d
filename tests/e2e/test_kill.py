"""`kill -9` of `run` at any moment, against a server of its own that counts: nothing recorded is lost, nothing is paid
twice. `GIGCTL_KILLS=100` makes it a hundred."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gigctl.flow.desk import Desk
from gigctl.ledger import attempts
from gigctl.ledger.verify import check_ledger
from support.desks import add_texts, make_desk
from support.terminal import GIGCTL, environment, run_gigctl

KILLS = int(os.environ.get("GIGCTL_KILLS", "12"))
GIG_TASKS = 150
FEWEST_LEFT = 80
"""Tasks that must be left before a run, so that it can't be done before it is killed."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address and the log of a server in a process of its own."""
    port, log, script = tmp_path / "port", tmp_path / "log", tmp_path / "script.json"
    script.write_text(json.dumps([{"match": "", "text": "A fine text of some words.", "delay": 0.03}]))
    log.touch()
    argv = [sys.executable, "-m", "support.llm_server", "--port-file", port, "--log", log, "--script", script]
    process = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    while not port.exists():
        assert process.poll() is None
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port.read_text()}/v1", log
    process.terminate()
    process.wait()


@dataclass
class Books:
    """What the ledger and the server say, looked at from outside after each kill."""

    desk: Desk
    log: Path
    out: Path
    drafts: dict[int, str] = field(default_factory=dict)

    def count(self, what: str) -> Counter[str]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return Counter(line["prompt"] for line in lines if line["what"] == what)

    def check(self) -> None:
        assert check_ledger(self.desk.ledger) == []
        with self.desk.ledger.reading() as tx:
            drafts = {row["id"]: row["sha256"] for row in tx.rows("SELECT id, sha256 FROM revision")}
            shown = {
                f"me-{row['gig']}.{row['number']}"
                for row in tx.rows(
                    "SELECT gig.number AS gig, task.number FROM task JOIN gig ON gig.id = task.gig"
                    " WHERE task.current IS NOT NULL AND task.state = 'review'"
                )
            }
            calls: dict[str, Counter[str]] = {}
            for row in tx.rows("SELECT request, coalesce(outcome, 'unknown') AS outcome FROM attempt"):
                messages = attempts.get_request(tx, row["request"]).messages()
                prompt = hashlib.sha256(json.dumps(messages).encode()).hexdigest()
                calls.setdefault(prompt, Counter())[row["outcome"]] += 1
        assert self.drafts.items() <= drafts.items(), "a recorded draft is gone"
        self.drafts = drafts
        printed = [json.loads(line) for line in self.out.read_text().split("\n")[:-1]]
        assert {line["ref"] for line in printed if line["state"] == "review"} <= shown, "what was printed is not there"
        asked, answered = self.count("asked"), self.count("answered")
        for prompt, count in asked.items():
            ends = calls.get(prompt, Counter())
            assert count <= ends.total(), "a call that the ledger does not know"
            assert answered[prompt] - ends["unknown"] <= 1, "paid twice, and not marked unknown"
            assert ends["draft"] <= 1

    def left(self) -> int:
        """Tasks that no call was made for."""
        with self.desk.ledger.reading() as tx:
            return int(
                tx.value(
                    "SELECT count(*) FROM task WHERE state = 'ready' AND NOT EXISTS (SELECT 1 FROM slot JOIN"
                    " attempt_slot ON slot = slot.id WHERE slot.task = task.id)"
                )
            )


def kill_once(books: Books, home: Path, gigs: list[str], chance: random.Random) -> bool:
    """Starts a run and kills it: most at a random moment after its first answer, some at any moment at all. Whether it
    was killed between its first answer and its exit."""
    before = books.count("answered").total()
    size = books.log.stat().st_size
    with books.out.open("w") as out, (books.out.parent / "err").open("w") as err:
        argv = [GIGCTL, "run", *gigs, "-a", "a", "-j", "4", "--jsonl", "--no-progress"]
        env = environment(home, GIGCTL_HOME=str(books.desk.paths.data.parent))
        process = subprocess.Popen(argv, env=env, stdout=out, stderr=err, cwd=home)
        if chance.random() < 0.25:
            time.sleep(chance.uniform(0, 0.7))
        else:
            while books.log.stat().st_size == size or books.count("answered").total() == before:
                assert process.poll() is None, (books.out.parent / "err").read_text()
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.4))
        alive = process.poll() is None
        process.kill()
        process.wait()
    return alive and books.count("answered").total() > before


def test_killed_at_any_moment(tmp_path: Path, server: tuple[str, Path]) -> None:
    url, log = server
    home = tmp_path / "user"
    home.mkdir()
    with make_desk(tmp_path / "desk") as desk:
        books = Books(desk, log, tmp_path / "out")
        added = ["agent", "add", "a", "--kind", "openai", "--model", "m", "--api-base", url]
        env = {"GIGCTL_HOME": str(tmp_path / "desk")}
        run_gigctl(*added, "--price-in", "1", "--price-out", "1", home=home, env=env, code=0)
        chance, gigs, midway = random.Random(12), [], 0
        for _ in range(KILLS):
            if books.left() < FEWEST_LEFT:
                # No two gigs ask the same, so that a prompt stands for one task.
                gigs.append(add_texts(desk, GIG_TASKS, about=f" Gig {len(gigs)}."))
            midway += kill_once(books, home, gigs[-2:], chance)
            books.check()
        assert midway >= KILLS / 2
        _finish(books, home, gigs, env)
        print(f"{KILLS} kills, {midway} between the first answer and the exit, {len(books.drafts)} drafts")


def _finish(books: Books, home: Path, gigs: list[str], env: dict[str, str | None]) -> None:
    """Nothing is stuck: a run without the word leaves what may have been paid, one with it does the rest."""
    asked = books.count("asked")
    ran = run_gigctl("run", *gigs, "-a", "a", "--jsonl", "-j", "8", home=home, env=env, timeout=120)
    assert ran.code in (0, 75)
    assert all(count == 1 for count in (books.count("asked") - asked).values())
    books.out.write_text(ran.out)
    books.check()
    ran = run_gigctl("run", *gigs, "--retry-unknown", "--jsonl", "-j", "8", home=home, env=env, timeout=120, code=0)
    books.out.write_text(ran.out)
    books.check()
    with books.desk.ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM task WHERE state <> 'review'") == 0
        assert tx.value("SELECT count(*) FROM attempt WHERE outcome IS NULL") == 0
        assert tx.value("SELECT sum(reserved) FROM gig") == 0
