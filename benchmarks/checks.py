#!/usr/bin/env python3
"""Many checks that each compute for a while, as gigctl runs them, against `make -j` doing the same.

checks.py [--checks 100] [--milliseconds 300] [--jobs CORES] [--rounds 3]

Each check is `python3 burn.py`, which ends after so much CPU time of its own; `make` runs the same command lines on
the same tree, without a sandbox.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gigctl.flow import work
from gigctl.model import REGULAR, Change, CheckContext, CheckSpec, Content
from gigctl.system.git.store import Store
from gigctl.system.sandbox import Missing, find_sandbox

BURN = """\
import sys, time
while time.process_time() < float(sys.argv[1]):
    sum(range(1000))
"""


def files(seconds: float, count: int) -> tuple[Change, ...]:
    rules = "".join(f"c{n}:\n\t@python3 burn.py {seconds} {n}\n" for n in range(count))
    goals = " ".join(f"c{n}" for n in range(count))
    made = {"burn.py": BURN, "Makefile": f"all: {goals}\n.PHONY: all {goals}\n{rules}"}
    made |= {f"pkg/module_{n}.py": "x = 1\n" * 50 for n in range(20)}
    return tuple(Change(path, REGULAR, text.encode()) for path, text in sorted(made.items()))


def by_make(folder: Path, jobs: int) -> float:
    begun = time.perf_counter()
    subprocess.run(["make", f"-j{jobs}", "-C", folder, "all"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def by_gigctl(store: Path, content: Content, specs: list[CheckSpec]) -> float:
    begun = time.perf_counter()
    verdicts = asyncio.run(work.assess(content, specs, CheckContext(base=content.base), store=store))
    took = time.perf_counter() - begun
    if any(not verdict.passed for verdict in verdicts):
        sys.exit(f"a check did not pass: {next(v for v in verdicts if not v.passed)}")
    return took


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--checks", type=int, default=100)
    options.add_argument("--milliseconds", type=float, default=300)
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--rounds", type=int, default=3)
    args = options.parse_args()
    sandbox = find_sandbox()
    if isinstance(sandbox, Missing):
        sys.exit(f"no sandbox: {sandbox.reason} ({sandbox.hint})")
    seconds = args.milliseconds / 1000
    with tempfile.TemporaryDirectory() as name:
        store = Store.open(Path(name) / "git")
        content = Content((Change("new.py", REGULAR, b"y = 1\n"),), store.add_tree(files(seconds, args.checks)))
        folder = Path(name) / "plain"
        for change in files(seconds, args.checks):
            (folder / change.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / change.path).write_bytes(change.data or b"")
        specs = [
            CheckSpec(f"c{n}", "command", {"run": ["python3", "burn.py", str(seconds), str(n)]})
            for n in range(args.checks)
        ]
        pairs = [(by_make(folder, args.jobs), by_gigctl(store.path, content, specs)) for _ in range(args.rounds)]
    for label, values in (("make", [a for a, _ in pairs]), ("gigctl", [b for _, b in pairs])):
        print(f"{label:<8} median {statistics.median(values):6.2f} s  min {min(values):6.2f}  max {max(values):6.2f}")
    ratio = statistics.median([b / a for a, b in pairs])
    print(f"{'ratio':<8} median {ratio:6.3f}  ({args.checks} checks, -j{args.jobs}, {args.rounds} rounds)")


if __name__ == "__main__":
    main()
