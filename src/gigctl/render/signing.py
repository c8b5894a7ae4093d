"""What is about to be signed, and what was."""

from __future__ import annotations

import hashlib

from gigctl.flow.review import Sheet
from gigctl.insight.queue import REWORDED
from gigctl.render.display import display_line
from gigctl.render.figures import render_count, render_usd
from gigctl.render.terminal import Terminal

__all__ = ["render_signed", "render_signing"]

SHOWN = 12
EXCERPT = 72


def render_signing(sheet: Sheet, terminal: Terminal) -> str:
    """The tasks with what is signed of each, then the whole in a line."""
    lines = []
    for item in sheet.items[:SHOWN]:
        text = item.text or "(empty)"
        if item.paths:
            text = f"changes {', '.join(item.paths)} ({item.revision.bytes} bytes)"
        excerpt = display_line(" ".join(text.split()))
        excerpt = excerpt if len(excerpt) <= EXCERPT else excerpt[: EXCERPT - 1] + "…"
        said = f"{'edited by you  ' if item.edited else ''}{f'{REWORDED}  ' if item.reworded else ''}"
        lines.append(f"{item.revision.ref}  {said}{excerpt}")
    if len(sheet.items) > SHOWN:
        lines.append(f"… and {len(sheet.items) - SHOWN} more: gigctl show REF")
    for ref, verdict in sheet.gating[:SHOWN]:
        said = verdict.evidence[0].message.partition("\n")[0] if verdict.evidence else ""
        lines.append(f"{ref}  {terminal.styled(verdict.outcome, 'bad')}  {verdict.name}: {display_line(said)}")
    return "\n".join([*lines, _summary(sheet)])


def _summary(sheet: Sheet) -> str:
    count = len(sheet.items)
    edited = f", {sheet.edited} edited by you" if sheet.edited else ""
    gating = len({ref for ref, _ in sheet.gating})
    checks = f"{gating} with a required check that did not pass" if gating else "every required check passed"
    older = sum(item.reworded for item in sheet.items)
    changed = f", {older} from before the brief changed" if older else ""
    return f"{render_count(count, 'task')}{edited}{changed}, {checks}, {render_usd(sheet.cost)} spent"


def render_signed(sheet: Sheet) -> str:
    """`signed acme-1 (sha256 9f2c…41ab)`: the hash over all the revisions' hashes, for a glance."""
    if not sheet.items:
        more = f" and {len(sheet.signed_before) - 8} more" if len(sheet.signed_before) > 8 else ""
        return f"signed before: {', '.join(sheet.signed_before[:8])}{more}"
    gigs = list(dict.fromkeys(item.task.gig for item in sheet.items))
    names = [sheet.items[0].task.ref] if len(sheet.items) == 1 else gigs
    whole = hashlib.sha256("".join(item.revision.sha256 for item in sheet.items).encode()).hexdigest()
    sha = sheet.items[0].revision.sha256 if len(sheet.items) == 1 else whole
    return f"signed {', '.join(names)}, {render_count(len(sheet.items), 'task')} (sha256 {sha[:4]}…{sha[-4:]})"
