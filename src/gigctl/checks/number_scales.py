"""The words that multiply the number before them: `2 million`, `2,5 Mrd.`, `500万`, `3 lakh`.

Source: CLDR's compact decimal formats, long and short; inflected and regional forms by hand. What counts is the
language that the text is in: an English billion is 10^9, a French or German one 10^12.
"""

from __future__ import annotations

import re
from functools import cache

from msgspec import Struct

from gigctl.checks.languages import base_language

_MAGNITUDES = {
    "en": """2:hundred 3:thousand,thousands,k~ 5:lakh,lakhs,lac 6:million,millions,mn,mln,mio,m~ 7:crore,crores
        9:billion,billions,bn,mrd,b~ 12:trillion,trillions,tn~,t~""",
    "fr": "3:mille,millier,milliers,k~ 6:million,millions,mio,m~ 9:milliard,milliards,md,mds,mrd 12:billion,billions",
    "de": "3:tausend,tsd,k~ 6:million,millionen,mio,mill,m~ 9:milliarde,milliarden,mrd,md 12:billion,billionen,bio",
    "es": "3:mil,k~ 6:millón,millon,millones,m~ 9:millardo,millardos 12:billón,billon,billones",
    "it": "3:mila,mille,k~ 6:milione,milioni,mln,mio,m~ 9:miliardo,miliardi,mld,mrd 12:bilione,bilioni,bln",
    "pt": "3:mil,k~ 6:milhão,milhões,mi~,m~ 9:bilhão,bilhões,bi~ 12:trilhão,trilhões,tri~,bilião,biliões",
    "nl": "3:duizend,k~ 6:miljoen,mln,mio,m~ 9:miljard,mld,mrd 12:biljoen,bln",
    "pl": "3:tysiąc*,tysięc*,tys 6:milion*,mln 9:miliard*,mld 12:bilion*,bln",
    "ru": "3:тысяч*,тыс 6:миллион*,млн 9:миллиард*,млрд 12:триллион*,трлн",
    "uk": "3:тисяч*,тис 6:мільйон*,млн 9:мільярд*,млрд 12:трильйон*,трлн",
    "cs": "3:tisíc*,tis 6:milion*,mil,mio 9:miliard*,mld 12:bilion*,bil",
    "sk": "3:tisíc*,tis 6:milión*,mil,mio 9:miliard*,miliárd*,mld 12:bilión*,bil",
    "sl": "3:tisoč*,tis 6:milijon*,mio 9:milijard*,mrd 12:bilijon*,bil",
    "hr": "3:tisuć*,tis 6:milijun*,mil,mio 9:milijard*,mlr,mlrd 12:bilijun*,bil",
    "bg": "3:хиляд*,хил 6:милион*,млн 9:милиард*,млрд 12:трилион*,трлн",
    "ro": "3:mie,mii,k~ 6:milion,milioan*,mil,mln 9:miliard*,mld,mrd 12:trilio*",
    "hu": "3:ezer* 6:millió*,mio,m~ 9:milliárd*,mrd 12:billió*",
    "sv": "3:tusen,tkr~ 6:miljon*,mn,mkr~ 9:miljard*,md,mdr 12:biljon*,bn",
    "da": "3:tusind*,tus 6:million*,mio 9:milliard*,mia,mrd 12:billion*,bio",
    "nb": "3:tusen,k~ 6:million*,mill,mio 9:milliard*,mrd 12:billion*,bill",
    "fi": "3:tuhat*,tuhan* 6:miljoon*,milj,mn 9:miljard*,mrd 12:biljoon*,bilj",
    "et": "3:tuhat*,tuhan*,tuh 6:miljon*,mln 9:miljard*,mld 12:triljon*,trln",
    "lv": "3:tūksto*,tūkst 6:miljon*,milj 9:miljard*,mljrd 12:triljon*",
    "lt": "3:tūkstan*,tūkst 6:milijon*,mln 9:milijard*,mlrd 12:trilijon*,trln",
    "el": "3:χιλιάδ*,χιλ 6:εκατομμύρι*,εκατομμυρί*,εκ,εκατ 9:δισεκατομμύρι*,δισεκατομμυρί*,δισ 12:τρισεκατομμύρι*,τρισ",
    "tr": "3:bin 6:milyon*,mn 9:milyar*,mr 12:trilyon*",
    "ar": "3:ألف*,الف*,آلاف 6:مليون*,ملايين 9:مليار* 12:ترليون*,تريليون*",
    "fa": "3:هزار 6:میلیون 9:میلیارد 12:تریلیون",
    "he": "3:אלף,אלפים,k~ 6:מיליון*,מליון,m~ 9:מיליארד*,מליארד,b~ 12:טריליון",
    "hi": "3:हज़ार,हजार 5:लाख 6:मिलियन 7:करोड़ 9:अरब,बिलियन 11:खरब",
    "bn": "3:হাজার 5:লাখ,লক্ষ 6:মিলিয়ন 7:কোটি 9:বিলিয়ন",
    "vi": "3:nghìn,ngàn 6:triệu 9:tỷ,tỉ",
    "id": "3:ribu 6:juta 9:miliar,milyar 12:triliun",
    "ms": "3:ribu 6:juta 9:bilion 12:trilion",
    "ca": "3:mil,miler,milers,k~ 6:milió,milions,m~ 12:bilió,bilions",
    "gl": "3:mil,k~ 6:millón,millóns,m~ 12:billón,billóns",
}  # fmt: skip
"""Language -> exponents of ten and their words, without the point of an abbreviation. `*`: up to four letters more.

`~`: may as well be something else (`5 m`): it multiplies beside a currency, else the number has both values.
"""
_ALIASES = {"no": "nb", "nn": "nb", "be": "ru", "bs": "hr"}
_SIGNS = {
    "zh": "十百千万萬亿億兆", "yue": "十百千万萬亿億兆", "ja": "十百千万億兆", "ko": "십백천만억조",
}  # fmt: skip
_EXPONENTS = {
    "十": 1, "百": 2, "千": 3, "万": 4, "萬": 4, "亿": 8, "億": 8, "兆": 12,
    "십": 1, "백": 2, "천": 3, "만": 4, "억": 8, "조": 12,
}  # fmt: skip
_MYRIADS = frozenset("万萬亿億만억")
_MAX_MORE = 4
RANGES = frozenset({
    "-", "–", "—", "~", "〜", "～", "to", "or", "and", "à", "ou", "et", "a", "o", "y", "e", "bis", "oder", "und", "tot",
    "of", "en", "do", "lub", "i", "до", "или", "и", "至", "到", "から", "或",
})  # fmt: skip
"""What stands between two numbers that may share a magnitude."""
_BETWEEN = " \u00a0\u202f\u2009-‑"
_WORD = re.compile(r"(?:[^\W\d_]|[\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09d7])+")  # with vowel signs
_LINK = {"ro": ("de",), "ca": ("de",)}


