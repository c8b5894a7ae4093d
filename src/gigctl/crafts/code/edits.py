"""Applies an answer's edits to a tree, all of them or none, and keeps what the client's files are like.

A file's line ends, its mark of byte order and its final newline (or the lack of it) stay its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.code.answers import Block, Edit, WholeFile
from gigctl.crafts.code.diffs import FileDiff
from gigctl.crafts.code.hunks import apply_diffs
from gigctl.crafts.code.nearest import describe_nearest
from gigctl.crafts.code.paths import check_path
from gigctl.model import REGULAR, Change

__all__ = ["apply_edits", "find_differences"]

_BOM = "\ufeff"
_MATCHER_LINES = 2_000
"""difflib takes 1.5 s for 4,000 lines; longer files are compared no further than they need."""
_ELISION = re.compile(
    r"\[lines \d+ to \d+ are not shown\]"
    r"|\s*(?:#|//|--|/\*|<!--|\*|;|%)?\W*(?:the\s)?(?:rest|remainder)\sof\b.*"
    r"|\s*(?:#|//|--|/\*|<!--|;|%)(?=.*(?:\.{3}|…)).*"
    r"\b(?:rest|remainder|remaining|existing|previous|other|unchanged|same|omitted)\b.*",
    re.IGNORECASE,
)
"""A comment in a line's place, such as `# ... rest of the code unchanged`, where a model was too lazy to write on."""
_MANY_LINES, _KEPT = 60, 0.6
"""A file that was shown in part, or was too long for its writer, comes back much shorter."""


class _Text(Struct, frozen=True):
    """A file as lines without their ends, with each line's own end; the last one's is empty where the file has none."""

    lines: tuple[str, ...]
    ends: tuple[str, ...]
    bom: bool

    @classmethod
    def of(cls, data: bytes) -> _Text:
        text = data.decode("utf-8", "surrogateescape")
        bom = text.startswith(_BOM)
        pieces = re.findall(r"([^\n]*?)(\r?\n|\Z)", text.removeprefix(_BOM))
        pieces = [piece for piece in pieces if piece != ("", "")]
        return cls(tuple(line for line, _ in pieces), tuple(end for _, end in pieces), bom)

    @property
    def newline(self) -> str:
        """The file's usual line end."""
        return "\r\n" if 2 * self.ends.count("\r\n") > len(self.ends) - self.ends.count("") else "\n"

    def data(self) -> bytes:
        text = "".join(line + end for line, end in zip(self.lines, self.ends, strict=True))
        return ((_BOM if self.bom else "") + text).encode("utf-8", "surrogateescape")


def apply_edits(edits: Iterable[Edit], tree: Mapping[str, Change]) -> tuple[Change, ...]:
    """The changed files, sorted by path. Raises MalformedAnswer where one edit does not apply, or nothing changes.

    `tree` is the base by path; a file whose data is None is there, but not for an answer to change.
    """
    diffs: list[FileDiff] = []
    by_path: dict[str, list[WholeFile | Block]] = {}
    for edit in edits:
        if isinstance(edit, FileDiff):
            diffs.append(edit)
        else:
            by_path.setdefault(edit.path, []).append(edit)
    made = apply_diffs(diffs, tree)
    if twice := next((path for path in by_path if path in made), None):
        raise MalformedAnswer(f"{twice} comes twice, once in a diff. Give each file once.")
    made |= {path: change for path in by_path if (change := _change(path, by_path[path], tree))}
    changes = [made[path] for path in sorted(made) if made[path] != tree.get(path)]
    if not changes:
        raise MalformedAnswer("The answer changes nothing: its files are as they were. Make the change.")
    return tuple(changes)


def _change(path: str, edits: list[WholeFile | Block], tree: Mapping[str, Change]) -> Change | None:
    check_path(path, tree)
    there = tree.get(path)
    if there is not None and there.data is None:
        raise MalformedAnswer(f"{path} is too large, or no text, and was not shown: it can't be changed so.")
    before = there.data if there is not None else None
    try:
        after = _new_data(path, edits, before)
    except UnicodeEncodeError as error:
        raise MalformedAnswer(f"{path} would hold characters that can't be written as UTF-8.") from error
    return None if after == before else Change(path, there.mode if there else REGULAR, after)


def _new_data(path: str, edits: list[WholeFile | Block], before: bytes | None) -> bytes:
    blocks = [edit for edit in edits if isinstance(edit, Block)]
    wholes = list(dict.fromkeys(edit for edit in edits if isinstance(edit, WholeFile)))
    if len(wholes) > 1 or (wholes and blocks):
        raise MalformedAnswer(f"{path} comes twice with different content. Give each file once, whole or in blocks.")
    if wholes:
        return _whole(wholes[0], before)
    if before is None or not before.strip():
        return _created(path, blocks, before)
    return _replaced(path, blocks, _Text.of(before)).data()


# --- whole files ---


