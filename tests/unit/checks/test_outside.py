"""Users' patterns and schemas, in a child that can be killed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from gigctl.checks.base import BadOption
from gigctl.checks.registry import get_check
from gigctl.model import Change, Content
from support.checking import messages, run_check


def test_a_pattern_is_met_or_not() -> None:
    assert run_check("regex", "a b", {"pattern": "^a"}).passed
    assert messages(run_check("regex", "b", {"pattern": "^a"})) == ["nothing matches '^a'"]
    verdict = run_check("regex", "x\nfix TODO", {"pattern": "todo", "must": "not match", "flags": "i"})
    assert messages(verdict) == ["\"TODO\" matches 'todo', which must not be there"]
    assert (verdict.evidence[0].line, verdict.evidence[0].column) == (2, 5)


def test_a_pattern_on_files_names_the_file() -> None:
    files = {
        "a.py": b"ok",
        "b.py": b"TODO",
        "binary": b"\xff\0TODO",
        "nul.js": b"// \0\nTODO",
        "w": "TODO".encode("utf-16"),
    }
    changes = tuple(Change(path, "100644", data) for path, data in files.items())
    verdict = run_check("regex", Content(changes, base="0" * 40), {"pattern": "TODO", "must": "not match"})
    assert [item.part for item in verdict.evidence] == ["b.py", "nul.js", "w"]


def test_an_endless_pattern_is_killed() -> None:
    began = time.monotonic()
    verdict = run_check("regex", "a" * 60 + "!", {"pattern": "(a+)+$", "timeout": 0.5})
    assert verdict.outcome == "error"
    assert "longer than 0.5 s" in messages(verdict)[0]
    assert time.monotonic() - began < 5


def test_odd_texts_reach_the_child() -> None:
    assert run_check("regex", "\udc80é\0", {"pattern": "é"}).passed


@pytest.mark.parametrize("pattern", ["(", "a{99999999999999999999}", "x" * 10_001, "(?i)" * 2, ""])
def test_what_is_no_pattern(pattern: str) -> None:
    if pattern == "(?i)(?i)":
        return
    with pytest.raises(BadOption):
        get_check("regex").option(pattern)


@pytest.mark.parametrize(
    "options",
    [
        {"pattern": 5},
        {"pattern": ""},
        {},
        {"pattern": "a", "must": "maybe"},
        {"pattern": "a", "flags": "q"},
        {"pattern": "a", "flags": ["i"]},
        {"pattern": "a", "timeout": "soon"},
        {"pattern": "a", "other": 1},
        {"pattern": "(#)", "flags": "x"},
        {"pattern": "(?u)é", "flags": "a"},
    ],
)
def test_options_that_could_never_be_searched_with(options: dict[str, object]) -> None:
    """Also a pattern that only its flags make none: it is said when it is given, not of each draft."""
    with pytest.raises(BadOption):
        get_check("regex").validate(options)


def test_flags_reach_the_child() -> None:
    for text, pattern, flags in (("A", "a", "i"), ("x\na", "^a", "m"), ("a\nb", "a.b", "s"), ("ab", "a b", "x")):
        assert run_check("regex", text, {"pattern": pattern, "flags": flags}).passed
        assert not run_check("regex", text, {"pattern": pattern}).passed
    assert not run_check("regex", "é", {"pattern": r"\w", "flags": "a"}).passed
    assert run_check("regex", "x", {"pattern": "(?i)X", "flags": "ms"}).passed


def test_a_search_that_is_killed_is_no_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the machine, as where memory runs out: the last word of the child is told."""
    _dying_python(tmp_path, monkeypatch)
    verdict = run_check("regex", "x", {"pattern": "x"})
    assert (verdict.outcome, messages(verdict)) == ("error", ["the search ended with 9: MemoryError"])


def _dying_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "python"
    program.write_text("#!/bin/sh\necho Traceback >&2\necho MemoryError >&2\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}},
}


@pytest.mark.parametrize("schema", [SCHEMA, SCHEMA | {"$defs": {"x": {"pattern": "a"}}}])
def test_a_schema_here_and_in_the_child(schema: dict[str, object]) -> None:
    assert run_check("json-schema", '{"id": 1}', {"schema": schema}).passed
    verdict = run_check("json-schema", '{"id": "1", "tags": [1]}', {"schema": schema})
    assert sorted(messages(verdict)) == [
        "$.id: '1' is not of type 'integer'",
        "$.tags[0]: 1 is not of type 'string'",
    ]


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"id": Infinity}', "[" * 100_000, "1" * 5000, "\udc80"])
def test_what_is_no_json(text: str) -> None:
    assert run_check("json-schema", text, {"schema": SCHEMA}).outcome == "fail"


def test_a_reference_out_of_the_schema_is_never_fetched() -> None:
    verdict = run_check("json-schema", "{}", {"schema": {"$ref": "https://example.org/s.json"}})
    assert verdict.outcome == "error"
    assert "leads out of the schema" in messages(verdict)[0]


def test_schemas_without_end() -> None:
    assert run_check("json-schema", "{}", {"schema": {"$ref": "#"}}).outcome == "error"
    evil = {"type": "string", "pattern": "(a+)+$"}
    verdict = run_check("json-schema", json.dumps("a" * 60 + "!"), {"schema": evil, "timeout": 1.5})
    assert verdict.outcome == "error"
    assert "longer than 1.5 s" in messages(verdict)[0]


def test_a_validation_that_is_killed_is_no_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _dying_python(tmp_path, monkeypatch)
    verdict = run_check("json-schema", '"x"', {"schema": {"type": "string", "pattern": "x"}})
    assert (verdict.outcome, messages(verdict)) == ("error", ["the validation ended with 9: MemoryError"])


def test_schemas_that_are_no_file_to_read(tmp_path: Path) -> None:
    large, binary = tmp_path / "large.json", tmp_path / "binary.json"
    large.write_bytes(b" " * 1_000_001)
    binary.write_bytes(b"\xff\xfe")
    for file, why in ((large, "is larger than 1000000 bytes"), (binary, "can't be read"), (tmp_path, "can't be read")):
        with pytest.raises(BadOption, match=why):
            get_check("json-schema").option(f"@{file}")


def test_a_schema_that_is_nested_too_deep() -> None:
    schema: dict[str, object] = {}
    for _ in range(3000):
        schema = {"not": schema}
    with pytest.raises(BadOption, match="nested too deep"):
        get_check("json-schema").validate({"schema": schema})


def test_a_schema_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps(SCHEMA))
    option = get_check("json-schema").option
    assert option(f"@{file}") == {"schema": SCHEMA}
    assert option("true") == {"schema": True}
    for value in (f"@{tmp_path}/none", "{", '{"type": "nothing"}', "5", '{"type": 5}'):
        with pytest.raises(BadOption):
            option(value)
