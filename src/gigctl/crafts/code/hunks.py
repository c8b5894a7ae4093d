"""Applies the hunks of a diff to a file's bytes: where they say, else where their lines are found, and only once.

All are found in the file as it was, so that no hunk depends on another. Lines that agree but for their ends (a CRLF
file answered in LF) are the file's own; what is added among them gets the file's ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.code.diffs import FileDiff, Hunk
from gigctl.crafts.code.nearest import describe_nearest
from gigctl.crafts.code.paths import check_path
from gigctl.model import EXECUTABLE, REGULAR, Change

__all__ = ["apply_diffs"]

_BOM = "\ufeff"


class _Place(Struct, frozen=True):
    """Where a hunk's old lines are: lines `start` to `stop` (from 0), exactly or but for blanks and ends."""

    start: int
    stop: int
    exact: bool


def apply_diffs(diffs: Sequence[FileDiff], tree: Mapping[str, Change]) -> dict[str, Change]:
    """The changed files by path. Raises MalformedAnswer where any of it does not apply."""
    joined = _joined(diffs)
    gone = {diff.old for diff in joined if diff.old is not None and diff.old != diff.new and not diff.copied}
    left = {path: there for path, there in tree.items() if path not in gone}
    changes = {path: Change(path, _from(path, tree).mode, None) for path in sorted(gone)}
    for diff in joined:
        if diff.old is not None:
            check_path(diff.old, tree)
        if diff.new is None:
            _check_emptied(diff, tree)
            continue
        check_path(diff.new, left)
        changes[diff.new] = _changed(diff, diff.new, tree, left)
    return changes


def _joined(diffs: Sequence[FileDiff]) -> list[FileDiff]:
    """One diff a file: some write the head again before each hunk."""
    by_path: dict[str, FileDiff] = {}
    for diff in diffs:
        there = by_path.get(diff.path)
        if there is None:
            by_path[diff.path] = diff
        elif (there.old, there.new, diff.mode) == (diff.old, diff.new, None) and there.old == there.new:
            more = tuple(hunk for hunk in diff.hunks if hunk not in there.hunks)
            by_path[diff.path] = FileDiff(there.old, there.new, there.mode, there.hunks + more)
        else:
            raise MalformedAnswer(f"{diff.path} comes twice in the diff. Give each file once, with all its hunks.")
    return list(by_path.values())


def _from(path: str, tree: Mapping[str, Change]) -> Change:
    check_path(path, tree)
    there = tree.get(path)
    if there is None:
        raise MalformedAnswer(f"The diff changes {path}, which is not in the repository. Name a file that is there.")
    return there


def _data(path: str, tree: Mapping[str, Change]) -> bytes:
    there = _from(path, tree)
    if there.data is None:
        raise MalformedAnswer(f"{path} is too large, or no text, and was not shown: it can't be changed so.")
    return there.data


def _changed(diff: FileDiff, path: str, tree: Mapping[str, Change], left: Mapping[str, Change]) -> Change:
    if diff.old is None and path in left and (left[path].data is None or (left[path].data or b"").strip()):
        raise MalformedAnswer(f"The diff makes {path} anew, but it exists. Give a diff against what it holds.")
    if diff.old not in (None, path) and path in left:
        raise MalformedAnswer(f"The diff renames {diff.old} to {path}, which exists.")
    mode = diff.mode or (_from(diff.old, tree).mode if diff.old is not None else REGULAR)
    mode = REGULAR if mode == "100664" else mode
    if mode not in (REGULAR, EXECUTABLE):
        raise MalformedAnswer(f"{path} would be a link or a submodule: only files can be added or changed.")
    if diff.old is None:
        return Change(path, mode, _created(diff))
    try:
        data = _patched(diff.old, diff.hunks, _data(diff.old, tree)) if diff.hunks else _data(diff.old, tree)
    except UnicodeEncodeError as error:
        raise MalformedAnswer(f"{path} would hold characters that can't be written as UTF-8.") from error
    return Change(path, mode, data)


def _created(diff: FileDiff) -> bytes:
    lines = [line for hunk in diff.hunks for line in hunk.lines]
    if any(sign != "+" for sign, _ in lines):
        raise MalformedAnswer(f"{diff.path} is new, so that every line of its diff begins with +.")
    return "".join(text for _, text in lines).encode()


def _check_emptied(diff: FileDiff, tree: Mapping[str, Change]) -> None:
    """A file that is deleted with its lines given must have just these."""
    there = _from(diff.old or "", tree)
    if diff.hunks and there.data is not None and _patched(there.path, diff.hunks, there.data).strip():
        raise MalformedAnswer(f"The diff deletes {there.path}, but not all of its lines. Give them all, or none.")


# --- hunks ---


