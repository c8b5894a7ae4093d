"""What the checks of a work tree found, for a person who reads a terminal or a job's log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gigctl.model import Evidence, Verdict
from gigctl.render.display import display_line
from gigctl.render.terminal import Terminal

__all__ = ["render_tree_checks"]

_STYLE = {"fail": "bad"}
_INDENT = " " * 6


def render_tree_checks(verdicts: Sequence[Verdict], terminal: Terminal) -> str:
    """What did not pass first, a line a finding and a command's output below it; then what passed, on one line."""
    lines = [line for verdict in verdicts if not verdict.passed for line in _told(verdict, terminal)]
    passed = [_shown(verdict.name) for verdict in verdicts if verdict.passed]
    notes = [f"{_shown(v.name)}: {_shown(e.message)}" for v in verdicts if v.passed for e in v.evidence]
    if passed:
        lines.append(f"{terminal.styled('pass', 'good')}  {', '.join(passed)}")
    return "\n".join([*lines, *notes])


def _told(verdict: Verdict, terminal: Terminal) -> Iterator[str]:
    style = _STYLE.get(verdict.outcome, "odd") if verdict.required else "odd"
    more = f"{'' if verdict.required else ' (not required)'}{' (unsandboxed)' if verdict.unsandboxed else ''}"
    head = f"{terminal.styled(verdict.outcome, style)}  {_shown(verdict.name)}{more}"
    for item in verdict.evidence or (Evidence(""),):
        first, *rest = item.message.split("\n")
        yield f"{head}: {_place(item)}{_shown(first)}" if first else head
        yield from (f"{_INDENT}{_shown(line)}" for line in rest if line.strip())


def _place(item: Evidence) -> str:
    if item.part is None or item.message.startswith(item.part):
        return ""
    return f"{_shown(item.part)}:{item.line or 1}: "


def _shown(text: str) -> str:
    return display_line(text, in_ci=True)
