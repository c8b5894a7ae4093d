"""The ledger's lines of `export`, and what `verify` found."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gigctl.model import Content
from gigctl.render.display import display_line
from gigctl.render.figures import render_count
from gigctl.render.gigs import json_client, json_gig
from gigctl.render.tasks import json_attempt, json_decision, json_revision

if TYPE_CHECKING:
    from gigctl.flow.books import ExportedRevision, ExportedTask, Verified
    from gigctl.records import DeliveryRecord

__all__ = ["json_exported", "json_verified", "render_verified"]


def json_verified(seen: Verified) -> dict[str, Any]:
    return {
        "path": str(seen.path), "id": seen.ledger_id, "ok": seen.ok, "events": seen.events, "head": seen.head,
        "problems": [{"message": line} for line in seen.problems],
    }  # fmt: skip


def render_verified(seen: Verified) -> str:
    if seen.ok:
        return f"{seen.path}  whole  {render_count(seen.events, 'event')}  head {seen.head}"
    return "\n".join([f"{seen.path}  damaged", *(f"  {display_line(line)}" for line in seen.problems)])


# --- export ---


def json_exported(kind: str, record: Any) -> dict[str, Any]:
    """One line of an export: `kind` says what it is."""
    return {"kind": kind, **_WAYS[kind](record)}


def _bytes(data: bytes | None) -> dict[str, Any]:
    """A text as it is; what is none in base64."""
    if data is None:
        return {"text": None}
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _files(content: Content) -> list[dict[str, Any]]:
    return [{"path": c.path, "mode": c.mode, "sha256": c.sha256, **_bytes(c.data)} for c in content.changes]


def _source(record: Any) -> dict[str, Any]:
    gig, source = record
    return {"gig": gig, "name": source.name, **_bytes(source.data)}


def _task(record: ExportedTask) -> dict[str, Any]:
    task = record.task
    inputs = [
        {"n": n, "sha256": content.sha256, "base": content.base, "text": content.text if content.is_text else None}
        for n, content in record.inputs
    ]
    return {
        "ref": task.ref, "gig": task.gig, "state": task.state, "craft": task.craft, "name": task.name or None,
        "language": task.language or None, "source": task.source, "place": dict(task.place),
        "brief": record.brief or None, "agents": list(task.agents), "current": task.current, "inputs": inputs,
        "needs": [{"ref": ref, "as": kind} for ref, kind in record.needs], "created": task.created,
    }  # fmt: skip


def _attempt(record: Any) -> dict[str, Any]:
    task, attempt = record
    return {"task": task, **json_attempt(attempt), "run": attempt.run, "round": attempt.round, "slot": attempt.slot,
            "request": attempt.request}  # fmt: skip


def _revision(record: ExportedRevision) -> dict[str, Any]:
    return {**json_revision(record.revision), "base": record.content.base, "files": _files(record.content)}


def _decision(record: Any) -> dict[str, Any]:
    task, decision = record
    checks = [
        {"name": name, "verdict": verdict, "required": required, "fingerprint": mark, "unsandboxed": unsandboxed}
        for name, verdict, required, mark, unsandboxed in decision.checks
    ]
    # "kind" is the line's own.
    known = {("decision" if name == "kind" else name): v for name, v in json_decision(task, decision).items()}
    return {"task": task, **known, "signedInput": decision.signed_input, "signedRevision": decision.signed_revision,
            "checks": checks, "signature": decision.signature or None}  # fmt: skip


def _delivery(record: DeliveryRecord) -> dict[str, Any]:
    return {"gig": record.gig, "form": record.form, "manifest": record.manifest_sha256, "partial": record.partial,
            "at": record.at, "tasks": list(record.tasks)}  # fmt: skip


def _client(record: Any) -> dict[str, Any]:
    item = json_client(record, 0)
    del item["gigs"]
    return item


_WAYS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "client": _client,
    "gig": lambda record: {**json_gig(*record), "brief": record[0].brief or None, "options": dict(record[0].options)},
    "source": _source,
    "task": _task,
    "attempt": _attempt,
    "revision": _revision,
    "decision": _decision,
    "delivery": _delivery,
    "event": lambda event: {"id": event.id, "at": event.at, "what": event.kind, "data": event.data, "hash": event.hash},
}
