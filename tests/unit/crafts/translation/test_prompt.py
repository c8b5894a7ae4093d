"""What is sent: the stable first, the source last, only the terms that occur, and what failed."""

from __future__ import annotations

from importlib.resources import files

import pytest

from gigctl.crafts import translation
from gigctl.crafts.translation.languages import language_name
from gigctl.model import AskContext, Content, Evidence, Example, Task, Term, Verdict
from support.translating import tasks_of

FRAMED = ("instruction", "source", "instruction")
CONTEXT = AskContext(
    terms=(Term("Prestataire", "Dienstleister"), Term("Client", "Kunde")),
    style="Sie, nie du.",
    examples=(Example("oui", "ja"),),
    notes=("kurz",),
)


def test_order_of_the_parts() -> None:
    task = tasks_of(b"# Titre\n\nLe prestataire livre.\n\nFin.\n")[1]
    request = translation.ask(task, CONTEXT)
    assert [part.role for part in request.parts] == ["system", "example", "term", "neighbour", "note", *FRAMED]
    text = request.prompt()
    assert "French" in text
    assert "German" in text
    assert "Sie, nie du." in text
    assert "Dienstleister" in text
    assert "Kunde" not in text
    assert request.parts[-2].text == "Le prestataire livre."
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
    request = translation.ask(task, AskContext())
    assert [part.text for part in request.parts if part.role == "source"] == ["Prix : $source ou ${x} mot"]
    assert "\n<source>\nPrix : $source ou ${x} mot\n</source>" in request.prompt()


@pytest.mark.parametrize("source", ["# Titre\n", "un mot\nencore\n", "| a | b |\n|---|---|\n| un | deux |\n"])
def test_the_text_that_is_sent_is_the_one_that_the_embedded_model_was_tuned_on(source: str) -> None:
    """Byte for byte what it was when instruction and source were one part."""
    task = tasks_of(b"Avant.\n\n" + source.encode())[1]
    form = {"heading": "heading", "table": "table"}.get(task.place["kind"], "text")
    template = files("gigctl.crafts.translation").joinpath("prompts", f"ask_{form}.txt").read_text(encoding="utf-8")
    whole = template.strip("\n").replace("$target_language", "German").replace("$source", task.input.text)
    request = translation.ask(task, CONTEXT)
    system, *others = [part.text for part in request.parts if part.role not in ("instruction", "source")]
    assert request.messages() == [
        {"role": "system", "content": system},
        {"role": "user", "content": "\n\n".join([*others, whole])},
    ]
    assert request.prompt() == "\n\n".join([system, *others, whole])


def test_a_brief_with_blank_lines_around_it_is_sent_as_it_stands() -> None:
    task = Task("acme-0.1", "translation", Content.of_text("\nun mot\n\n"), target_language="de")
    assert translation.ask(task, AskContext()).prompt().endswith("<source>\n\nun mot\n\n\n</source>")


def test_language_names() -> None:
    assert [language_name(tag) for tag in ("fr", "pt-BR", "fr-BE", "tlh")] == [
        "French",
        "Brazilian Portuguese",
        "French (fr-BE)",
        "tlh",
    ]
