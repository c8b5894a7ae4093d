"""Taking work on: from a wish to a gig with its tasks, all of it or nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gigctl.config import load_settings
from gigctl.crafts.base import BadSource, Craft
from gigctl.crafts.registry import get_craft
from gigctl.errors import UsageError
from gigctl.flow import policy
from gigctl.flow.desk import Desk
from gigctl.flow.gigfile import TaskWish, Wish
from gigctl.flow.proposals import Proposal, propose_checks
from gigctl.ledger import clients, gigs, tasks
from gigctl.ledger.store import Tx
from gigctl.model import REGULAR, Change, Content, Gig, LeftAlone, Source, Split, TaskSpec
from gigctl.records import ClientRecord, GigRecord
from gigctl.system.git.bases import add_base
from gigctl.system.git.store import Store
from gigctl.values import (
    DEFAULT_CURRENCY,
    BadValue,
    did_you_mean,
    parse_date,
    parse_language,
    parse_money,
    parse_usd,
)

__all__ = [
    "Added", "add_gig", "check_options", "language_problems", "load_rates", "parse_future", "read_source",
    "split_sources",
]  # fmt: skip

Value = TypeVar("Value")
STDIN_NAME = "stdin.txt"
"""What standard input is called as a source."""
LARGEST_SOURCE = 256 * 1024 * 1024
"""Bytes: SQLite keeps a blob of up to 1 GB, and a text of this size is no single gig any more."""


class Added(Struct, frozen=True):
    """A new gig, how many tasks it has, what no task was made of, by file, and the files that gave no task at all."""

    gig: GigRecord
    tasks: int
    left_alone: Mapping[str, tuple[LeftAlone, ...]]
    idle: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()


class _Group(Struct, frozen=True):
    """The tasks that one source (or brief) was split into, waiting to be written."""

    name: str
    craft: str
    brief: str
    source: Source | None
    split: Split
    after: tuple[str, ...] = ()
    takes: str = ""  # the task of the file whose signed text is its source


def add_gig(desk: Desk, wish: Wish, stdin: bytes | None = None) -> Added:
    """Reads all that the wish names, then writes the gig in one transaction. Raises UsageError, PolicyError."""
    problems = list(wish.problems)
    client = _asked(wish, "client", problems, lambda: _client(desk, wish))
    craft = _asked(wish, "craft", problems, lambda: get_craft(wish.craft or _only_craft(wish)))
    sources = {name: read_source(wish, name, stdin, problems) for name in _source_names(wish)}
    fields = _fields(desk, wish, client, craft, problems)
    _check_wishes(wish, craft, list(sources.values()), problems)
    problems += [
        f'{_where(wish, "agent")}: there is no agent "{name}"{did_you_mean(name, desk.agents)}'
        for name in wish.agents
        if name not in desk.agents
    ]
    _raise(problems)
    assert client is not None  # noqa: S101
    assert craft is not None  # noqa: S101
    policy.check_chain(client, wish.agents, desk.agents)
    fields |= _base(desk, wish, craft, list(sources.values()))
    proposals = _proposals(desk, wish, fields)
    fields["checks"] = (*(one.spec for one in proposals), *wish.checks)
    groups = _groups(craft, wish, _as_gig(craft, wish, fields), sources)
    with desk.ledger.writing() as tx:
        gig = gigs.add_gig(tx, client, **fields)
        rows = {source.name: gigs.add_source(tx, gig, source) for source in sources.values()}
        _write_tasks(tx, gig, groups, rows)
        gig = gigs.get_gig_by_id(tx, gig.id)
    # A source may be split by several tasks of a file, by some of which nothing is left alone.
    left = {group.source.name: group.split.left_alone for group in groups if group.source and group.split.left_alone}
    busy = {group.source.name for group in groups if group.source and group.split.tasks}
    idle = tuple(group.source.name for group in groups if group.source and group.source.name not in busy)
    count = sum(len(group.split.tasks) for group in groups)
    return Added(gig, count, left, tuple(dict.fromkeys(idle)), tuple(proposals))


def _proposals(desk: Desk, wish: Wish, fields: Mapping[str, Any]) -> list[Proposal]:
    """What the client's repository is checked with, beside what was asked for."""
    if not fields.get("repository"):
        return []
    store, repository = Store.open(desk.store), Path(fields["repository"])
    return propose_checks(store, fields["base_tree"], wish.checks, desk.environ, repository)


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise UsageError("\n".join(dict.fromkeys(problems)), "gigctl gig add --help")


