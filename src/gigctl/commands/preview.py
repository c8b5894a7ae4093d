"""`gigctl preview`: what would be delivered, and is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.options import command, verb
from gigctl.render.output import Output

app = verb()


@command(app, example="gigctl preview acme-1\ngigctl preview acme-1 -o look")
def preview(
    gig: Annotated[str, typer.Argument(metavar="GIG", help="The gig.")],
    out: Output,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="A folder that is not there yet (default REF.preview)."),
    ] = None,
) -> None:
    """Assemble what would be delivered, marked UNSIGNED.

    From the current revisions, signed or not; a part without a draft stays as it is in the source. It has no
    manifest, and verify calls it no delivery.
    """
    from gigctl.flow.desk import open_desk
    from gigctl.flow.preview import preview
    from gigctl.render.delivery import json_preview, render_preview, render_undrafted

    with open_desk() as desk:
        made = preview(desk, gig, output)
    out.changed("preview", json_preview(made), render_preview(made), [made.path])
    if made.undrafted:
        out.warn(render_undrafted(made))
    out.next(f"gigctl sign {gig}" if made.unsigned else f"gigctl deliver {gig}")
