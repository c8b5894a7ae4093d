"""Which files go along with a task, and how much of each: the most relevant first, as far as the model's window goes.

First what the task is about (named by option, spoken of in the brief), then what a failing test's traceback names,
then what these import. A file that does not fit is shown in excerpts round what the brief and the failure name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch

from msgspec import Struct

from gigctl.crafts.code.excerpts import Span, choose_spans
from gigctl.crafts.code.imports import Tree
from gigctl.model import EXECUTABLE, REGULAR, AskContext, Change, Task

__all__ = ["Shown", "budget_of", "choose_files", "find_named", "is_readable", "is_test"]

SHOWN_BYTES = 48_000
"""The most that the files of one request have together unless the option `context` says otherwise: about 16,000
tokens, which are paid for in every call."""
BYTES_A_TOKEN = 3
"""Of code, a low estimate."""
_SHARE = 2
"""Half of a window is for files; the rest holds rules, brief, failures and the answer."""
_SMALL_WINDOW = 12_000
"""Tokens. With less, a quarter of the room is for what is beside the task: a judgement, and not measured yet."""
_PART = 200
"""Bytes below which there is no excerpt worth its place."""
_TESTS = ("test/*", "tests/*", "*/test/*", "*/tests/*", "test_*", "*/test_*", "*_test.*", "*.test.*", "*.spec.*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
_PLACES = (
    re.compile(r'File "(?P<path>[^"\n]+)", line (?P<line>\d+)'),
    re.compile(r"(?P<path>[\w@+./\\-]+\.\w{1,5}):(?P<line>\d+)"),
)
"""Python's traceback; pytest's, node's, compilers'."""


class Shown(Struct, frozen=True):
    """A file that goes along: `why` it does in some words, `spans` where it is shown in part, `about` where the task
    is about it rather than hanging on it."""

    change: Change
    why: str
    spans: tuple[Span, ...] = ()
    about: bool = False

    @property
    def path(self) -> str:
        return self.change.path


def budget_of(task: Task, window: int | None) -> int:
    """Bytes of files for a request: by the model's window (None: not known) and the option `context`, in tokens."""
    asked = str(task.options.get("context", "")).strip()
    most = int(asked) * BYTES_A_TOKEN if asked.isdigit() else SHOWN_BYTES
    return most if window is None else min(most, window * BYTES_A_TOKEN // _SHARE)


def find_named(task: Task) -> tuple[str, ...]:
    """The paths that the task is about, in the order of their worth."""
    return tuple(one.path for one in choose_files(task, AskContext()) if one.about)


def choose_files(task: Task, context: AskContext) -> tuple[Shown, ...]:
    """What goes along, the most relevant first."""
    readable = {change.path: change for change in task.tree if is_readable(change)}
    budget = budget_of(task, context.window)
    failures = "\n".join(evidence.message for one in context.failures for evidence in one.evidence)
    places = list(_places_in(task.brief + "\n" + failures, readable))
    words = set(_WORD.findall(task.brief)) | set(_WORD.findall(failures))
    chooser = _Chooser(budget, words, places)
    about = _about(task, readable.values(), budget)
    for change, why in about:
        chooser.take(change, why, about=True)
    if context.window is not None and context.window < _SMALL_WINDOW:
        chooser.left = min(chooser.left, budget // 4)
    for path, _ in places:
        chooser.take(readable[path], "the failure names it")
    for path, by in _imported(task, [one.path for one in chooser.shown], readable):
        chooser.take(readable[path], f"{by} imports it")
    return tuple(chooser.shown)


class _Chooser:
    """Files as long as there is room."""

    def __init__(self, budget: int, words: set[str], places: Sequence[tuple[str, int]]) -> None:
        self.left = budget
        self.words = words
        self.places = places
        self.shown: list[Shown] = []

    def take(self, change: Change, why: str, *, about: bool = False) -> None:
        data = change.data or b""
        if any(one.change.path == change.path for one in self.shown):
            return
        if len(data) <= self.left:
            self.left -= len(data)
            self.shown.append(Shown(change, why, (), about))
            return
        lines = lines_of(data)
        hits = [line for path, line in self.places if path == change.path]
        spans = choose_spans(lines, self.words, self.left, hits) if self.left >= _PART else ()
        if spans:
            self.left -= sum(len("\n".join(lines[span.start : span.stop]).encode()) for span in spans)
            self.shown.append(Shown(change, why, spans, about))


def lines_of(data: bytes) -> list[str]:
    """As they are shown: without their ends and the mark of byte order."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    return text.removesuffix("\n").split("\n")


# --- what the task is about ---


def _about(task: Task, readable: Iterable[Change], budget: int) -> list[tuple[Change, str]]:
    """The files that the options name or the brief speaks of; none such, all that are no tests, while they fit."""
    known = list(readable)
    if named := _asked_for(task, known):
        return [(change, "named by the option files") for change in named]
    if spoken := _spoken_of(task.brief, known):
        return [(change, "the brief speaks of it") for change in spoken]
    rest = [change for change in known if not is_test(change.path)]
    small = sum(len(change.data or b"") for change in rest) <= budget // 2
    return [(change, "one of the few files there are") for change in rest] if small else []


def _asked_for(task: Task, readable: Iterable[Change]) -> list[Change]:
    named = task.options.get("files", ())
    patterns = named.split(",") if isinstance(named, str) else list(named)
    wanted = [pattern.strip() for pattern in patterns]
    return list(dict.fromkeys(change for pattern in wanted for change in readable if fnmatch(change.path, pattern)))


def _spoken_of(brief: str, readable: Sequence[Change]) -> list[Change]:
    """Files by their path or name; then those that define a name that the brief speaks of."""
    by_path = [change for change in readable if _says(brief, change.path)]
    if by_path:
        return by_path
    by_name = [change for change in readable if _says(brief, change.path.rpartition("/")[2])]
    if by_name:
        return by_name
    words = set(_WORD.findall(brief))
    return [change for change in readable if not is_test(change.path) and words & _defined(change.data or b"")]


def _says(brief: str, name: str) -> bool:
    return name in brief and re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w/-]|\.\w)", brief) is not None


def _defined(data: bytes) -> set[str]:
    text = data.decode("utf-8", "replace")
    return set(re.findall(r"^\s*(?:async def|def|class|function|fn|func)\s+([A-Za-z_]\w{2,})", text, re.MULTILINE))


def is_test(path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in _TESTS)


def is_readable(change: Change) -> bool:
    if change.mode not in (REGULAR, EXECUTABLE) or change.data is None or b"\0" in change.data:
        return False
    try:
        change.data.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- what it hangs on ---


def _places_in(text: str, readable: dict[str, Change]) -> Iterator[tuple[str, int]]:
    """(path, line) of the tree's files that a traceback names, the last of it first: that is where it was raised."""
    found = [match for form in _PLACES for match in form.finditer(text)]
    seen: set[tuple[str, int]] = set()
    for match in sorted(found, key=lambda match: -match.start()):
        named = match["path"].replace("\\", "/")
        path = next((path for path in readable if named == path or named.endswith("/" + path)), None)
        if path is not None and (path, int(match["line"])) not in seen:
            seen.add((path, int(match["line"])))
            yield path, int(match["line"])


def _imported(task: Task, paths: Sequence[str], readable: dict[str, Change]) -> Iterator[tuple[str, str]]:
    """(path, what imports it), of the files' own imports first, then of theirs."""
    tree = Tree.of(task.tree)
    level, seen = list(paths), set(paths)
    for _ in range(2):
        found = [(path, by) for by in level for path in tree.imports(by) if path in readable]
        level = []
        for path, by in found:
            if path not in seen:
                seen.add(path)
                level.append(path)
                yield path, by
