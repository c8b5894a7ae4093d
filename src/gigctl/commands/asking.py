"""What `batch` and `do` may say of a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from gigctl.flow.jobs import Asked, load_asked
from gigctl.values import load_text

__all__ = ["Asking"]


@dataclass(frozen=True, slots=True)
class Asking:
    """The craft's own options, by the names that they have everywhere."""

    brief: Annotated[str, typer.Option("--brief", metavar="TEXT|@FILE", help="What is to be done.")] = ""
    source_language: Annotated[str, typer.Option("--from", metavar="LANG", help="The source's language.")] = ""
    target: Annotated[str, typer.Option("--to", metavar="LANG", help="The language to translate into.")] = ""
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the craft: gigctl craft show.")
    ] = field(default=None)
    checks: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="NAME[=VALUE]", help="A check that must pass; a name of yours runs a command."),
    ] = field(default=None)

    def load(
        self, *, craft: str, path: Path | None, store: Path, id_column: str = "id", command: str = "batch"
    ) -> Asked:  # fmt: skip
        """All of it at once. Raises UsageError."""
        return load_asked(
            craft=craft, brief=load_text(self.brief) if self.brief else "", source_language=self.source_language,
            target=self.target, options=self.options or [], checks=self.checks or [], id_column=id_column, path=path,
            store=store, command=command,
        )  # fmt: skip
