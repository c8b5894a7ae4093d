"""What is said to a person who decides: between drafts, of words that come back, and of what was really sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.terminal import run_gigctl, seen_on_terminal

Rules = list[dict[str, object]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "b.txt").write_text("Le prix est de 12 euros.\n")
    return folder


def add_agent(home: Path, name: str, rules: Rules) -> None:
    (home / f"{name}.json").write_text(json.dumps(rules))
    run_gigctl("agent", "add", name, "--kind", "scripted", "--", home / f"{name}.json", home=home, code=0)


@pytest.fixture
def task(home: Path) -> str:
    add_agent(home, "one", [{"match": "prix", "answer": "The price is 12 euros."}])
    add_agent(home, "two", [{"match": "prix", "answer": "It costs 12 euros."}])
    run_gigctl("gig", "add", "--source", home / "b.txt", "--from", "fr", "--to", "en", home=home, code=0)
    return "me-1.1"


def reasons(home: Path, task: str) -> list[str]:
    """As the queue has them, which must be what `show` and its page have."""
    found: list[str] = run_gigctl("queue", "--json", home=home).json["items"][0]["reasons"]
    assert run_gigctl("show", task, "--json", home=home).json["item"]["reasons"] == found
    for words in ([], ["--why"]):
        assert "; ".join(found) in run_gigctl("show", task, *words, home=home, code=0).out
    return found


def test_between_undecided_drafts_the_queue_says_choose_and_how(home: Path, task: str) -> None:
    run_gigctl("run", task, "--vs", "one,two", home=home, code=0)
    assert reasons(home, task) == ["choose @1 or @2: sign or reject one by its number"]
    assert "choose @1 or @2" in run_gigctl("queue", home=home, code=0).out
    assert "choose @1 or @2" in run_gigctl(home=home, code=0).out
    run_gigctl("sign", task, "--expect", "1", home=home, code=7)
    run_gigctl("reject", f"{task}@2", "-m", "too dear", home=home, code=0)
    assert reasons(home, task) == ["ready to sign"]
    run_gigctl("sign", task, "--expect", "1", home=home, code=0)


def test_after_a_reject_what_is_left_is_looked_at_and_where_nothing_is_it_is_run(home: Path, task: str) -> None:
    for text in ("It is 12 euros.", "That makes 12 euros."):
        run_gigctl("edit", task, "--from", "-", home=home, stdin=text, code=0)
    for n in (2, 1):
        err = run_gigctl("reject", f"{task}@{n}", "-m", "no", home=home, code=0).err
        assert f"next: gigctl {'show' if n > 1 else 'run'} {task}\n" in err


def test_words_that_were_rejected_and_come_back_are_told(home: Path, task: str) -> None:
    run_gigctl("run", task, "-a", "one", home=home, code=0)
    run_gigctl("reject", task, "-m", "say it otherwise", home=home, code=0)
    run_gigctl("run", task, "-a", "one", home=home, code=0)
    assert reasons(home, task) == ["the same as @1, which was rejected"]
    run_gigctl("reject", task, "-m", "say it otherwise", home=home, code=0)
    run_gigctl("run", task, "-a", "two", home=home, code=0)
    assert reasons(home, task) == ["ready to sign"]


def test_the_prompt_is_that_of_the_call_that_led_to_what_is_shown(home: Path, task: str) -> None:
    answers = ["The price is high.", "The price is 12 euros."]
    add_agent(home, "late", [{"match": "prix", "answer": answers}])
    run_gigctl("run", task, "-a", "late", home=home, code=0)
    prompt = run_gigctl("show", task, "--prompt", home=home, code=0)
    assert "missing in the draft" in prompt.out
    assert f"call 2 of 2, by late, led to {task}@2" in prompt.err
    first = run_gigctl("show", f"{task}@1", "--prompt", home=home, code=0)
    assert "missing in the draft" not in first.out
    assert f"call 1 of 2, by late, led to {task}@1" in first.err


def test_of_an_edited_draft_it_is_the_drafts_own(home: Path, task: str) -> None:
    run_gigctl("run", task, "-a", "one", home=home, code=0)
    run_gigctl("edit", task, "--from", "-", home=home, stdin="It is 12 euros.", code=0)
    run_gigctl("redo", task, "-m", "shorter", home=home, code=0)
    run_gigctl("run", task, "-a", "two", home=home, code=0)
    prompt = run_gigctl("show", task, "--prompt", home=home, code=0)
    assert "shorter" not in prompt.out
    assert f"call 1 of 2, by one, led to {task}@2" in prompt.err


def test_manual_work_is_named_once(home: Path, task: str) -> None:
    ran = run_gigctl("run", task, "-a", "manual", home=home, code=7)
    assert (ran.out + ran.err).count("yours to write") == 1


def test_a_narrow_terminal_has_a_line_a_gig(home: Path, task: str) -> None:
    run_gigctl("gig", "edit", "me-1", "--title", "A contract of some length", "--price", "120", home=home, code=0)
    seen = seen_on_terminal("gig", "list", home=home, columns=40, env={"NO_COLOR": "1"})
    assert [line.split()[0] for line in seen.out.splitlines()] == ["gig", "me-1"]
    assert all(len(line) <= 40 for line in seen.out.splitlines())
