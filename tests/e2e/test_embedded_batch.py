"""Two batches on the real embedded model at once: one process serves both, outlives either, and goes after them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gigctl.agents.local import state_file
from gigctl.agents.local_server import Address, find_server, stop_servers
from gigctl.system import locks
from support.embedded_model import EmbeddedModel
from support.terminal import GIGCTL, environment

pytestmark = [pytest.mark.model, pytest.mark.slow]
IDLE_SECONDS = 3


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "runtime"
    stop_servers(tmp_path / "runtime")


def start_batch(folder: Path, model: EmbeddedModel, runtime: Path, count: int) -> subprocess.Popen[str]:
    """With a ledger of its own; an answer a line as it comes."""
    folder.mkdir()
    jobs = folder / "jobs.jsonl"
    with jobs.open("w") as file:
        for n in range(count):
            brief = f"Name a colour that goes with number {n} of {folder.name}. One word."
            file.write(json.dumps({"id": f"j{n}", "craft": "writing", "brief": brief}) + "\n")
    own = {name: value for name, value in model.environ(runtime).items() if name.startswith("GIGCTL_")}
    env = environment(folder, **{**own, "GIGCTL_MODEL_IDLE": str(IDLE_SECONDS)})
    argv = [GIGCTL, "batch", str(jobs), "-a", "local", "--repair", "0", "--no-progress"]
    return subprocess.Popen(argv, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def eventually(what: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_two_batches_share_one_process_which_outlives_the_first_and_ends_after_the_last(
    embedded_model: EmbeddedModel, runtime: Path, tmp_path: Path
) -> None:
    def running() -> Address | None:
        return find_server(state_file(runtime, embedded_model.path), embedded_model.path)

    first_batch = start_batch(tmp_path / "first", embedded_model, runtime, 500)
    with first_batch as first, start_batch(tmp_path / "second", embedded_model, runtime, 12) as second:
        assert first.stdout is not None
        assert second.stdout is not None
        assert json.loads(first.stdout.readline())["agent"] == "local"
        lines = [json.loads(second.stdout.readline())]
        served = running()
        assert served is not None
        assert len(list(runtime.glob("*.serving"))) == 1

        first.kill()
        first.communicate()
        lines += [json.loads(line) for line in second.stdout]
        assert second.wait(timeout=60) in (0, 1)  # a one-word answer may be repeated, and fail a check
    assert sorted(line["id"] for line in lines) == sorted(f"j{n}" for n in range(12))
    assert all(line["status"] in ("ok", "failed check") and line["tokens"]["output"] > 0 for line in lines)
    assert not locks.is_free(next(runtime.glob("*.serving")))
    assert eventually(lambda: running() is None, IDLE_SECONDS + 20)
    assert eventually(lambda: has_ended(served.pid), 20)  # it gives its memory back first
