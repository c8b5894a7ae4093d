"""How values are written on a command line and in files: money, prices, dates, durations, languages, texts.

Each `parse_` raises BadValue with what was expected. Money is never a float: a client's is whole minor units of a
currency, an agent's whole picodollars (1e-12 USD), so that any price per million tokens is exact per token.
"""

from __future__ import annotations

import contextlib
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import partial
from itertools import islice
from pathlib import Path

from msgspec import Struct

from gigctl.errors import UsageError

__all__ = [
    "DEFAULT_CURRENCY",
    "PICODOLLARS",
    "BadValue",
    "Money",
    "decimal_text",
    "decimals_of",
    "did_you_mean",
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

DEFAULT_CURRENCY = "USD"
"""Of new clients where the settings say nothing, and of `me`."""
PICODOLLARS = 10**12
"""In one US dollar."""
_LARGEST = 10**18
"""No amount in minor units or picodollars is larger: SQLite's INTEGER ends at 9.2e18, and sums must fit too."""


class BadValue(UsageError):
    """A value that is not of its documented form; the message says what was expected."""


_MOST_NAMES = 1000
"""That a mistyped one is compared with: 2 ms."""


def did_you_mean(word: str, known: Iterable[str], least: float = 0.6) -> str:
    """`, did you mean notary?` for the nearest of the names; empty where none is like it (`least`, 0 to 1)."""
    from difflib import get_close_matches

    near = get_close_matches(word, islice(known, _MOST_NAMES), n=1, cutoff=least)
    return f", did you mean {near[0]}?" if near else ""


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

_AMOUNT = r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<currency>[A-Z]{3})?"


class Money(Struct, frozen=True):
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
        meant = _SIGNS.get(text.strip().casefold())
        expected = f"write {meant}" if meant else "expected a code of ISO 4217, like EUR"
        raise BadValue(f"{text[:40]!r} is no currency: {expected}")
    return code


def _known_code(currency: str) -> str:
    """A code to show in an example, also where the one that was said is none."""
    with contextlib.suppress(BadValue):
        return parse_currency(currency)
    return _SIGNS.get(currency.strip().casefold(), "EUR")


def parse_money(text: str, currency: str) -> Money:
    """`120`, `120.00`, `120EUR`; without a code it is `currency`'s."""
    known = _known_code(currency)
    number, code = _amount(text, f"an amount like 120, 120.00 or 120{known}", lambda form: parse_money(form, known))
    code = parse_currency(code or currency)
    decimals = decimals_of(code)
    return Money(_scaled(number, decimals, text, f"{code} has {decimals or 'no'} decimals"), code)


def parse_usd(text: str, rates: Mapping[str, Decimal] | None = None) -> int:
    """Picodollars of a budget or cap, which is in USD; another currency needs its rate (USD for one unit).

    What a rate leaves over is cut off: a cap is never widened.
    """
    number, code = _amount(text, "an amount of USD like 5 or 0.50", lambda form: parse_usd(form, rates))
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
    number, code = _amount(text, "USD per million tokens, like 0.15", parse_price)
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


def _amount(text: str, expected: str, read: Callable[[str], object]) -> tuple[str, str | None]:
    """The number and the currency's code; where it is written otherwise, the error says how `read` would take it."""
    found = re.fullmatch(_AMOUNT, text.strip(" "))
    if found is None or not text.isascii():
        raise BadValue(f"{text[:40]!r} is no amount: {_way_out(_amounts_meant(text), read, expected)}")
    return found["number"], found["currency"]


def _way_out(forms: Iterable[str], read: Callable[[str], object], expected: str) -> str:
    """`write 60.50`: those of the forms that are values, else what is expected."""
    good = []
    for form in forms:
        with contextlib.suppress(BadValue):
            read(form)
            good.append(form)
    return f"write {' or '.join(good)}" if good else f"expected {expected}"


