"""What `redo` and `reject` share: a note on what was named, and who is asked next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from gigctl.commands.options import references
from gigctl.config import load_settings
from gigctl.flow.desk import Desk, open_desk
from gigctl.flow.run import resolve_default
from gigctl.values import load_text

__all__ = ["Note", "send_back"]

Note = Annotated[
    str, typer.Option("--message", "-m", metavar="TEXT|@FILE", help="What is to be otherwise, or why it is no good.")
]


def send_back(
    decide: Callable[[Desk, Sequence[str], str, Sequence[str]], list[str]], refs: Sequence[str], note: str
) -> list[str]:
    """`decide` is flow/review.py's `redo` or `reject`; the references that it decided about."""
    with open_desk() as desk:
        settings = load_settings(desk.paths.config_file, desk.environ).settings
        return decide(desk, references(refs), load_text(note), resolve_default(settings.agent))
