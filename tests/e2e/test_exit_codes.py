"""Each documented exit code, by a real way to it; its error on stderr, and what is on stdout by its schema."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from support.llm_server import LLMServer, Reply, closed_port, status
from support.office import Office, open_office
from support.schema import check_document, check_error, check_lines
from support.terminal import GIGCTL, run_gigctl

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


def failed(office: Office, *args: str, code: int) -> dict[str, str]:
    """The error of a command: the code in it is its exit code, and there is a way out."""
    ran = office.gigctl(*args, "--json", code=code)
    error = check_error(ran.err)
    assert error["code"] == code
    assert error["hint"]
    if ran.out:
        check_document(ran.out)
    plain = office.gigctl(*args, code=code).err.splitlines()
    assert [line.partition(":")[0] for line in plain if line.startswith(("error", "hint"))] == ["error", "hint"]
    return error


def test_0_done(office: Office) -> None:
    gig = office.add_texts(2)
    items = check_document(office.gigctl("run", gig, "-a", "a", "-n", "--json").out, "run")
    assert [item["ref"] for item in items] == [f"{gig}.1", f"{gig}.2"]
    ran = office.gigctl("run", f"{gig}.1", "-a", "a", "--json")
    assert [(item["ref"], item["state"]) for item in check_document(ran.out, "run")] == [(f"{gig}.1", "review")]
    assert ran.err == ""
    lines = check_lines(office.gigctl("run", f"{gig}.2", "-a", "a", "--jsonl").out, "run")
    assert [line["ref"] for line in lines] == [f"{gig}.2"]
    assert check_document(office.gigctl("run", gig, "-a", "a", "--json").out, "run") == []
    third = office.add_texts()
    assert office.gigctl("run", third, "-a", "a", "-q").out == f"{third}.1\n"


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x"])
def test_3_a_home_that_can_be_none(office: Office, place: str) -> None:
    for words in (["queue"], ["client", "add", "acme"]):
        ran = run_gigctl(*words, home=office.home, env={"GIGCTL_HOME": place}, code=3)
        assert "GIGCTL_HOME" in ran.err


@pytest.mark.parametrize("target", ["/proc/x", "file/x"])
def test_a_place_where_nothing_can_be(office: Office, target: str) -> None:
    gig = office.add_texts()
    (office.home / "file").write_text("mine")
    where = str(office.home / target)
    failed(office, "ledger", "backup", where, code=3)
    failed(office, "preview", gig, "-o", where, code=2)


def test_2_a_number_that_no_reference_has(office: Office) -> None:
    for word in ("me-99999999999999999999", "me-1.99999999999999999999", "me-1.1@99999999999999999999"):
        assert "is no reference" in failed(office, "show", word, code=2)["message"]


def test_1_a_required_check_failed(office: Office, server: LLMServer) -> None:
    gig = office.add_texts(options={"required": "good"})
    server.script = lambda asked: "bad"
    ran = office.gigctl("run", gig, "-a", "a", "--repair", "0", "--json", code=1)
    item = check_document(ran.out, "run")[0]
    assert (item["state"], [check["verdict"] for check in item["checks"] if check["name"] == "terms"]) == (
        "review",
        ["fail"],
    )
    assert ran.err == ""
    checked = check_document(office.gigctl("check", gig, "--json", code=1).out, "check")
    assert {check["name"]: check["verdict"] for check in checked}["terms"] == "fail"
    assert "terms: " in office.gigctl("check", gig, code=1).out
    failed(office, "sign", gig, "--expect", "1", code=1)


def test_2_usage(office: Office) -> None:
    gig = office.add_texts()
    failed(office, "run", "nonsense!", code=2)
    failed(office, "run", f"{gig}.9", code=2)
    failed(office, "run", gig, "-a", "nobody", code=2)
    failed(office, "show", f"{gig}.1@3", code=2)
    office.gigctl("queue", "--state", "signed", code=2)
    failed(office, "redo", f"{gig}.1", "--mesage", "x", code=2)
    failed(office, "reject", gig, "-m", "no", code=2)
    failed(office, "sign", gig, "--expect", "many", code=2)
    office.gigctl("run", gig, "-a", "a", "--vs", "a,b", code=2)


def test_3_configuration(office: Office) -> None:
    gig = office.add_texts()
    office.gigctl("run", gig, "-a", "a", "--max-cost", "5EUR", code=2)
    agents = office.folder / "config" / "agents.toml"
    good = agents.read_text()
    agents.write_text("[a]\nkind = 'nonsense'\n")
    assert "agents.toml" in failed(office, "run", gig, "-a", "a", code=3)["message"]
    agents.write_text(good.replace("[a]", "[a]\nkey = 'env:NO_SUCH_KEY'"))
    assert "NO_SUCH_KEY" in failed(office, "run", gig, "-a", "a", code=3)["hint"]


def test_3_a_ledger_that_is_none(office: Office) -> None:
    office.folder.joinpath("data").mkdir(exist_ok=True)
    (office.folder / "data" / "ledger.sqlite").write_bytes(b"")
    failed(office, "queue", code=3)


def test_4_an_agent_failed_for_good(office: Office, server: LLMServer) -> None:
    gig = office.add_texts(2)
    server.script = lambda asked: status(401, "wrong key")
    error = failed(office, "run", gig, "-a", "a", code=4)
    assert "2 of 2 tasks are not done" in error["message"]
    server.script = lambda asked: status(404, "no such model")
    ran = office.gigctl("run", gig, "-a", "a", "--json", code=4)
    assert [item["state"] for item in check_document(ran.out, "run")] == ["failed", "failed"]
    assert "no such model" in check_error(ran.err)["message"]
    queue = check_document(office.gigctl("queue", "--json").out, "queue")
    assert {item["state"] for item in queue} == {"failed"}


def test_5_budget(office: Office, server: LLMServer) -> None:
    error = failed(office, "run", office.add_texts(2), "-a", "a", "--max-cost", "0.0001", code=5)
    assert "--max-cost is reached" in error["message"]
    assert server.count == 0


def test_6_policy(office: Office, server: LLMServer) -> None:
    from support.desks import add_client, make_desk

    with make_desk(office.folder) as desk:
        add_client(desk, "acme", "local-only")
    gig = office.add_texts(client="acme")
    error = failed(office, "run", gig, "-a", "manual,a", code=6)
    assert "acme is local-only" in error["message"]
    assert server.count == 0


def test_7_waits_for_a_human(office: Office) -> None:
    gig = office.add_texts()
    failed(office, "sign", gig, "--expect", "1", code=7)
    error = failed(office, "run", gig, "-a", "manual", code=7)
    assert error["hint"] == f"gigctl edit {gig}.1"
    (office.home / "mine.txt").write_text("My own text.\n")
    office.gigctl("edit", gig, "--from", "mine.txt")
    office.gigctl("sign", gig, "--expect", "1")


def test_70_a_bug_leaves_a_log(office: Office) -> None:
    gig = office.add_texts()
    with sqlite3.connect(office.folder / "data" / "ledger.sqlite") as damaged:
        damaged.execute("UPDATE task SET place = '{'")
    damaged.close()
    error = failed(office, "show", gig, code=70)
    assert list((office.folder / "state" / "log").iterdir())
    assert "Traceback" not in json.dumps(error)


def test_75_try_again(office: Office, server: LLMServer) -> None:
    gig = office.add_texts()
    server.script = lambda asked: status(504)
    error = failed(office, "run", gig, "-a", "a", code=75)
    assert f"gigctl run {gig}.1 --retry-unknown" in error["hint"]
    server.script = lambda asked: FINE
    office.gigctl("run", gig, "--retry-unknown")
    office.add_agent("gone", f"http://127.0.0.1:{closed_port()}/v1")
    ran = office.gigctl("run", office.add_texts(), "-a", "gone", "--json", code=75)
    assert "no connection" in check_error(ran.err)["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_130_interrupted(number: signal.Signals, office: Office, server: LLMServer) -> None:
    gig = office.add_texts(3)
    server.script = lambda asked: Reply(FINE, delay=1.0)
    argv = [GIGCTL, "run", gig, "-a", "a", "-j", "1", "--json"]
    process = subprocess.Popen(
        argv, env=office.environment, cwd=office.home, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    server.wait_for(1, 30)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [item["state"] for item in check_document(out, "run")] == ["review"]
    error = check_error(err)
    assert (error["code"], error["hint"]) == (130, f"gigctl run {gig} goes on where it stands")


# --- what the deciding commands print ---


def test_every_answer_is_as_its_schema_says(office: Office) -> None:
    gig = office.add_texts(2)
    task = f"{gig}.1"
    office.gigctl("run", gig, "-a", "a")
    queue = check_document(office.gigctl("queue", "--json").out, "queue")
    assert [(item["ref"], item["reasons"]) for item in queue] == [(f"{gig}.{n}", ["ready to sign"]) for n in (1, 2)]
    assert len(check_lines(office.gigctl("queue", "--jsonl").out, "queue")) == 2
    shown = check_document(office.gigctl("show", task, "--json").out, "task")
    assert (shown["attempts"][0]["outcome"], shown["revisions"][0]["by"]) == ("draft", "agent")
    (office.home / "mine.txt").write_text("A finer text of some words.")
    edited = check_document(office.gigctl("edit", task, "--from", "mine.txt", "--json").out, "revision")
    assert [(item["ref"], item["parent"]) for item in edited] == [(f"{task}@2", f"{task}@1")]
    for refs in ([task], [f"{task}@1"], [f"{task}@1", f"{task}@2"]):
        assert check_document(office.gigctl("diff", *refs, "--json").out, "diff")["diff"]
    checks = check_document(office.gigctl("check", gig, "--json").out, "check")
    assert {check["verdict"] for check in checks} == {"pass"}
    rejected = check_document(office.gigctl("reject", f"{task}@2", "-m", "no", "--json").out, "decision")
    assert [item["revision"] for item in rejected] == [f"{task}@2"]
    redone = check_document(office.gigctl("redo", f"{gig}.2", "-m", "shorter", "--json").out, "decision")
    assert [item["ref"] for item in redone] == [f"{gig}.2"]
    signed = check_document(office.gigctl("sign", task, "--expect", "1", "--json").out, "decision")
    assert [item["kind"] for item in signed] == ["sign"]
    history = check_document(office.gigctl("show", task, "--json").out, "task")["decisions"]
    assert [item["kind"] for item in history] == ["reject", "sign"]
    assert check_document(office.gigctl("queue", "--json").out, "queue") == []


def test_130_on_a_terminal_the_first_says_what_the_second_does(office: Office, server: LLMServer) -> None:
    gig = office.add_texts(3)
    server.script = lambda asked: Reply(FINE, delay=30)
    child = pexpect.spawn(
        GIGCTL, ["run", gig, "-a", "a"], env=office.environment, cwd=str(office.home), encoding="utf-8", timeout=30
    )
    server.wait_for(3, 30)
    child.send("\x03")
    child.expect("calls in flight have 10 s to finish; once more abandons them")
    child.send("\x03")
    child.expect("error: stopped: 3 of 3 tasks are not done")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    queue = check_document(office.gigctl("queue", "--json").out, "queue")
    assert {item["reasons"][0].partition(",")[0] for item in queue} == {"a call may have been paid"}
