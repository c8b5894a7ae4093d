"""`gigctl edit`: a human's revision."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.options import References, Yes, command, references, verb
from gigctl.errors import GigctlError, UsageError
from gigctl.flow.desk import Desk, open_desk
from gigctl.flow.editing import Beside, edit_from, edit_in_editor
from gigctl.flow.review import Unchanged
from gigctl.records import RevisionRecord
from gigctl.render.display import display_line
from gigctl.render.figures import render_count
from gigctl.render.output import Output
from gigctl.render.tasks import json_revision, render_aside, render_checks

app = verb()
SHOWN = 5
"""Files that are named of those that would be deleted."""


@command(
    app,
    "edit",
    example="gigctl edit acme-3.12\ngigctl edit acme-3.12 --from better.md\n"
    "sed s/colour/color/ a.md | gigctl edit acme-3.12 --from -\ngigctl edit acme-4.1 --formatted",
)
def edit(
    refs: References,
    out: Output,
    source: Annotated[
        str | None, typer.Option("--from", metavar="PATH|-", help="A file (of a tree: a folder), or stdin.")
    ] = None,
    formatted: Annotated[
        bool, typer.Option("--formatted", help="Of code: what the client's own formatter makes of the touched lines.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Make a revision of your own, in $VISUAL or $EDITOR or from elsewhere; its checks are run.

    The editor has the text, and below a line, which is ignored like all that follows it: the source, the checks that
    did not pass, and the notes.
    """
    words = references(refs) if source != "-" else refs
    if formatted and source is not None:
        raise UsageError("--formatted formats the draft that is there: leave out --from")
    if formatted:
        _format_each(out, words)
        return
    if source is not None and len(words) > 1:
        raise UsageError("--from gives one revision: name one task")
    if source is None and not sys.stdin.isatty() and not (os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise UsageError("there is no terminal for an editor", "gigctl edit REF --from PATH, or --from -")
    beside = Beside(render_aside, out.say) if sys.stdin.isatty() else None
    with open_desk() as desk:
        if source is None:
            made = _edit_each(desk, out, words, beside)
        else:
            path = None if source == "-" else Path(source)
            made = [edit_from(desk, words[0], path, sys.stdin.buffer, agree=partial(_agree, out, yes), warn=out.warn)]
        offered = _formats(desk, made)
    _tell(out, made, offered)


def _tell(out: Output, made: Sequence[RevisionRecord], formatted: str) -> None:
    """What was recorded, and what comes next: `formatted` is a reference whose formatter would write otherwise."""
    lines = [line for r in made for line in (f"{r.ref}  by you", *render_checks(r.verdicts, out.terminal))]
    out.changed("revision", [json_revision(r) for r in made], "\n".join(lines), [r.ref for r in made])
    gated = next((r.ref for r in made if any(verdict.gates for verdict in r.verdicts)), None)
    if formatted:
        out.next(f"gigctl edit {formatted} --formatted")
    elif made:
        out.next(f"gigctl show {gated}" if gated else f"gigctl sign {_task(made[0].ref)}")


def _task(revision: str) -> str:
    return revision.partition("@")[0]


def _formats(desk: Desk, made: Sequence[RevisionRecord]) -> str:
    """The first task whose formatter would write its current revision otherwise; empty where there is none."""
    if not any(verdict.outcome == "fail" for revision in made for verdict in revision.verdicts):
        return ""
    from gigctl.flow.formatting import is_offered

    return next((_task(revision.ref) for revision in made if is_offered(desk, revision)), "")


def _format_each(out: Output, words: Sequence[str]) -> None:
    from gigctl.flow.formatting import format_task

    made: list[RevisionRecord] = []
    with open_desk() as desk:
        for word in words:
            done = format_task(desk, word, os.environ)
            for reason in done.missing:
                out.warn(f"{done.task.ref} was not formatted by {display_line(reason)}")
            if done.revision is None:
                out.say(f"nothing to change in {done.task.ref}: {display_line(', '.join(done.by))}")
            else:
                made.append(done.revision)
    _tell(out, made, "")


def _edit_each(desk: Desk, out: Output, words: Sequence[str], beside: Beside | None) -> list[RevisionRecord]:
    """In turn; those that were left as they were are told at the end, and are an error where all were."""
    made: list[RevisionRecord] = []
    left: list[str] = []
    for word in words:
        try:
            made.append(edit_in_editor(desk, word, os.environ, beside))
        except Unchanged:
            if len(words) == 1:
                raise
            left.append(word)
        except GigctlError:
            if made:
                out.warn(f"recorded before that: {', '.join(revision.ref for revision in made)}")
            raise
    if not made:
        raise UsageError(f"nothing was changed in {', '.join(left)}", "gigctl edit REF --from FILE takes any text")
    if left:
        out.warn(f"left as before: {', '.join(left)}")
    return made


def _agree(out: Output, yes: bool, lacking: Sequence[str]) -> None:
    """A folder that lacks files deletes them, which is meant or a mistake."""
    named = ", ".join(display_line(path) for path in lacking[:SHOWN])
    more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    out.warn(f"the folder lacks {render_count(len(lacking), 'file')}, deleted by this edit: {named}{more}")
    if not yes and not out.confirm(f"Delete {render_count(len(lacking), 'file')}?", "-y"):
        raise UsageError("nothing was recorded")
