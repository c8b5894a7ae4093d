#!/usr/bin/env python3
"""A task's tree in a large repository: `check_out` from our store against `git worktree add` in the repository itself.

worktree.py [--files 10000] [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from gigctl.system.git import Store, add_base, check_out

BYTES = 3_000
"""Of a file, about the median of a source file."""


def git(folder: Path, *args: str) -> None:
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    someone = ("-c", "user.name=A", "-c", "user.email=a@b.example")
    subprocess.run(["git", *someone, *args], cwd=folder, env=env, check=True, capture_output=True)


def make_repository(folder: Path, files: int) -> None:
    for n in range(files):
        place = folder / f"package_{n // 100}" / f"module_{n}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"# {n}\n" + "x = 1\n" * (BYTES // 6))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All")
    git(folder, "repack", "-a", "-d", "--quiet")


def told(label: str, values: list[float]) -> None:
    print(f"{label:<24} median {statistics.median(values):7.0f} ms  min {min(values):6.0f}  max {max(values):6.0f}")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--files", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=15)
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        repository, trees = Path(name) / "client", Path(name) / "trees"
        repository.mkdir()
        trees.mkdir()
        make_repository(repository, args.files)
        store = Store.open(Path(name) / "store")
        begun = time.perf_counter()
        base = add_base(store, repository)
        print(f"{'fetched once':<24} {(time.perf_counter() - begun) * 1000:14.0f} ms")
        ours: list[float] = []
        gits: list[float] = []
        for n in range(args.rounds + 1):
            place = trees / f"ours_{n}"
            begun = time.perf_counter()
            check_out(store, base.tree, place)
            ours.append((time.perf_counter() - begun) * 1000)
            shutil.rmtree(place)
            place = trees / f"gits_{n}"
            begun = time.perf_counter()
            git(repository, "worktree", "add", "--quiet", "--detach", str(place))
            gits.append((time.perf_counter() - begun) * 1000)
            git(repository, "worktree", "remove", "--force", str(place))
        told("a task's tree", ours[1:])
        told("git worktree add", gits[1:])
        ratios = [a / b for a, b in zip(ours[1:], gits[1:], strict=True)]
        print(
            f"{'ratio':<24} median {statistics.median(ratios):7.2f}     min {min(ratios):6.2f}  max {max(ratios):6.2f}"
        )


if __name__ == "__main__":
    main()
