"""Numbers that a text writes out: `trente jours`, `two and a half million`, `fünfundvierzig`, `三十`.

Nine languages are read whole; of Chinese, Japanese and Korean their own numerals, so that they can be found, never so
that they must be: too many words are made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.languages import base_language
from gigctl.checks.number_atoms import JOINERS, atoms_of, pieces_of
from gigctl.checks.number_scales import RANGES, is_counted_in_myriads, scale_of_word

_JOINER = -1
_THOUSANDS = ("tausend", "duizend", "mila", "mille")
_TENS = frozenset(range(20, 100, 10))
_LONGEST = 100
_TIMES_HUNDRED = frozenset({"en", "fr", "de", "nl", "it"})
_JOIN_AFTER = frozenset({"en", "de", "nl", "pt", "it"})
_JOIN_TENS = frozenset({"es", "pt"})
"""Where a joiner stands after hundreds and thousands; where between tens and units."""
_WORD = re.compile(r"[^\W\d_]+")
_GAP = re.compile(r"(?:[ \u00a0\u202f\u2009]|\s?\n\s?|[-‐‑])")
_WIDEST_GAP = 2
_PART = re.compile(
    r"""[\s\u00a0-]*(?:
      (?:and|et|y|e|en|und|i|с|и)[\s-]+(?:an?\s|une?\s|una\s|um\s|uma\s|een\s|ein\s|eine\s)?
        (?:hal[fb]|demi|medi[oa]|mezz[oa]|mei[oa]|pół|половиной|quarter|quart|cuarto|viertel|kwart)
    | hal[fb]|demi|einhalb|dozens?\b|douzaines?\b|dutzend|docenas?\b|dozzin|dúzias?\b|dozijn|tuzin|дюжин|scores?\b
    | thirds?\b|quarters?\b|fifths?\b|sixths?\b|eighths?\b|tenths?\b|hundredths?\b|tiers\b|quarts?\b|cinquièmes?\b
    | dixièmes?\b|drittel|viertel|fünftel|zehntel|tercios?\b|tercer|cuart[oa]s?\b|quint[oia]s?\b|décim
    | terz[oi]\b|quart[oi]\b|terços?\b|derde|kwart|трет|четверт|trzeci|czwart
    | (?:points?|virgule|komma|coma|virgola|vírgula|przecinek|целых|целые)\b )""",
    re.VERBOSE | re.IGNORECASE,
)
"""What makes another number of the one before it: a half more, a fraction, a dozen, decimals."""
_PART_BEFORE = re.compile(
    r"(?:\bhal[fb](?: of)?(?: an?)?|\bhalbe[nrs]?|demi|medio|media|mezzo|mezza|mei[oa]|halve|пол|pół|point"
    r"|virgule|komma|coma|virgola|vírgula|целых|przecinek|\bper|\bpour|\bpor)[\s-]*$",
    re.IGNORECASE,
)
"""What takes the number that follows for itself; `pour cent` and its like are no hundred."""
_HALF = re.compile(r"hal[fbv]|demi|medi[oa]|mezz[oa]|mei[oa]|p[óo]ł|пол", re.IGNORECASE)
_DOUBTFUL = {
    "fr": frozenset({"neuf", "cents"}), "it": frozenset({"sei"}), "nl": frozenset({"acht"}), "ru": frozenset({"семью"}),
}  # fmt: skip
"""Words that mean something else as well, where they stand alone."""
_ABBREVIATED = frozenset({"sept", "dez"})
_NOUNS = frozenset({"Acht", "Elf"})
_LONGEST_ACRONYM = 3
"""`DOS`, `ELF`, `TEN`."""
_NO_PROSE = ("_", "--")
_BOTH = re.compile(
    r"\b(?:entre|tra|fra|between|zwischen|tussen|między|между|the|les|des|aux|ces|los|las|i|gli|le|dei|delle|ai|alle|os|as"
    r"|dos|das|die|der|den|beide[nrs]?|de|obu|obie|обе|эти)\s$"
)
_COLON = re.compile(r"[\s-](?:points?|puntos?|punti|pontos?|punkte?|dots?)\b")
"""`les deux parties` are both of them, `entre deux lignes` is between lines, and `due punti` a colon."""
_ALONE = frozenset({"mille", "mil", "tausend", "duizend"})
_ARTICLE = re.compile(r"\ba\s$")
_TAIL = 24
_KANJI = {c: n for n, c in enumerate("〇一二三四五六七八九")} | {
    "零": 0, "两": 2, "兩": 2, "壱": 1, "弐": 2, "参": 3, "十": 10, "百": 100, "千": 1000,
    "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "兆": 10**12,
    "영": 0, "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9,
    "십": 10, "백": 100, "천": 1000, "만": 10**4, "억": 10**8, "조": 10**12,
}  # fmt: skip
_NUMERALS = re.compile(f"[{''.join(_KANJI)}]{{1,24}}")


class Written(Struct, frozen=True):
    """`value` of a number in words. `clear`: it can mean nothing else, and the other text must have it."""

    text: str
    start: int
    end: int
    value: int
    clear: bool


def reads_words(language: str) -> bool:
    return bool(atoms_of(language))


def find_written(text: str, language: str) -> list[Written]:
    """In order of the text; what is a number in digits must have been blanked before."""
    if not reads_words(language):
        return []
    low = text.lower()
    if len(low) != len(text):  # a sign that grows, as `İ`
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    runs = [run for run in _runs(low, language) if len(run) > 1 or run[0][0] != (_JOINER,)]
    found = [item for run in runs for item in _numbers(run, text, low, language)]
    return _shared(_years(found, low) if base_language(language) == "en" else found, low)


def half_values(written: list[Written], text: str) -> set[int]:
    """What the numbers of a text may be with a half: `deux millions et demi`, `two and a half million`."""
    large = {item.value for item in written if item.value >= 1000 and not item.value % 1000}
    if not large or not _HALF.search(text):
        return set()
    small = {item.value for item in written if item.value < 1000}
    out = set()
    for value in large:
        scale = 10 ** (3 * ((len(str(value)) - 1) // 3))
        out |= {scale // 2, 3 * scale // 2, value + scale // 2}
        out |= {less * scale + scale // 2 for less in small}
    return out


def numeral_values(text: str, language: str) -> set[int]:
    """The values of the numerals of a Chinese, Japanese or Korean text, `五百万` for one."""
    if not is_counted_in_myriads(language):
        return set()
    return {_numeral(found.group()) for found in _NUMERALS.finditer(text)}


Token = tuple[tuple[int, ...], int, int]
"""The atoms of a word, its start and end."""


def _runs(low: str, language: str) -> Iterator[list[Token]]:
    """Words of numbers that follow each other with no more than a space or a hyphen between them."""
    known = {word: atoms for word in set(_WORD.findall(low)) if (atoms := _atoms(word, language))}
    if not known:
        return
    run: list[Token] = []
    for word in _WORD.finditer(low):
        atoms = known.get(word[0], ())
        if not atoms:
            continue
        start, end = word.span()
        if run and not (start - run[-1][2] <= _WIDEST_GAP and _GAP.fullmatch(low, run[-1][2], start)):
            yield run
            run = []
        run.append((atoms, start, end))
    if run:
        yield run


@lru_cache(maxsize=4096)
def _atoms(word: str, language: str) -> tuple[int, ...]:
    """The values that the word is made of; none where it is no number."""
    value = atoms_of(language).get(word)
    if value is not None:
        return (value,)
    base = base_language(language)
    if word in JOINERS.get(base, ()):
        return (_JOINER,)
    exponent = scale_of_word(word, base) if len(word) > 2 else None
    if exponent is not None and exponent >= 3:
        return (int(10**exponent),)
    pieces = pieces_of(base)
    if not pieces or not 5 < len(word) <= _LONGEST:
        return ()
    atoms = _split(word, base) or ()
    return atoms if _JOINER not in (*atoms[:1], *atoms[-1:]) else ()  # `eventi`, the plural `duizenden`


@lru_cache(maxsize=4096)
def _split(word: str, language: str) -> tuple[int, ...] | None:
    """`zwei|hundert|fünf|und|vierzig`; None where something is left."""
    if not word:
        return ()
    for piece, value in _pieces(language):
        if word.startswith(piece):
            rest = _split(word[len(piece) :], language)
            if rest is not None:
                return (value, *rest)
    return None


@cache
def _pieces(language: str) -> list[tuple[str, int]]:
    known = dict.fromkeys(JOINERS[language], _JOINER) | dict.fromkeys(_THOUSANDS, 1000) | pieces_of(language)
    return sorted(known.items(), key=lambda item: -len(item[0]))


def _numbers(run: list[Token], text: str, low: str, language: str) -> Iterator[Written]:
    base = base_language(language)
    atoms = [value for values, _, _ in run for value in values]
    of_word = [index for index, (values, _, _) in enumerate(run) for _ in values]
    at = 0
    while at < len(atoms):
        value, past = _longest(atoms, at, base)
        if past > at:
            start, end = run[of_word[at]][1], run[of_word[past - 1]][2]
            single = value if past == at + 1 else None
            clear = value >= 2 and _is_clear(text, low, start, end, single, base)
            yield Written(text[start:end], start, end, value, clear)
        at = max(past, at + 1)


def _longest(atoms: list[int], at: int, language: str) -> tuple[int, int]:
    """The value of the longest number that begins there, and where it is past: nowhere for a joiner."""
    sum_ = _Sum(language)
    past = at
    for index in range(at, len(atoms)):
        if atoms[index] == _JOINER:
            if past == at or sum_.joined:
                break
            sum_.joined = True
        elif sum_.add(atoms[index]):
            past = index + 1
        else:
            break
    return sum_.value, past


class _Sum:
    """A number in the making: `whole` of what is done, `part` before its next scale, `group` below a thousand."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.whole = self.part = self.group = 0
        self.last = 0
        self.joined = False

    @property
    def value(self) -> int:
        return self.whole + self.part + self.group

    def add(self, atom: int) -> bool:
        """Whether the number goes on with it."""
        joined, self.joined = self.joined, False
        return self._scale(atom, joined) if atom >= 1000 else self._group(atom, joined)

    def _scale(self, scale: int, joined: bool) -> bool:
        if joined or scale == self.last:
            return False
        if self.last and scale > self.last:  # `dos mil millones`
            self.part = (self.part + self.group) * scale
            if self.whole and self.part >= self.whole:
                return False
        else:
            self.whole, self.part = self.whole + self.part, (self.group or 1) * scale
        self.group, self.last = 0, scale
        return True

    def _group(self, atom: int, joined: bool) -> bool:
        if not self.group:
            if joined and self.language not in _JOIN_AFTER:
                return False
            self.group = atom
            return True
        added = self._below(self.group, atom, joined)
        if added:
            self.group = added
        return bool(added)

    def _below(self, group: int, atom: int, joined: bool) -> int:
        """The two together; 0 where they are two numbers."""
        low = group % 100
        if atom == 100 and self.language in _TIMES_HUNDRED:
            return group * 100 if group < 20 and group != 10 and not joined else 0
        if atom >= 100:
            return 0
        if low == 4 and atom == 20 and self.language == "fr":
            return 0 if joined else group + 76
        return group + atom if self._fits(low, atom, joined) else 0

    def _fits(self, low: int, atom: int, joined: bool) -> bool:
        """Whether what is below a hundred may take the atom: `vingt et un`, `soixante-dix`, `fünf und vierzig`."""
        french = self.language == "fr"
        if not low:
            return not joined or self.language in _JOIN_AFTER
        if french and low in (60, 80) and 10 <= atom <= 16:
            return not joined or (low, atom) == (60, 11)
        if low >= 20 and low % 10 == 0 and atom < 10:
            return not joined or self.language in _JOIN_TENS or (french and atom == 1)
        if french and low == 10 and 7 <= atom <= 9:
            return not joined
        return joined and low < 10 and atom in _TENS and self.language in ("de", "nl")


