"""What is sent: the stable first, the source last, only the terms that occur, and what failed."""

from __future__ import annotations

from gigctl.crafts import translation
from gigctl.crafts.translation.languages import language_name
from gigctl.model import AskContext, Content, Evidence, Example, Term, Verdict
from support.translating import tasks_of

CONTEXT = AskContext(
    terms=(Term("Prestataire", "Dienstleister"), Term("Client", "Kunde")),
    style="Sie, nie du.",
    examples=(Example("oui", "ja"),),
    notes=("kurz",),
)


def test_order_of_the_parts() -> None:
    task = tasks_of(b"# Titre\n\nLe prestataire livre.\n\nFin.\n")[1]
    request = translation.ask(task, CONTEXT)
    assert [part.role for part in request.parts] == ["system", "example", "term", "neighbour", "note", "source"]
    text = request.prompt()
    assert "French" in text
    assert "German" in text
    assert "Sie, nie du." in text
    assert "Dienstleister" in text
    assert "Kunde" not in text
    assert "Le prestataire livre." in request.parts[-1].text
    assert request.temperature == 0


def test_a_repair_tells_what_failed() -> None:
    task = tasks_of(b"Il y a 12 lampes.\n")[0]
    failed = Verdict("numbers", "fail", (Evidence("12 is in the source, missing in the draft"),))
    request = translation.ask(task, AskContext(failed=Content.of_text("Lampen."), failures=(failed,)))
    assert [part.role for part in request.parts[-2:]] == ["draft", "evidence"]
    assert request.parts[-2].text == "Lampen."
    assert "12 is in the source" in request.parts[-1].text


def test_another_sample_is_another_request() -> None:
    task = tasks_of(b"un mot\n")[0]
    request = translation.ask(task, AskContext(sample=2))
    assert (request.sample, request.seed) == (2, 2)
    assert request.temperature


def test_a_source_with_dollars_is_sent_as_it_is() -> None:
    task = tasks_of(b"Prix : $source ou ${x} mot\n")[0]
    assert "Prix : $source ou ${x} mot" in translation.ask(task, AskContext()).parts[-1].text


def test_language_names() -> None:
    assert [language_name(tag) for tag in ("fr", "pt-BR", "fr-BE", "tlh")] == [
        "French",
        "Brazilian Portuguese",
        "French (fr-BE)",
        "tlh",
    ]
