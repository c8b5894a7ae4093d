"""Killed at every step, and a disk that is full: a delivery is there whole or not at all, and the books agree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gigctl.errors import UsageError
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.verify import verify
from gigctl.ledger import deliveries, gigs
from gigctl.model import Reference
from support.desk import Office
from support.desks import make_desk
from support.keys import make_key
from support.llm_server import LLMServer
from support.shops import Shop, described

_CHILD = """
import os, signal, sys
from pathlib import Path

home, gig, out, key, step = *sys.argv[1:5], int(sys.argv[5])
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.desk import Desk
from gigctl.paths import load_paths
import gigctl.crafts.translation, zipfile

seen = 0

def watch(event, args):
    # Everything that is about to be done to a file in the place where the delivery goes.
    global seen
    if event.startswith(("open", "os.", "shutil.", "tempfile.")) and str(Path(out).parent) in repr(args):
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)

env = {"GIGCTL_HOME": home}
with Desk(load_paths(env), env) as desk:
    sys.addaudithook(watch)
    deliver(desk, [gig], Options(output=Path(out), signer=key))
"""


def _deliver_in_child(home: Path, gig: str, out: Path, step: int, key: str = "") -> int:
    argv = [sys.executable, "-c", _CHILD, str(home), gig, str(out), key, str(step)]
    done = subprocess.run(argv, capture_output=True, timeout=60)
    assert done.returncode in (0, -9), done.stderr.decode()
    return done.returncode


def _recorded(office: Office | Shop, gig: str) -> list[str]:
    reference = Reference.parse(gig)
    assert reference is not None
    with office.desk.ledger.reading() as tx:
        return [found.manifest_sha256 for found in deliveries.list_deliveries(tx, gigs.get_gig(tx, reference))]


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_killed_at_every_step(name: str, tmp_path: Path) -> None:
    office = Office(tmp_path / "office")
    gig = office.signed_translation()
    office.close()
    found = set()
    for step in range(1, 100):
        place = tmp_path / f"place{step}"
        place.mkdir()
        before = _recorded(office, gig)
        code = _deliver_in_child(office.folder / "gigctl", gig, place / name, step)
        found.add(_judge(office, gig, place / name, before, finished=code == 0))
        if code == 0:
            break
    else:
        raise AssertionError("the child never came to its end")
    assert found >= {"nothing", "unrecorded", "delivered"}, found
    office.close()


def _judge(office: Office, gig: str, target: Path, before: list[str], *, finished: bool) -> str:
    """What the crash left, and that the same command then ends well."""
    new = _recorded(office, gig)[len(before) :]
    seen = verify(target) if target.exists() and _is_something(target) else None
    if seen is None:
        assert new == []
        assert not finished
        if target.exists():  # the name was taken, and nothing was put there yet
            assert target.is_dir()
            target.rmdir()
            (done,) = deliver(office.desk, [gig], Options(output=target))
            assert not done.found
            return "claimed"
        (done,) = deliver(office.desk, [gig], Options(output=target))
        assert not done.found
        return "nothing"
    assert seen.ok, seen.problems
    if new:
        assert new == [seen.sha256]
        with pytest.raises(UsageError, match="already there"):
            deliver(office.desk, [gig], Options(output=target))
        return "delivered"
    assert not finished
    (done,) = deliver(office.desk, [gig], Options(output=target))
    assert done.found
    assert _recorded(office, gig)[len(before) :] == [seen.sha256]
    return "unrecorded"


@pytest.mark.parametrize("signed", [False, True])
def test_a_table_killed_at_every_step(signed: bool, tmp_path: Path) -> None:
    """It is never there without its manifest; what is left of it is gone on with, to the same bytes."""
    with LLMServer(described) as server:
        shop = Shop(tmp_path, server)
        shop.batch()
    shop.sign()
    key = str(make_key(tmp_path / "desk")) if signed else ""
    shop.desk.close()
    found: set[str] = set()
    for step in range(1, 100):
        place = tmp_path / f"place{step}"
        place.mkdir()
        shop.desk = make_desk(tmp_path / "desk")
        before = _recorded(shop, shop.gig)
        shop.desk.close()
        code = _deliver_in_child(tmp_path / "desk", shop.gig, place / "out.csv", step, key)
        shop.desk = make_desk(tmp_path / "desk")
        found.add(_judge_table(shop, place, before, key, finished=code == 0))
        shop.desk.close()
        if code == 0:
            break
    else:
        raise AssertionError("the child never came to its end")
    assert found == {"nothing", "left", "unrecorded", "delivered"}


def _judge_table(shop: Shop, place: Path, before: list[str], key: str, *, finished: bool) -> str:
    target = place / "out.csv"
    new = _recorded(shop, shop.gig)[len(before) :]
    there = [path.name for path in place.iterdir() if not path.name.startswith(".")]
    kept = {name: (place / name).read_bytes() for name in there}
    if target.exists():
        assert verify(target).ok
        state = "delivered" if new else "unrecorded"
    else:
        state = "left" if there else "nothing"
    assert (state == "delivered") == bool(new)
    assert finished <= (state == "delivered")
    if state == "delivered":
        with pytest.raises(UsageError, match="already there"):
            shop.deliver(f"{place.name}/out.csv", signer=key)
    else:
        shop.deliver(f"{place.name}/out.csv", signer=key)
    seen = verify(target)
    assert seen.ok, seen.problems
    assert (seen.signer is not None) == bool(key)
    assert _recorded(shop, shop.gig)[len(before) :] == [seen.sha256]
    assert all((place / name).read_bytes() == data for name, data in kept.items())
    return state


def _is_something(target: Path) -> bool:
    return any(target.iterdir()) if target.is_dir() else target.stat().st_size > 0


_FULL = """
import sys
from pathlib import Path
from gigctl.errors import GigctlError
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.desk import Desk
from gigctl.flow.preview import preview
from gigctl.paths import load_paths

folder, gig, small = sys.argv[1:]
env = {"GIGCTL_HOME": folder + "/gigctl"}
for name in ("out", "out.zip", "look"):
    with Desk(load_paths(env), env) as desk:
        try:
            if name == "look":
                preview(desk, gig, Path(small, name))
            else:
                deliver(desk, [gig], Options(output=Path(small, name)))
        except GigctlError as error:
            print(name, error.exit_code, error.message)
    print("left", sorted(path.name for path in Path(small).iterdir()))
"""


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap for a disk of 64 kB")
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    import random

    office = Office(tmp_path / "office")
    words = random.Random(1)
    text = " ".join(f"{words.getrandbits(64):x}" for _ in range(20_000))
    gig = office.translation(f"Bonjour.\n\n```\n{text}\n```\n")
    office.draft(f"{gig}.1", "Hello.")
    office.sign(gig)
    office.close()
    small = tmp_path / "small"
    small.mkdir()
    box = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--size", "65536", "--tmpfs", str(small)]
    argv = [*box, sys.executable, "-c", _FULL, str(office.folder), gig, str(small)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    if "bwrap:" in done.stderr:
        pytest.skip(done.stderr.strip())
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[::2]] == [["out", "3"], ["out.zip", "3"], ["look", "3"]], done
    assert all("pace left" in line for line in lines[::2])
    assert set(lines[1::2]) == {"left []"}
    assert _recorded(office, gig) == []
    office.close()
