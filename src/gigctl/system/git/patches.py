"""A patch series that `git am` accepts, tried before anybody calls it delivered.

A mail's lines end as the transport likes, so that a file with CRLF would not apply: such a patch travels as
quoted-printable, which is what mail has for that.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from gigctl.system.git.person import Person
from gigctl.system.git.process import GitError
from gigctl.system.git.store import Store, checked_id

__all__ = ["Patch", "PatchError", "Step", "commit_steps", "make_patches", "verify_patches"]

_FRAGILE = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|^From |^>From |.{900}|[ \t]\n\Z", re.MULTILINE)
"""What mail may change: control characters, a line that begins another mail, lines near 998 bytes (RFC 5322)."""


class PatchError(GitError):
    """A series that does not give what it should: it must not be delivered."""


class Step(Struct, frozen=True):
    """One commit of a series: the tree it leads to, why, and whose it is (`seconds` since the epoch)."""

    tree: str
    message: str
    author: Person
    seconds: int
    offset: str = "+0000"
    trailers: tuple[str, ...] = ()


class Patch(Struct, frozen=True):
    """One file of a series: `name` is a plain file name that sorts in the order of the series."""

    name: str
    data: bytes


def commit_steps(store: Store, base: str, steps: Iterable[Step], committer: Person | None = None) -> list[str]:
    """A commit a step on the commit `base`, in order; a step that changes nothing makes none."""
    commits: list[str] = []
    parent, tree = base, _tree(store, base)
    for step in steps:
        if step.tree == tree:
            continue
        parent = store.commit_of(
            step.tree, [parent], step.message, step.author,
            committer=committer, seconds=step.seconds, offset=step.offset, trailers=step.trailers,
        )  # fmt: skip
        tree = step.tree
        commits.append(parent)
    return commits


def make_patches(store: Store, base: str, steps: Sequence[Step]) -> list[Patch]:
    """A patch a step, on the commit `base`; none where nothing changes."""
    commits = commit_steps(store, base, steps)
    if not commits:
        return []
    with store.scratch() as folder:
        plain = ("--no-signature", "--no-thread", "--no-attach", "--no-notes", "--encode-email-headers", "--quiet")
        exact = ("--binary", "--full-index", "--find-renames", "--no-textconv", "--no-ext-diff")
        span = f"{checked_id(base)}..{commits[-1]}"
        store.run("format-patch", *plain, *exact, f"--output-directory={folder}", "--end-of-options", span, timeout=600)
        return [Patch(file.name, _mail(file.read_bytes())) for file in sorted(folder.iterdir())]


def _mail(patch: bytes) -> bytes:
    """The mail with a body that no transport changes."""
    head, body = patch.split(b"\n\n", 1)
    if not _FRAGILE.search(body):
        return patch
    lines = [line for line in head.split(b"\n") if not line.lower().startswith((b"mime-version:", b"content-t"))]
    lines += [
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=UTF-8",
        b"Content-Transfer-Encoding: quoted-printable",
    ]
    return b"\n".join(lines) + b"\n\n" + _quoted(body)


def _quoted(body: bytes) -> bytes:
    """Quoted-printable in which only line feeds end lines; `From ` at a line's head is quoted too."""
    lines = [quopri.encodestring(line).replace(b"\r", b"=0D") for line in body.split(b"\n")]
    return b"\n".join(re.sub(rb"^(>?)From ", rb"\1=46rom ", line, flags=re.MULTILINE) for line in lines)


def verify_patches(store: Store, base: str, patches: Sequence[Patch], tree: str) -> None:
    """Apply the series with `git am` in a scratch clone of `base`, with the client's attributes in force.

    Raises PatchError where it does not apply, or gives another tree than `tree`.
    """
    with store.scratch() as folder:
        clone, mails = folder / "clone", folder / "mails"
        mails.mkdir()
        for patch in patches:
            (mails / patch.name).write_bytes(patch.data)
        own = _scratch_clone(store, clone, base)
        files = [str(mails / patch.name) for patch in patches]
        someone = Person("gigctl", "").variables("COMMITTER", "@0 +0000")
        try:
            store.git.run(*own, "am", "--quiet", "--no-gpg-sign", "--", *files, cwd=clone, env=someone, timeout=600)
        except GitError as error:
            raise PatchError(f"git am refuses the series: {error.reason}", reason=error.reason) from error
        made = store.git.run(*own, "rev-parse", "--verify", "HEAD^{tree}").text.strip()
        if made != tree:
            raise PatchError(f"git am makes the tree {made} of the series, not {tree}")


def _scratch_clone(store: Store, clone: Path, base: str) -> tuple[str, ...]:
    store.git.run("init", "--quiet", "--template=", "--", str(clone))
    own = (f"--git-dir={clone / '.git'}", f"--work-tree={clone}")
    (clone / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (clone / ".git" / "objects" / "info" / "alternates").write_text(f"{store.path / 'objects'}\n")
    if (store.path / "shallow").exists():
        (clone / ".git" / "shallow").write_bytes((store.path / "shallow").read_bytes())
    store.git.run(*own, "reset", "--quiet", "--hard", checked_id(base), cwd=clone, timeout=600)
    return own


def _tree(store: Store, commit: str) -> str:
    return store.run("rev-parse", "--verify", "--end-of-options", f"{checked_id(commit)}^{{tree}}").text.strip()
