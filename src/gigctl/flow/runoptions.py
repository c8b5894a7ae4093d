"""What a run may do: how many calls at once, at what cost, how long it waits for whom."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from gigctl.flow.pool import GRACE_SECONDS

__all__ = ["SILENT", "Notices", "RunOptions", "Waits"]


def _nobody(*_: object) -> None:
    """Who wants to hear nothing."""


class Notices(Struct, frozen=True):
    """Who hears of what happens meanwhile: of the first Ctrl-C; of an agent (its name, and how it failed last) that
    fails again and again, and is waited for."""

    stopping: Callable[[], None] = _nobody
    failing: Callable[[str, str], None] = _nobody


SILENT = Notices()


class Waits(Struct, frozen=True):
    """How long a run waits for what, in seconds."""

    pause: float = 1.0
    """Before an agent is asked again: doubled with each try, and spread so that many do not come back at once."""
    longest_pause: float = 60.0
    patience: float = 120.0
    """How long a `retry-after` is waited out. An agent that asks for more is out of this run's reach until then."""
    handover: float = 10.0
    """How long an agent that fails again and again is waited for where the next of a chain can be asked."""
    outage: float = 60.0
    """And where nobody else can. Then it is out of this run's reach until it may be tried once more."""
    recovery: float = 5.0
    """How often who waits for room under a cap or a limit looks whether a dead run holds it."""
    grace: float = GRACE_SECONDS


class RunOptions(Struct, frozen=True):
    """What `run` was asked for beside which tasks. Money is in picodollars."""

    agents: tuple[str, ...] | None = None
    wanted_all: bool = False
    drafts: int | None = None
    repairs: int | None = None  # None: as the open round has it, in a new one as `usual_repairs`
    usual_repairs: int = 2
    redrawn: frozenset[str] = frozenset()
    """Agents that do a change to a tree better anew than mended (`planning.REDRAWN`), where nobody said how often."""
    jobs: int = 1
    paced: bool = False  # nobody said how many: who knows how many calls it serves at once is sent so many
    max_cost: int | None = None
    max_cost_each: int | None = None
    fresh: bool = False
    retry_failed: bool = False
    retry_unknown: bool = False
    unsafe_no_sandbox: bool = False
    waits: Waits = Waits()
