"""`gigctl reject`: close a revision."""

from __future__ import annotations

from gigctl.commands.options import References, command, verb
from gigctl.commands.redo import Note, send_back
from gigctl.flow import review
from gigctl.flow.desk import open_desk
from gigctl.flow.showing import find_sheet
from gigctl.render.output import Output

app = verb()


@command(app, "reject", example='gigctl reject acme-3.12@2 -m "the figures are invented"')
def reject(refs: References, out: Output, why: Note) -> None:
    """Close a revision. A task that has none left asks for another, with the reason as its note."""
    done = send_back(review.reject, refs, why)
    out.changed("decision", [{"kind": "reject", "revision": ref} for ref in done], "\n".join(done), done)
    task = done[0].partition("@")[0]
    with open_desk() as desk:
        left = find_sheet(desk, task).task.current
    out.next(f"gigctl run {task}" if left is None else f"gigctl show {task}")
