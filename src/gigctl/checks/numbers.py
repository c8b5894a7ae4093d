"""Are the numbers of the source in the draft, with the same values?

Read by language: `1.234,5` in German is `1,234.5` in English; `14h30` is `2:30 pm`; digits of other scripts count;
a small number written out as a word, a Roman one, a month's name are the same number. Beside the values: the percent
sign and the currency.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.languages import decimal_signs, month_pattern
from gigctl.checks.number_tokens import Number, ascii_digits, find_numbers, is_percent
from gigctl.checks.number_words import Spelling
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.placeholders import find_placeholders
from gigctl.checks.prose import MAX_EVIDENCE, at, blank_spans, prose
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "numbers"
VERSION = 1
HELP = "the source's numbers are in the draft, with the same values"
NEEDS_TREE = False

_ANY_DIGIT = re.compile(r"\d|[½¼¾⅓⅔]")
_PERCENT_WORD = re.compile(
    r"[%٪％]|per\s?cent|pour\s?cent|prozent|por\s?cien|por\s?cento|percent|procent|процент|prosent|بالم[ئا]|في الم",
    re.IGNORECASE,
)
_RUN = re.compile(r"[0-9](?:[.,'’٫٬ \u00a0\u202f\u2009]?[0-9])*")
_MINUS_WORD = re.compile(r"[-−–]|minus|moins|menos|meno|min\b|минус|ناقص", re.IGNORECASE)
_DAY_PART = re.compile(
    r"matin|après-midi|soir|nuit|afternoon|evening|morning|night|noon|tarde|mañana|noche|pomeriggio|mattin|sera\b|notte"
    r"|nachmittag|abend|morgen|mittag|manhã|noite|middag|avond|вечера|дня|утра|ночи|rano|wieczor|południ|مساء|صباح",
    re.IGNORECASE,
)
_CURRENCIES = {
    "EUR": r"€|\bEUR\b|\beuro|евро|يورو",
    "USD": r"\$|\bUSD\b|dollar|dólar|dolar|доллар|دولار",
    "GBP": r"£|\bGBP\b|\bpounds?\b|sterling|\blivres?\b|\blibras?\b|pfund|фунт|جنيه",
    "JPY": r"[¥￥円]|\bJPY\b|\byens?\b|иен|ين",
    "CHF": r"\bCHF\b|\bfrancs?\b|franken|franchi|франк|فرنك",
    "PLN": r"\bzł|\bPLN\b|zlot|злот",
    "RUB": r"₽|\bRUB\b|руб|rouble|ruble|rubel|rublo|روبل",
    "INR": r"₹|\bINR\b|rupee|roupie|rupie|rupia|рупи",
}
_CURRENCY_SIGN = re.compile(
    r"(?<=\d)\s?([€$£¥₽₹]|(?:EUR|USD|GBP|JPY|CHF|PLN|RUB)\b|zł)"
    r"|([€$£¥₽₹]|\b(?:EUR|USD|GBP|JPY|CHF|PLN|RUB))\s?(?=\d)"
)


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    if not _ANY_DIGIT.search(context.source) and not _ANY_DIGIT.search(content.text):
        return verdict(NAME, "pass")
    markdown = context.format == "markdown"
    source, draft = _readable(context.source, markdown), _readable(content.text, markdown)
    found = _compare(source, draft, context)
    return verdict(NAME, "fail", *found[:MAX_EVIDENCE]) if found else verdict(NAME, "pass")


def _readable(text: str, markdown: bool) -> str:
    """Code and addresses are `structure`'s, placeholders their own check's."""
    out = prose(text, markdown=markdown)
    # `%1` is also how Turkish writes one percent.
    return blank_spans(out, [(item.start, item.end) for item in find_placeholders(out) if not item.is_qt])


def _compare(source: str, draft: str, context: CheckContext) -> list[Evidence]:
    wanted = find_numbers(source, context.source_language)
    there = find_numbers(draft, context.target_language)
    missing, added = _unmatched(wanted, there)
    if missing:
        missing = _not_written_otherwise(missing, draft, context.target_language, added)
    if added:
        added = _not_written_otherwise(added, source, context.source_language, [])
    found = _miswritten(missing, added, draft, context.target_language)
    found += [
        at(_say(item, "in the source, missing in the draft"), source, item.start) for item in missing[:MAX_EVIDENCE]
    ]
    found += [at(_say(item, "in the draft, not in the source"), draft, item.start) for item in added[:MAX_EVIDENCE]]
    if not found:
        found = _percents(wanted, source, draft) + _currencies(source, draft)
    return found


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
    if not whole.isdigit() or not digits.startswith(whole):
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


def _not_written_otherwise(items: list[Number], other: str, language: str, added: list[Number]) -> list[Number]:
    """Those that the other text does not write as a word, a Roman number, a month, another hour or sign.

    What an hour or a sign was paired with leaves `added`.
    """
    spelling, names_a_part = Spelling(other, language), _DAY_PART.search(other) is not None
    stock: dict[str, list[Number]] = {}
    for there in added:
        stock.setdefault(there.readings[0], []).append(there)
    months: dict[int, bool] = {}
    left: list[Number] = []
    used: set[Number] = set()
    for item in items:
        paired = (_other_hour(item, stock) if names_a_part else None) or _sign_elsewhere(item, stock, other)
        if paired is not None:
            used.add(paired)
        elif not _is_spelt(item.whole, spelling, other, language, months):
            left.append(item)
    added[:] = [there for there in added if there not in used]
    return left


def _is_spelt(whole: int | None, spelling: Spelling, other: str, language: str, months: dict[int, bool]) -> bool:
    if whole is None:
        return False
    if whole not in months:
        months[whole] = _is_month(whole, other, language) or spelling.has(whole)
    return months[whole]


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


def _is_month(number: int, other: str, language: str) -> bool:
    pattern = month_pattern(language, number) if 1 <= number <= 12 else None
    return pattern is not None and pattern.search(other) is not None


def _percents(wanted: list[Number], source: str, draft: str) -> list[Evidence]:
    item = next((item for item in wanted if is_percent(source, item)), None)
    if item is None or _PERCENT_WORD.search(draft):
        return []
    return [at(f"{item.text} % in the source, no percent in the draft", source, item.start)]


def _currencies(source: str, draft: str) -> list[Evidence]:
    found = []
    for code in _signed_currencies(source):
        if not re.search(_CURRENCIES[code], draft, re.IGNORECASE):
            found.append(Evidence(f"{code} in the source, missing in the draft"))
    for code in _signed_currencies(draft):
        if not re.search(_CURRENCIES[code], source, re.IGNORECASE):
            found.append(Evidence(f"{code} in the draft, not in the source"))
    return found


def _signed_currencies(text: str) -> list[str]:
    signs = {found[1] or found[2] for found in _CURRENCY_SIGN.finditer(text)}
    return [code for code, pattern in _CURRENCIES.items() if any(re.fullmatch(pattern, sign) for sign in signs)]
