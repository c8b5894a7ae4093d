"""Kind `manual`: the freelancer. It is no call: `edit` makes the draft."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gigctl.agents.base import Agent, AgentError
from gigctl.model import AgentEntry, Draft, Request

__all__ = ["ManualAgent"]


class ManualAgent:
    """Costs nothing to ask, and never answers by itself."""

    def __init__(self, entry: AgentEntry, *, environ: Mapping[str, str]) -> None:
        self.entry = entry

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def bound(self, request: Request) -> int | None:
        return self.entry.price_run or 0

    async def draft(self, request: Request) -> Draft:
        raise AgentError("unavailable", "this one is yours to write: gigctl edit", sent=False, cost=0)


if TYPE_CHECKING:
    _: type[Agent] = ManualAgent
