"""Where results go, as documents, lines and tables."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from gigctl.errors import UsageError
from gigctl.render.output import Output, render_error
from gigctl.render.progress import Progress, State, progress_text
from gigctl.render.tables import Column, render_table
from gigctl.render.terminal import Terminal, ask, terminal_of
from support.schema import check_stderr

ITEMS = [{"ref": "acme-12.345", "title": "Vertrag\n\x1b[31m"}, {"ref": "b-1.1", "title": "x" * 100}]
COLUMNS = (Column("task", lambda item: item["ref"]), Column("title", lambda item: item["title"], flexible=True))


class Answer(Output):
    """An Output whose streams are kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(stdout=io.StringIO(), stderr=io.StringIO(), environment={}, **options)

    @property
    def out(self) -> str:
        return self.stdout.getvalue()  # type: ignore[attr-defined,no-any-return]

    @property
    def err(self) -> str:
        return self.stderr.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_to_a_program_each_line_beside_the_answer_is_a_document() -> None:
    for options in ({"json": True}, {"jsonl": True}):
        answer = Answer(verbose=True, **options)
        answer.say("for a person alone")
        answer.warn('dear \x1b "agent"')
        answer.detail("so it is")
        found = check_stderr(answer.err + render_error("it broke", None, code=3, kind="ledger", json_form=True))
        assert found[:2] == [{"warning": {"message": 'dear \x1b "agent"'}}, {"detail": {"message": "so it is"}}]
        assert "\x1b" not in answer.err
    plain = Answer()
    plain.warn("dear")
    plain.detail("not asked for")
    assert plain.err == "warning: dear\n"


def test_a_pipe_gets_lines_with_the_reference_first() -> None:
    answer = Answer()
    answer.list("task", ITEMS, COLUMNS)
    lines = answer.out.split("\n")
    assert lines[0] == "acme-12.345  Vertrag␤␛[31m"
    assert lines[1] == "b-1.1  " + "x" * 100


def test_json() -> None:
    answer = Answer(json=True)
    answer.list("task", ITEMS, COLUMNS)
    assert json.loads(answer.out) == {"schemaVersion": 1, "kind": "task", "items": ITEMS}
    assert answer.out.count("\n") == 1


def test_nothing_is_an_empty_list_and_a_sentence() -> None:
    answer = Answer(json=True)
    answer.list("queue", [], COLUMNS, "nothing waits")
    assert json.loads(answer.out)["items"] == []
    plain = Answer()
    plain.list("queue", [], COLUMNS, "nothing waits")
    assert (plain.out, plain.err) == ("", "nothing waits\n")


def test_jsonl_and_quiet() -> None:
    answer = Answer(jsonl=True)
    answer.list("task", ITEMS, COLUMNS)
    assert [json.loads(line)["ref"] for line in answer.out.splitlines()] == ["acme-12.345", "b-1.1"]
    quiet = Answer(quiet=True)
    quiet.list("task", ITEMS, COLUMNS)
    quiet.next("x")
    assert (quiet.out, quiet.err) == ("acme-12.345\nb-1.1\n", "")


def test_a_changing_command() -> None:
    answer, quiet = Answer(), Answer(quiet=True)
    for out in (answer, quiet):
        out.changed("gig", {"ref": "acme-1"}, "acme-1  14 tasks", ["acme-1"])
    assert (answer.out, quiet.out) == ("acme-1  14 tasks\n", "acme-1\n")


def test_surrogates_and_poor_encodings_are_no_crash() -> None:
    answer = Answer(json=True)
    answer.show("x", {"text": "\udcff"}, "")
    assert json.loads(answer.out)["item"] == {"text": "?"}
    ascii_only = Output(stdout=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), stderr=io.StringIO(), environment={})
    ascii_only.write("é …")
    ascii_only.stdout.flush()
    assert ascii_only.stdout.buffer.getvalue() == b"\\xe9 \\u2026"  # type: ignore[attr-defined]


def test_a_table_never_cuts_a_reference() -> None:
    table = render_table(ITEMS, COLUMNS, Terminal(is_tty=True, width=20))
    assert "acme-12.345" in table
    assert all(len(line) <= 21 for line in table.splitlines())
    assert "\x1b" not in table


@pytest.fixture
def terminal() -> Iterator[tuple[int, Any]]:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as file:
        yield master, file
    os.close(master)


def drain(master: int) -> str:
    """All that was sent to the terminal so far."""
    data = b""
    while select.select([master], [], [], 0.1)[0]:
        data += os.read(master, 10_000)
    return data.decode()


def test_what_a_stream_is(terminal: tuple[int, Any]) -> None:
    _, file = terminal
    assert terminal_of(file, {"TERM": "xterm"}).color
    assert not terminal_of(file, {"TERM": "dumb"}).color
    assert not terminal_of(file, {"TERM": "xterm", "NO_COLOR": "1"}).color
    assert terminal_of(file, {"TERM": "xterm", "COLUMNS": "33"}).width == 33
    assert terminal_of(io.StringIO(), {"FORCE_COLOR": "1"}).color
    assert not terminal_of(io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}).color
    assert terminal_of(io.StringIO(), {"COLUMNS": "x"}).width == 80
    assert terminal_of(io.StringIO(), {"CI": "true"}).in_ci


