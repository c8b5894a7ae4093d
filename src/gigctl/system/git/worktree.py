"""A checkout as it stands, judged where it lies: nothing is written into it, and no git is at work in it.

Its objects are lent to a store of ours, which has a staging area, settings and attributes of its own; the files are
read by our own code. The repository's own settings are read for where its folders are, and have no say beyond that.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.errors import ConfigError, UsageError
from gigctl.model import quote_path
from gigctl.system.git.folder import LeftOut, collect_folder
from gigctl.system.git.line_ends import with_kept_ends
from gigctl.system.git.process import GitError
from gigctl.system.git.store import Store, checked_id

__all__ = ["Checkout", "OutOfReach", "collect_worktree", "find_checkout", "find_merge_base", "find_revision"]


class OutOfReach(ConfigError):
    """A revision that the checkout does not have; the hint is the command that fetches it."""


class Checkout(Struct, frozen=True):
    """`top` is the checkout's root, `prefix` the folder in it that was pointed at (`""` or `a/b/`), `head` the commit
    that is checked out: None where there is none yet, and without git."""

    top: Path
    prefix: str = ""
    head: str | None = None
    shallow: bool = False
    git: Path | None = None  # git's folder, the common one of all worktrees


def find_checkout(store: Store, place: Path) -> Checkout:
    """The checkout that a folder is in, its objects lent to the store; the folder itself where it has no git.

    Raises UsageError where there is no such folder, ConfigError for a repository that can't be read.
    """
    if not place.is_dir():
        raise UsageError(f"there is no folder {place}")
    place = place.resolve()
    root = next((folder for folder in (place, *place.parents) if os.path.lexists(folder / ".git")), None)
    if root is None:
        return Checkout(place)
    try:
        top, prefix, common, form = (_ask(store, place, question) for question in (
            "--show-toplevel", "--show-prefix", "--git-common-dir", "--show-object-format"))  # fmt: skip
    except GitError as error:
        raise ConfigError(f"{place} can't be read as a git repository: {error.reason}", _DAMAGED) from error
    if Path(top) != root:
        # `core.worktree`: its settings would have us read any folder of the machine.
        raise ConfigError(f"the settings of {root} name another work tree, {top}", f"judge that one: --tree {top}")
    if form != "sha1":
        raise ConfigError(f"{place} keeps SHA-256 objects; only SHA-1 repositories can be judged")
    git = (place / common).resolve()
    shallow = _lend(store, git)
    head = _resolve(store, place, "HEAD")
    return Checkout(root, prefix, head, shallow, git)


_DAMAGED = "git status, in that folder, tells what is wrong with it"


def _ask(store: Store, folder: Path, question: str) -> str:
    return store.git.run("rev-parse", question, cwd=folder).text.removesuffix("\n")


def _lend(store: Store, git: Path) -> bool:
    """Make the objects readable in the store, and tell whether history was cut short."""
    info = store.path / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    name = quote_path(str(git / "objects"))
    (info / "alternates").write_bytes(name.encode("utf-8", "surrogateescape") + b"\n")
    try:
        commits = [checked_id(line.strip()) for line in (git / "shallow").read_text("ascii").splitlines()]
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise ConfigError(f"{git / 'shallow'} can't be read: {error}", _DAMAGED) from error
    (store.path / "shallow").write_text("".join(f"{commit}\n" for commit in commits))
    return bool(commits)


def _resolve(store: Store, folder: Path, rev: str) -> str | None:
    args = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    done = store.git.run(*args, cwd=folder, expected=(0, 1, 128))
    return done.text.strip() if done.code == 0 else None


# --- what it is compared with ---


def find_revision(store: Store, checkout: Checkout, rev: str) -> str:
    """The commit that a word of the user's means in the checkout. Raises UsageError, OutOfReach."""
    if rev.startswith("-") or not rev.isprintable() or not rev.strip():
        raise UsageError(f"{rev!r} is no revision")
    if checkout.git is None:
        raise OutOfReach(f"{checkout.top} is no git repository: it has no revision {rev!r}", "leave --base out")
    found = _resolve(store, checkout.top, rev)
    if found is not None and _has(store, found):
        return found
    cut = " in this shallow clone" if checkout.shallow else ""
    raise OutOfReach(f"there is no revision {rev!r}{cut}", fetch_command(rev, shallow=checkout.shallow))


def find_merge_base(store: Store, checkout: Checkout, commit: str, rev: str) -> str:
    """Where what is checked out and the commit (which `rev` names) parted. Raises OutOfReach where history does not
    reach back so far."""
    if checkout.head is None:
        raise OutOfReach(f"{checkout.top} has no commit yet to compare with {rev!r}", "leave --base out")
    done = store.run("merge-base", checked_id(commit), checked_id(checkout.head), expected=(0, 1))
    if done.code == 0 and done.text.strip():
        return done.text.split()[0]
    if checkout.shallow:
        raise OutOfReach(
            f"the history of this shallow clone does not reach back to where it parted from {rev!r}",
            fetch_command(rev, shallow=True),
        )
    raise OutOfReach(f"what is checked out and {rev!r} have no common history", "name the branch that it began on")


def _has(store: Store, commit: str) -> bool:
    """With its tree: a partial or damaged clone may know a commit's name alone."""
    return store.run("cat-file", "-e", f"{checked_id(commit)}^{{tree}}", expected=(0, 1, 128)).code == 0


def fetch_command(rev: str, *, shallow: bool) -> str:
    """What brings the revision, with as much history as is needed to compare."""
    import shlex

    remote, slash, branch = rev.partition("/")
    if not slash or remote not in ("origin", "upstream"):
        remote, branch = "origin", rev
    deep = " --unshallow" if shallow else ""
    plain = branch.rstrip("~^0123456789") or branch
    if len(branch) >= 7 and set(branch) <= set("0123456789abcdef"):
        return f"git fetch{deep} {remote}"
    target = f"+refs/heads/{plain}:refs/remotes/{remote}/{plain}"
    return f"git fetch{deep} {remote} {shlex.quote(target)}" + ("" if slash else f", then --base {remote}/{plain}")


# --- what there is ---


def collect_worktree(store: Store, checkout: Checkout) -> tuple[str, tuple[LeftOut, ...]]:
    """The tree of all files as git would keep them, those that it ignores left out; and what could not be taken, and
    why."""
    base = None if checkout.head is None else _tree(store, checkout.head)
    found = collect_folder(store, checkout.top, base, every_link=True)
    content = found.content
    if checkout.git is not None:
        content = replace(content, changes=with_kept_ends(store, checkout.top, base, content.changes))
    return store.tree_of(content), found.left_out


def _tree(store: Store, commit: str) -> str:
    return store.run("rev-parse", "--verify", "--end-of-options", f"{checked_id(commit)}^{{tree}}").text.strip()
