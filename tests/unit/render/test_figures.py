from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.render import figures
from gigctl.values import Money

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("picodollars", "text"),
    [
        (0, "0.00 USD"),
        (10**12, "1.00 USD"),
        (1_234_560_000_000, "1.23 USD"),
        (12_300_000_000, "0.01 USD"),
        (1_230_000_000, "0.0012 USD"),
        (9_990_000_000, "0.01 USD"),
        (1, "0.000000000001 USD"),
        (None, "unknown"),
    ],
)
def test_usd(picodollars: int | None, text: str) -> None:
    assert figures.render_usd(picodollars) == text


@given(st.integers(0, 10**18))
def test_json_money_is_exact(picodollars: int) -> None:
    form = figures.json_usd(picodollars)
    assert form is not None
    assert Decimal(form["amount"]) * 10**12 == picodollars
    assert form["currency"] == "USD"


@given(st.integers(1, 10**18))
def test_what_costs_is_never_shown_as_nothing(picodollars: int) -> None:
    shown = Decimal(figures.render_usd(picodollars).split()[0])
    assert shown > 0
    assert abs(shown * 10**12 - picodollars) <= max(picodollars // 15, 5_000_000_000 if picodollars >= 10**10 else 0)


def test_client_money() -> None:
    assert figures.render_money(Money(12000, "EUR")) == "120.00 EUR"
    assert figures.render_money(Money(1500, "JPY")) == "1500 JPY"
    assert figures.json_money(Money(5, "KWD")) == {"amount": "0.005", "currency": "KWD"}
    assert figures.json_money(None) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (12, "12 s"), (64, "1:04"), (59.7, "1:00"), (7389, "2:03:09")]
)
def test_seconds(seconds: float, text: str) -> None:
    assert figures.render_seconds(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(512, "512 bytes"), (1500, "1.5 kB"), (1_117_320_768, "1.12 GB"), (999_999, "1 MB")]
)
def test_sizes(count: int, text: str) -> None:
    assert figures.render_size(count) == text


def test_dates() -> None:
    assert figures.render_due(date(2026, 11, 27), today=TODAY) == "due Fri 27 Nov"
    assert figures.render_due(date(2027, 1, 4), today=TODAY) == "due Mon 4 Jan 2027"
    assert figures.render_due(TODAY, today=TODAY) == "due today"
    assert figures.render_due(date(2026, 11, 23), today=TODAY) == "overdue since Mon 23 Nov"
    assert figures.render_due(None, today=TODAY) == ""


def test_times_are_rfc_3339() -> None:
    assert figures.json_time(datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC)) == "2026-11-25T01:02:03Z"
    east = timezone(timedelta(hours=2))
    assert figures.json_time(datetime(2026, 11, 25, 1, 2, 3, 500_000, tzinfo=east)) == "2026-11-24T23:02:03.500Z"


def test_counts() -> None:
    assert figures.render_count(1, "task") == "1 task"
    assert figures.render_count(12000, "task") == "12,000 tasks"
    assert figures.render_count(2, "entry", "entries") == "2 entries"
