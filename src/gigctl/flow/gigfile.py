"""What a gig is wished to be: from `GIG.toml`, from options, or both; every error of a file at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from gigctl.checks.registry import load_spec
from gigctl.errors import UsageError
from gigctl.model import CheckSpec
from gigctl.values import did_you_mean

__all__ = ["TaskWish", "Wish", "merged", "read_gig_file", "render_gig_file"]

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes; tomllib recurses on what nobody writes by hand."""
_TEXTS = {"client": "client", "craft": "craft", "title": "title", "brief": "brief", "repo": "repository",
          "base": "base", "from": "source_language", "due": "due"}  # fmt: skip
_AMOUNTS = {"price": "price", "budget": "budget"}
_LISTS = {"source": "sources", "to": "targets", "agent": "agents"}
_TASK_TEXTS = {"name": "name", "craft": "craft", "brief": "brief"}
_TASK_LISTS = {"source": "sources", "to": "targets", "after": "after"}


class TaskWish(Struct, frozen=True):
    """One `[[task]]`: `after` and `sources` may name tasks of the same file."""

    name: str = ""
    craft: str = ""
    brief: str = ""
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Wish(Struct, frozen=True):
    """Values as written; empty where nothing was said. `folder` is what relative paths start from."""

    client: str = ""
    craft: str = ""
    title: str = ""
    brief: str = ""
    sources: tuple[str, ...] = ()
    source_language: str = ""
    targets: tuple[str, ...] = ()
    repository: str = ""
    base: str = ""
    price: str = ""
    due: str = ""
    budget: str = ""
    agents: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[CheckSpec, ...] = ()
    tasks: tuple[TaskWish, ...] = ()
    folder: Path = field(default_factory=Path)
    origin: str = ""  # the file's name, for messages
    overridden: frozenset[str] = frozenset()  # fields that an option said: they are not the file's
    problems: tuple[str, ...] = ()  # what is wrong with the file, told together with what its values mean


def merged(file: Wish, options: Wish) -> Wish:
    """Options win over the file, name by name; checks and craft options are added, a name of both is the option's."""
    said = {name: value for name in options.__struct_fields__ if (value := getattr(options, name))}
    for name in ("folder", "origin", "overridden", "problems"):
        said.pop(name, None)
    said["overridden"] = frozenset(said)
    if options.sources:
        said["sources"] = tuple(str(Path(name).absolute()) if name != "-" else name for name in options.sources)
    if options.repository:
        said["repository"] = str(Path(options.repository).absolute())
    checks = {spec.name: spec for spec in (*file.checks, *options.checks)}
    said["checks"] = tuple(checks.values())
    said["options"] = {**file.options, **options.options}
    return replace(file, **said)


def read_gig_file(text: str, folder: Path, origin: str) -> Wish:
    """The wish, with each bad key and what was expected in its `problems`. Raises UsageError where it is no TOML."""
    if len(text) > LARGEST_FILE:
        raise UsageError(f"{origin}: larger than a gig's file is ever ({LARGEST_FILE // 1024**2} MiB)")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{origin}: no TOML: {error}", "gigctl gig add --help; gigctl gig show REF --toml writes one"
        ) from error
    reader = _Reader(origin)
    return replace(reader.read(table, folder), problems=tuple(reader.problems))


