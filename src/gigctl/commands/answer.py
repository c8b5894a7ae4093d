"""`gigctl answer`: tell an agent what it asked."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import command, verb
from gigctl.flow.answering import answer as answer_agent
from gigctl.flow.desk import open_desk
from gigctl.render.output import Output
from gigctl.values import load_text

app = verb()


@command(app, "answer", example='gigctl answer acme-3.12 "Sie, as everywhere"\ngigctl answer acme-3.12 @answer.md')
def answer(
    ref: Annotated[str, typer.Argument(metavar="REF", help="The task whose agent asked.")],
    text: Annotated[str, typer.Argument(metavar="TEXT|@FILE|-", help="The answer.")],
    out: Output,
) -> None:
    """Answer an agent that asked something. It goes on with `gigctl run`: nobody is called before."""
    with open_desk() as desk:
        done = answer_agent(desk, ref, load_text(text))
    out.changed("decision", [{"kind": "answer", "ref": done}], f"answered {done}", [done])
    out.next(f"gigctl run {done}")
