"""What the checks know of languages: script, decimal sign, function words, months. Tags are BCP 47.

Sources: CLDR for scripts, decimal signs and months; function words are the commonest of each language that its
neighbours do not share. A language that is in no table gets the lenient answer, never an alarm.
"""

from __future__ import annotations

import re
from functools import cache

SCRIPTS = {
    "Latn": "A-Za-zªºÀ-ÖØ-öø-ʯḀ-ỿ",
    "Cyrl": "Ѐ-ԯᲀ-ᲈ",
    "Grek": "Ͱ-Ͽἀ-῿",
    "Arab": "\u0620-\u065f\u066e-\u06ef\u06fa-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Hebr": "\u0591-\u05f4",
    "Deva": "\u0900-\u0965\u0970-\u097f",
    "Thai": "\u0e01-\u0e3a\u0e40-\u0e4e",
    "Hang": "\u1100-\u11ff\uac00-\ud7af",
    "Kana": "\u3041-\u3096\u30a1-\u30fa",
    "Hani": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "Armn": "\u0531-\u0587",
    "Geor": "\u10a0-\u10ff",
    "Beng": "\u0980-\u09e5",
    "Taml": "\u0b80-\u0be5",
}
_SCRIPT_OF = {
    "ru": "Cyrl", "uk": "Cyrl", "be": "Cyrl", "bg": "Cyrl", "mk": "Cyrl", "ky": "Cyrl", "mn": "Cyrl",
    "el": "Grek", "ar": "Arab", "fa": "Arab", "ur": "Arab", "he": "Hebr", "yi": "Hebr",
    "hi": "Deva", "mr": "Deva", "ne": "Deva", "th": "Thai", "ko": "Hang", "ja": "Kana", "zh": "Hani", "yue": "Hani",
    "hy": "Armn", "ka": "Geor", "bn": "Beng", "ta": "Taml",
}  # fmt: skip
_LATIN_TAGS = (
    "af az bs ca cs cy da de en eo es et eu fi fil fr ga gl hr hu id is it lb lt lv ms mt nb nl nn no pl pt ro sk sl sq"
    " sv sw tr vi"
)
_LATIN = frozenset(_LATIN_TAGS.split())
_BESIDE = {"ja": ("Hani",), "ko": ("Hani",), "yue": ("Hani",)}
_UNDECIDED = frozenset({"sr", "kk", "uz", "az", "tg", "tt", "pa", "ku", "bs"})
_DOT_DECIMAL = frozenset({"en", "zh", "ja", "ko", "th", "he", "yi", "hi", "bn", "ta", "yue", "ms", "fil", "cy", "ga"})
_DOT_DECIMAL_REGIONS = frozenset({
    "es-mx", "es-us", "es-pr", "es-gt", "es-hn", "es-ni", "es-pa", "es-pe",
    "es-sv", "es-do", "de-ch", "de-li", "it-ch",
})  # fmt: skip
_EITHER_DECIMAL = frozenset({"", "ar", "fa", "ur", "mr", "ne"})
COMPOUNDING = frozenset(
    {"de", "nl", "sv", "da", "nb", "nn", "no", "fi", "hu", "et", "ru", "uk", "be", "pl", "cs", "sk"}
)
"""Languages that write a number and its noun as one word (`zwölfmonatig`, `двухмесячный`)."""
STOP_MAY_GO = frozenset({"ja", "zh", "ko", "yue"})
"""Where a text of one sentence often has no full stop."""
NO_FULL_STOP = frozenset({"th", "lo", "km", "my", "bo", "dz"})
"""Scripts that end a sentence with a space, or with a sign of their own."""


def base_language(tag: str) -> str:
    return tag.replace("_", "-").split("-")[0].casefold()


@cache
def scripts_of(tag: str) -> frozenset[str]:
    """The scripts that a text in the language is written in; empty where that is not known."""
    base = base_language(tag)
    for part in tag.replace("_", "-").split("-")[1:]:
        if len(part) == 4 and part.isalpha():
            named = {"Hans": "Hani", "Hant": "Hani", "Jpan": "Kana", "Kore": "Hang"}.get(part.title(), part.title())
            return frozenset({named, *_BESIDE.get(base, ())}) if named in SCRIPTS else frozenset()
    if base in _SCRIPT_OF:
        return frozenset({_SCRIPT_OF[base], *_BESIDE.get(base, ())})
    return frozenset({"Latn"}) if base in _LATIN and base not in _UNDECIDED else frozenset()


@cache
def letters_of(scripts: frozenset[str]) -> re.Pattern[str]:
    """One letter of any of these scripts."""
    return re.compile("[" + "".join(SCRIPTS[name] for name in sorted(scripts)) + "]")


@cache
def decimal_signs(tag: str) -> str:
    """`.`, `,` or both, where either is written."""
    base, whole = base_language(tag), tag.replace("_", "-").casefold()
    if base in _EITHER_DECIMAL or whole == "es-419":
        return ".,"
    return "." if base in _DOT_DECIMAL or whole in _DOT_DECIMAL_REGIONS else ","


