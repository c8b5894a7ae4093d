"""The edge: a table of commands, loaded when they are asked for, and the one place where an error becomes an exit code.

A closed pipe ends a command quietly with 0 (who reads has what they wanted), or with 75 and a line that says so where
it was in the middle of work that changes. Everything that is no GigctlError, no usage error and no failure of the
machine is a bug: 70, and a log file.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import typer
from typer import _click
from typer._click.exceptions import NoSuchOption
from typer.core import TyperGroup, TyperOption

from gigctl import __version__
from gigctl.errors import ConfigError, DiskFull, GigctlError, Interrupted, TemporaryError, UsageError

__all__ = ["COMMANDS", "main"]


class Entry(NamedTuple):
    """A command: the module in `gigctl.commands` that has its `app`, and its line in `--help`."""

    module: str
    help: str


HEADINGS: dict[str, dict[str, Entry]] = {
    "Take on": {
        "client": Entry("client", "Clients and the walls around their material."),
        "gig": Entry("gig", "Gigs: agreed pieces of work."),
        "task": Entry("task", "Add a task to a gig, or cancel one."),
        "update": Entry("update", "Put a gig's work on the client's newer base."),
        "answer": Entry("answer", "Tell an agent what it asked."),
        "reopen": Entry("reopen", "Bring signed work back to review."),
    },
    "Have it done": {
        "run": Entry("run", "Draft, check and repair what is ready."),
        "do": Entry("do", "One small job, as a filter."),
        "batch": Entry("batch", "The jobs of a file, an answer a line."),
    },
    "Decide": {
        "queue": Entry("queue", "What wants a human, most urgent first, and why."),
        "show": Entry("show", "One task whole: source, revisions, checks, cost."),
        "diff": Entry("diff", "A draft against what it came from."),
        "preview": Entry("preview", "What would be delivered, marked UNSIGNED."),
        "edit": Entry("edit", "Make a revision of your own."),
        "redo": Entry("redo", "Ask again, with a note."),
        "reject": Entry("reject", "Close a revision."),
        "sign": Entry("sign", "Answer for it: the human act."),
        "check": Entry("check", "The checks alone, of a task or a work tree."),
    },
    "Deliver and be paid": {
        "deliver": Entry("deliver", "Write what was signed, with its manifest."),
        "verify": Entry("verify", "Is a delivery as it was written?"),
    },
    "Set up": {
        "agent": Entry("agent", "Who drafts."),
        "model": Entry("model", "Models that run on this machine."),
        "craft": Entry("craft", "The kinds of work."),
        "config": Entry("config", "Settings, and where each comes from."),
        "ledger": Entry("ledger", "The books: verify, back up, restore, export."),
        "doctor": Entry("doctor", "Is all here that gigctl needs?"),
        "completion": Entry("completion", "Completion for bash, zsh or fish."),
    },
}
START_PAGE = "today"
"""The command that `gigctl` alone stands for; it is in no list."""
COMMANDS: dict[str, Entry] = {name: entry for group in HEADINGS.values() for name, entry in group.items()}
COMMANDS[START_PAGE] = Entry("today", "What waits for you, what is due, what runs.")


COMPLETION = "_GIGCTL_COMPLETE"
"""The variable by which a shell's script asks for completions."""


class Commands(TyperGroup):
    """The root: its commands are imported when they are run."""

    def get_command(self, ctx: _click.Context, cmd_name: str) -> _click.Command | None:
        entry = COMMANDS.get(cmd_name)
        return _load(entry.module) if entry else None

    def format_commands(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for heading, entries in HEADINGS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), entry.help) for name, entry in entries.items()])

    def shell_complete(self, ctx: _click.Context, incomplete: str) -> list[Any]:
        from typer._click.shell_completion import CompletionItem

        names = [(name, entry.help) for name, entry in COMMANDS.items() if name.startswith(incomplete)]
        return [CompletionItem(name, help=text) for name, text in names]


def _load(module: str) -> _click.Command:
    app = importlib.import_module(f"gigctl.commands.{module}").app
    return typer.main.get_command(app)


