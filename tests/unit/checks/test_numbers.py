"""The same numbers in two languages, and numbers that are not the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigctl.checks.number_tokens import find_numbers, plain_value
from gigctl.checks.number_words import Spelling
from gigctl.checks.number_written import find_written
from support.checking import messages, translate_check

SAME = [
    # separators
    ("fr-en", "Le prix est de 1 234,50 euros.", "The price is 1,234.50 euros."),
    ("fr-en", "Soit 1\u202f234\u202f567 pas", "That is 1,234,567 steps"),
    ("fr-en", "Soit 12\u00a0000 pas", "That is 12,000 steps"),
    ("fr-en", "Soit 12 000 pas", "That is 12\u202f000 steps"),
    ("en-es", "1,234.5 and 2,500", "1234,5 y 2500"),
    ("de-en", "1.234,56 Meter", "1,234.56 metres"),
    ("de-en", "Es sind 1.500 Stück.", "There are 1,500 pieces."),
    ("de_CH-en", "CHF 1'234.50", "CHF 1,234.50"),
    ("en-ru", "1,234.5 km", "1234,5 км"),
    ("en-hi", "12,34,567 rows", "१२,३४,५६७ पंक्तियाँ"),
    ("en-ar", "1,234.5 metres and 12 cars", "١٬٢٣٤٫٥ متر و ١٢ سيارة"),
    ("ja-en", "合計１２３個", "123 in total"),
    ("en-es_MX", "1,234.5", "1,234.5"),
    # words
    ("fr-en", "Il y a 3 fichiers.", "There are three files."),
    ("fr-en", "dans un délai de 30 jours", "within thirty days"),
    ("fr-en", "vingt et un jours", "21 days"),
    ("en-de", "12 months", "zwölfmonatig"),
    ("en-ru", "5 days", "пяти дней"),
    ("en-pl", "2 users", "dwóch użytkowników"),
    ("en-pl", "the 2nd form", "w drugiej formie"),
    ("en-ru", "less than 0", "меньше нуля"),
    ("en-ja", "a binary digit", "2進数"),
    ("en-it", "the 2nd page", "la seconda pagina"),
    ("en-ar", "2 minutes", "دقيقتان"),
    ("en-fr", "the 19th century", "le XIXe siècle"),
    ("en-fr", "1 file", "un fichier"),
    # times
    ("fr-en", "à 14h30", "at 2:30 pm"),
    ("fr-en", "à 14 h 30", "at 14:30"),
    ("en-fr", "at 2 pm", "à 14 h"),
    ("en-de", "at 2:30 p.m.", "um 14.30 Uhr"),
    ("en-es", "at 2:30 pm", "a las 2:30 de la tarde"),
    ("fr-en", "pendant 2 heures", "for 2 hours"),
    ("en-fr", "at 12:15 am", "à 0h15"),
    # dates
    ("fr-en", "le 1er mars 2024", "March 1, 2024"),
    ("en-fr", "on 2024-03-04", "le 4 mars 2024"),
    ("en-de", "12/01/2024", "12.01.2024"),
    ("en-fr", "on May 3rd", "le 3 mai"),
    ("de-en", "am 3. März", "on Mar 3"),
    ("fr-en", "le 3 mars", "on 03/03"),
    ("en-pl", "3 March 2024", "3 III 2024"),
    ("en-zh", "on March 3", "3月3日"),
    ("en-fr", "Item 3 may apply.", "L’élément 3 peut s’appliquer."),
    ("fr-en", "3 marchés", "3 contracts"),
    # parts
    ("fr-en", "les 3/4 de la somme", "three quarters of the sum"),
    ("fr-en", "les ¾ de la somme", "three-quarters of the sum"),
    ("fr-en", "1/2 de la somme", "Half the sum"),
    ("fr-en", "les 2/3 des voix", "two thirds of the votes"),
    ("en-de", "3/4 of it", "Dreiviertel davon"),
    ("en-fr", "three quarters of it", "les 3/4"),
    # signs, percent, currency
    ("en-fr", "at −5 °C", "à -5 °C"),
    ("en-fr", "at -5 °C", "à moins 5 °C"),
    ("fr-en", "de 10 à 12 %", "from 10 to 12 percent"),
    ("en-tr", "50% done", "%50 tamamlandı"),
    ("fr-en", "12 €", "€12"),
    ("en-fr", "$12", "12 dollars"),
    ("en-fr", "pages 3-5", "pages 3 à 5"),
    # scales, versions, codes
    ("en-fr", "1.5 million users", "1 500 000 utilisateurs"),
    ("en-fr", "2 million", "2 millions"),
    ("en-fr", "Python 3.11.7 and UTF-8", "Python 3.11.7 et UTF-8"),
    ("en-fr", "a ratio of 16:9", "un rapport de 16:9"),
    ("en-fr", "1½ cups", "1 1/2 tasses"),
    # what multiplies, by language
    ("en-fr", "2.5 billion euros", "2,5 milliards d’euros"),
    ("en-es", "2 billion euros", "2 mil millones de euros"),
    ("en-es", "2 trillion", "2 billones"),
    ("en-pt", "2 billion", "2 bilhões"),
    ("en-pl", "2 million users", "2 miliony użytkowników"),
    ("en-ru", "2.5 billion", "2,5 миллиарда"),
    ("en-zh", "5 million users", "500万用户"),
    ("en-ja", "1.5 billion", "15億"),
    ("en-ja", "120 million yen", "1億2000万円"),
    ("en-ja", "2 to 3 million", "200万から300万"),
    ("en-ko", "5 million won", "500만 원"),
    ("en-hi", "5 lakh rupees", "5 लाख रुपये"),
    ("en-de", "5 lakh", "500.000"),
    ("en-ro", "20 million", "20 de milioane"),
    ("en-it", "the 3-million project", "il progetto da 3 milioni"),
    ("en-fr", "€2.5M", "2,5 M€"),
    ("fr-en", "soit 5 k€", "or €5k"),
    ("fr-en", "soit 5 k€", "or 5,000 euros"),
    ("en-fr", "5k users", "5 000 utilisateurs"),
    ("en-zh", "5 km", "5千米"),
    ("en-fr", "between 2 and 3 million", "entre 2 et 3 millions"),
    ("en-sw", "2 million", "milioni 2"),
    ("fr-en", "1 000 000 de fois", "a million times"),
    ("en-ru", "two million", "2 млн"),
    ("fr-en", "deux millions et demi", "2.5 million"),
    ("en-de", "half a million", "eine halbe Million"),
    # written out
    ("en-fr", "in nineteen ninety-nine", "en 1999"),
    ("fr-en", "trente (30) jours", "thirty (30) days"),
    ("en-zh", "within thirty days", "在三十天内"),
    ("en-zh", "within thirty days", "在30天内"),
    ("fr-en", "à quatorze heures", "at 2 pm"),
    ("fr-en", "un produit neuf", "a new product"),
    ("fr-en", "les deux parties", "the parties"),
    ("fr-en", "entre deux lignes", "between lines"),
    ("fr-en", "cent pour cent", "100 percent"),
    ("en-fr", "of two_phase and --two-way", "de two_phase et --two-way"),
    ("en-it", "an event of DOS", "uno degli eventi di DOS"),
    ("en-es", "a two-phase commit", "un «two-phase commit»"),
    ("en-fi", "within thirty days", "kolmessakymmenessä päivässä"),
    # one currency, however it is written
    ("en-zh", "The price is $100.", "价格为100美元。"),
    ("en-zh", "€100", "100欧元"),
    ("en-ja", "$100", "100ドル"),
    ("zh-en", "100元", "100 yuan"),
    ("en-fr", "100 CAD", "100 $"),
    ("en-fr", "US$1,200,000", "1,2 million de dollars"),
    ("fr-en", "500 livres", "500 books"),
    ("fr-en", "500 euros", "500"),
    ("en-fr", "3 European countries", "3 pays européens"),
]
OTHER = [
    ("fr-en", "Il y a 12 fichiers.", "There are files.", ["12 in the source, missing in the draft"]),
    ("fr-en", "Il y a des fichiers.", "There are 12 files.", ["12 in the draft, not in the source"]),
    ("de-en", "Es sind 1.500 Stück.", "There are 1.500 pieces.",
     ["1.500 in the draft should be 1,500, as en writes 1.500"]),
    ("fr-en", "Soit 1,5 mètre", "That is 1,5 metres", ["1,5 in the draft should be 1.5, as en writes 1,5"]),
    ("fr-en", "de 4 800,00 € et 7 jours", "of 4,800,00 € and 6 days",
     ["4,800,00 in the draft should be 4,800.00, as en writes 4 800,00", "7 in the source, missing in the draft",
      "6 in the draft, not in the source"]),
    ("fr-en", "soit 615 000,00 €", "or 615 000,00 €",
     ["615 000,00 in the draft should be 615,000.00, as en writes 615 000,00"]),
    ("fr-en", "| 1\u202f615,50 € | 1\u202f615,50 € |", "| 1\u202f615,50 € | 1\u202f615,50 € |",
     ["1\u202f615,50 in the draft should be 1,615.50, as en writes 1\u202f615,50"] * 2),
    ("en-fr", "1,234.50 dollars", "1.234.50 dollars",
     ["1.234.50 in the draft should be 1234,50, as fr writes 1,234.50"]),
    ("fr-en", "Soit 1,5 mètre", "That is 15 metres", None),
    ("en-fr", "at 2:30 pm", "à 2h30", None),
    ("fr-en", "à 14h30", "at 2:30", None),
    ("en-fr", "at -5 °C", "à 5 °C",
     ["-5 in the source, missing in the draft", "5 in the draft, not in the source"]),
    ("fr-en", "12 € par mois", "$12 a month",
     ["EUR in the source, missing in the draft", "USD in the draft, not in the source"]),
    ("fr-en", "soit 10 % du prix", "that is 10 of the price", ["10 % in the source, no percent in the draft"]),
    ("en-fr", "4 files", "quatorze fichiers", None),
    ("en-fr", "5 and 5", "5", None),
    ("en-ar", "13 cars", "١٢ سيارة", None),
    ("fr-en", "2 millions d’euros", "2 billion euros",
     ["2 millions in the source, missing in the draft", "2 billion in the draft, not in the source"]),
    ("fr-en", "2 millions d’euros", "2 thousand euros", None),
    ("fr-en", "2 millions d’euros", "2 euros", None),
    ("fr-en", "2,5 millions", "2.5 billion", None),
    ("en-fr", "2 billion", "2 billions", None),
    ("en-es", "2 billion euros", "2 billones de euros", None),
    ("en-de", "3 million dollars", "3 Milliarden Dollar", None),
    ("en-zh", "5 million users", "500亿用户", None),
    ("en-hi", "5 lakh rupees", "5 करोड़ रुपये", None),
    ("en-fr", "€2.5M", "2,5 €", None),
    ("fr-en", "soit 5 k€", "or €5", None),
    ("fr-en", "le 3 mars 2024", "on May 3, 2024", ["the month of 3 mars is missing in the draft"]),
    ("en-fr", "on May 3rd", "le 3 mars", ["the month of May 3rd is missing in the draft"]),
    ("ru-en", "3 марта", "May 3", None),
    ("fr-en", "les 3/4", "two quarters", ["3 in the source, missing in the draft"]),
    ("fr-en", "les 3/4", "three thirds", ["4 in the source, missing in the draft"]),
    ("fr-en", "le 3/4/2024", "three quarters of 2024", None),
    ("fr-en", "pendant 4 jours", "for a quarter of the days", None),
    ("fr-en", "Délai de trente jours.", "Period of thirteen days.",
     ["trente (30) in the source, missing in the draft", "thirteen (13) in the draft, not in the source"]),
    ("fr-en", "trente (30) jours", "thirteen (30) days", ["thirteen (13) in the draft, not in the source"]),
    ("fr-en", "soit cinq cents euros", "or five thousand euros", None),
    ("fr-en", "pendant deux ans", "for three years", None),
    ("de-en", "zweihundert Euro", "three hundred euros", None),
    ("ru-en", "в течение тридцати дней", "within thirteen days", None),
    ("en-zh", "within thirty days", "在十三天内", ["thirty (30) in the source, missing in the draft"]),
    ("fr-en", "500 euros", "500 dollars", ["500 is EUR in the source, USD in the draft"]),
    ("fr-en", "soit cinq cents euros", "or five hundred dollars", ["500 is EUR in the source, USD in the draft"]),
    ("en-de", "500 euros and 300 dollars", "500 Dollar und 300 Euro",
     ["500 is EUR in the source, USD in the draft", "300 is USD in the source, EUR in the draft"]),
]  # fmt: skip


@pytest.mark.parametrize(("pair", "source", "draft"), SAME)
def test_the_same_numbers_pass(pair: str, source: str, draft: str) -> None:
    assert messages(translate_check("numbers", source, draft, pair)) == []


@pytest.mark.parametrize(("pair", "source", "draft", "said"), OTHER)
def test_other_numbers_fail(pair: str, source: str, draft: str, said: list[str] | None) -> None:
    verdict = translate_check("numbers", source, draft, pair)
    assert verdict.outcome == "fail"
    if said is not None:
        assert messages(verdict) == said


def test_evidence_says_where() -> None:
    evidence = translate_check("numbers", "deux lignes", "one line\nand 77 more").evidence[0]
    assert (evidence.line, evidence.column) == (2, 5)


def test_numbers_in_code_addresses_and_placeholders_are_others_business() -> None:
    source = "Voir `x = 5`, https://example.org/12, %2$s et {0}."
    assert translate_check("numbers", source, "See it.", form="markdown").passed


def test_values_are_read_by_language() -> None:
    assert [number.readings[0] for number in find_numbers("1.500 und 2,5", "de")] == ["1500", "2.5"]
    assert [number.readings[0] for number in find_numbers("1.500 and 2,500", "en")] == ["1.5", "2500"]


@settings(deadline=None)  # the first of each language loads its rules
@given(st.integers(0, 999), st.sampled_from(["fr", "en", "de", "es", "it", "pt", "nl", "pl", "ru"]))
def test_a_language_spells_its_numbers(number: int, language: str) -> None:
    from unicode_rbnf import RbnfEngine

    words = RbnfEngine.for_language(language).format_number(number).text
    assert Spelling(f"xx {words} yy", language).has(number)


_SPELT = ["en", "fr", "de", "es", "it", "pt", "nl", "pl", "ru"]


@settings(deadline=None)
@given(
    st.integers(2, 10**6) | st.integers(1, 999).flatmap(lambda n: st.sampled_from([n * 10**6, n * 10**9, n * 10**12])),
    st.sampled_from(_SPELT),
)
def test_a_number_that_is_written_out_is_read_in_every_gender_and_case(number: int, language: str) -> None:
    from unicode_rbnf import FormatPurpose, RbnfEngine

    spelt = RbnfEngine.for_language(language).format_number(number, purpose=FormatPurpose.CARDINAL)
    for words in set(spelt.text_by_ruleset.values()):
        plain = words.replace("\xad", "")
        assert [item.value for item in find_written(f"xx {plain} yy", language)] == [number], words


@given(st.text(st.sampled_from(sorted("et deux cent mille vingt-million 2万億五百 € M,.\n")), max_size=60))
def test_any_text_is_compared_with_itself(text: str) -> None:
    for language in ("fr", "de", "zh"):
        assert translate_check("numbers", text, text, f"{language}-{language}").passed


def test_words_mean_what_they_mean_in_their_language() -> None:
    clear = {
        item.text: item.value
        for item in find_written("deux millions, neuf, cinquante cents, mille", "fr")
        if item.clear
    }
    assert clear == {"deux millions": 2 * 10**6, "cinquante": 50, "mille": 1000}
    assert not find_written("one and a half of the other", "fi")


@pytest.mark.parametrize(
    ("source", "draft"), [("1" * 6000, "2" * 6000), ("deux " * 3000, "two " * 3000), ("zwei" * 9000, "二" * 9000)]
)
def test_what_is_far_too_long_is_answered(source: str, draft: str) -> None:
    for pair in ("fr-en", "de-zh", "zh-ja"):
        translate_check("numbers", source, draft, pair)


@given(st.integers(0, 10**12))
def test_grouping_keeps_the_value(number: int) -> None:
    for language, written in (
        ("en", f"{number:,}"),
        ("de", f"{number:,}".replace(",", ".")),
        ("fr", f"{number:,}".replace(",", "\u202f")),
    ):
        assert [item.readings[0] for item in find_numbers(written, language)] == [str(number)]


@given(st.decimals(0, 10**6, places=3))
def test_a_plain_value_is_the_same_number(value: object) -> None:
    from decimal import Decimal

    assert Decimal(plain_value(f"{value:f}")) == value
