"""What a call cost: by the server's word, and by the price."""

from __future__ import annotations

import pytest

from gigctl.agents.base import settled_cost
from gigctl.model import AgentEntry, Usage

USED = Usage(500, 5)  # 510 picodollars at a price of 1 and 2


@pytest.mark.parametrize(
    ("told", "usage", "price", "cost"),
    [
        (None, USED, 1, 510),
        (400, USED, 1, 400),  # a discount
        (51, USED, 1, 51),  # the deepest
        (50, USED, 1, 510),  # none is deeper
        (1, USED, 1, 510),
        (9000, USED, 1, 9000),  # a router's dearer model
        (1, None, 1, None),  # without usage nothing says that it is so: the bound
        (7, None, None, 7),  # of a price that nobody knows the server's word is all there is
        (None, None, 1, None),
    ],
)
def test_a_servers_word_counts_as_far_as_a_discount_goes(
    told: int | None, usage: Usage | None, price: int | None, cost: int | None
) -> None:
    entry = AgentEntry("a", "openai", price_in=price, price_out=None if price is None else 2 * price)
    assert settled_cost(entry, told, usage) == cost


@pytest.mark.parametrize(
    ("cached", "cost"),
    [(None, 5_100), (1, 1_050), (0, 600), (10, 5_100), (20, 5_100)],
)
def test_what_came_from_a_cache_is_paid_at_its_own_price(cached: int | None, cost: int) -> None:
    """450 of 500 tokens at `cached`, the rest at 10, and 5 answered at 20. Never dearer than the prompt itself."""
    entry = AgentEntry("a", "openai", price_in=10, price_out=20, price_cached=cached)
    assert settled_cost(entry, None, Usage(500, 5, 450)) == cost
