"""The month of a date that is written with its name: `3 mars 2024` is never `May 3, 2024`.

Source of the names: CLDR's months, in the form that stands beside a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from msgspec import Struct

from gigctl.checks.languages import base_language, month_pattern

_NAMES = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février|fevrier mars avril mai juin juillet août|aout septembre octobre novembre décembre|decembre",
    "de": "Januar|Jänner Februar|Feber März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março|marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}
_CAPITALS = frozenset({"en", "de"})
"""Where a month has a capital: `3 may` is no date."""
_DAY = r"(?<![\w./,-])(?:[12]?[0-9]|3[01])"
_AFTER_DAY = r"(?:st|nd|rd|th|er|º|°|\.)?[ \u00a0\u202f](?:of |de |di )?"
_ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]
_NUMERIC = re.compile(r"(?<!\d)(\d{1,4})[./-](\d{1,2})(?:[./-](\d{1,4}))?(?!\d)")


class NamedMonth(Struct, frozen=True):
    """`month` from 1 to 12, with what is written of its date."""

    month: int
    text: str
    start: int


def find_months(text: str, language: str) -> Iterator[NamedMonth]:
    """Months by their name beside a day, in order of the text."""
    pattern = _dates(base_language(language))
    for found in pattern.finditer(text) if pattern else ():
        yield NamedMonth(int((found.lastgroup or "")[1:]), found[0], found.start())


def may_name_month(text: str, language: str, month: int) -> bool:
    """Whether the text has the month in any form: its name or what that begins with, a date in digits, or Roman."""
    pattern = month_pattern(language, month)
    if pattern is None or pattern.search(text) or re.search(rf"\d[ ./-]{_ROMAN[month - 1]}\b", text):
        return True
    return any(int(part) == month for found in _NUMERIC.finditer(text) for part in found.groups() if part)


@cache
def _dates(language: str) -> re.Pattern[str] | None:
    """A day and a month, or in English a month and a day."""
    names = _NAMES.get(language, "").split()
    if not names:
        return None

    def months(prefix: str) -> str:
        return "|".join(rf"(?P<{prefix}{n}>{name})" for n, name in enumerate(names, 1))

    forms = [rf"{_DAY}{_AFTER_DAY}(?:{months('a')})\b"]
    if language == "en":
        forms.append(rf"\b(?:{months('b')}) (?:[12]?[0-9]|3[01])(?:st|nd|rd|th)?\b(?![:.]\d)")
    return re.compile("|".join(forms), 0 if language in _CAPITALS else re.IGNORECASE)
