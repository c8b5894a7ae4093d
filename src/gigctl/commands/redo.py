"""`gigctl redo`: ask again, with a note."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import References, command, references, verb
from gigctl.config import load_settings
from gigctl.flow.desk import open_desk
from gigctl.flow.review import redo as ask_again
from gigctl.flow.run import resolve_default
from gigctl.render.output import Output
from gigctl.values import load_text

app = verb()


@command(app, "redo", example='gigctl redo acme-3.12 -m "less formal"\ngigctl redo acme-3 -m @notes.md')
def redo(
    refs: References,
    out: Output,
    note: Annotated[str, typer.Option("--message", "-m", metavar="TEXT|@FILE", help="What is to be otherwise.")],
) -> None:
    """Ask for another draft, with a note. Nobody is called until `gigctl run`."""
    with open_desk() as desk:
        settings = load_settings(desk.paths.config_file, desk.environ).settings
        done = ask_again(desk, references(refs), load_text(note), resolve_default(settings.agent))
    out.changed("decision", [{"kind": "redo", "ref": ref} for ref in done], "\n".join(done), done)
    out.next(f"gigctl run {done[0] if len(done) == 1 else done[0].partition('.')[0]}")
