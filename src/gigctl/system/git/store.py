"""A bare repository of ours: the bases that gigs start from, and the trees and commits made on them.

Nothing in it is ever collected as garbage, and what a client's `.gitattributes` says has no effect in it.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from gigctl.errors import UsageError
from gigctl.model import REGULAR, SUBMODULE, Change, Content
from gigctl.system.git.message import mailable
from gigctl.system.git.paths import why_refused
from gigctl.system.git.person import Person
from gigctl.system.git.process import CONFIG, Git, GitError
from gigctl.system.proc import Finished

__all__ = ["Commit", "Entry", "Store"]

_ATTRIBUTES = """\
# Beats every .gitattributes: bytes are kept as they are, and nothing is hidden from a diff.
* -text !eol !crlf -ident !filter !working-tree-encoding !diff !merge !whitespace !export-subst !conflict-marker-size
"""
_BATCH = 64 * 1024 * 1024
"""Bytes of blobs that are asked for at once."""
_NO_BLOB = "0" * 40


class Entry(Struct, frozen=True):
    """A file of a tree: `size` in bytes, 0 for a submodule, whose `id` is a commit's."""

    path: str
    mode: str
    id: str
    size: int


class Commit(Struct, frozen=True):
    """What a commit says of itself. `seconds` since the epoch, as its committer wrote them."""

    id: str
    tree: str
    subject: str
    author: Person
    seconds: int


class Index(Struct, frozen=True):
    """A staging area of its own, so that many can be at work at once."""

    store: Store
    file: Path

    def run(self, *args: str, stdin: bytes = b"") -> Finished:
        return self.store.run(*args, stdin=stdin, env={"GIT_INDEX_FILE": str(self.file)})

    def stage(self, entries: Iterable[tuple[str, str, str]]) -> None:
        """Put (mode, id, path) in; the mode `0` takes a path out."""
        lines = b"".join(f"{mode} {oid}\t".encode() + to_bytes(path) + b"\0" for mode, oid, path in entries)
        self.run("update-index", "-z", "--index-info", stdin=lines)

    def write(self) -> str:
        return self.run("write-tree").text.strip()


