"""The two functions that do all outside work, over plain data: one call to an agent, and the checks of a content."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from gigctl.agents.base import Agent, AgentError, without_halves
from gigctl.checks.base import context_sha256, fingerprint, verdict
from gigctl.checks.registry import OUTSIDE, get_check
from gigctl.flow.checktrees import CheckTrees, Placed
from gigctl.flow.pool import at_once
from gigctl.model import CheckContext, CheckSpec, Content, Draft, Request, Verdict
from gigctl.system.git.folder import check_out, collect_folder
from gigctl.system.git.store import Store

__all__ = ["assess", "attempt", "fingerprints", "runs_here"]


async def attempt(request: Request, agent: Agent, *, store: Path | None = None, base: str | None = None) -> Draft:
    """Exactly one call, with the time it took. Raises AgentError.

    An agent that runs a program finds the tree `base` of our git `store` in a folder of its own (an empty one
    without), and what it changed there is its draft.
    """
    begun = time.monotonic()
    if agent.entry.kind not in ("command", "acp"):
        return _taken(await agent.draft(request), begun)
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        folder = Path(name) / "tree"
        folder.mkdir()
        if store is not None and base is not None:
            check_out(Store.open(store), base, folder)
        draft = await agent.draft(replace(request, workdir=str(folder)))
        if store is not None and base is not None:
            collected = collect_folder(Store.open(store), folder, base)
            draft = replace(draft, changes=collected.content.changes or None)
        return _taken(draft, begun)


def _taken(draft: Draft, begun: float) -> Draft:
    """A draft that can be kept, with the time it took, unless the agent timed the call itself. Raises AgentError."""
    if without_halves(draft.content) != draft.content:
        raise AgentError(
            "malformed", "the answer holds half a character (a lone surrogate)", usage=draft.usage, cost=draft.cost,
            model=draft.model, content=draft.content,
        )  # fmt: skip
    model, detail = without_halves(draft.model), without_halves(draft.detail)
    return replace(draft, model=model, detail=detail, seconds=draft.seconds or time.monotonic() - begun)


def fingerprints(content: Content, specs: Sequence[CheckSpec], context: CheckContext) -> list[str]:
    """Of each check on the content: the hash of all that its verdict depends on."""
    sha, known = content.sha256, context_sha256(context)
    return [fingerprint(spec, get_check(spec.check).VERSION, sha, known) for spec in specs]


async def assess(
    content: Content, specs: Sequence[CheckSpec], context: CheckContext, *, store: Path | None = None
) -> list[Verdict]:
    """A verdict a check, in order; they run at once. One copy of a tree serves all the checks that want it, with what
    the change must not judge itself by put back first."""
    marks = fingerprints(content, specs, context)
    if store is not None:
        context = replace(context, store=str(store))
    if store is None or context.tree is not None or not any(get_check(spec.check).NEEDS_TREE for spec in specs):
        return await _assess(content, specs, [Placed(context)] * len(specs), marks)
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        trees = CheckTrees(Store.open(store), content, context, Path(name))
        return await _assess(content, specs, [trees.place(spec) for spec in specs], marks)


async def _assess(
    content: Content, specs: Sequence[CheckSpec], places: Sequence[Placed], marks: Sequence[str]
) -> list[Verdict]:
    jobs = zip(specs, places, marks, strict=True)
    works = [functools.partial(_verdict, spec, content, placed, mark) for spec, placed, mark in jobs]
    if runs_here(specs):
        return [await one() for one in works]
    return await at_once(works)


def runs_here(specs: Sequence[CheckSpec]) -> bool:
    """Whether all of them are pure and quick, so that they are run in between, where the answer arrives."""
    return not any(spec.check in OUTSIDE for spec in specs)


async def _verdict(spec: CheckSpec, content: Content, placed: Placed, mark: str) -> Verdict:
    check = get_check(spec.check)
    begun = time.monotonic()
    try:
        found = await check.run(content, spec.options, placed.context)
    except RecursionError:
        found = verdict(spec.check, "error", "the content is nested too deeply to be read")
    seconds = time.monotonic() - begun
    evidence = (*found.evidence, *placed.evidence)
    return Verdict(spec.name, found.outcome, evidence, spec.required, seconds, mark, found.unsandboxed)
