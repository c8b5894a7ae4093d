"""`gigctl reopen`: bring signed work back to review."""

from __future__ import annotations

from gigctl.commands.options import References, command, references, verb
from gigctl.flow.desk import open_desk
from gigctl.flow.review import find_deliveries
from gigctl.flow.review import reopen as bring_back
from gigctl.render.delivery import render_delivered
from gigctl.render.output import Output

app = verb()


@command(app, "reopen", example="gigctl reopen acme-3.12\ngigctl reopen acme-3")
def reopen(refs: References, out: Output) -> None:
    """Bring signed or cancelled work back: its signature is void, and what was built on it is looked at again."""
    with open_desk() as desk:
        done = bring_back(desk, references(refs))
        before = find_deliveries(desk, done)
    out.changed("decision", [{"kind": "reopen", "ref": ref} for ref in done],
                "\n".join(f"reopened {ref}" for ref in done), done)  # fmt: skip
    for delivery in before:
        out.warn(f"{render_delivered(delivery, desk.today)}; it has to be delivered anew once it is signed again")
    out.next(f"gigctl show {done[0]}")
