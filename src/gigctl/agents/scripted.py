"""Kind `scripted`: deterministic answers from a file, for examples and tests.

The file is the entry's `argv[0]`, or `file` in its body: JSON, or TOML by its ending. It holds a list of rules (in
TOML and where wished in JSON under `rules`), and the first that matches answers::

    [[rules]]
    match = "Le prestataire"            # in the parts of role source; all of the prompt where there is none
    answer = "The service provider"     # or a list: one for each time that this rule is asked, the last for ever
    [[rules]]
    regex = '^# (.*)'                   # Python's, searched with MULTILINE; \\1 in the answer is its group
    answer = '# EN \\1'
    delay = 0.2                         # seconds
    [[rules]]
    match = ""
    fail = "rate_limited"               # a kind of error; a list with the answers: "" there means that it answers
    retry_after = 1.5

`default` beside `rules` answers where none matches. Without a file, or without a default, the source comes back as
it is.
`{source}` in an answer is the source.
"""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, get_args

from msgspec import Struct

from gigctl.agents.base import Agent, AgentError, ErrorKind, bound_by_tokens, cost_of
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry, Draft, Request, Usage

__all__ = ["ScriptedAgent", "find_file", "load_rules"]

_KNOWN = frozenset({"match", "regex", "answer", "fail", "delay", "retry_after"})
_KNOWN_OF_FILE = frozenset({"rules", "default"})


class Rule(Struct, frozen=True):
    """`answers` and `fails` are given in turn, each one's last for ever; an empty fail is none."""

    match: str = ""
    regex: re.Pattern[str] | None = None
    answers: tuple[str, ...] = ("{source}",)
    fails: tuple[str, ...] = ("",)
    delay: float = 0.0
    retry_after: float | None = None

    def fits(self, text: str) -> bool:
        return self.regex.search(text) is not None if self.regex is not None else self.match in text

    def answer(self, turn: int, source: str) -> str:
        said = self.answers[min(turn, len(self.answers) - 1)]
        found = self.regex.search(source) if self.regex is not None else None
        said = found.expand(said) if found is not None else said
        return said.replace("{source}", source)


class ScriptedAgent:
    """Answers from its file; what it was asked how often is remembered while it is open."""

    def __init__(self, entry: AgentEntry, *, environ: Mapping[str, str]) -> None:
        self.entry = entry
        file = find_file(entry)
        self._rules = load_rules(file) if file else (Rule(),)
        self._turns: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.clear()

    def bound(self, request: Request) -> int | None:
        return bound_by_tokens(self.entry, request)

    async def draft(self, request: Request) -> Draft:
        source = _source(request)
        number = next((at for at, rule in enumerate(self._rules) if rule.fits(source)), None)
        rule = Rule() if number is None else self._rules[number]
        turn = self._turns.get(number, 0) if number is not None else 0
        if number is not None:
            self._turns[number] = turn + 1
        if rule.delay:
            await asyncio.sleep(rule.delay)
        _fail(rule, turn)
        content = rule.answer(turn, source)
        usage = Usage(max(1, request.prompt_bytes // 4), max(1, len(content.encode("utf-8", "surrogateescape")) // 4))
        return Draft(
            content, usage, cost_of(self.entry, usage), model=self.entry.model or "scripted", seconds=rule.delay
        )


def _source(request: Request) -> str:
    sources = [part.text for part in request.parts if part.role == "source"]
    return "\n\n".join(sources) if sources else request.prompt()


def _fail(rule: Rule, turn: int) -> None:
    kind = rule.fails[min(turn, len(rule.fails) - 1)]
    if kind == "unknown":
        raise AgentError("timeout", "scripted: no whole answer in time", answered=False)
    if kind:
        known: ErrorKind = kind  # type: ignore[assignment]  # load_rules has looked
        paid = kind in ("refused", "cut", "malformed")
        raise AgentError(known, f"scripted: {kind}", retry_after=rule.retry_after, cost=None if paid else 0)


# --- the file ---


def find_file(entry: AgentEntry) -> Path | None:
    """The file of an entry, None where it has none. Raises ConfigError where there is more than a file."""
    named = [*entry.argv, *([str(entry.body["file"])] if "file" in entry.body else [])]
    if len(named) > 1:
        raise ConfigError(f"{entry.name}: a scripted agent takes one file, not {len(named)}: {', '.join(named)}")
    if unknown := sorted(set(entry.body) - {"file"}):
        raise ConfigError(f"{entry.name}: body: a scripted agent has no {', '.join(unknown)}", "known: file")
    return Path(named[0]).expanduser() if named else None


def load_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file. Raises ConfigError that names the file, the rule and what was expected."""
    try:
        data = path.read_bytes()
        found = tomllib.loads(data.decode()) if path.suffix == ".toml" else json.loads(data)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "a scripted agent's file is its argument") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: neither JSON nor TOML ({error})") from None
    if isinstance(found, dict) and (unknown := sorted(set(found) - _KNOWN_OF_FILE)):
        raise ConfigError(f"{path}: unknown {', '.join(unknown)}", f"known: {', '.join(sorted(_KNOWN_OF_FILE))}")
    default = found.get("default") if isinstance(found, dict) else None
    rules = found.get("rules", []) if isinstance(found, dict) else found
    if not isinstance(rules, list):
        raise ConfigError(f"{path}: rules must be a list")
    made = [_rule(f"{path}: rule {number}", rule) for number, rule in enumerate(rules, 1)]
    if default is not None:
        made.append(_rule(f"{path}: default", {"answer": default}))
    return tuple(made)


def _rule(where: str, found: Any) -> Rule:
    if not isinstance(found, dict):
        raise ConfigError(f"{where}: expected a table")
    if unknown := sorted(set(found) - _KNOWN):
        raise ConfigError(f"{where}: unknown {', '.join(unknown)}", f"known: {', '.join(sorted(_KNOWN))}")
    fails = _texts(where, "fail", found.get("fail", ""))
    kinds = (*get_args(ErrorKind), "unknown", "")
    if wrong := [kind for kind in fails if kind not in kinds]:
        raise ConfigError(f"{where}: fail can't be {wrong[0]!r}", f"kinds: {', '.join(kinds[:-1])}")
    return Rule(
        match=_texts(where, "match", found.get("match", ""))[0],
        regex=_regex(where, found["regex"]) if "regex" in found else None,
        answers=_texts(where, "answer", found.get("answer", "{source}")),
        fails=fails,
        delay=_seconds(where, "delay", found.get("delay", 0)),
        retry_after=_seconds(where, "retry_after", found["retry_after"]) if "retry_after" in found else None,
    )


def _texts(where: str, name: str, value: Any) -> tuple[str, ...]:
    many = value if isinstance(value, list) else [value]
    if not many or not all(isinstance(each, str) for each in many):
        raise ConfigError(f"{where}: {name} must be a text or a list of texts")
    return tuple(many)


def _seconds(where: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ConfigError(f"{where}: {name} must be seconds")
    return float(value)


def _regex(where: str, value: Any) -> re.Pattern[str]:
    try:
        return re.compile(value, re.MULTILINE)
    except (re.error, TypeError) as error:
        raise ConfigError(f"{where}: regex: {error}") from None


if TYPE_CHECKING:
    _: type[Agent] = ScriptedAgent
