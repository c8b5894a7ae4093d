"""What an answer says: whole files in fences, SEARCH/REPLACE blocks and diffs, in the habits that models have.

Nothing is applied here (`edits.py`); what can't be read is MalformedAnswer with a sentence a model can act on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from msgspec import Struct

from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.code.diffs import FileDiff, begins_diff, read_diffs

__all__ = ["Block", "Edit", "WholeFile", "parse_answer"]


class WholeFile(Struct, frozen=True):
    """A file's new content, lines without their ends.

    `titled`: the first line names the path in a comment. `guessed`: the answer names no path at all.
    """

    path: str
    lines: tuple[str, ...]
    titled: bool = False
    guessed: bool = False


class Block(Struct, frozen=True):
    """Lines to find in a file, and the lines to put in their place; `number` counts from 1 in the answer."""

    path: str
    search: tuple[str, ...]
    replace: tuple[str, ...]
    number: int


Edit = WholeFile | Block | FileDiff

_SEARCH = re.compile(r"<{5,9} ?(?:SEARCH|ORIGINAL|HEAD)\b[ \t:]*(?P<path>.*)")
_DIVIDER = re.compile(r"={7}")
_REPLACE = re.compile(r">{5,9}(?: ?(?:REPLACE|UPDATED|END)\b.*)?")
_FENCE = re.compile(r"(?P<indent> {0,3})(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)")
_COMMENT = re.compile(r"(?:#|//|--|;|%|/\*|<!--)\s*(?P<text>.*?)\s*(?:\*/|-->)?")
_TITLE = re.compile(r"(?:(?:file|filename|path|file path|title)\s*[:=]\s*)", re.IGNORECASE)
_PATH = re.compile(r"(?:[\w@+.\-]+/)*(?:[\w@+\-]*\.[\w.+\-]*\w|[\w@+.\-]+/[\w@+\-]+)")
_WORD = re.compile(r"[\w@+.\-/\\~:]*[\w@+\-]")
_DIFF_FILES = (".diff", ".patch")
_NO_FILE = frozenset({"bash", "sh", "shell", "zsh", "console", "terminal", "text", "txt", "output", "diff"})
"""Fences of these languages, where no path stands by them, show a command or its output."""


def parse_answer(text: str, known: Collection[str], named: Sequence[str]) -> tuple[Edit, ...]:
    """The edits in an answer, in its order.

    `known` are the tree's paths, `named` those that were shown whole: a fence without a path is the one named file
    where there is no other fence. Raises MalformedAnswer; an answer without any edit is one.
    """
    found = _Reader(_lines(text), frozenset(known), tuple(named)).read()
    if not found:
        raise MalformedAnswer("The answer holds no file. Write each file's path on a line and the file in a fence.")
    return found


def _lines(text: str) -> list[str]:
    """A diff of a CRLF file has such ends within lines of its own, so that they stay, unless all lines have them."""
    lines = text.split("\n")
    if all(line.endswith("\r") for line in lines[:-1] if line):
        lines = [line.removesuffix("\r") for line in lines]
    return lines


def _bare(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line.removesuffix("\r") for line in lines)


class _Reader:
    """One pass over the lines of an answer."""

    def __init__(self, lines: list[str], known: frozenset[str], named: tuple[str, ...]) -> None:
        self.lines = lines
        self.known = known
        self.named = named
        self.at = 0
        self.path: str | None = None  # the path spoken of last
        self.spoken_at = -9  # the line that spoke of it
        self.edits: list[Edit] = []
        self.nameless: list[tuple[str, ...]] = []
        self.wrapped = ""  # the marks of a fence around blocks

    def read(self) -> tuple[Edit, ...]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if marker := _SEARCH.fullmatch(line.rstrip()):
                self._read_block(marker["path"])
            elif fence := _FENCE.fullmatch(line.rstrip()):
                self._read_fence(fence)
            elif begins_diff(self.lines, self.at):
                self._read_diffs(self.at, None)
            else:
                self._read_prose(line)
        self._settle_nameless()
        return tuple(self.edits)

    def _read_prose(self, line: str) -> None:
        stray = line.rstrip()
        if _REPLACE.fullmatch(stray) and "REPLACE" in stray:
            raise MalformedAnswer(f"Line {self.at + 1} of the answer ends a block that no <<<<<<< SEARCH began.")
        if spoken := self._path_in(line):
            self.path, self.spoken_at = spoken, self.at
        self.at += 1

    def _read_fence(self, fence: re.Match[str]) -> None:
        if self.wrapped and fence["marks"].startswith(self.wrapped) and not fence["info"].strip():
            self.wrapped = ""
            self.at += 1
            return
        if spoken := self._path_in_info(fence["info"]):
            self.path, self.spoken_at = spoken, self.at
        if self._holds_path(fence):
            return
        if self._holds_blocks():
            self.wrapped = fence["marks"]
            self.at += 1
            return
        if self._holds_diff(fence["info"]):
            end = self._end_of_diff(fence)
            self._read_diffs(self.at + 1, end)
            self.at, self.spoken_at = end + 1, -9
            return
        end = self._end_of(fence)
        self._add_file(_bare(self.lines[self.at + 1 : end]), fence["info"])
        self.at, self.spoken_at = end + 1, -9

    def _holds_path(self, fence: re.Match[str]) -> bool:
        """Whether the fence at hand holds nothing but a path of the tree, which it then names. Its end is taken for the
        beginning of the file where no other one follows: a small model writes one fence for both."""
        body = [line.strip() for line in self.lines[self.at + 1 : self.at + 3]]
        if self._just_spoken() or len(body) < 2 or body[1] != fence["marks"] or self._known(body[0]) is None:
            return False
        self.path = self._known(body[0])
        after = next((line for line in self.lines[self.at + 3 :] if line.strip()), None)
        is_whole = after is None or _FENCE.fullmatch(after.rstrip()) is not None or self._path_in(after) is not None
        self.at += 3 if is_whole else 2
        self.spoken_at = self.at - 1
        return True

    def _holds_blocks(self) -> bool:
        """Whether the fence at hand begins with a block, after at most a line that names its path."""
        inside = [line.rstrip() for line in self.lines[self.at + 1 : self.at + 6] if line.strip()][:2]
        return any(_SEARCH.fullmatch(line) for line in inside)

    # --- diffs ---

    def _holds_diff(self, info: str) -> bool:
        """Whether the fence at hand is a diff, and no file that is kept as one."""
        path = self.path if self._just_spoken() else None
        if path is not None and path.endswith(_DIFF_FILES):
            return False
        words = info.casefold().split()
        if words[:1] in (["diff"], ["patch"], ["udiff"]):
            return True
        at = next((n for n in range(self.at + 1, len(self.lines)) if self.lines[n].strip()), len(self.lines))
        return at < len(self.lines) and begins_diff(self.lines, at)

    def _end_of_diff(self, fence: re.Match[str]) -> int:
        """The line that closes the fence: it alone has no sign before its marks."""
        for number in range(self.at + 1, len(self.lines)):
            if re.fullmatch(rf"{re.escape(fence['indent'])}{fence['marks']}[`~]*\s*", self.lines[number]):
                return number
        raise MalformedAnswer(f"The fence on line {self.at + 1} of the answer is never closed. Close every fence.")

    def _read_diffs(self, start: int, end: int | None) -> None:
        spoken = self.path if end is not None and self.spoken_at >= 0 else None
        found, self.at = read_diffs(self.lines, start, end, self._known, spoken)
        self.edits += found

    def _known(self, path: str) -> str | None:
        found = self._resolve(path)
        return found if found in self.known else None

    # --- files ---

    def _end_of(self, fence: re.Match[str]) -> int:
        """The line that closes the fence; a fence with an info string inside it opens one of its own."""
        depth, marks = 1, fence["marks"]
        for number in range(self.at + 1, len(self.lines)):
            inner = _FENCE.fullmatch(self.lines[number].rstrip())
            if inner is None or not inner["marks"].startswith(marks):
                continue
            depth += 1 if inner["info"].strip() else -1
            if depth == 0:
                return number
        raise MalformedAnswer(f"The fence on line {self.at + 1} of the answer is never closed. Close every fence.")

    def _add_file(self, body: Sequence[str], info: str) -> None:
        language = info.strip().casefold()
        path = self.path if self._just_spoken() else None
        title = self._title_of(body)
        if path is None and title is None and language in _NO_FILE:
            return
        if any(_SEARCH.fullmatch(line.rstrip()) for line in body):
            raise MalformedAnswer("A fence mixes a file's lines with SEARCH/REPLACE blocks. Use one of the two.")
        if path is None and title is None:
            self.nameless.append(tuple(body))
            return
        self.edits.append(
            WholeFile(path or title or "", tuple(body), titled=title is not None and path in (None, title))
        )

    def _just_spoken(self) -> bool:
        """Whether nothing but blank lines stands between the line that named a path and the fence."""
        return self.spoken_at >= 0 and not any(line.strip() for line in self.lines[self.spoken_at + 1 : self.at])

    def _title_of(self, body: Sequence[str]) -> str | None:
        comment = _COMMENT.fullmatch(body[0].strip()) if body else None
        if comment is None:
            return None
        text = _TITLE.sub("", comment["text"], count=1).strip("`")
        return self._resolve(text) if text in self.known or _PATH.fullmatch(text) else None

    def _settle_nameless(self) -> None:
        if not self.nameless:
            return
        if self.edits or len(self.nameless) > 1 or len(self.named) != 1:
            raise MalformedAnswer(
                "A fence has no path. Write the path of its file on the line before each fence, and nothing else "
                "in fences."
            )
        self.edits.append(WholeFile(self.named[0], self.nameless[0], guessed=True))

    def _read_block(self, spoken: str) -> None:
        start, number = self.at + 1, sum(isinstance(edit, Block) for edit in self.edits) + 1
        divider = self._find(_DIVIDER, start, f"Block {number} has no ======= line after its <<<<<<< SEARCH.")
        end = self._find(_REPLACE, divider + 1, f"Block {number} has no >>>>>>> REPLACE line at its end.")
        path = self._path_in(spoken) or self.path or (self.named[0] if len(self.named) == 1 else None)
        if path is None:
            raise MalformedAnswer(f"Block {number} does not say its file. Write the path on the line before it.")
        self.path = path
        search, replace = _bare(self.lines[start:divider]), _bare(self.lines[divider + 1 : end])
        self.edits.append(Block(path, search, replace, number))
        self.at = end + 1

    def _find(self, marker: re.Pattern[str], start: int, otherwise: str) -> int:
        for number in range(start, len(self.lines)):
            line = self.lines[number].rstrip()
            if marker.fullmatch(line):
                return number
            if _SEARCH.fullmatch(line):
                break
        raise MalformedAnswer(otherwise)

    # --- paths ---

    def _path_in_info(self, info: str) -> str | None:
        words = re.split(r"[\s:=]+", info.strip())
        found = [word.strip("\"'`{}") for word in words if word]
        paths = [word for word in found if word in self.known or "/" in word or _PATH.fullmatch(word)]
        return self._resolve(paths[-1]) if paths else None

    def _path_in(self, line: str) -> str | None:
        """The path that a line names: the line itself under its decoration, or the one path within a sentence."""
        bare = line.strip().strip("#*_`> ").strip()
        bare = _TITLE.sub("", bare, count=1).strip("`*_ ").removesuffix(":").strip("`*_ ")
        bare = re.sub(r"^\d+[.)]\s+|^[-*]\s+", "", bare).strip("`*_ ")
        if bare in self.known or (bare and _WORD.fullmatch(bare) and ("/" in bare or _PATH.fullmatch(bare))):
            return self._resolve(bare)
        quoted = [word for word in re.findall(r"`([^`\s]+)`", line) if word in self.known or _PATH.fullmatch(word)]
        spoken = {self._resolve(word) for word in quoted} & self.known
        spoken |= {word for word in _WORD.findall(line) if word in self.known}
        return spoken.pop() if len(spoken) == 1 else None

    def _resolve(self, path: str) -> str:
        """A path as the tree has it: `./a.py` is `a.py`, and the bare name of one shown file is that file.

        Small models write `path/to/a.py` when they are told of paths.
        """
        path = path.removeprefix("./")
        path = path if path in self.known else path.removeprefix("path/to/")
        if path in self.known:
            return path
        ends = [name for name in self.named if name.endswith("/" + path)]
        return ends[0] if len(ends) == 1 else path
