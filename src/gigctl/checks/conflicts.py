"""Are all conflicts settled that came of a change being put on a newer base?

A file with both sides marked in it must lose the marks. A conflict that can't be marked (one side deleted the file,
or it is no text) is settled once the file is otherwise than the merge left it; who wants it as it was left signs
`--despite`, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gigctl.checks.base import BadOption
from gigctl.checks.options import check_keys, no_option
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "conflicts"
VERSION = 1
HELP = "no file has marks of a conflict left in it"
NEEDS_TREE = False


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {"left": "files as a merge left them"})
    for path, left in options.get("left", {}).items():
        if not (isinstance(left, list | tuple) and len(left) == 2):
            raise BadOption(f"left: {path}: expected the hash of the file as it was left, and why")


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    found = [*_marked(content), *_as_left(content, options.get("left", {}))]
    return Verdict(NAME, "fail" if found else "pass", tuple(found))


def _marked(content: Content) -> Iterator[Evidence]:
    for change in content.changes:
        for line in _conflict_lines(change.data or b""):
            yield Evidence("both sides changed these lines: keep what is right, and take the marks out",
                           change.path, line)  # fmt: skip


def _conflict_lines(data: bytes) -> Iterator[int]:
    """The lines, from 1, on which a conflict begins: the mark of one side, with both others after it."""
    begun, parted = 0, False
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.startswith(b"<<<<<<< "):
            begun, parted = number, False
        elif begun and line.rstrip(b"\r") == b"=======":
            parted = True
        elif begun and parted and line.startswith(b">>>>>>> "):
            yield begun
            begun = 0


def _as_left(content: Content, left: Mapping[str, Any]) -> Iterator[Evidence]:
    there = {change.path: change.sha256 for change in content.changes}
    for path, (sha256, why) in left.items():
        if there.get(path) == sha256:
            yield Evidence(f"{why}: decide, or sign --despite with the reason", path)
