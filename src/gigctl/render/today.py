"""The start page."""

from __future__ import annotations

from datetime import date
from typing import Any

from gigctl.insight.today import Today
from gigctl.render.display import display_line, fit
from gigctl.render.figures import json_money, json_usd, render_count, render_due, render_money, render_usd
from gigctl.render.terminal import Terminal
from gigctl.values import Money

__all__ = ["json_today", "render_beginning", "render_today"]

SHOWN = 5


def render_beginning(*, model_is_here: bool) -> str:
    """On an empty ledger: the commands to begin with."""
    pull = "  gigctl model pull    a model that runs here, 1.1 GB, once\n"
    return (
        "nothing is taken on yet. To begin:\n"
        f"{'' if model_is_here else pull}"
        "  gigctl gig add --source contrat.md --from fr --to en\n"
        "                       take work on\n"
        "  gigctl run           have it drafted and checked\n"
        "gigctl --help has all commands, gigctl doctor looks whether all is here.\n"
    )


def render_today(today: Today, terminal: Terminal, day: date) -> str:
    lines = [_line("waits for you", render_count(len(today.waiting), "task"))]
    for item in today.waiting[:SHOWN]:
        text = f"  {item.ref}  {display_line(item.reasons[0])}"
        lines.append(fit(text, terminal.width) if terminal.is_tty else text)
    if len(today.waiting) > SHOWN:
        lines.append(f"  … and {len(today.waiting) - SHOWN} more")
    for gig, counts in today.due:
        when = render_due(date.fromisoformat(gig.due or ""), today=day)
        lines.append(_line("due", f"{gig.ref}  {when}  {counts.signed} of {counts.total} signed"))
    if today.ready:
        lines.append(_line("ready to run", render_count(today.ready, "task")))
    if today.running:
        lines.append(_line("at work", render_count(today.running, "run")))
    lines.append(_line("agents", f"{render_usd(today.spent)} this month"))
    if today.open_prices:
        prices = ", ".join(
            render_money(Money(minor, currency)) for currency, minor in sorted(today.open_prices.items())
        )
        lines.append(_line("open gigs", f"{today.open_gigs}, worth {prices}"))
    if today.delivered:
        count = render_count(len(today.delivered), "gig")
        lines.append(_line("delivered", f"{count}, to be closed: gigctl gig close {today.delivered[0]}"))
    return "\n".join(lines) + "\n"


def _line(what: str, text: str) -> str:
    return f"{what:<14}{text}"


def json_today(today: Today) -> dict[str, Any]:
    return {
        "waiting": [{"ref": item.ref, "reasons": list(item.reasons)} for item in today.waiting],
        "due": [{"ref": gig.ref, "due": gig.due, "signed": counts.signed, "total": counts.total}
                for gig, counts in today.due],
        "ready": today.ready, "runs": today.running, "openGigs": today.open_gigs, "delivered": list(today.delivered),
        "spent": json_usd(today.spent),
        "openPrices": [json_money(Money(minor, currency)) for currency, minor in sorted(today.open_prices.items())],
    }  # fmt: skip
