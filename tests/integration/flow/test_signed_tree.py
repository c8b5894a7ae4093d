"""Sign-offs go along with a delivery of code, and prove in the client's repository what was signed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gigctl.errors import ConfigError
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.gigfile import TaskWish
from gigctl.flow.signed_tree import NAME
from gigctl.flow.treecheck import TreeRequest, judge_tree
from gigctl.flow.verify import verify
from gigctl.model import EXECUTABLE, REGULAR, Change, Content, Verdict
from support.desk import Office
from support.keys import allow, make_key
from support.repositories import Repository, make_repository

GREET = Change("greet.py", REGULAR, b"print('good day')\n")
GONE = Change("old.txt", REGULAR, None)
TOOL = Change("tools/n\u00e4w tool.sh", EXECUTABLE, b"#!/bin/sh\necho new\n")
DOS = Change("dos.txt", REGULAR, b"one\r\nthree\r\n")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "office")
    yield made
    made.close()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path)


@pytest.fixture
def client(tmp_path: Path, key: Path) -> Repository:
    files = {"greet.py": b"print('hi')\n", "old.txt": b"old\n", "dos.txt": b"one\r\ntwo\r\n", "other.py": b"x = 1\n"}
    signers = allow(tmp_path, ("ada", key)).read_bytes()
    return make_repository(tmp_path / "client", {**files, "signers": signers})


@pytest.fixture
def gig(office: Office, client: Repository, key: Path) -> str:
    tasks = (TaskWish(name="Greet", brief="Do greet"), TaskWish(name="Tool", brief="Do tool"))
    gig = office.add_gig(craft="code", repository=str(client.path), brief="Greet politely", tasks=tasks)
    for task, changes in zip(office.tasks(gig), ((GREET, DOS), (GONE, TOOL)), strict=True):
        office.draft(task.ref, Content(changes, task.input_base))
    office.sign(gig, signer=str(key))
    return gig


@pytest.fixture
def delivered(office: Office, client: Repository, gig: str) -> Repository:
    """The client's repository on a branch that was delivered."""
    deliver(office.desk, [gig], Options(form="branch", branch="work"))
    client.git("checkout", "--quiet", "work")
    return client


def judge(client: Repository, base: str = "main", signers: Path | None = None) -> Verdict:
    (found,) = judge_tree(TreeRequest(client.path, base, signers=signers or client.path / "signers")).verdicts
    assert found.name == NAME
    return found


def said(verdict: Verdict) -> list[str]:
    return [item.message for item in verdict.evidence]


def files_of(gig: str) -> list[str]:
    return [f".gigctl/signoffs/{gig}.{n}.json{more}" for n in (1, 2) for more in ("", ".sig")]


def test_what_was_delivered_is_what_was_signed(delivered: Repository, gig: str) -> None:
    for base in ("main", ""):
        found = judge(delivered, base)
        assert found.passed, said(found)
        assert [line.split(" by ada (SHA256:")[0] for line in said(found)] == [f"{gig}.1", f"{gig}.2"]


@pytest.mark.parametrize("form", ["branch", "patches", "files", "squash"])
def test_every_form_has_them_and_the_manifest_lists_them(
    office: Office, client: Repository, gig: str, tmp_path: Path, form: str
) -> None:
    output = {"patches": tmp_path / "out", "files": tmp_path / "out"}.get(form)
    (done,) = deliver(office.desk, [gig], Options(form=form, output=output))
    assert [file.path for file in done.manifest.signoff_files] == files_of(gig)
    if output is not None:
        assert verify(output).ok
    if form == "patches":
        client.git("am", "--quiet", *map(str, sorted(output.glob("*.patch"))))  # type: ignore[union-attr]
    elif form == "files":
        for file in done.manifest.files:
            client.write({file.path: (output / file.path).read_bytes()})  # type: ignore[operator]
        client.place("old.txt").unlink()
        client.place(TOOL.path).chmod(0o755)
    else:
        client.git("checkout", "--quiet", done.manifest.git["branch"])
    found = judge(client, "main" if form in ("branch", "squash") else "")
    assert found.passed, said(found)


def test_without_a_key_none_is_made(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = office.signed_code(client.path, Content((GREET,)))
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out", form="files"))
    assert [file.path for file in done.manifest.files] == ["greet.py"]
    assert done.manifest.signoff_files == ()


def test_a_signature_holds_by_ssh_keygen_alone(delivered: Repository, gig: str) -> None:
    """As docs/ci.md shows it: the statement in its canonical form, without any of our code."""
    name = f".gigctl/signoffs/{gig}.1.json"
    statement = json.loads((delivered.path / name).read_text())["statement"]
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    argv = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "ada", "-n", "gigctl", "-s", f"{name}.sig"]
    subprocess.run(argv, cwd=delivered.path, input=text, check=True, timeout=20, capture_output=True)


def _write(path: str, data: bytes | str) -> Callable[[Repository], None]:
    return lambda client: client.write({path: data})


def _edit(name: str, change: Callable[[dict[str, object]], object]) -> Callable[[Repository], None]:
    def edit(client: Repository) -> None:
        (place,) = client.path.glob(f".gigctl/signoffs/*.{name}.json")
        document = json.loads(place.read_text())
        change(document)
        place.write_text(json.dumps(document))

    return edit


