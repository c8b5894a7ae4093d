"""The models in the box, for the commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gigctl.agents import local_server, models
from gigctl.agents.models import DEFAULT, Model, ModelFile, Progress
from gigctl.errors import UsageError
from gigctl.paths import Paths

__all__ = ["DEFAULT", "ModelFile", "add", "list_all", "pull", "stop"]


def pull(paths: Paths, name: str, told: Progress, environ: Mapping[str, str]) -> ModelFile:
    """Raises UsageError for a model that can't be pulled."""
    model = _get(name)
    return models.pull(paths.models, told, model, environ=environ)


def _get(name: str) -> Model:
    if name and name != DEFAULT.name:
        raise UsageError(
            f'"{name}" can\'t be pulled: gigctl knows where to get {DEFAULT.name}',
            "gigctl model add FILE.gguf for any other",
        )
    return DEFAULT


def add(paths: Paths, file: Path, name: str) -> ModelFile:
    return models.add_model(paths.models, file, name)


def list_all(paths: Paths) -> list[ModelFile]:
    return models.list_models(paths.models)


def stop(paths: Paths) -> int:
    """How many model processes were ended."""
    return local_server.stop_servers(paths.runtime)
