"""How values are written on a command line and in files: money, prices, dates, durations, languages, texts.

Each `parse_` raises BadValue with what was expected. Money is never a float: a client's is whole minor units of a
currency, an agent's whole picodollars (1e-12 USD), so that any price per million tokens is exact per token.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

from gigctl.errors import UsageError

__all__ = [
    "PICODOLLARS",
    "BadValue",
    "Money",
    "decimal_text",
    "decimals_of",
    "find_number",
    "load_text",
    "parse_currency",
    "parse_date",
    "parse_duration",
    "parse_language",
    "parse_money",
    "parse_price",
    "parse_usd",
    "price_of_float",
    "price_text",
    "usd_text",
]

PICODOLLARS = 10**12
"""In one US dollar."""
_LARGEST = 10**18
"""No amount in minor units or picodollars is larger: SQLite's INTEGER ends at 9.2e18, and sums must fit too."""


class BadValue(UsageError):
    """A value that is not of its documented form; the message says what was expected."""


# --- money ---


# ISO 4217, list one, 2026: active codes, those with other than two decimals apart.
def _codes(text: str) -> list[str]:
    return text.split()


_TWO_DECIMALS = frozenset(
    _codes("""AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
    CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
    SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG""")
)
_OTHER_DECIMALS = dict.fromkeys(_codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"), 0)
_OTHER_DECIMALS |= dict.fromkeys(_codes("BHD IQD JOD KWD LYD OMR TND"), 3)

_AMOUNT = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<currency>[A-Z]{3})?")


@dataclass(frozen=True, slots=True)
class Money:
    """A client's money: `minor` units (cents) of a currency."""

    minor: int
    currency: str


def decimals_of(currency: str) -> int:
    """How many decimals a currency has (ISO 4217)."""
    return _OTHER_DECIMALS.get(currency, 2)


def parse_currency(text: str) -> str:
    """A currency's ISO code, in capitals."""
    code = text.strip().upper()
    if code not in _TWO_DECIMALS and code not in _OTHER_DECIMALS:
        raise BadValue(f"{text!r} is no currency: expected a code of ISO 4217, like EUR")
    return code


def parse_money(text: str, currency: str) -> Money:
    """`120`, `120.00`, `120EUR`; without a code it is `currency`'s."""
    number, code = _amount(text, f"an amount like 120, 120.00 or 120{currency}")
    code = parse_currency(code or currency)
    decimals = decimals_of(code)
    return Money(_scaled(number, decimals, text, f"{code} has {decimals or 'no'} decimals"), code)


def parse_usd(text: str, rates: Mapping[str, Decimal] | None = None) -> int:
    """Picodollars of a budget or cap, which is in USD; another currency needs its rate (USD for one unit).

    What a rate leaves over is cut off: a cap is never widened.
    """
    number, code = _amount(text, "an amount of USD like 5 or 0.50")
    if code in (None, "USD"):
        return _scaled(number, 12, text, "USD has at most 12 decimals here")
    rate = (rates or {}).get(parse_currency(code or ""))
    if rate is None:
        raise BadValue(
            f"{text}: agents cost USD, and there is no rate for {code}",
            f"gigctl config set rates.{code} 1.08 (what one {code} is in USD)",
        )
    return int((Decimal(number) * rate * PICODOLLARS).to_integral_value(ROUND_FLOOR))


def parse_price(text: str) -> int:
    """Picodollars per token of a price in USD per million tokens: `0.15` is 150000."""
    number, code = _amount(text, "USD per million tokens, like 0.15")
    if code not in (None, "USD"):
        raise BadValue(f"{text!r}: prices of agents are in USD per million tokens")
    return _scaled(number, 6, text, "a price per million tokens has at most 6 decimals")


def price_of_float(dollars_per_token: float) -> int:
    """Picodollars per token of a price table's JSON number, rounded up: a bound must never be too low."""
    return int((Decimal(repr(dollars_per_token)) * PICODOLLARS).to_integral_value(ROUND_CEILING))


def price_text(picodollars_per_token: int) -> str:
    """What `parse_price` reads: USD per million tokens, exactly."""
    return decimal_text(picodollars_per_token, 6)


def usd_text(picodollars: int) -> str:
    """What `parse_usd` reads: USD, exactly."""
    return decimal_text(picodollars, 12)


