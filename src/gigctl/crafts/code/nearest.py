"""What a file has that comes closest to lines that were looked for in vain."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

__all__ = ["describe_nearest"]

_LOOKED_AT = 2_000
"""Lines: difflib takes 1.5 s for 4,000."""


def describe_nearest(search: Sequence[str], lines: Sequence[str]) -> str:
    """A sentence with the file's lines from the one that is most like the first of `search`; empty where none is."""
    wanted = next((line.strip() for line in search if line.strip()), "")
    stripped = [line.strip()[:200] for line in lines[:_LOOKED_AT]]
    close = difflib.get_close_matches(wanted[:200], stripped, n=1, cutoff=0.6) if wanted else []
    if not close:
        return ""
    at = stripped.index(close[0])
    shown = "\n".join(line.rstrip("\r\n")[:160] for line in lines[at : at + min(len(search), 5)])
    return f" The nearest lines are (from line {at + 1}):\n{shown}"
