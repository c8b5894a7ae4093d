"""The currency beside a number: sign, ISO code or word, all one: `€12`, `12 EUR`, `12 euros`, `12欧元`.

Words: CLDR's names of the currencies in two dozen languages, as stems.
"""

from __future__ import annotations

import re
from functools import cache

from msgspec import Struct

_DOLLARS = "USD CAD AUD NZD HKD SGD MXN TWD"
_CROWNS = "SEK NOK DKK"
_SIGNS = {
    "€": "EUR", "$": _DOLLARS, "£": "GBP", "¥": "JPY CNY", "￥": "JPY CNY", "円": "JPY", "₽": "RUB", "₹": "INR",
    "₩": "KRW", "₺": "TRY", "₴": "UAH", "₪": "ILS", "zł": "PLN", "R$": "BRL", "US$": "USD", "CA$": "CAD", "C$": "CAD",
    "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "NT$": "TWD", "Kč": "CZK", "Fr.": "CHF",
    "FCFA": "XOF XAF", "RMB": "CNY", "元": "CNY",
}  # fmt: skip
_CODES = tuple(f"EUR GBP JPY CNY CHF PLN RUB INR KRW UAH BRL CZK HUF {_DOLLARS} {_CROWNS}".split())
_WORDS = {
    "EUR": "euro(?!p)|eur[aó]\\b|евро|євро|ευρώ|يورو|אירו|यूरो|ユーロ|欧元|歐元|유로|avro",
    _DOLLARS: "dollar|d[óòo]l[aá]r|доллар|долар|δολάρι|دولار|דולר|डॉलर|米?ドル|美元|美金|[加澳港]元|港币|달러|đô la",
    "GBP": "pounds?\\b|sterling|livres?\\b|libras?\\b|pfund|sterlin|funt|фунт|λίρ|جنيه|ポンド|英镑|英鎊|파운드",
    "JPY": "yens?\\b|jen\\b|иен|ієн|ين\\b|日?円|日元|日圆|엔",
    "CNY": "yuan|юан|يوان|人民币|人民幣|人民元|(?<![美欧歐日韩港加澳])元|위안",
    "CHF XOF XAF": "francs?\\b|franken|franchi|francos?\\b|frank|франк|فرنك|スイス・?フラン|瑞士法郎|法郎|프랑",
    "PLN": "zloty|złot|злот|ズウォティ|兹罗提",
    "RUB": "руб|rouble|ruble|rubel|rublo|روبل|ルーブル|卢布|루블",
    "INR": "rupee|roupie|rupie|rupia|рупи|रुप|روبية|ルピー|卢比|루피",
    "BRL": "reais\\b|reales brasile|реал|レアル|雷亚尔",
    _CROWNS: "kron|couronne|corona|coroa|crown|крон|كرون|クローネ?|克朗",
    "KRW": "won\\b|вон\\b|ウォン|韩元|원",
    "CZK": "korun|couronne|crown|krone|крон|コルナ|克朗",
    "HUF": "forint|форинт|フォリント|福林",
    "TRY": "lira|livres? turque|лир|ليرة|リラ|里拉",
    "UAH": "hryvn|гривн|フリヴニャ|格里夫纳",
    "ILS": "shekel|schekel|séquel|шекел|שקל|シェケル|谢克尔",
}  # fmt: skip
_LONGEST_SIGN = 5
_SPACES = " \u00a0\u202f\u2009"
_LINK = r"[\s-]?(?:of\s|d['’]|de\s|di\s|en\s|us[\s-]|amerikanisch\w*\s|américain\w*\s)?"


@cache
def _after() -> re.Pattern[str]:
    words = "|".join(f"(?P<g{index}>{body})" for index, body in enumerate(_WORDS.values()))
    codes = "|".join(rf"{code}\b" for code in _CODES)
    return re.compile(rf"{_LINK}(?:(?P<code>(?-i:{_signs()}|{codes}))|{words})", re.IGNORECASE)


@cache
def _before() -> re.Pattern[str]:
    return re.compile(rf"(?:{_signs()}|\b(?:{'|'.join(_CODES)}))\s?$")


@cache
def _signs() -> str:
    return "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))


class Currency(Struct, frozen=True):
    """`codes`: what is written can mean any of them. `sign`: it is a sign or a code, no word."""

    codes: frozenset[str]
    sign: bool

    def __str__(self) -> str:
        return next(code for code in _CODES if code in self.codes) if self.codes & set(_CODES) else min(self.codes)


def currency_at(text: str, start: int, end: int) -> Currency | None:
    """What stands right before or after a number."""
    before = _before().search(text, max(0, start - _LONGEST_SIGN), start)
    if before:
        return Currency(_codes(before.group().rstrip(_SPACES)), sign=True)
    after = _after().match(text, end)
    if after is None:
        return None
    if after["code"]:
        return Currency(_codes(after["code"]), sign=True)
    return Currency(_of_group(after.lastgroup or ""), sign=False)


def names_currency(text: str, codes: frozenset[str]) -> bool:
    """Whether the text speaks of one of them anywhere."""
    return _any_of(codes).search(text) is not None


@cache
def _any_of(codes: frozenset[str]) -> re.Pattern[str]:
    signs = [re.escape(sign) for sign, meant in _SIGNS.items() if codes & set(meant.split())]
    signs += [rf"(?<![A-Za-z]){code}(?![A-Za-z])" for code in sorted(codes)]
    words = [body for meant, body in _WORDS.items() if codes & set(meant.split())]
    return re.compile(rf"(?-i:{'|'.join(signs)})|(?<![^\W\d_]){'|'.join(words) or '(?!)'}", re.IGNORECASE)


@cache
def _codes(written: str) -> frozenset[str]:
    return frozenset((_SIGNS.get(written) or written.upper()).split())


@cache
def _of_group(name: str) -> frozenset[str]:
    return frozenset(list(_WORDS)[int(name[1:])].split())
