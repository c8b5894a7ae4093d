"""A run: what it will do, what came of it, and what comes next."""

from __future__ import annotations

from typing import Any

from gigctl.errors import GateError, WaitsForHuman
from gigctl.flow.doing import Answer
from gigctl.flow.pool import GRACE_SECONDS
from gigctl.flow.resting import Rested
from gigctl.flow.run import Plan, RunResult
from gigctl.flow.steps import ASKS, YOURS, Done, Review, Wait
from gigctl.render.display import display_line
from gigctl.render.figures import json_usd, render_count, render_usd
from gigctl.render.progress import State
from gigctl.render.tasks import json_check

__all__ = ["STOPPING", "json_rested", "render_ends", "render_failing", "render_plan", "state_of"]

STOPPING = f"stopping: calls in flight have {GRACE_SECONDS:.0f} s to finish; once more abandons them"

SHOWN = 20
"""Tasks that want a person are listed up to so many; the queue has them all."""


def render_plan(plan: Plan) -> str:
    """`acme-1  14 tasks with local: at most 0.00 USD`, and what has nothing to be done."""
    left = ", ".join(f"{count} {why}" for why, count in plan.left.items())
    if not plan.tasks:
        return f"nothing to run: {left}" if left else "nothing to run: there is no open task"
    named = " ".join(plan.gigs) if len(plan.gigs) <= 3 else render_count(len(plan.gigs), "gig")
    cost = f"at most {render_usd(plan.at_most)}" if plan.at_most is not None else "price unknown"
    line = f"{named}  {render_count(len(plan.tasks), 'task')} with {', '.join(plan.agents)}: {cost}"
    return line + (f"  ({left})" if left else "")


def state_of(result: RunResult) -> State:
    return State(
        result.total, result.done, result.passed, result.need_you, result.failed, result.spent, result.seconds
    )  # fmt: skip


def render_failing(agent: str, reason: str) -> str:
    """Of an agent that is waited for: `deep fails: unavailable: answered 500; it is tried again now and then`."""
    return f"{agent} fails: {reason}; it is tried again now and then"


def why(end: Rested) -> str:
    """In a line, why a task wants a person or did not come out."""
    if end.end == Review(ASKS):
        return end.reason
    gating = [verdict for verdict in end.verdicts if verdict.gates]
    if isinstance(end.end, Review) and gating:
        found = gating[0]
        said = found.evidence[0].message.partition("\n")[0] if found.evidence else found.outcome
        more = f" (and {len(gating) - 1} more)" if len(gating) > 1 else ""
        return f"{found.name}: {said}{more}"
    if isinstance(end.end, Wait) and end.end.why == "unknown":
        return f"a call may have been paid, its answer is lost: {end.reason}"
    if isinstance(end.end, Wait) and end.end.why == "stopped":
        return f"not run: {end.reason or 'its agent is stopped'}"
    if isinstance(end.end, Wait):
        return end.reason or {"leased": "another run works on it", "blocked": "waits for another task"}.get(
            end.end.why, "later"
        )
    if isinstance(end.end, Review):
        return end.end.why
    if isinstance(end.end, Done) and end.end.why != "failed":
        return f"{end.end.why} meanwhile"
    return end.reason or "no agent could do it"


def render_ends(result: RunResult) -> str:
    """The tasks that want a person, a line each; those that are the person's own to write in one line, without the one
    that the run's error is about."""
    yours = [end.ref for end in result.wants if end.end == Review(YOURS)]
    wants = [end for end in result.wants if end.end != Review(YOURS)]
    width = max((len(end.ref) for end in wants[:SHOWN]), default=0)
    lines = [f"{end.ref:<{width}}  {display_line(why(end))}" for end in wants[:SHOWN]]
    if len(wants) > SHOWN:
        lines.append(
            f"… and {result.need_you + result.failed + result.waiting - len(yours) - SHOWN} more: gigctl queue"
        )
    return "\n".join(lines + _yours(result, yours))


def _yours(result: RunResult, refs: list[str]) -> list[str]:
    error = result.failure
    told = isinstance(error, WaitsForHuman)
    rest = refs[told:]
    more = f" and {len(rest) - SHOWN} more: gigctl queue" if len(rest) > SHOWN else ""
    return [f"{YOURS}{' as well' if told else ''}: {', '.join(rest[:SHOWN])}{more}"] if rest else []


def json_rested(end: Rested) -> dict[str, Any]:
    kind = end.end.why if isinstance(end.end, Done) else "review" if isinstance(end.end, Review) else "waiting"
    return {
        "ref": end.ref, "state": kind, "reason": why(end), "cost": json_usd(end.spent),
        "checks": [json_check(verdict) for verdict in end.verdicts],
    }  # fmt: skip


def render_done(done: Answer) -> str:
    """What a `do` came to, and that nobody signed it: `draft, unsigned: me-0.5@1  0.00 USD`."""
    refs = [end.ref for end in done.ends]
    named = refs[0] if len(refs) == 1 else f"{refs[0]} … {refs[-1]}" if refs else "nothing to do"
    return f"draft, unsigned: {named}  {render_usd(done.result.spent)}"


def json_done(done: Answer) -> dict[str, Any]:
    """The answer and how it came about; a text that is no UTF-8 has U+FFFD in the place of what is none."""
    result = done.result
    return {
        "refs": [end.ref for end in done.ends],
        "status": "ok" if not result.codes else "failed check" if result.codes == {GateError.exit_code} else "failed",
        "output": None if done.answer is None else done.answer.decode("utf-8", "replace"),
        "reasons": [{"ref": end.ref, "reason": why(end)} for end in result.wants], "cost": json_usd(result.spent),
        "checks": [json_check(verdict) for end in done.ends for verdict in end.verdicts], "signed": False,
    }  # fmt: skip
