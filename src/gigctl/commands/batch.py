"""`gigctl batch`: a file of small jobs, an answer a line."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.asking import Asking
from gigctl.commands.options import Yes, command, verb
from gigctl.commands.running import Again, Limits, ProgressForm, check_progress, notices_of, run_options
from gigctl.errors import GateError, Interrupted, UsageError, worst_exit_code
from gigctl.flow.batch import Batch, BatchOptions, carry_out_batch, open_batch
from gigctl.flow.desk import Desk, open_desk
from gigctl.flow.jobs import Asked, check_columns
from gigctl.flow.rows import Rows, read_rows
from gigctl.flow.runoptions import RunOptions
from gigctl.flow.surveying import Survey, survey
from gigctl.render.output import Output
from gigctl.render.surveys import json_survey, render_survey

app = verb()
PIECE = 1 << 16


@command(
    app,
    "batch",
    example=(
        "gigctl batch products.csv --craft writing --brief 'Describe {name}.' \\\n"
        "    --set length=120..160 --set 'required={keyword}' \\\n"
        "    -a cheap -j 32 -o described.csv\n"
        "cat jobs.jsonl | gigctl batch - --gig spring --max-cost 5"
    ),
)
def batch(
    out: Output,
    *,
    file: Annotated[str, typer.Argument(metavar="JOBS", help="A .jsonl or .csv file; - reads standard input.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Answers: .csv or .jsonl.")
    ] = None,
    client: Annotated[str, typer.Option("--client", "-c", metavar="CLIENT", help="Whose work it is.")] = "",
    gig: Annotated[str, typer.Option("--gig", metavar="REF|NAME", help="The gig; a name is found again or made.")] = "",
    craft: Annotated[str, typer.Option("--craft", metavar="CRAFT", help="Of rows that name none.")] = "",
    asking: Asking,
    id_column: Annotated[str, typer.Option("--id", metavar="COLUMN", help="The column that names a row.")] = "id",
    encoding: Annotated[str, typer.Option("--encoding", metavar="NAME", help="The file's encoding.")] = "utf-8",
    prune: Annotated[bool, typer.Option("--prune", help="Cancel the jobs of rows that are gone.")] = False,
    ordered: Annotated[bool, typer.Option("--ordered", help="Answer in the order of the rows.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Work on at most so many.")] = None,
    limits: Limits,
    again: Again,
    progress: ProgressForm = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Read all rows, and do nothing.")] = False,
    yes: Yes = False,
) -> int:
    """Do the jobs of a file, one a row, and answer a line each. The same file again does only what is not done."""
    del yes  # nothing is asked: a script is as good as a person here
    if file == asking.brief == "-":
        raise UsageError("`-` stands twice: standard input can be read once", "gigctl batch JOBS --brief -")
    path = None if file == "-" else Path(file).absolute()
    _check_output(path, output)
    check_progress(progress)
    with open_desk() as desk, ExitStack() as stack:
        run, default = run_options(desk, limits, again)
        asked = asking.load(craft=craft, id_column=id_column, path=path, store=desk.store)
        wanted = BatchOptions(client, gig, path, ordered, prune, limit, _is_csv(output))
        name, size = (path.name, _size(path)) if path else ("standard input", 0)
        rows = read_rows(_reader(path, stack), name, encoding, size)
        check_columns(rows.head, asked)
        if dry_run:
            return _survey(out, survey(desk, rows, asked, wanted, run, default), name)
        found = open_batch(desk, asked, wanted, run, default)
        if found.is_new and path is None and not gig:
            out.say(f"{found.gig.ref} is a new gig: --gig {found.gig.ref} goes on with it")
        return _go(desk, out, found, rows, asked, wanted, run, output, progress)


def _check_output(path: Path | None, output: str | None) -> None:
    if output not in (None, "-") and path is not None and Path(str(output)).resolve() == path.resolve():
        raise UsageError(f"-o {output} is the input itself", "name another file: the input is read again next time")
    if output not in (None, "-") and Path(str(output)).suffix.lower() not in (".csv", ".tsv", ".jsonl", ".ndjson"):
        raise UsageError(
            f"-o {output}: its ending tells no form", "name it .csv, .tsv or .jsonl; without -o: to stdout"
        )


def _is_csv(output: str | None) -> bool:
    return output is not None and Path(output).suffix.lower() in (".csv", ".tsv")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # whoever opens it says why


def _reader(path: Path | None, stack: ExitStack) -> Callable[[], bytes]:
    """Reads what is there, without Python's own buffers: a thread that hangs in them can't be left behind."""
    if path is None:
        return lambda: os.read(0, PIECE)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    stack.callback(os.close, handle)

    def read() -> bytes:
        try:
            return os.read(handle, PIECE)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error

    return read


def _survey(out: Output, found: Survey, name: str) -> int:
    out.show("survey", json_survey(found), render_survey(found, name))
    return GateError.exit_code if found.invalid else 0


def _go(
    desk: Desk, out: Output, found: Batch, rows: Rows, asked: Asked, wanted: BatchOptions, run: RunOptions,
    output: str | None, form: str,
) -> int:  # fmt: skip
    from gigctl.render.batch import writing_lines
    from gigctl.render.progress import Progress
    from gigctl.render.runs import state_of

    out.unfinished = True
    with writing_lines(out, output, rows.head) as write, Progress(out, 0, form) as progress:
        result = carry_out_batch(
            desk, found, rows, asked, wanted, run, write, lambda so_far: progress.show(state_of(so_far)),
            notices_of(out),
        )  # fmt: skip
        progress.show(state_of(result))
        if isinstance(result.failure, Interrupted):
            if output not in (None, "-"):
                out.say(f"{output} is as it was: it is written when every row has its line")
            raise result.failure  # within: what is not whole takes nobody's place
    out.unfinished = False
    if result.failure is not None:
        raise result.failure
    if result.need_you or result.passed:
        out.next(f"gigctl {'queue' if result.need_you else 'sign'} {found.gig.ref}")
    return worst_exit_code(result.codes)