def _split_lines(data: bytes) -> list[str]:
    """With their ends; only a line feed ends a line."""
    text = data.decode("utf-8", "surrogateescape")
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    return lines if lines[-1] else lines[:-1]


def _patched(path: str, hunks: Sequence[Hunk], before: bytes) -> bytes:
    lines = _split_lines(before)
    found: list[tuple[_Place, Hunk]] = []
    for number, hunk in enumerate(hunks, 1):
        after = found[-1][0].stop if found else 0
        found.append((_place(path, number, hunk, lines, after), hunk))
    found.sort(key=lambda pair: (pair[0].start, pair[0].stop))
    for (one, _), (two, _) in pairwise(found):
        if two.start < one.stop:
            raise MalformedAnswer(f"Two hunks of the diff overlap in {path}, at line {two.start + 1}. Join them.")
    out = list(lines)
    for place, hunk in reversed(found):
        out[place.start : place.stop] = _new_lines(place, hunk, lines)
    return "".join(_ended(out, lines, all(place.exact for place, _ in found))).encode("utf-8", "surrogateescape")


def _new_lines(place: _Place, hunk: Hunk, lines: Sequence[str]) -> list[str]:
    new, at = [], place.start
    for sign, text in hunk.lines:
        if sign == "+":
            new.append(text if place.exact else text.rstrip("\r\n") + _end_near(lines, at, place))
        else:
            if sign == " ":
                new.append(lines[at])
            at += 1
    if not place.exact and place.start == 0 and new and lines[0].startswith(_BOM):
        new[0] = _BOM + new[0].removeprefix(_BOM)
    return new


def _end_near(lines: Sequence[str], at: int, place: _Place) -> str:
    """The end of the line that an added one stands at, else that of most lines."""
    here = lines[min(at, place.stop - 1)] if place.stop > place.start else ""
    for line in (here, *lines[:1]):
        if line.endswith("\n"):
            return "\r\n" if line.endswith("\r\n") else "\n"
    return "\n"


def _ended(out: list[str], before: Sequence[str], exact: bool) -> list[str]:
    """Each line but the last with an end; the last as the file's was, unless the diff was exact about it."""
    if not out:
        return out
    usual = "\r\n" if sum(line.endswith("\r\n") for line in before) * 2 > len(before) else "\n"
    ended = [line if line.endswith("\n") else line + usual for line in out[:-1]]
    last = out[-1]
    if not exact and before:
        bare = not before[-1].endswith("\n")
        last = _without_end(last) if bare else last if last.endswith("\n") else last + usual
    return [*ended, last]


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r") if line.endswith("\n") else line


def _place(path: str, number: int, hunk: Hunk, lines: Sequence[str], after: int) -> _Place:
    old = hunk.old
    said = None if hunk.start is None else max(hunk.start - (1 if old else 0), 0)
    if not old:
        return _place_of_nothing(path, number, said, lines)
    for look in _LOOKS:
        wanted, there = [look(text) for text in old], [look(line) for line in lines]
        found = [at for at, line in enumerate(there) if line == wanted[0] and there[at : at + len(old)] == wanted]
        at = _chosen(path, number, found, said, after)
        if at is not None:
            return _Place(at, at + len(old), exact=look is _LOOKS[0])
    raise MalformedAnswer(
        f"Hunk {number} of {path} does not apply: its unchanged and - lines are not in the file. Quote the file's "
        "lines exactly, blanks included." + describe_nearest([text.rstrip("\r\n") for text in old], lines)
    )


_LOOKS: tuple[Callable[[str], str], ...] = (str, lambda line: line.lstrip(_BOM).rstrip("\r\n"), str.rstrip)
"""How lines are compared, one after another: exactly; but for line ends; but for blanks at the end."""


def _chosen(path: str, number: int, found: Sequence[int], said: int | None, after: int) -> int | None:
    """Of several places the one that the hunk names, else the only one past the hunk before it."""
    if len(found) <= 1 or said in found:
        return said if said in found else next(iter(found), None)
    past = [at for at in found if at >= after]
    if len(past) == 1:
        return past[0]
    where = ", ".join(str(at + 1) for at in found[:4])
    raise MalformedAnswer(
        f"Hunk {number} of {path} fits {len(found)} places (lines {where}). Give more unchanged lines around the one "
        "that is meant."
    )


def _place_of_nothing(path: str, number: int, said: int | None, lines: Sequence[str]) -> _Place:
    """A hunk that only adds, with no line around it, stands where its head says (after that line)."""
    if not lines:
        return _Place(0, 0, exact=True)
    if said is None or said > len(lines):
        raise MalformedAnswer(f"Hunk {number} of {path} does not say where. Give unchanged lines around what is added.")
    return _Place(said, said, exact=not any(line.endswith("\r\n") for line in lines))
