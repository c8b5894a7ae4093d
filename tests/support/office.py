"""A user with gigs, an agent at a server and the installed command: what end-to-end tests begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.desks import add_texts, make_desk
from support.terminal import Ran, environment, run_gigctl


@dataclass(frozen=True, slots=True)
class Office:
    """`home` is the user's; all of gigctl's folders are in `home/gigctl`."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "gigctl"

    @property
    def env(self) -> Mapping[str, str]:
        return {"GIGCTL_HOME": str(self.folder)}

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.home, **self.env)

    def gigctl(self, *args: str | Path, code: int | None = 0, **more: Any) -> Ran:
        return run_gigctl(*args, home=self.home, env=self.env, code=code, **more)

    def add_agent(self, name: str, url: str, *more: str) -> None:
        self.gigctl("agent", "add", name, "--kind", "openai", "--model", "m", "--api-base", url, *more)

    def add_texts(self, count: int = 1, **wish: Any) -> str:
        with make_desk(self.folder) as desk:
            return add_texts(desk, count, **wish)


def open_office(folder: Path) -> Office:
    folder.mkdir()
    return Office(folder)
