"""The words of a command line that name things: references, `-`, and the filters in their place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gigctl.errors import UsageError

if TYPE_CHECKING:
    from gigctl.flow.desk import Desk

__all__ = ["filtered_references", "references"]


def references(words: Sequence[str]) -> list[str]:
    """The words with `-` replaced by what standard input lists. Raises UsageError where it lists nothing."""
    if not words:
        return []
    from gigctl.flow.references import expand_dash

    found = expand_dash(words, sys.stdin if "-" in words else None)
    if not found:
        raise UsageError("standard input names nothing", "gigctl queue | gigctl sign -")
    return found


def filtered_references(desk: Desk, *, client: str | None = None) -> list[str]:
    """The open gigs, of one client where it is named."""
    from gigctl.flow.references import list_open_gigs

    return list_open_gigs(desk, client)
