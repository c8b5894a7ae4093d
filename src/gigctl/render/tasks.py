"""Tasks, revisions, attempts and decisions: as JSON, as lines, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from gigctl.insight.queue import REWORDED, QueueItem
from gigctl.insight.sheet import TaskSheet
from gigctl.model import Evidence, Usage, Verdict
from gigctl.records import AttemptRecord, DecisionRecord, RevisionRecord
from gigctl.render.diff import render_obeyed
from gigctl.render.display import display, display_line
from gigctl.render.figures import json_usd, render_count, render_due, render_seconds, render_usd
from gigctl.render.terminal import Terminal

__all__ = [
    "json_check",
    "json_queue",
    "json_revision",
    "json_task",
    "json_tokens",
    "render_aside",
    "render_call",
    "render_checks",
    "render_sheet",
    "render_why",
]


# --- JSON ---


def json_check(verdict: Verdict) -> dict[str, Any]:
    evidence = [{"message": e.message, "part": e.part, "line": e.line, "column": e.column} for e in verdict.evidence]
    return {
        "name": verdict.name, "verdict": verdict.outcome, "required": verdict.required, "evidence": evidence,
        "unsandboxed": verdict.unsandboxed,
    }  # fmt: skip


def json_revision(revision: RevisionRecord) -> dict[str, Any]:
    task = revision.ref.partition("@")[0]
    return {
        "ref": revision.ref, "by": revision.made_by, "agent": revision.agent, "sha256": revision.sha256,
        "bytes": revision.bytes, "parent": f"{task}@{revision.parent}" if revision.parent else None,
        "created": revision.created, "rejected": revision.rejected, "seconds": revision.seconds,
        "checks": [json_check(verdict) for verdict in revision.verdicts],
    }  # fmt: skip


def json_tokens(usage: Usage | None) -> dict[str, int] | None:
    return None if usage is None else {"input": usage.input, "output": usage.output, "cached": usage.cached}


def json_attempt(attempt: AttemptRecord) -> dict[str, Any]:
    tokens = None
    if attempt.tokens_in is not None:
        tokens = json_tokens(Usage(attempt.tokens_in, attempt.tokens_out or 0, attempt.tokens_cached or 0))
    return {
        "agent": attempt.agent, "model": attempt.model or None, "outcome": attempt.outcome or "in flight",
        "cost": json_usd(attempt.cost), "reserved": json_usd(attempt.reserved), "tokens": tokens,
        "seconds": attempt.seconds, "started": attempt.begun, "reason": attempt.reason or None,
    }  # fmt: skip


def json_decision(task: str, decision: DecisionRecord) -> dict[str, Any]:
    return {
        "kind": decision.kind, "revision": f"{task}@{decision.revision}" if decision.revision else None,
        "note": decision.note or None, "at": decision.at, "by": decision.actor, "voided": decision.voided,
        "despite": decision.despite or None, "signer": decision.signer,
    }  # fmt: skip


def json_task(sheet: TaskSheet, reasons: Sequence[str] = ()) -> dict[str, Any]:
    task = sheet.task
    return {
        "ref": task.ref, "gig": task.gig, "state": task.state, "title": sheet.gig.title or task.name or None,
        "due": task.due, "name": task.name, "language": task.language or None, "source": task.source,
        "reasons": list(reasons), "cost": json_usd(sheet.cost),
        "revisions": [json_revision(revision) for revision in sheet.revisions],
        "attempts": [json_attempt(attempt) for attempt in sheet.attempts],
        "decisions": [json_decision(task.ref, decision) for decision in sheet.decisions],
    }  # fmt: skip


def json_queue(sheet: TaskSheet, item: QueueItem) -> dict[str, Any]:
    return json_task(sheet, item.reasons) | {"urgency": item.urgency}


# --- lines ---


_UNSANDBOXED = " (unsandboxed)"


_MAKERS = {"human": "by you", "memory": "by no agent, of what was signed"}


def render_checks(verdicts: Sequence[Verdict], terminal: Terminal, *, all_: bool = False) -> list[str]:
    """A line a finding; passed checks in one line, or a line each with `all_`, and what they did not see."""
    lines = []
    passed = [f"{v.name}{_UNSANDBOXED if v.unsandboxed else ''}" for v in verdicts if v.passed]
    for verdict in verdicts:
        if verdict.passed and not all_:
            continue
        style = {"pass": "good", "fail": "bad"}.get(verdict.outcome, "odd")
        mark = terminal.styled(verdict.outcome, style if verdict.required or verdict.passed else "odd")
        optional = f"{'' if verdict.required else ' (not required)'}{_UNSANDBOXED if verdict.unsandboxed else ''}"
        messages = [_located(e) for e in verdict.evidence] or [""]
        lines += [f"{mark}  {display_line(verdict.name)}{optional}{': ' if m else ''}{m}" for m in messages]
    if passed and not all_:
        lines.append(f"{terminal.styled('pass', 'good')}  {display_line(', '.join(passed))}")
        lines += _passed_notes(verdicts)
    return lines


def _passed_notes(verdicts: Sequence[Verdict]) -> list[str]:
    """What passed checks have to say, each once: several may have left the same files out."""
    said: dict[str, list[str]] = {}
    for verdict in verdicts:
        for one in verdict.evidence if verdict.passed else ():
            said.setdefault(_located(one), []).append(verdict.name)
    return [f"{display_line(', '.join(names))}: {message}" for message, names in said.items()]


def _located(found: Evidence) -> str:
    """A message of several lines (a command's output) is indented below its first. One that names its file has its own
    place."""
    first, *rest = found.message.split("\n")
    text = "\n".join([display_line(first), *(f"      {display(more)}" for more in rest if more.strip())])
    has_place = found.part is not None and found.message.startswith(found.part)
    return f"line {found.line}: {text}" if found.line and found.line > 1 and not has_place else text


def render_sheet(
    sheet: TaskSheet, terminal: Terminal, today: date, reasons: Sequence[str] = (), *, history: bool = False
) -> str:
    """A task as a person reads it: what it is, the source, the draft, the checks, the cost."""
    task = sheet.task
    due = render_due(date.fromisoformat(task.due), today=today) if task.due else ""
    begin = f"{sheet.gig.source_language} → " if sheet.gig.source_language and task.language else ""
    languages = f"{begin}{task.language}"
    head = [task.ref, task.state, task.craft, languages, display_line(task.name), due]
    parts = [terminal.styled("  ".join(word for word in head if word), "bold")]
    source = sheet.input.text if sheet.input.is_text else ""
    told = {"brief": sheet.brief if sheet.brief != source else "", "source": source}
    for name, text in told.items():
        parts += ["", terminal.styled(name, "dim"), display(text.strip("\n"))] if text.strip() else []
    if sheet.shown is not None and sheet.content is not None:
        parts += ["", *_draft(sheet, terminal)]
        parts += ["", *render_checks(sheet.shown.verdicts, terminal)]
    elif not sheet.revisions:
        parts += ["", "no draft yet"]
    if history:
        parts += ["", *_history(sheet, terminal)]
    unpriced = sum(attempt.cost is None and attempt.reserved is None for attempt in sheet.attempts)
    more = f" and {render_count(unpriced, 'call')} of unknown price" if unpriced else ""
    reasons = [*reasons, *([REWORDED] if sheet.reworded and REWORDED not in reasons else [])]
    parts += ["", display_line("; ".join(reasons))] if reasons else []
    parts += ["", f"{render_count(len(sheet.attempts), 'call')}, {render_usd(sheet.cost)}{more}"]
    return terminal.folded("\n".join(parts))


def _draft(sheet: TaskSheet, terminal: Terminal) -> list[str]:
    assert sheet.shown is not None  # noqa: S101
    assert sheet.content is not None  # noqa: S101
    who = f"by {sheet.shown.agent}" if sheet.shown.agent else _MAKERS.get(sheet.shown.made_by, "")
    took = f", {render_seconds(sheet.shown.seconds)}" if sheet.shown.seconds else ""
    title = terminal.styled(f"@{sheet.shown.number} {who}{took}", "dim")
    if sheet.content.is_text:
        return [title, display(sheet.content.text)]
    obeyed = render_obeyed(sheet.shown.ref, (change.path for change in sheet.content.changes))
    warned = [terminal.styled(obeyed, "bad")] if obeyed else []
    return [
        title,
        *warned,
        *(f"{'deleted ' if c.data is None else ''}{display_line(c.path)}" for c in sheet.content.changes),
    ]


def render_aside(sheet: TaskSheet) -> str:
    """What a person who writes wants to see beside the text: brief, source, what did not pass, what was said of it."""
    ref, shown = sheet.task.ref, sheet.shown
    source = sheet.input.text if sheet.input.is_text else ""
    failed = [verdict for verdict in shown.verdicts if not verdict.passed] if shown else []
    pieces = {
        f"brief of {ref}": display(sheet.brief) if sheet.brief != source else "",
        f"source of {ref}": display(source),
        f"checks of {shown.ref if shown else ref} that did not pass": "\n".join(render_checks(failed, Terminal())),
        f"notes on {ref}": "\n".join(_notes(sheet)),
    }
    return "\n\n".join(f"# {name}\n{text.rstrip()}" for name, text in pieces.items() if text.strip())


def _notes(sheet: TaskSheet) -> list[str]:
    """The notes of `redo` and `reject`, and others that go along with the last round."""
    said = [d for d in sheet.decisions if d.kind in ("redo", "reject") and d.note]
    told = {decision.note for decision in said}
    lines = [f"{d.kind}{f' @{d.revision}' if d.revision else ''}: {display(d.note)}" for d in said]
    return lines + [display(note) for note in (sheet.round.notes if sheet.round else ()) if note not in told]


def _history(sheet: TaskSheet, terminal: Terminal) -> list[str]:
    """All that happened, in order."""
    told = [(a.begun, _attempt_line(a)) for a in sheet.attempts]
    told += [(r.created, _revision_line(r, _find_late(sheet, r))) for r in sheet.revisions]
    told += [(d.at, _decision_line(d)) for d in sheet.decisions]
    return [f"{terminal.styled(at[:19].replace('T', ' '), 'dim')}  {line}" for at, line in sorted(told)]


def _outcome(attempt: AttemptRecord) -> str:
    """What is not known of a free call is no question of money: it was cut off."""
    if attempt.outcome == "unknown" and attempt.reserved == 0:
        return "cut off"
    return (attempt.outcome or "in flight").replace("_", " ")


def _attempt_line(attempt: AttemptRecord) -> str:
    words = [attempt.agent, _outcome(attempt)]
    if attempt.seconds is not None:
        words.append(render_seconds(attempt.seconds))
    if attempt.tokens_in is not None:
        cached = f" ({attempt.tokens_cached} cached)" if attempt.tokens_cached else ""
        words.append(f"{attempt.tokens_in}{cached}+{attempt.tokens_out} tokens")
    words.append(render_usd(attempt.cost) if attempt.cost is not None else f"{render_usd(attempt.reserved)} reserved")
    if attempt.reason:
        words.append(display_line(attempt.reason))
    return "call  " + "  ".join(words)


def _find_late(sheet: TaskSheet, revision: RevisionRecord) -> DecisionRecord | None:
    """The signature that an agent's draft came too late for."""
    if revision.made_by == "human":
        return None
    signed = (d for d in sheet.decisions if d.kind == "sign" and d.at <= revision.created)
    return next((d for d in signed if d.voided is None or d.voided > revision.created), None)


def _revision_line(revision: RevisionRecord, late: DecisionRecord | None) -> str:
    who = revision.agent or _MAKERS.get(revision.made_by, revision.made_by).removeprefix("by ")
    gating = [verdict.name for verdict in revision.verdicts if verdict.gates]
    checks = f"did not pass {', '.join(gating)}" if gating else "passed" if revision.assessed else "not checked"
    closed = "  rejected" if revision.rejected else ""
    after = f"  too late: @{late.revision} was signed meanwhile" if late else ""
    return f"@{revision.number}  by {who}  {checks}  sha256 {revision.sha256[:8]}{closed}{after}"


def _decision_line(decision: DecisionRecord) -> str:
    which = f" @{decision.revision}" if decision.revision else ""
    despite = f' despite "{display_line(decision.despite)}"' if decision.despite else ""
    note = f": {display_line(decision.note)}" if decision.note else ""
    void = "  (void)" if decision.voided else ""
    return f"{decision.kind}{which} by {display_line(decision.actor)}{despite}{note}{void}"


def render_call(attempt: AttemptRecord, n: int, of: int, led_to: RevisionRecord | None) -> str:
    """`call 2 of 3, by local, led to acme-3.12@2`."""
    came = f"led to {led_to.ref}" if led_to else f"the last: {_outcome(attempt)}"
    return f"call {n} of {of}, by {attempt.agent}, {came}"


def render_why(sheet: TaskSheet, terminal: Terminal, reasons: Sequence[str] = ()) -> str:
    """What a task waits for, and each check's verdict with its evidence."""
    lines = ["  ".join(filter(None, (sheet.task.ref, sheet.task.state, display_line("; ".join(reasons)))))]
    if sheet.shown is not None:
        lines += render_checks(sheet.shown.verdicts, terminal, all_=True)
    if sheet.attempts and sheet.attempts[-1].reason:
        lines.append(f"last call: {display_line(sheet.attempts[-1].reason)}")
    return terminal.folded("\n".join(lines)) + "\n"
