"""`gigctl queue`: what wants a human."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import Limit, command, references, verb
from gigctl.flow.desk import open_desk
from gigctl.flow.queue import find_queue
from gigctl.render.output import Output
from gigctl.render.queue import queue_columns

app = verb()


@command(
    app,
    "queue",
    example="gigctl queue -c acme --limit 10\ngigctl queue | fzf -m | gigctl sign -\ngigctl queue --due fri --json",
)
def queue(
    out: Output,
    refs: Annotated[list[str] | None, typer.Argument(metavar="[GIG...]", help="Of these gigs alone.")] = None,
    client: Annotated[str | None, typer.Option("--client", "-c", metavar="CLIENT", help="Of one client.")] = None,
    craft: Annotated[str | None, typer.Option("--craft", metavar="CRAFT", help="Of one craft.")] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="review, failed or ready.")] = None,
    due: Annotated[str | None, typer.Option("--due", metavar="DATE", help="Due on that day or before.")] = None,
    limit: Limit = None,
) -> None:
    """What wants a human, most urgent first, and why."""
    with open_desk() as desk:
        filters = {"client": client, "craft": craft, "state": state, "due": due}
        items = find_queue(desk, references(refs or []), limit=limit, **filters)
        if out.machine:
            from gigctl.insight.sheet import load_sheet_by_id
            from gigctl.render.tasks import json_queue

            out.list("queue", (json_queue(load_sheet_by_id(desk.ledger, item.id), item) for item in items), ())
            return
        rows = [{"ref": i.ref, "reasons": i.reasons, "due": i.due, "name": i.name, "title": i.title} for i in items]
        out.list("queue", rows, queue_columns(desk.today), empty="nothing waits for you")
        if items:
            out.next(f"gigctl show {items[0].ref}")
        elif not refs:
            out.next("gigctl run")
