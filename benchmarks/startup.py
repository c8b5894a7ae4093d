#!/usr/bin/env python3
"""Whole processes: `gigctl --version` and `gigctl queue` against bare programs that do the same.

startup.py [--tasks 10000] [--rounds 21]
"""

from __future__ import annotations

import argparse
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE_VERSION = """
import sys, importlib
import typer
from typer.core import TyperGroup
TABLE = {"one": "json", "two": "csv", "three": "ast"}
class Lazy(TyperGroup):
    def list_commands(self, ctx): return list(TABLE)
    def get_command(self, ctx, name): return importlib.import_module(TABLE[name])
def version(value: bool):
    if value:
        print("bare 1.0")
        raise typer.Exit
app = typer.Typer(cls=Lazy, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
@app.callback(invoke_without_command=True)
def main(version: bool = typer.Option(False, "--version", callback=version, is_eager=True)):
    pass
app()
"""

BARE_QUEUE = """
import sqlite3, sys
import typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
@app.command()
def queue(path: str):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = db.execute('''SELECT client.slug || '-' || gig.number || '.' || task.number, task.state, gig.due, task.name,
      (SELECT group_concat(rv.name || ' ' || v.outcome, ', ')
        FROM revision_verdict rv JOIN verdict v USING (fingerprint)
        WHERE rv.revision = task.current AND rv.required AND v.outcome <> 'pass') AS failing
      FROM task JOIN gig ON gig.id = task.gig JOIN client ON client.id = gig.client
      WHERE task.state IN ('review', 'failed') ORDER BY gig.due, failing IS NULL, task.id''').fetchall()
    if sys.stdout.isatty():
        widths = [max(len(str(row[n] or "")) for row in rows) for n in range(5)]
        for row in rows:
            print("  ".join(str(row[n] or "").ljust(widths[n]) for n in range(5)))
    else:
        for row in rows:
            print("  ".join(str(cell) for cell in row if cell))
app()
"""


def fill(home: Path, count: int) -> Path:
    """A ledger with so many tasks that wait for a human, a tenth of them with a failed check."""
    from gigctl.ledger import clients, gigs, revisions, tasks
    from gigctl.ledger.opening import open_ledger
    from gigctl.model import Content, Evidence, TaskSpec, Verdict

    ledger = open_ledger(home / "data")
    with ledger.writing() as tx:
        client = clients.add_client(tx, "acme", name="", currency="EUR", policy="any", style="", glossary="", rate=None)
        for n in range(count):
            if n % 100 == 0:
                gig = gigs.add_gig(tx, client, craft="translation", title=f"gig {n}", due=f"2030-01-{n % 28 + 1:02}")
            spec = TaskSpec(f"text.md:{n}", Content.of_text(f"Bonjour {n}"), language="en")
            task = tasks.get_task_by_id(tx, tasks.add_task(tx, gig, spec, craft="translation"))
            revision = revisions.add_revision(tx, task, Content.of_text(f"Hello {n}"), made_by="agent")
            bad = n % 10 == 0
            verdict = Verdict(
                "numbers", "fail" if bad else "pass", (Evidence("missing"),) if bad else (), fingerprint=f"{n:064x}"
            )
            revisions.record_verdicts(tx, task, revision, [verdict])
            tasks.set_current(tx, task.id, revision)
            tasks.set_state(tx, task.id, "review")
    ledger.close()
    return home / "data" / "ledger.sqlite"


def timed(argv: list[str], env: dict[str, str], *, on_pty: bool) -> float:
    begun = time.perf_counter()
    if not on_pty:
        subprocess.run(argv, env=env, capture_output=True, check=True)
        return time.perf_counter() - begun
    main, child = pty.openpty()
    process = subprocess.Popen(argv, env=env, stdin=child, stdout=child, stderr=child, close_fds=True)
    os.close(child)
    try:
        while os.read(main, 65536):
            pass
    except OSError:
        pass
    process.wait()
    os.close(main)
    return time.perf_counter() - begun


def compare(name: str, ours: list[str], bare: list[str], env: dict[str, str], rounds: int, *, on_pty: bool) -> None:
    pairs = [(timed(ours, env, on_pty=on_pty), timed(bare, env, on_pty=on_pty)) for _ in range(rounds + 1)][1:]
    for label, column in (("gigctl", 0), ("bare", 1)):
        values = [pair[column] * 1000 for pair in pairs]
        print(
            f"{name:<22} {label:<7} median {statistics.median(values):7.1f} ms  "
            f"min {min(values):7.1f}  max {max(values):7.1f}"
        )
    ratios = [a / b for a, b in pairs]
    print(
        f"{name:<22} ratio   median {statistics.median(ratios):7.2f}     min {min(ratios):7.2f}  max {max(ratios):7.2f}"
    )


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
    options = argparse.ArgumentParser()
    options.add_argument("--tasks", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=21)
    args = options.parse_args()
    gigctl = str(Path(sys.executable).with_name("gigctl"))
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        database = fill(home, args.tasks)
        env = {**os.environ, "GIGCTL_HOME": name, "TERM": "xterm", "PAGER": "cat"}
        (home / "version.py").write_text(BARE_VERSION)
        (home / "queue.py").write_text(BARE_QUEUE)
        bare = [sys.executable, str(home / "version.py"), "--version"]
        compare("--version", [gigctl, "--version"], bare, env, args.rounds, on_pty=False)
        bare = [sys.executable, str(home / "queue.py"), str(database)]
        compare("queue, piped", [gigctl, "queue"], bare, env, args.rounds, on_pty=False)
        compare("queue, on a terminal", [gigctl, "queue"], bare, env, args.rounds, on_pty=True)


if __name__ == "__main__":
    main()
