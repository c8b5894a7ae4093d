"""What an ACP agent is answered while it works: its reads and writes, its requests for permission, its questions; and
what it told of itself.

It works in the sandbox, which is the wall. Here nothing is done for it that is wider than its task's tree: what it
asks for by a path that leads elsewhere is refused. The names of the methods are the protocol's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gigctl.agents.openai_answer import picodollars
from gigctl.model import Usage
from gigctl.system.inside import Outside, find_parts, is_inside, read_inside, write_inside

__all__ = ["Host"]

TEXT_LIMIT = 8 * 1024 * 1024
"""The most that an agent may say in one turn, in characters."""
MOST_COST = 10**6
"""US dollars: nobody's session costs so much, and the ledger can't hold nine times as much."""
NOTES = 200
"""Lines that are kept of what it did."""
_REFUSED = -32602
"""JSON-RPC's number for parameters that can't be."""
_PLACES = frozenset({"path", "file", "filepath", "file_path", "filename", "absolute_path", "directory", "dir", "cwd",
                     "parentdir", "abs_path", "old_path", "new_path", "notebook_path", "target_file"})  # fmt: skip
"""Names under which agents keep a path in a tool's raw input."""
_TEXTS = re.compile(
    r"(?:content|text|string|str|diff|patch|pattern|query|regex|command|description|prompt|title|message|thought|reason"
    r"|old|new|replacement|insert)s?$"
)
"""Names under which they keep what is no path, though it may begin like one."""
_ELSEWHERE = re.compile(
    r"(?:file:|~|/(?![/*\s]))[^\n]{0,4096}|(?:[^\n/]{0,255}/){0,64}\.\.(?:/[^\n]{0,4096})?", re.IGNORECASE
)
"""A text that leads out of any folder, or may."""
_WITHOUT_PLACE = frozenset({"read", "search", "think", "fetch", "execute"})
"""Kinds of tools that may name no file: the sandbox bounds what they reach."""
_REACHES_OUT = frozenset({"fetch", "execute"})
_LOOKS = frozenset({"read", "search"})
_NOT_TO_CHANGE = frozenset({".git", ".gigctl"})


