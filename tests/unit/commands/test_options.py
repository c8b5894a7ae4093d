"""What all commands share: options in groups, and values named in the grammar's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import pytest
import typer

from gigctl import cli
from gigctl.commands.options import command, verb
from gigctl.render.output import Output

WORDS = """A AGENT ARGV B CLIENT CODE COLUMN CRAFT DATE DIR DURATION FALLBACK FILE FORM GIG HASH JOBS KEY KIND LANG
    MONEY N NAME PATH PROGRAM REF REV STATE TEXT TOKENS URL VALUE VAR WHY"""


@dataclass(frozen=True, slots=True)
class Terms:
    price: Annotated[str | None, typer.Option("--price", metavar="MONEY", help="How much.")] = None
    due: Annotated[str | None, typer.Option("--due", metavar="DATE", help="When.")] = None


def test_a_dataclass_among_the_parameters_is_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    app = verb()
    seen: list[Any] = []

    @command(app, example="do it")
    def do(out: Output, *, first: Annotated[int, typer.Option("--first")] = 1, terms: Terms, last: bool = False) -> int:
        """Do it."""
        seen.append((first, terms, last))
        return 0

    tool = typer.main.get_command(app)
    assert [p.name for p in tool.params][:4] == ["first", "price", "due", "last"]
    tool.main(["--due", "fri", "--last"], obj={}, standalone_mode=False)
    tool.main([], obj={}, standalone_mode=False)
    assert seen == [(1, Terms(None, "fri"), True), (1, Terms(), False)]


def every_command(tool: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(tool, "commands"):
        yield name, tool
        return
    for word, sub in tool.commands.items():
        yield from every_command(sub, f"{name} {word}")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_values_are_named_in_the_grammars_words(name: str) -> None:
    app = import_module(f"gigctl.commands.{cli.COMMANDS[name].module}").app
    for words, tool in every_command(typer.main.get_command(app), name):
        for param in tool.params:
            if getattr(param, "is_flag", False) or param.name == "help":
                continue
            assert param.metavar, f"{words}: {param.opts[0]} names no kind of value"
            # What is spelled as it is typed (`any|local-only`, `.zip`) is small.
            unknown = set(re.findall(r"[A-Z]+", param.metavar)) - set(WORDS.split())
            assert not unknown, f"{words}: {param.opts[0]} {param.metavar}"
