"""How far work is: a live line on a terminal, now and then a plain line elsewhere; on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from gigctl.render.display import cell_width, fit
from gigctl.render.figures import json_usd, render_seconds, render_size, render_usd

if TYPE_CHECKING:
    from rich.live import Live

    from gigctl.render.output import Output

__all__ = ["ByteProgress", "Progress", "State", "progress_text"]

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0
"""Seconds between plain lines: 5, then 10, 20 … so that a night's log has dozens of lines, not thousands."""
_JSON_PAUSE = 1.0
_BAR = 25


class State(Struct, frozen=True):
    """Counts of tasks. `cost` is in picodollars, None where unknown; `calls` are the seconds that the last took."""

    total: int
    done: int = 0
    passed: int = 0
    need_you: int = 0
    failed: int = 0
    cost: int | None = 0
    calls: Sequence[float] = ()

    def took(self, *shares: int) -> list[float | None]:
        """The seconds within which so many of a hundred calls end; None where there was none. It sorts: for who shows
        it, not for who counts."""
        calls = sorted(self.calls)
        return [round(calls[len(calls) * share // 100], 3) if calls else None for share in shares]


def progress_text(state: State, seconds: float, *, ended: bool = False) -> str:
    """`12 passed  2 need you  0.00 USD  1.2/s  0:12 left`; at the end the time it took."""
    parts = [f"{state.passed} passed"]
    if state.need_you:
        parts.append(f"{state.need_you} need you")
    if state.failed:
        parts.append(f"{state.failed} failed")
    parts.append(render_usd(state.cost) if state.cost is not None else "cost unknown")
    if ended:
        return "  ".join([*parts, render_seconds(seconds)])
    if state.done and seconds > 0:
        rate = state.done / seconds
        parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min")
        if state.total > state.done:
            parts.append(f"{render_seconds((state.total - state.done) / rate)} left")
    p50, p95 = state.took(50, 95)
    if p50 is not None and p95 is not None:
        parts.append(f"p50 {render_seconds(p50)}  p95 {render_seconds(p95)}")
    return "  ".join(parts)


def json_progress(state: State, seconds: float, *, ended: bool = False) -> dict[str, Any]:
    """What a script may want to know of work under way; `left` is a forecast in seconds."""
    rate = state.done / seconds if seconds > 0 else 0.0
    left = (state.total - state.done) / rate if rate and state.total > state.done else None
    p50, p95 = state.took(50, 95)
    return {
        "progress": {
            "total": state.total, "done": state.done, "passed": state.passed, "needYou": state.need_you,
            "failed": state.failed, "cost": json_usd(state.cost), "seconds": round(seconds, 3),
            "rate": round(rate, 3), "p50": p50, "p95": p95,
            "left": None if left is None else round(left, 3), "ended": ended,
        }
    }  # fmt: skip


class Progress:
    """A context manager around work; `show` may be called for every task."""

    def __init__(self, out: Output, total: int, form: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock, self._json = out, clock, form == "json"
        self._started = self._said = clock()
        self._state = State(total)
        self._live: Live | None = None
        self._silent = (out.no_progress or out.quiet) and not self._json
        self._pause = _JSON_PAUSE if self._json else _FIRST_PAUSE

    def __enter__(self) -> Self:
        paints = self._out.error_terminal.is_tty and self._out.environment.get("TERM") != "dumb"
        if paints and not self._silent and not self._json:
            self._live = _start_live(self._out, self._line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stop_live(self._out)
        if not self._silent:
            self._say(ended=True)

    def show(self, state: State) -> None:
        """What is now so. A terminal repaints at its own pace; elsewhere a line at most every few seconds."""
        self._state = state
        now = self._clock()
        if self._live is None and not self._silent and now - self._said >= self._pause and state.done < state.total:
            self._said = now
            self._pause = self._pause if self._json else min(self._pause * 2, _LONGEST_PAUSE)
            self._say()

    def _say(self, *, ended: bool = False) -> None:
        if self._json:
            self._out.tell(json_progress(self._state, self._clock() - self._started, ended=ended))
        else:
            self._out.say(self._line(ended=ended))

    def _line(self, *, ended: bool = False) -> str:
        """As much as the terminal's width takes: first the counts, the bar last of all."""
        state = self._state
        counts = f"{state.done}/{state.total}"
        text = progress_text(state, self._clock() - self._started, ended=ended)
        line = f"{counts}  {text}"
        terminal = self._out.error_terminal
        if not terminal.is_tty:
            return line
        room = terminal.width - 1 - cell_width(line) - 2
        return f"{_bar(state, min(room, _BAR))} {line}" if room >= 10 else fit(line, terminal.width - 1)


def _bar(state: State, width: int) -> str:
    full = width if not state.total else width * state.done // state.total
    return "━" * full + "╌" * (width - full)


def _start_live(out: Output, line: Callable[[], str]) -> Live:
    """rich's live display, which repaints in a thread of its own and puts the cursor back whatever happens."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=out.stderr, no_color=not out.error_terminal.color, markup=False, highlight=False)
    out.live = Live(
        console=console,
        refresh_per_second=8,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        get_renderable=lambda: Text(line(), no_wrap=True, overflow="ellipsis"),
    )
    out.live.start()
    return out.live


def _stop_live(out: Output) -> None:
    if out.live is not None:
        out.live.stop()
        out.live = None


class ByteProgress:
    """A download: a live line on a terminal; elsewhere a line where it begins and every quarter."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._line = ""
        self._said = ""
        self._live: Live | None = None
        self._silent = out.no_progress or out.quiet

    def __enter__(self) -> Self:
        if not self._silent and self._out.error_terminal.is_tty and self._out.environment.get("TERM") != "dumb":
            self._live = _start_live(self._out, lambda: self._line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stop_live(self._out)

    def show(self, what: str, done: int, total: int) -> None:
        """`what` is done, and how many bytes of how many."""
        share = done * 100 // total if total else 0
        self._line = f"{_bar(State(total, done), _BAR)} {share}%  {render_size(done)} of {render_size(total)}  {what}"
        mark = f"{what} {share // 25}"
        if self._live is None and not self._silent and mark != self._said:
            self._said = mark
            self._out.say(f"{what}  {render_size(done)} of {render_size(total)}")
