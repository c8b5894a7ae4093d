"""The real embedded model, where `make demo` has left it, and one process of it for all the tests that ask it.

`from support.embedded_model import embedded_model` in a folder's conftest gives the fixture; mark its tests `model`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from gigctl.agents.local_server import stop_servers
from gigctl.agents.models import DEFAULT
from gigctl.paths import load_paths

__all__ = ["EmbeddedModel", "embedded_model"]

# Looked up when this is imported: every test has a HOME of its own.
_FOUND = Path(os.environ.get("GIGCTL_TEST_MODEL") or load_paths().models / f"{DEFAULT.name}.gguf").absolute()
_IDLE_SECONDS = "20"


@dataclass(frozen=True)
class EmbeddedModel:
    """The model's file, and a folder in which gigctl finds it and its running process."""

    path: Path
    home: Path

    def environ(self, runtime: Path | None = None, **more: str) -> dict[str, str]:
        """An environment with the model in it; another `runtime` folder has another process."""
        return {
            **os.environ,
            "GIGCTL_CACHE_DIR": str(self.home / "cache"),
            "GIGCTL_RUNTIME_DIR": str(runtime or self.home / "runtime"),
            "GIGCTL_MODEL_IDLE": _IDLE_SECONDS,
            **more,
        }


@pytest.fixture(scope="session")
def embedded_model(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[EmbeddedModel]:
    if not _FOUND.is_file():
        pytest.skip(f"no embedded model at {_FOUND}: run `make demo` first")
    if find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: gigctl[local]")
    workers = hasattr(request.config, "workerinput")
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if workers else base) / "embedded"
    models = home / "cache" / "models"
    models.mkdir(parents=True, exist_ok=True)
    try:
        (models / f"{DEFAULT.name}.gguf").symlink_to(_FOUND)
    except FileExistsError:
        assert workers, "another worker made it"
    yield EmbeddedModel(_FOUND, home)
    if not workers:  # else another worker may be using it: it goes when it has been idle
        stop_servers(home / "runtime")
