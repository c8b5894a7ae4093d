"""The human act, as a person and as a script do it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from support.llm_server import LLMServer
from support.office import Office, open_office
from support.schema import check_document, check_error
from support.terminal import GIGCTL


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Two drafts of `me-1` wait to be signed."""
    with LLMServer(lambda asked: "A fine text of some words.") as server:
        made = open_office(tmp_path / "user")
        made.add_agent("a", server.url)
        made.gigctl("run", made.add_texts(2), "-a", "a")
        yield made


def on_terminal(office: Office, script: str) -> pexpect.spawn:
    return pexpect.spawn(
        "/bin/sh", ["-c", script], env=office.environment, cwd=str(office.home), encoding="utf-8", timeout=30
    )


def ended(child: pexpect.spawn) -> int:
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)


def states(office: Office) -> list[str]:
    return [check_document(office.gigctl("show", f"me-1.{n}", "--json").out, "task")["state"] for n in (1, 2)]


def test_a_person_types_the_count(office: Office) -> None:
    child = on_terminal(office, f"{GIGCTL} sign me-1")
    child.expect("me-1.1@1  A fine text of some words.")
    child.expect("2 tasks, every required check passed")
    child.expect("Sign all 2. Type 2:")
    child.sendline("2")
    child.expect("signed me-1, 2 tasks")
    assert ended(child) == 0
    assert states(office) == ["signed", "signed"]


@pytest.mark.parametrize(("typed", "code"), [("1", 2), ("yes", 2), ("", 2), ("\x04", 130), ("\x03", 130)])
def test_anything_else_signs_nothing(typed: str, code: int, office: Office) -> None:
    child = on_terminal(office, f"exec {GIGCTL} sign me-1")
    child.expect("Type 2:")
    child.send(typed + ("\n" if typed.isprintable() else ""))  # nobody presses Enter after Ctrl-C or Ctrl-D
    assert ended(child) == code
    assert states(office) == ["review", "review"]


def test_references_come_from_a_pipe_and_the_answer_from_the_terminal(office: Office) -> None:
    child = on_terminal(office, f"{GIGCTL} queue | {GIGCTL} sign -")
    child.expect("Type 2:")
    child.sendline("2")
    child.expect("signed me-1")
    assert ended(child) == 0
    assert states(office) == ["signed", "signed"]


def test_a_script_says_how_many_it_means(office: Office) -> None:
    assert "--expect 2" in office.gigctl("sign", "me-1", code=2).err
    assert "--expect 2" in office.gigctl("sign", "me-1", "--no-input", code=2).err
    assert "there are 2" in office.gigctl("sign", "me-1", "--expect", "3", code=2).err
    assert states(office) == ["review", "review"]
    items = check_document(office.gigctl("sign", "me-1", "--expect", "2", "--json").out, "decision")
    assert [item["revision"] for item in items] == ["me-1.1@1", "me-1.2@1"]
    assert "signed before" in office.gigctl("sign", "me-1", "--expect", "1").out


def test_a_whole_revision_speaks_for_itself(office: Office) -> None:
    assert office.gigctl("sign", "me-1.1@1", "-q").out == "me-1.1@1\n"
    office.gigctl("sign", "me-1.2@1", "me-1.1", code=0)
    assert states(office) == ["signed", "signed"]


def test_there_is_no_yes(office: Office) -> None:
    office.gigctl("sign", "me-1", "-y", code=2)
    office.gigctl("sign", "me", code=2)
    office.gigctl("sign", "me-1.1@1/2", code=2)
    assert states(office) == ["review", "review"]


def test_a_check_that_did_not_pass(office: Office) -> None:
    with LLMServer(lambda asked: "bad") as server:
        office.add_agent("b", server.url)
        gig = office.add_texts(1, options={"required": "good"})
        office.gigctl("run", gig, "-a", "b", "--repair", "0", code=1)
    error = check_error(office.gigctl("sign", gig, "--expect", "1", "--json", code=1).err)
    assert (error["kind"], "terms" in error["message"], "--despite" in error["hint"]) == ("check", True, True)
    office.gigctl("sign", gig, "--expect", "1", "--despite", "so agreed by phone")
    shown = check_document(office.gigctl("show", gig, "--json").out, "task")
    assert shown["decisions"][0]["despite"] == "so agreed by phone"
    assert [check["verdict"] for check in shown["revisions"][0]["checks"] if check["name"] == "terms"] == ["fail"]
