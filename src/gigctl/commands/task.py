"""`gigctl task`: one more for a gig, or one less."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gigctl.commands.options import References, command, noun, references
from gigctl.errors import UsageError
from gigctl.flow import tasks
from gigctl.flow.desk import open_desk
from gigctl.flow.gigfile import TaskWish
from gigctl.insight.sheet import load_sheet_by_id
from gigctl.render.display import display_line
from gigctl.render.output import Output
from gigctl.render.tasks import json_task
from gigctl.values import load_text

app = noun("Add a task to a gig, or cancel one.")


@command(
    app,
    "add",
    example="gigctl task add acme-3 --source annexe.fr.md\n"
    "gigctl task add acme-3 --craft writing --source acme-3.1 --brief 'Sum it up.'",
)
def add(
    out: Output,
    gig: Annotated[str, typer.Argument(metavar="GIG", help="The gig's reference.")],
    craft: Annotated[str | None, typer.Option("--craft", metavar="CRAFT", help="Another craft than the gig's.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="FILE|REF", help="A file, or a task whose signed text is the source."),
    ] = None,
    brief: Annotated[str | None, typer.Option("--brief", metavar="TEXT|@FILE|-", help="What is to be done.")] = None,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="LANG", help="Into which language.")] = None,
    after: Annotated[
        list[str] | None, typer.Option("--after", metavar="REF", help="Waits until that is signed; may repeat.")
    ] = None,
) -> None:
    """Add a task; one with --after or a task as its --source waits for that one's signature."""
    if [brief, *(source or [])].count("-") > 1:
        raise UsageError("`-` stands twice: standard input can be read once")
    wish = TaskWish(
        craft=craft or "", brief=load_text(brief) if brief else "", sources=tuple(source or ()),
        targets=tuple(to or ()), after=tuple(after or ()),
    )  # fmt: skip
    with open_desk() as desk:
        made = tasks.add(desk, gig, wish, sys.stdin.buffer.read() if "-" in wish.sources else None)
        sheets = [load_sheet_by_id(desk.ledger, task) for task in made]
    lines = [f"{s.task.ref}  {s.task.state}  {s.task.craft}  {display_line(s.task.name)}".rstrip() for s in sheets]
    refs = [sheet.task.ref for sheet in sheets]
    out.changed("task", [json_task(sheet) for sheet in sheets], "\n".join(lines), refs)
    ready = [sheet.task.ref for sheet in sheets if sheet.task.state == "ready"]
    if ready:
        out.next(f"gigctl run {ready[0] if len(ready) == 1 else sheets[0].task.gig}")


@command(app, "remove", example="gigctl task remove acme-3.12")
def remove(refs: References, out: Output) -> None:
    """Cancel tasks: they are delivered no more, and what waited for one goes on. `reopen` brings one back."""
    with open_desk() as desk:
        done = tasks.remove(desk, references(refs))
    out.changed("decision", [{"kind": "cancel", "ref": ref} for ref in done],
                "\n".join(f"cancelled {ref}" for ref in done), done)  # fmt: skip
