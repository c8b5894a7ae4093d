"""Are the numbers of the source in the draft, with the same values?

Read by language: `1.234,5` in German is `1,234.5` in English; `14h30` is `2:30 pm`; digits of other scripts count;
what multiplies (`2 Mrd.`, `500万`) belongs to the value; a number written out as a word, a Roman one, a month are
the same number, and what the source clearly writes out must be there too. Beside the values: percent and the currency.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.languages import base_language, decimal_signs, month_pattern
from gigctl.checks.number_currencies import Currency, currency_at, names_currency
from gigctl.checks.number_months import find_months, may_name_month
from gigctl.checks.number_scales import has_magnitudes
from gigctl.checks.number_tokens import Number, ascii_digits, find_numbers, is_percent, loosened
from gigctl.checks.number_words import Spelling, names_part
from gigctl.checks.number_written import find_written, half_values, numeral_values, reads_words
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.placeholders import find_placeholders
from gigctl.checks.prose import MAX_EVIDENCE, at, blank_spans, excerpt, prose
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "numbers"
VERSION = 3
HELP = "the source's numbers are in the draft, with the same values"
NEEDS_TREE = False

_ANY_DIGIT = re.compile(r"\d|[½¼¾⅓⅔]")
_PERCENT_WORD = re.compile(
    r"[%٪％]|per\s?cent|pour\s?cent|prozent|por\s?cien|por\s?cento|percent|procent|процент|prosent|بالم[ئا]|في الم",
    re.IGNORECASE,
)
_RUN = re.compile(r"[0-9](?:[.,'’٫٬ \u00a0\u202f\u2009]?[0-9])*")
_MINUS_WORD = re.compile(r"[-−–]|minus|moins|menos|meno|min\b|минус|ناقص", re.IGNORECASE)
_MISSING, _ADDED = "in the source, missing in the draft", "in the draft, not in the source"
_MOST_DIGITS, _MOST_LOOKED_AT = 60, 100
_LEAST_ADDED = 3
"""Translators write of "both", "between" and "either" as of two."""
_DAY_PART = re.compile(
    r"matin|après-midi|soir|nuit|afternoon|evening|morning|night|noon|tarde|mañana|noche|pomeriggio|mattin|sera\b|notte"
    r"|nachmittag|abend|morgen|mittag|manhã|noite|middag|avond|вечера|дня|утра|ночи|rano|wieczor|południ|مساء|صباح",
    re.IGNORECASE,
)


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    if _has_none(context.source, context.source_language) and _has_none(content.text, context.target_language):
        return verdict(NAME, "pass")
    markdown = context.format == "markdown"
    source, draft = _readable(context.source, markdown), _readable(content.text, markdown)
    found = _compare(_Side(source, context.source_language), _Side(draft, context.target_language))
    return verdict(NAME, "fail", *found[:MAX_EVIDENCE]) if found else verdict(NAME, "pass")


def _has_none(text: str, language: str) -> bool:
    return not reads_words(language) and _ANY_DIGIT.search(text) is None


def _readable(text: str, markdown: bool) -> str:
    """Code and addresses are `structure`'s, placeholders their own check's."""
    out = prose(text, markdown=markdown)
    # `%1` is also how Turkish writes one percent.
    return blank_spans(out, [(item.start, item.end) for item in find_placeholders(out) if not item.is_qt])


class _Side:
    """One of the two texts: its numbers in digits and in words, and what it has of any value."""

    def __init__(self, text: str, language: str) -> None:
        self.text, self.language = text, language
        self.numbers = find_numbers(text, language) if _ANY_DIGIT.search(text) else []
        spans = [(item.start, item.end) for item in self.numbers]
        self.written = find_written(blank_spans(text, spans) if spans else text, language)
        self._spelling: Spelling | None = None
        self._spelt: dict[int, bool] = {}

    @cached_property
    def in_words(self) -> set[int]:
        """Every whole number that the text may be read to write out."""
        found = {item.value for item in self.written}
        return found | half_values(self.written, self.text) | numeral_values(self.text, self.language)

    @cached_property
    def in_digits(self) -> set[int]:
        readings = (reading for item in self.numbers for reading in item.readings)
        parts = (part for reading in readings for part in reading.strip("-").split(":"))
        return {int(part) for part in parts if part.isdigit() and len(part) <= _MOST_DIGITS}

    def spells(self, whole: int | None) -> bool:
        """Whether a whole number is written as a word, a Roman number, a month."""
        if whole is None:
            return False
        if whole not in self._spelt:
            self._spelling = self._spelling or Spelling(self.text, self.language)
            self._spelt[whole] = whole in self.in_words or self._names_month(whole) or self._spelling.has(whole)
        return self._spelt[whole]

    def _names_month(self, number: int) -> bool:
        pattern = month_pattern(self.language, number) if 1 <= number <= 12 else None
        return pattern is not None and pattern.search(self.text) is not None

    def keeps(self, word: str) -> bool:
        """Whether the other text's very word stands here: a name, a term that was left."""
        return re.search(rf"\b{re.escape(word)}\b", self.text, re.IGNORECASE) is not None

    def has(self, value: int) -> bool:
        """Whether the value is there in any form."""
        return value in self.in_digits or self.spells(value)


