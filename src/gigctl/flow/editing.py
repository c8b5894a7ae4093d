"""A human's revision: from an editor, from a file or a folder, with the time that it took."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from gigctl.errors import GigctlError, UsageError
from gigctl.flow import integration
from gigctl.flow.desk import Desk
from gigctl.flow.references import get_task
from gigctl.flow.review import Unchanged, add_edit, refuse_edit
from gigctl.flow.scissors import Laid, find_text, lay_out, without_added_end
from gigctl.flow.signoff_file import FOLDER as SIGNOFFS
from gigctl.insight.sheet import TaskSheet, load_sheet
from gigctl.ledger import revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import EXECUTABLE, REGULAR, Change, Content, quote_path
from gigctl.records import RevisionRecord, TaskRecord
from gigctl.system import proc
from gigctl.system.git.folder import check_out, collect_folder
from gigctl.system.git.store import Store
from gigctl.system.proc import ProgramError

__all__ = ["Beside", "edit_from", "edit_in_editor"]


Agree = Callable[[Sequence[str]], None]
"""Is told the paths that a folder lacks and the draft has; raises where they are not meant to go."""


def edit_from(
    desk: Desk,
    word: str,
    path: Path | None,
    stdin: BinaryIO | None = None,
    *,
    agree: Agree,
    warn: Callable[[str], None],
) -> RevisionRecord:
    """A revision from elsewhere: a text's file (None: standard input), or a folder with the task's tree in it."""
    task, old, _ = _load(desk, word)
    if not old.is_text:
        taken = _from_folder(desk, old, path, warn, agree)
        _refuse_unjoined(task, taken)
        return add_edit(desk, task, taken)
    data = _read(path, stdin)
    content = _text_content(data, old, str(path or "standard input"))
    _refuse_empty(desk, task, content)
    return add_edit(desk, task, content)


class Beside(Struct, frozen=True):
    """What a person sees beside the text: `render` makes it of a task's sheet, `tell` takes it, and warnings, where it
    can't stand below the text itself."""

    render: Callable[[TaskSheet], str]
    tell: Callable[[str], None]


def edit_in_editor(desk: Desk, word: str, environ: Mapping[str, str], beside: Beside | None = None) -> RevisionRecord:
    """Opens the user's editor on the task's text, or on the changed files of its tree. What is written is kept where
    it can't be taken, and said."""
    task, old, at_odds = _load(desk, word)
    argv = _find_editor(environ)
    if at_odds and beside:
        beside.tell(f"git could not join {', '.join(map(quote_path, at_odds))}: look at what each change does there")
    folder = Path(tempfile.mkdtemp(prefix=f"gigctl-{task.ref}-"))
    aside = _aside(desk, word, beside) if beside else ""
    page = _lay_out(desk, old, folder, task, aside)
    if beside and aside and page.laid is None:
        beside.tell(aside)
    try:
        begun = time.monotonic()
        _open(argv, page.files, folder)
        seconds = time.monotonic() - begun
        content = _collect(desk, old, folder, page, beside.tell if beside else lambda _: None)
        if task.current_id is None and content.sha256 == old.sha256:
            what = "FILE takes any text" if old.is_text else "DIR takes any folder with the tree"
            raise Unchanged(f"nothing was changed in {task.ref}", f"gigctl edit {task.ref} --from {what}")
        _refuse_unjoined(task, content)
        _refuse_empty(desk, task, content)
        revision = add_edit(desk, task, content, seconds=seconds)
    except GigctlError as error:
        if isinstance(error, (ProgramError, Unchanged)) or page.is_untouched:
            _remove(folder)
        else:
            error.hint = "; ".join(filter(None, (_kept(page, folder, task.ref), error.hint)))
        raise
    _remove(folder)
    return revision


def _find_editor(environ: Mapping[str, str]) -> list[str]:
    """The words of the user's editor, its program by its path. Raises UsageError where there is none."""
    told = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    try:
        name, *rest = shlex.split(told)
    except ValueError as error:  # a quote without its fellow, or no word at all
        raise UsageError(f"the editor {told!r} is no command", _EDITOR_HINT) from error
    path = shutil.which(name, path=environ.get("PATH"))
    if path is None:
        raise UsageError(f"there is no editor {name!r}", _EDITOR_HINT)
    return [str(Path(path).absolute()), *rest]  # it is started in another folder


_EDITOR_HINT = "export EDITOR=nano, or whatever you write with"


def _aside(desk: Desk, word: str, beside: Beside) -> str:
    with desk.ledger.reading() as tx:
        target = get_task(tx, word)
    return beside.render(load_sheet(desk.ledger, target.task, target.revision))


def _open(argv: list[str], files: Sequence[Path], folder: Path) -> None:
    code = proc.interactive([*argv, *map(str, files)], cwd=folder)
    if code != 0:
        raise UsageError(f"{argv[0]} ended with {code}; nothing was recorded")


def _load(desk: Desk, word: str) -> tuple[TaskRecord, Content, tuple[str, ...]]:
    """The task and what editing starts from: the named or current revision, else the source that is to be worked on, or
    the changes that are to be joined, and the paths where they are at odds.
    Raises UsageError where it is not to be edited: before anything is written."""
    with desk.ledger.reading() as tx:
        target = get_task(tx, word)
        task = target.task
        refuse_edit(tx, task)
        if target.revision is None and _has_no_draft(tx, task):
            marked = integration.find_marked(tx, desk.store, task)
            if marked is not None:
                return task, marked.content, marked.at_odds
            return task, tasks.get_input(tx, task.id, task.input_n), ()
        return task, revisions.get_content(tx, revisions.get_revision(tx, task, target.revision).id), ()


