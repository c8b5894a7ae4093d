"""`do` as a filter in a shell: many at once, closed pipes, odd input, and what its exit codes say."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.at_work import AtWork, Books, until
from support.desks import make_desk
from support.llm_server import LLMServer, Reply, status
from support.office import Office, open_office
from support.schema import check_document, check_error
from support.terminal import GIGCTL

DOS = int(os.environ.get("GIGCTL_DOS", "64"))
LIMITED = 13
"""How many of the others are asked of an agent with a limit."""
RPM = 60
BURST = 6
"""A tenth of a minute's allowance may be sent at once."""
LATE = 2.0
"""Seconds from a process's turn to its request, at most, on a busy machine."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LLMServer]:
    (tmp_path / "log").touch()
    with LLMServer(lambda asked: f"A fine text. {asked.last.splitlines()[-1]}", log=tmp_path / "log") as started:
        yield started


@pytest.fixture
def office(tmp_path: Path, server: LLMServer) -> Office:
    opened = open_office(tmp_path / "user")
    opened.add_agent("a", server.url, "--price-in", "1", "--price-out", "1")
    return opened


@pytest.fixture
def books(tmp_path: Path, office: Office) -> Iterator[Books]:
    with make_desk(office.folder) as desk:
        yield Books(desk, tmp_path / "log")


# --- many at once ---


@dataclass
class Shell:
    """`do` for each of some words, several at a time, all with one stdout and one stderr."""

    office: Office
    name: str
    agent: str

    def start(self, words: list[str], at_once: int) -> subprocess.Popen[bytes]:
        script = f'exec "$0" do writing --brief "Write text $1, please." -a {self.agent}'
        with self.file("out").open("ab") as out, self.file("err").open("ab") as err:
            process = subprocess.Popen(
                ["xargs", "-n", "1", "-P", str(at_once), "sh", "-c", script, GIGCTL],
                env=self.office.environment, cwd=self.office.home, stdin=subprocess.PIPE, stdout=out, stderr=err,
            )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write("\n".join(words).encode())
        process.stdin.close()
        return process

    def file(self, what: str) -> Path:
        return self.office.home / f"{self.name}.{what}"

    def check(self, process: subprocess.Popen[bytes], words: list[str]) -> None:
        """Every answer is there and whole, and nothing else was said."""
        assert process.wait(DOS * 5) == 0, self.file("err").read_text()
        out, err = (self.file(what).read_text().split("\n")[:-1] for what in ("out", "err"))
        assert sorted(out) == sorted(f"A fine text. Write text {word}, please." for word in words)
        assert len(err) == len(words)
        assert all(line.startswith("draft, unsigned: me-0.") for line in err), err


def test_many_at_once_in_one_ledger(office: Office, server: LLMServer, books: Books) -> None:
    """No lock is complained of, nothing is asked twice, and an agent's limit holds for all processes together."""
    if shutil.which("xargs") is None:
        pytest.skip("there is no xargs")
    office.add_agent("slow", server.url, "--rpm", str(RPM), "--price-in", "1", "--price-out", "1")
    many, few = ([f"{n}{mark}" for n in range(count)] for count, mark in ((DOS - LIMITED, "m"), (LIMITED, "f")))
    free, limited = Shell(office, "free", "a"), Shell(office, "limited", "slow")
    processes = free.start(many, 8), limited.start(few, 8)
    free.check(processes[0], many)
    limited.check(processes[1], few)
    assert books.check([]) == {"draft": DOS}
    assert set(server.stats()["prompts"].values()) == {1}
    assert server.count == DOS
    with books.desk.ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM task WHERE state = 'review'") == DOS
        assert tx.value("SELECT sum(reserved) FROM gig") == 0
        assert tx.value("SELECT count(*) FROM run WHERE ended IS NULL") == 0
    check_rate([asked.at for asked in server.requests if "f, please" in asked.last])


def check_rate(times: list[float]) -> None:
    """No stretch of time has more requests than the limit lets through."""
    assert len(times) == LIMITED
    for first in range(len(times)):
        for last in range(first, len(times)):
            allowed = BURST + RPM / 60 * (times[last] - times[first] + LATE)
            assert last - first <= allowed
    assert times[-1] - times[0] >= (LIMITED - BURST) / (RPM / 60) - LATE


