"""The installed command as a user meets it: help, mistakes, pipes, terminals, and what it costs to start."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

import gigctl
from gigctl.cli import COMMANDS, START_PAGE
from gigctl.crafts.registry import CRAFTS
from support.schema import check_document, check_error, check_lines
from support.terminal import GIGCTL, environment, on_terminal, run_gigctl, seen_on_terminal

WRITTEN = [
    name for name, entry in COMMANDS.items() if (Path(gigctl.__path__[0]) / f"commands/{entry.module}.py").exists()
]
SLOW = {
    "aiohttp",
    "git",
    "huggingface_hub",
    "jsonschema",
    "keyring",
    "litellm",
    "markdown_it",
    "pydantic",
    "rich",
    "xllamacpp",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    return folder


def subcommands(name: str, home: Path) -> list[list[str]]:
    """The command lines of a name: a noun's commands, or the verb itself."""
    help_text = run_gigctl(name, "--help", home=home, code=0).out
    listed = re.findall(r"(?m)^  ([a-z]+)  ", help_text.partition("\nCommands:\n")[2])
    return [[name, sub] for sub in listed] or [[name]]


# --- help ---


def test_help_lists_commands_in_order(home: Path) -> None:
    text = run_gigctl("--help", home=home, code=0).out
    names = re.findall(r"(?m)^  ([a-z]+)  ", text)
    assert names == [name for name in COMMANDS if name != START_PAGE]
    headings = re.findall(r"(?m)^([A-Z].*):$", text)
    assert headings == ["Options", "Take on", "Have it done", "Decide", "Deliver and be paid", "Set up"]


def test_alone_it_says_how_to_begin(home: Path) -> None:
    text = run_gigctl(home=home, code=0).out
    for begin in ("gigctl model pull", "gigctl gig add", "gigctl run"):
        assert begin in text
    assert "gigctl alone is gigctl today" in run_gigctl("--help", home=home, code=0).out
    (home / ".cache/gigctl/models").mkdir(parents=True)
    (home / ".cache/gigctl/models/own.gguf").touch()
    assert "model pull" not in run_gigctl(home=home, code=0).out


@pytest.mark.parametrize("name", WRITTEN)
def test_every_help_has_an_example_and_the_common_options(name: str, home: Path) -> None:
    for words in subcommands(name, home):
        text = run_gigctl(*words, "--help", home=home, code=0).out
        example = text.partition("\nExample:\n")[2]
        assert re.search(rf"\bgigctl {' '.join(words)}\b", example), text
        assert [line for line in text.splitlines() if len(line) > 80] == []
        for option in ("--json ", "--jsonl", "-q, --quiet", "-v, --verbose", "--no-input", "--no-progress"):
            assert option in text


@pytest.mark.parametrize("name", ["", *WRITTEN])
def test_help_imports_nothing_slow(name: str, home: Path) -> None:
    lines = [[], ["--version"]] if not name else [*subcommands(name, home), [name]]
    for words in lines:
        asked = words if words == ["--version"] else [*words, "--help"]
        code = f"import sys; sys.argv[1:] = {asked!r}\nfrom gigctl.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, env=environment(home)
        )
        loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
        assert done.returncode == 0
        assert "typer" in loaded
        assert not loaded & SLOW
        assert not [craft for craft in CRAFTS.values() if craft in done.stderr]


@pytest.mark.parametrize("columns", [20, 80])
def test_help_on_a_terminal(columns: int, home: Path) -> None:
    seen = seen_on_terminal("--help", home=home, columns=columns)
    assert seen.code == 0
    assert "\x1b" not in seen.out
    assert max(len(line) for line in seen.out.splitlines()) <= max(columns, 70)


def test_version(home: Path) -> None:
    assert run_gigctl("--version", home=home, code=0).out == f"gigctl {gigctl.__version__}\n"


# --- mistakes ---


def test_near_names(home: Path) -> None:
    assert "Did you mean 'completion'?" in run_gigctl("compltion", home=home, code=2).err
    assert "did you mean --json" in run_gigctl("completion", "bash", "--jsn", home=home, code=2).err
    assert "did you mean local?" in run_gigctl("agent", "show", "locl", home=home, code=2).err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nonsense"], 2),
        (["agent", "nonsense"], 2),
        (["completion"], 2),
        (["completion", "tcsh"], 2),
        (["agent", "show", "nobody"], 2),
        (["config", "set", "jobs", "many"], 2),
        (["agent", "add", "x-y", "--model", "m"], 2),
    ],
)
def test_an_error_is_a_line_and_a_way_out(words: list[str], code: int, home: Path) -> None:
    ran = run_gigctl(*words, home=home, code=code)
    assert ran.out == ""
    assert re.fullmatch(r"error: .+\n(hint: .+\n)?", ran.err)
    ran = run_gigctl(*words, "--json", home=home, code=code)
    assert check_error(ran.err)["code"] == code
    assert ran.out == ""


