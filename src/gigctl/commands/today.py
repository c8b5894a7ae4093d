"""`gigctl` alone: today."""

from __future__ import annotations

from gigctl.commands.options import command, verb
from gigctl.flow.desk import open_desk
from gigctl.insight.today import load_today
from gigctl.paths import load_paths
from gigctl.render.output import Output
from gigctl.render.today import json_today, render_beginning, render_today

app = verb()


@command(app, "today", example="gigctl\ngigctl today --json")
def today(out: Output) -> None:
    """Today: what waits for you, what is due, what runs, money out and in."""
    with open_desk() as desk:
        found = load_today(desk.ledger, desk.today)
        if not (found.open_gigs or found.delivered or found.waiting):
            from gigctl.flow import models

            here = bool(models.list_all(load_paths()))
            out.show("today", json_today(found), render_beginning(model_is_here=here))
            return
        out.show("today", json_today(found), render_today(found, out.terminal, desk.today))
    if found.waiting:
        out.next("gigctl queue")
    elif found.ready:
        out.next("gigctl run")