def _client(desk: Desk, wish: Wish) -> ClientRecord:
    with desk.ledger.reading() as tx:
        return clients.get_client(tx, wish.client or "me")


def _asked(wish: Wish, key: str, problems: list[str], get: Callable[[], Value]) -> Value | None:
    """What `get` finds; what it says instead goes to the problems, with the file and key that it came from."""
    try:
        return get()
    except UsageError as error:
        way_out = f" ({error.hint})" if error.hint else ""
        problems.append(f"{_where(wish, key)}: {error.message}{way_out}")
        return None


def _where(wish: Wish, key: str) -> str:
    """The file and its key, or the option that said it."""
    if wish.origin and _FIELD.get(key, key) not in wish.overridden:
        return f"{wish.origin}: {key}"
    return f"--{key}"


def _only_craft(wish: Wish) -> str:
    """The craft that the rest leaves no doubt about."""
    if wish.targets or wish.source_language:
        return "translation"
    if wish.repository or wish.base:
        return "code"
    if wish.brief and not wish.sources and not wish.tasks:
        return "writing"
    dash = "" if wish.origin else "--"
    writing = f"{dash}craft writing" if wish.brief else f"{dash}brief TEXT"
    raise UsageError(
        "nothing says what is to be done:"
        f" {dash}to LANGUAGE for a translation, {dash}repo PATH for code, {writing} for a text"
    )


# --- fields ---


def _fields(
    desk: Desk, wish: Wish, client: ClientRecord | None, craft: Craft | None, problems: list[str]
) -> dict[str, Any]:
    """The gig's columns, with every bad value gathered."""

    def read(key: str, text: str, parse: Callable[[str], Value]) -> Value | None:
        return _asked(wish, key, problems, lambda: parse(text)) if text else None

    currency = client.currency if client else DEFAULT_CURRENCY
    made = {task.name for task in wish.tasks if task.name}
    price = read("price", wish.price, lambda text: parse_money(text, currency))
    targets = [read("to", text, parse_language) for text in wish.targets]
    if craft is not None:
        problems += _missing(wish, craft)
    source_language = read("from", wish.source_language, parse_language) or ""
    problems += [f"{_where(wish, 'to')}: {line}" for line in language_problems(targets, craft, source_language)]
    return {
        "craft": craft and craft.NAME, "title": wish.title, "brief": wish.brief, "options": dict(wish.options),
        "checks": wish.checks, "source_language": source_language,
        "targets": [language for language in targets if language], "price": price.minor if price else None,
        "currency": price.currency if price else currency,
        "due": read("due", wish.due, lambda text: parse_future(text, desk.today)),
        "budget": read("budget", wish.budget, lambda text: parse_usd(text, load_rates(desk))),
        "agents": list(wish.agents), "wishes": [_written(task, made) for task in wish.tasks],
    }  # fmt: skip


def language_problems(targets: Sequence[str | None], craft: Craft | None, source: str) -> Iterator[str]:
    """Of tags as `parse_language` gives them: those that are there twice, and a target that is the source's own.

    The latter where the craft is about another language: a French text may be summed up in French.
    """
    said = [language for language in targets if language]
    yield from (f"{language} is there twice: expected each language once" for language in dict.fromkeys(said)
                if said.count(language) > 1)  # fmt: skip
    if craft is not None and "to" in craft.REQUIRES and source in said:
        yield f"{source} is the language of the sources: expected another one"


_FIELD = {"to": "targets", "from": "source_language", "agent": "agents", "source": "sources", "repo": "repository",
          "set": "options"}  # fmt: skip
_WHAT = {"to": "into which language (BCP 47, like en)", "brief": "what is to be done", "from": "from which language"}


def load_rates(desk: Desk) -> Mapping[str, Decimal]:
    """What a unit of each currency is in USD."""
    return load_settings(desk.paths.config_file, desk.environ).settings.rates


