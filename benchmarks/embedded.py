"""The embedded model's tokens a second through `gigctl batch`, beside xllamacpp's own server driven by a bare client.

    python benchmarks/embedded.py [--jobs 48] [--rounds 3] [--slots N] [--model FILE.gguf] [--curve 1,2,4,8]

Both are given the same prompts, as gigctl builds them (a server that only writes down what it is sent is asked first),
with temperature 0 and the same most tokens, by as many slots of as much context. A round is one and then the other,
each with a process of its own that has loaded the model and answered one other prompt; the next round begins with the
other one. gigctl's time is the whole command's, the bare client's that of its calls alone. Answers at temperature 0 may
differ by a few tokens, so that rates are compared, not times. `--curve` measures the bare server alone at each number
of slots, in turn, `--rounds` times. On a machine that does other work the bare server's threads spin and lose a core's
turns: `--same-waiting` lets them wait as those of gigctl's process do, so that what is left is what gigctl adds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from gigctl.agents.local_server import SPINS
from gigctl.agents.local_shape import choose_shape
from gigctl.agents.models import DEFAULT
from gigctl.paths import load_paths

GIGCTL = Path(sys.executable).with_name("gigctl")
COLOURS = ("red", "blue", "green", "brass", "oak", "linen", "steel", "glass", "paper", "wool", "slate", "copper")
THINGS = ("lamp", "chair", "kettle", "bag", "clock", "mug", "shelf", "rug", "vase", "bench", "mirror")
WINDOW = 2048
SERVER = """
import json, signal, sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_parallel, params.n_ctx = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
params.verbosity, params.ui = 0, False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
time.sleep(86400)
"""


class Recorder(BaseHTTPRequestHandler):
    """Writes down what it is asked, and answers something."""

    bodies: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = {"role": "assistant", "content": "A fine thing for every home."}
        usage = {"prompt_tokens": 100, "completion_tokens": 7}
        answer = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def write_jobs(path: Path, count: int) -> None:
    with path.open("w") as file:
        for n in range(count):
            what = f"{COLOURS[n % len(COLOURS)]} {THINGS[n % len(THINGS)]}"
            brief = f"Describe the {what}, article {n}, for a small shop, in one sentence of about twenty words."
            file.write(json.dumps({"id": f"j{n}", "craft": "writing", "brief": brief}) + "\n")


def fresh_home(folder: Path, model: Path, agent: str) -> dict[str, str]:
    """The environment of a gigctl that has never been used, with one agent, `bench`."""
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    (home / "config").mkdir(parents=True)
    (home / "config" / "agents.toml").write_text(f"[bench]\n{agent}\nbody = {{ temperature = 0 }}\n")
    (home / "cache" / "models").mkdir(parents=True)
    (home / "cache" / "models" / model.name).symlink_to(model)
    more = {"GIGCTL_HOME": str(home), "GIGCTL_CACHE_DIR": str(home / "cache"), "GIGCTL_RUNTIME_DIR": str(home / "run")}
    return {**os.environ, **more, "NO_COLOR": "1"}


def batch(environ: dict[str, str], jobs: Path, *more: str) -> list[dict[str, Any]]:
    argv = [str(GIGCTL), "batch", str(jobs), "-a", "bench", "--repair", "0", "--no-progress", *more]
    done = subprocess.run(argv, env=environ, stdout=subprocess.PIPE, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def record_prompts(folder: Path, model: Path, jobs: Path) -> list[dict[str, Any]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    Thread(target=server.serve_forever, daemon=True).start()
    agent = f'kind = "openai"\nmodel = "m"\nlocal = true\napi-base = "http://127.0.0.1:{server.server_port}/v1"'
    batch(fresh_home(folder, model, agent), jobs)
    server.shutdown()
    return Recorder.bodies


# --- the two ---


async def ask_all(url: str, bodies: list[dict[str, Any]], at_once: int) -> tuple[float, list[dict[str, Any]]]:
    import aiohttp

    places = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3600)) as session:

        async def ask(body: dict[str, Any]) -> dict[str, Any]:
            async with places, session.post(f"{url}/v1/chat/completions", json=body) as response:
                return dict((await response.json())["usage"])

        began = time.perf_counter()
        used = await asyncio.gather(*(ask(body) for body in bodies))
        return time.perf_counter() - began, used


def measure_bare(
    model: Path, bodies: list[dict[str, Any]], slots: int, context: int, more: dict[str, str]
) -> dict[str, Any]:
    argv = [sys.executable, "-c", SERVER, str(model), str(slots), str(context)]
    env = {**os.environ, **more}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            asyncio.run(ask_all(url, [{"messages": [{"role": "user", "content": "Say ready."}], "max_tokens": 8}], 1))
            wall, used = asyncio.run(ask_all(url, bodies, slots))
        finally:
            server.kill()
    cached = sum((each.get("prompt_tokens_details") or {}).get("cached_tokens", 0) for each in used)
    return row(wall, [(u["prompt_tokens"], u["completion_tokens"]) for u in used], cached)


def measure_gigctl(folder: Path, model: Path, jobs: Path, slots: int, spare: int | None) -> dict[str, Any]:
    environ = fresh_home(folder, model, f'kind = "local"\nmodel = "{model.stem}"\nconcurrency = {slots}')
    try:
        subprocess.run([str(GIGCTL), "agent", "test", "bench"], env=environ, check=True, capture_output=True)
        began = time.perf_counter()
        lines = batch(environ, jobs, *([] if spare is None else ["-j", str(slots + spare)]))
        wall = time.perf_counter() - began
    finally:
        subprocess.run([str(GIGCTL), "model", "stop"], env=environ, check=True, capture_output=True)
    used = [line["tokens"] for line in lines if line["tokens"]]
    return row(wall, [(u["input"], u["output"]) for u in used], sum(u["cached"] for u in used))


def row(wall: float, used: list[tuple[int, int]], cached: int) -> dict[str, Any]:
    read, written = (sum(each) for each in zip(*used, strict=True))
    return {
        "wall_s": round(wall, 2), "answers": len(used), "read": read, "cached": cached, "written": written,
        "written_per_s": round(written / wall, 2), "total_per_s": round((read + written) / wall, 2),
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


# --- the report ---


def waiting(args: argparse.Namespace) -> dict[str, str]:
    return {"GOMP_SPINCOUNT": SPINS} if args.same_waiting else {}


def tell(name: str, found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"what": name, **found}) + "\n")
    sys.stdout.flush()


def spread(name: str, values: list[float]) -> None:
    sys.stdout.write(f"{name:44} {statistics.median(values):7.2f}  ({min(values):.2f}-{max(values):.2f})\n")


def compare(args: argparse.Namespace, folder: Path, jobs: Path, bodies: list[dict[str, Any]]) -> None:
    slots, found = args.slots, {"bare": [], "gigctl": []}  # type: tuple[int, dict[str, list[dict[str, Any]]]]
    context = choose_shape(args.model, slots).context
    for n in range(args.rounds):
        for name in ("bare", "gigctl") if n % 2 == 0 else ("gigctl", "bare"):
            if name == "bare":
                made = measure_bare(args.model, bodies, slots, context, waiting(args))
            else:
                made = measure_gigctl(folder, args.model, jobs, slots, args.spare)
            found[name].append(made)
            tell(name, made)
    sys.stdout.write(f"{args.jobs} jobs, {slots} slots, n={args.rounds}\n")
    for unit in ("written_per_s", "total_per_s"):
        for name, rows in found.items():
            spread(f"{name}, {unit}", [each[unit] for each in rows])
        spread(
            f"gigctl / bare, {unit}",
            [ours[unit] / bare[unit] for ours, bare in zip(found["gigctl"], found["bare"], strict=True)],
        )
    if any(each["answers"] != args.jobs for rows in found.values() for each in rows):
        sys.stdout.write("not every job has an answer\n")


def measure_curve(args: argparse.Namespace, bodies: list[dict[str, Any]]) -> None:
    counts = [int(count) for count in args.curve.split(",")]
    found: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(args.rounds):
        for count in counts:
            made = measure_bare(args.model, bodies, count, WINDOW * count, waiting(args))
            found[count].append(made["written_per_s"])
            tell(f"{count} slots", made)
    for count, values in found.items():
        spread(f"{count} slots, tokens written per s", values)


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int)
    parser.add_argument("--spare", type=int, help="calls beyond the slots, in place of gigctl's own number")
    parser.add_argument("--model", type=Path, default=load_paths().models / f"{DEFAULT.name}.gguf")
    parser.add_argument("--curve", default="")
    parser.add_argument("--same-waiting", action="store_true", help="the bare server's threads wait as gigctl's do")
    args = parser.parse_args()
    args.model = args.model.resolve()
    args.slots = args.slots or choose_shape(args.model).slots
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = folder / "jobs.jsonl"
        write_jobs(jobs, args.jobs)
        bodies = record_prompts(folder, args.model, jobs)
        if len(bodies) != args.jobs:
            raise SystemExit(f"{len(bodies)} of {args.jobs} prompts were recorded")
        if args.curve:
            measure_curve(args, bodies)
        else:
            compare(args, folder, jobs, bodies)


if __name__ == "__main__":
    main()
