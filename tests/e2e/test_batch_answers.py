"""What `batch` and `do` print, by its schemas; and what is done with their drafts afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from support.schema import check_document, check_lines, load_schema
from support.terminal import run_gigctl

ROWS = "id,name\n007,Soup bowl\n008,Bread board\n"
HOW = ("--craft", "writing", "--brief", "Describe: {name}.", "--set", "file={id}.txt", "-a", "words")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "rows.csv").write_text(ROWS)
    rules = [{"regex": r"Describe: (.*)\.", "answer": r"A \1."}, {"match": "Bonjour", "answer": "Hello"}]
    (folder / "rules.json").write_text(json.dumps(rules))
    run_gigctl("agent", "add", "words", "--kind", "scripted", "--", folder / "rules.json", home=folder, code=0)
    return folder


def test_lines_one_document_and_the_forecast(home: Path) -> None:
    ran = run_gigctl("batch", "rows.csv", *HOW, "-n", "--json", home=home, code=0)
    forecast = check_document(ran.out, "survey")
    assert (forecast["gig"], forecast["rows"], forecast["new"]) == (None, 2, 2)
    lines = check_lines(run_gigctl("batch", "rows.csv", *HOW, "--ordered", home=home, code=0).out, "batch")
    assert [(line["id"], line["line"], line["output"]) for line in lines] == [
        ("007", 2, "A Soup bowl."),
        ("008", 3, "A Bread board."),
    ]
    again = check_document(run_gigctl("batch", "rows.csv", *HOW, "--json", home=home, code=0).out, "batch")
    assert all(line["cached"] and line["cost"]["amount"] == "0.00" for line in again)
    forecast = check_document(run_gigctl("batch", "rows.csv", *HOW, "-n", "--json", home=home, code=0).out, "survey")
    assert (forecast["gig"], forecast["done"]) == ("me-1", 2)


def test_what_is_no_job_is_named_by_its_id(home: Path) -> None:
    (home / "rows.jsonl").write_text('{"id": "b"}\nnonsense\n{"id": ["x"], "input": "Hello"}\n')
    ran = run_gigctl("batch", "rows.jsonl", "--craft", "writing", "-a", "words", home=home, code=1)
    lines = check_lines(ran.out, "batch")
    assert [(line["id"], line["line"], line["status"]) for line in lines] == [
        ("b", 1, "invalid"), ("", 2, "invalid"), ("", 3, "invalid"),
    ]  # fmt: skip


def test_progress_for_a_program(home: Path) -> None:
    ran = run_gigctl("batch", "rows.csv", *HOW, "--progress", "json", "--jsonl", home=home, code=0)
    told = [json.loads(line) for line in ran.err.splitlines()]
    for line in told:
        Draft202012Validator(load_schema("progress")).validate(line)
    assert told[-1]["progress"]["ended"]
    assert told[-1]["progress"]["passed"] == 2


@pytest.mark.parametrize(
    ("words", "code", "status"), [((), 0, "ok"), (("--check", "length=90..99"), 1, "failed check")]
)
def test_do_as_a_document(home: Path, words: tuple[str, ...], code: int, status: str) -> None:
    told = ("do", "translation", "--to", "en", "-a", "words", *words, "--json")
    item = check_document(run_gigctl(*told, home=home, stdin="Bonjour\n", code=code).out, "do")
    assert (item["status"], item["output"], item["signed"]) == (status, "Hello\n", False)
    assert bool(item["reasons"]) is bool(code)


def test_a_batch_is_looked_at_signed_and_delivered(home: Path) -> None:
    run_gigctl("batch", "rows.csv", *HOW, home=home, code=0)
    assert "Describe: Soup bowl." in run_gigctl("show", "me-1.1", home=home, code=0).out
    queue = run_gigctl("queue", home=home, code=0).out
    run_gigctl("sign", "-", "--expect", "2", home=home, stdin=queue, code=0)
    run_gigctl("deliver", "me-1", "-o", "out", home=home, code=0)
    run_gigctl("verify", "out", home=home, code=0)
    assert (home / "out" / "007.txt").read_text().strip() == "A Soup bowl."
    run_gigctl("ledger", "verify", home=home, code=0)


def test_a_changed_row_ends_its_signature(home: Path) -> None:
    run_gigctl("batch", "rows.csv", *HOW, home=home, code=0)
    run_gigctl("sign", "me-1", "--expect", "2", home=home, code=0)
    (home / "rows.csv").write_text(ROWS.replace("Bread", "Cheese"))
    lines = check_lines(run_gigctl("batch", "rows.csv", *HOW, "--ordered", home=home, code=0).out, "batch")
    assert [(line["signed"], line["cached"], line["output"]) for line in lines] == [
        (True, True, "A Soup bowl."),
        (False, False, "A Cheese board."),
    ]
    run_gigctl("deliver", "me-1", "-o", "out", home=home, code=7)


def test_a_craft_that_nobody_named_is_said_once(home: Path) -> None:
    ran = run_gigctl("batch", "rows.csv", "--brief", "Describe: {name}.", home=home, code=2)
    assert "which craft" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(("words", "said"), [(("translat",), "did you mean translation?"),
                                             (("writing", "--set", "x=1"), "gigctl do --help")])  # fmt: skip
def test_do_names_its_own_help(home: Path, words: tuple[str, ...], said: str) -> None:
    assert said in run_gigctl("do", *words, home=home, code=2).err


def test_where_the_answers_can_not_go_is_said_before_anything_is_done(home: Path) -> None:
    for output in ("rows.csv", "described.xlsx", "described"):
        assert output in run_gigctl("batch", "rows.csv", *HOW, "-o", output, home=home, code=2).err
    (home / "folder.csv").mkdir()
    assert "no file" in run_gigctl("batch", "rows.csv", *HOW, "-o", "folder.csv", home=home, code=2).err
    assert "xml" in run_gigctl("batch", "rows.csv", *HOW, "--progress", "xml", home=home, code=2).err
    assert run_gigctl("batch", "rows.csv", *HOW, "-n", "--json", home=home, code=0).json["item"]["done"] == 0