def _compare(source: _Side, draft: _Side) -> list[Evidence]:
    if not (has_magnitudes(source.language) and has_magnitudes(draft.language)):
        source.numbers, draft.numbers = loosened(source.numbers), loosened(draft.numbers)
    missing, added = _unmatched(source.numbers, draft.numbers)
    if missing:
        missing = _not_written_otherwise(_not_as_parts(missing, draft), draft, added)
    if added:
        added = _not_written_otherwise(_not_as_parts(added, source), source, [])
    found = _miswritten(missing, added, draft.text, draft.language)
    found += [at(_say(item, _MISSING), source.text, item.start) for item in missing[:MAX_EVIDENCE]]
    found += [at(_say(item, _ADDED), draft.text, item.start) for item in added[:MAX_EVIDENCE]]
    found += _words_without(source, draft, _MISSING) + _words_without(draft, source, _ADDED)
    return found or _percents(source, draft) + _currencies(source, draft) + _months(source, draft)


def _words_without(side: _Side, other: _Side, where: str) -> list[Evidence]:
    """What one side clearly writes out and the other has in no form."""
    if not (reads_words(other.language) or base_language(other.language) in ("zh", "ja")):
        return []
    least = 2 if where == _MISSING else _LEAST_ADDED
    wrong = [item for item in side.written if item.clear and item.value >= least and not other.has(item.value)]
    if wrong and (_DAY_PART.search(side.text) or _DAY_PART.search(other.text)):
        wrong = [item for item in wrong if item.value > 24 or not other.has((item.value + 12) % 24)]
    kept = {word: other.keeps(word) for word in {item.text for item in wrong[:_MOST_LOOKED_AT]}}
    wrong = [item for item in wrong[:_MOST_LOOKED_AT] if not kept[item.text]]
    return [at(f"{excerpt(item.text)} ({item.value}) {where}", side.text, item.start) for item in wrong[:MAX_EVIDENCE]]


def _miswritten(missing: list[Number], added: list[Number], draft: str, language: str) -> list[Evidence]:
    """Numbers whose digits are there with another language's separators, or none's: one finding, with the right form.

    They leave `missing`, and what their pieces were read as `added`.
    """
    found = []
    runs = _runs(draft) if added else {}
    for item in missing[:MAX_EVIDENCE]:  # each looks through all that was added
        digits = re.sub(r"\D", "", ascii_digits(item.text))
        form = _form(item, digits, language)
        run = next((run for run in runs.get(digits, ()) if run.group() != form), None)
        if run is None or not form or len(digits) == 1:
            continue
        runs[digits].remove(run)
        pieces = [piece for piece in added if run.start() <= piece.start < run.end()]
        if pieces:
            missing.remove(item)
            added[:] = [piece for piece in added if piece not in pieces]
            message = f"{run.group()} in the draft should be {form}, as {language} writes {item.text}"
            found.append(at(message, draft, run.start()))
    return found


def _runs(draft: str) -> dict[str, list[re.Match[str]]]:
    """What is written of digits and signs between them, by its digits, each as often as it comes."""
    runs: dict[str, list[re.Match[str]]] = {}
    for run in _RUN.finditer(ascii_digits(draft)):
        runs.setdefault(re.sub(r"\D", "", run.group()), []).append(run)
    return runs


def _form(item: Number, digits: str, language: str) -> str:
    """A plain number as the language writes it; empty for a time or a version."""
    whole = item.readings[0].partition(".")[0]
    if not whole.isdigit() or len(whole) > _MOST_DIGITS or not digits.startswith(whole):
        return ""
    point = decimal_signs(language)[0]
    fraction = digits[len(whole) :]
    return (f"{int(whole):,}" if point == "." else whole) + (point + fraction if fraction else "")


def _say(item: Number, where: str) -> str:
    sign = "-" if item.readings[0].startswith("-") else ""
    return f"{sign}{item.text} {where}"


def _unmatched(wanted: list[Number], there: list[Number]) -> tuple[list[Number], list[Number]]:
    """What is left of both when equal values are paired: first by the likeliest reading, then by any."""
    for depth in (1, 4):
        stock: dict[str, list[int]] = {}
        for index, item in enumerate(there):
            for reading in item.readings[:depth]:
                stock.setdefault(reading, []).append(index)
        wanted, used = _pair(wanted, stock, depth)
        there = [item for index, item in enumerate(there) if index not in used]
    return wanted, there


