"""`deliver`: what was signed becomes files, assembled from the sources and the signed contents alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from gigctl.crafts.registry import get_craft
from gigctl.errors import LedgerError, UsageError, WaitsForHuman
from gigctl.flow import assembly, series
from gigctl.flow.desk import Desk
from gigctl.flow.manifest import MANIFEST, SIGNATURE, Manifest, SeenCheck, is_table
from gigctl.flow.parcel import Delivered, Parcel, listed, write_parcel
from gigctl.flow.pullrequest import PULL_REQUEST, render_pull_request
from gigctl.flow.selection import Wanted, list_wanted, refuse_unsigned
from gigctl.flow.signoff_file import FOLDER
from gigctl.flow.signoffs import Signed, list_ai_use, load_signed, refuse_forged, to_signoff
from gigctl.flow.sums import Overlap, Sum, add_task_for, check_sum, find_overlap, load_sum, name_joined, take_joined
from gigctl.flow.table import Table, load_table, make_table
from gigctl.ledger import gigs
from gigctl.ledger.store import Tx
from gigctl.model import REGULAR, Change, Content, Verdict
from gigctl.records import GigRecord, TaskRecord
from gigctl.system import clock
from gigctl.system.git import Store, check_branch_name

__all__ = ["Delivered", "Form", "Options", "deliver"]

Form = Literal["files", "patches", "branch", "squash"]


class Options(Struct, frozen=True):
    """How to deliver. `output` None is a folder `REF.delivery` here, a table's name (`.csv`) a batch's file; `form`
    None the craft's own (code of a repository: patches); `languages` none: all; `branch` the name of one, `gigctl/REF`
    where it is empty; `trailers` name the task and its revision in each commit. A squash is a branch of one commit,
    with an `output` one patch."""

    output: Path | None = None
    form: str | None = None
    languages: tuple[str, ...] = ()
    partial: bool = False
    ai_statement: bool = False
    signer: str = ""
    branch: str = ""
    trailers: bool = False


class _Ready(Struct, frozen=True):
    """A parcel before the checks of its sum: of code also what its commits say and do."""

    parcel: Parcel
    sum: Sum | None = None
    messages: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


def deliver(desk: Desk, words: Sequence[str], options: Options) -> list[Delivered]:
    """Writes what was signed and records it. All gigs are prepared, and several changes to one tree checked together,
    before the first is written.

    Raises WaitsForHuman while a task is unsigned or two are at odds (there is a task then that joins them), GateError
    where a sum does not pass its checks, UsageError where something is in the way, LedgerError where what is there is
    not what was signed.
    """
    _check_options(options)
    try:
        with desk.ledger.reading() as tx:
            wanted = list_wanted(tx, words, options.languages)
            if options.output is not None and len(wanted) > 1:
                raise UsageError(f"-o names one place, and {len(wanted)} gigs were named", "deliver them one by one")
            ready = [_prepare(tx, desk, one, options) for one in wanted]
    except Overlap as overlap:
        raise add_task_for(desk, overlap) from None
    parcels = [_finish(desk, one, options) for one in ready]
    return [write_parcel(desk, parcel, options.output, options.signer) for parcel in parcels]


def _finish(desk: Desk, ready: _Ready, options: Options) -> Parcel:
    """With what the checks say of several changes together, and the text that goes to the client with a change."""
    parcel = ready.parcel
    manifest = parcel.manifest
    if ready.sum is not None:
        manifest = replace(manifest, together=tuple(map(_seen, check_sum(desk, ready.sum))))
    if not ready.messages:
        return replace(parcel, manifest=manifest)
    statement = manifest.ai_use.statement if manifest.ai_use else ""
    text = render_pull_request(
        ready.messages, ready.changes, manifest.signoffs, manifest.together, missing=manifest.missing,
        statement=statement,
    )  # fmt: skip
    if parcel.commit:
        return replace(parcel, manifest=manifest, pull_request=text)
    page = Change(PULL_REQUEST, REGULAR, text.encode("utf-8", "replace"))
    assembly.check_paths([*(change.path for change in parcel.files), PULL_REQUEST, MANIFEST, SIGNATURE])
    listing = tuple(sorted((*manifest.files, listed(page)), key=lambda file: file.path))
    return replace(parcel, files=(*parcel.files, page), manifest=replace(manifest, files=listing))


def _seen(verdict: Verdict) -> SeenCheck:
    return SeenCheck(verdict.name, verdict.outcome, verdict.required, verdict.fingerprint, verdict.unsandboxed)


def _check_options(options: Options) -> None:
    if options.form is not None and options.form not in get_args(Form):
        raise UsageError(f"--as {options.form}: expected files, branch, patches or squash")
    if options.branch and options.form not in ("branch", "squash"):
        raise UsageError("--branch names a branch, and none is delivered", "--as branch")
    if options.output is None:
        return
    if options.branch:
        raise UsageError("--branch names a branch, and -o a place for files", "name one of them")
    if options.form == "branch":
        raise UsageError("a branch is made in the client's repository: -o has nothing to write", "--branch names it")
    if options.output.name == "-" or options.output.suffix.lower() in (".tar", ".gz", ".tgz"):
        raise UsageError(f"{options.output}: a delivery is a folder, or a zip by its ending .zip")


def _prepare(tx: Tx, desk: Desk, wanted: Wanted, options: Options) -> _Ready:
    """The files, from the sources and the signed contents alone, and the manifest that tells of them."""
    if options.output is not None and is_table(options.output):
        return _Ready(_prepare_table(tx, desk, load_table(tx, wanted), options, options.output.name))
    gig, ready = wanted.gig, _load_ready(tx, wanted, options)
    form = _form(gig, wanted.chosen, options)
    documents, delivered = _documents(tx, wanted, ready)
    on_tree = [one for one in ready if get_craft(one.task.craft).ON_TREE]
    kept, joined = take_joined(tx, gig, on_tree)
    made = _tree_files(tx, desk, gig, kept, form, options) if kept else _Made()
    files = [*documents, *made.files]
    delivered |= {one.task.id for one in (*kept, *joined)}
    signed = tuple(one for one in ready if one.task.id in delivered and one not in joined)
    if not signed:
        raise WaitsForHuman(f"{gig.ref} is not delivered: no file of it is signed as a whole",
                            f"gigctl queue -c {gig.client}")  # fmt: skip
    written = [change for change in files if change.data is not None]
    assembly.check_paths([*(change.path for change in written), MANIFEST, SIGNATURE])
    manifest = _manifest(tx, desk, wanted, signed, joined, files, form)
    use = list_ai_use(tx, (*signed, *joined)) if options.ai_statement else None
    beside = tuple(listed(c) for c in made.changes or made.files if c.path.startswith(FOLDER) and c.data is not None)
    manifest = replace(manifest, git=made.git, ai_use=use, joined=name_joined(kept, joined), signoff_files=beside)
    parcel = Parcel(gig, (*signed, *joined), tuple(written), manifest, made.commit)
    return _Ready(parcel, made.sum, made.messages, made.changes)


def _load_ready(tx: Tx, wanted: Wanted, options: Options) -> list[Signed]:
    ready = [load_signed(tx, task) for task in refuse_unsigned(wanted, partial=options.partial)]
    refuse_forged(tx, ready)
    return ready


def _prepare_table(tx: Tx, desk: Desk, table: Table, options: Options, name: str) -> Parcel:
    """A batch's file; a row that is not signed has no text in it."""
    gig, ready = table.wanted.gig, tuple(_load_ready(tx, table.wanted, options))
    form = _form(gig, table.wanted.chosen, options)
    file, safe = make_table(table, ready, name)
    assembly.check_paths([name])
    manifest = _manifest(tx, desk, table.wanted, ready, (), [file], form)
    use = list_ai_use(tx, ready) if options.ai_statement else None
    gone = tuple(task.ref for task in table.gone)
    return Parcel(gig, ready, (file,), replace(manifest, neutralised=safe, ai_use=use), gone=gone)


