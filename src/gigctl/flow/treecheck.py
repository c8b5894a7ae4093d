"""`check --tree`: the checks that a repository's own `gigctl.toml` names, on its work tree. No ledger, network, model.

The files are taken as they are into a store that is gone afterwards, and what is run is run on a copy of that. With a
base, what the change must not judge itself by is the base's: the rules, and the protected files, put back first.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.base import verdict
from gigctl.checks.command_log import find_runner
from gigctl.checks.detect import as_spec, find_tools
from gigctl.checks.reading import as_text
from gigctl.checks.registry import get_check
from gigctl.checks.settings import load_files
from gigctl.errors import ConfigError
from gigctl.flow import work
from gigctl.flow.preparing import Prepared, prepare
from gigctl.flow.repofile import NAME, render_rules
from gigctl.flow.signed_tree import check_signoffs
from gigctl.flow.treecase import Case, at_folder, changes_of, find_case
from gigctl.model import LINK, SUBMODULE, Change, CheckContext, CheckSpec, Content, Verdict
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store
from gigctl.system.git.worktree import find_checkout

__all__ = ["TreeReport", "TreeRequest", "judge_tree"]

_OF_TEXTS = frozenset({
    "empty", "ending", "json-schema", "length", "numbers", "placeholders", "repeated", "spreadsheet-formula",
    "structure", "terms", "untranslated",
})  # fmt: skip
"""Checks that read one text: they are asked of each file."""
_MOST_EVIDENCE = 20


class TreeRequest(Struct, frozen=True):
    """`place` is any folder of the checkout; `base` a revision that what changed is compared with, or empty;
    `signers` a file of those by whom it must be signed; `agree` is asked whether the rules' `prepare` may run;
    `reports` are files that the caller writes afterwards."""

    place: Path
    base: str = ""
    unsafe_no_sandbox: bool = False
    signers: Path | None = None
    agree: Callable[[str], bool] = lambda question: False
    reports: tuple[Path, ...] = ()


class TreeReport(Struct, frozen=True):
    """`said` is what was done to the tree before it was judged, and by whose rules, a sentence each; `top` the root of
    the checkout, from which the evidence's paths start."""

    verdicts: tuple[Verdict, ...]
    said: tuple[str, ...] = ()
    top: Path = Path()

    @property
    def gates(self) -> bool:
        return any(verdict.gates for verdict in self.verdicts)


def judge_tree(request: TreeRequest) -> TreeReport:
    """The verdicts, in the file's order. Raises ConfigError where no check is named, nothing can be read or nothing
    could be checked."""
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        store = Store.open(Path(name) / "git")
        checkout = find_checkout(store, request.place)
        case = find_case(store, checkout, request.base, request.reports)
        specs = _specs(case)
        if not specs and request.signers is None:
            raise _no_checks(store, case)
        content = _content(store, case, specs)
        _refuse_empty(case, content, specs, request)
        prepared = _prepared(store, case, specs, request, Path(name))
        context = replace(_context(store, case, specs, request, Path(name)), prepared=prepared.folder)
        verdicts = asyncio.run(_assess(content, specs, context))
        if request.signers is not None:
            verdicts.append(check_signoffs(store, case, request.signers))
    _refuse_nothing(verdicts)
    said = (*case.said, prepared.said) if prepared.said else case.said
    return TreeReport(tuple(verdicts), said, checkout.top)


def _specs(case: Case) -> list[CheckSpec]:
    rules = case.rules
    return [] if rules is None else [at_folder(spec, rules.folder) for spec in rules.file.checks]


def _no_checks(store: Store, case: Case) -> ConfigError:
    """With the file that would name some, by what the tree has, ready to be pasted."""
    what = f"there is no {NAME}" if case.rules is None else f"{case.rules.path} names no check"
    files = load_files(store, case.tree)
    tools = find_tools(files, os.environ, case.checkout.top)
    table = render_rules([as_spec(tool, os.environ, case.checkout.top) for tool in tools])
    found = ", ".join(dict.fromkeys(tool.name for tool in tools)) or "nothing that it could be judged by"
    hint = f"put this into {NAME}; in the tree {'is' if len(tools) < 2 else 'are'} {found}:\n{table}"
    return ConfigError(f"{what}: nothing is known that could be checked", hint)


