"""`batch` as a process that is stopped, whose reader goes away, whose input comes slowly, and that is not alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gigctl.flow.pool import GRACE_SECONDS
from support.at_work import AtWork, Books, lines_of, rows_of, until, write_rows
from support.desks import make_desk
from support.llm_server import Asked, LLMServer, Reply
from support.office import Office, open_office
from support.terminal import GIGCTL

ROWS = 40
FREE = 10
"""Rows that are answered before the gate is open."""
JOBS = 4
TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")
HOW = ("--craft", "writing", "-a", "a")
BATCH = ("batch", "rows.jsonl", *HOW, "-j", str(JOBS))


def answer(asked: Asked) -> Reply:
    return Reply(f"A fine text. {asked.last.splitlines()[-1]}", delay=0.04)


def number_of(asked: Asked) -> int:
    found = re.search(r"number (\d+),", asked.last)
    assert found is not None
    return int(found[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LLMServer]:
    (tmp_path / "log").touch()
    with LLMServer(answer, log=tmp_path / "log") as started:
        yield started


@pytest.fixture
def office(tmp_path: Path, server: LLMServer) -> Office:
    opened = open_office(tmp_path / "user")
    opened.add_agent("a", server.url, "--price-in", "1", "--price-out", "1")
    write_rows(opened.home / "rows.jsonl", rows_of(ROWS))
    return opened


@pytest.fixture
def books(tmp_path: Path, office: Office) -> Iterator[Books]:
    with make_desk(office.folder) as desk:
        yield Books(desk, tmp_path / "log")


@pytest.fixture
def gate(server: LLMServer) -> Iterator[threading.Event]:
    """The first rows are answered, the others when it is open."""
    opened = threading.Event()
    server.script = lambda asked: replace(answer(asked), until=None if number_of(asked) <= FREE else opened)
    yield opened
    opened.set()


def check_goes_on(office: Office, books: Books, before: int, rows: int = ROWS) -> None:
    """The same command does the rest, and asks nothing that was answered; `before` lines are done."""
    ran = office.gigctl("batch", "rows.jsonl", *HOW, "-j", "16")
    lines = lines_of(ran.out)
    assert {line["status"] for line in lines} == {"ok"}
    assert len({line["id"] for line in lines}) == len(lines) == rows
    assert sum(line["cached"] for line in lines) >= before
    assert books.check(lines)["draft"] == rows
    assert set(books.count("asked").values()) == {1}


# --- a signal ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_prints_what_is_recorded_and_the_same_command_goes_on(
    number: int, office: Office, gate: threading.Event, books: Books
) -> None:
    with AtWork(office, *BATCH) as batch:
        batch.wait_for_lines(FREE)
        batch.send(number)
        until(lambda: "stopping: calls in flight" in batch.err.read_text())
        gate.set()
        ran = batch.ended()
    assert (ran.code, ran.out[-2:]) == (130, "}\n")
    assert "hint: the same command goes on" in ran.err
    lines = lines_of(ran.out)
    ends = books.check(lines)
    # Every call that was in flight has come back, is recorded and printed.
    assert (len(lines), ends["draft"], ends["unknown"]) == (FREE + JOBS, FREE + JOBS, 0)
    check_goes_on(office, books, FREE + JOBS)


def test_the_second_stop_abandons_what_is_in_flight(
    office: Office, server: LLMServer, gate: threading.Event, books: Books
) -> None:
    with AtWork(office, *BATCH) as batch:
        server.wait_for(FREE + JOBS)
        batch.wait_for_lines(FREE)
        batch.send(signal.SIGINT)
        until(lambda: "stopping" in batch.err.read_text())
        began = time.monotonic()
        batch.send(signal.SIGINT)
        ran = batch.ended()
    assert (ran.code, time.monotonic() - began < GRACE_SECONDS) == (130, True)
    lines = lines_of(ran.out)
    ends = books.check(lines)
    assert (len(lines), ends["draft"], ends["unknown"]) == (FREE, FREE, JOBS)
    gate.set()
    ran = office.gigctl(*BATCH, code=75)
    assert "--retry-unknown" in ran.err
    lines = lines_of(ran.out)
    assert Counter(line["status"] for line in lines) == {"ok": ROWS - JOBS, "unknown": JOBS}
    assert (server.count, books.check(lines)["draft"]) == (ROWS, ROWS - JOBS)
    lines = lines_of(office.gigctl(*BATCH, "--retry-unknown").out)
    assert Counter(line["status"] for line in lines) == {"ok": ROWS}
    assert (server.count, books.check(lines)["draft"]) == (ROWS + JOBS, ROWS)


def test_a_stop_leaves_the_last_whole_file(office: Office, gate: threading.Event, books: Books) -> None:
    """`-o FILE` takes its name when it is whole: last night's answers are not replaced by a part of today's."""
    (office.home / "described.csv").write_text("of last night\n")
    before = {path.name for path in office.home.iterdir()}
    with AtWork(office, *BATCH, "-o", "described.csv") as batch:
        until(lambda: books.count("answered").total() == FREE)
        batch.send(signal.SIGINT)
        until(lambda: "stopping" in batch.err.read_text())
        gate.set()
        ran = batch.ended()
    assert (ran.code, ran.out) == (130, "")
    assert "described.csv is as it was" in ran.err
    assert (office.home / "described.csv").read_text() == "of last night\n"
    assert {path.name for path in office.home.iterdir()} == {*before, "work.out", "work.err"}
    check_goes_on(office, books, books.check([])["draft"])


def test_a_stopped_document_is_whole(office: Office, gate: threading.Event, books: Books) -> None:
    with AtWork(office, *BATCH, "--json") as batch:
        until(lambda: batch.out.read_text().count('"signed"') == FREE)
        batch.send(signal.SIGINT)
        gate.set()
        ran = batch.ended()
    assert (ran.code, ran.error["code"]) == (130, 130)
    assert books.check(ran.json["items"])["draft"] == len(ran.json["items"])


# --- a reader that goes away, or does not read ---


def test_into_head(office: Office, books: Books) -> None:
    script = f'{{ "$0" batch rows.jsonl {" ".join(HOW)} -j 1 2>err; echo $? >code; }} | head -3'
    done = subprocess.run(
        ["/bin/sh", "-c", script, GIGCTL], env=office.environment, cwd=office.home, capture_output=True, text=True
    )
    assert ((office.home / "code").read_text(), done.stderr) == ("75\n", "")
    assert (office.home / "err").read_text().splitlines()[-2:] == [
        "error: nobody reads the answer any more, and the work was not done",
        "hint: say it again: what was done is kept",
    ]
    lines = lines_of(done.stdout)
    ends = books.check(lines)
    assert (len(lines), ends["unknown"], 3 <= ends["draft"] < ROWS) == (3, 0, True)
    check_goes_on(office, books, ends["draft"])


@pytest.mark.parametrize("more", [("--json",), ("-q",)])
def test_a_closed_pipe(more: tuple[str, ...], office: Office, gate: threading.Event, books: Books) -> None:
    reader, writer = os.pipe()
    with AtWork(office, *BATCH, *more, stdout=writer) as batch:
        os.close(writer)
        assert os.read(reader, 1)  # in every form what is done is seen at once
        os.close(reader)
        gate.set()
        ran = batch.ended()
    assert (ran.code, "nobody reads the answer" in ran.err) == (75, True)
    ends = books.check([])
    assert (ends["unknown"], 1 <= ends["draft"] < ROWS) == (0, True)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_reader_that_hangs_can_be_left(
    more: tuple[str, ...], office: Office, server: LLMServer, books: Books
) -> None:
    """A pager that nobody pages: it holds up no call, and the second stop ends the program all the same."""
    opened = threading.Event()
    long = Reply("A fine word. " + " ".join(f"word{n}" for n in range(2000)), usage=dict.fromkeys(TOKENS, 100))
    server.script = lambda asked: replace(long, until=None if number_of(asked) <= FREE else opened)
    reader, writer = os.pipe()  # holds 64 KiB, which are four of these answers
    with AtWork(office, *BATCH, *more, stdout=writer) as batch:
        os.close(writer)
        server.wait_for(FREE + JOBS)
        batch.send(signal.SIGINT)
        until(lambda: more or "stopping" in batch.err.read_text())
        opened.set()
        with pytest.raises(subprocess.TimeoutExpired):
            batch.ended(0.3)
        batch.send(signal.SIGINT)
        ran = batch.ended()
    os.close(reader)
    assert (ran.code, "Traceback" in ran.err) == (130, False)
    ends = books.check([])
    assert (ends["draft"], ends["unknown"]) == (FREE + JOBS, 0)


def test_an_answer_that_finds_no_room(office: Office, gate: threading.Event, books: Books) -> None:
    with Path("/dev/full").open("wb") as full, AtWork(office, *BATCH, stdout=full.fileno()) as batch:
        until(lambda: books.count("answered"))
        gate.set()
        ran = batch.ended()
    assert (ran.code, "the disk is full" in ran.err, "Traceback" in ran.err) == (3, True, False)
    ends = books.check([])
    assert (ends["unknown"], 0 < ends["draft"] < ROWS) == (0, True)


# --- an input that comes slowly ---


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("", [f'{{"id": "{n}", "input": "Write number {n}."}}\n' for n in range(1, 4)]),
        ("id;input\r\n", [f'{n};"Write\nnumber {n}."\r\n' for n in range(1, 4)]),
    ],
)
def test_each_row_is_answered_before_the_next_one_comes(head: str, rows: list[str], office: Office) -> None:
    with AtWork(office, "batch", "-", *HOW, stdin=subprocess.PIPE) as batch:
        batch.say(head)
        for n, row in enumerate(rows, 1):
            batch.say(row)
            batch.wait_for_lines(n)
            time.sleep(0.2)
        assert [line["id"] for line in batch.lines] == ["1", "2", "3"]
        # Then nothing comes for long.
        began = time.monotonic()
        batch.send(signal.SIGINT)
        ran = batch.ended()
    assert (ran.code, time.monotonic() - began < GRACE_SECONDS / 2) == (130, True)
    assert "Traceback" not in ran.err
    assert "--gig me-1 goes on with it" in ran.err


def test_a_stop_before_anything_came(office: Office) -> None:
    with AtWork(office, "batch", "-", *HOW, stdin=subprocess.PIPE) as batch:
        time.sleep(0.5)
        batch.send(signal.SIGINT)
        ran = batch.ended()
    assert (ran.code, ran.out, ran.err) == (130, "", "error: interrupted\n")


def test_half_a_row_then_nothing(office: Office, server: LLMServer) -> None:
    """What is no whole line yet is no row, and costs nothing."""
    with AtWork(office, "batch", "-", *HOW, stdin=subprocess.PIPE) as batch:
        batch.say('{"id": "1", "input": "Write number 1."}\n{"id": "2", "in')
        batch.wait_for_lines(1)
        batch.send(signal.SIGTERM)
        assert batch.ended().code == 130
    assert server.count == 1


# --- two at once ---


@pytest.mark.parametrize("more", [(), ("--ordered",)])
def test_two_at_once_share_the_work(more: tuple[str, ...], office: Office, server: LLMServer, books: Books) -> None:
    with AtWork(office, *BATCH, *more, name="first") as first, AtWork(office, *BATCH, *more, name="second") as second:
        ends = first.ended(), second.ended()
    fresh = 0
    for ran in ends:
        lines = lines_of(ran.out)
        assert len({line["id"] for line in lines}) == len(lines) == ROWS
        assert not more or [line["line"] for line in lines] == list(range(1, ROWS + 1))
        assert ran.code == (0 if all(line["status"] == "ok" for line in lines) else 75)
        left = {line["reason"] for line in lines if line["status"] != "ok"}
        assert left <= {"another run works on it", "run 1 works on it", "run 2 works on it"}
        books.check(lines)
        fresh += sum(line["status"] == "ok" and not line["cached"] for line in lines)
    assert fresh == server.count == ROWS
    assert set(books.count("asked").values()) == {1}


def test_what_another_one_is_at_is_left_to_it(office: Office, server: LLMServer, books: Books) -> None:
    """And a second row of an id is one, though another run saw the first meanwhile."""
    answered = threading.Event()
    server.script = lambda asked: Reply("A fine text.", until=answered)
    row = '{"id": "1", "input": "Write number 1, please."}\n'
    (office.home / "one.jsonl").write_text(row)
    words = ("--gig", "spring", *HOW)
    with AtWork(office, "batch", "-", *words, stdin=subprocess.PIPE) as first:
        first.say(row)
        server.wait_for(1)
        ran = office.gigctl("batch", "one.jsonl", *words, code=75)
        (line,) = lines_of(ran.out)
        assert (line["status"], line["reason"]) == ("not run", "run 1 works on it")
        first.say(row.replace("number 1", "number 2"))
        first.wait_for_lines(1)
        answered.set()
        first.stdin.close()
        ran = first.ended()
    lines = lines_of(ran.out)
    assert [(line["status"], line["line"]) for line in lines] == [("invalid", 2), ("ok", 1)]
    assert (ran.code, lines[0]["reason"], server.count) == (1, "line 2: another row has the id 1", 1)
    books.check(lines)


# --- a full disk ---

NAMESPACE = ("unshare", "--map-root-user", "--mount")
ON_A_SMALL_DISK = """
import json, os, subprocess, sys
from pathlib import Path
from support.at_work import Books, lines_of, rows_of, write_rows
from support.desks import make_desk
from support.office import Office

