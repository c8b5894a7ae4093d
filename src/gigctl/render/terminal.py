"""The terminal: what a stream is, and asking the person who sits there."""

from __future__ import annotations

import os
import re
import select
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from msgspec import Struct

from gigctl.errors import Interrupted, UsageError
from gigctl.render.display import cell_width

__all__ = ["Terminal", "ask", "terminal_of"]

_NARROWEST = 20
_STYLES = {
    "dim": "2",
    "bold": "1",
    "removed": "31",
    "added": "32",
    "hunk": "36",
    "bad": "31",
    "good": "32",
    "odd": "33",
}


class Terminal(Struct, frozen=True):
    """What a stream is.

    `width` is in columns, `height` in lines (0: unknown); `in_ci` where a job's runner reads lines for commands of
    its own.
    """

    is_tty: bool = False
    width: int = 80
    color: bool = False
    in_ci: bool = False
    height: int = 0

    def styled(self, text: str, style: str) -> str:
        """Our own words in a style (`_STYLES`), plain where there is no colour."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color and text else text

    def folded(self, text: str) -> str:
        """What a person reads, broken between words where the terminal is narrower; elsewhere as it is.

        What goes on below its first line is indented under it. What follows `next:` or `hint:` is a
        command to be pasted and stays on its line.
        """
        if not self.is_tty or text.startswith(("next: ", "hint: ")):
            return text
        return "\n".join(line for part in text.split("\n") for line in _broken(part, self.width))


_STYLE_CODE = r"\x1b\[[0-9;]*m"
_LABEL = r" *\S+ {2,}(?=\S)"
"""What a line begins with that names the rest of it: `acme-1.4  number: ...`."""


def _broken(text: str, width: int) -> Iterator[str]:
    plain = re.sub(_STYLE_CODE, "", text)
    if cell_width(plain) <= width:
        yield text
        return
    indent = " " * _hanging(plain, width)
    line, *words = text.split(" ")
    for word in words:
        longer = f"{line} {word}"
        if line.strip() and cell_width(re.sub(_STYLE_CODE, "", longer)) > width:
            yield line.rstrip()
            longer = indent + word
        line = longer
    yield line


def _hanging(plain: str, width: int) -> int:
    """The columns by which a line goes on: below what its label names, where that leaves room."""
    label = re.match(_LABEL, plain)
    if label is not None and cell_width(label[0]) <= width // 3:
        return cell_width(label[0])
    return min(len(plain) - len(plain.lstrip()), width // 3) + 2


def terminal_of(stream: TextIO, env: Mapping[str, str]) -> Terminal:
    """`NO_COLOR` (any value) wins, then `FORCE_COLOR`, then what the terminal can."""
    is_tty = _is_tty(stream)
    columns, lines = _size(stream) if is_tty else (80, 0)
    return Terminal(is_tty, _width(env, columns), _color(env, is_tty), _in_ci(env), lines)


def _is_tty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # a closed one
        return False


def _color(env: Mapping[str, str], is_tty: bool) -> bool:
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR") not in (None, "", "0"):
        return True
    return is_tty and env.get("TERM", "") not in ("dumb", "")


def _width(env: Mapping[str, str], columns: int) -> int:
    """`COLUMNS`, else the terminal's own."""
    told = env.get("COLUMNS", "")
    return max(int(told) if told.isascii() and told.isdigit() and int(told) else columns, _NARROWEST)


def _size(stream: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 0
    return size.columns or 80, size.lines


def _in_ci(env: Mapping[str, str]) -> bool:
    return env.get("CI", "").lower() not in ("", "0", "false")


def ask(question: str, option: str, *, no_input: bool = False, tty: Path = Path("/dev/tty")) -> str:
    """A line from the controlling terminal, also while stdin is a pipe of references.

    `question` is shown with a colon; `option` is named in the UsageError where nobody can be asked.
    """
    way_out = f"say it on the command line: {option}"
    if no_input:
        raise UsageError(f"{question}: may not be asked with --no-input", way_out)
    try:
        with tty.open("r+b", buffering=0) as file:
            file.write(f"{question}: ".encode())
            answer = _read_line(file.fileno())
    except OSError as error:
        raise UsageError(f"{question}: no terminal to ask on", way_out) from error
    if answer is None:
        raise Interrupted("no answer was given")
    return answer


_LOOK_SECONDS = 0.2


def _read_line(descriptor: int) -> str | None:
    """One line; None where the terminal was closed or Ctrl-D pressed on an empty line."""
    line = b""
    while not line.endswith(b"\n"):
        # A Ctrl-C that comes just before a read begins would wait for the read's end.
        while not select.select([descriptor], [], [], _LOOK_SECONDS)[0]:
            pass
        chunk = os.read(descriptor, 1024)
        if not chunk:
            return line.decode("utf-8", "replace") if line else None
        line += chunk
    return line.decode("utf-8", "replace").rstrip("\r\n")
