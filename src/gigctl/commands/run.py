"""`gigctl run`: have it done."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gigctl.commands.options import Yes, command, filtered_references, references, verb
from gigctl.config import load_settings
from gigctl.errors import UsageError, worst_exit_code
from gigctl.flow.desk import Desk, open_desk
from gigctl.flow.dispatch import Rested
from gigctl.flow.pool import GRACE_SECONDS
from gigctl.flow.run import Plan, RunOptions, RunResult, carry_out, plan_run, resolve_default
from gigctl.render.agents import render_overspent
from gigctl.render.output import Output
from gigctl.render.runs import json_rested, render_ends, render_plan, state_of
from gigctl.values import parse_usd

app = verb()
STOPPING = f"stopping: calls in flight have {GRACE_SECONDS:.0f} s to finish; once more abandons them"


@command(
    app,
    "run",
    example="gigctl run acme-3\ngigctl run acme-3.12 -a deep,local --repair 1 --max-cost 2\ngigctl run -c acme -y",
)
def run(
    out: Output,
    refs: Annotated[list[str] | None, typer.Argument(metavar="[REF...]", help="Gigs or tasks; - reads them.")] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", metavar="AGENT[,FALLBACK...]", help="Who drafts, in turn.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, max=1024, metavar="N", help="How many at once with each agent.")
    ] = None,
    repair: Annotated[
        int | None,
        typer.Option("--repair", min=0, max=20, metavar="N", help="How often a failed draft is asked for again."),
    ] = None,
    drafts: Annotated[
        int | None, typer.Option("--drafts", min=1, max=64, metavar="N", help="Up to so many, until one passes.")
    ] = None,
    vs: Annotated[str | None, typer.Option("--vs", metavar="A,B", help="A draft of each, for you to choose.")] = None,
    max_cost: Annotated[str | None, typer.Option("--max-cost", metavar="MONEY", help="The most to spend.")] = None,
    max_cost_each: Annotated[
        str | None, typer.Option("--max-cost-each", metavar="MONEY", help="The most to spend on one task.")
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", "-c", metavar="CLIENT", help="The open gigs of a client.")
    ] = None,
    craft: Annotated[str | None, typer.Option("--craft", metavar="CRAFT", help="Tasks of one craft.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many tasks.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Draft again what has a draft.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also what failed before.")] = False,
    retry_unknown: Annotated[
        bool, typer.Option("--retry-unknown", help="Also calls that may have been paid already.")
    ] = False,
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run programs and checks unprotected.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be done.")] = False,
    yes: Yes = False,
) -> int:
    """Draft, check and repair what is ready. Safe to stop at any time, and to run again."""
    with open_desk() as desk:
        settings = load_settings(desk.paths.config_file, desk.environ).settings
        options = RunOptions(
            agents=tuple((vs or agent or "").split(",")) if vs or agent else None, wanted_all=vs is not None,
            drafts=drafts, repairs=repair, usual_repairs=settings.repair, jobs=jobs or settings.jobs,
            max_cost=parse_usd(max_cost, settings.rates) if max_cost else settings.max_cost,
            max_cost_each=parse_usd(max_cost_each, settings.rates) if max_cost_each else None, fresh=fresh,
            retry_failed=retry_failed, retry_unknown=retry_unknown, unsafe_no_sandbox=unsafe_no_sandbox,
        )  # fmt: skip
        if vs is not None and (agent or drafts):
            raise UsageError("--vs names its agents itself", "leave -a and --drafts out")
        words = references(refs or [])
        found = words or filtered_references(desk, client=client)
        plan = plan_run(desk, found, options, resolve_default(settings.agent), craft=craft, limit=limit)
        return _go(desk, out, plan, options, ask=not words and not client and not craft and not yes, dry_run=dry_run)


def _go(desk: Desk, out: Output, plan: Plan, options: RunOptions, *, ask: bool, dry_run: bool) -> int:
    if not plan.tasks:
        out.changed("run", [], render_plan(plan))
        out.next("gigctl queue" if plan.left else "gigctl gig add --source FILE --from fr --to en")
        return 0
    if dry_run:
        items = [{"ref": p.task.ref, "state": p.task.state, "agents": list(p.agents)} for p in plan.tasks]
        out.changed("run", items, render_plan(plan), [p.task.ref for p in plan.tasks])
        return 0
    out.say(render_plan(plan))
    if ask and not out.confirm(f"Run these {len(plan.tasks)} tasks?", "-y"):
        return 0
    for name, when in plan.overspent.items():
        out.warn(f"{name} {render_overspent(name, when)}")
    result = _carry_out(desk, out, plan, options)
    if result.failure is not None:
        raise result.failure
    if result.next_command is not None:
        out.next(result.next_command)
    return worst_exit_code(result.codes)


def _stopping(out: Output) -> str:
    """On a line of its own: the terminal has just shown ^C."""
    return f"\n{STOPPING}" if out.error_terminal.is_tty else STOPPING


def _carry_out(desk: Desk, out: Output, plan: Plan, options: RunOptions) -> RunResult:
    """Under `--jsonl` each task is a line as soon as it is at rest."""
    from gigctl.render.progress import Progress

    items: list[dict[str, Any]] = []
    refs: list[str] = []
    out.unfinished = True
    with Progress(out, len(plan.tasks)) as progress:

        def told(end: Rested, result: RunResult) -> None:
            progress.show(state_of(result))
            refs.append(end.ref)
            if out.jsonl:
                out.line(json_rested(end))
            elif out.json:
                items.append(json_rested(end))

        result = carry_out(desk, plan, options, told, lambda: out.say(_stopping(out)))
        progress.show(state_of(result))
    out.unfinished = False
    out.changed("run", items, render_ends(result), refs)
    return result
