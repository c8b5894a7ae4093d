"""`gigctl show`: one task whole."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import command, verb
from gigctl.errors import UsageError
from gigctl.flow.desk import open_desk
from gigctl.flow.showing import find_prompt, find_reasons, find_sheet, text_bytes
from gigctl.render.display import display
from gigctl.render.output import Output
from gigctl.render.tasks import json_task, render_call, render_sheet, render_why

app = verb()


@command(
    app,
    "show",
    example="gigctl show acme-3.12\ngigctl show acme-3.12@2 --text > draft.md\ngigctl show acme-3.12 --prompt",
)
def show(
    out: Output,
    ref: Annotated[str, typer.Argument(metavar="REF", help="A task or one of its revisions.")],
    prompt: Annotated[bool, typer.Option("--prompt", help="What was sent for the revision.")] = False,
    text: Annotated[bool, typer.Option("--text", help="The revision's bytes alone.")] = False,
    history: Annotated[bool, typer.Option("--history", help="All that happened to it.")] = False,
    why: Annotated[bool, typer.Option("--why", help="What it waits for, and each check's verdict.")] = False,
) -> None:
    """One task whole: source, revisions, checks, decisions, cost."""
    if sum((prompt, text, history, why)) > 1:
        raise UsageError("--prompt, --text, --history and --why are one at a time")
    with open_desk() as desk:
        sheet = find_sheet(desk, ref)
        if out.machine:
            out.show("task", json_task(sheet, find_reasons(desk, sheet)), "")
        elif text:
            out.raw(text_bytes(desk, sheet))
        elif prompt:
            found = find_prompt(desk, sheet)
            if out.terminal.is_tty:
                out.page(out.terminal.folded(display(found.text)))
            else:
                out.raw(found.text.encode("utf-8", "surrogateescape"))
            out.say(render_call(found.attempt, found.n, found.of, found.led_to))
            if found.answered:
                out.say("an agent that could go on with the session that had asked was sent the answer alone")
        elif why:
            out.page(render_why(sheet, out.terminal, find_reasons(desk, sheet)))
        else:
            reasons = find_reasons(desk, sheet)
            out.page(render_sheet(sheet, out.terminal, desk.today, reasons, history=history) + "\n")
