"""What a check found, cut down to what a model can act on: a whole log teaches a small one nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gigctl.model import Evidence, Verdict

__all__ = ["render_failures", "shorten"]

EVIDENCE_BYTES = 1_200
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')
_RAISED = re.compile(r"(?:E\s+)?(?:[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit)\b)")
_PYTEST = re.compile(r"E\s{3}|>\s{3}")
_TITLE = re.compile(r"(?:FAIL|ERROR): |_{3,} .* _{3,}$|not ok \d+|\s*✖ ")


def render_failures(failures: Iterable[Verdict]) -> str:
    """The failures that gate, short, each with the place it names."""
    told = []
    for verdict in failures:
        found = [_render(evidence) for evidence in verdict.evidence] or ["no reason was given"]
        told.append(f"{verdict.name}: " + "\n".join(dict.fromkeys(found)))
    return _cut("Your answer failed.\n" + "\n".join(told), EVIDENCE_BYTES)


def _render(evidence: Evidence) -> str:
    place = evidence.part or ""
    if evidence.line is not None:
        place += f" line {evidence.line}"
    text = shorten(evidence.message)
    if evidence.part and text.startswith(evidence.part):  # it tells its place itself
        return text
    return f"{place.strip()}: {text}" if place.strip() else text


def shorten(log: str) -> str:
    """Of a test run's log the first failure: its title, the line that failed and what was raised; else its tail."""
    lines = log.splitlines()
    kept = _first_failure(lines)
    if kept:
        return "\n".join(kept)
    return _cut(log.strip(), EVIDENCE_BYTES)


def _first_failure(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for number, line in enumerate(lines):
        if _TITLE.match(line):
            if any(_RAISED.match(old) or _PYTEST.match(old) for old in kept):
                break
            kept = [line.strip("_ ")]
        elif _PYTEST.match(line):
            kept.append(line.rstrip())
        elif _FRAME.match(line) and number + 1 < len(lines):
            kept = [old for old in kept if not old.startswith("    ")]
            kept.append("    " + lines[number + 1].strip())
        elif _RAISED.match(line):
            kept.append(line.rstrip()[:400])
    return kept if any(_RAISED.match(old) or _PYTEST.match(old) for old in kept) else []


def _cut(text: str, size: int) -> str:
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) <= size:
        return text
    head = raw[: size // 3].decode("utf-8", "ignore")
    return f"{head}\n[…]\n{raw[-2 * size // 3 :].decode('utf-8', 'ignore')}"
