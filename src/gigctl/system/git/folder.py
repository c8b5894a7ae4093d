"""A tree as a folder of ours, and a folder as changes to a tree: exact bytes, no attribute, no filter, no program.

A link that leads out of the tree is written as a plain file that holds its target (what git does where there are no
links), so that nothing that opens the copy can be led elsewhere; `collect_folder` knows such a file for the link it
is. What a program left in a folder is only ever read by our own code: no git looks into it, for a `.git` in there
may be the program's.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field

from gigctl.errors import UsageError
from gigctl.model import EXECUTABLE, LINK, REGULAR, SUBMODULE, Change, Content
from gigctl.system.git.paths import escaping_links, why_refused
from gigctl.system.git.process import FAR_SIDE
from gigctl.system.git.store import Entry, Store, to_bytes, to_text

__all__ = ["Collected", "LeftOut", "add_folder", "check_out", "collect_folder"]

LARGEST = 100 * 1024 * 1024
"""Bytes of a changed file that are taken."""
_IGNORE_LARGEST = 1024 * 1024


MOST_HISTORY = 1000
"""Commits that a check finds: what it asks for is the last tag, or who wrote a line, and each check copies them."""


class LeftOut(Struct, frozen=True):
    """What is in a folder and not in its content, and why, in half a sentence."""

    path: str
    why: str


class Collected(Struct, frozen=True):
    """What was found. What `.gitignore` names is left out without a word."""

    content: Content
    left_out: tuple[LeftOut, ...] = ()


# --- a tree as a folder ---


def check_out(store: Store, tree: str, folder: Path, *, history: str | None = None, every_link: bool = False) -> None:
    """Write a tree into a folder that is empty or not there yet.

    `history` is a commit: the folder gets a `.git` of its own in which that commit, with its past and tags, is the
    head of `main`, and what the tree has more shows as changes. `every_link` makes also links that lead out: only
    for a folder that nothing outside a sandbox opens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty")
    with store.index(tree) as index:
        if not every_link:
            index.stage((REGULAR, entry.id, entry.path) for entry in _leading_out(store, store.list_tree(tree)))
        env = {"GIT_INDEX_FILE": str(index.file)}
        store.run(f"--work-tree={folder}", "checkout-index", "--all", "--quiet", cwd=folder, env=env, timeout=600)
    if history is not None:
        _give_history(store, folder, history)


def _leading_out(store: Store, entries: list[Entry]) -> list[Entry]:
    links = [entry for entry in entries if entry.mode == LINK]
    targets = {change.path: to_text(change.data or b"") for change in store.read_entries(links)}
    out = escaping_links(targets)
    return [entry for entry in links if entry.path in out]


def _give_history(store: Store, folder: Path, commit: str) -> None:
    """A copy of the objects, not a link to the store: a program may do what it likes with it."""
    store.git.run("init", "--quiet", "--template=", "--", str(folder))
    own = (f"--git-dir={folder / '.git'}", f"--work-tree={folder}")
    quiet = ("--quiet", "--no-write-fetch-head", "--no-auto-maintenance", "--update-head-ok", "--update-shallow",
             f"--depth={MOST_HISTORY}")  # fmt: skip
    args = ("fetch", *quiet, f"--upload-pack={FAR_SIDE}", "--", str(store.path), f"{commit}:refs/heads/main")
    store.git.run(*own, *args, env={"GIT_ALLOW_PROTOCOL": "file"}, timeout=1800)
    store.git.run(*own, "symbolic-ref", "HEAD", "refs/heads/main")
    store.git.run(*own, "read-tree", commit, cwd=folder)


# --- a folder as changes ---


def collect_folder(store: Store, folder: Path, base: str | None, *, every_link: bool = False) -> Collected:
    """What makes the folder of the tree `base`, by git's rules for what is ignored; `every_link` where links that lead
    out were written as links.

    A nested repository, a file that is no file (a socket, a device), one past `LARGEST` and one with a name that no
    tree may have are left out, and that is said. `.git` is never looked at.
    """
    entries = store.list_tree(base) if base else []
    with store.scratch() as shadow:
        walk = _Walk(store, folder, shadow, {entry.path: entry for entry in entries})
        if not every_link:
            walk.texts = frozenset(entry.path for entry in _leading_out(store, entries))
        changes = list(walk.changes())
    changes += [Change(path, entry.mode, None) for path, entry in walk.base.items() if path not in walk.seen]
    changes.sort(key=lambda change: to_bytes(change.path))
    return Collected(Content(tuple(changes), base), tuple(walk.left_out))


def add_folder(store: Store, place: Path) -> tuple[str, tuple[LeftOut, ...]]:
    """Keep a file, or a folder without git, as a tree, and tell what was left out of it."""
    if place.is_file():
        mode = EXECUTABLE if place.stat().st_mode & stat.S_IXUSR else REGULAR
        return store.add_tree([Change(place.name, mode, place.read_bytes())]), ()
    if not place.is_dir():
        raise UsageError(f"there is no file or folder {place}")
    found = collect_folder(store, place, None)
    return store.add_tree(found.content.changes), found.left_out


