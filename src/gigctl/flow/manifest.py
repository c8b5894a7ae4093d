"""MANIFEST.json: what was delivered, of which signatures. Plain data, and the one form that its bytes have.

docs/delivery.md documents it for those who get one; nothing that is only the freelancer's (costs, prompts, notes,
other clients) is in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from gigctl.model import EXECUTABLE, REGULAR, quote_path, unquote_path
from gigctl.system.files import why_unsafe

__all__ = [
    "BESIDE", "JSON_TABLES", "MANIFEST", "NOTE", "SIGNATURE", "AIUse", "BadManifest", "DeliveredFile", "DraftedBy",
    "Manifest", "SeenCheck", "Signoff", "is_table", "read_manifest",
]  # fmt: skip

MANIFEST = "MANIFEST.json"
SIGNATURE = "MANIFEST.json.sig"
BESIDE = ".manifest.json"
"""What a table's name is followed by in its manifest's, which lies beside it; `.sig` comes behind that."""
JSON_TABLES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv", *JSON_TABLES)
NOTE = "UNSIGNED.txt"
"""What a preview has in a manifest's place."""
LARGEST = 64 * 1024 * 1024
"""Bytes of a manifest that are read: about 50,000 sign-offs with signatures."""
_KIND, _VERSION = "gigctl delivery", 1


class BadManifest(Exception):
    """No manifest of ours; the message says what is wrong with it, in half a sentence."""


def is_table(path: Path) -> bool:
    """Whether a delivery of that name is a batch's file."""
    return path.suffix.lower() in TABLES


class DeliveredFile(Struct, frozen=True):
    """`mode` is git's: 100644, or 100755 for what can be run."""

    path: str
    sha256: str
    bytes: int
    mode: str = REGULAR


class SeenCheck(Struct, frozen=True):
    """A check as it stood when the human signed."""

    name: str
    verdict: str
    required: bool
    fingerprint: str
    unsandboxed: bool = False


class Signoff(Struct, frozen=True):
    """`signature` (with `signer`, the key's fingerprint) where it was signed with a key, else both are empty."""

    task: str
    revision: str
    input: str
    at: str
    by: str
    checks: tuple[SeenCheck, ...] = ()
    despite: str = ""
    carried: bool = False
    signer: str = ""
    signature: str = ""


class DraftedBy(Struct, frozen=True):
    """Who drafted what a human signed: tasks by agent and model; both empty where no agent had a part in it."""

    agent: str
    model: str
    tasks: tuple[str, ...]
    edited: tuple[str, ...] = ()  # of these, those that a human changed before signing


class AIUse(Struct, frozen=True):
    statement: str
    drafts: tuple[DraftedBy, ...]


class Manifest(Struct, frozen=True):
    """A delivery. `sources` and `files` are sorted; `missing` are the gig's tasks that are no part of it."""

    ledger: str
    gig: str
    title: str
    form: str
    created: str
    partial: bool
    files: tuple[DeliveredFile, ...]
    signoffs: tuple[Signoff, ...]
    languages: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()  # name, SHA-256
    missing: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    git: Mapping[str, str] = field(default_factory=dict)  # base, baseTree, tree, commit, branch: those that there are
    ai_use: AIUse | None = None
    neutralised: tuple[str, ...] = ()  # tasks whose text has an apostrophe before it, so that no spreadsheet runs it
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # task -> those in whose place it is here
    together: tuple[SeenCheck, ...] = ()  # the checks of several changes, run on their sum
    signoff_files: tuple[DeliveredFile, ...] = ()  # added beside the signed changes, in whatever form those go out

    def to_bytes(self) -> bytes:
        """The one form: JSON in UTF-8, keys sorted, two blanks a level, a line feed at the end."""
        return (json.dumps(_to_json(self), sort_keys=True, ensure_ascii=False, indent=2) + "\n").encode(
            "utf-8", "replace"
        )

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()


# --- writing ---


