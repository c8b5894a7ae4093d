"""Run the installed `gigctl` as a user does: by subprocess with a home of its own, or on a pseudo-terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

GIGCTL = shutil.which("gigctl", path=str(Path(sys.executable).parent)) or "gigctl"
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_FILE", "COVERAGE_PROCESS_CONFIG")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did. `out` and `err` are its bytes as text."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error document on stderr."""
        return dict(json.loads(self.err)["error"])


def environment(home: Path, **more: str | None) -> dict[str, str]:
    """A user's environment and nothing else: None takes a variable out."""
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env |= {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "TERM": "xterm-256color"}
    env.setdefault("LANG", "C.UTF-8")
    for name, value in more.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def run_gigctl(
    *args: str | Path,
    home: Path,
    stdin: str | bytes = b"",
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    timeout: float = 60,
    code: int | None = None,
) -> Ran:
    """Run it to its end without a terminal; `code`, where given, is the exit code that it must have."""
    done = subprocess.run(
        [GIGCTL, *map(str, args)],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env=environment(home, **(env or {})),
        cwd=cwd or home,
        timeout=timeout,
        start_new_session=True,  # no controlling terminal: a question must be an error
    )
    ran = Ran(done.returncode, _text(done.stdout), _text(done.stderr))
    assert code is None or ran.code == code, f"exit {ran.code}, expected {code}\n{ran.out}\n{ran.err}"
    return ran


def on_terminal(
    *args: str | Path,
    home: Path,
    rows: int = 24,
    columns: int = 80,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    timeout: float = 60,
) -> pexpect.spawn:
    """The same on a pseudo-terminal of that size, to be spoken with by `expect` and `sendline`."""
    return pexpect.spawn(
        GIGCTL,
        [str(arg) for arg in args],
        env=environment(home, **(env or {})),
        cwd=str(cwd or home),
        dimensions=(rows, columns),
        timeout=timeout,
        encoding="utf-8",
    )


def seen_on_terminal(*args: str | Path, home: Path, rows: int = 24, columns: int = 80, **more: Any) -> Ran:
    """Everything that a command which asks nothing sends to a terminal (stdout and stderr together in `out`)."""
    child = on_terminal(*args, home=home, rows=rows, columns=columns, **more)
    child.expect(pexpect.EOF)
    child.close()
    code = child.exitstatus if child.exitstatus is not None else -child.signalstatus
    return Ran(code, (child.before or "").replace("\r\n", "\n"), "")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
