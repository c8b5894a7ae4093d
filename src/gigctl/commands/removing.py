"""What `client remove` and `gig remove` share: the question, and what is said of the backups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gigctl.errors import UsageError
from gigctl.flow.erasing import Removal
from gigctl.render.output import Output

__all__ = ["agree", "tell_removal"]


def agree(out: Output, question: str, *, yes: bool) -> None:
    """Raises UsageError where the answer is no, or nobody can be asked."""
    if not yes and not out.confirm(question, "-y"):
        raise UsageError("nothing was erased")


def tell_removal(out: Output, kind: str, item: Mapping[str, Any], removal: Removal) -> None:
    backups = [str(path) for path in removal.backups]
    out.changed(kind, {**item, "backups": backups}, f"erased {removal.ref}", [removal.ref])
    if backups:
        held = "a backup still holds" if len(backups) == 1 else f"{len(backups)} backups still hold"
        out.warn(f"{held} the material; to delete: {removal.delete_command}")
    out.say("copies that you made without gigctl are yours to delete")
