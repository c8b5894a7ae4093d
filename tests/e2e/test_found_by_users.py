"""What people who had only the README, or only the promises, found: each stays mended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gigctl.system.sandbox import Missing, find_sandbox
from support.repositories import make_repository
from support.terminal import run_gigctl


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    return folder


def _add_script(home: Path, rules: list[dict[str, object]]) -> None:
    (home / "answers.json").write_text(json.dumps(rules))
    run_gigctl("agent", "add", "script", "--kind", "scripted", "--", home / "answers.json", home=home, code=0)


def test_a_redo_that_failed_is_not_told_as_passed_and_the_old_text_is_not_signed_by_its_task(home: Path) -> None:
    (home / "a.txt").write_text("Le prix est de 12 euros.\n")
    _add_script(home, [{"match": "prix", "answer": "The price is high."}])
    run_gigctl("gig", "add", "--source", home / "a.txt", "--from", "fr", "--to", "en", home=home, code=0)
    run_gigctl("edit", "me-1.1", "--from", "-", home=home, stdin="The price is 12 euros.", code=0)
    run_gigctl("redo", "me-1.1", "-m", "say per month", home=home, code=0)
    ran = run_gigctl("run", "me-1", "-a", "script", home=home, code=1)
    assert "1 need you" in ran.err
    assert "numbers" in ran.out
    assert "asked for again" in run_gigctl("queue", home=home, code=0).out
    refused = run_gigctl("sign", "me-1", "--expect", "1", home=home, code=7)
    assert "me-1.1@1" in refused.err
    run_gigctl("sign", "me-1.1@1", home=home, code=0)


def test_json_carries_no_control_or_hidden_character_as_it_is(home: Path) -> None:
    name = "a\x9b31m\u202eb\U000e0041"
    run_gigctl("client", "add", "e", "--name", name, home=home, code=0)
    out = run_gigctl("client", "list", "--json", home=home, code=0).out
    assert not set(name) & set(out) - set("a31mb")
    assert next(item["name"] for item in json.loads(out)["items"] if item["ref"] == "e") == name


@pytest.mark.parametrize(
    "text",
    ['craft="writing"\nbrief="x"\n[checks]\nx=3\n', "price=" + "9" * 5000, "a=" + "[" * 100_000],
    ids=str.__len__,
)
def test_no_gig_file_is_a_bug_of_ours(home: Path, text: str) -> None:
    (home / "GIG.toml").write_text(text)
    run_gigctl("gig", "add", home / "GIG.toml", home=home, code=2)


def test_a_damaged_ledger_is_no_bug_and_no_health(home: Path) -> None:
    run_gigctl("client", "add", "acme", home=home, code=0)
    path = Path(run_gigctl("ledger", "path", home=home, code=0).out.strip())
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(255 - byte for byte in whole[100:]))
    for words in (["ledger", "verify"], ["queue"], []):
        assert "restore" in run_gigctl(*words, home=home, code=3).err
    assert "missing" in run_gigctl("doctor", home=home, code=1).out


def test_a_language_is_no_name(home: Path) -> None:
    (home / "a.txt").write_text("Bonjour\n")
    for word in ("french", "Engilsh"):
        run_gigctl("gig", "add", "--source", home / "a.txt", "--from", "fr", "--to", word, home=home, code=2)


def test_another_agent_may_be_asked_for_what_failed(home: Path) -> None:
    (home / "a.txt").write_text("Bonjour\n")
    _add_script(home, [{"match": "", "fail": "refused"}])
    (home / "other.json").write_text(json.dumps([{"match": "Bonjour", "answer": "Hello"}]))
    run_gigctl("agent", "add", "other", "--kind", "scripted", "--", home / "other.json", home=home, code=0)
    run_gigctl("gig", "add", "--source", home / "a.txt", "--from", "fr", "--to", "en", home=home, code=0)
    run_gigctl("run", "me-1", "-a", "script", home=home, code=4)
    run_gigctl("run", "me-1", "-a", "other", home=home, code=0)


def test_an_editor_wants_a_terminal_or_a_name(home: Path) -> None:
    (home / "a.txt").write_text("Bonjour\n")
    run_gigctl("gig", "add", "--source", home / "a.txt", "--from", "fr", "--to", "en", home=home, code=0)
    assert "--from" in run_gigctl("edit", "me-1.1", home=home, code=2).err


@pytest.mark.skipif(isinstance(find_sandbox(), Missing), reason="no sandbox works here")
def test_a_test_that_lacked_a_library_runs_again_where_that_was_installed(home: Path) -> None:
    """The same bytes are not the same answer: the machine has a say in what a program does."""
    test = "import unittest, needed, a\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(a.f(), 2)\n"
    client = make_repository(
        home / "client", {"a.py": "def f(): return 1\n", "test_a.py": test, ".gitignore": ".venv\n"}
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", client.path / ".venv"], check=True)
    _add_script(home, [{"match": "", "answer": "a.py\n```\ndef f(): return 2\n```"}])
    run_gigctl("gig", "add", "--repo", client.path, "--brief", "f returns 2", home=home, code=0)
    run_gigctl("run", "me-1", "-a", "script", "--repair", "0", home=home, code=1)
    assert "No module named 'needed'" in run_gigctl("check", "me-1", home=home, code=1).out
    (folder,) = (client.path / ".venv").glob("lib/python3*/site-packages")
    (folder / "needed.py").touch()
    assert "pass  compiles, test, secrets" in run_gigctl("check", "me-1", home=home, code=0).out
    (folder / "needed.py").unlink()
    assert "fail  test" in run_gigctl("check", "me-1", home=home, code=1).out
