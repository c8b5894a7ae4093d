"""What `check --tree` judges: a work tree, or what changed in it since a base, and the rules by which it does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.judge_names import inside
from gigctl.checks.judge_settings import protected_by
from gigctl.checks.judges import named_by
from gigctl.checks.protect import put_back
from gigctl.checks.settings import load_files
from gigctl.errors import ConfigError
from gigctl.flow.repofile import NAME, RepoFile, read_repo_file
from gigctl.flow.signoff_file import FOLDER as SIGNOFFS
from gigctl.model import EXECUTABLE, REGULAR, Change, CheckSpec, Content
from gigctl.system.git.store import Entry, Store
from gigctl.system.git.worktree import Checkout, collect_worktree, find_merge_base, find_revision

__all__ = ["Base", "Case", "Rules", "at_folder", "changes_of", "find_case", "read_file", "relative_to"]

_MOST_NAMES = 5


class Rules(Struct, frozen=True):
    """A `gigctl.toml` and where in the tree it lies: its commands run there, its patterns start from there."""

    file: RepoFile
    folder: str = ""  # "" or "a/b/"
    data: bytes = b""

    @property
    def path(self) -> str:
        return f"{self.folder}{NAME}"

    @property
    def commands(self) -> tuple[CheckSpec, ...]:
        return tuple(spec for spec in self.file.checks if spec.check == "command")


class Base(Struct, frozen=True):
    """What a change is compared with: `rev` as the user named it, its commit and tree, and the tree on which the two
    parted."""

    rev: str
    commit: str
    tree: str
    parted: str


class Case(Struct, frozen=True):
    """`tree` is judged, after protected files were put back; `found` is the work tree as it was. `said` tells of that,
    a sentence each."""

    checkout: Checkout
    rules: Rules | None
    tree: str
    found: str
    base: Base | None = None
    said: tuple[str, ...] = ()


def find_case(store: Store, checkout: Checkout, rev: str = "", reports: Sequence[Path] = ()) -> Case:
    """`reports` are files that are written afterwards: those of an earlier run are no part of what is judged.

    Raises ConfigError for rules that can't be read, OutOfReach for a base that is not there.
    """
    base = _find_base(store, checkout, rev) if rev else None
    tree, left_out = collect_worktree(store, checkout)
    tree = _without(store, checkout, tree, reports)
    said = [f"{one.path} is not judged: it {one.why}" for one in left_out]
    own = _Lookup(store, tree, checkout.prefix)
    if base is None:
        return Case(checkout, own.find(), tree, tree, said=tuple(said))
    rules = _Lookup(store, base.tree, checkout.prefix, f" of {rev}").find()
    protect = _patterns(store, base.tree, rules)
    if rules is None:
        rules = own.find()
        protect = _patterns(store, base.tree, rules)[:-1]  # all but the rules themselves
        said.append(f"{rev} has no {NAME}: judged by the rules of the work tree itself")
    elif own.read(rules.path) != rules.data:
        said.append(f"{rules.path} is another than that of {rev}, whose rules count")
    back = put_back(store, tree, base.tree, protect)
    said += _tell(back.restored, rev, "put back as {rev} has {it}")
    said += _tell(back.left_out, rev, "left out, since {rev} has {no_such}")
    if back.restored or back.left_out:
        said.append("an honest change of tests is judged by itself, without --base")
    return Case(checkout, rules, back.tree, tree, base, tuple(said))


def _without(store: Store, checkout: Checkout, tree: str, reports: Sequence[Path]) -> str:
    """The tree without such files, but for those that are committed."""
    paths = [path for report in reports if (path := relative_to(checkout, report)) is not None]
    known = () if checkout.head is None else store.read_files(store.get_commit(checkout.head).tree, paths)
    gone = [path for path in paths if path not in {file.path for file in known}]
    there = [file.path for file in store.read_files(tree, gone)]
    return store.tree_of(Content(tuple(Change(path, REGULAR, None) for path in there), tree)) if there else tree


def _find_base(store: Store, checkout: Checkout, rev: str) -> Base:
    commit = find_revision(store, checkout, rev)
    parted = find_merge_base(store, checkout, commit, rev)
    return Base(rev, commit, store.get_commit(commit).tree, store.get_commit(parted).tree)


def _tell(paths: Sequence[str], rev: str, how: str) -> list[str]:
    if not paths:
        return []
    more = f" and {len(paths) - _MOST_NAMES} more" if len(paths) > _MOST_NAMES else ""
    one = len(paths) == 1
    told = how.format(rev=rev, it="it" if one else "them", no_such="no such file" if one else "no such files")
    return [f"{', '.join(paths[:_MOST_NAMES])}{more}, protected: {told}"]


def _patterns(store: Store, base: str, rules: Rules | None) -> tuple[str, ...]:
    """What is protected, by patterns from the root of the tree, the rules too. Those that a file names start from its
    folder; without any it is what the base's own settings and commands name."""
    own = f"/{rules.path if rules else NAME}"
    if rules is not None and rules.file.protect is not None:
        return (*(_below(rules.folder, pattern) for pattern in rules.file.protect), own)
    folder = rules.folder if rules else ""
    files = load_files(store, base, folder)
    commands = [at_folder(spec, folder).options["run"] for spec in rules.commands] if rules else []
    named = [pattern for argv in commands for pattern in named_by(argv, files)]
    in_folder = [_below(folder, pattern) for pattern in protected_by(inside(files, folder))] if folder else []
    return (*dict.fromkeys((*protected_by(files), *in_folder, *named)), own)


