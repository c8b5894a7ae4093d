"""Is the text JSON of the form that was asked for?

A schema whose validation can take for ever (patterns, references, uniqueItems) is held against the text in a child
process that is killed when its time is over; any other is, in 0.1 ms, right here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from gigctl.checks import schema_rules
from gigctl.checks.base import BadOption, verdict
from gigctl.checks.options import check_keys, seconds_of
from gigctl.checks.prose import excerpt
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "json-schema"
VERSION = 1
HELP = "the text is JSON that a schema accepts (json-schema=@FILE)"
NEEDS_TREE = False

SECONDS = 10.0
_LARGEST_FILE = 1_000_000
_KEYS = {"schema": "a JSON Schema", "timeout": "a duration"}
_ENDLESS = frozenset({"pattern", "patternProperties", "$ref", "$dynamicRef", "$recursiveRef", "uniqueItems"})


def option(value: str) -> dict[str, Any]:
    """A JSON Schema, or `@FILE` that holds one."""
    text = _read(Path(value[1:])) if value.startswith("@") else value
    try:
        out = {"schema": json.loads(text)}
    except (ValueError, RecursionError) as error:
        raise BadOption(f"json-schema: expected a JSON Schema or @FILE, got {excerpt(value)!r} ({error})") from error
    validate(out)
    return out


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise BadOption(f"json-schema: {path} is larger than {_LARGEST_FILE} bytes")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadOption(f"json-schema: {path} can't be read: {error}") from error


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, _KEYS)
    seconds_of(options.get("timeout", SECONDS))
    schema = options.get("schema")
    if not isinstance(schema, Mapping | bool):
        raise BadOption(f"json-schema: schema is a JSON Schema, got {excerpt(repr(schema))}")
    import jsonschema

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise BadOption(f"json-schema: no schema at {error.json_path}: {excerpt(error.message, 120)}") from error
    except RecursionError as error:
        raise BadOption("json-schema: the schema is nested too deep") from error


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    schema = options["schema"]
    if _may_be_endless(json.dumps(schema, sort_keys=True)):
        return await _run_in_child(schema, content.text, seconds_of(options.get("timeout", SECONDS)))
    try:
        return _say(schema_rules.find_errors(schema, content.text))
    except schema_rules.Unusable as error:
        return verdict(NAME, "error", str(error))


@lru_cache(maxsize=64)
def _may_be_endless(schema: str) -> bool:
    """By the words that stand in it: one that is only a property's name costs a process, no more."""
    return any(f'"{word}"' in schema for word in _ENDLESS)


async def _run_in_child(schema: Any, text: str, seconds: float) -> Verdict:
    from gigctl.system.proc import run_async

    asked = json.dumps({"schema": schema, "text": text}).encode()
    argv = [sys.executable, "-I", schema_rules.__file__]
    done = await run_async(argv, stdin=asked, timeout=seconds)
    if done.timed_out:
        return verdict(NAME, "error", f"the schema took longer than {seconds:g} s: simplify its patterns")
    if not done.ok:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return verdict(NAME, "error", f"the validation ended with {done.code}: {excerpt(last)}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        return verdict(NAME, "error", answer["error"])
    return _say([(where, what) for where, what in answer["found"]])


def _say(found: list[schema_rules.Finding]) -> Verdict:
    if not found:
        return verdict(NAME, "pass")
    evidence = [
        Evidence(f"{f'{excerpt(where)}: ' if where else ''}{excerpt(what, 200)}", excerpt(where) or None)
        for where, what in found
    ]
    return verdict(NAME, "fail", *evidence)