def _form(gig: GigRecord, chosen: Sequence[TaskRecord], options: Options) -> Form:
    """Raises UsageError where the work has no such form."""
    on_tree = any(get_craft(task.craft).ON_TREE for task in chosen)
    default: Form = "patches" if on_tree and gig.repository else "files"
    form: Form = next((known for known in get_args(Form) if known == options.form), default)
    if form != "files" and not on_tree:
        raise UsageError(f"--as {form}: {gig.ref} is {gig.craft}, and files are its one form")
    if form == "branch" and not gig.repository:
        raise UsageError(f"--as branch: {gig.ref} has no repository", "--as files, or --as patches")
    branch = form == "branch" or (form == "squash" and options.output is None and gig.repository)
    if branch and not all(get_craft(task.craft).ON_TREE for task in chosen):
        raise UsageError(
            f"--as {form}: {gig.ref} has texts too, which no branch can hold", "--as patches, or --as files"
        )
    return form


def _documents(tx: Tx, wanted: Wanted, ready: Sequence[Signed]) -> tuple[list[Change], set[int]]:
    """The files that hold nothing but what was chosen and signed, and the tasks that are in them."""
    contents = {one.task.id: one.content for one in ready if not get_craft(one.task.craft).ON_TREE}
    made = [task for task in wanted.every if not get_craft(task.craft).ON_TREE]
    if not made:
        return [], set()
    assembled = assembly.assemble(tx, wanted.gig, made, contents, wanted.languages)
    kept = [change for change in assembled.files if _is_whole(assembled.holds[change.path], contents, wanted)]
    delivered = {task for change in kept for task in assembled.holds[change.path]}
    _refuse_lost(wanted, ready, assembled, delivered)
    return kept, delivered


