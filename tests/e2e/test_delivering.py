"""deliver, verify and preview through the installed command: what is seen, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from support.desk import ENGLISH, Office
from support.keys import allow, make_key
from support.schema import FOLDER, check_document, check_error
from support.terminal import Ran, run_gigctl


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "office")


def gigctl(office: Office, *words: str | Path, code: int = 0, stdin: str = "") -> Ran:
    office.close()
    return run_gigctl(*words, home=office.folder, env=dict(office.environ), cwd=office.folder, code=code, stdin=stdin)


def test_delivered_and_verified(office: Office) -> None:
    gig = office.signed_translation()
    ran = gigctl(office, "deliver", gig)
    lines = ran.out.splitlines()
    assert lines[0] == f"delivered {gig}  {gig}.delivery"
    assert "3 sign-offs" in lines[2]
    assert f"next: gigctl verify {gig}.delivery" in ran.err
    told = lines[3].split()[-1]
    ran = gigctl(office, "verify", f"{gig}.delivery", "--sha256", told)
    assert "as it was delivered" in ran.out
    assert "this can only show accidents" in ran.out
    manifest = json.loads((office.folder / f"{gig}.delivery" / "MANIFEST.json").read_bytes())
    Draft202012Validator(json.loads((FOLDER / "manifest.json").read_text())).validate(manifest)
    (office.folder / f"{gig}.delivery" / "contrat.en.md").write_text("# Forged\n")
    ran = gigctl(office, "verify", f"{gig}.delivery", code=1)
    assert "not what was delivered" in ran.out
    assert "contrat.en.md: was changed" in ran.out


def test_in_json(office: Office) -> None:
    gig = office.signed_translation()
    (item,) = check_document(gigctl(office, "deliver", gig, "--json", "--ai-statement").out, "delivery")
    assert item["tasks"] == [f"{gig}.{n}" for n in (1, 2, 3)]
    manifest = json.loads((office.folder / f"{gig}.delivery" / "MANIFEST.json").read_bytes())
    Draft202012Validator(json.loads((FOLDER / "manifest.json").read_text())).validate(manifest)
    seen = check_document(gigctl(office, "verify", item["path"], "--json").out, "verify")
    assert (seen["ok"], seen["manifest"], seen["problems"]) == (True, item["manifest"], [])
    shown = check_document(gigctl(office, "preview", gig, "-o", "look", "--json").out, "preview")
    assert shown["unsigned"] == []
    seen = check_document(gigctl(office, "verify", "look", "--json", code=1).out, "verify")
    assert (seen["ok"], seen["manifest"]) == (False, None)
    assert gigctl(office, "deliver", gig, "-q", "-o", "again").out == "again\n"


def test_unsigned_is_seven(office: Office) -> None:
    gig = office.translation()
    for task, text in zip(office.tasks(gig), ENGLISH, strict=True):
        office.draft(task.ref, text)
    ran = gigctl(office, "deliver", gig, code=7)
    assert ran.out == ""
    assert ran.err == (
        f"error: {gig} is not delivered: 3 of 3 tasks are unsigned ({gig}.1, {gig}.2, {gig}.3)\n"
        "hint: gigctl queue -c acme\n"
    )
    assert check_error(gigctl(office, "deliver", gig, "--json", code=7).err)["kind"] == "human"
    ran = gigctl(office, "preview", gig, "-o", "look")
    assert ran.out.startswith("UNSIGNED preview  look  3 tasks unsigned\n")
    assert f"next: gigctl sign {gig}" in ran.err


def test_a_cancelled_task_alone_is_nothing_to_deliver(office: Office) -> None:
    gig = office.signed_translation()
    gigctl(office, "reopen", f"{gig}.1")
    gigctl(office, "task", "remove", f"{gig}.1")
    ran = gigctl(office, "deliver", f"{gig}.1", code=2)
    assert (ran.out, "named that is not cancelled" in ran.err) == ("", True)


def test_a_preview_says_what_is_still_the_source(office: Office) -> None:
    gig = office.translation()
    ran = gigctl(office, "preview", gig)
    assert ran.out.startswith(f"UNSIGNED preview  {gig}.preview  3 tasks unsigned\n")
    assert f"warning: 3 of 3 tasks have no draft: the source is left ({gig}.1, {gig}.2, {gig}.3)\n" in ran.err
    office.draft(f"{gig}.1", ENGLISH[0])
    office.draft(f"{gig}.2", ENGLISH[1])
    ran = gigctl(office, "preview", gig, "-o", "look")
    assert f"warning: 1 of 3 tasks has no draft: the source is left ({gig}.3)\n" in ran.err
    shown = check_document(gigctl(office, "preview", gig, "-o", "more", "--json").out, "preview")
    assert shown["undrafted"] == [f"{gig}.3"]
    assert "already there" in gigctl(office, "preview", gig, code=2).err


def test_taken_is_two(office: Office) -> None:
    gig = office.signed_translation()
    gigctl(office, "deliver", gig)
    ran = gigctl(office, "deliver", gig, code=2)
    assert f"{gig}.delivery is already there" in ran.err
    assert f"-o {gig}.delivery-2" in ran.err
    gigctl(office, "verify", "nothing", code=2)


def test_the_references_come_by_a_pipe(office: Office) -> None:
    gig = office.signed_translation()
    gigctl(office, "deliver", "-", "-o", "out.zip", stdin=f"{gig}  whatever\n")
    gigctl(office, "verify", "out.zip")


def test_signed_by_a_key_of_the_configuration(office: Office, tmp_path: Path) -> None:
    key = make_key(tmp_path)
    allowed = allow(tmp_path, ("ada@example.com", key))
    gig = office.signed_translation(signer=str(key))
    gigctl(office, "config", "set", "signer", str(key))
    ran = gigctl(office, "deliver", gig)
    assert "signed with SHA256:" in ran.out
    ran = gigctl(office, "verify", f"{gig}.delivery", "--signers", allowed)
    assert "signed by ada@example.com with SHA256:" in ran.out
    assert "3 sign-offs with a signature of their own" in ran.out


def test_verify_wants_no_ledger(office: Office, tmp_path: Path) -> None:
    """On the client's machine: another home, and none that could be written."""
    gig = office.signed_translation()
    gigctl(office, "deliver", gig)
    home = tmp_path / "client"
    home.mkdir(mode=0o500)
    run_gigctl("verify", office.folder / f"{gig}.delivery", home=home, env={"GIGCTL_HOME": "/proc/nowhere"}, code=0)
    assert list(home.iterdir()) == []
