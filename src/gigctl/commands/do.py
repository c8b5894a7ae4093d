"""`gigctl do`: one small job as a filter."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.asking import Asking
from gigctl.commands.options import command, verb
from gigctl.commands.running import Again, Limits, notices_of, run_options
from gigctl.errors import UsageError, worst_exit_code
from gigctl.flow.desk import open_desk
from gigctl.flow.doing import Answer, do, get_name
from gigctl.flow.gigfile import Wish
from gigctl.flow.intake import STDIN_NAME, read_source
from gigctl.model import Source
from gigctl.render.output import Output
from gigctl.render.runs import json_done, render_done, why

app = verb()
LARGEST = 16 * 1024 * 1024
"""Bytes of standard input, which may have no end."""


@command(
    app,
    "do",
    example="echo 'Bonjour' | gigctl do translation --to en\n"
    "echo 'A toast, 60 words' | gigctl do writing --set length=300..450\n"
    "gigctl do code slug.py --brief 'Keep digits' --check 'acceptance=pytest -q'",
)
def do_(
    out: Output,
    *,
    craft: Annotated[str, typer.Argument(metavar="CRAFT", help="translation, writing or code.")],
    file: Annotated[str | None, typer.Argument(metavar="[FILE|-]", help="What to work on; standard input.")] = None,
    client: Annotated[str, typer.Option("--client", "-c", metavar="CLIENT", help="Whose work it is.")] = "me",
    asking: Asking,
    limits: Limits,
) -> int:
    """Draft one small job: the answer to stdout, all else to stderr. The client's scratch gig keeps the draft."""
    if file == asking.brief == "-":
        raise UsageError("`-` stands twice: standard input can be read once", "gigctl do CRAFT FILE --brief -")
    with open_desk() as desk:
        source = None if file is None and asking.brief == "-" else _source(file)
        path = Path(file).absolute() if file and file != "-" else None
        asked = asking.load(craft=get_name(craft), path=path, store=desk.store, command="do")
        run, default = run_options(desk, limits, Again())
        done = do(desk, asked, source, client, run, default, notices_of(out))
    _answer(out, done)
    if done.result.failure is not None and done.answer is None:
        raise done.result.failure
    return worst_exit_code(done.result.codes)


def _source(file: str | None) -> Source | None:
    """A file, or standard input where something is piped into us."""
    if file is None and sys.stdin is not None and sys.stdin.isatty():
        return None
    if file in (None, "-"):
        data = sys.stdin.buffer.read(LARGEST + 1) if sys.stdin is not None else b""
        if len(data) > LARGEST:
            raise UsageError(f"standard input has more than {LARGEST // 1024**2} MiB: expected one small job")
        return Source(STDIN_NAME, data) if data.strip() else None
    problems: list[str] = []
    found = read_source(Wish(), str(file), None, problems)
    if problems:
        raise UsageError(problems[0].removeprefix("--source: "))
    return found


def _answer(out: Output, done: Answer) -> None:
    if out.machine:
        if done.answer is not None:
            out.show("do", json_done(done), "")
        return
    if done.answer is not None:
        out.raw(done.answer)
    if done.answer is None:
        return
    for end in done.result.wants:
        out.warn(f"{end.ref}: {why(end)}")
    out.say(render_done(done))