def _forge_hash(document: dict) -> None:  # type: ignore[type-arg]
    import hashlib

    lines = document["revision"]["files"]
    next(line for line in lines if line["path"] == "greet.py")["sha256"] = hashlib.sha256(b"evil\n").hexdigest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_write("greet.py", b"evil\n"), "greet.py is not as it was signed"),
        (_write("new.py", b"x\n"), "new.py was changed, and nobody signed that"),
        (_write("other.py", b"x = 2\n"), "other.py was changed, and nobody signed that"),
        (_write("old.txt", b"back\n"), "old.txt is not as it was signed"),
        (lambda c: c.place("greet.py").chmod(0o755), "greet.py is not as it was signed"),
        (lambda c: c.place("greet.py").unlink(), "greet.py is not as it was signed"),
        (_edit("1", _forge_hash), "the files that it lists are not the revision that was signed"),
        (_edit("1", lambda d: d["statement"].update(input="0" * 64)), "does not hold: "),
        (_edit("1", lambda d: d["statement"].update(task="acme-9.9")), "whose file has another name"),
        (_edit("1", lambda d: d["statement"].update(more=1)), "its statement is not as it must be"),
        (_edit("1", lambda d: d["revision"].update(files=[{"path": 3}])), "its files are not as they must be"),
        (_edit("1", lambda d: d.update(schemaVersion=2)), "of version 2"),
        (lambda c: next(c.path.glob(".gigctl/signoffs/*.1.json.sig")).unlink(), "it has no .sig beside it"),
        (lambda c: next(c.path.glob(".gigctl/signoffs/*.1.json")).write_text("[" * 99_999), "it is no JSON"),
        (lambda c: next(c.path.glob(".gigctl/signoffs/*.1.json.sig")).write_bytes(b"\xff"), "no SSH signature"),
    ],
)
def test_what_is_not_as_signed_fails(delivered: Repository, change: Callable[[Repository], None], message: str) -> None:
    change(delivered)
    found = judge(delivered)
    assert found.outcome == "fail"
    assert any(message in line for line in said(found)), said(found)
    delivered.git("add", "--all")  # committed it is the same
    delivered.git("commit", "--quiet", "--message", "x")
    assert judge(delivered).outcome == "fail"


def test_a_foreign_key_signs_nothing(delivered: Repository, tmp_path: Path) -> None:
    other = allow(tmp_path, ("eve", make_key(tmp_path, "eve")))
    found = judge(delivered, signers=other)
    assert found.outcome == "fail"
    assert "greet.py was changed, and nobody signed that" in said(found)
    assert any("names no key that made it" in line for line in said(found))


def test_a_change_names_no_signer_of_its_own(delivered: Repository, tmp_path: Path) -> None:
    """The file of signers counts as the base has it, whichever way it is named."""
    eve = allow(tmp_path, ("eve", make_key(tmp_path, "eve"))).read_bytes()
    delivered.write({"signers": eve, "mine": eve})
    (tmp_path / "link").symlink_to(delivered.path / "mine")
    assert "signers was changed, and nobody signed that" in said(judge(delivered))
    assert not any("greet.py" in line for line in said(judge(delivered)))  # by the base's signers it is signed
    for place in (delivered.path / "mine", tmp_path / "link"):
        with pytest.raises(ConfigError, match="can't name its own signers"):
            judge(delivered, signers=place)


def test_without_a_base_what_a_sign_off_names_must_be_so(delivered: Repository) -> None:
    delivered.write({"other.py": b"x = 2\n"})  # of which nobody says that it was signed
    assert judge(delivered, "").passed
    delivered.write({"greet.py": b"evil\n"})
    assert said(judge(delivered, "")) == ["greet.py is not as it was signed"]


def test_no_sign_off_at_all_is_no_pass(client: Repository) -> None:
    found = judge(client, "")
    assert found.outcome == "fail"
    assert "there is no sign-off in .gigctl/signoffs/" in said(found)[0]


def test_a_later_task_may_change_what_an_earlier_one_signed(office: Office, delivered: Repository, key: Path) -> None:
    later = Change("greet.py", REGULAR, b"print('good evening')\n")
    gig = office.add_gig(craft="code", repository=str(delivered.path), brief="Evening", base="work")
    (task,) = office.tasks(gig)
    office.draft(task.ref, Content((later,), task.input_base))
    office.sign(gig, signer=str(key))
    deliver(office.desk, [gig], Options(form="branch", branch="evening"))
    delivered.git("checkout", "--quiet", "evening")
    for base in ("main", "work", ""):
        assert judge(delivered, base).passed


def test_lines_that_a_checkout_turned_are_gits_blobs(delivered: Repository, tmp_path: Path) -> None:
    delivered.commit({".gitattributes": "greet.py text eol=crlf\n"})
    delivered.git("clone", "--quiet", "--branch=work", str(delivered.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    assert clone.place("greet.py").read_bytes().endswith(b"\r\n")
    assert said(judge(clone, "origin/main")) == [".gitattributes was changed, and nobody signed that"]
