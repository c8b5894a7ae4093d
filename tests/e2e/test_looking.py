"""Looking at work as a person does: today, a task whole, what was sent for it, one revision against another."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from support.llm_server import LLMServer, Reply, status
from support.office import Office, open_office
from support.repositories import make_repository
from support.schema import check_document
from support.terminal import run_gigctl

FINE = "A fine text of some words."


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer(lambda asked: FINE) as made:
        yield made


@pytest.fixture
def office(tmp_path: Path, server: LLMServer) -> Office:
    made = open_office(tmp_path / "user")
    made.add_agent("a", server.url, "--price-in", "1", "--price-out", "1", "--timeout", "20s")
    return made


@pytest.fixture
def drafted(office: Office) -> str:
    """A task with an agent's draft and a person's edit of it."""
    gig = office.add_texts()
    office.gigctl("run", gig, "-a", "a")
    (office.home / "mine.txt").write_text("A finer text of some words.")
    office.gigctl("edit", f"{gig}.1", "--from", "mine.txt")
    return f"{gig}.1"


# --- today ---


def test_on_an_empty_ledger_it_says_how_to_begin(office: Office) -> None:
    out = office.gigctl().out
    assert out.startswith("nothing is taken on yet. To begin:\n  gigctl model pull")
    assert check_document(office.gigctl("today", "--json").out, "today")["openGigs"] == 0


def test_what_waits_what_is_due_and_what_it_cost(office: Office) -> None:
    soon, later = (date.today() + timedelta(days=days) for days in (2, 30))  # noqa: DTZ011  # as a person counts
    first = office.add_texts(6, due=soon.isoformat(), price="120.00 EUR")
    second = office.add_texts(2, due=later.isoformat(), price="80.00 EUR")
    office.gigctl("run", first, "-a", "a")
    ran = office.gigctl()
    lines = ran.out.splitlines()
    assert lines[0].split() == ["waits", "for", "you", "6", "tasks"]
    assert [line.split()[0] for line in lines[1:6]] == [f"{first}.{n}" for n in range(1, 6)]
    assert lines[6].strip() == "… and 1 more"
    facts = {line[:14].strip(): line[14:] for line in lines[7:]}
    assert facts["due"].startswith(f"{first}  ")
    assert facts["due"].endswith("0 of 6 signed")
    assert facts["ready to run"] == "2 tasks"
    assert facts["open gigs"].startswith("2, worth 200.00 EUR")
    assert facts["agents"].endswith("this month")
    assert "next: gigctl queue" in ran.err
    item = check_document(office.gigctl("today", "--json").out, "today")
    assert [due["ref"] for due in item["due"]] == [first]
    assert (item["ready"], len(item["waiting"]), item["openGigs"]) == (2, 6, 2)
    office.gigctl("sign", first, "--expect", "6")
    assert "next: gigctl run" in office.gigctl().err
    assert second in office.gigctl("gig", "list").out


def test_what_was_delivered_whole_is_neither_due_nor_open(office: Office) -> None:
    gig = office.add_texts(2, due=date.today().isoformat(), price="120.00 EUR")  # noqa: DTZ011
    office.gigctl("run", gig, "-a", "a")
    office.gigctl("sign", gig, "--expect", "2")
    assert "2 of 2 signed" in office.gigctl().out
    office.gigctl("deliver", gig)
    out = office.gigctl().out
    assert f"delivered     1 gig, to be closed: gigctl gig close {gig}\n" in out
    assert not [line for line in out.splitlines() if line.startswith(("due", "open gigs"))]
    item = check_document(office.gigctl("today", "--json").out, "today")
    assert (item["due"], item["openGigs"], item["delivered"], item["openPrices"]) == ([], 0, [gig], [])
    said = office.gigctl("reopen", f"{gig}.2").err
    assert f"warning: {gig} was delivered on " in said
    assert "has to be delivered anew once it is signed again\n" in said
    assert "due" in office.gigctl().out
    other = office.add_texts(about=" Other.")
    office.gigctl("run", other, "-a", "a")
    office.gigctl("sign", other, "--expect", "1")
    assert "was delivered" not in office.gigctl("reopen", other).err


# --- show ---


def test_a_task_whole(office: Office, drafted: str) -> None:
    lines = office.gigctl("show", drafted).out.splitlines()
    assert lines[0].startswith(f"{drafted}  review  writing")
    assert "A finer text of some words." in lines
    assert any(line.startswith("@2 by you") for line in lines)
    assert any(line.startswith("pass  ") for line in lines)
    assert lines[-1].startswith("1 call, 0.00")
    first = office.gigctl("show", f"{drafted}@1").out
    assert FINE in first
    assert "@1 by a" in first


def test_a_task_without_a_draft(office: Office) -> None:
    out = office.gigctl("show", f"{office.add_texts()}.1").out
    assert "no draft yet" in out
    assert out.splitlines()[-1] == "0 calls, 0.00 USD"


def test_a_text_to_a_brief_shows_the_brief_and_nothing_empty(office: Office) -> None:
    ref = f"{office.add_texts(options={'language': 'en'})}.1"
    head, *lines = office.gigctl("show", ref).out.splitlines()
    assert head.split("  ")[:4] == [ref, "ready", "writing", "en"]
    assert lines[:3] == ["", "brief", "Write text number 1, please."]
    assert "source" not in lines


def test_a_document_shows_its_source_and_its_brief(office: Office) -> None:
    (office.home / "a.txt").write_text("Bonjour\n")
    office.gigctl("gig", "add", "--source", "a.txt", "--from", "fr", "--to", "en", "--brief", "Formal.")
    head, *lines = office.gigctl("show", "me-1.1").out.splitlines()
    assert "fr → en" in head
    assert lines[:6] == ["", "brief", "Formal.", "", "source", "Bonjour"]
    office.gigctl("gig", "edit", "me-1", "--brief", "Bonjour")
    assert "brief" not in office.gigctl("show", "me-1.1").out


def test_all_that_happened_in_order(office: Office, drafted: str) -> None:
    office.gigctl("sign", drafted, "--expect", "1")
    office.gigctl("reopen", drafted)
    office.gigctl("reject", drafted, "-m", "one\x1b[31m more")
    out = office.gigctl("show", drafted, "--history").out
    told = [line[21:] for line in out.splitlines() if line[:2] == "20" and line[4] == "-"]
    assert [line.split()[0] for line in told] == ["call", "@1", "@2", "sign", "reopen", "reject"]
    assert told[0].startswith("call  a  draft  ")
    assert " tokens  0.00" in told[0]
    assert told[1].startswith("@1  by a  passed  sha256 ")
    assert told[2].endswith("  rejected")
    assert told[5].endswith(": one␛[31m more")
    assert told[3].endswith("  (void)")
    assert "\x1b" not in out


def test_the_history_and_the_json_tell_what_came_from_a_cache(office: Office, server: LLMServer) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 900}}
    server.script = lambda asked: Reply("Ready.", usage=usage)
    ref = office.add_texts()
    office.gigctl("run", ref, "-a", "a", "--repair", "0", code=None)
    assert "  1000 (900 cached)+20 tokens  " in office.gigctl("show", f"{ref}.1", "--history").out
    attempt = check_document(office.gigctl("show", f"{ref}.1", "--json").out, "task")["attempts"][0]
    assert attempt["tokens"] == {"input": 1000, "output": 20, "cached": 900}


def test_why_it_waits(office: Office, drafted: str, server: LLMServer) -> None:
    lines = office.gigctl("show", drafted, "--why").out.splitlines()
    assert lines[0].startswith(f"{drafted}  review")
    assert len([line for line in lines if line.startswith("pass  ")]) > 1
    server.script = lambda asked: status(400, "no such parameter")
    failed = office.add_texts(about=" Other.")
    office.gigctl("run", failed, "-a", "a", code=None)
    assert "last call: " in office.gigctl("show", f"{failed}.1", "--why").out


def test_what_was_sent(office: Office, drafted: str, server: LLMServer) -> None:
    ran = office.gigctl("show", drafted, "--prompt")
    assert "Write text number 1, please." in ran.out
    assert ran.out.startswith("--- ")
    assert ran.err == f"call 1 of 1, by a, led to {drafted}@2\n"
    unsent = f"{office.add_texts()}.1"
    assert "nothing was sent" in office.gigctl("show", unsent, "--prompt", code=2).err


def test_the_bytes_alone(office: Office, drafted: str) -> None:
    assert office.gigctl("show", f"{drafted}@1", "--text").out == FINE
    assert office.gigctl("show", drafted, "--text").out == "A finer text of some words."
    assert "one at a time" in office.gigctl("show", drafted, "--text", "--why", code=2).err


# --- diff ---


def test_an_edit_against_its_draft(office: Office, drafted: str) -> None:
    words = office.gigctl("diff", drafted).out
    assert "fine" in words
    assert "finer" in words
    assert "@@" not in words
    lines = office.gigctl("diff", drafted, "--unified").out.splitlines()
    assert f"-{FINE}" in lines
    assert "+A finer text of some words." in lines
    assert office.gigctl("diff", f"{drafted}@1", f"{drafted}@2").out == words


def test_a_revision_against_itself(office: Office, drafted: str) -> None:
    for form in ("--words", "--unified"):
        ran = office.gigctl("diff", f"{drafted}@1", f"{drafted}@1", form)
        assert (ran.out, ran.err) == ("", f"{drafted}@1 and {drafted}@1 are the same\n")


def test_a_diff_as_json_is_the_text_whatever_is_looked_through(office: Office, drafted: str) -> None:
    plain = office.gigctl("diff", drafted, "--json").out
    forced = run_gigctl(
        "diff", drafted, "--json", home=office.home, env={**office.env, "FORCE_COLOR": "1", "TERM": "xterm"}
    )
    assert json.loads(forced.out) == json.loads(plain)
    assert "\x1b" not in json.loads(plain)["item"]["diff"]


def test_in_a_program_of_ones_own(office: Office, drafted: str) -> None:
    """It gets copies: what it does to them comes back to nobody."""
    tool = office.home / "my diff"
    tool.write_text(f'#!/bin/sh\ncat "$1" "$2" "$3" >{office.home}/seen\necho gone >"$3"\n')
    tool.chmod(0o755)
    (office.home / "first").write_text("first\n")
    command = f"'{tool}' {office.home / 'first'}"
    office.gigctl("diff", drafted, "--tool", command)
    assert (office.home / "seen").read_text() == f"first\n{FINE}A finer text of some words."
    assert office.gigctl("show", drafted, "--text").out == "A finer text of some words."
    (office.home / "seen").unlink()
    office.gigctl("config", "set", "diff-tool", command)
    office.gigctl("diff", drafted, "--tool", "")
    assert (office.home / "seen").exists()


def test_in_a_difftool_of_ones_git(office: Office, server: LLMServer, tmp_path: Path) -> None:
    """Of each changed file, one whose mode alone differs left out; in a copy."""
    client = make_repository(tmp_path / "client", {"greet.py": b"print('hi')\n", "run.sh": b"echo\n", "same.py": b"\n"})
    office.gigctl("gig", "add", "--craft", "code", "--repo", str(client.path), "--brief", "Greet", "-a", "manual")
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "greet.py").write_text("print('good day')\n")
    (changed / "run.sh").write_text("echo\n")
    (changed / "run.sh").chmod(0o755)
    (changed / "same.py").write_text("\n")
    (changed / "über uns.txt").write_text("new\n")
    office.gigctl("edit", "me-1.1", "--from", str(changed), code=None)
    git = ["git", "config", "--global"]
    env = {**os.environ, "HOME": str(office.home)}
    seen = office.home / "seen"
    command = f'cat "$LOCAL" "$REMOTE" >>"{seen}"; echo gone >>"$REMOTE"'
    subprocess.run([*git, "difftool.mine.cmd", command], check=True, env=env)
    office.gigctl("diff", "me-1.1", "--tool", "mine")
    assert seen.read_text() == "print('hi')\nprint('good day')\nnew\n"
    subprocess.run([*git, "diff.tool", "mine"], check=True, env=env)
    office.gigctl("diff", "me-1.1", "--tool", "")
    assert seen.read_text().count("good day") == 2
    assert "gone" not in office.gigctl("diff", "me-1.1").out
    assert "there is no program 'other'" in office.gigctl("diff", "me-1.1", "--tool", "other", code=3).err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--unified", "--words"], "one at a time"),
        (["--tool", ""], "no diff program is named"),
        (["me-1.1", "me-1.1"], "of one reference, or of two"),
    ],
)
def test_what_is_no_diff(words: list[str], why: str, office: Office, drafted: str) -> None:
    assert why in office.gigctl("diff", drafted, *words, code=2).err


def test_a_change_to_a_repository(office: Office, server: LLMServer, tmp_path: Path) -> None:
    client = make_repository(tmp_path / "client", {"greet.py": b"print('hi')\n"})
    server.script = lambda asked: "greet.py\n```python\nprint('good day')\n```\n"
    office.gigctl(
        "gig", "add", "--craft", "code", "--repo", str(client.path), "--brief", "Greet politely", "--title", "Greet"
    )
    office.gigctl("run", "me-1", "-a", "a", code=None)
    diff = office.gigctl("diff", "me-1.1").out
    assert "-print('hi')" in diff
    assert "+print('good day')" in diff
    assert "+print('good day')" in office.gigctl("show", "me-1.1", "--text").out
    shown = office.gigctl("show", "me-1.1").out
    assert "Greet politely" in shown
    assert "\ngreet.py\n" in shown
    assert "git itself obeys" not in office.gigctl("diff", "me-1.1").err
    tool = office.home / "tool"
    tool.write_text(f'#!/bin/sh\ncat "$1/greet.py" "$2/greet.py" >{office.home}/seen\n')
    tool.chmod(0o755)
    office.gigctl("diff", "me-1.1", "--tool", str(tool))
    assert (office.home / "seen").read_text() == "print('hi')\nprint('good day')\n"


def test_a_change_to_what_git_itself_obeys_is_said_wherever_it_is_looked_at(office: Office, tmp_path: Path) -> None:
    client = make_repository(tmp_path / "client", {"greet.py": b"print('hi')\n"})
    office.gigctl("gig", "add", "--craft", "code", "--repo", str(client.path), "--brief", "Greet", "-a", "manual")
    copy = office.home / "copy"
    (copy / "sub").mkdir(parents=True)
    (copy / "greet.py").write_text("print('good day')\n")
    (copy / "sub/.GitAttributes").write_text("*.py -diff\n")
    (copy / ".gitmodules").write_text("[submodule]\n")
    office.gigctl("edit", "me-1.1", "--from", str(copy))
    said = "me-1.1@1 changes .gitmodules, sub/.GitAttributes, which git itself obeys: read it before you sign"
    assert f"warning: {said}\n" in office.gigctl("diff", "me-1.1").err
    assert f"{said}\n" in office.gigctl("show", "me-1.1").out
    assert f"warning: {said}\n" in office.gigctl("sign", "me-1.1", "--expect", "1").err