def root(kind: type[Commands] = Commands) -> Commands:
    """The whole command line."""
    return kind(
        name="gigctl",
        help="The ledger between a freelancer and their agents: drafts by machines, checks by rules, signed by you.\n\n"
        "gigctl alone is gigctl today: what waits for you, what is due, what runs.",
        commands=dict.fromkeys(COMMANDS),  # type: ignore[arg-type]  # for near names alone; get_command loads
        params=[
            TyperOption(
                param_decls=["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
                help="Print the version.",
            )
        ],
        rich_markup_mode=None,
    )  # fmt: skip


def _print_version(ctx: _click.Context, _param: _click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        sys.stdout.write(f"gigctl {__version__}\n")
        ctx.exit()


# --- the edge ---


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    _open_standard_streams()
    # A command lives for a moment and makes no cycles worth looking for; a listing of thousands makes many objects.
    gc.set_threshold(100_000, 50, 100)
    words = list(sys.argv[1:] if args is None else args)
    state: dict[str, Any] = {}
    code = _guarded(words, state)
    code = _flushed(code, state, words)
    sys.exit(code)


def _open_standard_streams() -> None:
    """Where one was closed (`>&-`), the next file opened would take its number: a ledger must never be stdout."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def _guarded(words: list[str], state: dict[str, Any], kind: type[Commands] = Commands) -> int:
    """The exit code, with whatever went wrong said on stderr."""
    try:
        _run(words, state, kind)
    except typer.Exit as done:
        return done.exit_code
    except BrokenPipeError:
        return _closed_pipe(state, words)
    except GigctlError as error:
        return _report(error, words)
    except _click.ClickException as error:
        return _report(_usage_error(error, words), words)
    except (KeyboardInterrupt, typer.Abort, EOFError):
        return _report(Interrupted("interrupted"), words)
    except Exception as error:  # noqa: BLE001  # the edge: nothing goes past it
        return _report(_machine_error(error) or _bug(error, words), words)
    return 0


def _run(words: list[str], state: dict[str, Any], kind: type[Commands]) -> None:
    command = root(kind)
    if COMPLETION in os.environ:
        _complete(command)
    if not words or (words[0].startswith("-") and words[0] not in ("--help", "--version")):
        words = _after_options(words, state)
    with command.make_context("gigctl", words, obj=state) as ctx:
        command.invoke(ctx)


def _after_options(words: list[str], state: dict[str, Any]) -> list[str]:
    """What follows options that stand before the command, which are kept in the state; alone they are the start
    page's. Raises UsageError for one that has its place after the command."""
    from gigctl.commands.options import common_option

    options = list(takewhile(lambda word: word.startswith("-"), words))
    rest = words[len(options) :]
    named = next((word for word in rest if word in COMMANDS), None)
    if named is None:
        return [START_PAGE, *words]
    for option in options:
        if common_option(option) is None:
            raise UsageError(
                f"{option} can't stand before the command", _COLOR_HINT.get(option, f"gigctl {named} --help")
            )
    state["early"] = {common_option(option) for option in options}
    return rest


_COLOR_HINT = dict.fromkeys(("--no-color", "--no-colour"), "NO_COLOR=1 in the environment takes colour away")


def _complete(command: Commands) -> NoReturn:
    """Answer a shell that asks what could come next, and end."""
    from typer._completion_classes import completion_init

    completion_init()
    command._main_shell_completion({}, "gigctl", COMPLETION)
    raise typer.Exit


def _report(error: GigctlError, words: Sequence[str]) -> int:
    from gigctl.render.output import render_error
    from gigctl.render.terminal import terminal_of

    options = words[: words.index("--")] if "--" in words else words
    json_form = "--json" in options or "--jsonl" in options
    try:
        terminal = terminal_of(sys.stderr, os.environ)
        text = render_error(error.message, error.hint, code=error.exit_code, kind=error.kind, json_form=json_form,
                            terminal=terminal)  # fmt: skip
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # stderr closed: the exit code still tells
        pass
    return error.exit_code


def _usage_error(error: _click.ClickException, words: Sequence[str]) -> UsageError:
    """Click's own errors in our words: what is wrong, and where to read how it is done."""
    message = error.format_message().rstrip(".")
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx else "gigctl"
    if isinstance(error, NoSuchOption):
        message = f"{path} has no option {error.option_name}"
        if error.possibilities:
            message += f"; did you mean {' or '.join(sorted(error.possibilities))}?"
    hint = _COLOR_HINT.get(getattr(error, "option_name", ""), f"{path} --help")
    return UsageError(message[:1].lower() + message[1:], hint)


def _machine_error(error: Exception) -> GigctlError | None:
    """What the machine refused, where nobody nearer could say it better."""
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull.at(error.filename or "a file of gigctl's")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        return ConfigError(what, "gigctl doctor; GIGCTL_HOME names another folder for gigctl's files")
    return None


def _bug(error: Exception, words: Sequence[str]) -> GigctlError:
    from gigctl.render.buglog import write_bug_log

    log = write_bug_log(error, words)
    return GigctlError(f"this is a bug in gigctl: {type(error).__name__}", log)


def _closed_pipe(state: dict[str, Any], words: Sequence[str]) -> int:
    output = state.get("output")
    if output is None or not output.unfinished:
        return 0
    return _report(TemporaryError("nobody reads the answer any more, and the work was not done", _AGAIN), words)


_AGAIN = "say it again: what was done is kept"


def _flushed(code: int, state: dict[str, Any], words: Sequence[str]) -> int:
    """The code after stdout was really written: a closed pipe and a full disk show only now."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
        return code or _closed_pipe(state, words)
    except OSError as error:
        _silence_stdout()
        return code or _report(_unwritten(error), words)
    return code


def _unwritten(error: OSError) -> GigctlError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("the disk is full: the answer can't be written", "make room there, then say it again")
    return TemporaryError(f"the answer can't be written: {error.strerror}", "say it again")


def _silence_stdout() -> None:
    """Python flushes once more at its end: into nothing, so that it has nothing to complain about."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
