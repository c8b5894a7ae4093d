"""`gigctl redo`: ask again, with a note. And what `reject` has in common with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from gigctl.commands.options import References, command, references, verb
from gigctl.config import load_settings
from gigctl.flow import review
from gigctl.flow.desk import Desk, open_desk
from gigctl.flow.run import resolve_default
from gigctl.render.output import Output
from gigctl.values import load_text

__all__ = ["Note", "app", "send_back"]

app = verb()
Note = Annotated[
    str, typer.Option("--message", "-m", metavar="TEXT|@FILE", help="What is to be otherwise, or why it is no good.")
]


@command(app, "redo", example='gigctl redo acme-3.12 -m "less formal"\ngigctl redo acme-3 -m @notes.md')
def redo(refs: References, out: Output, note: Note) -> None:
    """Ask for another draft, with a note. Nobody is called until `gigctl run`."""
    done = send_back(review.redo, refs, note)
    out.changed("decision", [{"kind": "redo", "ref": ref} for ref in done], "\n".join(done), done)
    out.next(f"gigctl run {done[0] if len(done) == 1 else done[0].partition('.')[0]}")


def send_back(
    decide: Callable[[Desk, Sequence[str], str, Sequence[str]], list[str]], refs: Sequence[str], note: str
) -> list[str]:
    """`decide` is flow/review.py's `redo` or `reject`; the references that it decided about."""
    with open_desk() as desk:
        settings = load_settings(desk.paths.config_file, desk.environ).settings
        return decide(desk, references(refs), load_text(note), resolve_default(settings.agent))
