from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gigctl.errors import ConfigError
from gigctl.system import proc
from gigctl.system.proc import Finished, ProgramError

Run = Callable[..., Finished]


def _await(*args: Any, **kwargs: Any) -> Finished:
    return asyncio.run(proc.run_async(*args, **kwargs))


@pytest.fixture(params=[proc.run, _await], ids=["run", "run_async"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


def _dead(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_both_streams_and_the_code(run: Run) -> None:
    done = run(["sh", "-c", "cat; echo err >&2; exit 3"], stdin=b"in\xff")
    assert (done.code, done.stdout, done.stderr, done.timed_out, done.truncated) == (
        3,
        b"in\xff",
        b"err\n",
        False,
        False,
    )
    assert done.text == "in\udcff"
    assert not done.ok


def test_large_input_and_output_flow_at_once(run: Run) -> None:
    data = os.urandom(3_000_000)
    assert run(["cat"], stdin=data).stdout == data


def test_input_that_nobody_reads(run: Run) -> None:
    assert run(["true"], stdin=b"x" * 3_000_000).ok


@pytest.mark.parametrize(("size", "cut"), [(1000, False), (1001, True)])
def test_the_limit_is_exact(run: Run, size: int, cut: bool) -> None:
    done = run([sys.executable, "-c", f"import sys; sys.stderr.write('x' * {size})"], limit=1000)
    assert len(done.stderr) == 1000
    assert done.truncated is cut


def test_an_endless_writer_is_ended(run: Run) -> None:
    done = run(["yes"], limit=100_000)
    assert done.truncated
    assert len(done.stdout) == 100_000
    assert done.seconds < 5


@pytest.mark.parametrize("script", ["sleep 30 & echo $! >PID; wait", "echo $$ >PID; exec >&- 2>&-; sleep 30"])
def test_a_time_out_ends_the_whole_group(run: Run, tmp_path: Path, script: str) -> None:
    done = run(["sh", "-c", script], timeout=0.3, cwd=tmp_path)
    assert done.timed_out
    assert done.code == -signal.SIGKILL
    assert done.seconds < 5
    assert _dead(int((tmp_path / "PID").read_text()))


def test_what_is_left_running_is_ended(run: Run, tmp_path: Path) -> None:
    done = run(["sh", "-c", "sleep 30 & echo $! >PID"], cwd=tmp_path)
    assert done.code == 0
    assert done.seconds < 5
    assert _dead(int((tmp_path / "PID").read_text()))


def test_a_daemon_that_holds_the_streams_is_not_waited_for(run: Run, tmp_path: Path) -> None:
    script = "setsid -f sh -c 'echo $$ >PID; exec sleep 30'; while [ ! -s PID ]; do sleep 0.01; done"
    done = run(["sh", "-c", script], cwd=tmp_path, timeout=20)
    assert done.seconds < 5
    assert not done.timed_out
    os.kill(int((tmp_path / "PID").read_text()), signal.SIGKILL)


def test_cancelled_is_killed(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(0.3):
            await proc.run_async(["sh", "-c", "sleep 30 & echo $! >PID; wait"], cwd=tmp_path)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert _dead(int((tmp_path / "PID").read_text()))


@pytest.mark.parametrize(
    ("argv", "cwd", "words"),
    [
        (["no-such-program"], None, "no program 'no-such-program'"),
        (["true"], Path("/no/such"), "no folder '/no/such'"),
        (["/etc/passwd"], None, "Permission denied"),
        (["a\0b"], None, "null"),
    ],
)
def test_what_cannot_start_is_told(run: Run, argv: list[str], cwd: Path | None, words: str) -> None:
    with pytest.raises(ProgramError, match=words) as caught:
        run(argv, cwd=cwd)
    assert isinstance(caught.value, ConfigError)


def test_the_environment_and_descriptors_are_what_is_given(run: Run) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"by descriptor")
    os.close(writer)
    done = run(["/bin/sh", "-c", f"echo $A; cat /proc/self/fd/{reader}"], env={"A": "b"}, pass_fds=[reader])
    os.close(reader)
    assert done.stdout == b"b\nby descriptor"


def test_a_detached_program_has_a_session_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = (
        "import os, time; print(os.getpid(), os.getsid(0), os.listdir('/proc/self/fd'), flush=True); time.sleep(30)"
    )
    with (tmp_path / "lock").open("w"):
        pid = proc.spawn_detached([sys.executable, "-c", script], env={}, output=log)
        for _ in range(200):
            if log.read_text().endswith("\n"):
                break
            time.sleep(0.02)
    try:
        assert log.read_text() == f"{pid} {pid} ['0', '1', '2', '3']\n"  # 3 is the listing itself
        assert log.stat().st_mode & 0o777 == 0o600
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_pager_that_is_left_early_is_no_error() -> None:
    asked = 0

    def chunks():  # type: ignore[no-untyped-def]
        nonlocal asked
        while asked < 1000:
            asked += 1
            yield b"x" * 100_000

    assert proc.page(["sh", "-c", "exit 7"], chunks()) == 7
    assert asked < 1000


def test_ctrl_c_is_the_editors(tmp_path: Path) -> None:
    """On a real terminal: the child is interrupted, we are not."""
    script = f"""
import sys; sys.path[:0] = {sys.path!r}
from gigctl.system import proc
code = proc.interactive(["sh", "-c", "trap 'exit 9' INT; echo ready; read x"])
print("editor said", code, flush=True)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", script])
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    while b"editor said" not in seen or not seen.endswith(b"\n"):
        seen += os.read(terminal, 1000)
    assert b"editor said 9" in seen
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