def _has_no_draft(tx: Tx, task: TaskRecord) -> bool:
    """Of what it is asked for now: a task that joins changes begins anew where one of them is another."""
    if task.current_id is None:
        return True
    return bool(integration.list_joined(task)) and revisions.get_revision(tx, task).input_n != task.input_n


class _Page(Struct, frozen=True):
    """The files to open, the one text's bytes, and what was laid out where it has things below it."""

    files: tuple[Path, ...]
    data: bytes | None = None
    laid: Laid | None = None

    @property
    def is_untouched(self) -> bool:
        """Whether a text's file is as it was laid out: there is nothing to keep."""
        return self.data is not None and self.files[0].exists() and self.files[0].read_bytes() == self.data


def _lay_out(desk: Desk, old: Content, folder: Path, task: TaskRecord, aside: str) -> _Page:
    """The text under the source's ending, or the changed files of the tree (none: the tree)."""
    if old.is_text:
        ending = Path(task.source).suffix if task.source else ".md"
        file = folder / f"{task.ref}{ending or '.txt'}"
        draft = old.changes[0].data or b""
        laid = lay_out(draft, aside, task.ref) if aside else None
        data = laid.data if laid else draft
        file.write_bytes(data)
        return _Page((file,), data, laid)
    tree = folder / "tree"
    tree.mkdir()
    store = Store.open(desk.store)
    check_out(store, store.tree_of(old), tree)
    return _Page(tuple(tree / change.path for change in old.changes if _can_be_edited(change)) or (tree,))


def _can_be_edited(change: Change) -> bool:
    """An editor would change what is no text by the mere saving of it, and follow a link."""
    return change.data is not None and change.mode in (REGULAR, EXECUTABLE) and b"\0" not in change.data


def _collect(desk: Desk, old: Content, folder: Path, page: _Page, warn: Callable[[str], None]) -> Content:
    if not old.is_text:
        return _from_folder(desk, old, folder / "tree", warn)
    data = _read(page.files[0])
    text = find_text(data, page.laid) if page.laid else data
    if text is None:
        raise UsageError("what is your text can't be told: the line >8 is gone or stands twice, and what was below it "
                         "is still there; nothing was recorded")  # fmt: skip
    return _text_content(text, old, str(page.files[0]))


def _kept(page: _Page, folder: Path, ref: str) -> str:
    """Where that is what was written, and how it is taken: the text alone, where it can be told."""
    if page.laid is None:
        return f"what you wrote is in {folder}"
    file = page.files[0]
    data = file.read_bytes() if file.exists() else b""
    text = find_text(data, page.laid)
    if text is None:
        return f"delete what is not your text from {file}, then gigctl edit {ref} --from {shlex.quote(str(file))}"
    file.write_bytes(text)
    return f"what you wrote is in {file}: gigctl edit {ref} --from {shlex.quote(str(file))}"


def _from_folder(
    desk: Desk, old: Content, path: Path | None, warn: Callable[[str], None], agree: Agree | None = None
) -> Content:
    if path is None or not path.is_dir():
        raise UsageError(f"{path or 'standard input'} is no folder: a change to a tree is taken from one", "--from DIR")
    assert old.base is not None  # noqa: S101
    found = collect_folder(Store.open(desk.store), path, old.base)
    for one in found.left_out:
        warn(f"left out: {one.path} {one.why}")
    changes = tuple(change for change in found.content.changes if not change.path.startswith(SIGNOFFS))
    if len(changes) < len(found.content.changes):
        warn(f"left out: what changed in {SIGNOFFS}, which `deliver` alone writes")
    before = {change.path for change in old.changes if change.data is None}
    lacking = [change.path for change in changes if change.data is None and change.path not in before]
    if lacking and agree is not None:
        agree(lacking)
    return replace(found.content, changes=changes)


def _text_content(data: bytes, old: Content, name: str) -> Content:
    """A final newline that an editor adds, where the text had none, is the editor's and not the human's."""
    data = without_added_end(data, old.changes[0].data or b"")
    try:
        return Content.of_text(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no UTF-8 (byte {error.start})", "save it as UTF-8") from error


def _refuse_unjoined(task: TaskRecord, content: Content) -> None:
    if left := integration.list_unjoined(task, content):
        paths = ", ".join(map(quote_path, left[:5]))
        raise UsageError(f"the marks of what is to be joined (<<<<<<<) still stand in {paths}; nothing was recorded",
                         f"gigctl edit {task.ref}")  # fmt: skip


def _refuse_empty(desk: Desk, task: TaskRecord, content: Content) -> None:
    """An emptied text is taken back, as with git's messages; only a source without a text is done by none."""
    if not content.is_text or content.text.strip():
        return
    with desk.ledger.reading() as tx:
        source = tasks.get_input(tx, task.id, task.input_n)
    if task.source is None or source.text.strip():
        raise Unchanged("nothing was recorded: the text is empty")


LARGEST_TEXT = 16 * 1024 * 1024
"""Bytes of a text that a human hands in: what is larger is no draft of one task."""


def _read(path: Path | None, stdin: BinaryIO | None = None) -> bytes:
    """A file's bytes, a pipe's too (`--from <(…)`), or standard input's; never more than a text has."""
    try:
        with contextlib.nullcontext(stdin) if path is None else path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1) if file is not None else b""
    except OSError as error:
        raise UsageError(f"{path or 'standard input'}: {error.strerror}") from error
    if len(data) > LARGEST_TEXT:
        raise UsageError(f"{path or 'standard input'} has more than {LARGEST_TEXT // 1024**2} MiB: expected one text")
    return data


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
