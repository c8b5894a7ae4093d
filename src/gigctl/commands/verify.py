"""`gigctl verify`: is a delivery as it was written? Anywhere, without a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.options import command, verb
from gigctl.render.output import Output

app = verb()


@command(app, example="gigctl verify acme-1.delivery\ngigctl verify contract.zip --signers allowed_signers")
def verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder, zip or table that was delivered.")],
    out: Output,
    signers: Annotated[
        Path | None, typer.Option("--signers", metavar="FILE", help="Who may sign, as ssh-keygen's ALLOWED SIGNERS.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HASH", help="The manifest's hash, as deliver printed it.")
    ] = None,
) -> int:
    """Is a delivery as it was written?

    Compares every file with the manifest; one that is not listed fails it too. Who signed is told by --signers;
    without a key or a hash that you know, only accidents are found. Exit 1 where it is not what was delivered.
    """
    from gigctl.flow.verify import verify
    from gigctl.render.delivery import json_verification, render_verification

    seen = verify(path, allowed=signers, sha256=sha256)
    out.show("verify", json_verification(seen), render_verification(seen, out.terminal))
    return 0 if seen.ok else 1
