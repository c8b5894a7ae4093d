"""A disk that is full while a run works: every command says so, and no answer that was paid for is forgotten.

The disk is a small one of our own, in a mount namespace that goes away with the process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gigctl.flow.pool import AHEAD
from support.llm_server import Asked, LLMServer

TASKS = 40
NAMESPACE = ("unshare", "--map-root-user", "--mount")
CHILD = """
import json, os, subprocess, sys
from pathlib import Path
from support.office import Office

disk, url, room = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", disk], check=True)
office = Office(disk)
office.add_agent("a", url, "--price-in", "1", "--price-out", "1")
gig = office.add_texts(int(sys.argv[4]))
told = []

def gigctl(*args):
    ran = office.gigctl(*args, code=None)
    told.append([args[0], ran.code, ran.out, ran.err])

run = ["run", gig, "-a", "a", "-j", "8", "--no-progress"]
ballast = disk / "ballast"
at = os.statvfs(disk)
ballast.write_bytes(b"x" * (at.f_bavail * at.f_frsize - room))
gigctl(*run)
gigctl(*run)
gigctl("queue")
ballast.unlink()
gigctl("ledger", "verify")
gigctl(*run, "--json")
gigctl(*run, "--retry-unknown", "--json")
gigctl("ledger", "export", gig)
print(json.dumps(told))
"""


def _long_text(asked: Asked) -> str:
    return f"About {asked.last[-40:]}: " + " ".join(f"word{n}" for n in range(150))


@pytest.mark.parametrize("room", [0, 100, 400])
def test_every_path_says_that_the_disk_is_full(room: int, tmp_path: Path) -> None:
    """With so many KiB left: not even SQLite's index of its log, no intent, or some answers."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace of our own can be had here")
    with LLMServer(_long_text, latency=0.02) as server:
        argv = [*NAMESPACE, sys.executable, "-c", CHILD, tmp_path, server.url, str(room * 1024), str(TASKS)]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        first, again, queue, verify, after, last, export = json.loads(done.stdout)
        prompts = server.stats()["prompts"]
    for _, code, out, err in (first, again):
        assert (code, out) == (3, "")
        assert "error: the disk is full: " in err
        assert "ledger.sqlite can't be written" in err
        assert "hint: make room on that disk, then " in err
    assert queue[1] == 0 or "the disk is full" in queue[3]
    assert verify[1] == 0
    lost = json.loads(after[3])["error"]["message"] if after[3] else ""
    assert after[1] == (75 if "may have been paid" in lost else 0)
    assert (last[1], last[3]) == (0, "")
    calls = [json.loads(line) for line in export[2].splitlines()]
    outcomes = [call["outcome"] for call in calls if call["kind"] == "attempt" and call["outcome"] != "unsent"]
    # Every call that was made is in the books, and none was made twice that is not marked.
    # What was begun and not sent yet can't be taken back on a full disk: it counts as paid, as after a kill.
    assert 0 <= len(outcomes) - sum(prompts.values()) <= AHEAD
    assert outcomes.count("draft") == len(prompts) == TASKS
    assert outcomes.count("unknown") == len(outcomes) - TASKS
    assert ("--retry-unknown" in first[3]) == ("unknown" in outcomes)
