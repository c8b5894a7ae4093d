"""`gigctl ledger`: the books."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.options import command, noun
from gigctl.errors import LedgerError
from gigctl.flow import books
from gigctl.flow.desk import open_desk
from gigctl.paths import load_paths
from gigctl.render.books import json_exported, json_verified, render_verified
from gigctl.render.output import Output

app = noun("The books: where they are, whether they are whole, copies of them.")


@command(app, "path", example="gigctl ledger path")
def path(out: Output) -> None:
    """Where the ledger is. Only gigctl may open that file; copy it with `ledger backup`."""
    where = str(load_paths().ledger)
    out.show("ledger", {"path": where}, where, [where])


@command(app, "verify", example="gigctl ledger verify")
def verify(out: Output) -> int:
    """Is it as it was written? Finds any changed byte of content or journal; exit 3 where it is damaged.

    The head that is printed is the hash of the last event. Kept elsewhere, it proves the whole journal before it.
    """
    with open_desk() as desk:
        seen = books.verify(desk)
    out.show("ledger", json_verified(seen), render_verified(seen))
    if not seen.ok:
        out.say("hint: gigctl ledger restore BACKUP")
    return 0 if seen.ok else LedgerError.exit_code


@command(app, "backup", example="gigctl ledger backup\ngigctl ledger backup /mnt/usb/ledger.sqlite")
def backup(
    out: Output,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where; under the time without.")] = None,
) -> None:
    """Make a whole copy, while others work on. Nothing is overwritten."""
    with open_desk() as desk:
        made = books.backup(desk, file)
    copy, trees = str(made.ledger), str(made.trees) if made.trees else None
    out.changed("ledger", {"path": copy, "trees": trees}, copy, [copy])
    if made.unnoted:
        out.warn(f"where it is can't be noted ({made.unnoted}): gig remove and client remove will not name it")
    if trees:
        out.say(f"with the repositories that code gigs start from, which belong to it: {trees}")


@command(app, "restore", example="gigctl ledger restore ledger-20261125T160000Z.sqlite")
def restore(out: Output, file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]) -> None:
    """Put a backup in the ledger's place, after it was found whole. What was there is kept as a backup itself."""
    with open_desk() as desk:
        done, without = books.restore(desk, file)
    kept = None if done.kept is None else str(done.kept)
    item = {"path": str(done.path), "id": done.ledger_id, "kept": kept}
    out.changed("ledger", item, f"restored {done.path}", [str(done.path)])
    if kept:
        out.say(f"what was there before is kept: {kept}")
    if without:
        out.warn(f"the trees that these gigs start from are not beside the backup, nor here: {', '.join(without)}")


@command(app, "export", example="gigctl ledger export > all.jsonl\ngigctl ledger export acme-3 | jq -r .kind")
def export(
    out: Output,
    refs: Annotated[list[str] | None, typer.Argument(metavar="[GIG...]", help="These gigs; all without.")] = None,
) -> None:
    """Everything as JSON, a thing a line: clients, gigs, sources, tasks, revisions, decisions, costs, events."""
    # The records' snapshot is closed before the ledger is, also where the reader has left.
    with open_desk() as desk, contextlib.closing(books.export(desk, refs or [])) as records:
        lines = (json_exported(kind, record) for kind, record in records)
        if out.json:
            out.list("export", lines, ())
            return
        for line in lines:
            out.line(line)
