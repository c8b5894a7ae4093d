#!/usr/bin/env python3
"""What the sandbox adds to a command: `true` on a small tree, plain and sandboxed in turn.

sandbox.py [--rounds 100]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from gigctl.system import proc
from gigctl.system.sandbox import Missing, Policy, Sandbox, find_sandbox, run_sandboxed

FILES = 20


async def timed(call: Callable[[], Awaitable[proc.Finished]]) -> float:
    """Milliseconds of one command that must succeed."""
    begun = time.perf_counter()
    done = await call()
    took = (time.perf_counter() - begun) * 1000
    if not done.ok:
        raise SystemExit(f"the command failed: {done.stderr.decode(errors='replace')}")
    return took


async def compare(sandbox: Sandbox, tree: Path, rounds: int) -> None:
    def plain() -> Awaitable[proc.Finished]:
        return proc.run_async(["true"], cwd=tree, env={"PATH": os.environ["PATH"]}, timeout=60)

    def inside() -> Awaitable[proc.Finished]:
        return run_sandboxed(sandbox, ["true"], tree=tree, policy=Policy(), environ=os.environ)

    pairs = [(await timed(plain), await timed(inside)) for _ in range(rounds + 1)][1:]
    for label, values in (("plain", [a for a, _ in pairs]), ("sandboxed", [b for _, b in pairs])):
        print(f"{label:<10} median {statistics.median(values):6.1f} ms  min {min(values):6.1f}  max {max(values):6.1f}")
    added = [b - a for a, b in pairs]
    print(f"{'added':<10} median {statistics.median(added):6.1f} ms  min {min(added):6.1f}  max {max(added):6.1f}")
    print(f"{'ratio':<10} median {statistics.median([b / a for a, b in pairs]):6.1f}")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=100)
    args = options.parse_args()
    sandbox = find_sandbox()
    if isinstance(sandbox, Missing):
        sys.exit(f"no sandbox: {sandbox.reason} ({sandbox.hint})")
    with tempfile.TemporaryDirectory() as name:
        for n in range(FILES):
            Path(name, f"module_{n}.py").write_text("x = 1\n" * 50)
        asyncio.run(compare(sandbox, Path(name), args.rounds))


if __name__ == "__main__":
    main()
