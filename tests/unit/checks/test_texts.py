"""untranslated, ending, empty, repeated, length, terms, spreadsheet-formula."""

from __future__ import annotations

import pytest

from gigctl.checks.base import BadOption
from gigctl.checks.registry import get_check
from gigctl.model import Change, Content
from support.checking import messages, run_check, translate_check

FR = "Le prestataire remet son rapport au client avant la fin du mois de mars."
EN = "The contractor hands the report to the client before the end of March."
VALEDICTION = "Veuillez agréer, Madame, Monsieur, l'expression de mes salutations distinguées."


@pytest.mark.parametrize(
    ("source", "draft", "pair"),
    [
        (FR, EN, "fr-en"),
        ("Administration", "Administration", "en-fr"),
        ("New York Stock Exchange Holdings Incorporated", "New York Stock Exchange Holdings Incorporated", "en-fr"),
        ("Lancez `git log` https://example.org", "Run `git log` https://example.org", "fr-en"),
        (
            "The colour of the house is the one that you chose",
            "The colour of the house is the one that you chose",
            "en_US-en_GB",
        ),
        ("Запустите Docker Desktop", "Docker Desktop", "en-ru"),
        ("git remote remove <name>", "git remote remove <имя>", "en-ru"),
        (
            "Il lit « The quick brown fox jumps over the lazy dog ».",
            "He reads “The quick brown fox jumps over the lazy dog”.",
            "fr-en",
        ),
        (EN, "Исполнитель передаёт отчёт клиенту до конца марта.", "en-ru"),
        ("The price in 東京", "Le prix à 東京", "en-fr"),
    ],
)
def test_translated(source: str, draft: str, pair: str) -> None:
    assert messages(translate_check("untranslated", source, draft, pair)) == []


@pytest.mark.parametrize(
    ("source", "draft", "pair", "said"),
    [
        (FR, FR, "fr-en", "the draft is the source, word for word"),
        (f"Il pleut. {FR}", f"It rains. {FR}", "fr-en", "is still the source"),
        (EN, EN, "en-ru", "script of ru"),
        (EN, "Le prestataire 报告 remet son travail.", "en-fr", '"报告" is not in the script of fr'),
        (FR, "Voici ce que le prestataire doit faire pour le client dans les délais.", "fr-en", "reads as fr, not en"),
    ],
)  # fmt: skip
def test_untranslated(source: str, draft: str, pair: str, said: str) -> None:
    assert any(said in message for message in messages(translate_check("untranslated", source, draft, pair)))


TABLE = """| Mois | Ventes | Chiffre d'affaires |
| --- | ---: | ---: |
| Janvier | Jean Dupont, 3 rue de la Paix | 615\u00a0000,00\u00a0€ |
| Total transport | `dans le lot` | **Banque de France** |
"""


def test_a_cell_left_in_the_source_language() -> None:
    draft = TABLE.replace("Mois", "Month").replace("Janvier", "January")
    said = messages(translate_check("untranslated", TABLE, draft, form="markdown"))
    assert said == ['the cell "Chiffre d\'affaires" is still the source']
    evidence = translate_check("untranslated", TABLE, draft, form="markdown").evidence[0]
    assert (evidence.line, evidence.column) == (1, 20)


def test_names_and_short_labels_of_a_table_may_stay() -> None:
    draft = TABLE.replace("Mois", "Month").replace("Ventes", "Sales").replace("Chiffre d'affaires", "Turnover")
    assert messages(translate_check("untranslated", TABLE, draft, form="markdown")) == []


@pytest.mark.parametrize(
    ("source", "draft", "said"),
    [
        (FR, "The contractor hands the report to the", 'stops after "the"'),
        ("Il faut faire ceci :", "This must be done", "ends with a colon"),
        ("Le rapport (voir plus loin) est dû", "The report (see below is due", "( is opened"),
        ("Le rapport du prestataire", "The contractor's report and the", 'stops after "the"'),
        (FR, "The contractor hands the report to the client before", "ends with a stop"),
        ("Avant la fin du mois, le prestataire fait ceci :", "The contractor does this,", "ends with a colon"),
        ("Veuillez agréer mes salutations distinguées, Madame.", "Please accept, Madam,", "ends with a stop"),
        (FR, f"Here is the translation:\n\n{EN}", "added before"),
        (FR, f"Sure! {EN}", "added before"),
        (FR, f"{EN}\n\nNote: I kept the tone formal.", "added after"),
        (FR, f"{EN} (Note: the month is kept)", "added after"),
        (FR, f"```\n{EN}\n```", "code fence"),
        (FR, f"<think>hm</think>{EN}", "thinking"),
    ],
)
def test_a_bad_ending(source: str, draft: str, said: str) -> None:
    assert any(said in message for message in messages(translate_check("ending", source, draft)))


