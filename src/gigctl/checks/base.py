"""What a check is: a module with `NAME`, `VERSION`, `HELP`, `option` and `run`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

from gigctl.model import CheckContext, CheckSpec, Content, Evidence, Outcome, Verdict

_HOW_NOT_WHAT = frozenset({"tree", "base_tree", "store", "repository", "unsafe_no_sandbox"})
_KNOWN = tuple(name for name in CheckContext.__struct_fields__ if name not in _HOW_NOT_WHAT)


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


@lru_cache(maxsize=4)  # many jobs of a batch, whose material is in the brief, have the very same
def context_sha256(context: CheckContext) -> str:
    """Hash of all that the checks of a content may know beside it, in hex."""
    return _sha256(_json({name: getattr(context, name) for name in _KNOWN}))


def fingerprint(spec: CheckSpec, version: int, content: str, context: str) -> str:
    """Hash of all that a verdict depends on, in hex, of the content's and the context's: of the JSON list of them."""
    asked = _json([spec.check, version, dict(spec.options)]) if spec.options else _plain(spec.check, version)
    return _sha256(f'{asked[:-1]}, "{content}", "{context}"]')


@lru_cache(maxsize=64)
def _plain(check: str, version: int) -> str:
    """Of a check without options."""
    return _json([check, version, {}])


_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
