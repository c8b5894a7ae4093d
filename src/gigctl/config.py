"""Settings and agents: each known key with its default, help and form; every error of a file at once.

Precedence: flag, `GIGCTL_*`, the user's `config.toml`, default. `agents.toml` is the program's own file. Neither ever
holds a key of a provider: an entry names a variable of the environment, or the system keyring.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from gigctl.errors import ConfigError
from gigctl.model import SLUG, AgentEntry
from gigctl.values import (
    DEFAULT_CURRENCY,
    BadValue,
    find_number,
    parse_currency,
    parse_duration,
    parse_price,
    parse_usd,
)

__all__ = [
    "AGENT_KINDS",
    "BUILT_IN",
    "Loaded",
    "Settings",
    "agent_table",
    "is_loopback",
    "load_agents",
    "load_settings",
    "read_agent",
    "setting_names",
    "settings_from",
]

_LARGEST_FILE = 2**20
"""Bytes; a deeper or larger file than anybody writes makes tomllib recurse or crawl."""


# --- forms of values, as TOML or as text ---


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise BadValue("expected a text")
    return value


def _number(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        number = find_number(value, least, most) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            raise BadValue(f"expected a whole number from {least} to {most}")
        return number

    return parse


def _flag(value: Any) -> bool:
    words = {"true": True, "false": False, True: True, False: False}
    if not isinstance(value, (str, bool)) or value not in words:
        raise BadValue("expected true or false")
    return words[value]


def _money(parse: Callable[[str], int]) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, float):
            raise BadValue('expected an amount in quotes, like "0.15": a float is not exact')
        return parse(str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value))

    return read


def _agent_names(value: Any) -> str:
    text = _text(value)
    if not all(SLUG.fullmatch(name) for name in text.split(",")):
        raise BadValue("expected names of agents with commas between them")
    return text


def _rate(value: Any) -> Decimal:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,12})?", text) or not Decimal(text):
        raise BadValue('expected what one unit is in USD, in quotes, like "1.08"')
    return Decimal(text)


# --- settings ---


def _setting(default: Any, form: Callable[[Any], Any], text: str) -> Any:
    return field(default=default, metadata={"form": form, "help": text})


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set. A name's `_` is `-` in the file and on the command line."""

    agent: str = _setting("local", _agent_names, "who drafts where no -a says so; more than one is a chain")
    jobs: int = _setting(4, _number(1, 1024), "how many calls at once (-j)")
    repair: int = _setting(2, _number(0, 20), "how often a draft that failed a check is asked for again")
    max_cost: int | None = _setting(None, _money(parse_usd), "the most that a run may cost, in USD")
    currency: str = _setting(DEFAULT_CURRENCY, parse_currency, "the currency of new clients")
    signer: str = _setting("", _text, "the SSH key that signs sign-offs and deliveries")
    diff_tool: str = _setting("", _text, "the program of diff --tool, as a shell would split it")
    rates: Mapping[str, Decimal] = field(
        default_factory=dict, metadata={"help": "what one unit of a currency is in USD: rates.EUR"}
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and, by name, where each value came from: `flag`, a variable's name, a file's path, or `default`."""

    settings: Settings
    origins: Mapping[str, str]


def setting_names() -> dict[str, str]:
    """The names as a user writes them, each with its help."""
    return {item.name.replace("_", "-"): item.metadata["help"] for item in fields(Settings)}


def load_settings(path: Path, env: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> Loaded:
    """Settings by precedence. ConfigError names each bad key of the file, a line each, and what was expected."""
    return settings_from(_load_toml(path), path, env, flags)


def settings_from(
    table: Mapping[str, Any], path: Path, env: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Loaded:
    """The same of a file's table, before it is written."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins = dict.fromkeys((item.name for item in fields(Settings)), "default")
    for origin, source in ((str(path), _dotted(table)), *_environment(env), ("flag", _dotted(flags or {}))):
        for key, raw in source.items():
            try:
                name, value = _read_setting(key, raw)
            except BadValue as error:
                problems.append(f"{origin}: {key}: {error.message}")
                continue
            values[name] = values.get(name, {}) | value if name == "rates" else value
            origins[name] = origin
    _raise(problems, f"gigctl config edit opens {path}")
    return Loaded(replace(Settings(), **values), origins)


def _read_setting(key: str, raw: Any) -> tuple[str, Any]:
    known = {item.name.replace("_", "-"): item for item in fields(Settings)}
    if key.startswith("rates."):
        return "rates", {parse_currency(key.removeprefix("rates.")): _rate(raw)}
    if key not in known or key == "rates":
        raise BadValue(f"no such setting; known are {', '.join(known)}")
    return known[key].name, known[key].metadata["form"](raw)


def _dotted(table: Mapping[str, Any]) -> dict[str, Any]:
    """`[rates] EUR = …` as `rates.EUR`; a flag that was not given (None) is none."""
    out: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            out |= {f"{key}.{inner}": content for inner, content in value.items()}
        elif value is not None:
            out[key] = value
    return out


def _environment(env: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each set variable by itself, since its name is its value's origin. An empty one is not set."""
    for key in setting_names():
        variable = "GIGCTL_" + key.upper().replace("-", "_")
        if key != "rates" and env.get(variable):
            yield variable, {key: env[variable]}
    for variable, value in env.items():
        if variable.startswith("GIGCTL_RATES_") and value:
            yield variable, {f"rates.{variable.removeprefix('GIGCTL_RATES_')}": value}


# --- agents ---

AGENT_KINDS = ("openai", "litellm", "local", "command", "acp", "manual", "scripted")
BUILT_IN: Mapping[str, AgentEntry] = {
    "local": AgentEntry("local", "local"),
    "manual": AgentEntry("manual", "manual"),
}
"""Agents that are there without being added."""


def _kind(value: Any) -> str:
    if value not in AGENT_KINDS:
        raise BadValue(f"expected one of {', '.join(AGENT_KINDS)}")
    return str(value)


def _key(value: Any) -> str:
    text = _text(value)
    if text != "keyring" and not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", text):
        raise BadValue("expected env:VARIABLE or keyring: a key itself is never kept in a file")
    return text


def _url(value: Any) -> str:
    from urllib.parse import urlsplit

    text = _text(value)
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or "@" in parts.netloc or parts.query or parts.fragment or not text.isprintable() or " " in text:
        raise BadValue("expected an address like https://api.example.com/v1, without a name or key in it")
    return text.rstrip("/")


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise BadValue("expected a list of texts")
    return tuple(_text(item) for item in value)


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadValue("expected a table")
    return dict(value)


def _headers(value: Any) -> dict[str, str]:
    out = {}
    for name, source in _table(value).items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise BadValue(f"{name!r} is no header's name")
        if not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", _text(source)):
            raise BadValue(f"{name}: expected env:VARIABLE")
        out[name] = source
    return out


def _seconds(value: Any) -> float:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return float(value)
    seconds = parse_duration(value) if isinstance(value, str) else 0
    if not seconds:
        raise BadValue("expected a duration like 45s")
    return float(seconds)


def _unknown_key(_: Any) -> Any:
    raise BadValue(f"no such key; known are {', '.join(_AGENT_FORMS)}")


_AGENT_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "kind": _kind,
    "model": _text,
    "api-base": _url,
    "key": _key,
    "rpm": _number(1, 10**7),
    "tpm": _number(1, 10**10),
    "concurrency": _number(1, 4096),
    "price-in": _money(parse_price),
    "price-out": _money(parse_price),
    "price-cached": _money(parse_price),
    "price-run": _money(parse_usd),
    "headers": _headers,
    "body": _table,
    "timeout": _seconds,
    "local": _flag,
    "allow": _texts,
    "env": _texts,
    "argv": _texts,
    "window": _number(256, 10**8),
}


def read_agent(name: str, table: Mapping[str, Any]) -> tuple[AgentEntry, list[str]]:
    """An entry from its table (a file's, or the options of `agent add`) and all that is wrong with it, a line each."""
    problems = [] if SLUG.fullmatch(name) else [f"{name!r} is no name: letters, digits and _, a letter first"]
    values: dict[str, Any] = {}
    for key, raw in table.items():
        try:
            values[key.replace("-", "_")] = _AGENT_FORMS.get(key, _unknown_key)(raw)
        except BadValue as error:
            problems.append(f"{key}: {error.message}")
    entry = AgentEntry(**{"name": name, "kind": "litellm", **values})
    if not problems:
        problems = [*_missing(entry, "kind" in table), *_against_the_walls(entry)]
    return entry, problems


def _missing(entry: AgentEntry, has_kind: bool) -> Iterator[str]:
    if not has_kind:
        yield f"kind: expected one of {', '.join(AGENT_KINDS)}"
    needs = {"openai": ("model", "api_base"), "litellm": ("model",), "command": ("argv",), "acp": ("argv",)}
    what = {
        "model": "the model's name",
        "api_base": "the endpoint's address",
        "argv": "the program, after --",
    }
    for name in needs.get(entry.kind, ()):
        if not getattr(entry, name):
            yield f"{name.replace('_', '-')}: kind {entry.kind} needs {what[name]}"
    if (entry.price_in is None) != (entry.price_out is None):
        yield "price-in, price-out: one without the other bounds no cost"


def _against_the_walls(entry: AgentEntry) -> Iterator[str]:
    """Promise 4: what is declared local may not be somewhere else."""
    if entry.local and entry.kind == "litellm" and not entry.api_base:
        yield "local: litellm may call anywhere; give --api-base with a loopback address"
    if entry.local and entry.api_base and not is_loopback(entry.api_base):
        yield f"local: {entry.api_base} is not this machine: expected a loopback address"
    if entry.works_with_model and not entry.local:
        yield f"model: a program that works with the embedded model ({entry.model}) has no network: declare it --local"
    if entry.name in BUILT_IN and entry.kind != BUILT_IN[entry.name].kind:
        yield f"{entry.name} is built in: choose another name"


def is_loopback(url: str) -> bool:
    """An address of this machine itself: by number, or by the name that no resolver may send elsewhere (RFC 6761)."""
    import ipaddress
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_agents(path: Path, leaving: str = "") -> dict[str, AgentEntry]:
    """All agents by name, the built-in ones first. ConfigError names everything that is wrong in the file, but for the
    one that is `leaving` it."""
    out = dict(BUILT_IN)
    problems: list[str] = []
    for name, table in _load_toml(path).items():
        if not isinstance(table, Mapping):
            problems.append(f"{path}: {name}: expected a table, one an agent")
            continue
        out[name], found = read_agent(name, table)
        problems += [f"{path}: {name}: {problem}" for problem in found if name != leaving]
    _raise(problems, "gigctl agent remove NAME, or mend the file")
    return out


def agent_table(entry: AgentEntry) -> dict[str, Any]:
    """An entry as its table in agents.toml: what is as by default is left out."""
    from gigctl.values import price_text, usd_text

    plain = AgentEntry(entry.name, "")
    out: dict[str, Any] = {}
    for key in _AGENT_FORMS:
        value = getattr(entry, key.replace("-", "_"))
        if value == getattr(plain, key.replace("-", "_")):
            continue
        if key in ("price-in", "price-out", "price-cached"):
            value = price_text(value)
        elif key == "price-run":
            value = usd_text(value)
        elif key == "timeout":
            value = int(value)
        out[key] = list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
    return out


# --- files ---


def _load_toml(path: Path) -> dict[str, Any]:
    """A file's table; an absent file is an empty one."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "gigctl doctor") from error
    if len(data) > _LARGEST_FILE:
        raise ConfigError(f"{path}: larger than {_LARGEST_FILE} bytes")
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8, and byte {error.start} is not") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: no TOML: {str(error) or 'nested too deep'}", f"mend {path}") from error


def _raise(problems: list[str], hint: str) -> None:
    if problems:
        raise ConfigError("\n".join(problems), hint)
