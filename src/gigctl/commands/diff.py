"""`gigctl diff`: a draft against what it came from, or one revision against another."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from gigctl.commands.options import command, verb
from gigctl.config import load_settings
from gigctl.errors import UsageError
from gigctl.flow.desk import Desk, open_desk
from gigctl.flow.difftool import run_tool
from gigctl.flow.showing import Pair, find_pair, tree_diff
from gigctl.render.code_diff import render_patch
from gigctl.render.diff import render_obeyed, render_unified, render_words
from gigctl.render.output import Output
from gigctl.render.tasks import render_checks
from gigctl.render.terminal import Terminal

app = verb()


@command(
    app,
    "diff",
    example="gigctl diff acme-3.12\ngigctl diff acme-3.12@1 acme-3.12@3 --words\ngigctl diff acme-3.12 --tool meld",
)
def diff(
    out: Output,
    refs: Annotated[list[str], typer.Argument(metavar="REF [REF]", help="One against its origin, or two.")],
    unified: Annotated[bool, typer.Option("--unified", help="Line by line.")] = False,
    words: Annotated[bool, typer.Option("--words", help="Word by word, as prose is by itself.")] = False,
    tool: Annotated[str | None, typer.Option("--tool", metavar="PROGRAM", help="In a program of yours.")] = None,
) -> None:
    """A draft against what it came from, or a revision against another."""
    if sum((unified, words, tool is not None)) > 1:
        raise UsageError("--unified, --words and --tool are one at a time")
    with open_desk() as desk:
        pair = find_pair(desk, refs)
        if not pair.prose and (obeyed := render_obeyed(pair.names[1], pair.changed)):
            out.warn(obeyed)
        if tool is not None:
            settings = load_settings(desk.paths.config_file, desk.environ).settings
            run_tool(desk, pair, shlex.split(tool or settings.diff_tool))
            return
        by_words = words or (pair.prose and not unified and len(refs) == 2) or (pair.prose and _edited(pair, unified))
        # A document holds the text itself, whatever terminal or colour it is read under.
        text = _render(desk, Terminal() if out.machine else out.terminal, pair, by_words=by_words)
        if out.machine:
            item = {
                "old": pair.names[0],
                "new": pair.names[1],
                "form": "words" if by_words else "unified",
                "diff": text,
            }
            out.show("diff", item, "")
            return
        out.page(out.terminal.folded(text) if pair.prose else text)
        if not text:
            out.say(f"{pair.names[0]} and {pair.names[1]} are the same")


def _edited(pair: Pair, unified: bool) -> bool:
    """A translation shares no words with its source: those two are shown line by line."""
    return not unified and not pair.names[0].endswith("source")


def _render(desk: Desk, terminal: Terminal, pair: Pair, *, by_words: bool) -> str:
    if not pair.prose:
        patch = render_patch(tree_diff(desk, pair.old, pair.new), terminal)
        beside = render_checks(pair.verdicts, terminal) if terminal.is_tty and patch else []
        return "\n".join([*map(terminal.folded, beside), "", patch]) if beside else patch
    if by_words:
        same = pair.old.text == pair.new.text
        text = "" if same else render_words(pair.old.text, pair.new.text, terminal)
        return text if text.endswith("\n") or not text else text + "\n"
    return render_unified(pair.old.text, pair.new.text, terminal, names=pair.names)
