"""Does a change bring in a key, a token or a password? Read by the rules of detect-secrets (its kept fork,
bc-detect-secrets) and the prefixes that issuers give their keys, on the lines that the change touched.

A rule is a pattern over a text that somebody else wrote, so all of it works in a child that is killed when its time is
over. A comment that asks to be let off (`pragma: allowlist secret`) is not heeded: the draft itself could have it.
What was found is told without the secret, for evidence goes to agents and logs.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.changed import ChangedFile, list_changed
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.reading import as_text, is_text
from gigctl.model import EXECUTABLE, REGULAR, Change, CheckContext, Content, Evidence, Verdict

NAME = "secrets"
VERSION = 2
HELP = "no key, token or password stands on a changed line"
NEEDS_TREE = False

SECONDS = 60.0
MOST_EVIDENCE = 8
_PIECE, _OVERLAP = 5_000, 250
"""Characters: a line that is longer is read in pieces, each with the end of the one before it."""
_PRINTED = re.compile(rb"[\x20-\x7e]{16,}")
"""What can be read in a file that is no text."""
_CHILD = Path(__file__).with_name("secrets_child.py")


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    asked = [[file.path, _own_lines(file)] for file in list_changed(content, context)]
    asked += [[change.path, _printed(change.data)] for change in content.changes if _is_binary(change)]
    asked = [[path, lines] for path, lines in asked if lines]
    if not asked:
        return verdict(NAME, "pass")
    from gigctl.system.proc import run_async

    argv = [sys.executable, "-I", str(_CHILD)]
    done = await run_async(argv, stdin=json.dumps(asked).encode(), env={}, timeout=SECONDS, limit=1 << 20)
    if done.timed_out:
        return verdict(NAME, "error", f"the changed lines could not be read within {SECONDS:g} s")
    if not done.ok:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        return verdict(NAME, "error", f"the search ended with {done.code}: {last}")
    found = [_evidence(*one) for one in json.loads(done.stdout)]
    return verdict(NAME, "fail", *found[:MOST_EVIDENCE]) if found else verdict(NAME, "pass")


def _own_lines(file: ChangedFile) -> list[tuple[int, str]]:
    lines = (as_text(file.new) or "").encode("utf-8", "replace").decode().replace("\0", "").split("\n")
    own = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and file.is_own(n)]
    return [(n, piece) for n, line in own for piece in _pieces(line)]


def _pieces(line: str) -> list[str]:
    return [line[max(at - _OVERLAP, 0) : at + _PIECE] for at in range(0, len(line), _PIECE)]


def _is_binary(change: Change) -> bool:
    return change.data is not None and change.mode in (REGULAR, EXECUTABLE) and not is_text(change.data)


def _printed(data: bytes | None) -> list[tuple[int, str]]:
    """The runs of printed characters, two bytes wide too; such a file has no lines."""
    runs = _PRINTED.findall((data or b"").replace(b"\0", b""))
    return [(0, piece) for run in runs for piece in _pieces(run.decode("ascii"))]


def _evidence(path: str, line: int, kind: str, begins: str) -> Evidence:
    shown = f" ({begins}…)" if begins else ""
    place = f"{path}, line {line}" if line else path
    return Evidence(f"{place}: {kind}{shown}: read it from the environment or a file", path, line or None)