class _Walk(Struct):
    """One walk over a folder, a level of folders after another, so that git is asked once a level what is ignored.

    It is asked in `shadow`, which gets the folder's `.gitignore` files and the folders' names, nothing else.
    """

    store: Store
    folder: Path
    shadow: Path
    base: Mapping[str, Entry]
    texts: frozenset[str] = frozenset()
    seen: set[str] = field(default_factory=set)
    left_out: list[LeftOut] = field(default_factory=list)
    kept_folders: frozenset[str] = frozenset()

    def changes(self) -> Iterator[Change]:
        self.kept_folders = frozenset(_parents(self.base))
        level = [""]
        while level:
            files, folders = self._list(level)
            ignored = self._ignored(files, folders)
            for path in files:
                if path not in ignored or path in self.base:
                    yield from self._change(path)
            # What the base has is never ignored, whatever folder it is in.
            level = [path for path in folders if path not in ignored or path in self.kept_folders]

    def _list(self, level: list[str]) -> tuple[list[str], list[str]]:
        """Files and folders in the folders of a level, without those that are never taken."""
        files: list[str] = []
        folders: list[str] = []
        for parent in level:
            for found in sorted(os.scandir(os.fsencode(self._place(parent))), key=lambda found: found.name):
                path = f"{parent}/{to_text(found.name)}" if parent else to_text(found.name)
                if found.name == b".git":
                    continue
                is_folder = found.is_dir(follow_symlinks=False)
                was = self.base.get(path)
                if is_folder and was is not None and was.mode == SUBMODULE:
                    self.seen.add(path)
                elif why := self._why_not(path, found, is_folder):
                    self.left_out.append(LeftOut(path, why))
                else:
                    (folders if is_folder else files).append(path)
        return files, folders

    def _why_not(self, path: str, found: os.DirEntry[bytes], is_folder: bool) -> str | None:
        if (why := why_refused(path)) is not None:
            return why
        if not is_folder:
            return None if found.is_symlink() or found.is_file(follow_symlinks=False) else "is no file"
        if path not in self.kept_folders and os.path.lexists(self._place(path) / ".git"):
            return "is a repository of its own"
        return None

    def _ignored(self, files: list[str], folders: list[str]) -> frozenset[str]:
        for path in files:
            if path.rpartition("/")[2] == ".gitignore":
                self._shadow_rules(path)
        for path in folders:
            _place(self.shadow, path).mkdir(parents=True, exist_ok=True)
        asked = [path for path in files if path not in self.base] + folders
        if not asked:
            return frozenset()
        done = self.store.run(
            *(f"--work-tree={self.shadow}", "check-ignore", "--no-index", "-z", "--stdin"),
            stdin=b"".join(b"./" + to_bytes(path) + b"\0" for path in asked),  # a name like `:!x` is no pathspec then
            cwd=self.shadow,
            limit=256 * 1024 * 1024,
            expected=(0, 1),
        )
        return frozenset(to_text(path.removeprefix(b"./")) for path in done.stdout.split(b"\0")[:-1])

    def _shadow_rules(self, path: str) -> None:
        place = self._place(path)
        if stat.S_ISREG(os.lstat(place).st_mode) and os.lstat(place).st_size <= _IGNORE_LARGEST:
            _place(self.shadow, path).write_bytes(_read(place))

    def _change(self, path: str) -> Iterator[Change]:
        """The path's change, if it is one."""
        self.seen.add(path)
        was, place = self.base.get(path), self._place(path)
        status = os.lstat(place)
        mode = _mode(status, is_text_of_link=path in self.texts)
        if was is not None and (was.mode, was.size) == (mode, status.st_size) and _blob_id(place, status) == was.id:
            return
        if status.st_size > LARGEST:
            self.left_out.append(LeftOut(path, f"has more than {LARGEST >> 20} MiB"))
            return
        data = os.fsencode(place.readlink()) if stat.S_ISLNK(status.st_mode) else _read(place)
        yield Change(path, mode, data)

    def _place(self, path: str) -> Path:
        return _place(self.folder, path)


def _place(folder: Path, path: str) -> Path:
    """Where a path of ours is on this machine, whatever encoding its names are read in."""
    return folder / os.fsdecode(to_bytes(path))


def _parents(paths: Mapping[str, Entry]) -> Iterator[str]:
    for path in paths:
        while "/" in path:
            path = path.rpartition("/")[0]  # noqa: PLW2901
            yield path


def _mode(status: os.stat_result, *, is_text_of_link: bool) -> str:
    if stat.S_ISLNK(status.st_mode):
        return LINK
    if status.st_mode & stat.S_IXUSR:
        return EXECUTABLE
    return LINK if is_text_of_link else REGULAR


def _read(place: Path) -> bytes:
    """A file's bytes, never through a link that has just taken its place."""
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(LARGEST + 1)


def _blob_id(place: Path, status: os.stat_result) -> str:
    """The id that git gives these bytes: SHA-1 of a head and of them."""
    digest = hashlib.sha1(f"blob {status.st_size}\0".encode(), usedforsecurity=False)
    if stat.S_ISLNK(status.st_mode):
        digest.update(os.fsencode(place.readlink()))
        return digest.hexdigest()
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
