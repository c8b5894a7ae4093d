"""Is each changed file what its ending says: Python that compiles, JSON, TOML or JavaScript that parses?

Nothing of a file is run; a parser can still be crashed or made to eat memory, so each works in a child that is killed.
Where no changed file is of a kind that can be compiled the check has nothing to say, and passes saying so; a kind that
could be compiled but for a program that is missing here is `skip`, which gates.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.prose import excerpt
from gigctl.model import EXECUTABLE, REGULAR, Change, CheckContext, Content, Evidence, Verdict

NAME = "compiles"
VERSION = 2
HELP = "each changed file is valid: Python, JSON, TOML, and JavaScript where node is installed"
NEEDS_TREE = False

SECONDS = 20.0
MOST_EVIDENCE = 8
_KINDS = {
    ".py": "python", ".pyi": "python", ".pyw": "python", ".json": "json", ".toml": "toml",
    ".js": "javascript", ".cjs": "javascript", ".mjs": "javascript",
}  # fmt: skip
_WITH_COMMENTS = re.compile(r"(?:^|/)(?:[tj]sconfig[^/]*\.json|\.eslintrc\.json|\.(?:vscode|devcontainer)/.*)$")
"""JSON files that their own programs read with comments in them."""
_FIRST = re.compile(rb"#!\s*(?:\S*/env\s+(?:-\S+\s+)*|\S*/)(python|node)[\d.]*(?=\s|$)")
_CHILD = Path(__file__).with_name("compile_child.py")
_NODE_LINE = re.compile(r"\[stdin\]:(\d+)")
_NODE_REASON = re.compile(r"^\w*Error: .*$", re.MULTILINE)


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    files = [change for change in content.changes if change.data is not None and change.mode in (REGULAR, EXECUTABLE)]
    parsed = [change for change in files if _kind(change) in ("python", "json", "toml")]
    scripts = [change for change in files if _kind(change) == "javascript"]
    found = await _find_errors(parsed) if parsed else []
    missing = bool(scripts) and _node() is None
    if not missing:
        found += [error for change in scripts if (error := await _find_script_error(change))]
    if found:
        return verdict(NAME, "fail", *found[:MOST_EVIDENCE])
    if missing:
        return verdict(NAME, "skip", f"{scripts[0].path}: JavaScript is compiled by node, which is not installed here")
    left = [change.path for change in files if _kind(change) is None]
    return verdict(NAME, "pass", *([f"nothing compiles these: {excerpt(', '.join(left), 200)}"] if left else []))


def _kind(change: Change) -> str | None:
    if _WITH_COMMENTS.search(change.path):
        return None
    return _KINDS.get(PurePosixPath(change.path).suffix.lower()) or _said(change)


def _said(change: Change) -> str | None:
    """What a script's first line says that reads it."""
    found = _FIRST.match(change.data or b"")
    return None if found is None else {b"python": "python", b"node": "javascript"}[found[1]]


async def _find_errors(files: list[Change]) -> list[Evidence]:
    """All files in one child; where it dies is the one that can't be compiled; the rest go to another."""
    from gigctl.system.proc import run_async

    asked = [[_kind(change), base64.b64encode(change.data or b"").decode()] for change in files]
    done = await run_async(
        [sys.executable, "-I", "-S", str(_CHILD)], stdin=json.dumps(asked).encode(), env={}, timeout=SECONDS
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    found = [_evidence(change, *error) for change, error in zip(files, answers, strict=False) if error]
    if len(answers) == len(files):
        return found
    fatal = files[len(answers)]
    reason = f"takes longer than {SECONDS:g} s to compile" if done.timed_out else "crashes the compiler"
    rest = files[len(answers) + 1 :]
    return [*found, _evidence(fatal, None, None, reason), *(await _find_errors(rest) if rest else [])]


def _evidence(change: Change, line: int | None, column: int | None, reason: str) -> Evidence:
    text = (change.data or b"").decode("utf-8", "replace")
    lines = text.split("\n")
    shown = f": {lines[line - 1].strip()[:120]}" if line and line <= len(lines) else ""
    place = f", line {line}" if line else ""
    return Evidence(
        f"{change.path}{place} does not compile: {reason}{shown}", change.path, line or None, column or None
    )


def _node() -> str | None:
    from shutil import which

    return which("node")


async def _find_script_error(change: Change) -> Evidence | None:
    """As a script, else as a module: the ending does not tell, and one of the two is enough."""
    kinds = {".cjs": ["commonjs"], ".mjs": ["module"]}.get(PurePosixPath(change.path).suffix, ["commonjs", "module"])
    errors = [await _ask_node(change, kind) for kind in kinds]
    return None if None in errors else errors[-1]


async def _ask_node(change: Change, kind: str) -> Evidence | None:
    """`node --check` parses and runs nothing; with no environment, no option or hook of anybody's is loaded."""
    from gigctl.system.proc import run_async

    argv = [_node() or "node", "--max-old-space-size=512", f"--input-type={kind}", "--check", "-"]
    done = await run_async(argv, stdin=change.data or b"", cwd=Path("/"), env={}, timeout=SECONDS, limit=1 << 20)
    if done.ok:
        return None
    told = done.stderr.decode("utf-8", "replace")
    line, reason = _NODE_LINE.search(told), _NODE_REASON.search(told)
    why = reason.group() if reason else f"takes longer than {SECONDS:g} s" if done.timed_out else "crashes node"
    return _evidence(change, int(line[1]) if line else None, None, why)
