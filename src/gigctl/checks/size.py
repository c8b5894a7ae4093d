"""Is the change no larger than was agreed? Lines that were added and taken away, as git counts them, and files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gigctl.checks.base import BadOption, verdict
from gigctl.checks.changed import ChangedFile, list_changed
from gigctl.checks.options import check_keys
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "size"
VERSION = 2
HELP = "no more lines and files are changed than that (size=400, or 400 lines 10 files)"
NEEDS_TREE = False

_KEYS = {"lines": "a number: added and taken away", "files": "a number: added, changed and taken away"}
_FORM = re.compile(r"\s*(\d{1,9})(?:\s*lines?)?(?:\s*,?\s*(\d{1,9})\s*files?)?\s*|\s*(\d{1,9})\s*files?\s*", re.ASCII)


def option(value: str) -> dict[str, Any]:
    found = _FORM.fullmatch(value)
    if found is None:
        raise BadOption(f'size is a number of lines, of files or both ("400 lines 10 files"), got {value!r}')
    lines, files, files_alone = found.groups()
    out = {"lines": lines, "files": files or files_alone}
    return {key: int(number) for key, number in out.items() if number}


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, _KEYS)
    if not options:
        raise BadOption(f"size: expected {' or '.join(f'{key} ({what})' for key, what in _KEYS.items())}")
    for key, value in options.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise BadOption(f"size: {key} is a number from 1, got {value!r}")


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    found = [*_too_many_files(content, options), *_too_many_lines(content, options, context)]
    return verdict(NAME, "fail" if found else "pass", *found)


def _too_many_files(content: Content, options: Mapping[str, Any]) -> list[Evidence]:
    count, most = len(content.changes), options.get("files")
    if most is None or count <= most:
        return []
    return [Evidence(f"{count} files are changed, at most {most} were agreed")]


def _too_many_lines(content: Content, options: Mapping[str, Any], context: CheckContext) -> list[Evidence]:
    most = options.get("lines")
    if most is None:
        return []
    counts = {file.path: _lines(file) for file in list_changed(content, context)}
    total = sum(counts.values())
    if total <= most:
        return []
    largest = max(counts, key=counts.__getitem__)
    return [
        Evidence(
            f"{total} lines are changed, at most {most} were agreed; most of them ({counts[largest]}) in {largest}: "
            "make the smallest change that does what is asked",
            largest,
        )
    ]


def _lines(file: ChangedFile) -> int:
    return sum(hunk.end - hunk.start + hunk.old_end - hunk.old_start for hunk in file.hunks)
