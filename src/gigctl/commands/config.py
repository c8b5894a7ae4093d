"""`gigctl config`: settings, and where each comes from."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from gigctl.commands.options import command, noun
from gigctl.errors import UsageError
from gigctl.flow import settings
from gigctl.paths import load_paths
from gigctl.render.output import Output
from gigctl.render.tables import Column

app = noun("Settings, and where each comes from.")


@command(app, "show", example="gigctl config show --origin")
def show(
    out: Output,
    origin: Annotated[bool, typer.Option("--origin", help="Tell where each value comes from.")] = False,
) -> None:
    """All settings as they count now: flag, environment, file, default."""
    found = settings.list_settings(load_paths(), os.environ)
    items = [{"name": s.name, "value": s.value, "origin": s.origin, "help": s.help} for s in found]
    columns = [
        Column("setting", lambda item: item["name"]),
        Column("value", lambda item: item["value"] or "-", flexible=True),
        Column("what", lambda item: item["help"], flexible=True),
    ]
    if origin:
        columns[2] = Column("from", lambda item: item["origin"])
    out.list("config", items, columns)


@command(app, "set", example='gigctl config set agent deep,local\ngigctl config set rates.EUR "1.08"')
def set_value(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The setting.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Its value.")],
    out: Output,
) -> None:
    """Change one setting in the file; its other lines and comments stay."""
    settings.set_setting(load_paths(), name, value)
    now = next((s for s in settings.list_settings(load_paths(), os.environ) if s.name == name), None)
    origin = now.origin if now else "default"
    out.changed("config", {"name": name, "value": value, "origin": origin}, f"{name} = {value}", [name])
    if now and now.origin.startswith("GIGCTL_"):
        out.warn(f"{now.origin} in the environment wins over the file: it is {now.value}")


@command(app, "edit", example="EDITOR=nano gigctl config edit")
def edit(out: Output) -> None:
    """Open the file in your editor; what is wrong in it is told afterwards."""
    if not sys.stdin.isatty() and not (os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise UsageError("there is no terminal for an editor", "gigctl config set KEY VALUE")
    paths = load_paths()
    settings.edit_settings(paths, os.environ)
    out.changed("config", {"path": str(paths.config_file)}, f"{paths.config_file} is fine", [str(paths.config_file)])


@command(app, "path", example="gigctl config path")
def path(out: Output) -> None:
    """Where files live."""
    paths = load_paths()
    files = {
        "config": paths.config_file,
        "agents": paths.agents_file,
        "ledger": paths.ledger,
        "models": paths.models,
        "logs": paths.logs,
    }
    items = [{"name": name, "path": str(where)} for name, where in files.items()]
    out.list("path", items, [Column("path", lambda item: item["path"]), Column("of", lambda item: item["name"])])
