"""From a brief to a file: what is asked, what is read, what is checked, what is delivered."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gigctl.crafts import writing
from gigctl.crafts.base import BadSource, MalformedAnswer
from gigctl.model import AskContext, CheckSpec, Content, Draft, Evidence, Gig, Source, Task, Term, Verdict


def gig(**options: Any) -> Gig:
    return Gig("acme-1", "writing", brief="A teaser for the spring sale of garden chairs.", options=options)


def task(material: str = "", **options: Any) -> Task:
    return Task("acme-1.1", "writing", Content.of_text(material), brief=gig().brief, options=options)


def test_a_brief_is_one_task() -> None:
    (found,) = writing.split(None, gig(file="teaser.txt", language="en")).tasks
    assert found.input == Content.of_text("")
    assert found.place == {"file": "teaser.txt"}
    assert found.language == "en"


def test_material_goes_along() -> None:
    (found,) = writing.split(Source("talk.txt", b"\xef\xbb\xbfWe met."), gig()).tasks
    assert found.input.text == "We met."
    assert "talk.txt" in found.name
    asked = writing.ask(task("We met."), AskContext())
    assert "<material>\nWe met.\n</material>" in asked.prompt()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"length": "long"}, "length"),
        ({"length": "200..100"}, "length"),
        ({"length": ".."}, "length"),
        ({"length": 120}, "length"),
        ({"required": 3}, "required"),
        ({"format": "html"}, "format"),
        ({"language": "English please"}, "language"),
        ({"file": "../x.txt"}, "file"),
        ({"file": "/etc/x"}, "file"),
        ({"file": "a//b"}, "file"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(BadSource, match=f"^{named}="):
        writing.split(None, gig(**options))


def test_all_wrong_options_are_told_at_once() -> None:
    with pytest.raises(BadSource, match=r"length=.*format="):
        writing.split(None, gig(length="x", format="y"))


def test_a_brief_is_needed_and_a_source_is_text() -> None:
    with pytest.raises(BadSource, match="brief"):
        writing.split(None, replace(gig(), brief=" "))
    with pytest.raises(BadSource, match="UTF-8"):
        writing.split(Source("a", b"\xff\xfe"), gig())
    with pytest.raises(BadSource, match="NUL"):
        writing.split(Source("a", b"a\0b"), gig())


def test_the_request_says_all_that_will_be_checked() -> None:
    wanted = {"length": "120..160", "required": "oak, sale", "forbidden": ["cheap"], "language": "en"}
    asked = writing.ask(task(**wanted), AskContext(style="No exclamation marks.", terms=(Term("garden", "yard"),)))
    text = asked.prompt()
    for piece in ("120 to 160 characters", "about 23 words", '"oak", "sale", "yard"', '"cheap"', "No exclamation"):
        assert piece in text
    assert text.endswith(gig().brief)
    assert asked.parts[0].role == "system"


@pytest.mark.parametrize(
    ("length", "said", "unit"),
    [
        ("..160", "at most 160 characters", "characters"),
        ("300..500 words", "300 to 500 words", "words"),
        ("50..", "at least 50 characters", "characters"),
    ],
)
def test_lengths(length: str, said: str, unit: str) -> None:
    assert said in writing.ask(task(length=length), AskContext()).prompt()
    (spec,) = [spec for spec in writing.checks(gig(length=length)) if spec.name == "length"]
    assert spec.options["unit"] == unit


def test_a_repair_shows_the_draft_and_what_is_wrong() -> None:
    failed = Verdict("length", "fail", (Evidence("length: 90 characters, at least 120 were asked for"),))
    asked = writing.ask(task(), AskContext(failed=Content.of_text("Chairs."), failures=(failed,)))
    assert [part.role for part in asked.parts][-3:] == ["instruction", "draft", "evidence"]
    assert "at least 120" in asked.parts[-1].text
    assert asked.parts[-2].text == "Chairs."


def test_an_answer_loses_its_wrapper() -> None:
    found = writing.read(task(), Draft('Sure! Here is the teaser:\n\n"Sit down in spring."\n'))
    assert found.text == "Sit down in spring."


def test_a_listing_that_was_asked_for_stays() -> None:
    answer = "```python\nprint(1)\n```"
    assert writing.read(task(format="markdown"), Draft(answer)).text == answer
    assert writing.read(task(format="markdown"), Draft("```markdown\n# A\n```")).text == "# A"


@pytest.mark.parametrize("answer", ["", " \n", "```\n\n```", "<think>hm"])
def test_nothing_is_malformed(answer: str) -> None:
    with pytest.raises(MalformedAnswer):
        writing.read(task(), Draft(answer))


def test_checks_are_those_of_the_options() -> None:
    assert [spec.name for spec in writing.checks(gig())] == ["empty", "repeated"]
    found = writing.checks(gig(length="120..160", required="oak", forbidden="cheap"))
    assert found[2:] == (
        CheckSpec("length", "length", {"min": 120, "max": 160, "unit": "characters"}),
        CheckSpec("terms", "terms", {"required": ["oak"], "forbidden": ["cheap"]}),
    )


def test_files_are_named_and_never_meet() -> None:
    texts = [(replace(task(), ref=f"acme-1.{n}"), Content.of_text(f"text {n}")) for n in (1, 2)]
    files = writing.assemble(replace(gig(format="markdown"), title="Été: Spring Sale!"), (), texts, "")
    assert [(file.path, file.data) for file in files] == [
        ("ete-spring-sale-2.md", b"text 2\n"),
        ("ete-spring-sale.md", b"text 1\n"),
    ]
    (named,) = writing.assemble(gig(), (), [(replace(task(), place={"file": "a/b.txt"}), Content.of_text("x"))], "")
    assert named.path == "a/b.txt"
    (other,) = writing.assemble(replace(gig(), title="春"), (), [texts[0]], "")
    assert other.path == "acme-1.1.txt"


def test_only_the_language_that_is_delivered() -> None:
    both = [(replace(task(), target_language=tag), Content.of_text(tag)) for tag in ("en", "de")]
    assert [file.data for file in writing.assemble(gig(), (), both, "de")] == [b"de\n"]
