#!/usr/bin/env python3
"""One small job as a whole process: `gigctl do` against a bare aiohttp program, over what the server itself takes.

do.py --bench FOLDER [--rounds 15] [--latency 200]

FOLDER holds the load server `mock_openai.py`. The peak is the largest of all rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dispatch import BENCH, fresh_home, serve

BARE = """
import asyncio, sys
import aiohttp
async def main(url):
    async with aiohttp.ClientSession() as session:
        body = {"model": "m", "messages": [{"role": "user", "content": sys.stdin.read()}]}
        async with session.post(url + "/v1/chat/completions", json=body) as answer:
            print((await answer.json())["choices"][0]["message"]["content"])
asyncio.run(main(sys.argv[1]))
"""


def timed(argv: list[str], text: str, home: Path) -> tuple[float, int]:
    """Seconds and peak MB of one process."""
    env = {**os.environ, "GIGCTL_HOME": str(home), "BENCH_KEY": "x"}
    began = time.perf_counter()
    child = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert child.stdin is not None
    child.stdin.write(text.encode())
    child.stdin.close()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{argv[0]} ended with {status}")
    return time.perf_counter() - began, usage.ru_maxrss // 1024


def show(name: str, values: list[float]) -> None:
    print(f"{name:34} {statistics.median(values):6.2f}  ({min(values):.2f}-{max(values):.2f})")


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--latency", type=float, default=200)
    parser.add_argument("--bench", type=Path, default=BENCH)
    args = parser.parse_args()
    gigctl = str(Path(sys.executable).with_name("gigctl"))
    walls: dict[str, list[float]] = {"gigctl": [], "bare": []}
    peaks: dict[str, list[float]] = {"gigctl": [], "bare": []}
    with tempfile.TemporaryDirectory() as name:
        server, url = serve(args.bench, args.latency, Path(name))
        home = fresh_home(Path(name), url)
        argvs = {
            "gigctl": [gigctl, "do", "writing", "--brief", "Describe it.", "-a", "bench"],
            "bare": [sys.executable, "-c", BARE, url],
        }
        try:
            for n in range(args.rounds + 1):
                for who, argv in argvs.items():
                    wall, peak = timed(["taskset", "-c", "0", *argv], f"Describe article {n}.", home)
                    if n:  # the first makes the ledger
                        walls[who].append(wall - args.latency / 1000)
                        peaks[who].append(peak)
        finally:
            server.terminate()
    print(f"n={args.rounds}, {args.latency:.0f} ms")
    for who in argvs:
        show(f"{who}, s over the server's time", walls[who])
    for who in argvs:
        show(f"{who}, peak MB", peaks[who])
    show("ratio", [a / b for a, b in zip(walls["gigctl"], walls["bare"], strict=True)])


if __name__ == "__main__":
    main()
