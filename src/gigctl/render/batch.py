"""A batch's answers: a line of JSON each, or the input's own columns with the answer's beside them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TextIO

from gigctl.errors import GigctlError
from gigctl.flow.results import Line
from gigctl.flow.rows import Head
from gigctl.render.figures import json_usd
from gigctl.render.output import Output
from gigctl.render.tasks import json_check, json_tokens
from gigctl.system.files import replacing
from gigctl.values import usd_text

__all__ = ["json_line", "writing_lines"]

ADDED = ("status", "reason", "output", "cost", "agent", "revision", "signed", "cached")


class Writes(Protocol):
    """Takes lines as they come."""

    def __call__(self, line: Line) -> None: ...


def json_line(line: Line) -> dict[str, Any]:
    return {
        "id": line.id, "line": line.line, "status": line.status, "reason": line.reason or None, "output": line.output,
        "checks": [json_check(verdict) for verdict in line.checks], "cost": json_usd(line.cost),
        "tokens": json_tokens(line.tokens), "seconds": None if line.seconds is None else round(line.seconds, 3),
        "agent": line.agent, "revision": line.revision, "signed": line.signed, "cached": line.cached,
    }  # fmt: skip


@contextmanager
def writing_lines(out: Output, path: str | None, head: Head) -> Iterator[Writes]:
    """Where the lines go: stdout, or a file that takes the place of the old one when it is whole."""
    if path in (None, "-"):
        own = _with_own_buffer(out)
        try:
            with own.streaming("batch") as stream:
                yield lambda line: _show(own, stream, line)
        except GigctlError:
            own.stdout.flush()
            raise
        own.stdout.flush()
        return
    assert path is not None  # noqa: S101
    target = Path(path)
    with replacing(target) as file:
        if target.suffix.lower() in (".csv", ".tsv"):
            yield _csv_writer(file, head, "\t" if target.suffix.lower() == ".tsv" else head.delimiter)
        else:
            yield lambda line: _write_json(out, file, line)


def _with_own_buffer(out: Output) -> Output:
    """Where nobody reads, whoever writes a line hangs with the buffer in hand: it is not the one that is flushed by all
    that is said beside the lines, and once more at the program's end."""
    try:
        handle = out.stdout.fileno()
    except OSError:
        return out  # no file
    out.stdout.flush()
    encoding, errors = out.stdout.encoding, out.stdout.errors
    return replace(out, stdout=open(handle, "w", encoding=encoding, errors=errors, closefd=False))


def _show(out: Output, stream: Callable[[Mapping[str, Any], str | None], None], line: Line) -> None:
    stream(json_line(line), line.revision)
    out.stdout.flush()  # in every form: who reads it waits for each line, or has gone away


def _write_json(out: Output, file: TextIO, line: Line) -> None:
    file.write(out.json_text(json_line(line)) + "\n")


def _csv_writer(file: TextIO, head: Head, delimiter: str) -> Writes:
    """The input's columns as they came, then the answer's: of JSON lines the id alone."""
    own = head.columns if head.csv else ("id",)
    names = [name if name not in own else f"gigctl_{name}" for name in ADDED]
    rows = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    rows.writerow([*own, *names])

    def write(line: Line) -> None:
        cells: Sequence[str] = line.cells if head.csv else (line.id,)
        rows.writerow([*_filled(cells, len(own)), *_answers(line)])

    return write


def _filled(cells: Sequence[str], count: int) -> list[str]:
    """A byte that is no UTF-8 can't be written again: it becomes U+FFFD, and its row was refused for it."""
    whole = [*cells, *[""] * (count - len(cells))]
    return [cell if cell.isascii() else cell.encode("utf-8", "replace").decode() for cell in whole]


def _answers(line: Line) -> list[str]:
    # What a spreadsheet would run stays out of it; the reason says so.
    runs = any(verdict.name == "spreadsheet-formula" and not verdict.passed for verdict in line.checks)
    cost = "" if line.cost is None else usd_text(line.cost)
    return [
        line.status, line.reason, "" if runs else line.output or "", cost, line.agent or "", line.revision or "",
        "true" if line.signed else "false", "true" if line.cached else "false",
    ]  # fmt: skip
