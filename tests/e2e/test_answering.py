"""An agent that asks, end to end: the question waits in the queue, `answer` is told in the session that asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.acp_agents import AGENT_FILE
from support.repositories import make_repository
from support.schema import check_document
from support.terminal import GIGCTL, environment, run_gigctl

QUESTION = "The brief leaves it open. Du or Sie?"


def ask(tmp_path: Path, way: str = "ask", code: int = 7) -> Path:
    """A home with a code task whose agent was run and asked."""
    home = tmp_path / "user"
    home.mkdir()
    project = make_repository(tmp_path / "r", {"greet.py": "print('hi')\n"})
    program = (sys.executable, str(AGENT_FILE), way)
    run_gigctl(
        "agent", "add", "asker", "--kind", "acp", "--price-run", "0.05", "--allow", AGENT_FILE, "--", *program,
        home=home, code=0,
    )  # fmt: skip
    words = ("--repo", project.path, "--title", "Greet", "--brief", "Greet politely", "-a", "asker")
    run_gigctl("gig", "add", *words, home=home, code=0)
    run_gigctl("run", "me-1", home=home, code=code)
    return home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return ask(tmp_path)


def test_the_question_waits_for_a_person_and_is_paid(home: Path) -> None:
    queue = run_gigctl("queue", home=home, code=0)
    assert queue.out == f"me-1.1  asks: {QUESTION}  Greet\n"
    assert f"asks: {QUESTION}" in run_gigctl("show", "me-1.1", home=home, code=0).out
    again = run_gigctl("run", "me-1", home=home)
    assert "1 call, 0.05 USD" in run_gigctl("show", "me-1.1", home=home, code=0).out, again.err


def test_an_answer_goes_on_in_the_same_session(home: Path) -> None:
    answered = run_gigctl("answer", "me-1.1", "Sie, as everywhere", "--json", home=home, code=0)
    assert check_document(answered.out, "decision") == [{"kind": "answer", "ref": "me-1.1"}]
    assert run_gigctl("queue", home=home, code=0).out == ""
    run_gigctl("run", "me-1", home=home, code=0)
    shown = run_gigctl("diff", "me-1.1", home=home, code=0).out
    assert "+print('hello')" in shown
    assert "+s1" in shown  # loaded.txt: the session that was taken up again


def test_a_question_is_answered_once(home: Path) -> None:
    run_gigctl("answer", "me-1.1", "Sie", home=home, code=0)
    again = run_gigctl("answer", "me-1.1", "Du", home=home, code=2)
    assert "no agent waits for an answer" in again.err
    run_gigctl("run", "me-1", home=home, code=0)
    run_gigctl("answer", "me-1.1", "Du", home=home, code=2)


def test_of_two_answers_at_once_one_counts(home: Path) -> None:
    words = [GIGCTL, "answer", "me-1.1"]
    both = [subprocess.Popen([*words, text], env=environment(home), stderr=subprocess.PIPE) for text in ("Du", "Sie")]
    for child in both:
        child.communicate(timeout=60)
    assert sorted(child.returncode for child in both) == [0, 2]


def test_what_can_not_be_answered_says_so(home: Path) -> None:
    assert "the answer is empty" in run_gigctl("answer", "me-1.1", "  ", home=home, code=2).err
    run_gigctl("answer", "me-9.1", "Sie", home=home, code=2)
    run_gigctl("answer", "me-1.1", "@/nowhere", home=home, code=2)
    assert QUESTION in run_gigctl("queue", home=home, code=0).out


def test_an_answer_from_a_file_and_from_a_pipe(home: Path) -> None:
    (home / "answer.md").write_text("Sie\n")
    run_gigctl("answer", "me-1.1", f"@{home}/answer.md", home=home, code=0)
    run_gigctl("run", "me-1", home=home, code=0)
    shown = run_gigctl("show", "me-1.1", "--prompt", home=home, code=0)
    assert "The answer: Sie\n" in shown.out
    assert "was sent the answer alone" in shown.err


def test_a_question_is_foreign_text(tmp_path: Path) -> None:
    home = ask(tmp_path, "ask oddly")
    looks = (("queue",), ("show", "me-1.1"), ("show", "me-1.1", "--history"), ("show", "me-1.1", "--why"), ("today",))
    for words in (*looks, ("run", "me-1"), ("run", "me-1", "--retry-unknown"), ("gig", "show", "me-1")):
        ran = run_gigctl(*words, home=home)
        shown = ran.out + ran.err
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "␛[2J" in shown or words[0] in ("run", "gig"), shown


def test_a_rejected_task_asks_nothing_any_more(home: Path) -> None:
    run_gigctl("redo", "me-1.1", "-m", "Never ask", home=home, code=0)
    run_gigctl("answer", "me-1.1", "Sie", home=home, code=2)