class Store(Struct, frozen=True):
    """The repository at `path`, with a folder `gigctl` of ours in it."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> Store:
        """The store at `path`, made where there is none."""
        store = cls(path.absolute())
        if not (path / "gigctl" / "ready").exists():
            store._make()
        return store

    def _make(self) -> None:
        for folder in ("home", "tmp"):
            (self.path / "gigctl" / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.git.home / "config").write_text(CONFIG)
        self.git.run("init", "--quiet", "--bare", "--template=", "--object-format=sha1", "--", str(self.path))
        info = self.path / "info"
        info.mkdir(exist_ok=True)
        (info / "attributes").write_text(_ATTRIBUTES)
        (self.path / "gigctl" / "ready").touch()

    @property
    def git(self) -> Git:
        return Git(self.path / "gigctl" / "home")

    def run(self, *args: str, **options: object) -> Finished:
        """`Git.run` in this repository."""
        return self.git.run(f"--git-dir={self.path}", *args, **options)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.path / "gigctl" / "tmp") as folder:
            yield Path(folder)

    @contextlib.contextmanager
    def index(self, tree: str | None) -> Iterator[Index]:
        """A staging area that holds a tree."""
        with self.scratch() as folder:
            index = Index(self, folder / "index")
            index.run("read-tree", checked_id(tree) if tree else "--empty")
            yield index

    # --- reading ---

    def list_tree(self, tree: str) -> list[Entry]:
        """All files of a tree, links and submodules too, in git's order."""
        lines = self.run("ls-tree", "-r", "-z", "-l", "--full-tree", checked_id(tree), limit=16 * _BATCH).stdout
        return [_entry(line) for line in lines.split(b"\0")[:-1]]

    def read_files(
        self, tree: str, paths: Iterable[str] | None = None, *, largest: int | None = None
    ) -> tuple[Change, ...]:
        """The files of a tree with their bytes, those of `paths` alone, none with more than `largest` bytes.

        A path that the tree does not have is left out.
        """
        wanted = None if paths is None else frozenset(paths)
        entries = [entry for entry in self.list_tree(tree) if wanted is None or entry.path in wanted]
        entries = [entry for entry in entries if largest is None or entry.size <= largest]
        return tuple(self.read_entries(entries))

    def read_entries(self, entries: Iterable[Entry]) -> Iterator[Change]:
        """The entries' bytes, a bounded batch after another."""
        for batch in _batches(entries):
            blobs = [entry.id for entry in batch if entry.mode != SUBMODULE]
            room = sum(entry.size + 128 for entry in batch)
            answer = self.run("cat-file", "--batch", stdin="\n".join(blobs).encode(), limit=room + 1).stdout
            data = _blobs(answer)
            for entry in batch:
                yield Change(entry.path, entry.mode, entry.id.encode() if entry.mode == SUBMODULE else next(data))

    def list_changes(self, old: str, new: str) -> tuple[Change, ...]:
        """What makes the tree `new` of the tree `old`."""
        args = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", checked_id(old), checked_id(new))
        fields = self.run(*args, limit=16 * _BATCH).stdout.split(b"\0")[:-1]
        changed = {to_text(path): head.decode().split() for head, path in zip(fields[::2], fields[1::2], strict=True)}
        gone = [Change(path, head[0].lstrip(":"), None) for path, head in changed.items() if head[4] == "D"]
        there = [entry for entry in self.list_tree(new) if entry.path in changed]
        return tuple(sorted([*gone, *self.read_entries(there)], key=lambda change: to_bytes(change.path)))

    def get_commit(self, commit: str) -> Commit:
        """What a commit says, whatever encoding it was written in."""
        form = "--format=%H%x00%T%x00%s%x00%an%x00%ae%x00%ct"
        args = (
            "log",
            "--max-count=1",
            "--encoding=UTF-8",
            "--no-show-signature",
            "--no-mailmap",
            form,
            checked_id(commit),
        )
        oid, tree, subject, name, email, seconds = self.run(*args).text.rstrip("\n").split("\0")
        return Commit(oid, tree, subject, Person(name, email), int(seconds))

    # --- making ---

    def tree_of(self, content: Content) -> str:
        """The tree that a content is. Raises UsageError for a path that no tree may have."""
        for change in content.changes:
            if (why := why_refused(change.path)) is not None:
                raise UsageError(f"the path {change.path!r} {why}")
        with self.index(content.base) as index:
            gone = [("0", _NO_BLOB, change.path) for change in content.changes if change.data is None]
            kept = [change for change in content.changes if change.data is not None]
            index.stage(gone)
            index.stage((change.mode, oid, change.path) for change, oid in zip(kept, self._ids(kept), strict=True))
            return index.write()

    def _ids(self, changes: Iterable[Change]) -> list[str]:
        """Keep the changes' bytes; a submodule's are the id already."""
        with self.scratch() as folder:
            ids: list[str | None] = []
            names: list[str] = []
            for number, change in enumerate(changes):
                if change.mode == SUBMODULE:
                    ids.append((change.data or b"").decode("ascii", "replace").strip())
                    continue
                (folder / str(number)).write_bytes(change.data or b"")
                names.append(str(folder / str(number)))
                ids.append(None)
            made = iter(self._hash(names))
            return [oid if oid is not None else next(made) for oid in ids]

    def _hash(self, files: list[str]) -> list[str]:
        if not files:
            return []
        names = "\n".join(files).encode("utf-8", "surrogateescape")
        return self.run("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names).text.split()

    def add_tree(self, files: Iterable[Change]) -> str:
        """Keep files that came without git as a tree, so that a gig can start from them."""
        tree = self.tree_of(Content(tuple(files)))
        self.run("update-ref", f"refs/gigctl/tree/{tree}", tree)
        return tree

    def commit_of(
        self,
        tree: str,
        parents: Iterable[str],
        message: str,
        author: Person,
        *,
        committer: Person | None = None,
        seconds: int,
        offset: str = "+0000",
        trailers: Iterable[str] = (),
    ) -> str:
        """A commit, the same for the same arguments. Its message is put so that it survives `git am`."""
        when = f"@{seconds} {offset}"
        env = {**author.variables("AUTHOR", when), **(committer or author).variables("COMMITTER", when)}
        ancestors = [word for parent in parents for word in ("-p", checked_id(parent))]
        args = ("-c", "i18n.commitEncoding=UTF-8", "commit-tree", "--no-gpg-sign", *ancestors, checked_id(tree))
        return self.run(*args, stdin=mailable(message, trailers).encode(), env=env).text.strip()


def to_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def to_text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def checked_id(oid: str) -> str:
    """An object's id and nothing else: no option, no revision to be looked up."""
    if len(oid) not in (40, 64) or not set(oid) <= set("0123456789abcdef"):
        raise UsageError(f"{oid!r} is no object's id")
    return oid


def _entry(line: bytes) -> Entry:
    head, path = line.split(b"\t", 1)
    mode, _, oid, size = head.decode().split()
    if size == "BAD":
        hint = "if the repository is a partial clone, complete it: git fetch --refetch --no-filter"
        raise GitError(f"git lacks the bytes of {to_text(path)!a}", hint, reason="a file's bytes are not there")
    # A mode that only ancient or foreign tools wrote (100664) means what git takes it for.
    return Entry(to_text(path), REGULAR if mode == "100664" else mode, oid, 0 if size == "-" else int(size))


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and size + entry.size > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _blobs(answer: bytes) -> Iterator[bytes]:
    """The blobs in what `cat-file --batch` says: `ID blob SIZE`, a line feed, the bytes, a line feed."""
    place = 0
    while place < len(answer):
        end = answer.index(b"\n", place)
        head = answer[place:end].split()
        if len(head) != 3:
            raise GitError(f"the store lacks an object: {answer[place:end].decode('ascii', 'replace')}")
        size = int(head[2])
        yield answer[end + 1 : end + 1 + size]
        place = end + size + 2
