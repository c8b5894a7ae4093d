"""Figures as people and programs read them: money, prices, durations, sizes, dates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from gigctl.values import PICODOLLARS, Money, decimal_text, decimals_of, price_text, usd_text

__all__ = [
    "json_money",
    "json_time",
    "json_usd",
    "render_count",
    "render_date",
    "render_due",
    "render_money",
    "render_price",
    "render_seconds",
    "render_size",
    "render_usd",
]

_MINUTE, _HOUR = 60, 3600


def render_money(money: Money) -> str:
    """`120.00 EUR`."""
    return f"{_amount_text(money)} {money.currency}"


def render_usd(picodollars: int | None) -> str:
    """`0.00 USD`, `1.25 USD`, and as many decimals as two figures need below a cent: `0.0012 USD`."""
    if picodollars is None:
        return "unknown"
    cents = PICODOLLARS // 100
    if picodollars == 0 or abs(picodollars) >= cents:
        return f"{decimal_text(_rounded(picodollars, cents), 2)} USD"
    figures = len(str(abs(picodollars)))
    unit = 10 ** max(figures - 2, 0)
    return f"{decimal_text(_rounded(picodollars, unit), 12 - max(figures - 2, 0))} USD"


def render_price(picodollars_per_token: int | None) -> str:
    """USD per million tokens, exactly: `0.15`."""
    if picodollars_per_token is None:
        return "unknown"
    return price_text(picodollars_per_token)


def _rounded(value: int, unit: int) -> int:
    """Half away from zero, in whole units, without a float."""
    return (abs(value) * 2 + unit) // (unit * 2) * (-1 if value < 0 else 1)


def _amount_text(money: Money) -> str:
    decimals = decimals_of(money.currency)
    return decimal_text(money.minor, decimals, decimals)


def json_money(money: Money | None) -> dict[str, str] | None:
    """The documented form: the amount is a string."""
    return None if money is None else {"amount": _amount_text(money), "currency": money.currency}


def json_usd(picodollars: int | None) -> dict[str, str] | None:
    """An agent's cost, exactly; null where unpriced."""
    if picodollars is None:
        return None
    return {"amount": usd_text(picodollars), "currency": "USD"}


def json_time(moment: datetime) -> str:
    """RFC 3339 in UTC; a moment without a zone is UTC's."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def render_seconds(seconds: float) -> str:
    """`0.4 s`, `12 s`, `1:04`, `2:03:09`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    hours, rest = divmod(whole, _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def render_size(count: int) -> str:
    """Bytes as `512 bytes`, `1.5 kB`, `1.12 GB` (powers of 1000)."""
    if count < 1000:
        return f"{count} bytes"
    size = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5 or unit == "TB":
            break
    return f"{size:.3g} {unit}"


def render_count(count: int, one: str, many: str | None = None) -> str:
    """`1 task`, `14 tasks`, `12,000 tasks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def render_date(day: date, *, today: date) -> str:
    """`Fri 27 Nov`; the year where it is another one. Not the locale's: the words are the program's language."""
    year = "" if day.year == today.year else f" {day.year}"
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}{year}"


def render_due(day: date | None, *, today: date) -> str:
    """`due Fri 27 Nov`, `due today`, `overdue since Mon 23 Nov`; nothing where there is no date."""
    if day is None:
        return ""
    if day < today:
        return f"overdue since {render_date(day, today=today)}"
    words = {0: "today", 1: "tomorrow"}
    return f"due {words.get((day - today).days) or render_date(day, today=today)}"


def json_date(day: date | None) -> Any:
    return None if day is None else day.isoformat()