@pytest.mark.parametrize(
    ("source", "draft", "pair"),
    [
        (FR, EN, "fr-en"),
        (FR, EN[:-1] + "!", "fr-en"),
        ("Il a dit « non ».", "He said “no.”", "fr-en"),
        ("Remarque : il pleut.", "Note: it rains.", "fr-en"),
        ("Voulez-vous ?", "Do you want to?", "fr-en"),
        (EN, "契約者は三月末までに報告書を提出する。", "en-ja"),
        (EN, "ผู้รับจ้างส่งรายงาน", "en-th"),
        ("Titre", "Title", "fr-en"),
        ("Did you see that one there?", "هل رأيت ذلك هناك؟", "en-ar"),
        ("Et ainsi de suite jusque là…", "And so on until there...", "fr-en"),
        ("The file is not there any more.", "文件不再存在", "en-zh"),
        (VALEDICTION, "Yours sincerely,", "fr-en"),
        (VALEDICTION, "I look forward to your answer.\n\nKind regards", "fr-en"),
        (VALEDICTION, "Mit freundlichen Grüßen", "fr-de"),
        ("Dear Mr and Mrs Duval:", "Chère Madame, cher Monsieur,", "en-fr"),
        ("No changes in version %s.", "Aucun changement dans la version %s", "en-fr"),
        ("Only the owner of the file can read it (see the manual.)", "Seul le possesseur le lit (voir)", "en-fr"),
        ("This is not a directory.", "Ce n'est pas un répertoire", "en-fr"),
        ("Signé par", "Signed by the", "fr-en"),
        ("(ignored)", "(已忽略）", "en-zh"),
    ],
)
def test_a_good_ending(source: str, draft: str, pair: str) -> None:
    assert messages(translate_check("ending", source, draft, pair)) == []


def test_of_several_sentences_the_last_has_its_stop_in_chinese_too() -> None:
    verdict = translate_check(
        "ending", "The file is gone. It is not there any more today.", "文件没了。它不再", "en-zh"
    )
    assert messages(verdict) == ['the source ends with a stop, the draft with "文件没了。它不再"']


@pytest.mark.parametrize("draft", ["Yours sincerely,", "Yours faithfully"])
def test_a_letters_formula_may_be_short(draft: str) -> None:
    assert translate_check("length", VALEDICTION, draft).passed
    assert translate_check("length", VALEDICTION, "Madam,").outcome == "fail"


@pytest.mark.parametrize("draft", ["", "  \n", "\u200b\ufeff", "\x00", "…", "- "])
def test_empty(draft: str) -> None:
    assert translate_check("empty", "un mot", draft).outcome == "fail"


def test_not_empty() -> None:
    assert translate_check("empty", "un mot", "a word").passed
    assert translate_check("empty", "…", "…").passed
    assert run_check("empty", Content((), base="a" * 40)).outcome == "fail"
    assert run_check("empty", Content((Change("a", "100644", None),), base="a" * 40)).passed


@pytest.mark.parametrize(
    "draft",
    [
        "The report is due. " * 4,
        "and then and then and then and then and then",
        "no no no no no no",
        "报告已经提交给客户了" * 4,
        "The report is due today. It rains. The report is due today. Snow. The report is due today.",
    ],
)
def test_repeated(draft: str) -> None:
    assert translate_check("repeated", FR, draft).outcome == "fail"


def test_repetition_of_the_source_passes() -> None:
    assert translate_check("repeated", "Le rapport est dû. " * 4, "The report is due. " * 4).passed
    assert translate_check("repeated", "Très, très, très bien", "Very, very, very good").passed
    assert translate_check("repeated", FR, EN).passed


@pytest.mark.parametrize(
    ("value", "text", "said"),
    [
        ("120..160", "x" * 119, "119 characters, at least 120 were asked for: write 1 more"),
        ("..5", "sixsix", "6 characters, at most 5 were asked for: take out 1"),
        ("3..4 words", "a b", "2 words, at least 3 were asked for: write 1 more"),
        ("3..4 words", "a b c", ""),
        ("2..", "ab", ""),
    ],
)
def test_length_by_range(value: str, text: str, said: str) -> None:
    verdict = run_check("length", text, get_check("length").option(value))
    assert messages(verdict) == ([f"{said}"] if said else [])


@pytest.mark.parametrize("value", ["long", "5", "..", "160..120", "1..2 pages"])
def test_length_wants_a_range(value: str) -> None:
    with pytest.raises(BadOption):
        get_check("length").option(value)


def test_length_beside_the_source() -> None:
    assert translate_check("length", FR, EN).passed
    assert translate_check("length", FR, "The contractor.").outcome == "fail"
    assert translate_check("length", FR, EN * 4).outcome == "fail"
    assert translate_check("length", EN, "契約者は三月末までに報告書を提出する。", "en-ja").passed
    assert translate_check("length", "Oui", "Yes, indeed").passed


def test_terms() -> None:
    assert get_check("terms").option("gravel, -rubble, sand") == {
        "required": ["gravel", "sand"],
        "forbidden": ["rubble"],
    }
    options = {"required": ["service provider"], "forbidden": ["utiliz*", "vendor"]}
    assert run_check("terms", "Two Service  providers use it.", options).passed
    assert messages(run_check("terms", "A seller\nutilizes it.", options)) == [
        '"service provider" is required and missing',
        '"utilizes" is forbidden',
    ]


def test_the_glossary() -> None:
    terms = (("prestataire", "service provider"), ("loyer", "rent"))
    known = {"source": "Les prestataires payent.", "terms": terms}
    assert run_check("terms", "The service providers pay.", **known).passed
    assert messages(run_check("terms", "The contractors pay.", **known)) == [
        '"prestataire" is "service provider" for this client'
    ]


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@SUM(A1)", "\tx", " =1", "\n=1", "＝1", "\ufeff=1"])
def test_a_formula(text: str) -> None:
    assert run_check("spreadsheet-formula", text).outcome == "fail"


@pytest.mark.parametrize("text", ["x=1", "", "-5", "+3,5 %", "a-b", " x"])
def test_no_formula(text: str) -> None:
    assert run_check("spreadsheet-formula", text).passed
