"""`gigctl redo`: ask again, with a note."""

from __future__ import annotations

from gigctl.commands.options import References, command, verb
from gigctl.commands.sending_back import Note, send_back
from gigctl.flow import review
from gigctl.render.output import Output

app = verb()


@command(app, "redo", example='gigctl redo acme-3.12 -m "less formal"\ngigctl redo acme-3 -m @notes.md')
def redo(refs: References, out: Output, note: Note) -> None:
    """Ask for another draft, with a note. Nobody is called until `gigctl run`."""
    done = send_back(review.redo, refs, note)
    out.changed("decision", [{"kind": "redo", "ref": ref} for ref in done], "\n".join(done), done)
    out.next(f"gigctl run {done[0] if len(done) == 1 else done[0].partition('.')[0]}")