def _refuse_nothing(verdicts: Sequence[Verdict]) -> None:
    """Never 0 where nothing could be checked."""
    if all(verdict.outcome in ("skip", "error") for verdict in verdicts) and not any(v.gates for v in verdicts):
        why = next((e.message.split("\n")[0] for v in verdicts for e in v.evidence), "")
        raise ConfigError(f"none of the checks could be run: {why}", "gigctl doctor")


def _refuse_empty(case: Case, content: Content, specs: Sequence[CheckSpec], request: TreeRequest) -> None:
    """The same where there is no file that a check could read."""
    reads_all = case.base is None and request.signers is None
    if reads_all and not content.changes and not any(get_check(spec.check).NEEDS_TREE for spec in specs):
        where = f"in {case.checkout.top} is no file"
        raise ConfigError(f"{where} but {NAME}: nothing could be checked", "gigctl check --tree FOLDER names another")


# --- judging ---


def _content(store: Store, case: Case, specs: Sequence[CheckSpec]) -> Content:
    """The files, read only where a check reads them."""
    wanted = case.base is not None or any(spec.check != "command" for spec in specs)
    return Content(changes_of(store, case) if wanted else (), None if case.base is None else case.base.parted)


def _context(store: Store, case: Case, specs: Sequence[CheckSpec], request: TreeRequest, place: Path) -> CheckContext:
    """What the checks find: a copy of the tree, and one of the base's where a test runner is compared with it."""
    checkout, base = case.checkout, case.base
    if any(get_check(spec.check).NEEDS_TREE for spec in specs):
        check_out(store, case.tree, place / "tree", history=checkout.head, every_link=True)
    counted = base is not None and any(find_runner(spec.options.get("run", ())) for spec in specs)
    if base is not None and counted:
        check_out(store, base.tree, place / "base", history=base.commit, every_link=True)
    return CheckContext(
        format="code",
        base=None if base is None else base.parted,
        commit=checkout.head,
        tree=str(place / "tree"),
        base_tree=str(place / "base") if counted else None,
        store=str(store.path),
        repository=str(checkout.top),
        unsafe_no_sandbox=request.unsafe_no_sandbox,
    )


def _prepared(store: Store, case: Case, specs: Sequence[CheckSpec], request: TreeRequest, spare: Path) -> Prepared:
    """Where nothing runs on the tree, nothing is needed beside it."""
    if not any(get_check(spec.check).NEEDS_TREE for spec in specs):
        return Prepared()
    return prepare(store, case, request.agree, os.environ, spare=spare, unprotected=request.unsafe_no_sandbox)


async def _assess(content: Content, specs: Sequence[CheckSpec], context: CheckContext) -> list[Verdict]:
    """A verdict a check, in order; where nothing was changed, what reads changes has nothing to say."""
    unchanged = content.base is not None and not content.changes
    idle = [spec for spec in specs if unchanged and not get_check(spec.check).NEEDS_TREE]
    texts = [spec for spec in specs if spec not in idle and spec.check in _OF_TEXTS]
    whole = [spec for spec in specs if spec not in idle and spec.check not in _OF_TEXTS]
    found = {spec.name: verdict(spec.name, "pass", "nothing was changed") for spec in idle}
    found |= {one.name: one for one in await work.assess(content, whole, context)}
    found |= {spec.name: await _assess_files(content, spec, context) for spec in texts}
    return [replace(found[spec.name], required=spec.required) for spec in specs]


async def _assess_files(content: Content, spec: CheckSpec, context: CheckContext) -> Verdict:
    """A check of texts, asked of each file by itself: the worst that it said, with the files' names."""
    found: list[Verdict] = []
    for change in content.changes:
        text = _text(change)
        if text is not None:
            (one,) = await work.assess(Content.of_text(text), [spec], context)
            evidence = tuple(replace(e, part=change.path, message=f"{change.path}: {e.message}") for e in one.evidence)
            found.append(replace(one, evidence=evidence))
    if not found:
        return verdict(spec.name, "error", "no file is there that it could read")
    worst = next((o for o in ("fail", "error", "skip") if any(v.outcome == o for v in found)), "pass")
    evidence = tuple(e for v in found if v.outcome == worst for e in v.evidence)[:_MOST_EVIDENCE]
    return replace(found[0], outcome=worst, evidence=evidence, seconds=sum(v.seconds for v in found))


def _text(change: Change) -> str | None:
    return None if change.data is None or change.mode in (LINK, SUBMODULE) else as_text(change.data)