def _missing(wish: Wish, craft: Craft) -> Iterator[str]:
    """What the craft must be told, by the gig or by each of its tasks, and options that it does not know."""
    for name in craft.REQUIRES:
        field = _FIELD.get(name, name)
        of_tasks = wish.tasks and all(getattr(task, field, None) or task.craft for task in wish.tasks)
        if not getattr(wish, field) and not of_tasks:
            yield f"{_where(wish, name)}: {craft.NAME} needs it: nothing says {_WHAT[name]}"
    for problem in check_options(craft, wish.options):
        yield f"{_where(wish, 'set')} {problem}"


_NOTHING = Source("nothing.txt", b"nothing")


def check_options(craft: Craft, options: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a craft's options: keys that it does not know, and what it says of each value alone.

    It is asked to split a text of nothing by them, since only the craft knows its values.
    """
    for key, value in options.items():
        if key not in craft.OPTIONS:
            known = ", ".join(craft.OPTIONS) or "none"
            near = did_you_mean(key, craft.OPTIONS)
            yield f"{key}: {craft.NAME} has no such option{near or f': expected one of {known}'}"
        elif value != "":
            gig = Gig("", craft.NAME, brief="nothing", target_languages=("en",), base="0" * 40, options={key: value})
            try:
                craft.split(_NOTHING, gig)
            except BadSource as error:
                yield str(error)


def _check_wishes(wish: Wish, craft: Craft | None, sources: Sequence[Source], problems: list[str]) -> None:
    """Names that are there twice, and the crafts and languages of the file's tasks."""
    names = [source.name for source in sources]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"{_where(wish, 'source')}: two are named {name}: expected a name of its own for each")
    made = {task.name for task in wish.tasks if task.name}
    source_language = _tag(wish.source_language)
    for n, task in enumerate(wish.tasks, 1):
        own = craft
        if task.craft:
            own = _asked(wish, f"task {n}: craft", problems, partial(get_craft, task.craft))
        if len(task.sources) > 1 and (taken := [name for name in task.sources if name in made]):
            problems.append(f"{_where(wish, f'task {n}: source')}: {taken[0]} is a task: expected it alone, or files")
        read = partial(_asked, wish, f"task {n}: to", problems)
        targets = [read(partial(parse_language, text)) for text in task.targets]
        said = language_problems(targets, own, source_language)
        problems += [f"{_where(wish, f'task {n}: to')}: {line}" for line in said]


def _tag(text: str) -> str:
    """A language's tag; empty where it is none, which is told elsewhere."""
    with contextlib.suppress(BadValue):
        return parse_language(text)
    return ""


def _written(task: TaskWish, made: set[str]) -> dict[str, Any]:
    """A task as the file has it, its sources by the names that they have in the gig, or those of its tasks."""
    sources = [name if name in made else STDIN_NAME if name == "-" else Path(name).name for name in task.sources]
    return {"name": task.name, "craft": task.craft, "brief": task.brief, "source": sources, "to": list(task.targets),
            "after": list(task.after)}  # fmt: skip


def parse_future(text: str, today: date) -> str:
    due = parse_date(text, today=today)
    if due < today:
        raise UsageError(f"{due.isoformat()} is past: expected today ({today.isoformat()}) or later")
    return due.isoformat()


# --- sources ---


def _source_names(wish: Wish) -> list[str]:
    names = {task.name for task in wish.tasks if task.name}
    of_tasks = [name for task in wish.tasks for name in task.sources if name not in names]
    return list(dict.fromkeys([*wish.sources, *of_tasks]))


def read_source(wish: Wish, name: str, stdin: bytes | None, problems: list[str]) -> Source:
    """A file's bytes; what stands in the way goes to `problems`."""
    if name == "-":
        return Source(STDIN_NAME, stdin or b"")
    path = wish.folder / name
    where = _where(wish, "source")
    try:
        path.name.encode()
        if path.is_dir():
            problems.append(f"{where}: {path} is a folder: expected its files")
        elif path.stat().st_size > LARGEST_SOURCE:
            problems.append(f"{where}: {path} has more than {LARGEST_SOURCE // 1024**2} MiB")
        elif not path.is_file():
            problems.append(f"{where}: {path} is no regular file")
        else:
            return Source(path.name, path.read_bytes())
    except UnicodeEncodeError:
        problems.append(f"{where}: {os.fsencode(path)!r} has a name that is no UTF-8")
    except OSError as error:
        problems.append(f"{where}: {path}: {error.strerror}")
    return Source(path.name, b"")


