"""From a row of a batch to a job: what is asked, by which craft, and what `{column}` stands for in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from gigctl.checks.registry import load_option
from gigctl.crafts.base import BadSource, Craft
from gigctl.crafts.registry import get_craft
from gigctl.errors import UsageError
from gigctl.flow.rows import Head, Row
from gigctl.ledger.jobs import job_key
from gigctl.model import REGULAR, Change, CheckSpec, Gig, Own, Source, TaskSpec
from gigctl.system.files import within
from gigctl.system.git.store import Store
from gigctl.values import parse_language

__all__ = ["COLUMNS", "Asked", "BadJob", "Job", "check_columns", "get_id", "load_asked", "make_job"]

Value = TypeVar("Value")
COLUMNS = ("id", "craft", "input", "file", "brief", "from", "to", "set")
"""What a row may say of its job; every other column is there to be named as `{column}`."""
LARGEST_FILE = 16 * 1024 * 1024
"""Bytes of a row's file."""
_NO_CRAFT = "nothing says which craft it is (writing, translation or code)"
_NAME = re.compile(r"\{([^{}\n]+)\}")


class BadJob(Exception):
    """Why a row is no job: what was expected."""


class Asked(Struct, frozen=True):
    """What the command line says of every row. `folder` is where the rows' files are, `store` our git store."""

    craft: str = ""
    brief: str = ""
    source_language: str = ""
    target: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[CheckSpec, ...] = ()
    id_column: str = "id"
    folder: Path = field(default_factory=Path)
    store: Path = field(default_factory=Path)


class Job(Struct, frozen=True):
    """A task to be: `id` as the row has it (or its hash), `line` where it stands."""

    id: str
    line: int
    craft: str
    spec: TaskSpec

    @property
    def key(self) -> str:
        return job_key(self.id)


def load_asked(
    *, craft: str, brief: str, source_language: str, target: str, options: Sequence[str], checks: Sequence[str],
    id_column: str, path: Path | None, store: Path, command: str = "batch",
) -> Asked:  # fmt: skip
    """What the command line says, every error of it at once. Raises UsageError."""
    problems: list[str] = []

    def read(name: str, get: Callable[[], Value], otherwise: Value) -> Value:
        try:
            return get()
        except UsageError as error:
            problems.append(error.message if error.message.startswith("--") else f"--{name}: {error.message}")
            return otherwise

    known = read("craft", lambda: get_craft(craft).NAME, "") if craft else ""
    values = dict(option.partition("=")[::2] for option in options)
    problems += [f"--set {option}: expected KEY=VALUE" for option in options if "=" not in option]
    if known:
        allowed = get_craft(known).OPTIONS
        problems += [f"--set {key}: {known} has no such option: expected one of {', '.join(allowed) or 'none'}"
                     for key in values if key not in allowed]  # fmt: skip
    asked = Asked(
        known, brief, read("from", lambda: parse_language(source_language), "") if source_language else "",
        read("to", lambda: parse_language(target), "") if target else "", values,
        tuple(spec for text in checks if (spec := read("check", partial(load_option, text), None))),
        id_column, path.parent if path else Path.cwd(), store,
    )  # fmt: skip
    if problems:
        raise UsageError("\n".join(problems), f"gigctl {command} --help")
    return asked


def check_columns(head: Head, asked: Asked) -> None:
    """Before any row is read: every `{column}` that a CSV's header should have. Raises UsageError."""
    if not head.csv:
        return
    said = " ".join([asked.brief, *_texts(asked.options.values()), *_texts(s.options for s in asked.checks)])
    named = {asked.id_column} if asked.id_column != "id" else set()
    named |= {name for name in _NAME.findall(said) if name in head.twice}
    problems = [f"two columns are named {name}: expected one" for name in sorted(head.twice & {*named, *COLUMNS})]
    problems += [f"--id {name}: no such column" for name in sorted(named - set(head.columns))]
    if not {"input", "file", "brief"} & set(head.columns) and not asked.brief:
        problems.append(f"nothing says what to do: expected a column input, file or brief, or --brief; there are"
                        f" {', '.join(filter(None, head.columns))}")  # fmt: skip
    if not asked.craft and not asked.target and not {"craft", "to"} & set(head.columns):
        problems.append(f"{_NO_CRAFT}: expected --craft, or a column craft")
    if problems:
        raise UsageError("\n".join(problems), "gigctl batch --help")


def _texts(values: Iterable[Any]) -> list[str]:
    """All texts in options, at any depth."""
    out: list[str] = []
    for value in values:
        if isinstance(value, str):
            out.append(value)
        elif isinstance(value, Mapping):
            out += _texts(value.values())
        elif isinstance(value, (list, tuple)):
            out += _texts(value)
    return out


def make_job(row: Row, asked: Asked) -> Job:
    """Raises BadJob."""
    try:
        return _make_job(row, asked)
    except RecursionError as error:
        raise BadJob("it is nested too deeply") from error


def _make_job(row: Row, asked: Asked) -> Job:
    said = {name: _text(row, name) for name in COLUMNS if name != "set"}
    try:
        craft = get_craft(said["craft"] or asked.craft or _only_craft(said["to"] or asked.target))
        target = parse_language(said["to"] or asked.target) if said["to"] or asked.target else ""
        source_language = parse_language(said["from"]) if said["from"] else asked.source_language
    except UsageError as error:
        raise BadJob(error.message) from error
    own = _own(row, asked, craft, said["brief"], source_language)
    return Job(get_id(row, asked), row.line, craft.NAME, _spec(craft, row, asked, own, target, said))


