"""Files from sources and texts, by the crafts; and which file holds which task, found out by trying.

The trial assembles once more with a mark in the place of each text. A file that holds no mark of an unsigned task
holds nothing unsigned, and a signed task whose mark is in no file would have been lost: no craft has to be believed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from gigctl.crafts.base import BadSource
from gigctl.crafts.registry import get_craft
from gigctl.errors import LedgerError, UsageError
from gigctl.flow.asking import craft_gig, craft_task
from gigctl.flow.naming import row_names
from gigctl.ledger import gigs, job_rows
from gigctl.ledger.store import Tx
from gigctl.model import Change, Content, Source, Task
from gigctl.records import GigRecord, TaskRecord
from gigctl.system.archive import collisions
from gigctl.system.git.paths import why_refused

__all__ = ["Assembled", "assemble", "check_paths", "languages_of"]


class Assembled(Struct, frozen=True):
    """`holds` says by path the ids of the tasks whose texts are in a file."""

    files: tuple[Change, ...]
    holds: Mapping[str, frozenset[int]]


class _Group(Struct, frozen=True):
    """Tasks that a craft assembles together, in one language."""

    craft: str
    language: str
    sources: tuple[Source, ...]
    tasks: tuple[tuple[TaskRecord, Task], ...]


def languages_of(gig: GigRecord, made: Sequence[TaskRecord]) -> tuple[str, ...]:
    """The gig's, then those that tasks brought along."""
    return tuple(dict.fromkeys([*gig.targets, *(task.language for task in made if task.language)]))


def assemble(
    tx: Tx, gig: GigRecord, made: Sequence[TaskRecord], contents: Mapping[int, Content], languages: Sequence[str]
) -> Assembled:
    """The files of those `languages` (none: of what has none). `contents` is by task id; where a task has none, its
    file holds rubbish, and must not be used: `holds` tells. Raises UsageError, LedgerError."""
    rows = job_rows.list_row_tasks(tx, gig.id)
    if rows:  # a batch's title is its file's, and says nothing of a text
        gig = replace(gig, title="")
    groups = _groups(tx, gig, made, languages, rows)
    salt = secrets.token_hex(8)
    marks = {task.id: Content.of_text(f"gigctl{salt}x{task.id}x") for task in made}
    tried = _all(gig, groups, lambda task: marks[task.id])
    real = _all(gig, groups, lambda task: contents.get(task.id, marks[task.id]))
    if [change.path for change in tried] != [change.path for change in real]:
        raise AssertionError("a craft names files by what is in them")
    pattern = re.compile(rf"gigctl{salt}x(\d+)x".encode())
    holds = {change.path: frozenset(map(int, pattern.findall(change.data or b""))) for change in tried}
    names = _names_of_rows(made, holds, rows) if rows else {}
    files = _sorted(replace(change, path=names.get(change.path, change.path)) for change in real)
    check_paths([change.path for change in files])
    return Assembled(tuple(files), {names.get(path, path): tasks for path, tasks in holds.items()})


def _names_of_rows(
    made: Sequence[TaskRecord], holds: Mapping[str, frozenset[int]], rows: frozenset[int]
) -> Mapping[str, str]:
    """By the craft's path, what a file is called that holds a row's text alone: by the row's id, unless it says it."""
    named = {task.id: task for task in made if task.id in rows and task.source is None and "file" not in task.place}
    alone = {path: named[id_] for path, ids in holds.items() for id_ in ids if len(ids) == 1 and id_ in named}
    stems = row_names(list(alone.values()), (_stem(path, "")[0] for path in holds if path not in alone))
    return {path: stems[task.id] + _stem(path, task.language)[1] for path, task in alone.items()}


def _stem(path: str, language: str) -> tuple[str, str]:
    """A path without its ending, and that, with the language where it is part of it."""
    ending = PurePosixPath(path).suffix
    more = f".{language}{ending}"
    ending = more if language and path.endswith(more) else ending
    return path.removesuffix(ending), ending


def check_paths(paths: Sequence[str]) -> None:
    """Raises UsageError for a path that leads out of its folder, and for two that a file system may take for one."""
    for path in paths:
        if (why := why_refused(path)) is not None:
            raise UsageError(f"{path!a} can't be delivered: it {why}")
    for one, other in collisions(paths):
        raise UsageError(f"{one!a} and {other!a} would be one file where case or accents don't count",
                         "deliver one language at a time with --to, or rename a source")  # fmt: skip


def _all(gig: GigRecord, groups: Sequence[_Group], content: Callable[[TaskRecord], Content]) -> list[Change]:
    made: list[Change] = []
    for group in groups:
        seen = craft_gig(gig)
        seen = replace(seen, craft=group.craft, target_languages=_every_language(seen.target_languages, groups))
        signed = [(task, content(record)) for record, task in group.tasks]
        try:
            made += get_craft(group.craft).assemble(seen, group.sources, signed, group.language)
        except BadSource as error:
            raise LedgerError(f"{gig.ref} can't be assembled: {error}", f"gigctl gig show {gig.ref}") from error
    return _sorted(made)


def _sorted(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: change.path.encode("utf-8", "surrogateescape"))


def _every_language(targets: Sequence[str], groups: Sequence[_Group]) -> tuple[str, ...]:
    """So that a file has the same name whichever languages are delivered."""
    return tuple(dict.fromkeys([*targets, *(group.language for group in groups if group.language)]))


def _groups(
    tx: Tx, gig: GigRecord, made: Sequence[TaskRecord], languages: Sequence[str], rows: frozenset[int]
) -> list[_Group]:
    """By craft, then those with a file and those without, then by language. A row is called by its reference, so that
    no craft has to tell a thousand like names apart."""
    sources = gigs.list_sources(tx, gig.id)
    pairs = [(record, craft_task(tx, gig, record)) for record in made]
    pairs = [(record, replace(task, name=record.ref) if record.id in rows else task) for record, task in pairs]
    out = []
    for craft in dict.fromkeys([gig.craft, *(record.craft for record in made)]):
        if get_craft(craft).ON_TREE:
            continue
        own = [pair for pair in pairs if pair[0].craft == craft]
        filed = _sources_of(craft, gig, made, sources)
        out += _by_language(craft, filed, [pair for pair in own if pair[0].source is not None], languages)
        out += _by_language(craft, (), [pair for pair in own if pair[0].source is None], languages)
    return out


def _sources_of(
    craft: str, gig: GigRecord, made: Sequence[TaskRecord], sources: Sequence[Source]
) -> tuple[Source, ...]:
    """The files that a craft's tasks are of; a file without any task is of the gig's craft."""
    taken = {record.source for record in made}
    own = {record.source for record in made if record.craft == craft}
    return tuple(
        source for source in sources if source.name in own or (craft == gig.craft and source.name not in taken)
    )


def _by_language(
    craft: str, sources: tuple[Source, ...], pairs: Sequence[tuple[TaskRecord, Task]], languages: Sequence[str]
) -> list[_Group]:
    if not sources and not pairs:
        return []
    if not any(record.language for record, _ in pairs) and not (sources and languages and not pairs):
        return [_Group(craft, "", sources, tuple(pairs))]
    groups = []
    for language in languages:
        own = tuple(pair for pair in pairs if pair[0].language in ("", language))
        if own or sources:
            groups.append(_Group(craft, language, sources, own))
    return groups
