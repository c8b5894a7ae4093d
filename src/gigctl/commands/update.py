"""`gigctl update`: put a gig's work on what the client has now."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import command, verb
from gigctl.flow.desk import open_desk
from gigctl.flow.updating import move_base
from gigctl.render.output import Output
from gigctl.render.update import json_update, render_update

app = verb()


@command(app, "update", example="gigctl update acme-3 --base main -n\ngigctl update acme-3 --base v2.1")
def update(
    out: Output,
    gig: Annotated[str, typer.Argument(metavar="GIG", help="The gig's reference.")],
    base: Annotated[
        str, typer.Option("--base", metavar="REV", help="The commit of the client's repository to work on from now.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would become of each task.")] = False,
) -> None:
    """Rebase drafts onto the client's moved base; what was signed stays so where its files and their context did not
    change and its checks pass, all else is looked at again, with conflicts marked."""
    with open_desk() as desk:
        moved = move_base(desk, gig, base, dry_run=dry_run)
    out.changed("update", json_update(moved), render_update(moved), [task.ref for task in moved.tasks])
    if dry_run and moved.old != moved.new:
        out.next(f"gigctl update {moved.gig} --base {base}")
        return
    open_ = {fate: task.ref for fate in ("ready", "redo", "review", "conflict") for task in moved.tasks
             if task.fate == fate}  # fmt: skip
    if "conflict" in open_:
        out.next(f"gigctl edit {open_['conflict']}")
    elif open_:
        fate, ref = next(reversed(open_.items()))
        out.next(f"gigctl {'diff' if fate == 'review' else 'run'} {ref}")