def _only_craft(target: str) -> str:
    if target:
        return "translation"
    raise UsageError(f"{_NO_CRAFT}: expected a column craft, or --craft")


def _text(row: Row, name: str) -> str:
    value = row.values.get(name)
    if value is None:
        return ""
    if isinstance(value, str) and "\0" not in value:
        return value
    raise BadJob(f"{name}: expected a text, got {str(value)[:40]!r}")


def get_id(row: Row, asked: Asked) -> str:
    """A row's id as it stands; of a row without one the hash of what it says, wherever it stands. Raises BadJob."""
    found = _text(row, asked.id_column)
    if found:
        return found
    try:
        said = repr(sorted(row.values.items(), key=lambda item: item[0]))
    except RecursionError as error:
        raise BadJob("it is nested too deeply") from error
    return "row-" + job_key(said)[:16]


def _own(row: Row, asked: Asked, craft: Craft, brief: str, source_language: str) -> Own:
    """What the row says of its task, with the columns' values in place of their names."""
    values = {name: value for name, value in row.values.items() if isinstance(value, str)}
    options = {**asked.options, **_options(row.values.get("set") or {}, craft)}
    checks = (replace(spec, options=_filled_options(spec, values)) for spec in asked.checks)
    return Own(brief or _filled(asked.brief, values), source_language, _filled_table(options, values), tuple(checks))


def _options(value: Any, craft: Craft) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadJob(f"set: expected an object of options, got {str(value)[:40]!r}")
    for key in value:
        if key not in craft.OPTIONS:
            allowed = ", ".join(craft.OPTIONS) or "none"
            raise BadJob(f"set: {craft.NAME} has no option {key[:40]!r}: expected one of {allowed}")
    return value


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The bare names of columns alone: other braces stand."""
    return _NAME.sub(lambda found: _value(found[1], found[0], values), text)


def _value(name: str, otherwise: str, values: Mapping[str, str]) -> str:
    """What no program can be given is no value."""
    value = values.get(name, otherwise)
    if "\0" in value:
        raise BadJob(f"{name}: expected a text, got {value[:40]!r}")
    return value


def _filled_table(table: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    return {key: _filled_value(value, values) for key, value in table.items()}


def _filled_value(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _filled(value, values)
    if isinstance(value, (list, tuple)):
        return [_filled_value(item, values) for item in value]
    return _filled_table(value, values) if isinstance(value, Mapping) else value


def _filled_options(spec: CheckSpec, values: Mapping[str, str]) -> dict[str, Any]:
    """After the check was parsed: a value is one argument of a command, and in a pattern the text itself."""
    escaped = {name: re.escape(value) for name, value in values.items()}
    return {
        key: _filled_value(value, escaped if spec.check == "regex" and key == "pattern" else values)
        for key, value in spec.options.items()
    }


# --- what the craft makes of it ---


def _spec(craft: Craft, row: Row, asked: Asked, own: Own, target: str, said: Mapping[str, str]) -> TaskSpec:
    if said["input"] and said["file"]:
        raise BadJob("it has an input and a file: expected one of them")
    source = _source(said, asked)
    if source is None and not own.brief:
        raise BadJob("nothing says what to do: expected input, file or brief")
    if source is not None and said["input"] and not own.brief and "brief" in craft.REQUIRES:
        source, own = None, replace(own, brief=said["input"])
    gig = Gig(
        ref="", craft=craft.NAME, brief=own.brief, source_language=own.source_language,
        target_languages=(target,) if target else (), options=own.options, checks=own.checks,
    )  # fmt: skip
    for name, there in (("to", target), ("brief", own.brief)):
        if name in craft.REQUIRES and not there:
            raise BadJob(f"{craft.NAME} needs {name}: expected a column {name}, or --{name}")
    if craft.ON_TREE:
        gig, source = replace(gig, base=_base(asked, source)), None
    try:
        spec = craft.whole(source, gig)
    except BadSource as error:
        raise BadJob(str(error)) from error
    return replace(spec, name=get_id(row, asked), own=own)


def _source(said: Mapping[str, str], asked: Asked) -> Source | None:
    if said["input"]:
        return Source("input", said["input"].encode())
    if not said["file"]:
        return None
    name = said["file"]
    # A client may have written the row: it names a file of the batch's folder, or none.
    path = within(asked.folder, name)
    if path is None:
        raise BadJob(f"file: {name[:80]} is not in {asked.folder}, the batch's own folder")
    try:
        if not path.is_file():
            raise BadJob(f"file: {name[:80]} is no file")
        if path.stat().st_size > LARGEST_FILE:
            raise BadJob(f"file: {name[:80]} has more than {LARGEST_FILE // 1024**2} MiB")
        return Source(path.name, path.read_bytes())
    except OSError as error:
        raise BadJob(f"file: {name[:80]}: {error.strerror}") from error


def _base(asked: Asked, source: Source | None) -> str:
    """The row's file as a tree of its own."""
    if source is None or source.name == "input":
        raise BadJob("a job of code works on a file: expected a column file")
    return Store.open(asked.store).add_tree((Change(source.name, REGULAR, source.data),))