def _pair(wanted: list[Number], stock: dict[str, list[int]], depth: int) -> tuple[list[Number], set[int]]:
    left: list[Number] = []
    used: set[int] = set()
    for item in wanted:
        for reading in item.readings[:depth]:
            options = stock.get(reading, [])
            while options and options[-1] in used:
                options.pop()
            if options:
                used.add(options.pop())
                break
        else:
            left.append(item)
    return left, used


def _not_as_parts(items: list[Number], other: _Side) -> list[Number]:
    """Those that are not below a stroke and in words there: `3/4` is `three quarters`, `1/2` also `half`."""
    parts = [item for item in items if item.divides and names_part(other.text, other.language, item.whole)]
    ones = {item.start - 2 for item in parts}
    return [item for item in items if item not in parts and not (item.start in ones and item.readings == ("1",))]


def _not_written_otherwise(items: list[Number], other: _Side, added: list[Number]) -> list[Number]:
    """Those that the other text does not write as a word, a Roman number, a month, another hour or sign.

    What an hour or a sign was paired with leaves `added`.
    """
    names_a_part = _DAY_PART.search(other.text) is not None
    stock: dict[str, list[Number]] = {}
    for there in added:
        stock.setdefault(there.readings[0], []).append(there)
    left: list[Number] = []
    used: set[Number] = set()
    for item in items:
        paired = (_other_hour(item, stock) if names_a_part else None) or _sign_elsewhere(item, stock, other.text)
        if paired is not None:
            used.add(paired)
        elif not other.spells(item.whole):
            left.append(item)
    added[:] = [there for there in added if there not in used]
    return left


def _other_hour(item: Number, stock: dict[str, list[Number]]) -> Number | None:
    """`2:30 pm` as `2.30 del pomeriggio`: where the other text names a part of the day."""
    hour, _, minute = item.readings[0].partition(":")
    if not hour.isdigit() or int(hour[:3]) > 24:
        return None
    turned = str((int(hour) + 12) % 24)
    forms = [f"{turned}:{minute}"] if minute else []
    forms += [turned] if minute in ("", "00") else []
    return next((stock[form].pop() for form in forms if stock.get(form)), None)


def _sign_elsewhere(item: Number, stock: dict[str, list[Number]], other: str) -> Number | None:
    """`-5` as `minus 5`."""
    if not item.readings[0].startswith("-"):
        return None
    there = stock.get(item.readings[0].lstrip("-"), [])
    if there and _MINUS_WORD.search(other[max(0, there[-1].start - 12) : there[-1].start]):
        return there.pop()
    return None


def _percents(source: _Side, draft: _Side) -> list[Evidence]:
    item = next((item for item in source.numbers if is_percent(source.text, item)), None)
    if item is None or _PERCENT_WORD.search(draft.text):
        return []
    return [at(f"{item.text} % in the source, no percent in the draft", source.text, item.start)]


def _currencies(source: _Side, draft: _Side) -> list[Evidence]:
    """A sign that the other text has in no form; then, amount by amount, another currency."""
    paid, asked = _amounts(source), _amounts(draft)
    found = [Evidence(f"{code} {_MISSING}") for code in _unnamed(paid, draft.text)]
    found += [Evidence(f"{code} {_ADDED}") for code in _unnamed(asked, source.text)]
    if found:
        return found
    other = {value: frozenset().union(*(one.codes for one, _ in each)) for value, each in asked.items()}
    wrong = (
        (value, one, start)
        for value, each in paid.items()
        for one, start in each
        if value in other and not one.codes & other[value]
    )
    return [
        at(f"{value} is {one} in the source, {asked[value][0][0]} in the draft", source.text, start)
        for value, one, start in islice(wrong, MAX_EVIDENCE)
    ]


def _months(source: _Side, draft: _Side) -> list[Evidence]:
    """The day of a date is there, and its month is another."""
    wrong = (
        item
        for item in find_months(source.text, source.language)
        if not may_name_month(draft.text, draft.language, item.month)
    )
    return [
        at(f"the month of {excerpt(item.text)} is missing in the draft", source.text, item.start)
        for item in islice(wrong, MAX_EVIDENCE)
    ]


_Amounts = dict[str, list[tuple[Currency, int]]]


def _amounts(side: _Side) -> _Amounts:
    """Value -> the currencies beside it and where."""
    out: _Amounts = {}
    spans = [(item.readings[0], item.start, item.end) for item in side.numbers]
    spans += [(str(item.value), item.start, item.end) for item in side.written if item.value > 1]
    for value, start, end in spans:
        currency = currency_at(side.text, start, end)
        if currency is not None:
            out.setdefault(value, []).append((currency, start))
    return out


def _unnamed(amounts: _Amounts, other: str) -> list[str]:
    """The currencies whose sign or code one text has, and the other neither that nor a word."""
    signs = dict.fromkeys(one for each in amounts.values() for one, _ in each if one.sign)
    return sorted({str(one) for one in signs if not names_currency(other, one.codes)})