def test_equal_ones_at_once_share_a_call(office: Office, server: LLMServer, books: Books) -> None:
    opened = threading.Event()
    server.script = lambda asked: Reply("A fine text. Write text 1, please.", until=opened)
    shell = Shell(office, "equal", "a")
    process = shell.start(["1"] * 6, 6)
    until(lambda: _count(books, "SELECT count(*) FROM task") == 6)
    opened.set()
    shell.check(process, ["1"] * 6)
    assert (server.count, _count(books, "SELECT count(*) FROM attempt WHERE cached_from IS NOT NULL")) == (1, 5)
    books.check([])


def _count(books: Books, sql: str) -> int:
    with books.desk.ledger.reading() as tx:
        return int(tx.value(sql))


# --- who reads the answer ---


def test_a_closed_pipe_keeps_the_draft(office: Office, books: Books) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with AtWork(office, "do", "writing", "--brief", "Write text 1, please.", "-a", "a", stdout=writer) as do:
        os.close(writer)
        ran = do.ended()
    assert (ran.code, "Traceback" in ran.err) == (0, False)
    assert books.check([]) == {"draft": 1}
    assert office.gigctl("show", "me-0.1", "--text").out == "A fine text. Write text 1, please."


def test_a_long_answer_is_whole(office: Office, server: LLMServer) -> None:
    text = " ".join(f"word{n}" for n in range(20_000))
    server.script = lambda asked: Reply(
        text, usage={"prompt_tokens": 99, "completion_tokens": 999, "total_tokens": 1_098}
    )
    assert office.gigctl("do", "writing", "--brief", "Much.", "-a", "a").out == text + "\n"


@pytest.mark.parametrize(
    ("said", "answer"), [("Bonjour\n", "Hello\n"), ("Bonjour", "Hello"), ("\n Bonjour \r\n\r\n", "\n Hello \r\n\r\n")]
)
def test_the_answer_stands_as_the_input_stood(said: str, answer: str, office: Office, server: LLMServer) -> None:
    server.script = lambda asked: "Hello"
    words = ("do", "translation", "--from", "fr", "--to", "en", "-a", "a")
    assert office.gigctl(*words, stdin=said).out == answer


# --- what it is given ---

TRANSLATION = ("translation", "--to", "en")
WRITING = ("writing", "--brief", "Write text 1, please.")


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (TRANSLATION, b"", "there is nothing to translate"),
        (TRANSLATION, b" \n\t\n", "there is nothing to translate"),
        ((*TRANSLATION, "-"), b"", "there is nothing to translate"),
        ((*TRANSLATION, "gone.txt"), b"Bonjour", "gone.txt: No such file"),
        ((*TRANSLATION, "."), b"", "is a folder"),
        ((*TRANSLATION, "/dev/zero"), b"", "no regular file"),
        (TRANSLATION, b"caf\xe9\n", "UTF-8"),
        (TRANSLATION, b"a\0b", "zero bytes"),
        ((*WRITING, "gone.txt"), b"", "gone.txt: No such file"),
        (("writing", "-", "--brief", "-"), b"A text.", "`-` stands twice"),
        (("writing",), b"", "--brief: writing needs it"),
        (("writing",), b"A caf\xe9", "standard input is not UTF-8 (byte 6)"),
        (("writing",), b"A \0 text", "standard input has zero bytes"),
        (("writing", __file__), b"", "--brief: writing needs it"),
        (("code", "--brief", "x"), b"", "code needs a file"),
    ],
)
def test_what_is_no_job_costs_nothing(
    words: tuple[str, ...], stdin: bytes, said: str, office: Office, server: LLMServer
) -> None:
    ran = office.gigctl("do", *words, "-a", "a", stdin=stdin, code=2)
    assert (ran.out, ran.err.startswith("error: "), said in ran.err) == ("", True, True), ran.err
    assert server.count == 0


def test_standard_input_alone_is_the_brief(office: Office, server: LLMServer) -> None:
    office.gigctl("do", "writing", "-a", "a", stdin=b"A toast, please.\n")
    assert server.requests[0].last.endswith("A toast, please.")


