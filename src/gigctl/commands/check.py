"""`gigctl check`: the checks alone, of tasks or of a work tree."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gigctl.commands.options import command, references, verb
from gigctl.errors import UsageError
from gigctl.flow.desk import open_desk
from gigctl.render.display import display_line
from gigctl.render.output import Output
from gigctl.render.tasks import json_check, render_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gigctl.flow.desk import Desk
    from gigctl.flow.treecheck import TreeReport
    from gigctl.records import RevisionRecord

app = verb()


@dataclass(frozen=True, slots=True)
class OfTree:
    """What `--tree` takes."""

    tree: Annotated[
        bool,
        typer.Option("--tree", help="Judge the work tree PATH (here) by its gigctl.toml; without REF the default."),
    ] = False
    base: Annotated[
        str, typer.Option("--base", metavar="REV", help="Judge what changed since, by REV's rules and protected files.")
    ] = ""
    require_signoff: Annotated[
        bool, typer.Option("--require-signoff", help="What changed must be as it was signed with a key of --signers.")
    ] = False
    signers: Annotated[
        Path | None, typer.Option("--signers", metavar="FILE", help="Allowed signers, a line each: NAME KEYTYPE KEY.")
    ] = None
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Run what gigctl.toml prepares by, in the sandbox and with network, unasked."),
    ] = False
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report of a work tree's checks.")
    ] = None
    sarif: Annotated[
        Path | None, typer.Option("--sarif", metavar="FILE", help="Write a SARIF report of a work tree's checks.")
    ] = None

    @property
    def named(self) -> str:
        """One of the options that was given; empty where none was."""
        return next((f"--{field.name.replace('_', '-')}" for field in fields(self) if getattr(self, field.name)), "")


@command(app, "check", example="gigctl check acme-3.12\ngigctl check --tree --base origin/main --junit report.xml")
def check(
    of_tree: OfTree,
    out: Output,
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF...|PATH]", help="References, `-` reads them from stdin; with --tree a folder."),
    ] = None,
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run what others wrote unprotected; it is recorded.")
    ] = False,
) -> int:
    """Run the checks: of a task on its current revision, or, as CI does, of a work tree. Exit 1 where a required one
    did not pass, 3 where there was nothing to check by."""
    words = refs or []
    if of_tree.tree or not words:
        return _check_tree(out, words, of_tree, unsafe_no_sandbox=unsafe_no_sandbox)
    if of_tree.named:
        raise UsageError(f"{of_tree.named} is for a work tree", "gigctl check --tree PATH")
    return _check_tasks(out, words, unsafe_no_sandbox=unsafe_no_sandbox)


def _check_tasks(out: Output, words: list[str], *, unsafe_no_sandbox: bool) -> int:
    from gigctl.flow.review import check_now

    with open_desk() as desk:
        found = check_now(desk, references(words), unsafe_no_sandbox=unsafe_no_sandbox)
        offered = _formats(desk, found)
    items = [{"ref": r.ref} | json_check(v) for r in found for v in r.verdicts]
    lines = [
        line
        for r in found
        for line in (display_line(r.ref), *(f"  {text}" for text in render_checks(r.verdicts, out.terminal)))
    ]
    out.changed("check", items, "\n".join(lines), [r.ref for r in found if any(v.gates for v in r.verdicts)])
    if offered:
        out.next(f"gigctl edit {offered} --formatted")
    return 1 if any(verdict.gates for r in found for verdict in r.verdicts) else 0


def _formats(desk: Desk, found: Sequence[RevisionRecord]) -> str:
    """The first revision that its formatter would write otherwise; empty where there is none."""
    if not any(verdict.outcome == "fail" for revision in found for verdict in revision.verdicts):
        return ""
    from gigctl.flow.formatting import is_offered

    return next((revision.ref for revision in found if is_offered(desk, revision)), "")


# --- a work tree ---


def _check_tree(out: Output, words: list[str], options: OfTree, *, unsafe_no_sandbox: bool) -> int:
    from gigctl.flow.treecheck import TreeRequest, judge_tree
    from gigctl.render.treecheck import render_tree_checks

    if len(words) > 1:
        raise UsageError(f"--tree judges one folder, got {len(words)}", "gigctl check --tree PATH")
    if options.require_signoff != (options.signers is not None):
        raise UsageError("--require-signoff and --signers go together", "--require-signoff --signers FILE")
    place = Path(words[0] if words else ".")
    reports = tuple(file for file in (options.junit, options.sarif) if file is not None)
    request = TreeRequest(place, options.base, unsafe_no_sandbox, options.signers, _agreement(out, options), reports)
    report = judge_tree(request)
    _write_reports(report, options)
    for sentence in report.said:
        out.warn(sentence)
    gating = [verdict.name for verdict in report.verdicts if verdict.gates]
    items = [json_check(verdict) for verdict in report.verdicts]
    out.changed("check", items, render_tree_checks(report.verdicts, out.terminal), gating)
    _tell_github(out, report)
    return 1 if report.gates else 0


def _agreement(out: Output, options: OfTree) -> Callable[[str], bool]:
    """Who says that the rules' `prepare` may run: the option, or whoever sits at a terminal."""

    def agree(question: str) -> bool:
        if options.prepare:
            return True
        return out.terminal.is_tty and not out.no_input and out.confirm(question, "--prepare")

    return agree


def _write_reports(report: TreeReport, options: OfTree) -> None:
    from gigctl.system.files import write_atomic

    if options.junit is not None:
        from gigctl.render.junit import render_junit

        write_atomic(options.junit, render_junit(report.verdicts))
    if options.sarif is not None:
        from gigctl.render.sarif import render_sarif

        write_atomic(options.sarif, render_sarif(report.verdicts))


def _tell_github(out: Output, report: TreeReport) -> None:
    """Annotations beside the change, and the step's summary, where GitHub Actions runs us."""
    env = out.environment
    if env.get("GITHUB_ACTIONS") != "true":
        return
    from gigctl.render.actions import render_annotations, render_summary

    out.order(render_annotations(report.verdicts, report.said, _folder_in(env.get("GITHUB_WORKSPACE", ""), report.top)))
    if summary := env.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(render_summary(report.verdicts, report.said))
        except OSError as error:
            out.warn(f"the step's summary can't be written: {error.strerror}")


def _folder_in(workspace: str, top: Path) -> str:
    """Where a checkout lies in a job's workspace, from which annotations name their files."""
    root = Path(workspace or top).resolve()
    below = top.relative_to(root).as_posix() if top.is_relative_to(root) else "."
    return "" if below == "." else f"{below}/"
