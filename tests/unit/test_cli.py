"""The table of commands, and the edge where what went wrong becomes an exit code."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import typer

import gigctl.commands
from gigctl import cli, errors
from gigctl.errors import GigctlError

WRITTEN = {path.stem for path in Path(gigctl.commands.__path__[0]).glob("*.py")} - {
    "__init__", "asking", "options", "removing", "running",
}  # fmt: skip


def test_the_table_and_the_modules_are_the_same() -> None:
    assert {entry.module for entry in cli.COMMANDS.values()} == WRITTEN


def test_helps_fit_a_line() -> None:
    for name, entry in cli.COMMANDS.items():
        assert len(entry.help) <= 64, name
        assert entry.help.endswith((".", "?")), name


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The edge around a command that raises what it is told to; answers with exit code."""
    monkeypatch.setenv("GIGCTL_HOME", str(tmp_path))

    def run(error: BaseException, *words: str) -> int:
        app = typer.Typer()

        @app.command()
        def command(json: bool = False) -> None:
            raise error

        class Root(cli.Commands):
            def get_command(self, ctx: Any, cmd_name: str) -> Any:
                return typer.main.get_command(app)

        return cli._guarded(["queue", *words], {}, Root)

    return run


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GigctlError)]
)
def test_each_error_has_its_code(kind: type[GigctlError], failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(kind("it broke", "mend it")) == kind.exit_code
    assert capsys.readouterr() == ("", "error: it broke\nhint: mend it\n")
    assert failing(kind("it broke"), "--json") == kind.exit_code
    assert json.loads(capsys.readouterr().err)["error"] == {
        "code": kind.exit_code, "kind": kind.kind, "message": "it broke", "hint": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (typer.Abort(), 130, "interrupted"),
        (BrokenPipeError(), 0, ""),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 3, "the disk is full: /x can't be written"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 3, "the disk is full"),
        (PermissionError(errno.EROFS, "Read-only file system", "/x"), 3, "GIGCTL_HOME"),
        (typer.Exit(7), 7, ""),
        (typer.BadParameter("no\x1b"), 2, "no␛"),
        (RuntimeError("oops"), 70, "a bug in gigctl: RuntimeError"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), 70, "a bug"),
    ],
)
def test_other_ends(
    error: BaseException, code: int, said: str, failing: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert failing(error) == code
    streams = capsys.readouterr()
    assert said in streams.err
    assert streams.out == ""
    assert (tmp_path / "state" / "log").exists() is (code == 70)


def test_a_pipe_closed_in_the_middle_of_work_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    class Working:
        unfinished = True

    assert cli._closed_pipe({}, []) == 0
    assert capsys.readouterr().err == ""
    assert cli._closed_pipe({"output": Working()}, ["run"]) == 75
    assert capsys.readouterr().err.startswith("error: nobody reads the answer any more")
