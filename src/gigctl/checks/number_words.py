"""A number written out: the spellings that CLDR's rules give (unicode-rbnf), all genders, cases and ordinals."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from gigctl.checks.languages import COMPOUNDING, base_language

SPELT_UP_TO = 1000
"""Larger numbers are hardly ever written out whole, and scales ("2 million") are read apart."""

_EXTRA = {
    "en": {
        0: "no", 1: "a an single once", 2: "both twice double pair couple binary", 3: "triple thrice", 8: "octal",
        10: "decimal", 12: "dozen", 16: "hexadecimal hex",
    },
    "fr": {1: "premier première unique", 2: "double seconde second", 3: "triple tiers", 4: "quart", 12: "douzaine"},
    "de": {1: "ein eine einem einer eines einen einmal einzig", 2: "zwei beid doppel", 3: "drei"},
    "es": {1: "un una uno primer", 2: "ambos ambas doble", 3: "triple"},
    "it": {1: "un uno una", 2: "entrambi entrambe doppio"},
    "pt": {1: "um uma", 2: "ambos ambas duplo dois duas"},
    # CLDR has no ordinals of Polish, and no cases of the Russian zero.
    "pl": {
        1: "jeden jedna jedno jednego jednej pierwsz", 2: "oba obie obu obydw podwój drug dwu",
        3: "trzeci trzecia trój", 4: "czwart czwór cztero", 5: "piąt pięcio", 6: "szóst sześcio",
        7: "siódm siedmio", 8: "ósm ośmio", 9: "dziewiąt dziewięcio", 10: "dziesiąt dziesięcio",
    },
    "ru": {
        0: "нуль нуля нулю нулев", 1: "один одна одно одного одной раз",
        2: "оба обе обоих обеих обоим обеим обоими обеими двойн двое двоих", 3: "тройн трое троих",
    },
    "zh": {2: "双 雙 俩"},
    "ja": {2: "両 双 二重"},
}  # fmt: skip
"""What CLDR's rules do not make: articles, pairs, bases. A stem will do where compounds are written as one word."""
_PARTS = {
    "en": "2:hal(?:f|ves) 3:thirds? 4:quarters?|fourths? 5:fifths? 6:sixths? 8:eighths? 10:tenths?",
    "fr": "2:demie?s?|moitiés? 3:tiers 4:quarts? 5:cinquièmes? 6:sixièmes? 8:huitièmes? 10:dixièmes?",
    "de": r"2:\w*halb\w*|hälfte 3:\w*drittel\w* 4:\w*viertel\w* 5:\w*fünftel\w* 8:\w*achtel\w* 10:\w*zehntel\w*",
    "es": r"2:medi[oa]s?|mitad 3:terci[oa]s?|tercer\w* 4:cuart[oa]s? 5:quint[oa]s? 8:octav[oa]s? 10:décim[oa]s?",
    "it": "2:mezz[oaie]|metà 3:terz[oiae] 4:quart[oiae] 5:quint[oiae] 6:sest[oiae] 8:ottav[oiae] 10:decim[oiae]",
    "pt": r"2:mei[oa]s?|metade 3:terços?|terceir\w* 4:quart[oa]s? 5:quint[oa]s? 8:oitav[oa]s? 10:décim[oa]s?",
    "nl": "2:hal(?:f|ve)|helft 3:derden? 4:kwart(?:en)?|vierden? 5:vijfden? 6:zesden? 8:achtsten? 10:tienden?",
    "pl": r"2:pół\w*|połow\w* 3:trzeci\w*|tercj\w* 4:czwart\w*|ćwier\w* 5:piąt\w* 8:ósm\w* 10:dziesiąt\w*",
    "ru": r"2:пол\w* 3:трет\w* 4:четверт\w* 5:пят\w* 8:восьм\w* 10:десят\w*",
}
"""What a whole is parted into, in words."""
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
_UNSPACED = frozenset({"zh", "ja", "ko", "th", "yue"})


class Spelling:
    """A text, ready to be asked whether it writes a number out."""

    def __init__(self, text: str, language: str) -> None:
        self.language = base_language(language)
        self.text = text
        self._plain = ""

    def has(self, number: int) -> bool:
        if 1 <= number <= 39 and re.search(rf"\b{_roman(number)}(?![A-Z])", self.text):
            return True
        # Arabic and Hebrew have a dual and leave "one" to the noun.
        if number in (1, 2) and self.language in ("ar", "he"):
            return True
        if not 0 <= number <= SPELT_UP_TO:
            return False
        pattern = _pattern(self.language, number)
        if pattern is None:
            return False
        self._plain = self._plain or _plain(self.text)
        return pattern.search(self._plain) is not None


def names_part(text: str, language: str, number: int | None) -> bool:
    """Whether the text has the `number`th part of something in words: a quarter of 4."""
    pattern = _parts(base_language(language)).get(number or 0)
    return pattern is not None and pattern.search(text) is not None


@lru_cache(maxsize=32)
def _parts(language: str) -> dict[int, re.Pattern[str]]:
    pairs = (pair.partition(":") for pair in _PARTS.get(language, "").split())
    return {int(number): re.compile(rf"\b(?:{body})\b", re.IGNORECASE) for number, _, body in pairs}


def _roman(number: int) -> str:
    out = ""
    for value, sign in _ROMAN:
        while number >= value:
            out, number = out + sign, number - value
    return out


def _plain(text: str) -> str:
    """Case, accents, vowel signs and hyphens away, so that spellings can be compared."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return re.sub(r"[\s\u00ad-]+", " ", re.sub(r"[-‐‑]", " ", bare.casefold()))


@lru_cache(maxsize=2000)
def _pattern(language: str, number: int) -> re.Pattern[str] | None:
    spellings = {_plain(word) for word in _spell(language, number)} - {""}
    if not spellings:
        return None
    body = "|".join(re.escape(word) for word in sorted(spellings, key=len, reverse=True))
    if language in _UNSPACED:
        return re.compile(body)
    # A compound goes on after the number: `zwölfmonatig`. Arabic writes "and" and "the" before it.
    end = "" if language in COMPOUNDING and min(map(len, spellings)) >= 3 else r"(?!\w)"
    start = r"(?<!\w)(?:و|ال|وال|ب|ل)?" if language == "ar" else r"(?<!\w)"
    return re.compile(f"{start}(?:{body}){end}")


def _spell(language: str, number: int) -> set[str]:
    out = set(_EXTRA.get(language, {}).get(number, "").split())
    engine = _engine(language)
    if engine is None:
        return out
    from unicode_rbnf import FormatPurpose
    from unicode_rbnf.engine import RbnfError

    for purpose in (FormatPurpose.CARDINAL, FormatPurpose.ORDINAL):
        try:
            out.update(engine.format_number(number, purpose=purpose).text_by_ruleset.values())
        except (RbnfError, ValueError):  # no rule of this purpose in the language
            continue
    return {word for word in out if not any(char.isdigit() for char in word)}


@lru_cache(maxsize=32)
def _engine(language: str) -> Any:
    from unicode_rbnf import RbnfEngine

    if not re.fullmatch("[a-z]{2,3}", language):
        return None
    try:
        return RbnfEngine.for_language(language)
    except ValueError:
        return None
