"""`gigctl deliver`: what was signed goes out, whole or not at all."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.options import References, command, verb
from gigctl.render.output import Output

app = verb()


@command(
    app,
    example="gigctl deliver acme-1\n"
    "gigctl deliver acme-1 -o contract.zip --signer ~/.ssh/id_ed25519\n"
    "gigctl deliver acme-2 --as branch\n"
    "gigctl deliver acme-2 --as squash -o change\n"
    "gigctl deliver me-3 -o described.csv",
)
def deliver(
    refs: References,
    out: Output,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR|FILE.zip|FILE.csv", help="Where to (default REF.delivery)."),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--as", metavar="FORM", help="Of code: patches, branch, squash or files.")
    ] = None,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="LANG", help="This language alone.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="The files that are signed whole (of a batch the rows).")
    ] = False,
    ai_statement: Annotated[
        bool, typer.Option("--ai-statement", help="Say in the manifest what machines drafted.")
    ] = False,
    signer: Annotated[str | None, typer.Option("--signer", metavar="KEY", help="An SSH key that signs it.")] = None,
    branch: Annotated[
        str, typer.Option("--branch", metavar="NAME", help="The branch's name (default gigctl/REF).")
    ] = "",
    trailers: Annotated[
        bool, typer.Option("--trailers", help="Name task and signed revision in each commit's message.")
    ] = False,
) -> None:
    """Write what was signed, with its manifest.

    Refuses while a task is unsigned, and never overwrites. A file goes out whole: of a document whose last paragraph
    is unsigned there is no part. FILE.csv (or .jsonl) is a batch's own file with a column of the signed texts, and
    its manifest beside it. The manifest's hash that is printed is what a client needs for verify --sha256.

    Of code: patches for `git am`; a branch in the client's repository, with a commit a task, or of all in one (squash,
    with -o a single patch); the changed files. Changes of several tasks are checked together first; where two are at
    odds, a task of the gig is made that joins them.
    """
    from gigctl.config import load_settings
    from gigctl.flow.actor import find_gap
    from gigctl.flow.deliver import Options, deliver
    from gigctl.flow.desk import open_desk
    from gigctl.flow.references import expand_dash
    from gigctl.render.delivery import json_delivery, render_delivery

    words = expand_dash(refs, sys.stdin if "-" in refs else None)
    with open_desk() as desk:
        if signer is None and form != "branch" and (form != "squash" or output is not None):
            signer = load_settings(desk.paths.config_file, os.environ).settings.signer
        options = Options(output, form, tuple(to or ()), partial, ai_statement, signer or "", branch, trailers)
        done = deliver(desk, words, options)
    items = [json_delivery(one) for one in done]
    text = "\n".join(render_delivery(one, out.terminal) for one in done)
    out.changed("delivery", items, text, [one.path for one in done])
    if gap := find_gap():
        out.warn(gap)
    if done and not done[0].manifest.git.get("branch"):
        out.next(f"gigctl verify {shlex.quote(done[0].path)}")
