"""How fast small jobs go through, beside a bare client that keeps no books, measured in turn in one run.

    python benchmarks/dispatch.py [--jobs 1000] [--rounds 5] [--at-once 64] [--latency 200] [--through litellm]
                                  [--bench FOLDER]

The server is pinned to one core, each client to the other. A round is: the bare client (aiohttp, or litellm's call), a
dispatch timed inside its process (imports and one opened gig before it, as for the bare client), and the whole command
`gigctl batch`. The rows are printed as they come, then medians with minimum and maximum, as ratios: to the ideal (jobs
/ at once * latency) for times, to the bare client's for CPU. `FOLDER` holds the load server and the reference clients
(mock_openai.py, clients.py), which want uvloop, httptools and aiohttp.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
BENCH = HERE.parents[2] / "shared" / "bench"
THRESHOLD = (100_000, 50, 100)
"""How often the collector looks: as cli.py says it for every command."""
SUBTASK = "summarise the paragraph and list what a reviewer must check. " * 16
ENTRY = 'model = "{model}"\napi-base = "{url}/v1"\nkey = "env:BENCH_KEY"\nlocal = true\n'
AGENTS = {
    "openai": '[bench]\nkind = "openai"\n' + ENTRY.replace("{model}", "local"),
    "litellm": '[bench]\nkind = "litellm"\n' + ENTRY.replace("{model}", "openai/local"),
}
BARE = {"openai": "aiohttp", "litellm": "litellm"}


def write_jobs(path: Path, count: int) -> None:
    with path.open("w") as file:
        for n in range(count):
            file.write(json.dumps({"id": f"j{n}", "craft": "writing", "brief": f"Subtask {n}: {SUBTASK}"}) + "\n")


def used() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def measure_inside(home: Path, jobs: Path, at_once: int, through: str = "openai") -> dict[str, Any]:
    """One dispatch in this process: seconds, CPU seconds and peak memory in MB."""
    import aiohttp  # noqa: F401  # paid before, as the bare client's is

    if through == "litellm":
        from gigctl.agents.litellm_bridge import load_litellm

        load_litellm()

    from gigctl.flow.batch import BatchOptions, carry_out_batch, open_batch
    from gigctl.flow.desk import open_desk
    from gigctl.flow.jobs import Asked
    from gigctl.flow.rows import read_rows
    from gigctl.flow.runoptions import RunOptions
    from gigctl.render.batch import json_line

    gc.set_threshold(*THRESHOLD)
    with open_desk({**os.environ, "GIGCTL_HOME": str(home)}) as desk, jobs.open("rb", buffering=0) as file:
        options, run = BatchOptions(path=jobs), RunOptions(agents=("bench",), jobs=at_once)
        rows = read_rows(lambda: file.read(1 << 16), jobs.name, size=jobs.stat().st_size)
        asked = Asked(store=desk.store)
        batch = open_batch(desk, asked, options, run, ("bench",))
        with (home / "out.jsonl").open("w") as out:
            began, cpu = time.perf_counter(), used()
            result = carry_out_batch(
                desk, batch, rows, asked, options, run, lambda line: out.write(json.dumps(json_line(line)) + "\n"),
                lambda _: None,
            )  # fmt: skip
        wall, spent = time.perf_counter() - began, used() - cpu
    return {"wall_s": wall, "cpu_s": spent, "peak_mb": _peak(), "done": result.passed}


def _peak() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure_command(home: Path, jobs: Path, at_once: int) -> dict[str, Any]:
    """The whole command, from outside."""
    gigctl = Path(sys.executable).with_name("gigctl")
    argv = ["taskset", "-c", "0", str(gigctl), "batch", str(jobs), "-a", "bench", "-j", str(at_once), "--no-progress"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with (home / "out.jsonl").open("w") as out:
        subprocess.run(argv, env={**os.environ, "GIGCTL_HOME": str(home), "BENCH_KEY": "x"}, stdout=out, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": wall, "cpu_s": cpu, "done": sum(1 for _ in (home / "out.jsonl").open())}


def child(args: list[str]) -> dict[str, Any]:
    argv, env = ["taskset", "-c", "0", sys.executable, *args], {**os.environ, "BENCH_KEY": "x"}
    found = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    return dict(json.loads(found.stdout.splitlines()[-1]))


def fresh_home(folder: Path, url: str, through: str = "openai") -> Path:
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    (home / "config").mkdir(parents=True)
    (home / "config" / "agents.toml").write_text(AGENTS[through].format(url=url))
    return home


def serve(bench: Path, latency: float, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    port = 9300 + os.getpid() % 500
    argv = ["taskset", "-c", "1", sys.executable, str(bench / "mock_openai.py"), "--port", str(port), "--latency-ms"]
    server = subprocess.Popen([*argv, str(latency)], cwd=folder)
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{url}/stats", timeout=1).read()
        except OSError:
            time.sleep(0.05)
        else:
            return server, url
    raise SystemExit("the load server does not start: pip install uvloop httptools")


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--latency", type=float, default=200.0)
    parser.add_argument("--bench", type=Path, default=BENCH)
    parser.add_argument("--through", choices=list(AGENTS), default="openai")
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        home, jobs, at_once = args.inside
        sys.stdout.write(json.dumps(measure_inside(Path(home), Path(jobs), int(at_once), args.through)) + "\n")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server, url = serve(args.bench, args.latency, folder)
        try:
            rows = [one_round(args, folder, url) for _ in range(args.rounds)]
        finally:
            server.terminate()
    report(args, rows)


def one_round(args: argparse.Namespace, folder: Path, url: str) -> dict[str, dict[str, Any]]:
    jobs = folder / "jobs.jsonl"
    write_jobs(jobs, args.jobs)
    bare = child([str(args.bench / "clients.py"), BARE[args.through], str(args.jobs), str(args.at_once), url])
    home = str(fresh_home(folder, url, args.through))
    inside = child([str(HERE), "--through", args.through, "--inside", home, str(jobs), str(args.at_once)])
    command = measure_command(fresh_home(folder, url, args.through), jobs, args.at_once)
    found = {"bare": bare, "inside": inside, "command": command}
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    return found


def report(args: argparse.Namespace, rows: list[dict[str, dict[str, Any]]]) -> None:
    ideal, bare = args.jobs / args.at_once * args.latency / 1000, f"bare {BARE[args.through]}"
    figures = {
        f"{bare}, wall / ideal": [row["bare"]["wall_s"] / ideal for row in rows],
        "dispatch, wall / ideal": [row["inside"]["wall_s"] / ideal for row in rows],
        "whole command, wall / ideal": [row["command"]["wall_s"] / ideal for row in rows],
        f"{bare}, CPU s per 1,000": [row["bare"]["cpu_s_per_1000"] for row in rows],
        "dispatch, CPU s per 1,000": [row["inside"]["cpu_s"] / args.jobs * 1000 for row in rows],
        f"dispatch, CPU / {bare}": [
            row["inside"]["cpu_s"] / args.jobs * 1000 / row["bare"]["cpu_s_per_1000"] for row in rows
        ],
        f"{bare}, peak MB": [row["bare"]["peak_mb"] for row in rows],
        "dispatch, peak MB": [row["inside"]["peak_mb"] for row in rows],
    }
    sys.stdout.write(f"{args.jobs} jobs, {args.at_once} at once, {args.latency:g} ms, n={len(rows)}\n")
    for name, values in figures.items():
        sys.stdout.write(f"{name:34} {statistics.median(values):7.2f}  ({min(values):.2f}-{max(values):.2f})\n")
    if any(row[kind]["done"] != args.jobs for row in rows for kind in ("inside", "command")):
        raise SystemExit("not every job was done")


if __name__ == "__main__":
    main()