def test_raw_is_displayed_on_a_terminal_alone(terminal: tuple[int, Any]) -> None:
    master, file = terminal
    Output(stdout=file, stderr=io.StringIO(), environment={}).raw(b"\x1b[2J\xff")
    file.flush()
    assert os.read(master, 100).decode() == "␛[2J\\x{ff}"
    piped = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Output(stdout=piped, stderr=io.StringIO(), environment={}).raw(b"\x1b[2J\xff")
    assert piped.buffer.getvalue() == b"\x1b[2J\xff"  # type: ignore[attr-defined]


def test_a_question_needs_somebody() -> None:
    with pytest.raises(UsageError, match="may not be asked") as told:
        ask("Sign all 14? Type 14", "--expect 14", no_input=True)
    assert told.value.hint == "say it on the command line: --expect 14"


def test_a_question_is_asked_on_the_terminal(terminal: tuple[int, Any], tmp_path: Any) -> None:
    from pathlib import Path

    master, file = terminal
    os.write(master, b"14\n")
    assert ask("Type 14", "--expect", tty=Path(os.ttyname(file.fileno()))) == "14"
    assert "Type 14: " in drain(master)
    with pytest.raises(UsageError, match="no terminal"):
        ask("Type 14", "--expect", tty=tmp_path / "none")


def test_a_persons_lines_are_broken_between_words_and_commands_are_not() -> None:
    narrow = Terminal(is_tty=True, width=20)
    assert narrow.folded("stopping: calls in flight have 10 s") == "stopping: calls in\n  flight have 10 s"
    assert narrow.folded("日本語の文字列 です、これは") == "日本語の文字列\n  です、これは"
    for kept in ("next: gigctl run acme-1 --fresh", "a-name-that-is-longer-than-that"):
        assert narrow.folded(kept) == kept
    told = render_error("a line that is too long", "gigctl queue -c acme-1", code=2, kind="usage", json_form=False,
                        terminal=narrow)  # fmt: skip
    assert told == "error: a line that\n  is too long\nhint: gigctl queue -c acme-1\n"
    assert Terminal(width=20).folded("in a pipe a line is one line") == "in a pipe a line is one line"


def test_a_line_goes_on_below_what_its_label_names() -> None:
    narrow = Terminal(is_tty=True, width=24, color=True)
    assert narrow.folded("me-1.4  number: 12 is missing here") == "me-1.4  number: 12 is\n        missing here"
    assert narrow.folded("    by its own blanks and two more") == "    by its own blanks\n      and two more"
    bad = narrow.styled("fail", "bad")
    assert narrow.folded(f"{bad}  numbers: twelve 12") == f"{bad}  numbers: twelve 12"
    assert narrow.folded(f"{bad}  numbers: twelve or 12") == f"{bad}  numbers: twelve or\n      12"


def test_what_is_shown_is_broken_between_words_but_no_name(terminal: tuple[int, Any]) -> None:
    master, file = terminal
    out = Output(stdout=file, environment={"COLUMNS": "20"})
    out.show("x", {}, "a line that is too long")
    assert drain(master) == "a line that is too\r\n  long\r\n"
    out.show("x", {}, "/a folder of a client/ledger.sqlite", ["/a folder of a client/ledger.sqlite"])
    assert drain(master) == "/a folder of a client/ledger.sqlite\r\n"


def test_errors() -> None:
    assert render_error("a\x1b", "do b", code=3, kind="x", json_form=False) == "error: a␛\nhint: do b\n"
    assert render_error("a\nb", None, code=3, kind="x", json_form=False) == "error: a\nerror: b\n"
    document = json.loads(render_error("a", None, code=3, kind="ledger", json_form=True))
    assert document == {"error": {"code": 3, "kind": "ledger", "message": "a", "hint": None}}


# --- progress ---


def test_progress_words() -> None:
    state = State(14, done=7, passed=5, need_you=1, failed=1, cost=0)
    assert progress_text(state, 7.0) == "5 passed  1 need you  1 failed  0.00 USD  1.0/s  7.0 s left"
    assert progress_text(State(2, 2, 2, cost=None), 64, ended=True) == "2 passed  cost unknown  1:04"


def test_plain_progress_is_not_a_line_a_task() -> None:
    answer, now = Answer(), [0.0]
    with Progress(answer, 5000, clock=lambda: now[0]) as progress:
        for done in range(5000):
            now[0] += 0.1
            progress.show(State(5000, done=done + 1, passed=done + 1))
    lines = answer.err.splitlines()
    assert 5 < len(lines) < 20
    assert lines[-1] == "5000/5000  5000 passed  0.00 USD  8:20"


@pytest.mark.parametrize("option", ["quiet", "no_progress"])
def test_silent_progress(option: str) -> None:
    answer = Answer(**{option: True})
    with Progress(answer, 1) as progress:
        progress.show(State(1, 1, 1))
    assert answer.err == ""


@pytest.mark.parametrize("columns", ["20", "80"])
def test_live_progress_fits_and_leaves_the_last_line(terminal: tuple[int, Any], columns: str) -> None:
    master, file = terminal
    env = {"TERM": "xterm", "COLUMNS": columns, "NO_COLOR": "1"}
    with Progress(Output(stdout=sys.stdout, stderr=file, environment=env), 3) as progress:
        progress.show(State(3, 3, 2, need_you=1))
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drain(master)).rstrip("\r\n").replace("\r", "\n").split("\n")[-1]
    assert "3/3" in last
    assert len(last) < int(columns)
