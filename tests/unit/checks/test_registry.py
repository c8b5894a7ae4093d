"""From what a user wrote to a CheckSpec."""

from __future__ import annotations

import pytest

from gigctl.checks.base import BadOption
from gigctl.checks.options import seconds_of
from gigctl.checks.registry import get_check, list_checks, load_option, load_spec
from gigctl.errors import UsageError


def test_an_option_is_the_checks_own_form() -> None:
    spec = load_option("length=120..160")
    assert (spec.name, spec.check, dict(spec.options)) == (
        "length",
        "length",
        {"unit": "characters", "min": 120, "max": 160},
    )
    assert load_option("regex=a=b").options == {"pattern": "a=b"}
    assert load_option("numbers").required


def test_a_table_names_its_check_and_options() -> None:
    spec = load_spec(
        "no-todo", {"check": "regex", "pattern": "TODO", "must": "not match", "required": False, "timeout": "1m"}
    )
    assert (spec.name, spec.check, spec.required) == ("no-todo", "regex", False)
    assert spec.options == {"pattern": "TODO", "must": "not match", "timeout": 60.0}


def test_a_tool_may_have_a_command_line_of_its_own() -> None:
    spec = load_spec("own", {"check": "style", "tool": "ruff", "run": "python3 -m ruff check"})
    assert (spec.check, spec.options) == ("style", {"tool": "ruff", "run": ["python3", "-m", "ruff", "check"]})
    assert load_spec("x", {"check": "command", "run": ["a", "b"]}).options == {"run": ["a", "b"]}


@pytest.mark.parametrize(
    ("name", "table", "said"),
    [
        ("x", {"check": "regx", "pattern": "a"}, "check 'regx' is no check, did you mean regex?"),
        ("numbers", {"colour": 1}, "unknown key 'colour', expected no options"),
        ("regex", {"patern": "a"}, "unknown key 'patern', expected pattern (a regular expression)"),
        ("regex", {"pattern": "("}, "is no pattern"),
        ("x", {"run": [], "required": "yes"}, "run is a command line or a list of words, got []"),
        ("x", {"run": [], "required": "yes"}, "required is true or false, got 'yes'"),
        ("x", {"run": "a", "check": "regex"}, "has both run and check"),
        ("empty", {"timeout": "soon"}, "timeout: a duration is like 45m, 1h30m or 90s, got 'soon'"),
        ("x", {}, "'x' is no check"),
        ("length", {"min": True}, "min is a whole number"),
        ("terms", {"forbidden": "a"}, "forbidden is a list of terms"),
        ("numbers", {"required": ["a"]}, "unknown key 'required'"),
        ("terms", {"required": ["*"]}, "required is a list of terms"),
    ],
)
def test_errors_name_key_and_expectation(name: str, table: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_spec(name, table)
    assert f"[checks.{name}]" in caught.value.message
    assert said in caught.value.message


def test_a_word_alone_that_is_no_check() -> None:
    with pytest.raises(UsageError, match=r"'nummbers', did you mean numbers\?"):
        load_option("nummbers")
    with pytest.raises(UsageError, match="takes no value"):
        load_option("numbers=5")
    assert "regex" in list_checks()
    with pytest.raises(UsageError):
        get_check("os")


@pytest.mark.parametrize(
    ("text", "seconds"), [("45m", 2700), ("1h30m", 5400), ("90s", 90), ("2d", 172800), (5, 5), (0.5, 0.5)]
)
def test_durations(text: object, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "5", "-5m", "1m1h", "0s", True, None, 0, -1, float("nan"), "١m", "5 m"])
def test_no_durations(text: object) -> None:
    with pytest.raises(BadOption):
        seconds_of(text)