def _whole(edit: WholeFile, before: bytes | None) -> bytes:
    old = _Text.of(before or b"")
    lines = list(edit.lines)
    if edit.titled and old.lines[:1] != tuple(lines[:1]):
        del lines[0]
    if before is None or not old.lines:
        return _Text(tuple(lines), ("\n",) * len(lines), old.bom).data()
    _refuse_elision(edit.path, lines, old.lines)
    if edit.guessed and next(filter(str.strip, old.lines), "") not in lines:
        raise MalformedAnswer(f"A fence without a path holds a part of {edit.path}. Give its path and all its lines.")
    if not any(line.strip() for line in lines):
        raise MalformedAnswer(f"{edit.path} would be empty. Give the whole file.")
    while lines and not lines[-1].strip() and old.lines[-1].strip():
        lines.pop()
    return _with_ends(lines, old).data()


def _refuse_elision(path: str, lines: Sequence[str], old: Sequence[str]) -> None:
    had = set(old)
    if len(old) >= _MANY_LINES and len(lines) < _KEPT * len(old):
        raise MalformedAnswer(
            f"{path} would lose {len(old) - len(lines)} of its {len(old)} lines. Give every line of the file; where so "
            "much is to go, say so by blocks."
        )
    for line in lines:
        if line not in had and _ELISION.fullmatch(line):
            raise MalformedAnswer(f"{path} leaves lines out ({line.strip()[:60]!r}). Give every line of the file.")


def _with_ends(lines: list[str], old: _Text) -> _Text:
    """New lines under the old file's ends; where those are mixed, each line that stayed keeps its own."""
    ends = [old.newline] * len(lines)
    if len(set(old.ends) - {""}) > 1 and len(old.lines) <= _MATCHER_LINES:
        matcher = difflib.SequenceMatcher(None, old.lines, lines, autojunk=False)
        for a, b, size in matcher.get_matching_blocks():
            ends[b : b + size] = [end or old.newline for end in old.ends[a : a + size]]
    if old.ends[-1] == "":
        ends[-1] = ""
    return _Text(tuple(lines), tuple(ends), old.bom)


# --- blocks ---


def _created(path: str, blocks: list[Block], before: bytes | None) -> bytes:
    """A new file by a block that searches for nothing."""
    if len(blocks) > 1 or any(line.strip() for line in blocks[0].search):
        what = "does not exist" if before is None else "is empty"
        raise MalformedAnswer(f"Block {blocks[-1].number}: {path} {what}, so there is nothing to search in it.")
    lines = blocks[0].replace
    return _Text(lines, ("\n",) * len(lines), bom=False).data()


def _replaced(path: str, blocks: list[Block], old: _Text) -> _Text:
    spans: dict[tuple[int, int], Block] = {}
    for block in blocks:
        span = _span(path, block, old.lines)
        twin = spans.setdefault(span, block)
        if twin.replace != block.replace:
            raise MalformedAnswer(f"Blocks {twin.number} and {block.number} change the same lines of {path}.")
    ordered = sorted(spans)
    for one, two in pairwise(ordered):
        if two[0] < one[1]:
            numbers = f"{spans[one].number} and {spans[two].number}"
            raise MalformedAnswer(f"Blocks {numbers} overlap in {path}. Join them into one.")
    lines, ends = list(old.lines), list(old.ends)
    for start, stop in reversed(ordered):
        new = spans[start, stop].replace
        newline = next((end for end in old.ends[start:stop] if end), old.newline)
        lines[start:stop] = new
        ends[start:stop] = [newline] * len(new)
    return _Text(tuple(lines), _final_end(tuple(ends), old), old.bom)


def _final_end(ends: tuple[str, ...], old: _Text) -> tuple[str, ...]:
    """The last line ends as the file did, and no line before it without an end."""
    if not ends:
        return ends
    return (*(end or old.newline for end in ends[:-1]), "" if old.ends[-1] == "" else ends[-1] or old.newline)


def _span(path: str, block: Block, lines: Sequence[str]) -> tuple[int, int]:
    """Where a block's search stands: exactly, else but for blanks at the ends of lines, and only once."""
    if not any(line.strip() for line in block.search):
        raise MalformedAnswer(f"Block {block.number} searches for nothing, but {path} exists. Quote lines of it.")
    for plain in (str, str.rstrip):
        found = _matches([plain(line) for line in block.search], [plain(line) for line in lines])
        if len(found) > 1:
            where = ", ".join(str(start + 1) for start in found[:4])
            raise MalformedAnswer(
                f"Block {block.number}: its search matches {len(found)} places in {path} (lines {where}). "
                "Quote more lines around the one that is meant."
            )
        if found:
            return found[0], found[0] + len(block.search)
    raise MalformedAnswer(
        f"Block {block.number}: its search is not in {path}. Quote the file's lines exactly, blanks included."
        + describe_nearest(block.search, lines)
    )


def _matches(search: list[str], lines: list[str]) -> list[int]:
    size, first = len(search), search[0]
    return [at for at, line in enumerate(lines) if line == first and lines[at : at + size] == search]


def find_differences(before: bytes, after: bytes) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """(search, replace) pairs that make one file of the other, with as little around them as finds each only once."""
    old, new = _Text.of(before).lines, _Text.of(after).lines
    pairs: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for context in (1, 3, 10, max(len(old), len(new), 1)):
        groups = difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(context)
        spans = [(group[0][1], group[-1][2], group[0][3], group[-1][4]) for group in groups]
        pairs = [(old[a1:a2], new[b1:b2]) for a1, a2, b1, b2 in spans]
        if all(any(map(str.strip, search)) and len(_matches(list(search), list(old))) == 1 for search, _ in pairs):
            break
    return tuple(pairs)
