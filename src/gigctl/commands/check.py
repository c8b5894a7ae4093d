"""`gigctl check`: the checks alone, of tasks or of a work tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gigctl.commands.options import command, references, verb
from gigctl.errors import UsageError
from gigctl.flow.desk import open_desk
from gigctl.render.display import display_line
from gigctl.render.output import Output
from gigctl.render.tasks import json_check, render_checks

app = verb()


@command(app, "check", example="gigctl check acme-3.12\ngigctl check --tree --base origin/main --junit report.xml")
def check(
    out: Output,
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF...|PATH]", help="References, `-` reads them from stdin; with --tree a folder."),
    ] = None,
    tree: Annotated[
        bool,
        typer.Option("--tree", help="Judge the work tree PATH (here) by its gigctl.toml; without REF the default."),
    ] = False,
    base: Annotated[
        str, typer.Option("--base", metavar="REV", help="Judge what changed since, by REV's rules and protected files.")
    ] = "",
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run what others wrote unprotected; it is recorded.")
    ] = False,
) -> int:
    """Run the checks: of a task on its current revision, or, as CI does, of a work tree. Exit 1 where a required one
    did not pass, 3 where there was nothing to check by."""
    words = refs or []
    if tree or not words:
        return _check_tree(out, words, base=base, unsafe_no_sandbox=unsafe_no_sandbox)
    if base:
        raise UsageError("--base is for a work tree", "gigctl check --tree --base REV")
    return _check_tasks(out, words, unsafe_no_sandbox=unsafe_no_sandbox)


def _check_tasks(out: Output, words: list[str], *, unsafe_no_sandbox: bool) -> int:
    from gigctl.flow.review import check_now

    with open_desk() as desk:
        found = check_now(desk, references(words), unsafe_no_sandbox=unsafe_no_sandbox)
    items = [{"ref": r.ref} | json_check(v) for r in found for v in r.verdicts]
    lines = [
        line
        for r in found
        for line in (display_line(r.ref), *(f"  {text}" for text in render_checks(r.verdicts, out.terminal)))
    ]
    out.changed("check", items, "\n".join(lines), [r.ref for r in found if any(v.gates for v in r.verdicts)])
    return 1 if any(verdict.gates for r in found for verdict in r.verdicts) else 0


def _check_tree(out: Output, words: list[str], *, base: str, unsafe_no_sandbox: bool) -> int:
    from gigctl.flow.treecheck import TreeRequest, judge_tree

    if len(words) > 1:
        raise UsageError(f"--tree judges one folder, got {len(words)}", "gigctl check --tree PATH")
    report = judge_tree(TreeRequest(Path(words[0] if words else "."), base, unsafe_no_sandbox))
    for sentence in report.said:
        out.warn(sentence)
    names = [verdict.name for verdict in report.verdicts if verdict.gates]
    lines = render_checks(report.verdicts, out.terminal)
    out.changed("check", [json_check(verdict) for verdict in report.verdicts], "\n".join(lines), names)
    return 1 if report.gates else 0
