"""Values are read strictly: what is accepted is exactly what the grammar says, and nothing is ever a float."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.render.figures import render_money, render_price
from gigctl.values import (
    BadValue,
    Money,
    decimal_text,
    decimals_of,
    did_you_mean,
    find_number,
    load_text,
    parse_currency,
    parse_date,
    parse_duration,
    parse_language,
    parse_money,
    parse_price,
    parse_usd,
    price_of_float,
)

WEDNESDAY = date(2026, 11, 25)
CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLP"])


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("120", Money(12000, "EUR")),
        ("120.00", Money(12000, "EUR")),
        ("0.5", Money(50, "EUR")),
        ("120USD", Money(12000, "USD")),
        ("120 USD", Money(12000, "USD")),
        ("1500JPY", Money(1500, "JPY")),
        ("1.234KWD", Money(1234, "KWD")),
        ("007", Money(700, "EUR")),
    ],
)
def test_money(text: str, money: Money) -> None:
    assert parse_money(text, "EUR") == money


@pytest.mark.parametrize(("currency", "code"), [("EURO", "EUR"), ("£", "GBP"), ("XQQ", "EUR"), ("chf", "CHF")])
def test_what_is_suggested_has_a_real_currency(currency: str, code: str) -> None:
    with pytest.raises(BadValue, match=f"120.00 or 120{code}$"):
        parse_money("fifty", currency)
    with pytest.raises(BadValue, match=r"write 55\.5$"):
        parse_money("55,5", currency)


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1_000", "1,000", "1e3", "NaN", "inf", "12.", ".5", "１２", "٣", "120.005", "1.5JPY", "5 eur",
     "5ERU", "12\n", "9" * 30, "120EURO"],
)  # fmt: skip
def test_what_is_no_money(text: str) -> None:
    with pytest.raises(BadValue, match=r"expected|decimals|write "):
        parse_money(text, "EUR")


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("120€", "120EUR"), ("$5", "5USD"), ("60,50", "60.50"), ("€ 1.234,50", "1234.50EUR"), ("1,234", "1234"),
        ("1 234,50 €", "1234.50EUR"), ("120 eur", "120EUR"), ("CHF 1'200.50", "1200.50CHF"), ("1_000", "1000"),
        ("1.234.567,8", "1234567.8"), ("1,234KWD", "1234KWD or 1.234KWD"), ("120.-", "120"), ("１２", "12"),
    ],
)  # fmt: skip
def test_money_otherwise_written_is_told_in_our_form(text: str, forms: str) -> None:
    with pytest.raises(BadValue) as told:
        parse_money(text, "EUR")
    assert told.value.message == f"{text!r} is no amount: write {forms}"


@given(
    st.integers(0, 10**9),
    st.sampled_from(["", " ", ".", "'", "\u202f"]),
    st.sampled_from([(" €", "EUR"), ("$", "USD")]),
)
def test_what_is_told_to_write_is_the_same_money(minor: int, between: str, sign: tuple[str, str]) -> None:
    whole = f"{minor // 100:,}".replace(",", between)
    with pytest.raises(BadValue) as told:
        parse_money(f"{whole},{minor % 100:02}{sign[0]}", "EUR")
    assert parse_money(told.value.message.rpartition("write ")[2], "EUR") == Money(minor, sign[1])


def test_a_price_with_a_comma_may_be_both() -> None:
    with pytest.raises(BadValue, match=r"write 0\.15$"):
        parse_price("0,15")
    with pytest.raises(BadValue, match=r"write 1234 or 1\.234$"):
        parse_price("1,234")
    with pytest.raises(BadValue, match=r"write 0\.5$"):
        parse_usd("0,5")


@given(st.integers(0, 10**15), CURRENCIES)
def test_money_is_written_as_it_is_read(minor: int, currency: str) -> None:
    assert parse_money(render_money(Money(minor, currency)), "EUR") == Money(minor, currency)


@given(st.integers(0, 10**14))
def test_a_price_is_exact(picodollars: int) -> None:
    assert parse_price(render_price(picodollars)) == picodollars


def test_prices_are_per_million_tokens() -> None:
    assert parse_price("0.15") == 150_000
    assert parse_price("0.000001") == 1
    with pytest.raises(BadValue, match="6 decimals"):
        parse_price("0.0000001")
    with pytest.raises(BadValue, match="are in USD"):
        parse_price("0.15EUR")


def test_a_price_table_is_never_rounded_down() -> None:
    assert price_of_float(1.5e-07) == 150_000
    assert price_of_float(1.0000000000001e-07) == 100_001


def test_budgets_are_in_dollars() -> None:
    assert parse_usd("0.000000000001") == 1
    assert parse_usd("5") == parse_usd("5USD") == 5 * 10**12
    with pytest.raises(BadValue, match="no rate for EUR") as told:
        parse_usd("5EUR")
    assert "rates.EUR" in (told.value.hint or "")
    assert parse_usd("3EUR", {"EUR": Decimal("0.3333333333333")}) == 999_999_999_999


def test_currencies() -> None:
    assert parse_currency("eur") == "EUR"
    assert decimals_of("KWD") == 3
    with pytest.raises(BadValue, match="4217"):
        parse_currency("ERU")
    with pytest.raises(BadValue, match=r"write EUR$"):
        parse_currency("€")


def test_the_nearest_name() -> None:
    assert did_you_mean("notray", ["acme", "notary"]) == ", did you mean notary?"
    assert did_you_mean("zzz", ["acme", "notary"]) == ""
    assert did_you_mean("name", (f"other{n}" for n in range(10**9))) == "", "a list without end is capped"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-01", date(2026, 12, 1)),
        ("today", WEDNESDAY),
        ("tomorrow", date(2026, 11, 26)),
        ("fri", date(2026, 11, 27)),
        ("Friday", date(2026, 11, 27)),
        ("wed", date(2026, 12, 2)),
        ("tue", date(2026, 12, 1)),
        ("+3d", date(2026, 11, 28)),
        ("+2w", date(2026, 12, 9)),
    ],
)
def test_dates(text: str, day: date) -> None:
    assert parse_date(text, today=WEDNESDAY) == day


@pytest.mark.parametrize(
    "text", ["", "2026-02-30", "20261201", "01/12/2026", "+3", "+99999d", "frid", "２０２６-12-01"]
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(BadValue, match="no date"):
        parse_date(text, today=WEDNESDAY)


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("27.11.2026", "2026-11-27"), ("27.11.", "2026-11-27"), ("27/11/26", "2026-11-27"), ("1.1", "2027-01-01"),
        ("12/11/2026", "2026-11-12 or 2026-12-11"), ("11/27/2026", "2026-11-27"), ("20261201", "2026-12-01"),
        ("2026/2/3", "2026-02-03"), ("27 Nov", "2026-11-27"), ("Nov 27, 2027", "2027-11-27"), ("1 sept", "2027-09-01"),
        ("in 3 days", "+3d"), ("2 weeks", "+2w"), ("next fri", "fri"), ("27th of November", "2026-11-27"),
    ],
)  # fmt: skip
def test_a_date_otherwise_written_is_told_in_our_form(text: str, forms: str) -> None:
    with pytest.raises(BadValue) as told:
        parse_date(text, today=WEDNESDAY)
    assert told.value.message == f"{text!r} is no date: write {forms}"


@given(st.dates(date(1900, 1, 1), date(9000, 1, 1)), st.sampled_from(["%d.%m.%Y", "%Y/%m/%d", "%d %B %Y", "%b %d %Y"]))
def test_what_is_told_to_write_is_the_same_day(day: date, form: str) -> None:
    with pytest.raises(BadValue) as told:
        parse_date(day.strftime(form), today=WEDNESDAY)
    assert parse_date(told.value.message.rpartition("write ")[2], today=WEDNESDAY) == day


@pytest.mark.parametrize("text", ["31.2.2026", "13/13/2026", "maybe", "27 foo", "sept", "99 nov"])
def test_no_date_is_invented(text: str) -> None:
    with pytest.raises(BadValue, match="expected 2026-12-01"):
        parse_date(text, today=WEDNESDAY)


@given(st.dates(date(1000, 1, 1)))
def test_a_date_is_read_as_iso_writes_it(day: date) -> None:
    assert parse_date(day.isoformat(), today=WEDNESDAY) == day


@given(st.dates(date(1000, 1, 1), date(9000, 1, 1)), st.integers(0, 9999), st.sampled_from([("d", 1), ("w", 7)]))
def test_days_ahead(today: date, count: int, unit: tuple[str, int]) -> None:
    assert parse_date(f"+{count}{unit[0]}", today=today) - today == timedelta(count * unit[1])


@given(st.dates(max_value=date(9000, 1, 1)), st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]))
def test_a_weekday_is_the_next_one(today: date, word: str) -> None:
    day = parse_date(word, today=today)
    assert timedelta(0) < day - today <= timedelta(7)
    assert f"{day:%a}".lower() == word


@pytest.mark.parametrize(("text", "seconds"), [("45m", 2700), ("1h30m", 5400), ("90s", 90), ("2d", 172800), ("0s", 0)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(0, 99), st.integers(0, 999), st.integers(0, 9999), st.integers(0, 99999))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == ((days * 24 + hours) * 60 + minutes) * 60 + seconds


@pytest.mark.parametrize("text", ["", "45", "m", "1m30h", "-5m", "1.5h", "５m", "1h 30m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadValue, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("FR", "fr"),
        ("pt-br", "pt-BR"),
        ("zh_hant_tw", "zh-Hant-TW"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("es-419", "es-419"),
        ("de-1996", "de-1996"),
        ("en-u-ca-gregory-x-me", "en-u-ca-gregory-x-me"),
        ("x-klingon", "x-klingon"),
    ],
)
def test_languages(text: str, tag: str) -> None:
    assert parse_language(text) == tag


@pytest.mark.parametrize(
    "text", ["", "f", "french language", "en-", "-en", "en--us", "en-u", "franglais", "en/../x", "a" * 9]
)
def test_what_is_no_language(text: str) -> None:
    with pytest.raises(BadValue, match="BCP 47"):
        parse_language(text)


@pytest.mark.parametrize(("name", "tag"), [("english", "en"), ("Français", "fr"), (" German ", "de")])
def test_a_languages_name_is_told_its_tag(name: str, tag: str) -> None:
    with pytest.raises(BadValue, match=f"write {tag}$"):
        parse_language(name)


@given(st.from_regex(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2}|-[0-9]{3})?", fullmatch=True))
def test_a_tag_in_its_usual_case_stays(tag: str) -> None:
    assert parse_language(tag) == parse_language(tag.upper().replace("-", "_")) == tag


@given(st.integers(0, 10**6), st.integers(0, 10), st.integers(0, 10**6))
def test_a_number_is_read_within_its_limits(number: int, least: int, most: int) -> None:
    assert find_number(str(number), least, most) == (number if least <= number <= most else None)


@given(st.text(max_size=12) | st.text("0123456789.,-/ '€$EURd\u202f", max_size=14))
def test_any_text_is_a_value_or_a_bad_value(text: str) -> None:
    for parse in (
        parse_price, parse_usd, parse_duration, parse_language, parse_currency,
        lambda word: parse_money(word, "EUR"), lambda word: parse_date(word, today=WEDNESDAY),
    ):  # fmt: skip
        with contextlib.suppress(BadValue):
            parse(text)


def test_numbers_are_ascii() -> None:
    assert find_number("12") == 12
    assert [find_number(text) for text in ("1_0", "١", " 1", "-1", "", "9" * 13)] == [None] * 6
    assert find_number("3", most=2) is None


def test_texts(tmp_path: Path) -> None:
    file = tmp_path / "brief.txt"
    file.write_bytes("\ufeffgrüße\r\n".encode())
    assert load_text("plain") == "plain"
    assert load_text(f"@{file}") == "grüße\r\n"
    assert load_text("@@home") == "@home"
    assert load_text("-", stdin=lambda: b"piped") == "piped"


def test_decimals_are_exact_and_as_few_as_may_be() -> None:
    assert [decimal_text(units, 4) for units in (0, 5, -12345, 10000)] == ["0.00", "0.0005", "-1.2345", "1.00"]
    assert decimal_text(12, 0) == "12"


@given(st.integers(-(10**18), 10**18), st.integers(0, 12))
def test_a_decimal_is_its_units(units: int, decimals: int) -> None:
    assert Decimal(decimal_text(units, decimals)).scaleb(decimals) == units


def test_texts_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * (16 * 2**20 + 1))
    with pytest.raises(BadValue, match="at most 16 MiB"):
        load_text(f"@{tmp_path / 'huge'}")
    with pytest.raises(BadValue, match="No such file") as told:
        load_text("@nobody")
    assert told.value.hint == "a text that begins with @ is written @@nobody"
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(BadValue, match="byte 3"):
        load_text(f"@{tmp_path / 'latin'}")
