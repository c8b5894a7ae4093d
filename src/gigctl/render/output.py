"""Where results go: a table or a page on a terminal, plain lines in a pipe, one JSON document under `--json`.

stdout is the result; progress, warnings and the next command are stderr's. Nothing else in the program prints.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from gigctl.render.display import display, display_line, escape_hidden
from gigctl.render.tables import Column, render_lines, render_table
from gigctl.render.terminal import Terminal, ask, terminal_of

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["Output"]

SCHEMA_VERSION = 1
_PAGER = {"LESSSECURE": "1", "LESSOPEN": "", "LESSCLOSE": ""}
"""No shell, no editor, no log file, no preprocessor from within less: what it shows was written by others."""
Item = Mapping[str, Any]


@dataclass(slots=True)
class Output:
    """What a command is given to answer with.

    Items are plain data of the documented JSON form (docs/schema). `unfinished` is set by a command while it changes
    many things: stdout closed in the middle of it is then no success.
    """

    json: bool = False
    jsonl: bool = False
    quiet: bool = False
    verbose: bool = False
    no_input: bool = False
    no_progress: bool = False
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    unfinished: bool = False
    live: Live | None = None
    """The line that is being repainted, put away while anything else is written to the terminal."""

    # --- facts ---

    @property
    def terminal(self) -> Terminal:
        """What stdout is."""
        return terminal_of(self.stdout, self.environment)

    @property
    def error_terminal(self) -> Terminal:
        """What stderr is."""
        return terminal_of(self.stderr, self.environment)

    @property
    def machine(self) -> bool:
        """True where a program reads the answer."""
        return self.json or self.jsonl

    # --- results ---

    def list(self, kind: str, items: Iterable[Item], columns: Sequence[Column], empty: str = "") -> None:
        """Many things: `empty` is said on stderr where there is none.

        A line of a pipe has the columns' text in their order, so the first one is the reference.
        """
        if self.machine:
            self._documents(kind, items)
            return
        rows = list(items)
        if not rows and empty:
            self.say(empty)
        elif self.quiet:
            self.write("".join(f"{columns[0].plain(row)}\n" for row in rows))
        elif rows and self.terminal.is_tty:
            self.write(render_table(rows, columns, self.terminal))
        else:
            self.write(render_lines(rows, columns))

    def show(self, kind: str, item: Item, text: str, refs: Sequence[str] = ()) -> None:
        """One thing; `text` is what a person reads, made by `render/`, foreign text in it already displayed. On a
        terminal it is broken between words, unless it is what the thing is called by.

        Under `--quiet` what it is called by alone, where it is (`refs`).
        """
        if self.machine:
            self._documents(kind, item)
        elif self.quiet and refs:
            self.write("".join(f"{ref}\n" for ref in refs))
        else:
            self._tell(text, refs)

    def changed(self, kind: str, items: Item | Sequence[Item], text: str, refs: Sequence[str] = ()) -> None:
        """What a changing command did; under `--quiet` the references alone."""
        if self.machine:
            self._documents(kind, items)
        elif self.quiet:
            self.write("".join(f"{ref}\n" for ref in refs))
        else:
            self._tell(text, refs)

    def line(self, item: Item) -> None:
        """One line of JSON that stands for itself, as `batch` prints them, seen at once."""
        self.write(_json_text(item) + "\n")
        self.stdout.flush()

    @contextlib.contextmanager
    def streaming(self, kind: str) -> Iterator[Callable[[Item, str | None], None]]:
        """Takes items one after the other: a line each, seen at once; under `--json` one document that grows, under
        `--quiet` the references that come with them. Nothing is kept."""
        if self.quiet and not self.machine:
            yield lambda item, ref: self.write(f"{ref}\n") if ref else None
        elif not self.json:
            yield lambda item, ref: self.line(item)
        else:
            comma = ""

            def add(item: Item, ref: str | None) -> None:
                nonlocal comma
                self.write(comma + _json_text(item))
                comma = ", "

            head = _json_text({"schemaVersion": SCHEMA_VERSION, "kind": kind, "items": []})
            self.write(head[:-2])
            try:
                yield add
            finally:
                self.write("]}\n")

    def raw(self, data: bytes) -> None:
        """A model's or client's text as it is kept: the bytes in a pipe, displayed on a terminal."""
        if self.terminal.is_tty:
            self.write(display(data.decode("utf-8", "surrogateescape")))
            return
        self.stdout.flush()
        buffer = getattr(self.stdout, "buffer", None)
        if buffer is None:
            self.stdout.write(data.decode("utf-8", "surrogateescape"))
        else:
            buffer.write(data)
            buffer.flush()

    def page(self, text: str) -> None:
        """A long text through the user's pager where it is more than the terminal shows.

        `text` holds nothing foreign that was not displayed: a pager passes on what it is told to.
        """
        argv = shlex.split(self.environment.get("PAGER", "less"))
        fits = text.count("\n") < self.terminal.height
        if self.machine or fits or argv in ([], ["cat"]) or shutil.which(argv[0]) is None:
            self.write(text)
            return
        from gigctl.system import proc

        self.stdout.flush()
        proc.page(argv, [text.encode("utf-8", "backslashreplace")], env={"LESS": "FRX", **self.environment, **_PAGER})

    def json_text(self, value: Any) -> str:
        """JSON on one line, as every answer is written."""
        return _json_text(value)

    def write(self, text: str) -> None:
        """The one door to stdout."""
        with self._aside(self.stdout):
            self.stdout.write(_encodable(text, self.stdout))

    # --- beside the result ---

    def say(self, text: str) -> None:
        """A note for the person at the terminal: not under `--quiet`, nor to a program that reads stderr for an error's
        document."""
        if not self.quiet and not (self.machine and not self.error_terminal.is_tty):
            self._error_line(self.error_terminal.folded(display(text, in_ci=self.error_terminal.in_ci)))

    def tell(self, item: Item) -> None:
        """A document on stderr, for a program that asked for it there."""
        self._error_line(_json_text(item))

    def warn(self, text: str) -> None:
        """Said whatever is asked for; to a program as a document of its own, so that each line of stderr is one."""
        told = self.error_terminal.folded(f"warning: {display(text, in_ci=self.error_terminal.in_ci)}")
        self._error_line(_json_text({"warning": {"message": text}}) if self.machine else told)

    def order(self, commands: Sequence[str]) -> None:
        """Commands to the runner of the job that we are in, a line each; a program that reads stderr gets none."""
        for line in () if self.machine else commands:
            self._error_line(line)

    def next(self, command: str) -> None:
        """The command that comes next; a program that reads us needs none."""
        if not self.machine:
            self.say(f"next: {command}")

    def detail(self, text: str) -> None:
        """Only under `--verbose`."""
        if self.verbose:
            self._error_line(
                _json_text({"detail": {"message": text}}) if self.machine else self.error_terminal.folded(text)
            )

    def ask(self, question: str, option: str) -> str:
        """The answer from the controlling terminal; UsageError that names `option` where nobody can be asked."""
        return ask(question, option, no_input=self.no_input)

    def confirm(self, question: str, option: str) -> bool:
        return self.ask(f"{question} [y/N]", option).strip().lower() in ("y", "yes")

    # --- below ---

    def _tell(self, text: str, refs: Sequence[str]) -> None:
        told = text if text in refs else self.terminal.folded(text)
        self.write(told if told.endswith("\n") or not told else told + "\n")

    def _documents(self, kind: str, items: Item | Iterable[Item]) -> None:
        single = isinstance(items, Mapping)
        if self.jsonl:
            for item in [items] if single else items:
                self.line(item)  # type: ignore[arg-type]
            return
        body = {"item": items} if single else {"items": list(items)}
        self.write(_json_text({"schemaVersion": SCHEMA_VERSION, "kind": kind, **body}) + "\n")

    def _error_line(self, text: str) -> None:
        """After what was answered so far, where both go to one file or pipe."""
        if self.stdout is not None:
            self.stdout.flush()
        with self._aside(self.stderr):
            self.stderr.write(_encodable(f"{text}\n", self.stderr))
            self.stderr.flush()

    @contextlib.contextmanager
    def _aside(self, stream: TextIO) -> Iterator[None]:
        if self.live is None or not terminal_of(stream, self.environment).is_tty:
            yield
            return
        self.live.stop()
        try:
            yield
        finally:
            self.live.start()


def _json_text(value: Any) -> str:
    """JSON on one line. A byte that is no UTF-8 can't stand in it: its surrogate becomes U+FFFD."""
    text = escape_hidden(json.dumps(value, ensure_ascii=False, allow_nan=False))
    return text.encode("utf-8", "replace").decode() if _has_surrogate(text) else text


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _encodable(text: str, stream: TextIO) -> str:
    """Text that the stream can take: what its encoding lacks (LANG=C) is written as an escape, never a crash."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def render_error(
    message: str, hint: str | None, *, code: int, kind: str, json_form: bool, terminal: Terminal | None = None
) -> str:
    """A failure for stderr: a line (more only where a file has several errors) and its way out, or the document."""
    if json_form:
        return _json_text({"error": {"code": code, "kind": kind, "message": message, "hint": hint}}) + "\n"
    seen = terminal or Terminal()
    lines = [display_line(line, in_ci=seen.in_ci) for line in message.split("\n")]
    out = "".join(seen.folded(f"error: {line}") + "\n" for line in lines)
    # What follows a hint's first line is a text to be pasted.
    return out + (
        "hint: " + "\n".join(display_line(line, in_ci=seen.in_ci) for line in hint.split("\n")) + "\n" if hint else ""
    )