def at_folder(spec: CheckSpec, folder: str) -> CheckSpec:
    """A command of a folder's file runs in that folder, with the whole tree around it."""
    if spec.check == "style" and folder:
        return replace(spec, options={**spec.options, "folder": f"{folder}{spec.options.get('folder', '')}"})
    if spec.check != "command" or not folder:
        return spec
    return replace(spec, options={**spec.options, "run": ["env", "-C", folder.rstrip("/"), *spec.options["run"]]})


def _below(folder: str, pattern: str) -> str:
    if not folder:
        return pattern
    anchored = "/" in pattern.strip("/")
    return f"/{folder}{'' if anchored else '**/'}{pattern.removeprefix('./').lstrip('/')}"


def changes_of(store: Store, case: Case) -> tuple[Change, ...]:
    """What there is to judge: every file, or what was changed since the base: as it is, for what is only read can't
    judge itself. A text that must not be anywhere stands in the rules that say so, which are left out."""
    own = case.rules.path if case.rules is not None else NAME

    def is_judged(path: str) -> bool:
        return path != own and not path.startswith(SIGNOFFS)

    if case.base is None:
        return tuple(store.read_entries([entry for entry in store.list_tree(case.tree) if is_judged(entry.path)]))
    return tuple(c for c in store.list_changes(case.base.parted, case.found) if is_judged(c.path))


# --- the rules ---


class _Lookup:
    """Looks for `gigctl.toml` in a tree, at or above the folder that was pointed at."""

    def __init__(self, store: Store, tree: str, prefix: str, whose: str = "") -> None:
        self._store = store
        self._prefix = prefix
        self._whose = whose
        entries = store.list_tree(tree)
        self._entries = {e.path: e for e in entries if e.path == NAME or e.path.endswith(f"/{NAME}")}

    def find(self) -> Rules | None:
        """The nearest one."""
        for folder in _upwards(self._prefix):
            if (entry := self._entries.get(f"{folder}{NAME}")) is not None:
                return self._load(entry, folder)
        return None

    def read(self, path: str) -> bytes | None:
        entry = self._entries.get(path)
        if entry is None or entry.mode not in (REGULAR, EXECUTABLE):
            return None
        return next(self._store.read_entries([entry])).data

    def _load(self, entry: Entry, folder: str) -> Rules:
        data = self.read(entry.path)
        if data is None:
            raise ConfigError(
                f"{entry.path}{self._whose} is a link: the rules must be in the repository itself",
                "put the file in the link's place",
            )
        return Rules(read_repo_file(data, f"{entry.path}{self._whose}"), folder, data)


def _upwards(prefix: str) -> list[str]:
    """`a/b/` → `a/b/`, `a/`, and the top."""
    names = prefix.rstrip("/").split("/") if prefix else []
    return ["".join(f"{name}/" for name in names[:n]) for n in range(len(names), -1, -1)]


def read_file(store: Store, tree: str, path: str) -> bytes | None:
    """A file's bytes as a tree has it; None where it has none of that name."""
    found = store.read_files(tree, [path])
    return found[0].data if found and found[0].mode in (REGULAR, EXECUTABLE) else None


def relative_to(checkout: Checkout, file: Path) -> str | None:
    """A file's path in the checkout; None for one that lies elsewhere."""
    for place in (file.resolve(), file.parent.resolve() / file.name):
        if place.is_relative_to(checkout.top):
            return str(place.relative_to(checkout.top))
    return None
