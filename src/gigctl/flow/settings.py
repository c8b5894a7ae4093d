"""Settings as a use case: show them with their origin, change one line of the user's file, write ours."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from msgspec import Struct

from gigctl.config import Settings, load_settings, setting_names, settings_from
from gigctl.errors import ConfigError, UsageError
from gigctl.paths import Paths
from gigctl.system import locks
from gigctl.system.files import write_atomic
from gigctl.values import usd_text

__all__ = ["Setting", "edit_settings", "list_settings", "locked", "set_setting"]

_TEMPLATE = "# gigctl's settings; `gigctl config show` tells them all.\n"
_PLAIN_VALUE = re.compile(r"true|false|0|[1-9][0-9]{0,17}")


class Setting(Struct, frozen=True):
    """One setting as it is now: `value` as text, None where unset."""

    name: str
    value: str | None
    origin: str
    help: str


def list_settings(paths: Paths, env: Mapping[str, str]) -> list[Setting]:
    """All settings in their order, each rate by itself."""
    loaded = load_settings(paths.config_file, env)
    out = []
    for item in fields(Settings):
        name, value = item.name.replace("_", "-"), getattr(loaded.settings, item.name)
        about = (loaded.origins[item.name], str(item.metadata["help"]))
        if isinstance(value, Mapping):
            out += [Setting(f"{name}.{key}", f"{rate:f}", *about) for key, rate in sorted(value.items())]
        else:
            out.append(Setting(name, _shown(item.name, value), *about))
    return out


def _shown(name: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    return usd_text(value) if name == "max_cost" else str(value)


def set_setting(paths: Paths, name: str, value: str) -> None:
    """Change one line of the user's file and leave all others, comments too, as they are."""
    if name not in setting_names() and not name.startswith("rates."):
        raise UsageError(f"no setting {name}", f"one of {', '.join(setting_names())}; gigctl config show")
    with locked(paths.config_file):
        before = _read(paths.config_file)
        after = _with_line(before, name, value)
        _check_change(before, after, name, paths.config_file)
        write_atomic(paths.config_file, after.encode())


def _with_line(text: str, name: str, value: str) -> str:
    """The text with the setting's line changed, or added at the end of its table."""
    table, _, key = name.rpartition(".")
    line = f"{key} = {_toml_value(value)}"
    lines = text.split("\n")
    start, end = _table_lines(lines, table)
    if start is None:
        return text + ("" if text.endswith("\n") or not text else "\n") + f"\n[{table}]\n{line}\n"
    for number in range(start, end):
        if re.match(rf'\s*"?{re.escape(key)}"?\s*=', lines[number]):
            return "\n".join([*lines[:number], line, *lines[number + 1 :]])
    while end > start and not lines[end - 1].strip():
        end -= 1
    return "\n".join([*lines[:end], line, *(lines[end:] or [""])])


def _table_lines(lines: list[str], table: str) -> tuple[int | None, int]:
    """Where a table's lines begin and end; the top of the file is the table without a name."""
    heads = [number for number, line in enumerate(lines) if re.match(r"\s*\[", line)]
    if not table:
        return 0, heads[0] if heads else len(lines)
    for at, number in enumerate(heads):
        if re.match(rf"\s*\[\s*{re.escape(table)}\s*\]", lines[number]):
            return number + 1, heads[at + 1] if at + 1 < len(heads) else len(lines)
    return None, 0


def _toml_value(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in escaped) + '"'


def _check_change(before: str, after: str, name: str, path: Path) -> None:
    """Nothing but that setting may differ: a file of an unusual form is the user's to edit."""
    try:
        old, new = tomllib.loads(before), tomllib.loads(after)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: no TOML that could be changed: {error}", "gigctl config edit") from error
    _check_values(new, path)
    table, _, key = name.rpartition(".")
    for content in (old, new):
        (content.setdefault(table, {}) if table else content).pop(key, None)
    if old != new:
        raise ConfigError(f"{path}: {name} can't be set without touching other lines", "gigctl config edit")


def _check_values(table: Mapping[str, Any], path: Path) -> None:
    try:
        settings_from(table, path, {})
    except ConfigError as error:
        raise UsageError(error.message, "gigctl config show") from error


def edit_settings(paths: Paths, env: Mapping[str, str]) -> None:
    """The file in the user's editor; what they wrote is checked when they are done, and kept whatever it is."""
    import shlex

    from gigctl.system import proc

    path = paths.config_file
    editor = env.get("VISUAL") or env.get("EDITOR") or "vi"
    if not path.exists():
        with locked(path):
            write_atomic(path, _TEMPLATE.encode())
    code = proc.interactive([*shlex.split(editor), str(path)])
    if code != 0:
        raise ConfigError(f"the editor {editor} ended with {code}", "set VISUAL or EDITOR")
    load_settings(path, {})


# --- files of ours ---


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "gigctl config edit") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One writer at a time, beside the file that a link names: all who write it meet there."""
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locks.exclusive(target.with_name(f".{target.name}.lock"), timeout=10):
        yield