_FUNCTION_WORDS = {
    "en": """a an the of and to is are that with this for be by from which you it was will have not in on as or if your
        can when has""",
    "fr": "le les des et est une dans pour que qui sur avec ce cette vous du sont pas aux être en on ou si a",
    "de": """der die das und ist nicht mit den von zu ein eine für auf werden sie wird dem auch sich in an im am um so
        oder wenn hat""",
    "es": "el los las y es una del por que con para se su más como esta son este sin al en o si ha a",
    "it": "il gli di e che per una non della sono con è del dei nel alla questo anche più si in o ha se a",
    "pt": "o os e uma para não do da dos das com em é que são ao pelo você no na se ou há a",
    "nl": "de het een en van is niet met voor op te dat zijn wordt deze die aan bij ook worden in of als kan heeft",
    "pl": "nie się jest na do że i z w dla przez od są lub jak to oraz po tego jego a",
    "ru": "и в не на что с по для это как от или из к при он все его было если",
}


@cache
def function_words(tag: str) -> frozenset[str]:
    return frozenset(_FUNCTION_WORDS.get(base_language(tag), "").split())


_NEVER_LAST = {
    "en": "a an the and or of",
    "fr": "le la les l des du de d au aux et ou à dans pour sur que qui par ce cette ces avec en",
    "de": "der den dem des und oder eine einen einem einer eines im zum zur vom",
    "es": "el los las un una del de y o u con para que en por al su sus",
    "it": "il lo gli un una di del dei della delle al alla e o che da dal nel nella con per",
    "pt": "o os um uma de do da dos das e ou em no na com para que por ao",
    "nl": "de het een en of van voor met",
    "pl": "i w z na do dla przez od lub oraz ze we przy jest",
    "ru": "и в на с по для от из к при или не что со во",
}


@cache
def never_last(tag: str) -> frozenset[str]:
    """Words that want another after them: articles, and those prepositions and conjunctions that end no sentence."""
    return frozenset(_NEVER_LAST.get(base_language(tag), "").split())


_VALEDICTION = re.compile(
    r"""(?:^|[.!?,\n]\s*)(?:
      (?:yours\ (?:very\ )?(?:sincerely|faithfully|truly|respectfully)|(?:very\ )?(?:sincerely|respectfully)(?:\ yours)?
        |(?:with\ )?(?:my\ |our\ )?(?:best|kind|kindest|warm|warmest)?\ ?(?:regards|wishes))
    | (?:bien\ |très\ )?(?:cordialement|sincèrement|respectueusement)|bien\ à\ vous|(?:sincères\ )?salutations
    | mit\ (?:freundlichen|besten|herzlichen)\ grü(?:ß|ss)en|hochachtungsvoll|(?:viele|beste|herzliche)\ grü(?:ß|ss)e
    | (?:le\ saluda\ |muy\ )?(?:atentamente|cordialmente)|un\ (?:cordial|atento)\ saludo|(?:cordiales\ )?saludos
    | (?:cordiali|distinti|migliori)\ saluti
    | (?:atenciosamente|respeitosamente)|(?:com\ os\ )?(?:melhores\ )?cumprimentos
    | met\ (?:vriendelijke|hartelijke)\ groet(?:en)?|hoogachtend | z\ (?:poważaniem|wyrazami\ szacunku)
    | с\ (?:глубоким\ )?уважением | مع\ (?:خالص\ |فائق\ )?(?:التحية|الاحترام) | 敬具 | 此致 )\s*[,،，]?\s*$""",
    re.IGNORECASE | re.VERBOSE,
)


def ends_with_valediction(text: str) -> bool:
    """Whether a letter's formula ends it ("Yours sincerely,"): one language's sentence is another's two words."""
    return _VALEDICTION.search(text, max(0, len(text) - 80)) is not None


_MONTHS = {
    "en": "jan feb mar apr may jun jul aug sep oct nov dec",
    "fr": "janv févr|fevr mars avr mai juin juil août|aout sept oct nov déc|dec",
    "de": "jan|jän feb mär|mrz apr mai jun jul aug sep okt nov dez",
    "es": "ene feb mar abr may jun jul ago sep|set oct nov dic",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "nl": "jan feb maa|mrt apr mei jun jul aug sep okt nov dec",
    "pl": "sty lut mar kwi maj czerw lip sie wrz paź lis gru",
    "ru": "янв фев мар апр мая|май июн июл авг сен окт ноя дек",
    "ar": "يناير فبراير مارس أبريل|ابريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
}


@cache
def month_pattern(tag: str, month: int) -> re.Pattern[str] | None:
    """What a word begins with that names the month (1 to 12)."""
    stems = _MONTHS.get(base_language(tag), "").split()
    return re.compile(rf"\b(?:{stems[month - 1]})", re.IGNORECASE) if stems else None
