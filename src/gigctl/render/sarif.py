"""Verdicts as SARIF 2.1.0, which code scanning services read: a result for each thing found, at its file and line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from gigctl import __version__
from gigctl.model import Evidence, Verdict
from gigctl.render.display import display, display_line

__all__ = ["render_sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(verdicts: Sequence[Verdict]) -> bytes:
    """A document in UTF-8."""
    rules = [{"id": display_line(verdict.name)} for verdict in verdicts]
    driver = {"name": "gigctl", "version": __version__, "rules": rules}
    results = [_result(verdict, n, item) for n, verdict in enumerate(verdicts) for item in _found(verdict)]
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _found(verdict: Verdict) -> Sequence[Evidence]:
    return () if verdict.passed else verdict.evidence or (Evidence(f"{verdict.name}: {verdict.outcome}"),)


def _result(verdict: Verdict, rule: int, item: Evidence) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": display_line(verdict.name),
        "ruleIndex": rule,
        "level": "error" if verdict.required else "warning",
        "message": {"text": display(item.message)},
    }
    if item.part is not None:
        where: dict[str, Any] = {"artifactLocation": {"uri": quote(item.part.encode("utf-8", "surrogateescape"))}}
        if item.line:
            where["region"] = {"startLine": item.line, **({"startColumn": item.column} if item.column else {})}
        result["locations"] = [{"physicalLocation": where}]
    return result
