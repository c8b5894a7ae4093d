"""Line ends that git makes when it checks files out (`eol=crlf`, `core.autocrlf`): what it would keep of such a file.

By gitattributes(5), "End-of-line conversion". Names and settings are asked of the repository, and no filter is run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from gigctl.model import EXECUTABLE, REGULAR, Change
from gigctl.system.git.process import Git, GitError
from gigctl.system.git.store import Store, to_bytes, to_text

__all__ = ["with_kept_ends"]

_UNSET, _UNSAID = "unset", "unspecified"


def with_kept_ends(store: Store, top: Path, tree: str | None, changes: Sequence[Change]) -> tuple[Change, ...]:
    """A checkout's changes to a tree with the line ends that git would keep; those that are no change then are left
    out."""
    asked = {change.path: change.data for change in changes if _has_crlf(change)}
    if not asked:
        return tuple(changes)
    was = {} if tree is None else {file.path: file for file in store.read_files(tree, list(asked))}
    converted = _converted(store.git, top, asked, {path: file.data or b"" for path, file in was.items()})
    return tuple(change for one in changes if (change := _kept(one, converted, was.get(one.path))) is not None)


def _has_crlf(change: Change) -> bool:
    return change.mode in (REGULAR, EXECUTABLE) and change.data is not None and b"\r\n" in change.data


def _kept(change: Change, converted: Collection[str], was: Change | None) -> Change | None:
    if change.path not in converted or change.data is None:
        return change
    data = change.data.replace(b"\r\n", b"\n")
    same = was is not None and (was.mode, was.data) == (change.mode, data)
    return None if same else Change(change.path, change.mode, data)


def _converted(
    git: Git, top: Path, asked: Mapping[str, bytes | None], was: Mapping[str, bytes]
) -> frozenset[str]:  # fmt: skip
    """The paths whose ends git converts. Where it only guesses that a file is text, one that it keeps with CR stays."""
    try:
        auto = _setting(git, top, "core.autocrlf") in ("true", "input")
        said = _attributes(git, top, asked)
    except GitError:
        return frozenset()
    found = set()
    for path, data in asked.items():
        text, end = said.get((path, "text"), _UNSAID), said.get((path, "eol"), _UNSAID)
        if text == _UNSAID:  # its older name
            text = {"input": "set"}.get(older := said.get((path, "crlf"), _UNSAID), older)
        guessed = text == "auto" or (text == _UNSAID and end == _UNSAID and auto)
        plain = b"\0" not in (data or b"") and b"\r\n" not in was.get(path, b"")
        if text != _UNSET and (plain if guessed else text == "set" or end in ("crlf", "lf")):
            found.add(path)
    return frozenset(found)


def _setting(git: Git, top: Path, name: str) -> str:
    done = git.run("config", "--local", "--no-includes", "--get", name, cwd=top, expected=(0, 1))
    return done.text.strip().lower()


def _attributes(git: Git, top: Path, paths: Collection[str]) -> dict[tuple[str, str], str]:
    """(path, attribute) → its value, `set`, `unset` or `unspecified`."""
    stdin = b"".join(to_bytes(path) + b"\0" for path in paths)
    done = git.run("check-attr", "-z", "--stdin", "text", "eol", "crlf", stdin=stdin, cwd=top)
    fields = [to_text(field) for field in done.stdout.split(b"\0")[:-1]]
    return {(fields[n], fields[n + 1]): fields[n + 2] for n in range(0, len(fields) - 2, 3)}