def _is_clear(text: str, low: str, start: int, end: int, single: int | None, language: str) -> bool:
    """Whether it is a number and nothing else. `single` is its value where it is but one word."""
    before, after = low[max(0, start - _TAIL) : start], low[end : end + _TAIL]
    if _PART.match(after) or _PART_BEFORE.search(before) or after[:1] == "_" or before.endswith(_NO_PROSE):
        return False
    if after[:1] in "-‐‑" and after[1:2].isalpha() and language != "en":  # `deux-points`, `mille-feuille`
        return False
    if single is None:
        return True
    word = low[start:end]
    if single == 2 and (_BOTH.search(before) or _COLON.match(after)):
        return False
    if word == low.strip() or (len(word) <= _LONGEST_ACRONYM and text[start:end].isupper()):
        return False
    if single >= 1000 or (single == 100 and language == "en"):
        return word in _ALONE or _ARTICLE.search(before) is not None
    if word in _ABBREVIATED and after[:1] == ".":
        return False
    return word not in _DOUBTFUL.get(language, ()) and text[start:end] not in _NOUNS


def _years(found: list[Written], low: str) -> list[Written]:
    """`nineteen ninety-nine` is one number."""
    out: list[Written] = []
    for item in found:
        last = out[-1] if out else None
        if last and 16 <= last.value <= 20 and 10 <= item.value <= 99 and low[last.end : item.start] == " ":
            text = f"{last.text} {item.text}"
            out[-1] = Written(text, last.start, item.end, last.value * 100 + item.value, clear=True)
        else:
            out.append(item)
    return out


def _shared(found: list[Written], low: str) -> list[Written]:
    """Of `two to three million` the first may be two million."""
    following = [*found[1:], None][: len(found)]
    return [
        replace(item, clear=False)
        if after and item.value < 1000 <= after.value and low[item.end : after.start].strip() in RANGES
        else item
        for item, after in zip(found, following, strict=True)
    ]


def _numeral(run: str) -> int:
    """`五百万` is 5,000,000; `二〇二四` is 2024."""
    whole = part = digit = 0
    for sign in run:
        value = _KANJI[sign]
        if value < 10:
            digit = digit * 10 + value
        elif value < 10**4:
            part, digit = part + (digit or 1) * value, 0
        else:
            whole, part, digit = whole + (part + digit or 1) * value, 0, 0
    return whole + part + digit