class Scale(Struct, frozen=True):
    """`exponent` of ten, `end` in the text; not `sure` where it may be a unit or an article instead."""

    exponent: int
    end: int
    sure: bool


def has_magnitudes(language: str) -> bool:
    base = base_language(language)
    return base in _SIGNS or _ALIASES.get(base, base) in _MAGNITUDES


def is_counted_in_myriads(language: str) -> bool:
    return base_language(language) in _SIGNS


def find_scale(text: str, end: int, language: str) -> Scale | None:
    """What multiplies the number that ends there."""
    if end >= len(text) or not (text[end].isalpha() or text[end] in _BETWEEN):
        return None
    base = base_language(language)
    if base in _SIGNS:
        return _signs(text, end, _SIGNS[base])
    if text[end] in _BETWEEN:
        end += 1
    return _words(text, end, base)


def scale_of_word(word: str, language: str) -> int | None:
    """The exponent of a word in lower case; None for an abbreviation that may be something else."""
    found = _lookup(word, language)
    return found[0] if found and found[1] else None


def _words(text: str, start: int, language: str) -> Scale | None:
    """One word, or several that grow: `mil millones`, `thousand million`."""
    exponent, last, end, sure = 0, 0, start, True
    while word := _WORD.match(text, start):
        if word.group() in _LINK.get(language, ()) and exponent == 0:
            start = word.end() + 1
            continue
        found = _lookup(word.group().lower(), language)
        if found is None or found[0] <= last or (exponent and not found[1]):
            break
        exponent, last, end, sure = exponent + found[0], found[0], word.end(), found[1]
        start = end + 1 if text[end : end + 1] in _BETWEEN else len(text)
    return Scale(exponent, end, sure) if exponent else None


def _signs(text: str, start: int, signs: str) -> Scale | None:
    """`万`, `千万`, `万亿`. A hundred, a thousand alone and `兆`, `조` may be units (`千米`), an article (`제3조`)."""
    start += text[start] == " "
    end = start
    while end < len(text) and text[end] in signs:
        end += 1
    exponent = sum(_EXPONENTS[sign] for sign in text[start:end])
    sure = any(sign in _MYRIADS for sign in text[start:end])
    return Scale(exponent, end, sure) if exponent else None


def _lookup(word: str, language: str) -> tuple[int, bool] | None:
    whole, stems = _table(language)
    if word in whole:
        return whole[word]
    for stem, exponent in stems:
        if word.startswith(stem) and len(word) <= len(stem) + _MAX_MORE:
            return exponent, True
    return None


@cache
def _table(language: str) -> tuple[dict[str, tuple[int, bool]], tuple[tuple[str, int], ...]]:
    base = base_language(language)
    whole: dict[str, tuple[int, bool]] = {}
    stems: list[tuple[str, int]] = []
    for entry in _MAGNITUDES.get(_ALIASES.get(base, base), "").split():
        exponent, _, written = entry.partition(":")
        for word in written.split(","):
            if word.endswith("*"):
                stems.append((word[:-1], int(exponent)))
            else:
                whole[word.rstrip("~")] = int(exponent), not word.endswith("~")
    return whole, tuple(stems)
