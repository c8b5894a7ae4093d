"""What every registered craft must be."""

from __future__ import annotations

import pytest

from gigctl.crafts.registry import CRAFTS, get_craft
from gigctl.errors import UsageError
from gigctl.model import CheckSpec, Gig

_MEMBERS = ("split", "ask", "read", "checks", "context", "assemble")


@pytest.mark.parametrize("name", CRAFTS)
def test_a_craft_fulfils_the_protocol(name: str) -> None:
    craft = get_craft(name)
    assert name == craft.NAME
    assert craft.HELP
    assert "\n" not in craft.HELP
    assert all(craft.OPTIONS.values())
    assert all(callable(getattr(craft, member)) for member in _MEMBERS)


@pytest.mark.parametrize("name", CRAFTS)
def test_its_checks_have_names_of_their_own(name: str) -> None:
    specs = get_craft(name).checks(Gig("acme-1", name))
    assert all(isinstance(spec, CheckSpec) for spec in specs)
    assert len({spec.name for spec in specs}) == len(specs)


def test_an_unknown_craft_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        get_craft("tranlation")
    assert caught.value.hint == "did you mean translation?"
