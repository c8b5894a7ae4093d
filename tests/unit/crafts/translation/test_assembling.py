"""Names of the delivered files, and what is refused."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.crafts import translation
from gigctl.crafts.base import BadSource
from gigctl.crafts.translation.assembling import target_names
from gigctl.model import Content, Gig, Source, Task
from support.translating import GIG, tasks_of


def _gig(*languages: str) -> Gig:
    return Gig("acme-1", "translation", source_language="fr", target_languages=languages)


@pytest.mark.parametrize(
    ("name", "languages", "wanted"),
    [
        ("contrat.fr.md", ("en",), "contrat.en.md"),
        ("d/contrat_FR.md", ("en",), "d/contrat_en.md"),
        ("contrat.md", ("en",), "contrat.en.md"),
        ("contrat.md", ("en", "de"), "en/contrat.md"),
        ("contrat.fr.md", ("en", "de"), "contrat.en.md"),
    ],
)
def test_names(name: str, languages: tuple[str, ...], wanted: str) -> None:
    assert target_names(_gig(*languages), [name], "en")[name] == wanted


_NAMES = ["a.md", "a.fr.md", "a.en.md", "a.de.md", "en/a.md", "en/a.fr.md", "de/a.md", "A.fr.md", "fr.md", "a_fr.md"]


@given(st.lists(st.sampled_from(_NAMES), unique_by=str.casefold), st.sampled_from([("en",), ("en", "de")]))
def test_no_two_files_meet(names: list[str], languages: tuple[str, ...]) -> None:
    made = [target_names(_gig(*languages), names, to)[name] for to, name in product(languages, names)]
    assert len({name.casefold() for name in made}) == len(names) * len(languages)


def test_an_edit_of_more_lines_stays_in_its_quote() -> None:
    source = Source("a.md", b"> - un mot\r\n\r\nfin\r\n")
    task = tasks_of(source.data, source.name)[0]
    (made,) = translation.assemble(GIG, [source], [(task, Content.of_text("ein Wort\nund mehr\n"))], "de")
    assert made.data == b"> - ein Wort\r\n>   und mehr\r\n\r\nfin\r\n"


def test_another_file_is_refused() -> None:
    task = tasks_of(b"un mot\n")[0]
    with pytest.raises(BadSource, match="not the file"):
        translation.assemble(GIG, [Source("a.fr.md", b"autre chose\n")], [(task, task.input)], "de")


def test_a_brief_alone_is_a_file() -> None:
    task = Task("acme-0.1", "translation", Content.of_text("un mot"), target_language="de")
    (made,) = translation.assemble(GIG, [], [(task, Content.of_text("ein Wort"))], "de")
    assert (made.path, made.data) == ("text.de.txt", b"ein Wort")
