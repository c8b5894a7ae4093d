"""The text of a pull request: what was asked for, what is changed, what the checks said, who signed.

All of it is of the signatures and of what was asked; nothing is claimed that nobody signed. What a client or a model
wrote stands in code, where no forge reads Markdown, mentions, references or commands into it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gigctl.flow.manifest import SeenCheck, Signoff
from gigctl.model import SUBMODULE, Change, quote_path

__all__ = ["PULL_REQUEST", "render_pull_request"]

PULL_REQUEST = "PULL_REQUEST.md"
_NAMED = 100
"""Files that are listed; a forge lists them all itself."""
_PLAIN = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z0-9\u00c0-\u024f ,.;:'’\"()/!?%=+-]*")
_READ = re.compile(r"://|www\.|:\w+:|\b[0-9a-f]{7,}\b|\bGH-\d|_", re.IGNORECASE)
"""What a forge makes something of, of what is plain in Markdown: addresses, emoji, commits, issues, emphasis."""


def render_pull_request(
    messages: Sequence[str], changes: Sequence[Change], signoffs: Sequence[Signoff], together: Sequence[SeenCheck], *,
    missing: Sequence[str] = (), statement: str = "",
) -> str:  # fmt: skip
    """`messages` are the commits', `changes` what all of them do to the base (data None: deleted), `together` the
    checks that were run on the sum of several."""
    first = messages[0].partition("\n")[0]
    parts = [f"# {_inline(first)}" if len(messages) == 1 else f"# {len(messages)} changes"]
    parts += filter(None, (_asked(message, headed=len(messages) > 1) for message in messages))
    parts += [_files(changes), _checks(signoffs, together)]
    parts.append("\n".join(["## Signed", "", *map(_signed, signoffs)]))
    if missing:
        tasks = "1 task of it is" if len(missing) == 1 else f"{len(missing)} tasks of it are"
        parts.append(f"This is a part of the work: {tasks} not in this change.")
    if statement:
        parts.append(_block(statement))
    return "\n\n".join(parts) + "\n"


def _asked(message: str, *, headed: bool) -> str:
    subject, _, body = message.partition("\n")
    lines = [f"## {_inline(subject)}"] if headed else []
    lines += [f"Asked for:\n\n{_block(body)}"] if body.strip() else []
    return "\n\n".join(lines)


def _files(changes: Sequence[Change]) -> str:
    lines = [f"- {_code(quote_path(change.path))}{_how(change)}" for change in changes[:_NAMED]]
    more = [f"- and {len(changes) - _NAMED} more"] if len(changes) > _NAMED else []
    return "\n".join(["## Files", "", *lines, *more])


def _how(change: Change) -> str:
    if change.data is None:
        return " deleted"
    return {"100755": " (executable)", "120000": " (link)", SUBMODULE: " (submodule)"}.get(change.mode, "")


def _checks(signoffs: Sequence[Signoff], together: Sequence[SeenCheck]) -> str:
    """Of one change as they stood when it was signed; of several as they are on the sum, which is what goes out."""
    on = "All changes together" if together else "As they stood when it was signed"
    shown = list(together) or [check for signoff in signoffs for check in signoff.checks]
    if not shown:
        return "## Checks\n\nNone."
    rows = [
        f"| {_cell(check.name)} | {check.verdict}{', without a sandbox' if check.unsandboxed else ''} |"
        f" {'required' if check.required else ''} |"
        for check in shown
    ]
    return "\n".join(["## Checks", "", f"{on}:", "", "| check | verdict | |", "| --- | --- | --- |", *rows])


def _signed(signoff: Signoff) -> str:
    carried = ", carried over" if signoff.carried else ""
    by = f"- {signoff.task} by {_code(signoff.by)} on {signoff.at[:10]}{carried}: revision `{signoff.revision}`"
    return by + (f"; signed despite a check, because: {_code(signoff.despite)}" if signoff.despite else "")


def _inline(text: str) -> str:
    """Words that mean nothing but themselves as they are, all else as code."""
    line = _visible(" ".join(text.split()))
    return line if _PLAIN.fullmatch(line) and not _READ.search(line) else _code(line)


def _code(text: str) -> str:
    line = _visible(" ".join(text.split())) or " "
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def _cell(text: str) -> str:
    """In a table a bar ends the cell, in code too."""
    return _code(text.replace("|", "¦"))


def _block(text: str) -> str:
    lines = [_visible(line.rstrip()) for line in text.strip("\n").split("\n")]
    fence = "`" * (max((len(run) for run in re.findall(r"`{3,}", "\n".join(lines))), default=2) + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def _visible(text: str) -> str:
    """What can't be seen, or turns what can be seen around, by its number."""
    return "".join(char if char.isprintable() or char == "\t" else f"\\u{{{ord(char):x}}}" for char in text)
