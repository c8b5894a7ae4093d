"""What all commands share: the decorator that makes a function a command, and the options that mean one thing
everywhere.

A command takes plain values and an `Output`, makes one call into `flow`, and returns an exit code (None is 0).
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import _click
from typer.core import TyperCommand

from gigctl.errors import UsageError
from gigctl.render.output import Output

if TYPE_CHECKING:
    from gigctl.flow.desk import Desk

__all__ = [
    "DueBy",
    "Limit",
    "OfClient",
    "OfCraft",
    "References",
    "Yes",
    "command",
    "common_option",
    "filtered_references",
    "noun",
    "references",
    "verb",
]

References = Annotated[list[str], typer.Argument(metavar="REF...", help="References; `-` reads them from stdin.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
OfClient = Annotated[str | None, typer.Option("--client", "-c", metavar="CLIENT", help="Of one client.")]
OfCraft = Annotated[str | None, typer.Option("--craft", metavar="CRAFT", help="Of one craft.")]
DueBy = Annotated[str | None, typer.Option("--due", metavar="DATE", help="Due on that day or before.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many.")]

_COMMON: dict[str, tuple[tuple[str, ...], str]] = {
    "json": (("--json",), "Answer with one JSON document."),
    "jsonl": (("--jsonl",), "Answer with one JSON object a line."),
    "quiet": (("--quiet", "-q"), "References alone, no notes."),
    "verbose": (("--verbose", "-v"), "Say more on stderr."),
    "no_input": (("--no-input",), "Never ask."),
    "no_progress": (("--no-progress",), "No progress on stderr."),
}
_COMMON_NAMES = frozenset(_COMMON)


def common_option(flag: str) -> str | None:
    """The name of an option of every command."""
    return next((name for name, (flags, _) in _COMMON.items() if flag in flags), None)


class Command(TyperCommand):
    """A command whose help sets the common options apart and keeps its examples' lines as they are."""

    def format_options(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        records = {"Arguments": [], "Options": [], "Options of every command": []}  # type: ignore[var-annotated]
        for param in self.get_params(ctx):
            heading = "Arguments" if param.param_type_name == "argument" else "Options"
            if param.name in _COMMON_NAMES or param.name == "help":
                heading = "Options of every command"
            if record := param.get_help_record(ctx):
                records[heading].append(record)
        for heading, rows in records.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        with formatter.section("Example"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def noun(text: str) -> typer.Typer:
    """A group of commands: `gigctl client add`. `text` is its help."""
    app = typer.Typer(help=text, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    app.callback()(lambda: None)
    return app


def verb() -> typer.Typer:
    """The app of a module with a single command: `gigctl run`."""
    return typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


def command(
    app: typer.Typer, name: str | None = None, *, example: str
) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Make a function with an `out: Output` among its parameters a command of `app`.

    Its docstring is the help, `example` what stands under "Example" (a line each). The common options become the
    `Output`; a returned exit code other than 0 is the command's. A parameter that is a dataclass stands for options
    that commands share, one a field.
    """

    def decorate(function: Callable[..., int | None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        groups = _groups(signature)

        @functools.wraps(function)
        def run(**values: Any) -> None:
            state = typer_context().obj
            early = state.get("early", ())
            said: dict[str, Any] = {key: values.pop(key) or key in early for key in _COMMON}
            state["output"] = out = Output(**said)
            code = function(out=out, **_grouped(groups, values))
            if code:
                raise typer.Exit(code)

        run.__signature__ = _with_common_options(signature)  # type: ignore[attr-defined]
        app.command(name, cls=Command, epilog=example)(run)
        return run

    return decorate


def typer_context() -> _click.Context:
    from typer._click.globals import get_current_context

    return get_current_context()


def _groups(signature: inspect.Signature) -> dict[str, type]:
    """The parameters that stand for several options: name -> dataclass."""
    kinds = {name: p.annotation for name, p in signature.parameters.items() if p.annotation is not Output}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and is_dataclass(kind)}


def _grouped(groups: Mapping[str, type], values: Mapping[str, Any]) -> dict[str, Any]:
    """The options' values as the function's arguments."""
    left = dict(values)
    for name, group in groups.items():
        left[name] = group(**{field.name: left.pop(field.name) for field in fields(group)})
    return left


def _flat(signature: inspect.Signature) -> Iterator[inspect.Parameter]:
    """The parameters, those of a group in its place; the output is nobody's option."""
    groups = _groups(signature)
    for name, parameter in signature.parameters.items():
        if parameter.annotation is Output:
            continue
        if name in groups:
            yield from inspect.signature(groups[name], eval_str=True).parameters.values()
        else:
            yield parameter


def _with_common_options(signature: inspect.Signature) -> inspect.Signature:
    common = [
        inspect.Parameter(
            key,
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[bool, typer.Option(*flags, help=text)],
        )
        for key, (flags, text) in _COMMON.items()
    ]
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in _flat(signature)]
    return inspect.Signature([*keyword_only, *common])


# --- what the words of a command line name ---


def references(words: Sequence[str]) -> list[str]:
    """The words with `-` replaced by what standard input lists. Raises UsageError where it lists nothing."""
    if not words:
        return []
    from gigctl.flow.references import expand_dash

    found = expand_dash(words, sys.stdin if "-" in words else None)
    if not found:
        raise UsageError("standard input names nothing", "gigctl queue | gigctl sign -")
    return found


def filtered_references(desk: Desk, *, client: str | None = None) -> list[str]:
    """The open gigs, of one client where it is named."""
    from gigctl.flow.references import list_open_gigs

    return list_open_gigs(desk, client)
