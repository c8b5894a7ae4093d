"""`.gigctl/signoffs/REF.json` and its `.sig`: what a human signed with a key, kept in the repository that it changes.

The file holds the very statement that the signature binds, and the revision that the statement names by its hash, so
that whoever has the repository and the public key can tell, without us, which blobs were signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from gigctl.flow import signers
from gigctl.flow.signers import BadSignature, Signer
from gigctl.flow.signoffs import Signed
from gigctl.model import REGULAR, Change, Reference, quote_path, revision_text, unquote_path

__all__ = ["FOLDER", "SignedFiles", "make_signoff_files", "verify_signoff"]

FOLDER = ".gigctl/signoffs/"
LARGEST = 16 * 1024 * 1024
"""Bytes of a file that are read."""
_KIND, _VERSION = "gigctl sign-off file", 1
_STATEMENT: Mapping[str, type] = {
    "kind": str, "version": int, "ledger": str, "task": str, "input": str, "revision": str, "checks": list,
}  # fmt: skip
_FILE: Mapping[str, type] = {"path": str, "mode": str}

Line = tuple[str, str, str | None]
"""Path, mode and SHA-256 (None: deleted), as in a revision's text."""


class SignedFiles(Struct, frozen=True):
    """A sign-off that holds: whose task, by whom, and what each path was to be."""

    task: str
    signer: Signer
    lines: tuple[Line, ...]


def make_signoff_files(ledger: str, signed: Signed) -> tuple[Change, ...]:
    """The two files; none for a signature without a key."""
    decision, content = signed.decision, signed.content
    if not decision.signature or content.is_text:
        return ()
    statement = signers.signoff_statement(
        ledger, signed.task.ref, decision.signed_input or "", decision.signed_revision or "",
        [(name, verdict, mark) for name, verdict, _, mark, _ in decision.checks],
    )  # fmt: skip
    document = {
        "kind": _KIND,
        "schemaVersion": _VERSION,
        "statement": json.loads(statement),
        "revision": {
            "base": content.base,
            "files": [{"path": quote_path(c.path), "mode": c.mode, "sha256": c.sha256} for c in content.changes],
        },
        "signed": decision.at,
        "by": decision.actor,
    }
    data = (json.dumps(document, sort_keys=True, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")
    name = f"{FOLDER}{signed.task.ref}.json"
    return (Change(name, REGULAR, data), Change(f"{name}.sig", REGULAR, decision.signature.encode()))


def verify_signoff(name: str, data: bytes, signature: bytes, allowed: Path) -> SignedFiles:
    """What the file `name` (without its folder) signs, by a file of allowed signers. Raises BadSignature, which says
    why it does not hold."""
    document = _load(data)
    statement, revision = document["statement"], document["revision"]
    if Reference.parse(statement["task"]) is None or name != f"{statement['task']}.json":
        raise BadSignature(f"it is of {statement['task']!a}, whose file has another name")
    lines = tuple(_line(line) for line in revision["files"])
    if hashlib.sha256(revision_text(revision["base"], list(lines))).hexdigest() != statement["revision"]:
        raise BadSignature("the files that it lists are not the revision that was signed")
    checks = [tuple(check) for check in statement["checks"]]
    bound = signers.signoff_statement(
        statement["ledger"], statement["task"], statement["input"], statement["revision"], checks
    )
    found = signers.verify(bound, _text(signature), allowed)
    return SignedFiles(statement["task"], found, lines)


def _text(signature: bytes) -> str:
    try:
        return signature.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadSignature("its .sig is no SSH signature") from error


def _load(data: bytes) -> dict[str, Any]:
    """Strictly, in what the signature is to bind: every key, each of its type, no other."""
    try:
        document = json.loads(data.decode()) if len(data) <= LARGEST else None
    except (ValueError, RecursionError) as error:
        raise BadSignature("it is no JSON") from error
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        raise BadSignature("it is no sign-off of gigctl's")
    if document.get("schemaVersion") != _VERSION:
        raise BadSignature(f"it is of version {document.get('schemaVersion')!r}, and this gigctl knows {_VERSION}")
    statement: Any = document.get("statement")
    revision: Any = document.get("revision")
    known = _is_shaped(statement, _STATEMENT) and (statement["kind"], statement["version"]) == ("gigctl sign-off", 1)
    if not known or not all(_is_check(check) for check in statement["checks"]):
        raise BadSignature("its statement is not as it must be")
    if not (isinstance(revision, dict) and isinstance(revision.get("base"), str | None)):
        raise BadSignature("its revision is not as it must be")
    if not isinstance(revision.get("files"), list) or not all(map(_is_file, revision["files"])):
        raise BadSignature("its files are not as they must be")
    return document


def _is_shaped(table: Any, shape: Mapping[str, type]) -> bool:
    return isinstance(table, dict) and table.keys() == shape.keys() and all(
        type(table[key]) is kind for key, kind in shape.items()
    )  # fmt: skip


def _is_check(check: Any) -> bool:
    return isinstance(check, list) and len(check) == 3 and all(isinstance(word, str) for word in check)


def _is_file(line: Any) -> bool:
    plain = isinstance(line, dict) and _is_shaped({k: v for k, v in line.items() if k != "sha256"}, _FILE)
    return plain and "sha256" in line and isinstance(line["sha256"], str | None)


def _line(line: Mapping[str, Any]) -> Line:
    return unquote_path(line["path"]), line["mode"], line["sha256"]
