"""Agents as JSON, as a listing, and one whole."""

from __future__ import annotations

from typing import Any

from gigctl.model import AgentEntry
from gigctl.render.display import display_line
from gigctl.render.figures import json_usd, render_usd
from gigctl.render.tables import Column
from gigctl.values import PICODOLLARS

__all__ = ["AGENT_COLUMNS", "json_agent", "render_agent", "render_overspent", "render_trial"]


def json_agent(entry: AgentEntry, key: str) -> dict[str, Any]:
    """An agent's documented form; `key` says where its key comes from, never the key."""
    millions = PICODOLLARS // 10**6  # a price per token, in picodollars, times a million tokens
    return {
        "name": entry.name,
        "kind": entry.kind,
        "model": entry.model or None,
        "apiBase": entry.api_base or None,
        "key": key,
        "local": entry.is_local,
        "priceIn": json_usd(None if entry.price_in is None else entry.price_in * millions),
        "priceOut": json_usd(None if entry.price_out is None else entry.price_out * millions),
        "priceCached": json_usd(None if entry.price_cached is None else entry.price_cached * millions),
        "priceRun": json_usd(entry.price_run),
        "rpm": entry.rpm,
        "tpm": entry.tpm,
        "concurrency": entry.concurrency,
        "window": entry.window,
        "timeout": entry.timeout,
        "headers": dict(entry.headers),
        "body": dict(entry.body),
        "argv": list(entry.argv),
        "allow": list(entry.allow),
        "env": list(entry.env),
    }


def _amount(value: dict[str, str] | None) -> str:
    return value["amount"] if value else "?"


def _price(item: Any) -> str:
    if item["priceRun"]:
        return f"{item['priceRun']['amount']} USD a run"
    if not item["priceIn"] and not item["priceOut"]:
        return "free" if item["local"] else "price unknown"
    cached = f" ({_amount(item['priceCached'])} cached)" if item["priceCached"] else ""
    return f"{_amount(item['priceIn'])} in{cached}, {_amount(item['priceOut'])} out"


def _what(item: Any) -> str:
    return " ".join(item["argv"]) or item["model"] or ""


AGENT_COLUMNS = (
    Column("agent", lambda item: item["name"]),
    Column("kind", lambda item: item["kind"]),
    Column("model", _what, flexible=True),
    Column("USD per million tokens", _price),
    Column("where", lambda item: "here" if item["local"] else item["apiBase"] or "", flexible=True),
)


def _limits(entry: AgentEntry) -> list[tuple[str, int | None]]:
    at_once, window = ("at once", entry.concurrency), ("tokens of context", entry.window)
    return [("rpm", entry.rpm), ("tpm", entry.tpm), at_once, window]


def render_agent(entry: AgentEntry, key: str, overspent: str | None = None) -> str:
    """All that is set, a line each; `overspent` is when a call cost more than it could."""
    rows = {
        "kind": entry.kind,
        "model": entry.model,
        "address": entry.api_base,
        "program": " ".join(entry.argv),
        "key": key if entry.key else "",
        "local": "yes: nothing leaves this machine" if entry.is_local else "no",
        "price": _price(json_agent(entry, key)),
        "limits": ", ".join(f"{value} {name}" for name, value in _limits(entry) if value),
        "time-out": f"{entry.timeout:g} s",
        "headers": ", ".join(f"{name}={source}" for name, source in entry.headers.items()),
        "body": ", ".join(f"{name}={value!r}" for name, value in entry.body.items()),
        "sees": ", ".join([*entry.allow, *entry.env]),
        "marked": render_overspent(entry.name, overspent) if overspent else "",
    }
    lines = [f"{name:<9} {display_line(value)}" for name, value in rows.items() if value]
    return "\n".join([display_line(entry.name), *(f"  {line}" for line in lines)])


def render_overspent(name: str, when: str) -> str:
    """What the mark says, and how it is taken away."""
    return f"cost more than it could on {when[:10]}: mend its price or limits, then gigctl agent test {name} clears it"


def render_trial(model: str, seconds: float, cost: int | None, price_known: bool) -> str:
    paid = render_usd(cost) if price_known or cost is not None else "price unknown"
    return f"{display_line(model) or 'answered'}  {seconds:.2f} s  {paid}"