def _base(desk: Desk, wish: Wish, craft: Craft, sources: Sequence[Source]) -> dict[str, Any]:
    """Of a craft that works on a tree: the client's commit in our own store, or the files given, as a tree there."""
    if not craft.ON_TREE:
        if wish.repository:
            raise UsageError(f"{_where(wish, 'repo')}: {craft.NAME} works on files, not on a repository")
        return {}
    store = Store.open(desk.store)
    if wish.repository:
        folder = (wish.folder / wish.repository).absolute()
        base = add_base(store, folder, wish.base or "HEAD")
        return {"repository": str(folder), "base_commit": base.commit, "base_tree": base.tree}
    files = tuple(Change(source.name, REGULAR, source.data) for source in sources)
    return {"base_tree": store.add_tree(files)}


# --- tasks ---


def _as_gig(craft: Craft, wish: Wish, fields: Mapping[str, Any]) -> Gig:
    return Gig(
        ref="", craft=craft.NAME, brief=wish.brief, title=wish.title, source_language=str(fields["source_language"]),
        target_languages=tuple(fields["targets"]), base=fields.get("base_tree"),
        options=dict(wish.options), checks=wish.checks,
    )  # fmt: skip


def _groups(craft: Craft, wish: Wish, gig: Gig, sources: Mapping[str, Source]) -> list[_Group]:
    if not wish.tasks:
        return split_sources(craft, gig, "", [sources[name] for name in dict.fromkeys(wish.sources)])
    names = {task.name for task in wish.tasks if task.name}
    return [group for task in wish.tasks for group in _task_groups(craft, wish, task, gig, names, sources)]


def _task_groups(
    craft: Craft, wish: Wish, task: TaskWish, gig: Gig, names: set[str], sources: Mapping[str, Source]
) -> list[_Group]:
    own = get_craft(task.craft) if task.craft else craft
    seen = _with_task(gig, own, task)
    taken = [name for name in task.sources if name in names]
    if taken:
        languages = seen.target_languages if "to" in own.REQUIRES else seen.target_languages[:1]
        context = {"kind": "text", "format": "text"}
        specs = (TaskSpec(task.name, Content.of_text(""), context=context, language=to) for to in languages or ("",))
        return [_Group(task.name, own.NAME, task.brief, None, Split(tuple(specs)), task.after, taken[0])]
    given = [sources[name] for name in dict.fromkeys(task.sources or wish.sources)]
    return [
        _Group(task.name, own.NAME, task.brief, group.source, group.split, task.after)
        for group in split_sources(own, seen, task.name, given)
    ]


def _with_task(gig: Gig, craft: Craft, task: TaskWish) -> Gig:
    targets = tuple(parse_language(text) for text in task.targets) or gig.target_languages
    return replace(gig, craft=craft.NAME, brief=task.brief or gig.brief, target_languages=targets)


def split_sources(craft: Craft, gig: Gig, name: str, sources: Sequence[Source]) -> list[_Group]:
    """A group a source; one of the brief alone where there is none, or the craft works on a tree."""
    try:
        if craft.ON_TREE or not sources:
            return [_Group(name, craft.NAME, "", None, craft.split(None, gig))]
        return [_Group(name, craft.NAME, "", source, craft.split(source, gig)) for source in sources]
    except BadSource as error:
        raise UsageError(str(error)) from error


def _write_tasks(tx: Tx, gig: GigRecord, groups: Sequence[_Group], rows: Mapping[str, int]) -> None:
    made: dict[str, list[int]] = {}
    for group in groups:
        source = rows.get(group.source.name) if group.source else None
        for spec in group.split.tasks:
            named = replace(spec, name=group.name or spec.name)
            task = tasks.add_task(tx, gig, named, craft=group.craft, source=source, brief=group.brief or None)
            made.setdefault(group.name, []).append(task)
    for group in groups:
        for task in made.get(group.name, []) if group.name else []:
            for name in group.after:
                for needed in made[name]:
                    tasks.add_need(tx, task, needed, "after")
            for needed in made[group.takes] if group.takes else []:
                tasks.add_need(tx, task, needed, "source")