@pytest.mark.parametrize("closed", ["<&-", "</dev/null", "2>&- <&-"])
def test_a_brief_needs_no_input(closed: str, office: Office) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', GIGCTL, "do", *WRITING, "-a", "a"],
        env=office.environment, cwd=office.home, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "A fine text. Write text 1, please.\n")


def test_the_brief_may_be_the_input(office: Office, server: LLMServer) -> None:
    ran = office.gigctl("do", "writing", "--brief", "-", "-a", "a", stdin="Write text 7, please.\n")
    assert ran.out == "A fine text. Write text 7, please.\n"


def test_an_input_without_an_end_is_refused(office: Office) -> None:
    with AtWork(office, "do", *TRANSLATION, "-a", "a", stdin=subprocess.PIPE) as do:
        try:
            while True:
                do.say("y\n" * 100_000)
        except BrokenPipeError:
            ran = do.ended()
    assert ran.code == 2
    assert "more than 16 MiB" in ran.err


# --- what came of it ---


def test_a_failed_check_is_answered_all_the_same(office: Office, server: LLMServer) -> None:
    words = ("do", *WRITING, "-a", "a", "--check", "length=500..600", "--repair", "0")
    ran = office.gigctl(*words, code=1)
    assert ran.out == "A fine text. Write text 1, please.\n"
    assert ran.err.splitlines()[0].startswith("warning: me-0.1: length: 34 characters, at least 500 were asked for")
    ran = office.gigctl(*words, "--json", code=1)
    item = check_document(ran.out, "do")
    assert (item["status"], item["refs"], len(item["reasons"])) == ("failed check", ["me-0.2"], 1)
    assert server.count == 1  # the very same question


def test_an_agent_that_fails_leaves_stdout_empty(office: Office, server: LLMServer) -> None:
    server.script = lambda asked: status(400, "no such thing")
    ran = office.gigctl("do", *WRITING, "-a", "a", code=4)
    assert (ran.out, "hint: gigctl run me-0.1 -a a --retry-failed" in ran.err) == ("", True)
    ran = office.gigctl("do", *WRITING, "-a", "a", "--json", code=4)
    assert (ran.out, check_error(ran.err)["code"]) == ("", 4)
    server.script = lambda asked: "A fine text of some words."
    office.gigctl("run", "me-0.1", "-a", "a", "--retry-failed", "-q")
    assert office.gigctl("show", "me-0.1", "--text").out == "A fine text of some words."


def test_what_may_have_been_paid_is_said(office: Office, server: LLMServer, books: Books) -> None:
    server.script = lambda asked: status(504)
    ran = office.gigctl("do", *WRITING, "-a", "a", code=75)
    assert (ran.out, "gigctl run me-0.1 --retry-unknown" in ran.err) == ("", True)
    assert books.check([]) == {"unknown": 1}
    server.script = lambda asked: "A fine text of some words."
    office.gigctl("run", "me-0.1", "-a", "a", "--retry-unknown", "-q")
    assert books.check([]) == {"unknown": 1, "draft": 1}


def test_a_stop_while_it_is_asked(office: Office, server: LLMServer, books: Books) -> None:
    """The call comes back: what was paid is printed, and kept."""
    opened = threading.Event()
    server.script = lambda asked: Reply("A fine text of some words.", until=opened)
    with AtWork(office, "do", *WRITING, "-a", "a") as do:
        server.wait_for(1)
        do.send(signal.SIGINT)
        time.sleep(0.3)
        opened.set()
        ran = do.ended()
    assert (ran.code, ran.out) == (130, "A fine text of some words.\n")
    assert books.check([]) == {"draft": 1}


def test_a_stop_before_the_input_ends(office: Office, server: LLMServer) -> None:
    with AtWork(office, "do", *TRANSLATION, "-a", "a", stdin=subprocess.PIPE) as do:
        do.say("Bonj")
        time.sleep(0.5)
        do.send(signal.SIGINT)
        ran = do.ended()
    assert (ran.code, ran.out, ran.err, server.count) == (130, "", "error: interrupted\n", 0)
