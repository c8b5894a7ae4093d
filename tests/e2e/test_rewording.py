"""A gig's brief changes after drafts were made: they are not thrown away, and nobody signs them unaware."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.terminal import run_gigctl

SAID = "the brief changed since this draft"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A gig of three texts, the third with a brief of its own; the first and the third are drafted."""
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "answers.json").write_text(json.dumps([{"match": "", "answer": "A text of some words."}]))
    run_gigctl("agent", "add", "script", "--kind", "scripted", "--", folder / "answers.json", home=folder, code=0)
    (folder / "GIG.toml").write_text(
        'craft = "writing"\nbrief = "Be brief."\nagent = ["script"]\n'
        '[[task]]\nname = "one"\n[[task]]\nname = "two"\n[[task]]\nname = "three"\nbrief = "Be long."\n'
    )
    run_gigctl("gig", "add", folder / "GIG.toml", home=folder, code=0)
    run_gigctl("run", "me-1.1", "me-1.3", home=folder, code=0)
    return folder


def reasons(home: Path) -> dict[str, list[str]]:
    items = run_gigctl("queue", "me-1", "--json", home=home, code=0).json["items"]
    return {item["ref"]: item["reasons"] for item in items}


def test_the_edit_says_how_many_and_each_place_names_the_task(home: Path) -> None:
    ran = run_gigctl("gig", "edit", "me-1", "--brief", "Be funny.", home=home, code=0)
    assert "warning: 1 task was drafted to the old brief: gigctl run me-1 --fresh asks again" in ran.err
    assert reasons(home) == {"me-1.1": [SAID], "me-1.3": ["ready to sign"]}
    assert SAID in run_gigctl("show", "me-1.1", home=home, code=0).out
    assert SAID not in run_gigctl("show", "me-1.3", home=home, code=0).out
    ran = run_gigctl("sign", "me-1.1", "me-1.3", "--expect", "2", home=home, code=0)
    assert f"me-1.1@1  {SAID}" in ran.err
    assert "1 from before the brief changed" in ran.err
    assert SAID in run_gigctl("show", "me-1.1", home=home, code=0).out


def test_options_are_of_all_and_a_new_draft_or_an_edit_is_of_today(home: Path) -> None:
    ran = run_gigctl("gig", "edit", "me-1", "--set", "format=markdown", home=home, code=0)
    assert "2 tasks were drafted" in ran.err
    run_gigctl("run", "me-1.1", "--fresh", home=home, code=0)
    run_gigctl("edit", "me-1.3", "--from", "-", home=home, stdin="Words of mine.", code=0)
    assert reasons(home) == {"me-1.1": ["ready to sign"], "me-1.3": ["ready to sign"]}


def test_what_changes_nothing_asked_says_nothing(home: Path) -> None:
    for words in (["--brief", "Be brief."], ["--due", "+3d"], ["--check", "empty"]):
        assert "drafted" not in run_gigctl("gig", "edit", "me-1", *words, home=home, code=0).err
    assert SAID not in str(reasons(home))
