"""Users' patterns and schemas, in a child that can be killed."""

from __future__ import annotations

import json
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
    changes = (Change("a.py", "100644", b"ok"), Change("b.py", "100644", b"TODO"), Change("c", "100644", b"\0TODO"))
    verdict = run_check("regex", Content(changes, base="0" * 40), {"pattern": "TODO", "must": "not match"})
    assert [item.part for item in verdict.evidence] == ["b.py"]


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


def test_a_schema_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps(SCHEMA))
    option = get_check("json-schema").option
    assert option(f"@{file}") == {"schema": SCHEMA}
    assert option("true") == {"schema": True}
    for value in (f"@{tmp_path}/none", "{", '{"type": "nothing"}', "5", '{"type": 5}'):
        with pytest.raises(BadOption):
            option(value)
