"""A human's revision: from an editor, from a file or a folder, with the time that it took."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.flow.references import get_task
from gigctl.flow.review import add_edit
from gigctl.ledger import revisions, tasks
from gigctl.model import Content
from gigctl.records import RevisionRecord, TaskRecord
from gigctl.system import proc
from gigctl.system.git.folder import check_out, collect_folder
from gigctl.system.git.store import Store

__all__ = ["edit_from", "edit_in_editor"]


def edit_from(desk: Desk, word: str, path: Path | None, stdin: bytes | None = None) -> RevisionRecord:
    """A revision from elsewhere: a text's file (None: standard input), or a folder with the task's tree in it."""
    task, old = _load(desk, word)
    if not old.is_text:
        return add_edit(desk, task, _from_folder(desk, old, path))
    data = _read(path) if path is not None else stdin or b""
    return add_edit(desk, task, _text_content(data, old, str(path or "standard input")))


def edit_in_editor(desk: Desk, word: str, environ: Mapping[str, str]) -> RevisionRecord:
    """Opens the user's editor on the task's text, or on the changed files of its tree. What is written is kept where
    it can't be taken, and said."""
    task, old = _load(desk, word)
    argv = shlex.split(environ.get("VISUAL") or environ.get("EDITOR") or "vi")
    folder = Path(tempfile.mkdtemp(prefix=f"gigctl-{task.ref}-"))
    try:
        files = _lay_out(desk, old, folder, task)
        begun = time.monotonic()
        _open(argv, files, folder)
        seconds = time.monotonic() - begun
        revision = add_edit(desk, task, _collect(desk, old, folder, files), seconds=seconds)
    except UsageError as error:
        if "nothing was changed" in error.message:
            _remove(folder)
        elif error.hint is None or str(folder) not in error.hint:
            raise UsageError(error.message, f"what you wrote is in {folder}") from error
        raise
    _remove(folder)
    return revision


def _open(argv: list[str], files: list[Path], folder: Path) -> None:
    code = proc.interactive([*argv, *map(str, files)], cwd=folder)
    if code != 0:
        raise UsageError(f"{argv[0]} ended with {code}; nothing was recorded", f"what you wrote is in {folder}")


def _load(desk: Desk, word: str) -> tuple[TaskRecord, Content]:
    """The task and what editing starts from: the named or current revision, else the source that is to be worked on."""
    with desk.ledger.reading() as tx:
        target = get_task(tx, word)
        task = target.task
        if target.revision is None and task.current_id is None:
            return task, tasks.get_input(tx, task.id, task.input_n)
        return task, revisions.get_content(tx, revisions.get_revision(tx, task, target.revision).id)


def _lay_out(desk: Desk, old: Content, folder: Path, task: TaskRecord) -> list[Path]:
    """The files to open: the text under the source's ending, or the changed files of the tree (none: the tree)."""
    if old.is_text:
        ending = Path(task.source).suffix if task.source else ".md"
        file = folder / f"{task.ref}{ending or '.txt'}"
        file.write_bytes(old.changes[0].data or b"")
        return [file]
    tree = folder / "tree"
    tree.mkdir()
    store = Store.open(desk.store)
    check_out(store, store.tree_of(old), tree)
    return [tree / change.path for change in old.changes if change.data is not None] or [tree]


def _collect(desk: Desk, old: Content, folder: Path, files: list[Path]) -> Content:
    if old.is_text:
        return _text_content(_read(files[0]), old, str(files[0]))
    return _from_folder(desk, old, folder / "tree")


def _from_folder(desk: Desk, old: Content, path: Path | None) -> Content:
    if path is None or not path.is_dir():
        raise UsageError(f"{path or 'standard input'} is no folder: a change to a tree is taken from one", "--from DIR")
    assert old.base is not None  # noqa: S101
    return collect_folder(Store.open(desk.store), path, old.base).content


def _text_content(data: bytes, old: Content, name: str) -> Content:
    """A final newline that an editor adds, where the text had none, is the editor's and not the human's."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no UTF-8 (byte {error.start})", "save it as UTF-8") from error
    if text.endswith("\n") and not old.text.endswith("\n"):
        text = text.removesuffix("\n").removesuffix("\r")
    return Content.of_text(text)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
