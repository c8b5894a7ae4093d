"""Unified diffs in an answer, as git makes them and as models write them. Pure; `hunks.py` applies them.

Not by `unidiff`: what it is asked for here is just what it does not do. It believes the counts of a hunk's head and
drops the lines past them, drops hunks headed `@@ ... @@`, leaves git's quoted names quoted, and reads no diff without
file heads; and it applies none. Here the counts are believed only where the lines bear them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gigctl.crafts.base import MalformedAnswer
from gigctl.model import unquote_path

__all__ = ["FileDiff", "Hunk", "begins_diff", "read_diffs"]


class Hunk(Struct, frozen=True):
    """Lines of one place: (sign, text with its line end), the sign a blank, `-` or `+`.

    `start` is the line, from 1, at which its old lines are said to begin; None where nothing is said. `ended` tells
    whether it says of a line that no line end follows.
    """

    start: int | None
    lines: tuple[tuple[str, str], ...]
    ended: bool = False

    @property
    def old(self) -> list[str]:
        return [text for sign, text in self.lines if sign != "+"]


class FileDiff(Struct, frozen=True):
    """What a diff does to one file. `old` is None for a new file, `new` for one that is deleted; `mode` is the mode it
    gets, None where none is said; `copied` leaves the old file where it is."""

    old: str | None
    new: str | None
    mode: str | None = None
    hunks: tuple[Hunk, ...] = ()
    copied: bool = False

    @property
    def path(self) -> str:
        return self.new or self.old or ""


_GIT = re.compile(r"diff --git (?P<names>.+)")
_MORE = re.compile(
    r"(?P<what>old mode|new mode|deleted file mode|new file mode|copy from|copy to|rename from|rename to"
    r"|similarity index|dissimilarity index|index) (?P<value>.+)"
)
_RANGE = re.compile(r"@@+ -(?P<start>\d+)(?:,(?P<olds>\d+))? \+\d+(?:,(?P<news>\d+))? @@")
_SIGNATURE = re.compile(r"-- ?")
_TWO_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)')
_TIME = re.compile(r"\s+\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*")
_NOWHERE = "/dev/null"


def begins_diff(lines: Sequence[str], at: int) -> bool:
    """Whether a file of a diff begins at this line."""
    line = lines[at]
    if _GIT.match(line):
        return True
    return line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def read_diffs(
    lines: Sequence[str], at: int, end: int | None, resolve: Callable[[str], str | None], spoken: str | None = None
) -> tuple[list[FileDiff], int]:
    """The files of the diff that begins at line `at`, and the line after it.

    With an `end` (of a fence) all lines up to it are the diff's, prose between its files is passed over, and `spoken`
    is the path of hunks without a head; without one the diff ends where its form does. `resolve` gives the name of a
    known file that a name may mean, None where there is none. Raises MalformedAnswer.
    """
    reader = _Reader(lines, at, end, resolve, spoken)
    return reader.read(), reader.at


class _Reader:
    def __init__(
        self, lines: Sequence[str], at: int, end: int | None, resolve: Callable[[str], str | None], spoken: str | None
    ) -> None:
        self.lines = lines
        self.at = at
        self.fenced = end is not None
        self.end = len(lines) if end is None else end
        self.resolve = resolve
        self.spoken = spoken

    def read(self) -> list[FileDiff]:
        found: list[FileDiff] = []
        while self.at < self.end:
            if begins_diff(self.lines, self.at):
                found.append(self._file())
            elif self.fenced and self.spoken is not None and not found and self._begins_hunk():
                found.append(FileDiff(self.spoken, self.spoken, hunks=self._hunks()))
            elif self.fenced or self._is_signature() or not self.lines[self.at].strip():
                self.at += 1
            else:
                break
        return found

    # --- a file ---

    def _file(self) -> FileDiff:
        git = _GIT.match(self.lines[self.at])
        more: dict[str, str] = {}
        if git is not None:
            self.at += 1
            while self.at < self.end and (found := _MORE.fullmatch(self.lines[self.at].rstrip("\r"))):
                more[found["what"]] = found["value"]
                self.at += 1
        named = names = _git_names(git["names"].rstrip("\r")) if git is not None else None
        if self.at < self.end and self.lines[self.at].startswith(("GIT binary patch", "Binary files ")):
            raise MalformedAnswer(f"The diff of {(names or ('a file',))[-1]} is binary: only text can be answered.")
        if self.at < self.end and begins_diff(self.lines, self.at) and not _GIT.match(self.lines[self.at]):
            names = (_head_name(self.lines[self.at]), _head_name(self.lines[self.at + 1]))
            self.at += 2
        return self._named(names, more, named)

    def _named(self, names: tuple[str, str] | None, more: dict[str, str], git: tuple[str, str] | None) -> FileDiff:
        moved = next((what for what in ("rename", "copy") if f"{what} from" in more and f"{what} to" in more), None)
        old: str | None
        new: str | None
        if moved is not None:
            old, new = (unquote_path(more[f"{moved} {way}"]) for way in ("from", "to"))
        elif names is not None:
            old, new = self._paths(_NOWHERE if "new file mode" in more else names[0], names[1], git)
        else:
            raise MalformedAnswer("A diff does not say its file. Write --- a/PATH and +++ b/PATH before its hunks.")
        new = None if "deleted file mode" in more else new
        if old is None and new is None:
            raise MalformedAnswer("A diff names no file: both of its names are /dev/null.")
        mode = more.get("new file mode") or more.get("new mode")
        return FileDiff(old, new, mode, self._hunks(), copied="copy from" in more)

    def _paths(self, old: str, new: str, git: tuple[str, str] | None) -> tuple[str | None, str | None]:
        """Without git's `a/` and `b/` where they are such: a repository may have a folder `a`. Git's own line tells
        by its two names, which are there also for a file that is new."""
        if git is not None:
            sure = _are_prefixed(*git)
            before, after = (self._path(name, (_bare(name) if sure else name,)) for name in (old, new))
        elif old == _NOWHERE or new == _NOWHERE or _are_prefixed(old, new):
            before, after = (self._path(name, (_bare(name), name)) for name in (old, new))
        else:
            before, after = (self._path(name, (name, _bare(name))) for name in (old, new))
        if old == _NOWHERE:
            return None, new if git is not None and not sure else _bare(new)
        if before is None or after is None or before == after:
            return before, after
        # Two names without a rename's head: `calc.py.orig`, `original/calc.py` are a person's copies.
        if self.resolve(before) is None and (known := self.resolve(after)) is not None:
            return known, known
        return before, after

    def _path(self, name: str, words: Sequence[str]) -> str | None:
        """The known file that one of the words means, else the first of them."""
        if name == _NOWHERE:
            return None
        return next((known for word in words if (known := self.resolve(word)) is not None), words[0])

    # --- its hunks ---

    def _begins_hunk(self) -> bool:
        return self.at < self.end and self.lines[self.at].startswith("@@")

    def _hunks(self) -> tuple[Hunk, ...]:
        found: list[Hunk] = []
        while True:
            at = self.at
            while at < self.end and not self.lines[at].strip():
                at += 1
            if at < self.end and self.lines[at].startswith("@@"):
                self.at = at
                found.append(self._hunk())
            elif not found and at == self.at < self.end and self._is_body(at):
                found.append(self._hunk())  # no head at all
            else:
                return tuple(found)

    def _hunk(self) -> Hunk:
        head = self.lines[self.at] if self._begins_hunk() else ""
        if head.startswith("@@@"):
            raise MalformedAnswer("A diff against several parents (@@@) can't be applied. Give one against the files.")
        self.at += bool(head)
        range_ = _RANGE.match(head)
        start = int(range_["start"]) if range_ else None
        counted = self._counted(*(int(range_[name] or 1) for name in ("olds", "news"))) if range_ else None
        body, self.at = counted or self._scanned()
        if not body:
            raise MalformedAnswer("A hunk of the diff has no lines. Write each line with a blank, - or + before it.")
        return replace(_as_hunk(body), start=start)

    def _counted(self, olds: int, news: int) -> tuple[list[str], int] | None:
        """The lines that the head counts; None where the count can't be right."""
        body: list[str] = []
        at = self.at
        while olds > 0 or news > 0:
            if at >= self.end or not self._may_be_body(self.lines[at]):
                return None
            sign = self.lines[at][:1]
            olds -= sign not in ("+", "\\")
            news -= sign not in ("-", "\\")
            if olds < 0 or news < 0:
                return None
            body.append(self.lines[at])
            at += 1
        if at < self.end and self.lines[at].startswith("\\"):
            body.append(self.lines[at])
            at += 1
        return None if self._goes_on(at) else (body, at)

    def _may_be_body(self, line: str) -> bool:
        return line[:1] in (" ", "+", "-", "\\") or not line.strip()

    def _goes_on(self, at: int) -> bool:
        """Whether lines follow that only this hunk can have: its count was too small."""
        blank = False
        while at < self.end and not self.lines[at].strip():
            at, blank = at + 1, True
        if at >= self.end or not self._is_body(at):
            return False
        # Past a blank line outside a fence, `- word` is rather an item of prose.
        return self.fenced or not blank or not self.lines[at].startswith("- ")

    def _is_body(self, at: int) -> bool:
        line = self.lines[at]
        return line[:1] in (" ", "+", "-") and bool(line.strip()) and not begins_diff(self.lines, at) and not (
            _SIGNATURE.fullmatch(line.rstrip("\r")) and self._ends_mail(at)
        )  # fmt: skip

    def _is_signature(self) -> bool:
        return _SIGNATURE.fullmatch(self.lines[self.at].rstrip("\r")) is not None and self._ends_mail(self.at)

    def _ends_mail(self, at: int) -> bool:
        """Whether `-- ` here is the line before git's version at a mail's end, and no deleted line `- `."""
        rest = [line for line in self.lines[at + 1 : self.end] if line.strip()]
        return not rest or re.match(r"\d+\.\d+(\.\d+)?", rest[0]) is not None

    def _scanned(self) -> tuple[list[str], int]:
        """The lines up to what can't be the hunk's; in a fence one without a sign is taken as unchanged."""
        body: list[str] = []
        at = self.at
        while at < self.end:
            line = self.lines[at]
            if line.startswith("@@") or begins_diff(self.lines, at) or (line[:1] == "-" and not self._is_body(at)):
                break
            if not self._may_be_body(line):
                if not self.fenced:
                    break
                line = " " + line
            body.append(line)
            at += 1
        while body and not body[-1].strip("\r"):
            body.pop()
        return body, at


