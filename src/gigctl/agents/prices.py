"""What models cost: litellm's price table, read as data, without importing litellm (0.05 s instead of 3).

The table is USD per token as JSON numbers; they are read as decimals and never become floats.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from gigctl.agents.openai_answer import picodollars
from gigctl.model import AgentEntry

__all__ = ["Price", "find_price", "priced"]

TABLE_NAME = "model_prices_and_context_window_backup.json"

_PROVIDERS = {
    "api.openai.com": "openai",
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.x.ai": "xai",
    "api.together.xyz": "together_ai",
    "api.fireworks.ai": "fireworks_ai",
    "api.cerebras.ai": "cerebras",
    "api.perplexity.ai": "perplexity",
    "api.deepinfra.com": "deepinfra",
    "api.sambanova.ai": "sambanova",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
}
"""Hosts whose prices are known, and litellm's name for each. Others set their own prices."""


class Price(Struct, frozen=True):
    """Picodollars per token, rounded up, and the tokens of context for which they hold (None: not known)."""

    input: int
    output: int
    window: int | None = None
    cached: int | None = None  # of what comes from the provider's prompt cache


def priced(entry: AgentEntry) -> AgentEntry:
    """The entry with what the table knows filled in where the entry says nothing; as it was where that is nothing.

    The table is read only where a price is missing. A price that is set to 0 is a price.
    """
    wants = entry.kind in ("openai", "litellm") and not entry.is_local and entry.price_run is None
    if not wants or (entry.price_in is not None and entry.price_out is not None):
        return entry
    found = find_price(_provider(entry), entry.model)
    if found is None:
        return entry
    return replace(
        entry,
        price_in=found.input if entry.price_in is None else entry.price_in,
        price_out=found.output if entry.price_out is None else entry.price_out,
        # Beside a price of the user's own the table's discount says nothing.
        price_cached=found.cached if entry.price_in is None and entry.price_cached is None else entry.price_cached,
        window=found.window if entry.window is None else entry.window,
    )


def _provider(entry: AgentEntry) -> str | None:
    """litellm's name for the provider; empty where the model's own name says it; None where nobody knows."""
    if entry.kind == "litellm" and not entry.api_base:
        return ""
    return _PROVIDERS.get((urlsplit(entry.api_base).hostname or "").lower())


@functools.lru_cache(maxsize=64)
def find_price(provider: str | None, model: str, table: Path | None = None) -> Price | None:
    """The price of a model, None where it is not known. The table itself is not kept: it takes 30 MB."""
    path = table or _find_table()
    if provider is None or not model or path is None:
        return None
    try:
        found = json.loads(path.read_bytes(), parse_float=Decimal)
    except (OSError, ValueError):
        return None
    for name, only in _names(provider, model):
        row = found.get(name)
        if isinstance(row, dict) and (not only or row.get("litellm_provider") == only):
            return _price_of(name, row)
    return None


def _find_table() -> Path | None:
    spec = importlib.util.find_spec("litellm")
    folders = spec.submodule_search_locations if spec is not None else None
    return next((path for folder in folders or () if (path := Path(folder) / TABLE_NAME).is_file()), None)


def _names(provider: str, model: str) -> Iterator[tuple[str, str]]:
    """Rows under which a model may be found, and the provider that the row must then name."""
    if provider:
        yield f"{provider}/{model}", provider
        yield model, provider
        return
    yield model, ""
    prefix, _, bare = model.partition("/")
    if bare:
        yield bare, prefix


def _price_of(name: str, row: Mapping[str, Any]) -> Price | None:
    """None for what is not priced by token. 0 both ways is what the table says of prices it does not know."""
    read, written = _dollars(row.get("input_cost_per_token")), _dollars(row.get("output_cost_per_token"))
    if read is None or written is None or row.get("input_cost_per_request"):
        return None
    if not read and not written and not name.endswith(":free"):
        return None
    thinking = _dollars(row.get("output_cost_per_reasoning_token")) or Decimal(0)
    cached = _dollars(row.get("cache_read_input_token_cost"))
    return Price(
        picodollars(read), picodollars(max(written, thinking)), _window(row),
        # 0 is how the table says that it does not know; what is dearer than the prompt itself is none.
        cached=picodollars(cached) if cached and cached <= read else None,
    )  # fmt: skip


def _window(row: Mapping[str, Any]) -> int | None:
    """The context, at most up to where a dearer price begins: a call beyond that would cost more than its bound."""
    most = row.get("max_input_tokens")
    sizes = [most] if isinstance(most, int) and not isinstance(most, bool) and most > 0 else []
    sizes += [int(found[1]) * 1000 for key in row if (found := re.search(r"_per_token_above_([0-9]+)k_tokens$", key))]
    return min(sizes, default=None)


def _dollars(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    dollars = Decimal(value)
    return dollars if dollars.is_finite() and dollars >= 0 else None
