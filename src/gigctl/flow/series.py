"""Signed changes to a tree, one after another: a series of commits, patches or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from gigctl.crafts.base import BadSource
from gigctl.crafts.registry import get_craft
from gigctl.errors import UsageError
from gigctl.flow.asking import craft_gig, craft_task
from gigctl.flow.signoffs import Signed
from gigctl.ledger.store import Tx
from gigctl.model import EXECUTABLE, REGULAR, Change, Content
from gigctl.records import GigRecord
from gigctl.system.git import Person, Step, Store, commit_steps, find_person, make_patches, own_address, verify_patches

__all__ = ["Series", "build_series", "changed_files", "commit_series", "patch_files"]

_SUBJECT = 72
_NOBODY = Person("gigctl", "")


class Series(Struct, frozen=True):
    """Steps on the commit `base`, whose tree is `base_tree`; they lead to `tree`."""

    base: str
    base_tree: str
    tree: str
    steps: tuple[Step, ...]

    def known(self) -> Mapping[str, str]:
        """What the manifest says of it."""
        return {"base": self.base, "baseTree": self.base_tree, "tree": self.tree}


def build_series(tx: Tx, store: Store, gig: GigRecord, signed: Sequence[Signed]) -> Series:
    """Each task's change on those before it. Raises UsageError where two can't go together."""
    if gig.base_tree is None:
        raise UsageError(f"{gig.ref} has no repository and no file that a change could be made to")
    _refuse_conflicts(tx, gig, signed)
    tree, steps = gig.base_tree, []
    for one in signed:
        tree = store.tree_of(_on(tree, gig.base_tree, one))
        steps.append(Step(tree, _message(tx, gig, one), _author(one), _seconds(one)))
    base = gig.base_commit or store.commit_of(gig.base_tree, [], "Base", _NOBODY, seconds=0)
    return Series(base, gig.base_tree, tree, tuple(steps))


def _refuse_conflicts(tx: Tx, gig: GigRecord, signed: Sequence[Signed]) -> None:
    for craft in dict.fromkeys(one.task.craft for one in signed):
        own = [(craft_task(tx, gig, one.task), one.content) for one in signed if one.task.craft == craft]
        try:
            get_craft(craft).assemble(craft_gig(gig), (), own, "")
        except BadSource as error:
            raise UsageError(
                f"{gig.ref} can't be delivered as a whole: {error}", "deliver one task at a time"
            ) from error


def _on(tree: str, base: str, one: Signed) -> Content:
    """The content on the tree that the series has come to."""
    if one.content.base not in (base, tree):
        raise UsageError(f"{one.task.ref} is a change to another state of the repository",
                         f"gigctl reopen {one.task.ref}")  # fmt: skip
    return replace(one.content, base=tree)


def _message(tx: Tx, gig: GigRecord, one: Signed) -> str:
    """The task's name as the subject; the brief below it, where it says more."""
    brief = craft_task(tx, gig, one.task).brief.strip()
    subject = next(iter((one.task.name or gig.title or brief).strip().splitlines()), one.task.ref)
    if len(subject) > _SUBJECT:
        subject = subject[: _SUBJECT - 1].rsplit(" ", 1)[0] + "…"
    return subject if brief in ("", subject) else f"{subject}\n\n{brief}"


def _author(one: Signed) -> Person:
    """The freelancer: as git knows them, else as they signed. No commit is without an address."""
    name, _, email = one.decision.actor.partition(" <")
    return find_person(Person(name, email.rstrip(">") or own_address()))


def _seconds(one: Signed) -> int:
    """When it was signed, so that the same signatures give the same commits."""
    return int(datetime.fromisoformat(one.decision.at).timestamp())


# --- the forms ---


def patch_files(store: Store, series: Series) -> list[Change]:
    """Numbered patches, applied by `git am` in a scratch clone before they are given away. Raises PatchError."""
    patches = make_patches(store, series.base, series.steps)
    if not patches:
        raise UsageError("the signed changes leave every file as it was: there is nothing to deliver")
    verify_patches(store, series.base, patches, series.tree)
    return [Change(patch.name, REGULAR, patch.data) for patch in patches]


def commit_series(store: Store, series: Series) -> str:
    """The last commit of the series. Raises UsageError where it changes nothing."""
    commits = commit_steps(store, series.base, series.steps)
    if not commits:
        raise UsageError("the signed changes leave every file as it was: there is nothing to deliver")
    return commits[-1]


def changed_files(store: Store, series: Series) -> list[Change]:
    """The files as they are after the series; one without data is deleted. Raises UsageError for what is no file."""
    changes = store.list_changes(series.base_tree, series.tree)
    if not changes:
        raise UsageError("the signed changes leave every file as it was: there is nothing to deliver")
    for change in changes:
        if change.data is not None and change.mode not in (REGULAR, EXECUTABLE):
            raise UsageError(f"{change.path!a} is a link or a submodule, and no file that can be given",
                             "--as patches, or --as branch")  # fmt: skip
    return list(changes)
