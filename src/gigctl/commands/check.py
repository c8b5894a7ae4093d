"""`gigctl check`: the checks alone."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import References, command, references, verb
from gigctl.flow.desk import open_desk
from gigctl.flow.review import check_now
from gigctl.render.display import display_line
from gigctl.render.output import Output
from gigctl.render.tasks import json_check, render_checks

app = verb()


@command(app, "check", example="gigctl check acme-3.12\ngigctl check acme-3 --json")
def check(
    refs: References,
    out: Output,
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run what a model wrote unprotected; it is recorded.")
    ] = False,
) -> int:
    """Run a task's checks on its current revision. Exit 1 where a required one did not pass."""
    with open_desk() as desk:
        found = check_now(desk, references(refs), unsafe_no_sandbox=unsafe_no_sandbox)
    items = [{"ref": r.ref} | json_check(v) for r in found for v in r.verdicts]
    lines = [
        line
        for r in found
        for line in (display_line(r.ref), *(f"  {text}" for text in render_checks(r.verdicts, out.terminal)))
    ]
    out.changed("check", items, "\n".join(lines), [r.ref for r in found if any(v.gates for v in r.verdicts)])
    return 1 if any(verdict.gates for r in found for verdict in r.verdicts) else 0
