"""`gigctl reject`: close a revision."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import References, command, references, verb
from gigctl.config import load_settings
from gigctl.flow.desk import open_desk
from gigctl.flow.review import reject as close_revisions
from gigctl.flow.run import resolve_default
from gigctl.render.output import Output
from gigctl.values import load_text

app = verb()


@command(app, "reject", example='gigctl reject acme-3.12@2 -m "the figures are invented"')
def reject(
    refs: References,
    out: Output,
    why: Annotated[str, typer.Option("--message", "-m", metavar="TEXT|@FILE", help="Why.")],
) -> None:
    """Close a revision. A task that has none left asks for another, with the reason as its note."""
    with open_desk() as desk:
        settings = load_settings(desk.paths.config_file, desk.environ).settings
        done = close_revisions(desk, references(refs), load_text(why), resolve_default(settings.agent))
    out.changed("decision", [{"kind": "reject", "revision": ref} for ref in done], "\n".join(done), done)
    out.next(f"gigctl run {done[0].partition('@')[0]}" if done else "gigctl queue")
