"""Does a change bring in a key, a token or a password? Read by the rules of detect-secrets (its kept fork,
bc-detect-secrets) and the prefixes that issuers give their keys, on the lines that the change touched.

A rule is a pattern over a text that somebody else wrote, so all of it works in a child that is killed when its time is
over. A comment that asks to be let off (`pragma: allowlist secret`) is not heeded: the draft itself could have it.
What was found is told without the secret, for evidence goes to agents and logs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.changed import ChangedFile, list_changed
from gigctl.checks.options import check_keys, no_option
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "secrets"
VERSION = 1
HELP = "no key, token or password stands on a changed line"
NEEDS_TREE = False

SECONDS = 60.0
MOST_EVIDENCE = 8
LONGEST_LINE = 5_000
"""Characters: what is longer was made by a program, and is read to here."""
_CHILD = Path(__file__).with_name("secrets_child.py")


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    asked = [[file.path, _own_lines(file)] for file in list_changed(content, context)]
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
    lines = file.new.decode("utf-8", "replace").split("\n")
    return [(n, line[:LONGEST_LINE]) for n, line in enumerate(lines, 1) if file.is_own(n) and line.strip()]


def _evidence(path: str, line: int, kind: str, begins: str) -> Evidence:
    shown = f" ({begins}…)" if begins else ""
    return Evidence(f"{path}, line {line}: {kind}{shown}: read it from the environment or a file", path, line)
