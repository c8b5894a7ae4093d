"""The two functions that do all outside work, over plain data: one call to an agent, and the checks of a content."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gigctl.agents.base import Agent
from gigctl.checks.base import fingerprint, verdict
from gigctl.checks.registry import get_check
from gigctl.model import CheckContext, CheckSpec, Content, Draft, Request, Verdict
from gigctl.system.git.folder import check_out, collect_folder
from gigctl.system.git.store import Store

__all__ = ["assess", "attempt", "fingerprints"]


async def attempt(request: Request, agent: Agent, *, store: Path | None = None, base: str | None = None) -> Draft:
    """Exactly one call, with the time it took. Raises AgentError.

    An agent that runs a program finds the tree `base` of our git `store` in a folder of its own (an empty one
    without), and what it changed there is its draft.
    """
    begun = time.monotonic()
    if agent.entry.kind not in ("command", "acp"):
        return _timed(await agent.draft(request), begun)
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        folder = Path(name) / "tree"
        folder.mkdir()
        if store is not None and base is not None:
            check_out(Store.open(store), base, folder)
        draft = await agent.draft(replace(request, workdir=str(folder)))
        if store is not None and base is not None:
            collected = collect_folder(Store.open(store), folder, base)
            draft = replace(draft, changes=collected.content.changes or None)
        return _timed(draft, begun)


def _timed(draft: Draft, begun: float) -> Draft:
    return replace(draft, seconds=time.monotonic() - begun)


def fingerprints(content: Content, specs: Sequence[CheckSpec], context: CheckContext) -> list[str]:
    """Of each check on the content: the hash of all that its verdict depends on."""
    sha = content.sha256
    return [fingerprint(spec, get_check(spec.check).VERSION, sha, context) for spec in specs]


async def assess(
    content: Content, specs: Sequence[CheckSpec], context: CheckContext, *, store: Path | None = None
) -> list[Verdict]:
    """A verdict a check, in order. One copy of the tree serves all the checks that want one."""
    sha = content.sha256
    if any(get_check(spec.check).NEEDS_TREE for spec in specs) and store is not None and context.tree is None:
        with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
            folder = Path(name) / "tree"
            folder.mkdir()
            repository = Store.open(store)
            check_out(repository, repository.tree_of(content), folder, every_link=True)
            return await assess(content, specs, replace(context, tree=str(folder)), store=store)
    return [await _verdict(spec, content, sha, context) for spec in specs]


async def _verdict(spec: CheckSpec, content: Content, sha: str, context: CheckContext) -> Verdict:
    check = get_check(spec.check)
    begun = time.monotonic()
    try:
        found = await check.run(content, spec.options, context)
    except RecursionError:
        found = verdict(spec.check, "error", "the content is nested too deeply to be read")
    seconds = time.monotonic() - begun
    mark = fingerprint(spec, check.VERSION, sha, context)
    return replace(found, name=spec.name, required=spec.required, seconds=seconds, fingerprint=mark)
