"""The functions of a repository that are nearest to what a task is about, as examples of how its code is written. Pure.

Near is what shares names with the brief and with the functions that the brief names, and imports with their files; a
rare name says more than a common one, and a long function must share more than a short one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from gigctl.crafts.code.choosing import Shown, is_readable, is_test, lines_of
from gigctl.crafts.code.excerpts import Span, cut_into_parts
from gigctl.crafts.code.imports import LARGEST, find_imported, is_python, is_script
from gigctl.model import Change, Task

__all__ = ["find_examples"]

MOST = 3
"""Functions: they say how the client writes, and are paid for in every call."""
_MOST_LINES, _LEAST_LINES = 40, 3
_MOST_FILES = 150
"""Files that are cut into functions, those with most of the wanted words: the others are not looked into."""
_LEAST_SHARED = 2
_NAME_WEIGHT = 2.0
_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
_SUBWORD = re.compile(r"[A-Z]?[^\W\d_A-Z]{2,}|[A-Z]{2,}(?![a-z])")
_DEFINITION = re.compile(
    r"[ \t]*(?:(?:export|default|public|private|protected|static|async|pub) )*"
    r"(?:def|function\*?|fn|func|const|let)(?![\w$])"
)
_COMMON_WORDS = """
the and for that this with from into not are but was has have had its all any can must should when where which while
how than then there they them will would one two too let def async return class function const var none true false self
null undefined import export default static public private elif else try except raise throw new str int float bool list
dict tuple set add get make change use file code test tests mend fix
"""
_COMMON = frozenset(_COMMON_WORDS.split())


class _Function(Struct, frozen=True):
    change: Change
    span: Span
    words: frozenset[str]
    imports: frozenset[str]


def find_examples(task: Task, shown: Sequence[Shown], budget: int) -> tuple[Shown, ...]:
    """At most `MOST` functions with `budget` bytes together, the nearest first; `why` tells what they share."""
    about = [one for one in shown if one.about]
    named = frozenset(_subwords(task.brief))
    wanted = named | frozenset(word for one in about for word in _words_of_named(one, named))
    imports = frozenset(name for one in about for name in _imports(one.change))
    functions = list(_functions(_likely(_candidates(task, about), named or wanted), shown))
    return tuple(_fitting(_ranked(functions, wanted, imports), budget))


def _fitting(ranked: Iterable[Shown], budget: int) -> Iterator[Shown]:
    taken = 0
    for one in ranked:
        size = len(_lines(lines_of(one.change.data or b""), one.spans[0]).encode("utf-8", "replace"))
        if size <= budget and taken < MOST:
            budget -= size
            taken += 1
            yield one


def _ranked(functions: Sequence[_Function], wanted: frozenset[str], imports: frozenset[str]) -> Iterator[Shown]:
    shared = [(one.words & wanted) | (one.imports & imports) for one in functions]
    counts = Counter(name for names in shared for name in names)
    worth = {name: math.log(1 + len(functions) / count) for name, count in counts.items()}
    mean = sum(len(one.words) for one in functions) / max(1, len(functions))
    scored = []
    for one, names in zip(functions, shared, strict=True):
        if len(one.words & wanted) >= _LEAST_SHARED:
            in_name = names & set(_subwords(one.span.name))
            score = sum(worth[name] for name in names) + _NAME_WEIGHT * sum(worth[name] for name in in_name)
            scored.append((-score / (0.5 + 0.5 * len(one.words) / mean), one.change.path, one.span.start, one, names))
    for *_, one, names in sorted(scored, key=lambda found: found[:3]):
        rarest = sorted(names, key=lambda name: (-worth[name], name))[:3]
        yield Shown(one.change, f"it too has {', '.join(rarest)}", (one.span,))


# --- what is looked at ---


def _candidates(task: Task, about: Sequence[Shown]) -> Iterator[Change]:
    """The readable files in a language of what the task is about; tests where that is a test."""
    kinds = {_kind(one.path) for one in about}
    tests = any(is_test(one.path) for one in about)
    for change in task.tree:
        kind = _kind(change.path)
        if kind and (kind in kinds or not kinds) and (tests or not is_test(change.path)) and is_readable(change):
            yield change


def _kind(path: str) -> str:
    if is_python(path):
        return "python"
    return "script" if is_script(path) else ""


def _likely(candidates: Iterable[Change], wanted: frozenset[str]) -> list[Change]:
    probes = [word.encode() for word in wanted]
    found = []
    for change in candidates:
        data = (change.data or b"").lower()
        if len(data) <= LARGEST and (hits := sum(probe in data for probe in probes)):
            found.append((-hits, change.path, change))
    return [change for _, _, change in sorted(found, key=lambda one: one[:2])[:_MOST_FILES]]


def _functions(changes: Iterable[Change], shown: Sequence[Shown]) -> Iterator[_Function]:
    """Those of a fitting size that the agent is not shown anyway."""
    seen = {one.path: one.spans for one in shown}
    for change in changes:
        spans = seen.get(change.path)
        if spans == ():
            continue
        lines = lines_of(change.data or b"")
        imports = _imports(change)
        for span in _whole_functions(lines):
            if any(there.start < span.stop and span.start < there.stop for there in spans or ()):
                continue
            yield _Function(change, span, frozenset(_subwords(_lines(lines, span))), imports)


def _whole_functions(lines: Sequence[str]) -> Iterator[Span]:
    """Each with what is defined inside it, and without the blank lines after it."""
    parts = cut_into_parts(lines)
    at = 0
    while at < len(parts):
        part, at = parts[at], at + 1
        indent = next((_indent(line) for line in lines[part.start : part.stop] if _DEFINITION.match(line)), None)
        if indent is None:
            continue
        stop = part.stop
        while at < len(parts) and _indent(lines[parts[at].start]) > indent:
            stop, at = parts[at].stop, at + 1
        while not lines[stop - 1].strip():
            stop -= 1
        if part.name and _LEAST_LINES <= stop - part.start <= _MOST_LINES:
            yield Span(part.start, stop, part.name)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _lines(lines: Sequence[str], span: Span) -> str:
    return "\n".join(lines[span.start : span.stop])


def _words_of_named(one: Shown, named: frozenset[str]) -> Iterator[str]:
    """The words of the functions of a file that the brief names."""
    lines = lines_of(one.change.data or b"")
    for part in cut_into_parts(lines):
        subwords = set(_subwords(part.name))
        if subwords and subwords <= named:
            yield from _subwords(_lines(lines, part))


def _imports(change: Change) -> frozenset[str]:
    return frozenset(find_imported(change.path, (change.data or b"").decode("utf-8", "replace")))


def _subwords(text: str) -> Iterator[str]:
    """`parse_date` and `parseDate` as parse and date."""
    for identifier in _IDENTIFIER.findall(text):
        for word in _SUBWORD.findall(identifier):
            if len(word) > 2 and word.lower() not in _COMMON:
                yield word.lower()
