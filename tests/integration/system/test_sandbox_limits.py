"""What a program in the sandbox must not use up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

MIB = 1024 * 1024
BOMB = """
import os
made = 0
for _ in range(400):
    try:
        if os.fork() == 0:
            import time; time.sleep(20)
    except OSError:
        print(made, flush=True)
        os._exit(7)
    made += 1
os._exit(0)
"""


def test_processes_are_capped(inside) -> None:
    done = inside(BOMB, processes=40, seconds=20)
    assert done.code == 7
    assert 30 <= int(done.stdout) <= 40


def test_a_fork_bomb_ends_with_its_time(inside) -> None:
    done = inside(["sh", "-c", "f() { f | f & }; f & while :; do :; done"], processes=60, seconds=1, output=1024 * MIB)
    assert done.timed_out or done.stopped
    assert done.seconds < 10


def test_processes_are_capped_for_an_ordinary_user(tmp_path) -> None:
    """The kernel never holds root to RLIMIT_NPROC, so that root's test alone would not show it."""
    if os.getuid() != 0:
        pytest.skip("the other tests already run as an ordinary user")
    python = shutil.which("python3", path="/usr/bin")
    if python is None or shutil.which("setpriv") is None:
        pytest.skip("needs setpriv and a Python that an ordinary user can run")
    source = tmp_path / "source"
    shutil.copytree(
        Path(__file__).parents[3] / "src" / "gigctl", source / "gigctl", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(Path(msgspec.__file__).parent, source / "msgspec", ignore=shutil.ignore_patterns("__pycache__"))
    code = f"""
import asyncio, os, sys
if sys.version_info[:2] != {sys.version_info[:2]}:
    sys.exit("other")
from pathlib import Path
from gigctl.system.sandbox import Policy, find_sandbox, run_sandboxed
argv = [{python!r}, "-I", "-c", {BOMB!r}]
done = asyncio.run(run_sandboxed(find_sandbox(), argv, tree=Path("/usr/share/base-files"),
                                 policy=Policy(processes=40, seconds=20), environ=dict(os.environ)))
print(os.getuid(), done.code, done.stdout, done.stderr)
"""
    for folder in (source, *source.parents):
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o077 == 0:
            folder.chmod(0o755)  # pytest's own, however many levels a worker of xdist has
    done = subprocess.run(
        ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", python, "-c", code],
        env={"PYTHONPATH": str(source), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        timeout=60,
    )
    if done.stderr == b"other\n":
        pytest.skip("the system's Python is of another version than what is compiled for this one")
    assert done.stdout.startswith(b"54321 7 b'3"), done


def test_memory_of_one_process_is_capped(inside) -> None:
    done = inside("x = bytearray(300_000_000)", memory=200 * MIB)
    assert done.code == 1
    assert b"MemoryError" in done.stderr


def test_memory_of_all_together_is_capped(inside) -> None:
    code = "import os, time\nfor _ in range(8): os.fork() or (globals().update(x=b'x' * 100_000_000), time.sleep(20))\n"
    done = inside(code + "time.sleep(20)", memory=300 * MIB, seconds=15)
    assert "300 MiB of memory" in done.stopped
    assert done.seconds < 10


@pytest.mark.parametrize("place", ["/dev/shm", "/tmp", "~", "."])
def test_folders_in_memory_are_capped(inside, place) -> None:
    code = f"""
import os
os.chdir(os.path.expanduser({place!r}))
for n in range(20):
    open(f"{{n}}", "wb").write(b"x" * 1_000_000)
"""
    done = inside(code, disk=8 * MIB)
    assert done.code == 1
    assert b"No space left" in done.stderr


def test_nothing_else_can_be_filled(inside) -> None:
    """Every writable mount is one of those that have a size."""
    lines = [line.split() for line in inside(["cat", "/proc/mounts"]).text.splitlines()]
    writable = {where for _, where, kind, options, *_ in lines if options.startswith("rw") and kind == "tmpfs"}
    assert writable == {"/tmp", "/dev/shm", os.environ["HOME"], "/tree"}
    other = {where for _, where, kind, options, *_ in lines if options.startswith("rw") and kind != "tmpfs"}
    devices = {
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
        "/dev/tty",
        "/dev/pts",
        "/dev/console",
    }
    assert other <= {"/proc", *devices}


def test_a_file_in_the_tree_is_capped(inside, tree) -> None:
    done = inside("open('big', 'wb').write(b'x' * 20_000_000)", tree="write", disk=8 * MIB)
    assert done.code == 1
    assert (tree / "big").stat().st_size <= 8 * MIB


def test_a_tree_that_does_not_fit_is_told(inside, tree) -> None:
    (tree / "big").write_bytes(b"x" * 3_000_000)
    done = inside(["true"], disk=MIB)
    assert done.code == 125
    assert b"does not fit" in done.stderr


def test_endless_output_is_ended(inside) -> None:
    done = inside(["yes"], output=MIB)
    assert done.truncated
    assert len(done.stdout) == MIB


def test_no_core_is_dumped(inside) -> None:
    done = inside(
        "import resource, os; print(resource.getrlimit(resource.RLIMIT_CORE), flush=True); os.abort()", tree="write"
    )
    assert done.stdout == b"(0, 0)\n"


def test_no_control_group_is_left(inside) -> None:
    inside(["true"])
    inside(["sleep", "20"], seconds=0.3)
    mine = f"gigctl-{os.getpid()}-*"
    assert not [*Path("/sys/fs/cgroup").glob(mine), *Path("/sys/fs/cgroup").glob(f"*/{mine}")]
