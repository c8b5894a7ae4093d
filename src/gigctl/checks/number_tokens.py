"""The numbers of a text, each with the values that it can have in its language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.languages import decimal_signs
from gigctl.checks.number_scales import RANGES, find_scale, is_counted_in_myriads

_DIGIT = re.compile(r"[^\W\D0-9]")  # decimal digits of other scripts: Arabic-Indic, Devanagari, full-width …
_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'’"
_NUMBER = re.compile(r"[0-9]+(?:[.,'’٫٬ \u00a0\u202f\u2009][0-9]+)*")
_GROUPED = re.compile(r"[0-9]{1,3}(?:([.,'’٬ \u00a0\u202f\u2009])[0-9]{3})(?:\1[0-9]{3})*(?:([.,٫])[0-9]+)?")
_INDIAN = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3}(?:\.[0-9]+)?")
_TIME = re.compile(
    r"""(?<![0-9:.,])(?P<hour>[01]?[0-9]|2[0-4])
    (?: \s?(?:[:h.]|Uhr|heures?)\s?(?P<minute>[0-5][0-9])(?![0-9])(?::(?P<second>[0-5][0-9])(?![0-9]))?
        (?:\s?(?P<half>[ap]\.?\s?m\b\.?))?
      | \s?(?P<half2>[ap]\.?\s?m\b\.?)
      | \s?(?:h|Uhr|heures?|o['’]clock)\b )""",
    re.VERBOSE | re.IGNORECASE,
)
_VULGAR = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
_MINUS = "-−‐‑–"
_LONGEST = 60
_MONEY = tuple("€$£¥￥₽₹₩")
_WIDEST_RANGE = 9
_OVER = re.compile(r"(?<![0-9/])[0-9]{1,2}/$")
_DOTTED_DATE = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[12][0-9]{3}|[12][0-9]{3}\.[0-9]{1,2}\.[0-9]{1,2}")


class Number(Struct, frozen=True):
    """`readings` are values as plain text (`-1234.5`, `14:30`), the likeliest first.

    `exponent` of the word that multiplies it (`million`: 6), which is part of `text` and of the values. `divides`: it
    stands below the stroke of a fraction.
    """

    text: str
    start: int
    end: int
    readings: tuple[str, ...]
    exponent: int = 0
    divides: bool = False

    @property
    def whole(self) -> int | None:
        """The value where it is a whole number or a full hour, without its sign."""
        value = self.readings[0].lstrip("-").removesuffix(":00")
        return int(value) if value.isdigit() and len(value) <= 15 else None


def ascii_digits(text: str) -> str:
    """The same text with every decimal digit in ASCII; offsets stay."""
    if text.isascii():
        return text
    return _DIGIT.sub(lambda found: str(unicodedata.decimal(found.group())), text)


def find_numbers(text: str, language: str) -> list[Number]:
    """In order of the text. What was code or a placeholder must have been blanked before."""
    text = ascii_digits(text)
    for sign, written in _VULGAR.items():
        if sign in text:
            text = text.replace(sign, f" {written}")
    return list(_find(text, language))


def _find(text: str, language: str) -> Iterator[Number]:
    last = 0
    for time in _TIME.finditer(text):
        yield from _plain_numbers(text, last, time.start(), language)
        if _is_time(time, text, language):
            yield Number(time.group().strip(), time.start(), time.end(), _time_readings(time, language))
            last = time.end()
        else:
            last = time.start()
    yield from _plain_numbers(text, last, len(text), language)


def _is_time(found: re.Match[str], text: str, language: str) -> bool:
    written = found.group()
    if "." not in written.split("m")[0] or found["half"] or found["half2"]:
        return True
    if decimal_signs(language) == ".":
        return False
    return re.match(r"\s?(?:Uhr|uur|h\b)", text[found.end() : found.end() + 5]) is not None


def _time_readings(found: re.Match[str], language: str) -> tuple[str, ...]:
    hour, minute, second = int(found["hour"]), found["minute"] or "00", found["second"]
    half = (found["half"] or found["half2"] or "").casefold()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    if second:
        return (f"{hour}:{minute}:{second}",)
    out: tuple[str, ...] = (f"{hour}:{minute}",)
    if minute == "00":
        out += (str(hour),)
    elif "." in found.group() or (found["minute"] and not half):
        out += (plain_value(f"{found['hour']}.{minute}"),)
    return out


def _plain_numbers(text: str, start: int, end: int, language: str) -> Iterator[Number]:
    myriads = is_counted_in_myriads(language)
    last: Number | None = None
    for found in _NUMBER.finditer(text, start, end):
        for token, offset in _split(found.group(), language):
            begin = found.start() + offset
            item = _number(text, begin, begin + len(token), language)
            if last is not None:
                joined = _joined(last, item, text) if myriads else None
                if joined:
                    last = joined
                    continue
                yield _in_range(last, item, text)
            last = item
    if last is not None:
        yield last


def _number(text: str, begin: int, end: int, language: str) -> Number:
    values = _values(text[begin:end], language)
    scale = find_scale(text, end, language)
    exponent = 0
    if scale and values:
        scaled = [scaled_value(value, scale.exponent) for value in values if value[0] != "v"]
        if scale.sure or _is_money(text, begin, scale.end):
            values, exponent = scaled or values, scale.exponent
            end = scale.end
        else:
            values += scaled
    if _is_negative(text, begin):
        values = [f"-{value}" for value in values]
    return Number(text[begin:end], begin, end, tuple(dict.fromkeys(values)), exponent, _is_part(text, begin, end))


def _is_part(text: str, begin: int, end: int) -> bool:
    """`4` in `3/4`; of `3/4/2024` no number is."""
    before = _OVER.search(text, max(0, begin - 4), begin)
    return before is not None and text[end : end + 1] != "/"


def _is_money(text: str, start: int, end: int) -> bool:
    """Whether a letter that multiplies is surely one: `$5M`, `2,5 M€`."""
    return text[max(0, start - 1) : start] in _MONEY or text[end : end + 2].lstrip(_SPACES)[:1] in _MONEY


def _in_range(item: Number, following: Number, text: str) -> Number:
    """`2 to 3 million` may be two million to three."""
    if not following.exponent or item.exponent or following.start - item.end > _WIDEST_RANGE:
        return item
    if text[item.end : following.start].strip(_SPACES) not in RANGES:
        return item
    scaled = [scaled_value(value, following.exponent) for value in item.readings if value[0] not in "v-"]
    return replace(item, readings=(*item.readings, *scaled))


def _joined(item: Number, following: Number, text: str) -> Number | None:
    """`1億2000万` is one number."""
    if not item.exponent or text[item.end : following.start].strip(" ") or following.exponent >= item.exponent:
        return None
    whole, rest = item.readings[0], following.readings[0]
    if not (whole.isdigit() and rest.isdigit()) or len(rest) > item.exponent or len(whole) > _LONGEST:
        return None
    value = str(int(whole) + int(rest))
    return Number(text[item.start : following.end], item.start, following.end, (value,), item.exponent)


def _split(run: str, language: str) -> Iterator[tuple[str, int]]:
    """A run of digits and separators as the numbers that it is made of: `1, 2` never, `2024 100` is two."""
    if len(run) > _LONGEST or _DOTTED_DATE.fullmatch(run) or not _values(run, language):
        offset = 0
        for piece in re.split(f"([{_SPACES}{_APOSTROPHES}]|[.,٫٬])", run):
            if piece and piece[0].isdigit():
                yield piece, offset
            offset += len(piece)
        return
    yield run, 0


def _values(run: str, language: str) -> list[str]:
    """The values of one number; none where the language does not write numbers so."""
    if run.isdigit():
        return [plain_value(run)]
    decimals, out = decimal_signs(language), []
    grouped = _GROUPED.fullmatch(run)
    if grouped and _may_group(grouped[1], decimals) and _may_follow(grouped[2], grouped[1], decimals):
        out.append(_grouped_value(run, grouped))
    elif "." in decimals and _INDIAN.fullmatch(run):
        out.append(plain_value(run.replace(",", "")))
    sign = re.fullmatch(r"([0-9]+)([.,٫])([0-9]+)", run)
    if sign and (sign[2] in decimals or sign[2] == "٫" or (sign[2] == "." and not out)):
        out.append(plain_value(f"{sign[1]}.{sign[3]}"))
    if run.count(".") >= 2 and re.fullmatch(r"[0-9]+(?:\.[0-9]+)+", run):
        out.append(f"v{run}")  # a version, a date, an address
    return out


def _may_group(sign: str, decimals: str) -> bool:
    if sign in ".,":
        return sign not in decimals or len(decimals) == 2
    return True


def _may_follow(point: str | None, sign: str, decimals: str) -> bool:
    """Whether the language's decimal sign is what follows the groups: `615 000,00` is no English number."""
    return point is None or (point != sign and (point in decimals or point == "٫"))


def _grouped_value(run: str, grouped: re.Match[str]) -> str:
    decimal = grouped[2] or ""
    whole, fraction = run.rsplit(decimal, 1) if decimal and decimal in run else (run, "")
    return plain_value(re.sub(r"[^0-9]", "", whole) + (f".{fraction}" if fraction else ""))


def plain_value(text: str) -> str:
    """`007` and `7.0` are 7."""
    whole, _, fraction = text.partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def scaled_value(value: str, exponent: int) -> str:
    """`2.5` and 6 are 2500000."""
    whole, _, fraction = value.partition(".")
    digits = whole + fraction.ljust(exponent, "0")
    point = len(whole) + exponent
    return plain_value(f"{digits[:point]}.{digits[point:]}")


def loosened(numbers: list[Number]) -> list[Number]:
    """The same, without what multiplies as well: for where one of two languages' words for it are not known."""
    return [
        replace(item, readings=(*item.readings, *(_unscaled(value, item.exponent) for value in item.readings)))
        if item.exponent
        else item
        for item in numbers
    ]


def _unscaled(value: str, exponent: int) -> str:
    sign, value = ("-", value[1:]) if value.startswith("-") else ("", value)
    whole, _, fraction = value.rjust(exponent + 1, "0").partition(".")
    return sign + plain_value(f"{whole[:-exponent]}.{whole[-exponent:]}{fraction}")


def _is_negative(text: str, start: int) -> bool:
    """A sign right before the digits that is no hyphen, dash, range or option (`--3`)."""
    if start == 0 or text[start - 1] not in _MINUS:
        return False
    before = text[start - 2] if start >= 2 else " "
    return before.isspace() or before in "([{=:«\"'"


def is_percent(text: str, number: Number) -> bool:
    after = text[number.end : number.end + 2].lstrip(_SPACES)
    return after[:1] in ("%", "٪", "％") or text[max(number.start - 1, 0) : number.start] in ("%", "٪")
