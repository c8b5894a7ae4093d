"""The crafts that there are, with what each needs, takes and checks."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gigctl.crafts.registry import CRAFTS, get_craft
from gigctl.model import CheckSpec, Gig

__all__ = ["CraftSheet", "find", "list_all"]


class CraftSheet(Struct, frozen=True):
    """`needs` are options that a gig must have; `checks` are run on every draft."""

    name: str
    help: str
    options: Mapping[str, str]
    needs: tuple[str, ...]
    on_tree: bool
    checks: tuple[CheckSpec, ...]


def find(name: str) -> CraftSheet:
    """Raises UsageError."""
    craft = get_craft(name)
    specs = craft.checks(Gig(ref="", craft=name))
    return CraftSheet(craft.NAME, craft.HELP, craft.OPTIONS, craft.REQUIRES, craft.ON_TREE, specs)


def list_all() -> list[CraftSheet]:
    return [find(name) for name in CRAFTS]