class Host:
    """One session's other side. `place` is where the agent sees `tree`; `walled` is False where no sandbox holds it."""

    def __init__(self, tree: Path, place: str, *, walled: bool) -> None:
        self.question = ""
        """What it wants to know of a person; the empty string where nothing."""
        self.cost: int | None = None
        self.too_much = False
        self._tree = tree
        self._place = place
        self._walled = walled
        self._said: list[str] = []
        self._length = 0
        self._notes: dict[str, str] = {}

    # --- what it told ---

    @property
    def text(self) -> str:
        """What it said since its last use of a tool."""
        return "".join(self._said).strip("\n")

    @property
    def notes(self) -> str:
        """What it planned and did, a line each."""
        return "\n".join(self._notes.values())

    def forget(self) -> None:
        """What was told of an earlier turn."""
        self._said.clear()
        self._notes.clear()
        self._length = 0

    def note(self, key: str, line: str) -> None:
        if key in self._notes or len(self._notes) < NOTES:
            self._notes[key] = " ".join(line.split())[:300]

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        kind = str(getattr(update, "session_update", ""))
        if kind == "agent_message_chunk":
            self._hear(update.content)
        elif kind in ("tool_call", "tool_call_update"):
            self._watch_tool(update, begins=kind == "tool_call")
        elif kind == "plan":
            for n, entry in enumerate(update.entries[:NOTES]):
                self.note(f"plan {n}", f"plan: {entry.content} ({entry.status})")
        elif kind == "usage_update" and update.cost is not None:
            self._count(update.cost)

    def _hear(self, content: Any) -> None:
        text = str(getattr(content, "text", "")) if getattr(content, "type", "") == "text" else ""
        self._length += len(text)
        self.too_much |= self._length > TEXT_LIMIT
        if not self.too_much:
            self._said.append(text)

    def _watch_tool(self, update: Any, *, begins: bool) -> None:
        if begins:
            self._said.clear()
        before = self._notes.get(update.tool_call_id, "tool: ").removeprefix("tool: ").rpartition(" (")[0]
        title = update.title or before or update.kind or "tool"
        self.note(update.tool_call_id, f"tool: {title} ({update.status or 'pending'})")

    def _count(self, cost: Any) -> None:
        """What the session cost so far; in another currency than ours, or beyond belief, it says nothing."""
        if cost.currency != "USD":
            return
        try:
            told = Decimal(str(cost.amount))
        except InvalidOperation:  # pragma: no cover  # a float is a decimal
            return
        if told.is_finite() and 0 <= told < MOST_COST:
            self.cost = picodollars(told)

    # --- files ---

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **_: Any
    ) -> Mapping[str, str]:
        text = self._inside(path, lambda parts: read_inside(self._tree, parts)).decode("utf-8", "replace")
        if line is None and limit is None:
            return {"content": text}
        first = max((line or 1) - 1, 0)
        lines = text.splitlines(keepends=True)[first:]
        return {"content": "".join(lines if limit is None else lines[:limit])}

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> Mapping[str, str]:
        data = content.encode("utf-8", "replace")
        self._inside(path, lambda parts: write_inside(self._tree, parts, data))
        self.note(f"write {path}", f"write: {path}")
        return {}

    def _inside(self, path: str, act: Any) -> Any:
        from acp import RequestError

        parts = find_parts(path, self._place) if path.startswith("/") else None
        why = f"{path} is not in {self._place}"
        if parts is not None:
            try:
                return act(parts)
            except Outside as error:
                why = str(error)
        self.note(f"refused {path}", f"refused: {path}")
        raise RequestError(_REFUSED, why)

    # --- permission ---

    async def request_permission(
        self, session_id: str, tool_call: Any, options: Sequence[Any], **_: Any
    ) -> Mapping[str, Any]:
        """Once, and only for what stays in the tree."""
        allowed = self.may(tool_call)
        if not allowed:
            self.note(f"refused {tool_call.tool_call_id}", f"refused: {tool_call.title or tool_call.kind or 'a tool'}")
        for kind in ("allow_once", "allow_always") if allowed else ("reject_once", "reject_always"):
            for option in options:
                if option.kind == kind:
                    return {"outcome": {"outcome": "selected", "optionId": option.option_id}}
        return {"outcome": {"outcome": "cancelled"}}

    def may(self, call: Any) -> bool:
        """Whether all that a tool call names is in the tree, and it names something or needs not to."""
        named = list(_named(call))
        if not all(self._is_ours(path, looks=call.kind in _LOOKS) for path in named):
            return False
        if call.kind in _REACHES_OUT:
            return self._walled
        return bool(named) or call.kind in _WITHOUT_PLACE

    def _is_ours(self, path: str, *, looks: bool) -> bool:
        parts = find_parts(path, self._place)
        if parts is None or not (looks or _NOT_TO_CHANGE.isdisjoint(part.lower() for part in parts)):
            return False
        return is_inside(self._tree, parts)

    # --- a person ---

    async def create_elicitation(self, message: str, mode: Any, **_: Any) -> Mapping[str, str]:
        """A question for a person: nobody is there now, and it is kept."""
        self.question = self.question or message.strip()
        return {"action": "cancel"}

    # --- what it can't have ---

    async def create_terminal(self, session_id: str, command: str, **_: Any) -> Mapping[str, str]:
        """It has the sandbox to run programs in."""
        from acp import RequestError

        self.note(f"terminal {command}", f"refused: terminal {command}")
        raise RequestError.method_not_found("terminal/create")

    async def ext_method(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        from acp import RequestError

        raise RequestError.method_not_found(f"_{method}")

    async def ext_notification(self, method: str, params: Mapping[str, Any]) -> None:
        """What no protocol names tells nothing."""


def _named(call: Any) -> Iterator[str]:
    """The paths that a tool call speaks of."""
    yield from (location.path for location in call.locations or ())
    yield from (block.path for block in call.content or () if getattr(block, "type", "") == "diff")
    yield from _raw_paths(call.raw_input, anywhere=call.kind not in _REACHES_OUT)


def _raw_paths(raw: Any, depth: int = 4, name: str = "", *, anywhere: bool) -> Iterator[str]:
    """Of a tool's raw input what is called a path; `anywhere` any text that leads out, and is not called a text."""
    if isinstance(raw, str):
        leads = anywhere and not _TEXTS.search(name) and _ELSEWHERE.fullmatch(raw) is not None
        if leads or name in _PLACES:
            yield _plain_path(raw)
    elif isinstance(raw, dict) and depth:
        for key, value in raw.items():
            plain = str(key).replace("-", "_").lower()
            yield from _raw_paths(value, depth - 1, plain, anywhere=anywhere)
    elif isinstance(raw, list) and depth:
        for value in raw:
            yield from _raw_paths(value, depth - 1, name, anywhere=anywhere)


def _plain_path(named: str) -> str:
    """A path as a folder has it: an address of a file is one, and `~` is nobody's folder here."""
    path = unquote(named[5:].removeprefix("//").removeprefix("localhost")) if named[:5].lower() == "file:" else named
    return f"/{path}" if path.startswith("~") else path


def usage_of(told: Any) -> Usage | None:
    """A turn's tokens; None where they can't be. What came from a provider's cache is no part of the protocol's input,
    and is one of ours."""
    if told is None:
        return None
    cached, written = told.cached_read_tokens or 0, told.cached_write_tokens or 0
    counts = (told.input_tokens, told.output_tokens, told.thought_tokens or 0, cached, written)
    if not all(0 <= count < 10**12 for count in counts):
        return None
    return Usage(told.input_tokens + cached + written, told.output_tokens + (told.thought_tokens or 0), cached)
