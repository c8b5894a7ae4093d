"""`gigctl` at work, as a process of its own: read while it works, stopped by a signal; and its books afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from gigctl.flow.desk import Desk
from gigctl.ledger import attempts, revisions
from gigctl.ledger.verify import check_ledger
from support.llm_server import Asked, Reply
from support.office import Office
from support.terminal import GIGCTL, Ran

Line = Mapping[str, Any]


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Looks again and again."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not so after {seconds} s")
        time.sleep(0.005)


def answer_soon(asked: Asked) -> Reply:
    """A text about what was asked, after 20 to 50 ms: for a server that is a process of its own."""
    return Reply(f"A fine text. {asked.last.splitlines()[-1]}", delay=random.uniform(0.02, 0.05))


def rows_of(count: int, about: str = "text") -> list[dict[str, str]]:
    """Rows of a batch that all ask something else."""
    return [{"id": f"{about} {n}", "input": f"Write {about} number {n}, please."} for n in range(1, count + 1)]


def write_rows(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def lines_of(text: str) -> list[Any]:
    """Objects, one a whole line."""
    return [json.loads(line) for line in text.split("\n")[:-1]]


@contextmanager
def counting_server(folder: Path, function: str = "support.at_work:answer_soon") -> Iterator[tuple[str, Path]]:
    """The address and the log of a server in a process of its own, which goes on counting whoever is killed."""
    port, log = folder / "port", folder / "log"
    log.touch()
    argv = [sys.executable, "-m", "support.llm_server", "--port-file", port, "--log", log, "--function", function]
    process = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    try:
        until(lambda: port.exists() or process.poll() is not None)
        yield f"http://127.0.0.1:{port.read_text()}/v1", log
    finally:
        process.terminate()
        process.wait()


class AtWork:
    """A command that was started, as a context manager that leaves no process behind. Its stdout and stderr are files,
    unless `stdout` says where the first goes."""

    def __init__(
        self, office: Office, *words: str | Path, stdin: int = subprocess.DEVNULL, stdout: int | None = None,
        name: str = "work",
    ) -> None:  # fmt: skip
        self.out, self.err = office.home / f"{name}.out", office.home / f"{name}.err"
        # Who was started in a shell's background has Ctrl-C ignored, and would hand that down.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with self.out.open("wb") as out, self.err.open("wb") as err:
                self.process = subprocess.Popen(
                    [GIGCTL, *map(str, words)], env=office.environment, cwd=office.home, stdin=stdin,
                    stdout=out if stdout is None else stdout, stderr=err, start_new_session=True,
                )  # fmt: skip
        finally:
            signal.signal(signal.SIGINT, before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def say(self, text: str) -> None:
        """To its standard input."""
        self.stdin.write(text.encode())
        self.stdin.flush()

    @property
    def lines(self) -> list[Any]:
        """What it printed so far."""
        return lines_of(self.out.read_text())

    def wait_for_lines(self, count: int) -> None:
        until(lambda: len(self.lines) >= count or self.process.poll() is not None)
        assert len(self.lines) >= count, self.err.read_text()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = 30.0) -> Ran:
        """What it did, once it has ended by itself."""
        code = self.process.wait(seconds)
        return Ran(code, self.out.read_text(), self.err.read_text())


@dataclass
class Books:
    """The ledger beside the log of a server that counts. To be looked at when no process works."""

    desk: Desk
    log: Path
    drafts: dict[int, str] = field(default_factory=dict)  # those that were seen before, none of which may go away

    def count(self, what: str) -> Counter[str]:
        """How often each prompt was `asked`, or `answered` whole."""
        return Counter(line["prompt"] for line in lines_of(self.log.read_text()) if line["what"] == what)

    def check(self, printed: Iterable[Line]) -> Counter[str]:
        """That nothing recorded is lost, nothing paid twice that is not marked, and nothing printed that is not
        there; how often a call had which end."""
        assert check_ledger(self.desk.ledger) == []
        self._check_drafts()
        self._check_printed(printed)
        return self._check_calls()

    def _check_drafts(self) -> None:
        with self.desk.ledger.reading() as tx:
            drafts = {row["id"]: row["sha256"] for row in tx.rows("SELECT id, sha256 FROM revision")}
        assert self.drafts.items() <= drafts.items(), "a recorded draft is gone"
        self.drafts = drafts

    def _check_printed(self, printed: Iterable[Line]) -> None:
        with self.desk.ledger.reading() as tx:
            known = {
                f"me-{row['gig']}.{row['task']}@{row['number']}": (row["id"], row["state"])
                for row in tx.rows(
                    "SELECT revision.id, revision.number, task.number AS task, task.state, gig.number AS gig"
                    " FROM revision JOIN task ON task.id = revision.task JOIN gig ON gig.id = task.gig"
                )
            }
            for line in printed:
                if line["output"] is not None:
                    revision, state = known[line["revision"]]
                    assert revisions.get_content(tx, revision).text == line["output"]
                    assert state == "review"

    def _check_calls(self) -> Counter[str]:
        with self.desk.ledger.reading() as tx:
            calls: dict[str, Counter[str]] = {}
            for row in tx.rows(
                "SELECT request, coalesce(outcome, 'unknown') AS outcome FROM attempt WHERE cached_from IS NULL"
            ):
                messages = attempts.get_request(tx, row["request"]).messages()
                prompt = hashlib.sha256(json.dumps(messages).encode()).hexdigest()
                calls.setdefault(prompt, Counter())[row["outcome"]] += 1
        asked, answered = self.count("asked"), self.count("answered")
        for prompt, count in asked.items():
            ends = calls.get(prompt, Counter())
            assert count <= ends.total() - ends["unsent"], "a call that the ledger does not know"
            assert answered[prompt] - ends["unknown"] <= 1, "paid twice, and not marked unknown"
            assert ends["draft"] <= 1
        return sum(calls.values(), Counter())
