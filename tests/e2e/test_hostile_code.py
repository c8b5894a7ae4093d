"""A booby-trapped repository through the whole way: run, diff, edit, check, sign, deliver. Nothing of it escapes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gigctl.system.sandbox import Missing, probe
from support.hostile_repo import Hostile, make_hostile
from support.office import Office, open_office
from support.terminal import environment, run_gigctl, seen_on_terminal

TEST = "from sub.module import x\n\n\ndef test_x():\n    assert x == 2\n"
CONFTEST = """\
import os, pathlib, socket

def attempt(do):
    try:
        do()
    except Exception:
        pass

def call():
    with socket.create_connection(("127.0.0.1", {port}), timeout=2) as made:
        made.sendall(b"sprung\\n")

def write(place):
    place = pathlib.Path(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a") as out:
        out.write("conftest\\n")

attempt(call)
for place in ({canary!r}, {home!r} + "/sprung", {home!r} + "/gigctl/sprung", {client!r} + "/sprung",
              {client!r} + "/.git/sprung"):
    attempt(lambda: write(place))
for ledger in pathlib.Path({home!r}).rglob("*.db"):
    attempt(lambda: write(ledger))
"""


@dataclass(frozen=True)
class Trap:
    """The hostile repository, whose `conftest.py` also calls a socket and writes wherever it can."""

    hostile: Hostile
    home: Path
    socket: socket.socket

    def sprung(self) -> list[str]:
        """Each thing that got out."""
        found = self.hostile.sprung()
        try:
            self.socket.accept()[0].close()
            found.append("called")
        except BlockingIOError:
            pass
        places = [self.home, self.home / "gigctl", self.hostile.path, self.hostile.path / ".git"]
        return found + [str(place) for place in places if (place / "sprung").exists()]


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    if isinstance(found := probe(), Missing):
        pytest.skip(found.reason)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        folder, home = tmp_path / "hostile", tmp_path / "freelancer"
        told = {"port": listening.getsockname()[1], "canary": str(folder / "canary"), "home": str(home),
                "client": str(folder / "client")}  # fmt: skip
        more = {"conftest.py": CONFTEST.format(**told), "test_module.py": TEST}
        yield Trap(make_hostile(folder, more), home, listening)


def _edit(place: Path) -> str:
    """An editor that does what a person does, and calls git as editors do."""
    script = place / "editor"
    script.write_text('#!/bin/sh\nfor file; do echo "y = 3" >>"$file"; done\n'
                      "cd tree && git status >/dev/null 2>&1; git diff >/dev/null 2>&1; exit 0\n")  # fmt: skip
    script.chmod(0o755)
    return str(script)


def _agent(office: Office) -> None:
    """One that works in the folder, and asks git there."""
    script = "git status; git diff HEAD; git add --all; echo 'x = 2' >sub/module.py; echo new >new.dat"
    office.gigctl("agent", "add", "prog", "--kind", "command", "--price-run", "0", "--", "sh", "-c", script)


def test_nothing_escapes(trap: Trap, tmp_path: Path) -> None:
    office, client = open_office(trap.home), trap.hostile.path
    _agent(office)
    acceptance = f"acceptance={sys.executable} -m pytest -q -p no:cacheprovider"
    office.gigctl("gig", "add", "--repo", client, "--brief", "Make x 2", "--check", acceptance, "-a", "prog")
    before = trap.hostile.repository.state()
    office.gigctl("run", "me-1")
    assert "+x = 2" in office.gigctl("diff", "me-1.1").out
    assert "sub/module.py" in seen_on_terminal("diff", "me-1.1", home=trap.home, env=office.env).out
    office.gigctl("diff", "me-1.1", "--tool", "diff -r", code=None)
    run_gigctl("edit", "me-1.1", home=trap.home, env={**office.env, "EDITOR": _edit(tmp_path)}, code=0)
    assert "+y = 3" in office.gigctl("diff", "me-1.1").out
    office.gigctl("check", "me-1.1")
    office.gigctl("preview", "me-1")
    office.gigctl("sign", "me-1", "--expect", "1")
    office.gigctl("deliver", "me-1", "-o", "patches")
    office.gigctl("deliver", "me-1", "--as", "squash", "-o", "squash.zip")
    assert trap.hostile.repository.state() == before
    office.gigctl("deliver", "me-1", "--as", "branch")
    office.gigctl("deliver", "me-1", "--as", "squash", "--branch", "in-one")
    office.gigctl("verify", "patches")
    office.gigctl("ledger", "verify")
    assert trap.sprung() == []
    changed = {path for path, data in trap.hostile.repository.state().items() if before.get(path) != data}
    assert changed == {".git/refs/heads/gigctl/me-1", ".git/refs/heads/in-one", ".git/logs/refs/heads/gigctl/me-1",
                       ".git/logs/refs/heads/in-one"}  # fmt: skip


def test_the_traps_spring_elsewhere(trap: Trap, tmp_path: Path) -> None:
    """The control: the same tests run as anybody runs them, and git as anybody calls it."""
    trap.home.mkdir()
    (trap.home / "gigctl").mkdir()
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=trap.hostile.path,
                   env=environment(trap.home), capture_output=True, check=False)  # fmt: skip
    settings = tmp_path / "trusting"
    settings.write_text("[safe]\n\tdirectory = *\n")
    trap.hostile.repository.attempt("status", env={"GIT_CONFIG_GLOBAL": str(settings)})
    found = trap.sprung()
    assert {"conftest", "called", str(trap.home), str(trap.hostile.path), str(trap.hostile.path / ".git")} <= {*found}
    assert any("fsmonitor" in line for line in found)
