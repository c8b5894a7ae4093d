"""Holding a JSON document against a JSON Schema. Pure; `$ref` never leaves the schema.

Run as a file it is the child of `json_schema.py`: {schema, text} as JSON on stdin, the findings as JSON on stdout.
"""

from __future__ import annotations

import json
import sys
from typing import Any

MOST = 8
Finding = tuple[str, str]
"""Where (`$.items[0].price`, empty for the whole) and what."""


class Unusable(Exception):
    """The schema can't be used: a reference that leads nowhere, or a document nested too deep."""


def find_errors(schema: Any, text: str) -> list[Finding]:
    """What is wrong with the document, at most MOST findings. Raises Unusable."""
    try:
        document = _load(text)
    except RecursionError:
        return [("", "the document is nested too deep")]
    except ValueError as error:
        return [("", f"the text is no JSON: {error}")]
    return _validate(schema, document)


def _load(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON number")

    return json.loads(text.removeprefix("\ufeff"), parse_constant=refuse)


def _validate(schema: Any, document: Any) -> list[Finding]:
    from itertools import islice

    import jsonschema
    import referencing
    import referencing.exceptions

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    # An empty registry: a `$ref` to another address is an error, never a request.
    validator = kind(schema, registry=referencing.Registry())
    try:
        return [(_path(error), _short(error)) for error in islice(validator.iter_errors(document), MOST)]
    except RecursionError as error:
        raise Unusable("the schema or the document is nested too deep") from error
    except referencing.exceptions.Unresolvable as error:
        raise Unusable(f"$ref {error.ref!r} leads out of the schema") from error


def _path(error: Any) -> str:
    out = "$"
    for step in error.absolute_path:
        out += f"[{step}]" if isinstance(step, int) else f".{step}"
    return out if out != "$" else ""


def _short(error: Any) -> str:
    """The library's sentence, without a document of a page in it."""
    message: str = error.message
    return message if len(message) <= 200 else f"{message[:90]} … {message[-100:]}"


def main() -> None:
    asked = json.load(sys.stdin)
    try:
        out: dict[str, Any] = {"found": find_errors(asked["schema"], asked["text"])}
    except Unusable as error:
        out = {"error": str(error)}
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
