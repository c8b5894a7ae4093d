"""`gigctl craft`: the kinds of work."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gigctl.commands.options import command, noun
from gigctl.flow import crafts
from gigctl.flow.crafts import CraftSheet
from gigctl.render.output import Output
from gigctl.render.tables import Column

app = noun("The kinds of work.")
COLUMNS = (Column("craft", lambda item: item["name"]), Column("what", lambda item: item["help"], flexible=True))


@command(app, "list", example="gigctl craft list")
def list_crafts(out: Output) -> None:
    """The crafts that there are."""
    out.list("craft", [_json(sheet) for sheet in crafts.list_all()], COLUMNS)


@command(app, "show", example="gigctl craft show writing")
def show(out: Output, name: Annotated[str, typer.Argument(metavar="CRAFT", help="The craft.")]) -> None:
    """What a craft needs, what --set takes, and which checks every draft of it meets."""
    sheet = crafts.find(name)
    out.show("craft", _json(sheet), _text(sheet))


def _json(sheet: CraftSheet) -> dict[str, Any]:
    return {
        "name": sheet.name, "help": sheet.help, "options": dict(sheet.options), "needs": list(sheet.needs),
        "worksOn": "tree" if sheet.on_tree else "text",
        "checks": [{"name": spec.name, "required": spec.required} for spec in sheet.checks],
    }  # fmt: skip


def _text(sheet: CraftSheet) -> str:
    needs = [f"--{name}" for name in sheet.needs] + ["--repo, or a --source"] * sheet.on_tree
    lines = [f"{sheet.name}: {sheet.help}"]
    lines += [f"  needs   {', '.join(needs)}"] * bool(needs)
    lines += [f"  --set   {key}=…  {text}" for key, text in sheet.options.items()]
    required = [spec.name for spec in sheet.checks if spec.required]
    others = [spec.name for spec in sheet.checks if not spec.required]
    lines += [f"  checks  {', '.join(required)}"] * bool(required)
    lines += [f"  tells   {', '.join(others)} (not required)"] * bool(others)
    return "\n".join(lines)
