"""Tasks through the installed command: added, waiting for each other, cancelled, reopened; and the crafts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.schema import check_document
from support.terminal import run_gigctl


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    return prepared(folder)


def prepared(folder: Path) -> Path:
    (folder / "a.md").write_text("Bonjour.\n")
    for slug in ("acme", "bolt"):
        run_gigctl("client", "add", slug, home=folder, code=0)
    run_gigctl("gig", "add", "-c", "acme", "--source", "a.md", "--from", "fr", "--to", "en", home=folder, code=0)
    return folder


def add(home: Path, *words: str, stdin: str = "") -> list[dict[str, Any]]:
    ran = run_gigctl("task", "add", "--json", *words, home=home, stdin=stdin, code=0)
    return list(check_document(ran.out, "task"))


def write(home: Path, ref: str, text: str) -> None:
    run_gigctl("edit", ref, "--from", "-", home=home, stdin=text, code=0)
    run_gigctl("sign", ref, "--expect", "1", home=home, code=0)


def state(home: Path, ref: str) -> str:
    return str(run_gigctl("show", ref, "--json", home=home, code=0).json["item"]["state"])


def source(home: Path, ref: str) -> str:
    exported = run_gigctl("ledger", "export", ref.partition(".")[0], "--json", home=home, code=0)
    items = check_document(exported.out, "export")
    return str(next(item["inputs"][-1]["text"] for item in items if item["kind"] == "task" and item["ref"] == ref))


def test_a_file_more(home: Path) -> None:
    (home / "b.md").write_text("Un.\n\nDeux.\n")
    made = add(home, "acme-1", "--source", "b.md", "--to", "de")
    assert [(task["ref"], task["state"], task["language"], task["source"]) for task in made] == [
        ("acme-1.2", "ready", "de", "b.md"), ("acme-1.3", "ready", "de", "b.md"),
    ]  # fmt: skip
    assert run_gigctl("task", "add", "acme-1", "--source", "a.md", "-q", home=home, code=0).out == "acme-1.4\n"
    (piped,) = add(home, "acme-1", "--source", "-", stdin="Trois.\n")
    assert source(home, piped["ref"]) == "Trois."
    (home / "GIG.toml").write_text(run_gigctl("gig", "show", "acme-1", "--toml", home=home, code=0).out)
    (home / "stdin.txt").write_text("Trois.\n")
    again = run_gigctl("gig", "add", "GIG.toml", "--json", home=home, code=0).json["item"]
    assert again["tasks"]["total"] == 5


def test_it_takes_the_text_that_was_signed(home: Path) -> None:
    (made,) = add(home, "acme-1", "--craft", "writing", "--source", "acme-1.1", "--brief", "Sum it up.")
    assert made["state"] == "blocked"
    assert "waits" in run_gigctl("sign", made["ref"], "--expect", "1", home=home, code=7).err
    write(home, "acme-1.1", "Hello.")
    assert (state(home, made["ref"]), source(home, made["ref"])) == ("ready", "Hello.")
    (late,) = add(home, "acme-1", "--craft", "writing", "--source", "acme-1.1", "--brief", "Again.")
    assert (late["state"], source(home, late["ref"])) == ("ready", "Hello.")
    run_gigctl("ledger", "verify", home=home, code=0)


def test_it_waits(home: Path) -> None:
    (one,) = add(home, "acme-1", "--craft", "writing", "--brief", "One.", "--after", "acme-1.1")
    (two,) = add(home, "acme-1", "--craft", "writing", "--brief", "Two.", "--after", one["ref"], "--after", "acme-1.1")
    assert [state(home, task["ref"]) for task in (one, two)] == ["blocked", "blocked"]
    write(home, "acme-1.1", "Hello.")
    assert [state(home, task["ref"]) for task in (one, two)] == ["ready", "blocked"]
    assert run_gigctl("task", "remove", one["ref"], home=home, code=0).out == f"cancelled {one['ref']}\n"
    assert state(home, two["ref"]) == "ready"
    page = run_gigctl("gig", "show", "acme-1", home=home, code=0).out
    assert f"{one['ref']}  cancelled" in page
    warned = run_gigctl("gig", "show", "acme-1", "--toml", home=home, code=0).err
    assert "waits for acme-1.1" in warned


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["acme-1", "--source", "nope.md"], "nope.md: No such file"),
        (["acme-1", "--source", "acme-1.9"], "no task acme-1.9"),
        (["acme-1", "--source", "acme-1.1@1"], "expected a task"),
        (["acme-1", "--source", "acme-1.1", "--source", "a.md"], "expected it alone"),
        (["acme-1", "--after", "acme-7"], "no gig acme-7"),
        (["acme-1", "--craft", "writing", "--source", "a.md"], "--brief: writing needs it"),
        (["acme-1", "--craft", "cooking"], "no craft"),
        (["acme-1", "--to", "?"], "--to: '?'"),
        (["acme-1", "--craft", "code", "--brief", "x"], "repository"),
        (["acme-1", "--craft", "code", "--brief", "x", "--source", "a.md"], "works on the gig's tree"),
        (["bolt-1", "--source", "acme-1.1", "--craft", "writing", "--brief", "x"], "another client's"),
        (["acme-1", "--source", "sub/a.md"], "another file named a.md"),
        (["acme-2", "--brief", "x"], "is closed"),
        (["acme-1", "--source", "-", "--brief", "-"], "twice"),
    ],
)
def test_what_is_refused(settled: Path, words: list[str], told: str) -> None:
    assert told in run_gigctl("task", "add", *words, home=settled, code=2).err
    assert run_gigctl("ledger", "export", home=settled, code=0).out == (settled / "before").read_text()


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gigs that none of these tests adds a task to; one of them is closed."""
    folder = prepared(tmp_path_factory.mktemp("settled"))
    (folder / "sub").mkdir()
    (folder / "sub" / "a.md").write_text("Autre.\n")
    for client in ("bolt", "acme"):
        run_gigctl("gig", "add", "-c", client, "--craft", "writing", "--brief", "x", home=folder, code=0)
    run_gigctl("gig", "close", "acme-2", home=folder, code=0)
    (folder / "before").write_text(run_gigctl("ledger", "export", home=folder, code=0).out)
    return folder