def _json_path(path: str) -> str:
    """As it is; C-quoted, as in a revision's text, where it is no UTF-8 or could be taken for a quoted one."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return quote_path(path)
    return quote_path(path) if path.startswith('"') else path


def _to_json(manifest: Manifest) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "schemaVersion": _VERSION,
        "ledger": manifest.ledger,
        "gig": manifest.gig,
        "title": manifest.title,
        "form": manifest.form,
        "created": manifest.created,
        "partial": manifest.partial,
        "languages": list(manifest.languages),
        "sources": [{"name": name, "sha256": sha} for name, sha in manifest.sources],
        "files": _files_json(manifest.files),
        "deleted": [_json_path(path) for path in manifest.deleted],
        "missing": list(manifest.missing),
        "git": dict(manifest.git),
        "signoffs": [_signoff_json(signoff) for signoff in manifest.signoffs],
        **({"aiUse": _ai_json(manifest.ai_use)} if manifest.ai_use else {}),
        **({"neutralised": list(manifest.neutralised)} if manifest.neutralised else {}),
        **({"joined": {ref: list(joined) for ref, joined in manifest.joined.items()}} if manifest.joined else {}),
        **({"together": _checks_json(manifest.together)} if manifest.together else {}),
        **({"signoffFiles": _files_json(manifest.signoff_files)} if manifest.signoff_files else {}),
    }


def _files_json(files: Sequence[DeliveredFile]) -> list[dict[str, Any]]:
    return [
        {"path": _json_path(file.path), "sha256": file.sha256, "bytes": file.bytes, "mode": file.mode} for file in files
    ]


def _signoff_json(signoff: Signoff) -> dict[str, Any]:
    return {
        "task": signoff.task,
        "revision": signoff.revision,
        "input": signoff.input,
        "signed": signoff.at,
        "by": signoff.by,
        "checks": _checks_json(signoff.checks),
        "despite": signoff.despite,
        "carried": signoff.carried,
        "signer": signoff.signer,
        "signature": signoff.signature,
    }


def _checks_json(checks: Sequence[SeenCheck]) -> list[dict[str, Any]]:
    return [
        {"name": c.name, "verdict": c.verdict, "required": c.required, "fingerprint": c.fingerprint,
         "unsandboxed": c.unsandboxed}
        for c in checks
    ]  # fmt: skip


def _ai_json(use: AIUse) -> dict[str, Any]:
    drafts = [
        {"agent": d.agent, "model": d.model, "tasks": list(d.tasks), "editedByHuman": list(d.edited)}
        for d in use.drafts
    ]
    return {"statement": use.statement, "drafts": drafts}


# --- reading ---

_SHAPE: Mapping[str, type] = {
    "kind": str, "schemaVersion": int, "ledger": str, "gig": str, "title": str, "form": str, "created": str,
    "partial": bool, "languages": list, "sources": list, "files": list, "deleted": list, "missing": list, "git": dict,
    "signoffs": list,
}  # fmt: skip
_FILE: Mapping[str, type] = {"path": str, "sha256": str, "bytes": int, "mode": str}
_SOURCE: Mapping[str, type] = {"name": str, "sha256": str}
_SIGNOFF: Mapping[str, type] = {
    "task": str, "revision": str, "input": str, "signed": str, "by": str, "checks": list, "despite": str,
    "carried": bool, "signer": str, "signature": str,
}  # fmt: skip
_CHECK: Mapping[str, type] = {
    "name": str, "verdict": str, "required": bool, "fingerprint": str, "unsandboxed": bool,
}  # fmt: skip
_OF_TYPE: Mapping[str, type] = {"neutralised": list, "joined": dict, "together": list, "signoffFiles": list}
_OPTIONAL: Mapping[str, Any] = {"aiUse": None, "neutralised": [], "joined": {}, "together": [], "signoffFiles": []}
"""Keys that are there where there is something to be said, and what their absence means."""
_DRAFTS: Mapping[str, type] = {"agent": str, "model": str, "tasks": list, "editedByHuman": list}


def read_manifest(data: bytes) -> Manifest:
    """Strictly: every key, each of its type, no other, no key twice. Raises BadManifest."""
    try:
        table = json.loads(data.decode(), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadManifest(f"is no JSON: {error}") from error
    if isinstance(table, dict) and table.get("kind") == _KIND and table.get("schemaVersion") != _VERSION:
        raise BadManifest(f"is of version {table.get('schemaVersion')!r}, and this gigctl knows {_VERSION}")
    more = {key: table.pop(key, unset) for key, unset in _OPTIONAL.items()} if isinstance(table, dict) else {}
    _check_shape(table, _SHAPE, "it")
    if table["kind"] != _KIND:
        raise BadManifest("is no manifest of gigctl's")
    _check_texts(table, "languages", "deleted", "missing")
    _check_shape({key: more[key] for key in _OF_TYPE}, _OF_TYPE, "it")
    _check_texts(more, "neutralised")
    if not all(isinstance(value, str) for value in table["git"].values()):
        raise BadManifest("has under git something that is no text")
    return Manifest(
        ledger=table["ledger"],
        gig=table["gig"],
        title=table["title"],
        form=table["form"],
        created=table["created"],
        partial=table["partial"],
        files=tuple(map(_read_file, table["files"])),
        signoffs=tuple(map(_read_signoff, table["signoffs"])),
        languages=tuple(table["languages"]),
        sources=tuple(map(_read_source, table["sources"])),
        missing=tuple(table["missing"]),
        deleted=tuple(map(_read_path, table["deleted"])),
        git=table["git"],
        ai_use=None if more["aiUse"] is None else _read_ai_use(more["aiUse"]),
        neutralised=tuple(more["neutralised"]),
        joined=_read_joined(more["joined"]),
        together=tuple(map(_read_check, more["together"])),
        signoff_files=tuple(map(_read_file, more["signoffFiles"])),
    )


def _read_joined(table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    for ref, joined in table.items():
        _check_shape({"joined": joined}, {"joined": list}, ref)
        _check_texts({"joined": joined}, "joined")
    return {ref: tuple(joined) for ref, joined in table.items()}


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key stands twice")
    return table


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _check_shape(table: Any, shape: Mapping[str, type], what: str) -> None:
    if not isinstance(table, dict):
        raise BadManifest(f"has no object where {what} should be one")
    if table.keys() != shape.keys():
        raise BadManifest(f"has other keys than it should: {', '.join(sorted(table.keys() ^ shape.keys()))} in {what}")
    for key, kind in shape.items():
        if type(table[key]) is not kind:  # bool is an int
            raise BadManifest(f"has a {key} in {what} that is no {kind.__name__}")


def _check_texts(table: Mapping[str, Any], *keys: str) -> None:
    for key in keys:
        if not all(isinstance(item, str) for item in table[key]):
            raise BadManifest(f"has under {key} something that is no text")


def _read_file(table: Any) -> DeliveredFile:
    _check_shape(table, _FILE, "a file")
    path = _read_path(table["path"])
    if table["mode"] not in (REGULAR, EXECUTABLE) or table["bytes"] < 0:
        raise BadManifest(f"says of {path!a} what no file can be")
    return DeliveredFile(path, table["sha256"], table["bytes"], table["mode"])


def _read_path(text: str) -> str:
    path = unquote_path(text)
    if why := why_unsafe(path):
        raise BadManifest(f"names a path that must not be, {path!a}: {why}")
    return path


def _read_source(table: Any) -> tuple[str, str]:
    _check_shape(table, _SOURCE, "a source")
    return table["name"], table["sha256"]


def _read_signoff(table: Any) -> Signoff:
    _check_shape(table, _SIGNOFF, "a sign-off")
    return Signoff(
        table["task"], table["revision"], table["input"], table["signed"], table["by"],
        tuple(map(_read_check, table["checks"])), table["despite"], table["carried"], table["signer"],
        table["signature"],
    )  # fmt: skip


def _read_check(check: Any) -> SeenCheck:
    _check_shape(check, _CHECK, "a check")
    return SeenCheck(
        check["name"], check["verdict"], check["required"], check["fingerprint"], check["unsandboxed"]
    )  # fmt: skip


def _read_ai_use(table: Any) -> AIUse:
    _check_shape(table, {"statement": str, "drafts": list}, "aiUse")
    drafts = []
    for item in table["drafts"]:
        _check_shape(item, _DRAFTS, "aiUse")
        _check_texts(item, "tasks", "editedByHuman")
        drafts.append(DraftedBy(item["agent"], item["model"], tuple(item["tasks"]), tuple(item["editedByHuman"])))
    return AIUse(table["statement"], tuple(drafts))
