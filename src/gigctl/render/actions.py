"""What GitHub Actions shows beside a pull request: annotations, as its workflow commands, and the step's summary.

Foreign text is data in a command, escaped as the runner unescapes it, and never one by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gigctl.model import Evidence, Verdict
from gigctl.render.display import display, display_line

__all__ = ["render_annotations", "render_summary"]

_LONGEST = 4_000
"""Characters of an annotation's message; the runner cuts what is longer."""
_LONGEST_SUMMARY = 100_000
"""Characters, well below the megabyte at which the whole summary is refused."""


def render_annotations(verdicts: Sequence[Verdict], said: Sequence[str], folder: str = "") -> list[str]:
    """A command a line. `folder` (`""` or `a/b/`) is where the checkout lies in the job's workspace."""
    lines = []
    for verdict in verdicts:
        if verdict.passed:
            continue
        level = "error" if verdict.required else "warning"
        for item in verdict.evidence:
            place = {} if item.part is None else {"file": folder + item.part, "line": str(item.line or 1)}
            if item.part is not None and item.column:
                place["col"] = str(item.column)
            lines.append(_command(level, place, f"{verdict.name}: {verdict.outcome}", item.message))
    return lines + [_command("notice", {}, "gigctl check", sentence) for sentence in said]


def _command(level: str, place: dict[str, str], title: str, message: str) -> str:
    values = {**place, "title": title}
    properties = ",".join(f"{key}={_property(value)}" for key, value in values.items())
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    """Disarmed as well as escaped: what the runner writes into its log is text once more."""
    shown = display(text, in_ci=True)[:_LONGEST]
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(display_line(text)).replace(":", "%3A").replace(",", "%2C")


def render_summary(verdicts: Sequence[Verdict], said: Sequence[str]) -> str:
    """Markdown in which foreign text is no markup."""
    rows = [f"| {_plain(v.name)} | {v.outcome}{'' if v.required else ', not required'} |" for v in verdicts]
    parts = ["### gigctl check", "", "| check | verdict |", "| --- | --- |", *rows, ""]
    parts += [f"- {_plain(sentence)}" for sentence in said] + [""]
    for verdict in verdicts:
        text = "\n".join(_located(item) for item in verdict.evidence)
        if not verdict.passed and text:
            parts += [f"**{_plain(verdict.name)}**", "", _fenced(text), ""]
    return "\n".join(parts)[:_LONGEST_SUMMARY] + "\n"


def _located(item: Evidence) -> str:
    told = item.part is None or item.message.startswith(item.part)
    place = "" if told else f"{item.part}:{item.line or 1}: "
    return display(place + item.message, in_ci=True)


def _plain(text: str) -> str:
    """Each sign that could be markup as the entity that means it."""
    return re.sub(r"[^\w\s]|_", lambda found: f"&#{ord(found[0])};", display_line(text))


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text}\n{fence}"
