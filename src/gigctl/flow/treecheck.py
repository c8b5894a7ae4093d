"""`check --tree`: the checks that a repository's own `gigctl.toml` names, on its work tree. No ledger, network, model.

The files are taken as they are into a store that is gone afterwards, and what is run is run on a copy of that. With a
base, what the change must not judge itself by is the base's: the rules, and the protected files, put back first.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.base import verdict
from gigctl.checks.registry import get_check
from gigctl.errors import ConfigError
from gigctl.flow import work
from gigctl.flow.repofile import NAME, RepoFile, read_repo_file
from gigctl.model import EXECUTABLE, LINK, REGULAR, SUBMODULE, Change, CheckContext, CheckSpec, Content, Verdict
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store
from gigctl.system.git.worktree import Checkout, collect_worktree, find_checkout

__all__ = ["TreeReport", "TreeRequest", "judge_tree"]

_OF_TEXTS = frozenset({
    "empty", "ending", "json-schema", "length", "numbers", "placeholders", "repeated", "spreadsheet-formula",
    "structure", "terms", "untranslated",
})  # fmt: skip
"""Checks that read one text: they are asked of each file."""
_MOST_EVIDENCE = 20
_NO_CHECKS = "gigctl.toml in the repository names them, docs/ci.md has an example"


class TreeRequest(Struct, frozen=True):
    """`place` is any folder of the checkout; `base` a revision that what changed is compared with, or empty."""

    place: Path
    base: str = ""
    unsafe_no_sandbox: bool = False


class TreeReport(Struct, frozen=True):
    """`said` is what was done to the tree before it was judged, and by whose rules, a sentence each."""

    verdicts: tuple[Verdict, ...]
    said: tuple[str, ...] = ()

    @property
    def gates(self) -> bool:
        return any(verdict.gates for verdict in self.verdicts)


class _Rules(Struct, frozen=True):
    """A `gigctl.toml` and where in the tree it lies: its commands run there, its patterns start from there."""

    file: RepoFile
    folder: str = ""  # "" or "a/b/"


def judge_tree(request: TreeRequest) -> TreeReport:
    """The verdicts, in the file's order. Raises ConfigError where no check is named, nothing can be read or nothing
    could be checked."""
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        store = Store.open(Path(name) / "git")
        checkout = find_checkout(store, request.place)
        tree, left_out = collect_worktree(store, checkout)
        said = [f"{one.path} is not judged: it {one.why}" for one in left_out]
        rules = _find_rules(store, tree, checkout.prefix)
        if rules is None or not rules.file.checks:
            raise _no_checks(rules)
        verdicts = _judge(store, checkout, tree, rules, request, Path(name) / "tree")
    _refuse_nothing(verdicts)
    return TreeReport(tuple(verdicts), tuple(said))


def _no_checks(rules: _Rules | None) -> ConfigError:
    what = f"there is no {NAME}" if rules is None else f"{rules.folder}{NAME} names no check"
    return ConfigError(f"{what}: nothing is known that could be checked", _NO_CHECKS)


def _refuse_nothing(verdicts: Sequence[Verdict]) -> None:
    """Never 0 where nothing could be checked."""
    if all(verdict.outcome in ("skip", "error") for verdict in verdicts) and not any(v.gates for v in verdicts):
        why = next((e.message.split("\n")[0] for v in verdicts for e in v.evidence), "")
        raise ConfigError(f"none of the checks could be run: {why}", "gigctl doctor")


# --- the rules ---


def _find_rules(store: Store, tree: str, prefix: str) -> _Rules | None:
    """The nearest `gigctl.toml` at or above the folder that was pointed at, as the tree has it."""
    entries = {entry.path: entry for entry in store.list_tree(tree) if entry.path.endswith(NAME)}
    for folder in _upwards(prefix):
        if (entry := entries.get(f"{folder}{NAME}")) is None:
            continue
        if entry.mode not in (REGULAR, EXECUTABLE):
            raise ConfigError(f"{entry.path} is a link: the rules must be in the repository itself")
        (change,) = store.read_entries([entry])
        return _Rules(read_repo_file(change.data or b"", entry.path), folder)
    return None


def _upwards(prefix: str) -> list[str]:
    """`a/b/` → `a/b/`, `a/`, and the top."""
    names = prefix.rstrip("/").split("/") if prefix else []
    return ["".join(f"{name}/" for name in names[:n]) for n in range(len(names), -1, -1)]


# --- judging ---


def _judge(
    store: Store, checkout: Checkout, tree: str, rules: _Rules, request: TreeRequest, copy: Path
) -> list[Verdict]:
    specs = [_at_folder(spec, rules.folder) for spec in rules.file.checks]
    wanted = any(not get_check(spec.check).NEEDS_TREE for spec in specs)
    content = Content(store.read_files(tree)) if wanted else Content(())
    context = CheckContext(
        format="code",
        commit=checkout.head,
        tree=str(copy),
        repository=str(checkout.top),
        unsafe_no_sandbox=request.unsafe_no_sandbox,
    )
    check_out(store, tree, copy, history=checkout.head, every_link=True)
    return asyncio.run(_assess(content, specs, context))


def _at_folder(spec: CheckSpec, folder: str) -> CheckSpec:
    """A command of a folder's file runs in that folder, with the whole tree around it."""
    if spec.check != "command" or not folder:
        return spec
    return replace(spec, options={**spec.options, "run": ["env", "-C", folder.rstrip("/"), *spec.options["run"]]})


async def _assess(content: Content, specs: Sequence[CheckSpec], context: CheckContext) -> list[Verdict]:
    whole = [spec for spec in specs if spec.check not in _OF_TEXTS]
    verdicts = dict(zip(map(_name, whole), await work.assess(content, whole, context), strict=True))
    for spec in specs:
        if spec.check in _OF_TEXTS:
            verdicts[spec.name] = await _assess_files(content, spec, context)
    return [verdicts[spec.name] for spec in specs]


def _name(spec: CheckSpec) -> str:
    return spec.name


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
        return replace(verdict(spec.name, "error", "no file is there that it could read"), required=spec.required)
    worst = next((o for o in ("fail", "error", "skip") if any(v.outcome == o for v in found)), "pass")
    evidence = tuple(e for v in found if v.outcome == worst for e in v.evidence)[:_MOST_EVIDENCE]
    return replace(found[0], outcome=worst, evidence=evidence, seconds=sum(v.seconds for v in found))


def _text(change: Change) -> str | None:
    if change.data is None or change.mode in (LINK, SUBMODULE) or b"\0" in change.data:
        return None
    return change.data.decode("utf-8", "surrogateescape")
