"""How commands take it when the ledger is large: whole processes on 100,000 and on 1,000,000 jobs, in turn.

    python benchmarks/ledger.py [--sizes 100000 1000000] [--rounds 7] [--bench FOLDER] [--keep FOLDER]

A gig of 1,000 jobs is drafted, signed and delivered by gigctl itself (against the load server of `dispatch.py`), and
another of 1,000 is drafted and waits for a person. Then the rows of the first are copied, with other ids, as gigs of
many clients, until there are so many jobs: every table that hangs on a gig, found by its foreign keys. The copies share
their texts, and are in no journal; else they are what gigctl writes. Waiting is the same thousand at every size, so
that what a command prints is the same. Cost per client is a sum over gigs, which keep what they cost; beside it stands
the bare sum over calls by a covering index.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from dispatch import BENCH, fresh_home, serve

JOBS = 1000
CLIENT_EVERY = 20
"""Copies of the gig that are one client's."""
SHARED = frozenset({"blob", "client", "run", "agent_version", "request", "verdict", "event", "agent_limit", "ledger"})
"""Tables of which a copy refers to the rows that are there."""


def gigctl(home: Path, *words: str | Path, stdin: str = "") -> str:
    program = Path(sys.executable).with_name("gigctl")
    done = subprocess.run(
        [program, *words], env={**os.environ, "GIGCTL_HOME": str(home)}, input=stdin, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"gigctl {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def batch(home: Path, name: str, count: int) -> None:
    path = home / f"{name}.jsonl"
    lines = (json.dumps({"id": f"{name}{n}", "craft": "writing", "brief": f"{name} {n}"}) for n in range(count))
    path.write_text("\n".join(lines))
    gigctl(home, "batch", path, "-a", "bench", "-j", "64", "--no-progress")


def make_ledger(folder: Path, url: str) -> Path:
    """A home with one gig of jobs that is delivered, and one that waits."""
    home = fresh_home(folder, url)
    batch(home, "done", JOBS)
    gigctl(home, "sign", "me-1", "--expect", str(JOBS))
    gigctl(home, "deliver", "me-1", "-o", home / "delivered")
    batch(home, "waiting", JOBS)
    return home


# --- many of it ---


class Copier:
    """Copies what hangs on gig 1, as it is in every table, with ids that are free."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        self.tables = [name for name in names if name not in SHARED and not name.startswith("sqlite_")]
        for table in self.tables:
            where = self._of_gig(table)
            db.execute(f"CREATE TEMP TABLE copy_{table} AS SELECT * FROM {table} WHERE {where}")
        self.steps = {table: self._step(table) for table in self.tables}

    def _of_gig(self, table: str) -> str:
        """Which rows of a table are gig 1's, by way of the tables that they refer to."""
        if table == "gig":
            return "id = 1"
        keys = self._keys(table)
        if "gig" in keys.values():
            return f"{next(column for column, to in keys.items() if to == 'gig')} = 1"
        for column, to in keys.items():
            if to in self.tables and to != table:
                return f"{column} IN (SELECT {self._id(to)} FROM {to} WHERE {self._of_gig(to)})"
        return "0"

    def _keys(self, table: str) -> dict[str, str]:
        """Column → the table that it refers to."""
        rows = self.db.execute(f"PRAGMA foreign_key_list({table})").fetchall()
        return {row[3]: row[2] for row in rows if not (row[2] == "task_input" and row[3] == "input")}

    def _id(self, table: str) -> str:
        return "task" if table == "task_input" else "id"

    def _step(self, table: str) -> int:
        columns = [row[1] for row in self.db.execute(f"PRAGMA table_info({table})")]
        return int(self.db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]) if "id" in columns else 0

    def copy(self, nth: int, client: int) -> None:
        for table in self.tables:
            columns = [row[1] for row in self.db.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(self._value(table, column, nth, client) for column in columns)
            self.db.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM copy_{table}")

    def _value(self, table: str, column: str, nth: int, client: int) -> str:
        to = "" if column == "client" else self._keys(table).get(column, "")
        of = table if column == "id" else "task" if to == "task_input" else to
        if column == "client":
            return str(client)
        if (table, column) == ("gig", "number"):
            return str(1000 + nth)
        if (table, column) == ("batch", "key"):
            return f"key || '-{nth}'"
        return f"{column} + {nth * self.steps[of]}" if self.steps.get(of) else column


def grow(path: Path, jobs: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA synchronous = OFF")
        copier, client = Copier(db), 1
        db.execute("BEGIN")
        for nth in range(1, jobs // JOBS - 1):
            if nth % CLIENT_EVERY == 0:
                client = int(db.execute("SELECT max(id) + 1 FROM client").fetchone()[0])
                columns = [row[1] for row in db.execute("PRAGMA table_info(client)") if row[1] not in ("id", "slug")]
                named = ", ".join(columns)
                values = f"{client}, 'c{client}', {named}"
                db.execute(f"INSERT INTO client (id, slug, {named}) SELECT {values} FROM client WHERE id = 1")
            copier.copy(nth, client)
        db.execute("COMMIT")
        broken = db.execute("PRAGMA foreign_key_check").fetchall() if jobs <= 100_000 else []
        if broken:
            raise SystemExit(f"the copies refer to nothing: {broken[:3]}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


# --- what is measured ---


def commands(home: Path) -> dict[str, Callable[[int], None]]:
    def one_job(nth: int) -> None:
        batch(home, f"new{nth}x", 1)

    def one_run(nth: int) -> None:
        ref = gigctl(home, "gig", "add", "--craft", "writing", "--brief", f"one more {nth}", "-q").split()[0]
        began = time.perf_counter()
        gigctl(home, "run", ref, "-a", "bench", "-y", "--no-progress")
        raise Timed(time.perf_counter() - began)

    return {
        "queue": lambda _: void(gigctl(home, "queue")),
        "queue --json": lambda _: void(gigctl(home, "queue", "--json")),
        "today": lambda _: void(gigctl(home)),
        "gig list": lambda _: void(gigctl(home, "gig", "list")),
        "client list": lambda _: void(gigctl(home, "client", "list")),
        "show": lambda _: void(gigctl(home, "show", "me-2.500")),
        "run of one task": one_run,
        "batch of one job": one_job,
        "batch, all done": lambda _: batch(home, "waiting", JOBS),
        "cost per client": lambda _: cost_per_client(home),
        "bare sum by index": lambda _: bare_sum(home),
    }


class Timed(Exception):
    """The part of a measure that counts, in seconds."""


def void(_: object) -> None:
    """What a command printed is not looked at."""


def cost_per_client(home: Path) -> None:
    from gigctl.ledger.opening import open_ledger
    from gigctl.system import clock

    with open_ledger(home / "data", clock.now) as ledger:
        began = time.perf_counter()
        with ledger.reading() as tx:
            tx.rows("SELECT client, sum(spent) FROM gig GROUP BY client")
        raise Timed(time.perf_counter() - began)


def bare_sum(home: Path) -> None:
    with closing(sqlite3.connect(home / "data" / "ledger.sqlite")) as db:
        db.execute("CREATE TEMP TABLE a AS SELECT client, cost FROM attempt")
        db.execute("CREATE INDEX temp.by_client ON a (client, cost)")
        began = time.perf_counter()
        db.execute("SELECT client, sum(cost) FROM a GROUP BY client").fetchall()
        raise Timed(time.perf_counter() - began)


def timed(measure: Callable[[int], None], nth: int) -> float:
    began = time.perf_counter()
    try:
        measure(nth)
    except Timed as told:
        return float(told.args[0])
    return time.perf_counter() - began


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs=2, default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bench", type=Path, default=BENCH)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server, url = serve(args.bench, 0.0, folder)
        try:
            homes = make_homes(folder, url, args.sizes)
            rows = {what: [[], []] for what in commands(homes[0])}
            for nth in range(args.rounds):
                for what, pair in rows.items():
                    for size, home in enumerate(homes):
                        pair[size].append(timed(commands(home)[what], nth))
        finally:
            server.terminate()
        report(args.sizes, homes, rows)


def make_homes(folder: Path, url: str, sizes: Sequence[int]) -> list[Path]:
    first = make_ledger(folder, url)
    homes = []
    for size in sizes:
        home = folder / str(size)
        shutil.copytree(first, home)
        batch(home, "waiting", JOBS)  # it is another file here, and so another batch
        began = time.perf_counter()
        grow(home / "data" / "ledger.sqlite", size)
        megabytes = (home / "data" / "ledger.sqlite").stat().st_size / 1e6
        sys.stdout.write(f"{size} jobs: {megabytes:.0f} MB, made in {time.perf_counter() - began:.0f} s\n")
        sys.stdout.flush()
        homes.append(home)
    return homes


def report(sizes: Sequence[int], homes: Sequence[Path], rows: dict[str, list[list[float]]]) -> None:
    sys.stdout.write(f"{'ms, medians (min-max)':20}" + "".join(f"{size:>26}" for size in sizes) + "   ratio\n")
    for what, pair in rows.items():
        cells = [f"{1e3 * statistics.median(one):.1f} ({1e3 * min(one):.1f}-{1e3 * max(one):.1f})" for one in pair]
        ratio = statistics.median(pair[1]) / statistics.median(pair[0])
        sys.stdout.write(f"{what:20}" + "".join(f"{cell:>26}" for cell in cells) + f"{ratio:8.2f}\n")


if __name__ == "__main__":
    main()
