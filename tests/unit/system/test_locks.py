from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gigctl.errors import TemporaryError
from gigctl.system import locks

HOLDER = """
import sys, subprocess
sys.path[:0] = {path!r}
from pathlib import Path
from gigctl.system import locks
lock = locks.hold(Path(sys.argv[1]))
child = subprocess.Popen(["sleep", "20"], close_fds=False)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_one_holds_it_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert locks.is_free(path)
    assert not path.exists()
    with locks.exclusive(path):
        assert not locks.is_free(path)
        began = time.monotonic()
        with pytest.raises(TemporaryError):
            locks.hold(path, timeout=0.1)
        assert 0.1 <= time.monotonic() - began < 2
    assert locks.is_free(path)
    assert path.stat().st_mode & 0o777 == 0o600
    lock = locks.hold(path)
    lock.release()
    lock.release()
    assert locks.is_free(path)


def test_readers_share(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first, second = locks.hold(path, shared=True), locks.hold(path, shared=True)
    with pytest.raises(TemporaryError):
        locks.hold(path)
    first.release()
    second.release()
    locks.hold(path).release()


def test_a_killed_holder_lets_go_though_its_child_lives(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(path=sys.path), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        assert not locks.is_free(path)
        holder.kill()
        holder.wait()
        assert locks.is_free(path)
        subprocess.run(["kill", "-9", str(child)], check=True)
