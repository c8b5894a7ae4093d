"""What every use case works with: where files live, the ledger, the agents, the environment and the clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gigctl.ledger.opening import Opening, open_ledger
from gigctl.ledger.store import Ledger
from gigctl.paths import Paths, load_paths
from gigctl.system import clock

if TYPE_CHECKING:
    from gigctl.model import AgentEntry

__all__ = ["Desk", "open_desk"]


@dataclass
class Desk:
    """Opened lazily: a command that needs no ledger makes none."""

    paths: Paths
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = clock.now

    @cached_property
    def ledger(self) -> Ledger:
        return open_ledger(self.paths.data, self.now, Opening(currency=self._currency))

    def _currency(self) -> str:
        """That of new clients, and of `me` in a new ledger."""
        from gigctl import config

        return config.load_settings(self.paths.config_file, self.environ).settings.currency

    @cached_property
    def agents(self) -> dict[str, AgentEntry]:
        from gigctl import config  # a command that asks no agent need not read the settings

        return config.load_agents(self.paths.agents_file)

    @property
    def today(self) -> date:
        return self.now().astimezone().date()

    @property
    def store(self) -> Path:
        return self.paths.git

    def close(self) -> None:
        if "ledger" in self.__dict__:
            self.ledger.close()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_desk(environ: Mapping[str, str] | None = None) -> Desk:
    env = os.environ if environ is None else environ
    return Desk(load_paths(env), env)
