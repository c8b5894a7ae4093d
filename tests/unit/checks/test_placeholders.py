"""Placeholders that must stand, and what only looks like one."""

from __future__ import annotations

import pytest

from gigctl.checks.icu import BadMessage, parse
from gigctl.checks.placeholders import find_placeholders
from support.checking import messages, translate_check

SAME = [
    ("{name} a {0} fichiers", "{name} has {0} files"),
    ("{x:.2f} et {y!r}", "{y!r} and {x:.2f}"),
    ("{{ user }} dit", "{{user}} says"),
    ("%s a %d points", "%s has %i points"),
    ("%(nom)s, %(n)d fois", "%(n)d times, %(nom)s"),
    ("%s dans %s", "%2$s holds %1$s"),
    ("10 % de remise", "a 10 % discount"),
    ("100 % des cas", "100% of cases"),
    ("50%de", "50% of"),
    ("%5.1f km", "%.1f km"),
    ("%d%% fait", "%d%% done"),
    ("'%.*s' dans '%s'", "'%3$s' holds '%2$.*1$s'"),
    ("0x%02X", "0x%02x"),
    ("le %Y-%m-%d", "on %m/%d/%Y"),
    ("${prix} et %{nom}", "%{nom} and ${prix}"),
    ("%1 de %2", "%2 of %1"),
    ("{% url x %}", "{% url x %}"),
    ("L'appelé {nom}", "{nom}, called {nom}"),
    ("{n, plural, one {# fichier} other {# fichiers}}", "{n, plural, one {# file} few {# f} other {# files}}"),
    ("{g, select, male {il} other {on}} {x}", "{g, select, male {he} other {they}} {x}"),
]
OTHER = [
    ("{name} est là", "It is there", "{name} in the source, missing in the draft"),
    ("Il est là", "{name} is there", "{name} in the draft, not in the source"),
    ("%d points", "%s points", "%d in the source, missing in the draft"),
    ("%s: %d", "%d: %s", "%s in the source, missing in the draft"),
    ("%(nom)s", "%(name)s", "%(nom)s in the source, missing in the draft"),
    ("{a} {a}", "{a}", "{a} 2 times in the source, 1 times in the draft"),
    ("%d%% fait", "%d% done", "the percent sign is written %% in the source, % in the draft"),
    ("{{ user }}", "{ user }", "{{ user }} in the source, missing in the draft"),
    (
        "{n, plural, one {# dans {d}} other {# dans {d}}}",
        "{n, plural, one {#} other {#}}",
        "{d} in the source, missing in the draft",
    ),
    (
        "{g, select, male {il} other {on}}",
        "{g, select, homme {he} other {they}}",
        "{g, select, male} in the source, missing in the draft",
    ),
    (
        "{n, plural, one {a} other {b}}",
        "{n, plural, one {a}}",
        "the draft is no ICU message: n, plural has no branch other",
    ),
]


@pytest.mark.parametrize(("source", "draft"), SAME)
def test_kept(source: str, draft: str) -> None:
    assert messages(translate_check("placeholders", source, draft)) == []


@pytest.mark.parametrize(("source", "draft", "said"), OTHER)
def test_lost_or_changed(source: str, draft: str, said: str) -> None:
    verdict = translate_check("placeholders", source, draft)
    assert verdict.outcome == "fail"
    assert messages(verdict)[0] == said


@pytest.mark.parametrize("text", ["10 % de", "100 %", "une remise de 5 %c'est", "{a, b}", "{ un texte }", "50 % s'il"])
def test_prose_has_none(text: str) -> None:
    assert find_placeholders(text) == []


def test_icu_nests_and_quotes() -> None:
    message = "{a, plural, =0 {'{no}' x} other {{b, select, c {{d, number, percent}} other {it''s}}}}"
    assert parse(message) == ["a, plural", "b, select", "b, select, c", "b, select, other", "d, number"]


@pytest.mark.parametrize("text", ["{a, plural, other {x}", "}", "{", "{a, plural, other {" * 60, "{a, number, 0.0"])
def test_what_is_no_message(text: str) -> None:
    with pytest.raises(BadMessage):
        parse(text)