def test_a_broken_configuration(home: Path) -> None:
    path = Path(run_gigctl("config", "path", "-q", home=home, code=0).out.splitlines()[0])
    path.parent.mkdir(parents=True)
    path.write_text("jobs = 0\nspeed = 1\n")
    ran = run_gigctl("config", "show", home=home, code=3)
    assert len(re.findall(r"(?m)^error: ", ran.err)) == 2
    assert check_error(run_gigctl("config", "show", "--json", home=home, code=3).err)["kind"] == "configuration"


def test_a_home_that_cannot_be_written(home: Path) -> None:
    (home / "file").write_text("in the way")
    env: dict[str, str | None] = {"GIGCTL_HOME": str(home / "file" / "gigctl")}
    for words in (["agent", "list"], ["config", "show"], ["--help"]):
        run_gigctl(*words, home=home, env=env, code=0)
    ran = run_gigctl("doctor", home=home, env=env, code=1)
    assert re.search(r"(?m)^ledger  missing  ", ran.out)


def test_an_option_of_every_command_may_stand_before_it(home: Path) -> None:
    assert run_gigctl("-q", "client", "add", "acme", home=home, code=0).out == "acme\n"
    assert check_document(run_gigctl("--json", "client", "list", home=home, code=0).out, "client")
    assert check_error(run_gigctl("--json", "agent", "show", "nobody", home=home, code=2).err)
    assert check_document(run_gigctl("--json", home=home, code=0).out, "today")


def test_any_other_option_is_told_its_place(home: Path) -> None:
    ran = run_gigctl("-c", "acme", "queue", home=home, code=2)
    assert ran.err == "error: -c can't stand before the command\nhint: gigctl queue --help\n"
    for words in (["--no-color", "queue"], ["queue", "--no-color"]):
        assert "NO_COLOR=1" in run_gigctl(*words, home=home, code=2).err


# --- pipes ---


@pytest.mark.parametrize(
    "words", [[], ["agent", "list"], ["completion", "bash"], ["config", "show", "--json"], ["ledger", "export"]]
)
def test_a_closed_pipe_is_quiet(words: list[str], home: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([GIGCTL, *words], stdout=writer, stderr=subprocess.PIPE, env=environment(home))
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_said(home: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([GIGCTL, "agent", "list"], stdout=full, stderr=subprocess.PIPE, env=environment(home))
    assert done.returncode == 3
    assert b"the disk is full" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams(closed: str, home: Path) -> None:
    shell = subprocess.run(
        ["/bin/sh", "-c", f'"$0" agent list {closed}', GIGCTL], capture_output=True, env=environment(home)
    )
    assert shell.returncode == 0
    assert (b"manual" in shell.stdout) is (">&-" not in closed.replace("2>&-", ""))


@pytest.mark.parametrize("name", ["NO_COLOR", "FORCE_COLOR"])
def test_no_escape_in_json(name: str, home: Path) -> None:
    for words in (["agent", "list"], ["config", "show"], ["doctor"], ["agent", "show", "local"]):
        ran = run_gigctl(*words, "--json", home=home, env={name: "1"})
        assert "\x1b" not in ran.out
        check_document(ran.out)


def test_jsonl(home: Path) -> None:
    assert [item["name"] for item in check_lines(run_gigctl("agent", "list", "--jsonl", home=home).out, "agent")] == [
        "local", "manual",
    ]  # fmt: skip


def test_a_poor_locale(home: Path) -> None:
    env = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "EDITOR": "é"}
    assert "editor  limited  " in run_gigctl("doctor", home=home, env=env).out


# --- terminals ---


def test_a_table_on_a_terminal_and_lines_in_a_pipe(home: Path) -> None:
    assert run_gigctl("agent", "list", home=home).out.startswith("local  local  free")
    assert "\x1b[2magent" in seen_on_terminal("agent", "list", home=home).out
    plain = seen_on_terminal("agent", "list", home=home, env={"NO_COLOR": "1"}).out
    assert plain.startswith("agent ")
    assert "\x1b" not in plain


def test_ctrl_c(home: Path) -> None:
    editor = home / "editor"
    editor.write_text("#!/bin/sh\necho editing\nsleep 5\n")
    editor.chmod(0o755)
    child = on_terminal("config", "edit", home=home, env={"EDITOR": str(editor)})
    child.expect("editing")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert "the editor" in child.before


# --- shells ---


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, home: Path) -> None:
    script = run_gigctl("completion", shell, home=home, code=0).out
    assert "_GIGCTL_COMPLETE" in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True, capture_output=True).stderr == ""


def test_bash_completes_commands_and_options(home: Path) -> None:
    def complete(line: str) -> list[str]:
        words = line.split(" ")
        env = {"_GIGCTL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        return run_gigctl(home=home, env=env, code=0).out.split()

    assert complete("gigctl comp") == ["completion"]
    assert complete("gigctl agent te") == ["test"]
    assert "--origin" in complete("gigctl config show --")