def _as_hunk(body: Sequence[str]) -> Hunk:
    lines: list[tuple[str, str]] = []
    for line in body:
        if line.startswith("\\"):
            if lines:
                lines[-1] = (lines[-1][0], lines[-1][1].removesuffix("\n"))
            continue
        sign = line[:1] if line[:1] in ("+", "-") else " "
        lines.append((sign, (line[1:] if line[:1] in ("+", "-", " ") else line) + "\n"))
    return Hunk(None, tuple(lines), ended=any(line.startswith("\\") for line in body))


def _head_name(line: str) -> str:
    """The name of a `---` or `+++` line: up to a tab, without the time that some tools write."""
    name = line[4:].rstrip("\r")
    if name.startswith('"'):
        return unquote_path(name[: name.rindex('"') + 1])
    name = name.partition("\t")[0]
    return _TIME.sub("", name).strip("`") if name != _NOWHERE else name


_PREFIXES = (("a/", "b/"), ("i/", "w/"), ("c/", "i/"), ("c/", "w/"), ("o/", "w/"))
"""Git's, and those of its `diff.mnemonicPrefix`."""


def _are_prefixed(old: str, new: str) -> bool:
    return (old[:2], new[:2]) in _PREFIXES


def _bare(name: str) -> str:
    return name[2:] if name[:2] in ("a/", "b/", "c/", "i/", "o/", "w/") else name


def _git_names(names: str) -> tuple[str, str] | None:
    """The two of a `diff --git` line. Unquoted ones may have blanks: git puts the same name twice then."""
    if names.startswith('"') or names.endswith('"'):
        found = _TWO_QUOTED.fullmatch(names)
        return (unquote_path(found[1]), unquote_path(found[2])) if found else None
    half = (len(names) - 1) // 2
    if names[half : half + 1] == " " and names[:half].partition("/")[2] == names[half + 1 :].partition("/")[2]:
        return names[:half], names[half + 1 :]
    found = _TWO_QUOTED.fullmatch(names)
    return (found[1], found[2]) if found else None