def _is_whole(holds: frozenset[int], contents: dict[int, Content], wanted: Wanted) -> bool:
    """A file in which nobody had anything to do goes along only with the whole gig."""
    return holds <= contents.keys() and (bool(holds) or not wanted.named)


def _refuse_lost(wanted: Wanted, ready: Sequence[Signed], assembled: assembly.Assembled, delivered: set[int]) -> None:
    somewhere = {task for holds in assembled.holds.values() for task in holds}
    for one in ready:
        if get_craft(one.task.craft).ON_TREE or one.task.id in delivered:
            continue
        if one.task.id not in somewhere:
            raise LedgerError(f"{one.task.ref} is signed, and no file of {wanted.gig.ref} has a place for it",
                              f"gigctl show {one.task.ref}")  # fmt: skip
        if wanted.named:
            path = next(path for path, holds in assembled.holds.items() if one.task.id in holds)
            others = len(assembled.holds[path]) - 1
            raise UsageError(f"{one.task.ref} is a part of {path} with {others} more: a file is delivered whole",
                             f"gigctl deliver {wanted.gig.ref}")  # fmt: skip


class _Made(Struct, frozen=True):
    """What changes to a tree become: files, what the manifest says of git, and the commit of a branch."""

    files: tuple[Change, ...] = ()
    git: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    sum: Sum | None = None
    messages: tuple[str, ...] = ()  # of a pull request's commits
    changes: tuple[Change, ...] = ()


def _tree_files(
    tx: Tx, desk: Desk, gig: GigRecord, signed: Sequence[Signed], form: Form, options: Options
) -> _Made:  # fmt: skip
    """Raises Overlap where two of them are at odds."""
    if (overlap := find_overlap(gig, signed)) is not None:
        raise overlap
    store = Store.open(desk.store)
    built = series.build_series(tx, store, gig, signed, squash=form == "squash", trailers=options.trailers)
    together = load_sum(tx, store, gig, signed, built)
    git = dict(built.known())
    if form == "files":
        return _Made(tuple(series.changed_files(store, built)), git, sum=together)
    told = tuple(step.message for step in built.steps)
    changes = store.list_changes(built.base_tree, built.tree)
    if form == "patches" or (form == "squash" and (options.output is not None or not gig.repository)):
        return _Made(tuple(series.patch_files(store, built)), git, "", together, told, changes)
    name = options.branch or f"gigctl/{gig.ref}"
    check_branch_name(store, name)
    commit = series.commit_series(store, built)
    return _Made((), git | {"branch": name, "commit": commit}, commit, together, told, changes)


def _manifest(
    tx: Tx, desk: Desk, wanted: Wanted, signed: Sequence[Signed], joined: Sequence[Signed], files: Sequence[Change],
    form: Form,
) -> Manifest:  # fmt: skip
    gig = wanted.gig
    given = {one.task.id for one in (*signed, *joined)}
    missing = tuple(task.ref for task in wanted.every if task.id not in given)
    sources = ((source.name, hashlib.sha256(source.data).hexdigest()) for source in gigs.list_sources(tx, gig.id))
    return Manifest(
        ledger=tx.ledger_id,
        gig=gig.ref,
        title=gig.title,
        form=form,
        created=clock.to_text(desk.now()),
        partial=bool(missing),
        languages=tuple(language for language in wanted.languages if any(o.task.language == language for o in signed)),
        sources=tuple(sorted(sources)),
        files=tuple(map(listed, (change for change in files if change.data is not None))),
        deleted=tuple(change.path for change in files if change.data is None),
        missing=missing,
        signoffs=tuple(map(to_signoff, signed)),
    )