_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₽": "RUB", "₹": "INR", "zł": "PLN", "euro": "EUR",
          "euros": "EUR", "dollar": "USD", "dollars": "USD", "us$": "USD", "chf.": "CHF", "fr.": "CHF"}  # fmt: skip
_MEANT = r"(?P<before>[^\d.,]*?)\+?(?P<number>[\d.,]*\d[\d.,]*)(?:-|—|–)?(?P<after>[^\d.,]*\.?)"
_BETWEEN = r"(?<=\d)[\s_'’](?=\d{3})"
_LONGEST = 40


def _amounts_meant(text: str) -> list[str]:
    """How `120€`, `60,50` or `EUR 1.234,50` are written here; two forms of `1,234`, which is read both ways."""
    found = re.fullmatch(_MEANT, re.sub(_BETWEEN, "", text.strip())) if len(text) <= _LONGEST else None
    if found is None:
        return []
    words = [word for word in (found["before"].strip(), found["after"].strip()) if word]
    if len(words) > 1:
        return []
    code = _SIGNS.get(words[0].casefold(), words[0].upper()) if words else ""
    digits = "".join(str(unicodedata.decimal(char)) if char.isdigit() else char for char in found["number"])
    forms = [_plain(form) + code for form in _unseparated(digits)]
    return [form for form in forms if form.isascii() and re.fullmatch(_AMOUNT, form)]


def _unseparated(number: str) -> list[str]:
    """A number without what separates its thousands: of `.` and `,` the last is the decimal sign."""
    parts = re.split(r"[.,]", number)
    signs = re.findall(r"[.,]", number)
    if len(signs) == 1:
        decimal = ".".join(parts)
        grouped = signs == [","] and len(parts[1]) == 3 and 1 <= len(parts[0]) <= 3
        return [*([] if not grouped else ["".join(parts)]), decimal]
    if len(set(signs)) == 2 and signs.count(signs[-1]) == 1:
        return ["".join(parts[:-1]) + "." + parts[-1]]
    return ["".join(parts)] if all(len(part) == 3 for part in parts[1:]) else []


def _plain(number: str) -> str:
    whole, _, fraction = number.partition(".")
    return (whole or "0") + (f".{fraction}" if fraction else "")


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
_ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LATER = r"\+([0-9]{1,4})([dw])"
_DURATION = r"(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,8})s)?"


def parse_date(text: str, *, today: date) -> date:
    """`2026-12-01`, `today`, `tomorrow`, `fri` (the next one, never today), `+3d`, `+2w`."""
    word = text.strip().lower()
    if re.fullmatch(_ISO_DATE, word):
        try:
            return date.fromisoformat(word)
        except ValueError as error:
            raise BadValue(f"{text!r} is no date: {error}") from error
    days = _days_ahead(word, today)
    if days is None:
        read = partial(parse_date, today=today)
        expected = "2026-12-01, fri, tomorrow or +3d"
        raise BadValue(f"{text[:40]!r} is no date: {_way_out(_dates_meant(word, today), read, expected)}")
    return today + timedelta(days=days)


def _days_ahead(word: str, today: date) -> int | None:
    if word in ("today", "tomorrow"):
        return int(word == "tomorrow")
    if found := re.fullmatch(_LATER, word):
        return int(found[1]) * (7 if found[2] == "w" else 1)
    for weekday, name in enumerate(_WEEKDAYS):
        if word in (name, name[:3]):
            return (weekday - today.weekday() - 1) % 7 + 1
    return None


_DAY_FIRST = r"([0-9]{1,2})([./-])([0-9]{1,2})(?:\2([0-9]{4}|[0-9]{2})?)?"
_YEAR_FIRST = r"([0-9]{4})[./-]?([0-9]{1,2})[./-]?([0-9]{1,2})"
_NAMED = (
    r"(?:([0-9]{1,2})(?:\.|st|nd|rd|th)?(?: of)? )?([a-z]{3,9})\.?(?: ([0-9]{1,2})(?:st|nd|rd|th)?)?(?:,? ([0-9]{4}))?"
)
_COUNTED = r"(?:in )?\+?([0-9]{1,4}) ?(d|day|w|week)s?"
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip


