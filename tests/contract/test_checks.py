"""What every check promises: its protocol, no crash on any text, the same verdict twice, speed on large ones."""

from __future__ import annotations

import asyncio
import time
from importlib import util

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gigctl.checks.base import BadOption, context_sha256, fingerprint
from gigctl.checks.registry import TABLE, get_check
from gigctl.model import REGULAR, Change, CheckContext, CheckSpec, Content
from support.checking import run_check

THERE = [name for name, module in TABLE.items() if util.find_spec(module)]
OPTIONS = {
    "regex": {"pattern": "a+"},
    "json-schema": {"schema": {"type": "object"}},
    "size": {"lines": 1},
    "style": {"tool": "ruff"},
    "terms": {"required": ["prestataire"], "forbidden": ["x*"]},
}
INLINE = [name for name in THERE if name not in ("command", "compiles", "regex", "secrets", "style")]
LANGUAGES = st.sampled_from(
    ["", "en", "fr", "de", "ru", "ar", "zh-CN", "ja", "pt-BR", "sr-Latn", "x", "../en", "en_GB"]
)
# Signs of all the forms that a check looks for, odd characters, a lone surrogate.
_SIGNS = (
    "% %s %(a)s { } {a,plural,other{ ` `` * [ ]( ) <b> - 1. | ½ １２ ٣ 12:30 12,5 000 − € … . : http://x/ a@b.cc 😀"
)
_OTHERS = ["mot", "слово", "字", "كلمة", " ", "\n", "\n\n", "\u202e", "\0", "\udc80", "- "]
PIECES = st.sampled_from([*_SIGNS.split(), *_OTHERS])
TEXTS = st.one_of(
    st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join), st.text(st.characters(), max_size=50)
)


@pytest.mark.parametrize("name", THERE)
def test_the_protocol(name: str) -> None:
    check = get_check(name)
    assert name == check.NAME
    assert isinstance(check.VERSION, int)
    assert check.HELP
    assert not check.HELP.endswith(".")
    assert isinstance(check.NEEDS_TREE, bool)


FAILING = {
    "conflicts": ("", "<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n", {}),
    "empty": ("un mot", "", {}),
    "ending": ("Il fait ce qu'il peut faire.", "He does what he", {}),
    "json-schema": ("", "[]", {"schema": {"type": "object"}}),
    "length": ("", "x", {"min": 2}),
    "numbers": ("12", "some", {}),
    "placeholders": ("{a}", "b", {}),
    "regex": ("", "b", {"pattern": "a"}),
    "repeated": ("", "no no no no no no", {}),
    "secrets": ("", "key = 'AKIA" + "QYLPMN5HFIQR7XYA'", {}),
    "size": ("", "a\nb", {"lines": 1}),
    "spreadsheet-formula": ("", "=A1", {}),
    "structure": ("a\n\nb", "a", {}),
    "style": ("", "", {"tool": "ruff"}),
    "terms": ("", "x", {"required": ["prestataire"]}),
    "untranslated": ("Le chat de la voisine est dans le jardin.", "Le chat de la voisine est dans le jardin.", {}),
    "command": ("", "x", {"run": ["true"]}),
    "compiles": ("", "", {}),
}
"""A source, a draft that fails (`error` for want of a tree), and the check's options."""


@pytest.mark.parametrize("name", THERE)
def test_a_message_leaves_the_check_to_be_named_by_who_shows_it(name: str) -> None:
    source, draft, options = FAILING[name]
    content: str | Content = draft
    if name in ("compiles", "style"):
        content = Content((Change("a.py", REGULAR, b"def"),), base="a" * 40)
    verdict = run_check(name, content, options, source=source, source_language="fr", target_language="en")
    assert verdict.outcome in ("fail", "error")
    for found in verdict.evidence:
        assert not found.message.casefold().startswith((name, name.rstrip("s"))), found.message
        assert not found.message.endswith(".")


@pytest.mark.parametrize("name", THERE)
def test_an_unknown_key_is_named(name: str) -> None:
    with pytest.raises(BadOption, match="colour"):
        get_check(name).validate(OPTIONS.get(name, {}) | {"colour": 1})


@pytest.mark.parametrize("name", INLINE)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=TEXTS, draft=TEXTS, languages=st.tuples(LANGUAGES, LANGUAGES), form=st.sampled_from(["text", "markdown"]))
def test_any_text_gets_a_verdict(name: str, source: str, draft: str, languages: tuple[str, str], form: str) -> None:
    context = CheckContext(
        source=source, source_language=languages[0], target_language=languages[1], format=form,
        definitions=draft, terms=((source, draft),),
    )  # fmt: skip
    content = Content.of_text(draft.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"))
    options = OPTIONS.get(name, {})
    one = asyncio.run(get_check(name).run(content, options, context))
    two = asyncio.run(get_check(name).run(content, options, context))
    assert one == two
    assert one.name == name
    assert one.outcome in ("pass", "fail", "error")
    assert bool(one.evidence) == (one.outcome != "pass")
    for item in one.evidence:
        assert item.message.encode()  # no lone surrogate reaches the ledger
        assert "\n" not in item.message
        assert len(item.message) < 400


@pytest.mark.no_cover  # it is timed
@pytest.mark.parametrize("name", [n for n in INLINE if n not in ("structure", "json-schema")])
@pytest.mark.parametrize(
    "piece",
    [
        "mot 12 ",
        "a",
        "%",
        "{",
        "{a, plural, other {",
        "1,",
        "1 000 ",
        "`",
        "<b>",
        "(",
        "@",
        "http://",
        "字",
        "٣٫",
        "a@",
        "14h",
        "\n",
    ],
)
def test_a_large_text_takes_linear_time(name: str, piece: str) -> None:
    text = piece * (300_000 // len(piece))
    began = time.process_time()
    run_check(name, text, OPTIONS.get(name), source=text[::-1], source_language="fr", target_language="en")
    assert time.process_time() - began < 20  # quadratic would be minutes


@pytest.mark.no_cover  # it is timed
def test_a_large_block_of_markdown() -> None:
    text = "Un *mot* et `du code` [ici](https://example.org). " * 4_000
    began = time.process_time()
    assert run_check("structure", text, source=text, format="markdown").passed
    assert time.process_time() - began < 10


def test_a_fingerprint_knows_what_a_verdict_hangs_on() -> None:
    spec, context = CheckSpec("n", "numbers"), CheckContext(source="a", terms=(("a", "b"),))
    known = fingerprint(spec, 1, "0", context_sha256(context))
    assert known == fingerprint(
        CheckSpec("other name", "numbers"),
        1,
        "0",
        context_sha256(CheckContext(source="a", terms=(("a", "b"),), tree="/x")),
    )
    assert known != fingerprint(spec, 2, "0", context_sha256(context))
    assert known != fingerprint(spec, 1, "0", context_sha256(CheckContext(source="b")))