class _Reader:
    """Reads a table and gathers what is wrong with it."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.problems: list[str] = []

    def bad(self, key: str, expected: str) -> None:
        self.problems.append(f"{self.origin}: {key}: {expected}")

    def read(self, table: Mapping[str, Any], folder: Path) -> Wish:
        known = {*_TEXTS, *_AMOUNTS, *_LISTS, "set", "checks", "task"}
        self._unknown("", table, known)
        values: dict[str, Any] = self._values("", table, _TEXTS, _LISTS)
        for key, name in _AMOUNTS.items():
            if key in table:
                values[name] = self._amount(key, table[key])
        return Wish(
            **values,
            options=self._table("set", table.get("set", {})),
            checks=self._checks(table.get("checks", {})),
            tasks=self._tasks(table.get("task", [])),
            folder=folder,
            origin=self.origin,
        )

    def _unknown(self, where: str, table: Mapping[str, Any], known: set[str]) -> None:
        for key in sorted(set(table) - known):
            self.bad(f"{where}{key}", f"no such key{did_you_mean(key, sorted(known))}")

    def _values(
        self, where: str, table: Mapping[str, Any], texts: Mapping[str, str], lists: Mapping[str, str]
    ) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, name in texts.items():
            if key in table:
                out[name] = self._text(where + key, table[key])
        for key, name in lists.items():
            if key in table:
                out[name] = self._list(where + key, table[key])
        return out

    def _text(self, key: str, value: Any) -> str:
        if isinstance(value, str) and "\0" not in value:
            return value
        if key.endswith("due") and hasattr(value, "isoformat"):
            return str(value.isoformat())
        self.bad(key, "expected a text")
        return ""

    def _amount(self, key: str, value: Any) -> str:
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return str(value)
        self.bad(key, 'expected an amount in quotes, like "120.00": a float is not exact')
        return ""

    def _list(self, key: str, value: Any) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        if all(isinstance(item, str) and item and "\0" not in item for item in items):
            return tuple(items)
        self.bad(key, "expected a text, or a list of texts")
        return ()

    def _table(self, key: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.bad(key, "expected a table")
        return {}

    def _checks(self, value: Any) -> tuple[CheckSpec, ...]:
        out = []
        for name, table in self._table("checks", value).items():
            try:
                out.append(load_spec(name, table))
            except UsageError as error:
                for line in error.message.replace(f"[checks.{name}] ", "").split("; "):
                    self.bad(f"checks.{name}", line.removeprefix(f"{name}: "))
        return tuple(out)

    def _tasks(self, value: Any) -> tuple[TaskWish, ...]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.bad("task", "expected [[task]] tables")
            return ()
        out = []
        for n, table in enumerate(value, 1):
            where = f"task {n}: "
            self._unknown(where, table, {*_TASK_TEXTS, *_TASK_LISTS})
            out.append(TaskWish(**self._values(where, table, _TASK_TEXTS, _TASK_LISTS)))
        self._check_names(out)
        return tuple(out)

    def _check_names(self, wishes: list[TaskWish]) -> None:
        names = {wish.name: n for n, wish in enumerate(wishes, 1) if wish.name}
        many = [wish.name for wish in wishes if wish.name]
        for name in sorted({name for name in names if many.count(name) > 1}):
            self.bad("task", f'two tasks are named "{name}"')
        for n, wish in enumerate(wishes, 1):
            waits = [name for name in (*wish.after, *wish.sources) if name in names or name in wish.after]
            if waits and not wish.name:
                self.bad(f"task {n}: name", "expected one, since it waits for another task")
            for name in waits:
                if name not in names:
                    self.bad(f"task {n}: after", f'no task of the file is named "{name}"')
        self._check_cycles(
            {wish.name: [n for n in (*wish.after, *wish.sources) if n in names] for wish in wishes if wish.name}
        )

    def _check_cycles(self, waits: dict[str, list[str]]) -> None:
        """Takes away what waits for nothing until nothing more goes (A. B. Kahn, 1962): what stays is in a circle."""
        left = dict(waits)
        while free := [name for name, needs in left.items() if not any(need in left for need in needs)]:
            for name in free:
                del left[name]
        if left:
            self.bad("task", f"these wait for each other in a circle: {', '.join(sorted(left))}")


def render_gig_file(values: Mapping[str, Any]) -> str:
    """`values` under the file's own keys, as TOML; what is empty is left out."""
    import tomli_w

    return tomli_w.dumps({key: value for key, value in values.items() if value not in (None, "", [], {})})