def _dates_meant(word: str, today: date) -> list[str]:
    """How `27.11.2026`, `11/27`, `27 Nov` or `in 3 days` are written here; two forms where day and month may change."""
    if found := re.fullmatch(_COUNTED, word):
        return [f"+{found[1]}{found[2][0]}"]
    if word.startswith(("next ", "on ")):
        rest = word.split(" ", 1)[1]
        return [rest] if _days_ahead(rest, today) else []
    if found := re.fullmatch(_YEAR_FIRST, word):
        return [f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}"]
    if found := re.fullmatch(_DAY_FIRST, word):
        pairs = [(found[1], found[3])] + [(found[3], found[1])] * (found[2] == "/" and found[1] != found[3])
        return [_date_meant(day, month, found[4], today) for day, month in pairs]
    if (found := re.fullmatch(_NAMED, word)) and (month := _month(found[2])) and (day := found[1] or found[3]):
        return [_date_meant(day, str(month), found[4], today)]
    return []


def _date_meant(day: str, month: str, year: str | None, today: date) -> str:
    """The next such day where no year is named."""
    text = f"{int(month):02}-{int(day):02}"
    if year:
        return f"{2000 + int(year) if len(year) == 2 else year}-{text}"
    return f"{today.year + (text < f'{today:%m-%d}')}-{text}"


def _month(word: str) -> int:
    """1 to 12 of a name's beginning, 0 where it is none."""
    return next((n for n, name in enumerate(_MONTHS, 1) if name.startswith(word)), 0)


def parse_duration(text: str) -> int:
    """Seconds of `45m`, `1h30m`, `90s`, `2d`; a bare number has no unit and is refused."""
    word = text.strip()
    found = re.fullmatch(_DURATION, word)
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
_LANGTAG = (
    r"(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3})"
    r"(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*)(?P<private>(?:-x(?:-[a-z0-9]{1,8})+)?)"
)
_PRIVATE_TAG = r"x(?:-[a-z0-9]{1,8})+"


_NAMES = {
    "arabic": "ar", "chinese": "zh", "czech": "cs", "danish": "da", "deutsch": "de", "dutch": "nl", "english": "en",
    "español": "es", "finnish": "fi", "français": "fr", "francais": "fr", "french": "fr", "german": "de", "greek": "el",
    "hindi": "hi", "italian": "it", "italiano": "it", "japanese": "ja", "korean": "ko", "norwegian": "nb",
    "polish": "pl", "polski": "pl", "portuguese": "pt", "português": "pt", "russian": "ru", "spanish": "es",
    "swedish": "sv", "turkish": "tr", "ukrainian": "uk",
}  # fmt: skip
"""Names that people write for a tag, the commonest."""


def parse_language(text: str) -> str:
    """A BCP 47 tag in its usual case: `fr`, `pt-BR`, `zh-Hant-TW`. Well-formed, not looked up.

    A language of four letters or more is reserved or would have to be registered, and none is: it is a name (`french`).
    """
    word = text.strip().lower().replace("_", "-")
    if re.fullmatch(_PRIVATE_TAG, word):
        return word
    found = re.fullmatch(_LANGTAG, word)
    if found is None:
        meant = _NAMES.get(word)
        way_out = f"write {meant}" if meant else "expected a BCP 47 tag like fr, pt-BR or zh-Hant"
        raise BadValue(f"{text[:40]!r} is no language: {way_out}")
    out = found["language"]
    if found["script"]:
        out += "-" + found["script"].capitalize()
    if found["region"]:
        out += "-" + found["region"].upper()
    return out + found["variants"] + found["extensions"] + found["private"]


def names_language(text: str) -> bool:
    """Whether a word is a common language's name or tag: `french`, `fr`. Many a word would be a tag of a rare one."""
    word = text.strip().lower()
    return word in _NAMES or word in _NAMES.values()


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
