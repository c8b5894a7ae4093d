"""`gigctl sign`: the human act."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import References, command, references, verb
from gigctl.config import load_settings
from gigctl.errors import UsageError
from gigctl.flow.actor import find_gap
from gigctl.flow.desk import open_desk
from gigctl.flow.gigs import find as find_gig
from gigctl.flow.review import Sheet, prepare_sign
from gigctl.flow.review import sign as sign_sheet
from gigctl.render.diff import render_obeyed
from gigctl.render.output import Output
from gigctl.render.signing import render_signed, render_signing
from gigctl.values import load_text

app = verb()


@command(
    app,
    "sign",
    example="gigctl sign acme-3\ngigctl sign acme-3.12@2\n"
    'gigctl sign acme-3 --expect 14 --despite "the client wants it so"',
)
def sign(
    refs: References,
    out: Output,
    expect: Annotated[
        int | None, typer.Option("--expect", min=1, metavar="N", help="How many you mean to sign, in a script.")
    ] = None,
    despite: Annotated[
        str | None, typer.Option("--despite", metavar="WHY", help="Sign though a required check did not pass.")
    ] = None,
    signer: Annotated[
        str | None, typer.Option("--signer", metavar="KEY", help="An SSH key that signs the sign-off itself.")
    ] = None,
) -> None:
    """Answer for it: shows what is signed, and asks for the count. There is no --yes."""
    with open_desk() as desk:
        settings = load_settings(desk.paths.config_file, desk.environ).settings
        sheet = prepare_sign(desk, references(refs))
        if sheet.items:
            out.say(render_signing(sheet, out.error_terminal))
            for item in sheet.items:
                if obeyed := render_obeyed(item.revision.ref, item.paths):
                    out.warn(obeyed)
            _agree(out, sheet, expect, refused=bool(sheet.gating and not despite))
        why = load_text(despite) if despite else None
        signed = sign_sheet(desk, sheet, despite=why, signer=signer or settings.signer or None)
        gig = sheet.items[0].task.gig if sheet.items else sheet.signed_before[0].partition(".")[0]
        counts = find_gig(desk, gig).counts
    items = [{"kind": "sign", "revision": ref, "note": None} for ref in signed]
    out.changed("decision", items, render_signed(sheet), signed)
    if signed and (gap := find_gap()):
        out.warn(gap)
    out.next(f"gigctl deliver {gig}" if counts.signed == counts.total else f"gigctl queue {gig}")


def _agree(out: Output, sheet: Sheet, expect: int | None, *, refused: bool) -> None:
    """The count, typed by a person or known to a script; whole revisions that were named speak for themselves."""
    count = len(sheet.items)
    if expect is not None:
        if expect != count:
            raise UsageError(f"--expect {expect}, and there are {count} to sign", "gigctl queue")
        return
    if refused:
        return  # nobody is asked to agree to what is refused all the same
    if sheet.whole and out.no_input:
        return
    try:
        typed = out.ask(f"Sign {'it' if count == 1 else f'all {count}'}? Type {count}", f"--expect {count}")
    except UsageError:
        if sheet.whole:
            return
        raise
    if typed.strip() != str(count):
        raise UsageError(f"not signed: {typed.strip()!r} is not {count}")