disk, url, log, room, rows = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", disk], check=True)
office = Office(disk)
office.add_agent("a", url, "--price-in", "1", "--price-out", "1")
write_rows(disk / "rows.jsonl", rows_of(rows))
told = []

def batch(*more):
    ran = office.gigctl("batch", "rows.jsonl", "--craft", "writing", "-a", "a", "-j", "8", *more, code=None)
    lines = lines_of(ran.out)
    ends = books.check(lines)
    told.append([ran.code, ran.err, [line["status"] for line in lines], ends])

with make_desk(office.folder) as desk:
    books = Books(desk, log)
    desk.ledger
    at = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (at.f_bavail * at.f_frsize - room))
    batch()
    ballast.unlink()
    batch()
    batch("--retry-unknown")
    assert sum(count > 1 for count in books.count("asked").values()) <= told[0][3].get("unknown", 0)
print(json.dumps(told))
"""


def test_a_full_disk(tmp_path: Path, server: LLMServer) -> None:
    """With 100 KiB left. More of it, of a `run`, is in `test_full_disk`."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace of our own can be had here")
    server.script = lambda asked: f"About {asked.last[-40:]}: " + " ".join(f"word{n}" for n in range(150))
    disk = tmp_path / "disk"
    disk.mkdir()
    argv = [*NAMESPACE, sys.executable, "-c", ON_A_SMALL_DISK, disk, server.url, tmp_path / "log", 100 * 1024, ROWS]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    first, again, last = json.loads(done.stdout)
    code, err, printed, ends = first
    assert (code, set(printed) <= {"ok"}, len(printed) < ROWS) == (3, True, True)
    assert "error: the disk is full: " in err
    assert "hint: make room on that disk, then the same command" in err
    assert ("--retry-unknown" in err) == bool(ends.get("unknown"))
    code, err, printed, ends = again
    assert (code, printed.count("unknown")) == (75 if ends.get("unknown") else 0, ends.get("unknown", 0))
    assert len(printed) == ROWS
    assert (last[0], last[2]) == (0, ["ok"] * ROWS)
