"""The crafts by name. A new one is a module and a line here; it is imported when it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from gigctl.errors import UsageError

if TYPE_CHECKING:
    from gigctl.crafts.base import Craft

__all__ = ["CRAFTS", "get_craft"]

CRAFTS: dict[str, str] = {
    "translation": "gigctl.crafts.translation",
    "code": "gigctl.crafts.code",
    "writing": "gigctl.crafts.writing",
}


def get_craft(name: str) -> Craft:
    """The craft's module. Raises UsageError, naming the nearest craft, where there is none of that name."""
    path = CRAFTS.get(name)
    if path is None:
        from difflib import get_close_matches

        near = get_close_matches(name, CRAFTS, n=1)
        hint = f"did you mean {near[0]}?" if near else "gigctl craft list"
        raise UsageError(f"no craft is named {name!r}: expected {', '.join(CRAFTS)}", hint)
    return _load(path)


@cache
def _load(path: str) -> Craft:
    return cast("Craft", import_module(path))
