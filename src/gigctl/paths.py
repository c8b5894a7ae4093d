"""Where files live. Nothing is made here: whoever writes a file makes its folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

__all__ = ["Paths", "load_paths"]

_KINDS = ("data", "config", "cache", "state", "runtime")


class Paths(Struct, frozen=True):
    """The five folders of a user and the files in them.

    `data` must be backed up; `config` is the user's; `cache` and `state` may be deleted; `runtime` is gone after a
    logout.
    """

    data: Path
    config: Path
    cache: Path
    state: Path
    runtime: Path

    @property
    def ledger(self) -> Path:
        return self.data / "ledger.sqlite"

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def git(self) -> Path:
        """Our own store of the trees that code gigs start from."""
        return self.data / "git"

    @property
    def runs(self) -> Path:
        """A lock file for each run that lives."""
        return self.data / "runs"

    @property
    def config_file(self) -> Path:
        """The user's own settings, which the program writes only where it is asked to."""
        return self.config / "config.toml"

    @property
    def agents_file(self) -> Path:
        """The agents, which the program owns."""
        return self.config / "agents.toml"

    @property
    def models(self) -> Path:
        return self.cache / "models"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def model_server(self) -> Path:
        """Address and key of the embedded model's process, readable by its user alone."""
        return self.runtime / "model-server.json"


def load_paths(env: Mapping[str, str] | None = None) -> Paths:
    """The folders by the environment, else where the platform keeps such things.

    `GIGCTL_HOME` puts all of them under one folder; `GIGCTL_DATA_DIR`, `GIGCTL_CONFIG_DIR`, `GIGCTL_CACHE_DIR`,
    `GIGCTL_STATE_DIR` and `GIGCTL_RUNTIME_DIR` move a single one and win over it.
    """
    env = os.environ if env is None else env
    return Paths(*(_folder(kind, env) for kind in _KINDS))


def _folder(kind: str, env: Mapping[str, str]) -> Path:
    if own := env.get(f"GIGCTL_{kind.upper()}_DIR"):
        return Path(own).expanduser().absolute()
    if home := env.get("GIGCTL_HOME"):
        return Path(home).expanduser().absolute() / kind
    if kind == "runtime":
        return _runtime_folder(env)
    import platformdirs

    folder: str = getattr(platformdirs, f"user_{kind}_dir")("gigctl", appauthor=False)
    return Path(folder)


def _runtime_folder(env: Mapping[str, str]) -> Path:
    """The session's own folder; without one (cron, containers) ours: a name in /tmp could be another user's trap."""
    session = env.get("XDG_RUNTIME_DIR", "")
    return Path(session) / "gigctl" if session.startswith("/") else _folder("state", env) / "run"
