"""Validate what a command printed against its kind's JSON Schema in docs/schema/."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[2] / "docs" / "schema"
KINDS = sorted(path.stem for path in FOLDER.glob("*.json"))


@functools.cache
def load_schema(kind: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8")))


def check_document(text: str, kind: str | None = None) -> Any:
    """The document (one line of JSON and nothing else) after its validation; its `item` or `items`."""
    document = json.loads(text)
    assert text.count("\n") == 1
    assert kind in (None, document["kind"]), f"kind {document['kind']}, expected {kind}"
    Draft202012Validator(load_schema(document["kind"])).validate(document)
    return document["item"] if "item" in document else document["items"]


def check_lines(text: str, kind: str) -> list[Any]:
    """The items of `--jsonl`, one a line, each validated."""
    schema = load_schema(kind)
    validator = Draft202012Validator({**schema["$defs"]["item"], "$defs": schema["$defs"]})
    items = [json.loads(line) for line in text.split("\n")[:-1]]
    for item in items:
        validator.validate(item)
    return items


def check_error(text: str) -> dict[str, Any]:
    """The error document on stderr."""
    document = json.loads(text)
    Draft202012Validator(load_schema("error")).validate(document)
    return dict(document["error"])


def check_stderr(text: str) -> list[dict[str, Any]]:
    """The documents on stderr, one a line: warnings and details, and an error as the last."""
    documents: list[dict[str, Any]] = [json.loads(line) for line in text.split("\n")[:-1]]
    for n, document in enumerate(documents, 1):
        last = "error" in document and n == len(documents)
        Draft202012Validator(load_schema("error" if last else "warning")).validate(document)
    return documents
