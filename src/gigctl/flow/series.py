"""Signed changes to a tree, one after another: a series of commits, patches or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from textwrap import indent

from msgspec import Struct
from msgspec.structs import replace

from gigctl.errors import UsageError
from gigctl.flow import integration
from gigctl.flow.asking import craft_task
from gigctl.flow.messageform import LOOKED_AT, Form, find_form, put_in_form
from gigctl.flow.signoff_file import make_signoff_files
from gigctl.flow.signoffs import Signed
from gigctl.ledger.store import Tx
from gigctl.model import EXECUTABLE, REGULAR, Change, Content
from gigctl.records import GigRecord, TaskRecord
from gigctl.system.git import (
    Person,
    Step,
    Store,
    commit_steps,
    find_person,
    make_patches,
    own_address,
    signs_off,
    verify_patches,
)
from gigctl.system.git.subjects import list_subjects

__all__ = ["Series", "build_series", "changed_files", "commit_series", "patch_files"]

_SUBJECT = 72
_NOBODY = Person("gigctl", "")


class Series(Struct, frozen=True):
    """Steps on the commit `base`, whose tree is `base_tree`; they lead to `tree`. `signed_tree` is the same without
    what goes along beside the signed contents."""

    base: str
    base_tree: str
    tree: str
    signed_tree: str
    steps: tuple[Step, ...]

    def known(self) -> Mapping[str, str]:
        """What the manifest says of it."""
        return {"base": self.base, "baseTree": self.base_tree, "tree": self.tree}


def build_series(
    tx: Tx, store: Store, gig: GigRecord, signed: Sequence[Signed], *, squash: bool = False, trailers: bool = False
) -> Series:
    """Each task's change on those before it, or with `squash` all as one step; `trailers` name task and revision.

    No two of `signed` may be at odds. Raises UsageError where one is no change to the gig's base.
    """
    if gig.base_tree is None:
        raise UsageError(f"{gig.ref} has no repository and no file that a change could be made to")
    tree = bare = gig.base_tree
    form = find_form(list_subjects(store, gig.base_commit, LOOKED_AT)) if gig.base_commit else Form()
    steps = []
    for one in signed:
        bare = store.tree_of(_on(bare, gig.base_tree, one))
        tree = store.tree_of(_with_beside(_on(tree, gig.base_tree, one), make_signoff_files(tx.ledger_id, one)))
        named = _trailers([one], trailers=trailers)
        steps.append(Step(tree, _in_form(_message(tx, gig, one), form), _author(one), _seconds(one), trailers=named))
    if squash:
        whole = _squashed(gig, signed, steps, _trailers(signed, trailers=trailers))
        steps = [replace(whole, message=_in_form(whole.message, form))]
    base = gig.base_commit or store.commit_of(gig.base_tree, [], "Base", _NOBODY, seconds=0)
    return Series(base, gig.base_tree, tree, bare, tuple(steps))


def _with_beside(content: Content, beside: tuple[Change, ...]) -> Content:
    """With files that go along and are no part of any revision."""
    paths = {change.path for change in beside}
    return replace(content, changes=(*(change for change in content.changes if change.path not in paths), *beside))


def _squashed(gig: GigRecord, signed: Sequence[Signed], steps: Sequence[Step], trailers: tuple[str, ...]) -> Step:
    """One step with the message of the only one; of several, the gig's title and a line each."""
    last = max(steps, key=lambda step: step.seconds)
    if len(steps) == 1:
        return replace(last, trailers=trailers)
    return replace(
        last, tree=steps[-1].tree, message=_listing(gig, [step.message for step in steps]), trailers=trailers
    )


def _trailers(signed: Sequence[Signed], *, trailers: bool) -> tuple[str, ...]:
    """`Signed-off-by` is a statement of the freelancer's, and made only where their git makes it; what names our own
    books only where it was asked for."""
    lines = []
    for one in signed if trailers else ():
        lines += [f"Gigctl-Task: {one.task.ref}", f"Gigctl-Revision: sha256:{one.decision.signed_revision}"]
    if signs_off():
        lines += dict.fromkeys(f"Signed-off-by: {_author(one).line}" for one in signed)
    return tuple(lines)


def _on(tree: str, base: str, one: Signed) -> Content:
    """The content on the tree that the series has come to."""
    if one.content.base not in (base, tree):
        raise UsageError(f"{one.task.ref} is a change to another state of the repository",
                         f"gigctl reopen {one.task.ref}")  # fmt: skip
    return replace(one.content, base=tree)


def _message(tx: Tx, gig: GigRecord, one: Signed) -> str:
    return _message_of(tx, gig, one.task)


def _message_of(tx: Tx, gig: GigRecord, task: TaskRecord) -> str:
    """The task's name as the subject; the brief below it, where it says more. Of one that joins others, theirs."""
    if joined := integration.load_joined(tx, task):
        return _listing(gig, [_message_of(tx, gig, each) for each in joined])
    brief = craft_task(tx, gig, task).brief.strip()
    subject = _short(next(iter((task.name or gig.title or brief).strip().splitlines()), task.ref))
    return subject if brief in ("", subject) else f"{subject}\n\n{brief}"


def _listing(gig: GigRecord, messages: Sequence[str]) -> str:
    """Several messages as one: the gig's title, and a point each."""
    points = []
    for message in messages:
        subject, _, body = message.partition("\n\n")
        points.append(f"- {subject}" + (f"\n{indent(body, '  ')}" if body else ""))
    title = gig.title.strip() or messages[0]
    return f"{_short(title.partition(chr(10))[0])}\n\n" + "\n".join(points)


def _in_form(message: str, form: Form) -> str:
    """With the subject as the repository's own are written."""
    subject, newline, rest = message.partition("\n")
    return _short(put_in_form(subject, form, rest)) + newline + rest


def _short(subject: str) -> str:
    return subject if len(subject) <= _SUBJECT else subject[: _SUBJECT - 1].rsplit(" ", 1)[0] + "…"


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
