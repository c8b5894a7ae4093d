"""What the commands that have work done share: who drafts, how often, at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from gigctl.config import load_settings
from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.run import resolve_default
from gigctl.flow.runoptions import Notices, RunOptions
from gigctl.render.output import Output
from gigctl.values import parse_usd

__all__ = ["Again", "Limits", "ProgressForm", "check_progress", "notices_of", "run_options"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Who is asked, how much at once, and for how much at most."""

    agent: Annotated[
        str | None, typer.Option("--agent", "-a", metavar="AGENT[,FALLBACK...]", help="Who drafts, in turn.")
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, max=1024, metavar="N", help="How many at once with each agent."),
    ] = None
    repair: Annotated[
        int | None,
        typer.Option("--repair", min=0, max=20, metavar="N", help="How often a failed draft is asked for again."),
    ] = None
    drafts: Annotated[
        int | None, typer.Option("--drafts", min=1, max=64, metavar="N", help="Up to so many, until one passes.")
    ] = None
    max_cost: Annotated[str | None, typer.Option("--max-cost", metavar="MONEY", help="The most to spend.")] = None
    max_cost_each: Annotated[
        str | None, typer.Option("--max-cost-each", metavar="MONEY", help="The most to spend on one task.")
    ] = None
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Draft again what has a draft, and serve no answer of before.")
    ] = False
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run programs and checks unprotected.")
    ] = False


ProgressForm = Annotated[
    str, typer.Option("--progress", metavar="json", help="Progress as a line of JSON a second, on stderr.")
]


def notices_of(out: Output) -> Notices:
    """What is told of meanwhile, on stderr."""
    from gigctl.render.runs import STOPPING, render_failing

    def stopping() -> None:
        out.say(f"\n{STOPPING}" if out.error_terminal.is_tty else STOPPING)  # the terminal has just shown ^C

    return Notices(stopping, lambda agent, reason: out.say(render_failing(agent, reason)))


def check_progress(form: str) -> None:
    """Before anything is done. Raises UsageError."""
    if form not in ("", "json"):
        raise UsageError(f"--progress {form}: expected json")


@dataclass(frozen=True, slots=True)
class Again:
    """What is asked for once more."""

    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also what failed before.")] = False
    retry_unknown: Annotated[
        bool, typer.Option("--retry-unknown", help="Also calls that may have been paid already.")
    ] = False


def run_options(
    desk: Desk, limits: Limits, again: Again | None = None, vs: str | None = None
) -> tuple[RunOptions, tuple[str, ...]]:
    """What a run is asked for, and who drafts where nobody is named. Raises UsageError."""
    loaded = load_settings(desk.paths.config_file, desk.environ)
    settings, paced = loaded.settings, limits.jobs is None and loaded.origins["jobs"] == "default"
    named, again = vs or limits.agent, again or Again()
    each = parse_usd(limits.max_cost_each, settings.rates) if limits.max_cost_each is not None else None
    options = RunOptions(
        agents=tuple(named.split(",")) if named else None, wanted_all=vs is not None, drafts=limits.drafts,
        repairs=limits.repair, usual_repairs=settings.repair, jobs=limits.jobs or settings.jobs, paced=paced,
        max_cost=parse_usd(limits.max_cost, settings.rates) if limits.max_cost is not None else settings.max_cost,
        max_cost_each=each, fresh=limits.fresh, retry_failed=again.retry_failed, retry_unknown=again.retry_unknown,
        unsafe_no_sandbox=limits.unsafe_no_sandbox,
        redrawn=frozenset(name for name, entry in desk.agents.items() if entry.kind == "local"),
    )  # fmt: skip
    return options, resolve_default(settings.agent)
