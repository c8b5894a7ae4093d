"""The checks by name, and how `--check NAME=VALUE` and a `[checks.NAME]` table become a CheckSpec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from gigctl.checks.base import BadOption, Check
from gigctl.checks.options import seconds_of
from gigctl.errors import UsageError
from gigctl.model import CheckSpec
from gigctl.values import did_you_mean

if TYPE_CHECKING:
    from gigctl.checks import (
        command,
        compiles,
        conflicts,
        empty,
        ending,
        json_schema,
        length,
        numbers,
        placeholders,
        regex,
        repeated,
        secrets,
        size,
        spreadsheet_formula,
        structure,
        style,
        terms,
        untranslated,
    )

    # What `import_module` returns is never checked, so the protocol is held here.
    _text: tuple[Check, ...] = (empty, ending, length, numbers, placeholders, repeated, structure, terms, untranslated)
    _every: tuple[Check, ...] = (
        command,
        compiles,
        conflicts,
        json_schema,
        regex,
        secrets,
        size,
        spreadsheet_formula,
        style,
    )

TABLE = {
    "command": "gigctl.checks.command",
    "compiles": "gigctl.checks.compiles",
    "conflicts": "gigctl.checks.conflicts",
    "empty": "gigctl.checks.empty",
    "ending": "gigctl.checks.ending",
    "json-schema": "gigctl.checks.json_schema",
    "length": "gigctl.checks.length",
    "numbers": "gigctl.checks.numbers",
    "placeholders": "gigctl.checks.placeholders",
    "regex": "gigctl.checks.regex",
    "repeated": "gigctl.checks.repeated",
    "secrets": "gigctl.checks.secrets",
    "size": "gigctl.checks.size",
    "spreadsheet-formula": "gigctl.checks.spreadsheet_formula",
    "structure": "gigctl.checks.structure",
    "style": "gigctl.checks.style",
    "terms": "gigctl.checks.terms",
    "untranslated": "gigctl.checks.untranslated",
}
"""Name -> module. A module is imported when its check is asked for."""

OUTSIDE = frozenset({"command", "compiles", "json-schema", "regex", "secrets", "size", "style"})
"""Those that start a process of their own, or may take long; the others are pure, linear and done in no time."""
_OWN_KEYS = ("check", "run")


def list_checks() -> tuple[str, ...]:
    return tuple(TABLE)


def get_check(name: str) -> Check:
    """The check of that name. Raises UsageError, which names the nearest one."""
    if name not in TABLE:
        raise UsageError(f"no check is called {name!r}{did_you_mean(name, TABLE)}", f"the checks: {', '.join(TABLE)}")
    return _load(name)


@cache
def _load(name: str) -> Check:
    return cast("Check", import_module(TABLE[name]))


def load_spec(name: str, value: str | Mapping[str, Any] | None = None) -> CheckSpec:
    """A check as a user wrote it: VALUE of `--check NAME=VALUE` (None without one), or the table `[checks.NAME]`.

    Raises UsageError with every error of the table, each naming its key and what was expected.
    """
    if isinstance(value, Mapping):
        return _from_table(name, value)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"[checks.{name}] expected a table, or a text, got {value!r}"[:200])
    if name in TABLE:
        return CheckSpec(name, name, _options(name, name, value or ""))
    if value is None:
        get_check(name)  # raises: a word alone that is no check
    return CheckSpec(name, "command", _options(name, "command", value or ""))


def load_option(text: str) -> CheckSpec:
    """`NAME=VALUE` or `NAME`, as it stands behind `--check`."""
    name, equals, value = text.partition("=")
    return load_spec(name.strip(), value if equals else None)


def _options(name: str, check: str, value: str) -> dict[str, Any]:
    try:
        return get_check(check).option(value)
    except BadOption as error:
        raise UsageError(f"--check {name}: {error}") from error


_WITH_RUN = ("command", "style")
"""The checks that run a command line."""


def _from_table(name: str, table: Mapping[str, Any]) -> CheckSpec:
    errors = list(_table_errors(name, table))
    check = table.get("check", "command" if "run" in table else name)
    if not errors:
        try:
            options = _table_options(check, table)
        except BadOption as error:
            errors.append(str(error))
        else:
            return CheckSpec(name, check, options, table.get("required") is not False)
    raise UsageError("; ".join(f"[checks.{name}] {error}" for error in errors))


def _table_errors(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    if "run" in table and table.get("check", "command") not in _WITH_RUN:
        yield "has both run and check: a check is one or the other"
    if "run" not in table:
        wanted = table.get("check", name)
        if not isinstance(wanted, str) or wanted not in TABLE:
            key = "check" if "check" in table else "has neither check nor run, and its name"
            yield f"{key} {wanted!r} is no check" + (did_you_mean(str(wanted), TABLE) or f": {', '.join(TABLE)}")
    elif not _is_argv(table["run"]):
        yield f"run is a command line or a list of words, got {table['run']!r}"
    if not isinstance(table.get("required", True), bool | list):
        yield f"required is true or false, got {table['required']!r}"
    if "timeout" in table:
        try:
            seconds_of(table["timeout"])
        except BadOption as error:
            yield f"timeout: {error}"


def _is_argv(value: object) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(word, str) for word in value)
    return isinstance(value, str) and bool(value.strip())


def _table_options(check: str, table: Mapping[str, Any]) -> dict[str, Any]:
    module = get_check(check)
    # `required` is the gate where it is true or false; a list is the check's own (`terms`).
    options = {key: value for key, value in table.items() if key not in _OWN_KEYS}
    if isinstance(options.get("required"), bool):
        del options["required"]
    if "timeout" in options:
        options["timeout"] = seconds_of(options["timeout"])
    if "run" in table:
        # A string is split as a shell splits words, which `option` does for the command line too.
        argv = table["run"]
        options |= get_check("command").option(argv) if isinstance(argv, str) else {"run": list(argv)}
    module.validate(options)
    return options
