"""The one display function: all text that a model or a client wrote passes it on its way to a terminal.

What a terminal would obey, hide or reorder is shown as what it is; the stored bytes are never touched.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["cell_width", "display", "display_line", "escape_hidden", "fit"]

_VISIBLE_CONTROLS = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡"}
_KEPT = "\n\t"

# Characters that change how their neighbours are shown, or are not shown at all: bidirectional controls, zero-width
# and invisible operators, fillers, interlinear annotations, tags, private use, non-characters, surrogates, C1, and
# the line separators that a terminal may take for a new line. (Trojan Source, CVE-2021-42574.) Patterns as text: re
# compiles one when it is first needed, and plain ASCII never needs one.
_DANGEROUS = (
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\ue000-\uf8ff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
    "]"
)
_JOINER = "[\u200c\u200d]"
# GitHub's runner takes `::` after any blanks for a command, and `##[` wherever it stands in a line (ActionCommand.cs);
# Azure's its `##vso[`.
_RUNNER_COMMAND = r"(?m)^([^\S\n]*)(?=::)|(##)(?=\[|vso\[|teamcity\[)"


def display(text: str, *, in_ci: bool = False) -> str:
    """Text that is safe to send to a terminal; lines and tabs stay.

    A control is its picture (`␛`), any other dangerous character `\\u{202e}`, a byte that is no UTF-8 `\\x{ff}`.
    Zero-width joiners stay where emoji, Arabic and Indic scripts need them. `in_ci`: no line holds a command to a
    job's runner (`::`).
    """
    if text.isascii() and text.isprintable():
        shown = text
    else:
        shown = re.sub(_JOINER, _joiner, re.sub(_DANGEROUS, _visible, text.replace("\r\n", "\n")))
    return re.sub(_RUNNER_COMMAND, _disarm, shown) if in_ci else shown


def display_line(text: str, *, in_ci: bool = False) -> str:
    """The same on one line: a line's end is shown as `␤`, a tab as `␉`."""
    if text.isascii() and text.isprintable() and not in_ci:
        return text
    return display(text, in_ci=in_ci).replace("\n", "␤").replace("\t", "␉")


def escape_hidden(json_text: str) -> str:
    """JSON whose controls and hidden characters are JSON's own escapes: the same values, and nothing for a terminal."""
    if "##" in json_text:  # one of these is a command to a job's runner, wherever in a line it stands
        json_text = re.sub(r"##(vso|teamcity)?\[", r"##\1\\u005b", json_text)
    if json_text.isascii():
        return json_text
    return re.sub(_DANGEROUS, _json_escape, json_text)


def _json_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF:
        return found[0]  # a byte that is no UTF-8, which no JSON can carry: replaced where it is written
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code in _VISIBLE_CONTROLS:
        return _VISIBLE_CONTROLS[code]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{{{code - 0xDC00:02x}}}"
    return f"\\u{{{code:x}}}"


def _joiner(found: re.Match[str]) -> str:
    """A joiner between two characters that can be joined stays: not letters of the Latin script, where it hides."""
    text, at = found.string, found.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    joins = before and after and all(_takes_joiner(char) for char in (before, after))
    return found[0] if joins else f"\\u{{{ord(found[0]):x}}}"


def _takes_joiner(char: str) -> bool:
    """Scripts that join (Arabic to the Indic blocks), their marks, emoji and what modifies them."""
    code = ord(char)
    return 0x0600 <= code <= 0x1CFF or code >= 0x1F000 or 0x2190 <= code <= 0x2BFF or code in (0xFE0E, 0xFE0F, 0x20E3)


def _disarm(found: re.Match[str]) -> str:
    """A word joiner would be invisible; a visible mark tells a reader that the line was changed."""
    return f"{found[1] or found[2] or ''}\\"


def cell_width(text: str) -> int:
    """Columns that displayed text of one line takes on a terminal: East Asian wide ones are two, marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def fit(text: str, width: int) -> str:
    """One line of displayed text in at most `width` columns, `…` where it was cut."""
    if cell_width(text) <= width:
        return text
    out, used = "", 0
    for char in text:
        used += _char_width(char)
        if used > width - 1:
            break
        out += char
    return out + "…"
