"""How a download is told: one live line on a terminal, a line a quarter elsewhere, nothing where nobody wants it."""

from __future__ import annotations

import io
import os
import pty
import select
import time
from collections.abc import Callable
from typing import Any

import pytest

from gigctl.flow.run import RunResult
from gigctl.render.output import Output
from gigctl.render.progress import ByteProgress
from gigctl.render.runs import state_of

MEGA = 1_000_000


def plain(**options: Any) -> tuple[Output, io.StringIO]:
    stderr = io.StringIO()
    return Output(stdout=io.StringIO(), stderr=stderr, environment={}, **options), stderr


def download(out: Output, wait: Callable[[], None] = lambda: None) -> None:
    with ByteProgress(out) as progress:
        for done in range(0, 101, 5):
            progress.show("downloading", done * MEGA, 100 * MEGA)
        progress.show("checking", 0, 100 * MEGA)
        wait()


def test_a_line_a_quarter() -> None:
    out, stderr = plain()
    download(out)
    assert stderr.getvalue().splitlines() == [
        "downloading  0 bytes of 100 MB",
        "downloading  25 MB of 100 MB",
        "downloading  50 MB of 100 MB",
        "downloading  75 MB of 100 MB",
        "downloading  100 MB of 100 MB",
        "checking  0 bytes of 100 MB",
    ]


@pytest.mark.parametrize("option", ["quiet", "no_progress"])
def test_nothing_where_nobody_wants_it(option: str) -> None:
    out, stderr = plain(**{option: True})
    download(out)
    assert stderr.getvalue() == ""


def test_nothing_is_known_of_the_whole_yet() -> None:
    out, stderr = plain()
    with ByteProgress(out) as progress:
        progress.show("downloading", 0, 0)
    assert stderr.getvalue() == "downloading  0 bytes of 0 bytes\n"


@pytest.mark.parametrize(("term", "live"), [("xterm-256color", True), ("dumb", False)])
def test_on_a_terminal(term: str, live: bool) -> None:
    main, side = pty.openpty()
    shown = b""

    def until_painted() -> None:
        nonlocal shown
        deadline = time.monotonic() + 20
        while b"checking" not in shown and time.monotonic() < deadline:
            shown += os.read(main, 65536)

    with os.fdopen(side, "w", encoding="utf-8") as stderr:
        out = Output(stdout=io.StringIO(), stderr=stderr, environment={"TERM": term})
        download(out, until_painted)
    os.close(main)
    text = shown.decode()
    assert ("━" in text or "╌" in text) is live
    assert "0 bytes of 100 MB" in text
    assert ("downloading  25 MB of 100 MB\r\n" in text) is not live


@pytest.mark.parametrize("to", ["stdout", "stderr"])
def test_what_is_said_meanwhile_stands_on_a_line_of_its_own(to: str) -> None:
    main, side = pty.openpty()
    with os.fdopen(side, "w", encoding="utf-8") as terminal:
        out = Output(stdout=terminal, stderr=terminal, environment={"TERM": "xterm-256color"})
        with ByteProgress(out) as progress:
            progress.show("downloading", 1, 2)
            if to == "stdout":
                out.write("a note\n")
            else:
                out.say("a note")
        terminal.flush()
        pieces = []
        while select.select([main], [], [], 0.5)[0]:  # a terminal gives what it has in pieces
            pieces.append(os.read(main, 65536))
        text = b"".join(pieces).decode()
    os.close(main)
    before, _, after = text.partition("a note\r\n")
    assert before.endswith("\x1b[2K")  # the painted line was wiped, and the cursor is at its beginning
    assert "━" in before
    assert "━" in after  # and is painted again beneath


def test_how_long_calls_take_is_told_of_the_last_thousand() -> None:
    result = RunResult(1, 5000, "the same command")
    for n in range(3000):
        result.took(float(n))
    assert sorted(result.seconds) == [float(n) for n in range(2000, 3000)]
    assert state_of(result).took(50, 95) == [2500.0, 2950.0]
    assert state_of(RunResult(1, 1, "")).took(50, 95) == [None, None]
