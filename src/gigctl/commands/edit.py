"""`gigctl edit`: a human's revision."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.options import References, command, references, verb
from gigctl.errors import UsageError
from gigctl.flow.desk import open_desk
from gigctl.flow.editing import edit_from, edit_in_editor
from gigctl.render.output import Output
from gigctl.render.tasks import json_revision, render_checks

app = verb()


@command(
    app,
    "edit",
    example="gigctl edit acme-3.12\ngigctl edit acme-3.12 --from better.md\n"
    "sed s/colour/color/ a.md | gigctl edit acme-3.12 --from -",
)
def edit(
    refs: References,
    out: Output,
    source: Annotated[
        str | None, typer.Option("--from", metavar="PATH|-", help="A file (of a tree: a folder), or stdin.")
    ] = None,
) -> None:
    """Make a revision of your own, in $VISUAL or $EDITOR or from elsewhere; its checks are run."""
    words = references(refs) if source != "-" else refs
    if source is not None and len(words) > 1:
        raise UsageError("--from gives one revision: name one task")
    if source is None and not sys.stdin.isatty() and not (os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise UsageError("there is no terminal for an editor", "gigctl edit REF --from PATH, or --from -")
    made = []
    with open_desk() as desk:
        for word in words:
            if source is None:
                made.append(edit_in_editor(desk, word, os.environ))
            else:
                path = None if source == "-" else Path(source)
                made.append(edit_from(desk, word, path, sys.stdin.buffer.read() if path is None else None))
    lines = [line for r in made for line in (f"{r.ref}  by you", *render_checks(r.verdicts, out.terminal))]
    out.changed("revision", [json_revision(r) for r in made], "\n".join(lines), [r.ref for r in made])
    gated = next((r.ref for r in made if any(verdict.gates for verdict in r.verdicts)), None)
    out.next(f"gigctl show {gated}" if gated else f"gigctl sign {made[0].ref.partition('@')[0]}")