def test_one_less(home: Path) -> None:
    (taking,) = add(home, "acme-1", "--craft", "writing", "--source", "acme-1.1", "--brief", "Sum it up.")
    assert f"{taking['ref']} takes its text" in run_gigctl("task", "remove", "acme-1.1", home=home, code=2).err
    run_gigctl("task", "remove", "-", home=home, stdin=f"acme-1.1 x\n{taking['ref']}\n", code=0)
    assert "nothing that was named" in run_gigctl("task", "remove", "acme-1", home=home, code=2).err
    assert run_gigctl("reopen", "acme-1.1", home=home, code=0).out == "reopened acme-1.1\n"
    assert state(home, "acme-1.1") == "ready"
    write(home, "acme-1.1", "Hello.")
    assert "is signed" in run_gigctl("task", "remove", "acme-1.1", home=home, code=2).err
    assert check_document(run_gigctl("reopen", "acme-1", "--json", home=home, code=0).out, "decision") == [
        {"kind": "reopen", "ref": "acme-1.1"}
    ]
    assert state(home, "acme-1.1") == "review"
    assert "is open" in run_gigctl("reopen", "acme-1.1", home=home, code=2).err
    gone = run_gigctl("task", "remove", "acme-1.1", "--json", home=home, code=0)
    assert check_document(gone.out, "decision") == [{"kind": "cancel", "ref": "acme-1.1"}]
    run_gigctl("ledger", "verify", home=home, code=0)


# --- crafts ---


def test_the_crafts(home: Path) -> None:
    items = check_document(run_gigctl("craft", "list", "--json", home=home, code=0).out, "craft")
    assert [item["name"] for item in items] == ["translation", "code", "writing"]
    writing = check_document(run_gigctl("craft", "show", "writing", "--json", home=home, code=0).out, "craft")
    assert writing["needs"] == ["brief"]
    assert "length" in writing["options"]
    text = run_gigctl("craft", "show", "code", home=home, code=0).out
    assert "--repo" in text
    assert "compiles" in text
    assert "did you mean writing?" in run_gigctl("craft", "show", "writting", home=home, code=2).err
