"""How many calls an agent is sent at once by a run: as many as were asked for, fewer where it says that is too many."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import TracebackType

__all__ = ["Places"]

SHARE = 0.9
"""Of the calls that were left to a server when it turned one away, how many it is sent at once from then on."""


class Places:
    """A semaphore whose size follows what the server takes. Each call holds a place while it is under way.

    A call that is turned away (429, 503) lowers the limit to a little less than what the server was left with. Answers
    raise it again: by one each up to half of where it last was too high, from there by one a round of answers (slow
    start and congestion avoidance: V. Jacobson, "Congestion Avoidance and Control", 1988). So a server that takes eight
    at once is sent seven to nine, and one that was away for a moment is soon sent all again. Several processes share
    what it takes: each sees only its own, and those that have more are turned away more often.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = self._most
        self._calm = self._most  # from here on it rises slowly
        self._lowered = 0.0  # when, by the monotonic clock
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        return int(self._limit)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def __aenter__(self) -> float:
        """When the call begins, by the monotonic clock: for `turned_away`."""
        if self._busy < int(self._limit) and not self._waiting:
            self._busy += 1
            return time.monotonic()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise
        return time.monotonic()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._busy -= 1
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting and self._busy < int(self._limit):
            place = self._waiting.popleft()
            if not place.done():
                self._busy += 1
                place.set_result(None)

    def turned_away(self, begun: float) -> bool:
        """One that began then was too many. Those that were sent before the limit fell only tell how far it falls.
        Whether others are under way: then the server does its work."""
        if begun >= self._lowered:
            self._calm = max(1.0, self._limit / 2)
        self._lowered = time.monotonic()
        self._limit = max(1.0, min(self._limit, self._busy * SHARE))
        return self._busy > 0

    def answered(self) -> None:
        if self._limit >= self._most:
            return
        self._limit = min(self._most, self._limit + (1.0 if self._limit < self._calm else 1.0 / self._limit))
        self._hand_on()
