"""Each task of a code gig works in a tree of its own, and the client's checkout stays as it is to the last byte."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from gigctl.system.sandbox import Sandbox, find_sandbox
from support.office import Office, open_office
from support.repositories import Repository, make_repository

needs_sandbox = pytest.mark.skipif(not isinstance(find_sandbox(), Sandbox), reason="no sandbox works here")

FILES = {
    "greet.py": b"print('hi')\n",
    "dos.txt": b"one\r\ntwo\r\n",
    "bare.txt": b"no last newline",
    "name with blanks.txt": b"x\n",
    "\u65e5\u672c/\u8a9e.txt": "\u8a9e\n".encode(),
    "tests/test_greet.py": b"import unittest\n",
}
GIG = """\
client = "me"
craft = "code"
repo = "{repo}"
brief = "Three things at once"
[checks.there]
run = ["test", "-f", "greet.py"]
[[task]]
name = "one"
brief = "write one.txt"
[[task]]
name = "two"
brief = "write two.txt"
[[task]]
name = "three"
brief = "write three.txt"
"""
PROGRAM = r"""
what=$(sed -n 's/^write \(.*\)\.txt$/\1/p')
sleep 0.3
ls > "$what.seen"
echo done > "$what.txt"
chmod +x "$what.txt"
rm dos.txt
"""


def _fingerprint(folder: Path) -> str:
    """All that is in a folder, git's own and its objects too: names, modes, times, bytes."""
    digest = hashlib.sha256()
    for place in sorted(folder.rglob("*"), key=os.fsencode):
        status = place.lstat()
        data = os.fsencode(place.readlink()) if place.is_symlink() else place.read_bytes() if place.is_file() else b""
        digest.update(b"%b\0%o\0%d\0" % (os.fsencode(place), status.st_mode, status.st_mtime_ns) + data)
    return digest.hexdigest()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return open_office(tmp_path / "user")


@pytest.fixture
def client(tmp_path: Path) -> Repository:
    repository = make_repository(tmp_path / "client", FILES)
    (repository.path / "run.sh").write_text("#!/bin/sh\n")
    (repository.path / "run.sh").chmod(0o755)
    (repository.path / "link").symlink_to("greet.py")
    repository.commit()
    (repository.path / "greet.py").write_text("print('not committed')\n")  # and not our business
    return repository


@needs_sandbox
def test_three_at_once_do_not_see_each_other_and_the_client_sees_none(
    office: Office, client: Repository, tmp_path: Path
) -> None:
    before = _fingerprint(client.path)
    office.gigctl("agent", "add", "coder", "--price-run", "0.1", "--", "sh", "-c", PROGRAM)
    (tmp_path / "gig.toml").write_text(GIG.format(repo=client.path))
    office.gigctl("gig", "add", tmp_path / "gig.toml")
    office.gigctl("run", "me-1", "-a", "coder", "-j", "3")
    for number, what in enumerate(("one", "two", "three"), 1):
        diff = office.gigctl("diff", f"me-1.{number}").out
        seen = [line[1:] for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
        assert f"{what}.seen" in seen
        assert not {"one.txt", "two.txt", "three.txt"} - {f"{what}.txt"} & set(seen)
        assert "new file mode 100755" in diff
        assert diff.count("deleted file mode") == 1
        assert "not committed" not in diff
        office.gigctl("check", f"me-1.{number}")
    office.gigctl("edit", "me-1.1", "-y", "--from", _edited(tmp_path))
    office.gigctl("show", "me-1.2", "--prompt")
    office.gigctl("sign", "me-1.2", "--expect", "1")
    assert _fingerprint(client.path) == before
    office.gigctl("deliver", "me-1.2", "--partial", "--as", "branch")
    assert _fingerprint(client.path) != before
    assert client.git("show", "--format=", "--name-status", _branch(client)).splitlines() == [
        "D\tdos.txt", "A\ttwo.seen", "A\ttwo.txt"]  # fmt: skip
    assert (client.path / "greet.py").read_text() == "print('not committed')\n"


def _edited(tmp_path: Path) -> Path:
    """A folder as an editor would leave it."""
    folder = tmp_path / "edited"
    folder.mkdir()
    for name, data in FILES.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


def _branch(client: Repository) -> str:
    return next(name for name in client.git("branch", "--format=%(refname:short)").split() if name != "main")
