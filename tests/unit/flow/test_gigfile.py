"""`GIG.toml`: what it may say, every mistake of a file at once, and options that win over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.errors import UsageError
from gigctl.flow.gigfile import LARGEST_FILE, TaskWish, Wish, merged, read_gig_file, render_gig_file
from gigctl.model import CheckSpec


def read(text: str) -> Wish:
    return read_gig_file(text, Path("/client"), "GIG.toml")


def test_all_that_a_file_may_say() -> None:
    wish = read(
        """
client = "acme"
craft = "translation"
from = "fr"
to = ["en", "de"]
source = "contrat.md"
due = 2026-12-01
price = 120
budget = "1.50"
agent = ["a", "b"]
set = { formality = "less" }

[checks.sober]
check = "regex"
pattern = "!"
must = "not match"

[[task]]
name = "doc"

[[task]]
name = "slogan"
brief = "Merci"
to = "de"
after = ["doc"]
"""
    )
    assert wish.problems == ()
    assert (wish.client, wish.source_language, wish.targets, wish.sources) == (
        "acme", "fr", ("en", "de"), ("contrat.md",),
    )  # fmt: skip
    assert (wish.due, wish.price, wish.budget, wish.agents) == ("2026-12-01", "120", "1.50", ("a", "b"))
    assert wish.options == {"formality": "less"}
    (check,) = wish.checks
    assert (check.name, check.check, dict(check.options)) == ("sober", "regex", {"pattern": "!", "must": "not match"})
    assert wish.tasks == (
        TaskWish(name="doc"), TaskWish(name="slogan", brief="Merci", targets=("de",), after=("doc",)),
    )  # fmt: skip
    assert (wish.folder, wish.origin) == (Path("/client"), "GIG.toml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pric = 1", "pric: no such key"),
        ("title = 5", "title: expected a text"),
        ('title = "a\\u0000b"', "title: expected a text"),
        ("price = 1.5", "price: expected an amount in quotes"),
        ("price = true", "price: expected an amount in quotes"),
        ("to = [1]", "to: expected a text, or a list of texts"),
        ('to = [""]', "to: expected a text, or a list of texts"),
        ("set = 1", "set: expected a table"),
        ("checks = 1", "checks: expected a table"),
        ('checks.a = { check = "regexx" }', "checks.a: "),
        ("task = 1", "task: expected [[task]] tables"),
        ("task = [1]", "task: expected [[task]] tables"),
        ("[[task]]\nnam = 1", "task 1: nam: no such key"),
        ("[[task]]\nbrief = 1", "task 1: brief: expected a text"),
        ('[[task]]\nname = "a"\n[[task]]\nname = "a"', 'task: two tasks are named "a"'),
        ('[[task]]\nname = "a"\n[[task]]\nafter = ["a"]', "task 2: name: expected one, since it waits"),
        ('[[task]]\nname = "a"\nafter = ["b"]', 'task 1: after: no task of the file is named "b"'),
        ('[[task]]\nname = "a"\nafter = ["a"]', "task: these wait for each other in a circle: a"),
        (
            'task = [{name = "a", source = ["c"]}, {name = "b", after = ["a"]}, {name = "c", after = ["b"]}]',
            "task: these wait for each other in a circle: a, b, c",
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_said_with_its_key(text: str, problem: str) -> None:
    (said,) = read(text).problems
    assert said.startswith(f"GIG.toml: {problem}")


def test_all_mistakes_at_once() -> None:
    assert len(read("title = 5\nprice = 1.5\nto = [1]\nwrong = 1\n[[task]]\nbrief = 1\n").problems) == 5


@pytest.mark.parametrize("text", ["=", "a = 1\na = 2", "x = " + "[" * 50_000, "x" * (LARGEST_FILE + 1)])
def test_what_is_no_file_of_a_gigs(text: str) -> None:
    with pytest.raises(UsageError, match=r"GIG\.toml: (no TOML|larger than a gig)"):
        read(text)


_KEYS = st.sampled_from(["client", "title", "to", "source", "price", "due", "set", "checks", "task", "other"])
_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_whatever_toml_says_becomes_a_wish_or_a_problem(values: dict[str, object]) -> None:
    wish = read(render_gig_file(values))
    assert all(said.startswith("GIG.toml: ") for said in wish.problems)
    assert all(isinstance(target, str) and target for target in (*wish.targets, *wish.sources))


def test_options_win_over_the_file_name_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = read('title = "file"\nsource = "a.md"\nclient = "acme"\nset = { a = 1, b = 1 }\nchecks.empty = {}\n')
    mine = CheckSpec("empty", "empty", {}, required=False)
    options = Wish(
        title="option", sources=("b.md", "-"), repository="repo", options={"b": 2}, checks=(mine,), folder=tmp_path,
    )  # fmt: skip
    wish = merged(file, options)
    assert (wish.title, wish.client) == ("option", "acme")
    assert wish.sources == (str(tmp_path / "b.md"), "-")
    assert wish.repository == str(tmp_path / "repo")
    assert wish.options == {"a": 1, "b": 2}
    assert wish.checks == (mine,)
    assert (wish.folder, wish.origin) == (Path("/client"), "GIG.toml")
    assert {"title", "sources"} <= wish.overridden
    assert "client" not in wish.overridden
