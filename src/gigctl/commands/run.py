"""`gigctl run`: have it done."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gigctl.commands.options import Yes, command, filtered_references, references, verb
from gigctl.commands.running import Again, Limits, ProgressForm, check_progress, notices_of, run_options
from gigctl.errors import UsageError, worst_exit_code
from gigctl.flow.desk import Desk, open_desk
from gigctl.flow.resting import Rested
from gigctl.flow.run import Plan, RunResult, carry_out, plan_run
from gigctl.flow.runoptions import RunOptions
from gigctl.render.agents import render_overspent
from gigctl.render.output import Output
from gigctl.render.runs import json_rested, render_ends, render_plan, state_of

app = verb()


@command(
    app,
    "run",
    example="gigctl run acme-3\ngigctl run acme-3.12 -a deep,local --repair 1 --max-cost 2\ngigctl run -c acme -y",
)
def run(
    out: Output,
    *,
    refs: Annotated[list[str] | None, typer.Argument(metavar="[REF...]", help="Gigs or tasks; - reads them.")] = None,
    limits: Limits,
    vs: Annotated[str | None, typer.Option("--vs", metavar="A,B", help="A draft of each, for you to choose.")] = None,
    client: Annotated[
        str | None, typer.Option("--client", "-c", metavar="CLIENT", help="The open gigs of a client.")
    ] = None,
    craft: Annotated[str | None, typer.Option("--craft", metavar="CRAFT", help="Tasks of one craft.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many tasks.")] = None,
    again: Again,
    progress: ProgressForm = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be done.")] = False,
    yes: Yes = False,
) -> int:
    """Draft, check and repair what is ready. Safe to stop at any time, and to run again."""
    check_progress(progress)
    with open_desk() as desk:
        options, default = run_options(desk, limits, again, vs)
        if vs is not None and (limits.agent or limits.drafts):
            raise UsageError("--vs names its agents itself", "leave -a and --drafts out")
        words = references(refs or [])
        found = words or filtered_references(desk, client=client)
        plan = plan_run(desk, found, options, default, craft=craft, limit=limit)
        if not plan.tasks:
            out.changed("run", [], render_plan(plan))
            begin = f"gigctl gig show {words[0]}" if words else "gigctl gig add --source FILE --from fr --to en"
            out.next("gigctl queue" if plan.left else begin)
            return 0
        return _go(desk, out, plan, options, form=progress, ask=not words and not client and not craft and not yes,
                   dry_run=dry_run)  # fmt: skip


def _go(desk: Desk, out: Output, plan: Plan, options: RunOptions, *, form: str, ask: bool, dry_run: bool) -> int:
    if dry_run:
        items = [{"ref": p.task.ref, "state": p.task.state, "agents": list(p.agents)} for p in plan.tasks]
        out.changed("run", items, render_plan(plan), [p.task.ref for p in plan.tasks])
        return 0
    out.say(render_plan(plan))
    if ask and not out.confirm(f"Run these {len(plan.tasks)} tasks?", "-y"):
        return 0
    for name, when in plan.overspent.items():
        out.warn(f"{name} {render_overspent(name, when)}")
    result = _carry_out(desk, out, plan, options, form)
    if result.failure is not None:
        raise result.failure
    if result.next_command is not None:
        out.next(result.next_command)
    return worst_exit_code(result.codes)


def _carry_out(desk: Desk, out: Output, plan: Plan, options: RunOptions, form: str) -> RunResult:
    """Under `--jsonl` each task is a line as soon as it is at rest."""
    from gigctl.render.progress import Progress

    items: list[dict[str, Any]] = []
    refs: list[str] = []
    out.unfinished = True
    with Progress(out, len(plan.tasks), form) as progress:

        def told(end: Rested, result: RunResult) -> None:
            progress.show(state_of(result))
            refs.append(end.ref)
            if out.jsonl:
                out.line(json_rested(end))
            elif out.json:
                items.append(json_rested(end))

        result = carry_out(desk, plan, options, told, notices_of(out))
        progress.show(state_of(result))
    out.unfinished = False
    out.changed("run", items, render_ends(result), refs)
    return result
