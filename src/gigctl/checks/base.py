"""What a check is: a module with `NAME`, `VERSION`, `HELP`, `option` and `run`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol

from gigctl.model import CheckContext, CheckSpec, Content, Evidence, Outcome, Verdict

_HOW_NOT_WHAT = frozenset({"tree", "repository", "unsafe_no_sandbox"})


class BadOption(Exception):
    """`--check NAME=VALUE`, or a table in a file, that the check can't read; the message says what was expected."""


class Check(Protocol):
    """The module's members. `VERSION` changes whenever the same content could get another verdict."""

    NAME: str
    VERSION: int
    HELP: str
    NEEDS_TREE: bool  # runs in a folder with the content checked out

    def option(self, value: str) -> dict[str, Any]:
        """The options that `--check NAME=VALUE` means. Raises BadOption."""
        ...

    def validate(self, options: Mapping[str, Any]) -> None:
        """Raises BadOption where a table's options are not the check's."""
        ...

    async def run(self, content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict: ...


def verdict(name: str, outcome: Outcome, *evidence: Evidence | str, unsandboxed: bool = False) -> Verdict:
    found = tuple(Evidence(item) if isinstance(item, str) else item for item in evidence)
    return Verdict(name, outcome, found, unsandboxed=unsandboxed)


def fingerprint(spec: CheckSpec, version: int, content_sha256: str, context: CheckContext) -> str:
    """Hash of all that a verdict depends on, in hex."""
    known = {f.name: getattr(context, f.name) for f in fields(context) if f.name not in _HOW_NOT_WHAT}
    whole = [spec.check, version, dict(spec.options), content_sha256, known]
    return hashlib.sha256(
        json.dumps(whole, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogateescape")
    ).hexdigest()