def decimal_text(units: int, decimals: int, least: int = 2) -> str:
    """Whole units as a decimal number, exactly: at least `least` decimals, no more zeros than that."""
    sign, digits = "-" if units < 0 else "", str(abs(units)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    fraction = fraction.rstrip("0").ljust(min(least, decimals), "0")
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole


def _amount(text: str, expected: str) -> tuple[str, str | None]:
    found = _AMOUNT.fullmatch(text.strip(" "))
    if found is None or not text.isascii():
        raise BadValue(f"{text!r} is no amount: expected {expected}")
    return found["number"], found["currency"]


def _scaled(number: str, decimals: int, text: str, limit: str) -> int:
    whole, _, fraction = number.partition(".")
    if len(fraction) > decimals:
        raise BadValue(f"{text!r} has too many decimals: {limit}")
    digits = (whole + fraction.ljust(decimals, "0")).lstrip("0") or "0"
    if len(digits) > len(str(_LARGEST)) or int(digits) > _LARGEST:
        raise BadValue(f"{text[:40]!r} is too much: expected less than a million US dollars or the like")
    return int(digits)


# --- time ---

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LATER = re.compile(r"\+([0-9]{1,4})([dw])")
_DURATION = re.compile(r"(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,8})s)?")


def parse_date(text: str, *, today: date) -> date:
    """`2026-12-01`, `today`, `tomorrow`, `fri` (the next one, never today), `+3d`, `+2w`."""
    word = text.strip().lower()
    if _ISO_DATE.fullmatch(word):
        try:
            return date.fromisoformat(word)
        except ValueError as error:
            raise BadValue(f"{text!r} is no date: {error}") from error
    days = _days_ahead(word, today)
    if days is None:
        raise BadValue(f"{text!r} is no date: expected 2026-12-01, fri, tomorrow or +3d")
    return today + timedelta(days=days)


def _days_ahead(word: str, today: date) -> int | None:
    if word in ("today", "tomorrow"):
        return int(word == "tomorrow")
    if found := _LATER.fullmatch(word):
        return int(found[1]) * (7 if found[2] == "w" else 1)
    for weekday, name in enumerate(_WEEKDAYS):
        if word in (name, name[:3]):
            return (weekday - today.weekday() - 1) % 7 + 1
    return None


def parse_duration(text: str) -> int:
    """Seconds of `45m`, `1h30m`, `90s`, `2d`; a bare number has no unit and is refused."""
    word = text.strip()
    found = _DURATION.fullmatch(word)
    if not word or found is None or not word.isascii():
        raise BadValue(f"{text!r} is no duration: expected 45m, 1h30m or 90s")
    return sum(int(count or 0) * unit for count, unit in zip(found.groups(), (86400, 3600, 60, 1), strict=True))


def find_number(text: str, least: int = 0, most: int = 1_000_000) -> int | None:
    """A whole number in ASCII digits within its limits, else None: `int` takes `1_000`, `١٢` and blanks too."""
    if not re.fullmatch(r"[0-9]{1,12}", text):
        return None
    number = int(text)
    return number if least <= number <= most else None


# --- languages ---

# RFC 5646, section 2.1: langtag and privateuse; the irregular grandfathered tags are obsolete and refused.
_LANGTAG = re.compile(
    r"(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3})"
    r"(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*)(?P<private>(?:-x(?:-[a-z0-9]{1,8})+)?)"
)
_PRIVATE_TAG = re.compile(r"x(?:-[a-z0-9]{1,8})+")


def parse_language(text: str) -> str:
    """A BCP 47 tag in its usual case: `fr`, `pt-BR`, `zh-Hant-TW`. Well-formed, not looked up.

    A language of four letters or more is reserved or would have to be registered, and none is: it is a name (`french`).
    """
    word = text.strip().lower().replace("_", "-")
    if _PRIVATE_TAG.fullmatch(word):
        return word
    found = _LANGTAG.fullmatch(word)
    if found is None:
        raise BadValue(f"{text!r} is no language: expected a BCP 47 tag like fr, pt-BR or zh-Hant")
    out = found["language"]
    if found["script"]:
        out += "-" + found["script"].capitalize()
    if found["region"]:
        out += "-" + found["region"].upper()
    return out + found["variants"] + found["extensions"] + found["private"]


# --- texts ---

_LARGEST_TEXT = 16 * 1024 * 1024
"""Bytes of a brief, note or answer given as a file."""


def load_text(value: str, *, stdin: Callable[[], bytes] | None = None) -> str:
    """The text that `TEXT`, `@FILE`, `-` (standard input) or `@@…` (a literal `@…`) stands for."""
    if value == "-":
        return _decoded((stdin or sys.stdin.buffer.read)(), "standard input")
    if value.startswith("@@"):
        return value[1:]
    if not value.startswith("@"):
        return value
    path = Path(value[1:])
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_TEXT + 1)
    except OSError as error:
        raise BadValue(f"{path}: {error.strerror}", f"a text that begins with @ is written @{value}") from error
    return _decoded(data, str(path))


def _decoded(data: bytes, name: str) -> str:
    if len(data) > _LARGEST_TEXT:
        raise BadValue(f"{name}: a text may have at most {_LARGEST_TEXT // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValue(f"{name}: expected UTF-8, and byte {error.start} is not") from error
