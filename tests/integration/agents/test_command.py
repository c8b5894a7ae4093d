"""Programs as agents, in the real sandbox."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gigctl.agents.base import AgentError
from gigctl.agents.command import CommandAgent
from gigctl.errors import ConfigError, PolicyError
from gigctl.model import AgentEntry, Draft, Part, Request
from gigctl.system.sandbox import Missing, Sandbox, find_sandbox
from support.llm_server import LLMServer

needs_sandbox = pytest.mark.skipif(not isinstance(find_sandbox(), Sandbox), reason="no sandbox works here")
SH = ("sh", "-c")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def entry(*argv: str, **more: Any) -> AgentEntry:
    return AgentEntry("prog", "command", argv=argv, **{"timeout": 20.0, **more})


def ask(
    made: AgentEntry, tree: Path | None = None, *, prompt: str = "bonjour", unsafe: bool = False,
    options: Mapping[str, Any] | None = None, **environ: str,
) -> Draft:  # fmt: skip
    async def run() -> Draft:
        env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environ}
        async with CommandAgent(made, environ=env, unsafe_no_sandbox=unsafe, **(options or {})) as agent:
            return await agent.draft(Request((Part("source", prompt),), workdir=str(tree) if tree else None))

    return asyncio.run(run())


def failure(made: AgentEntry, **more: Any) -> AgentError:
    with pytest.raises(AgentError) as caught:
        ask(made, **more)
    return caught.value


@needs_sandbox
def test_prompt_on_standard_input_answer_on_standard_output() -> None:
    found = ask(entry("tr", "a-z", "A-Z"), prompt="le prestataire")
    assert (found.content, found.model) == ("LE PRESTATAIRE", "tr")


@needs_sandbox
def test_prompt_in_a_file_outside_the_folder(tree: Path) -> None:
    found = ask(entry(*SH, 'cat "$0"; ls; cat', "{prompt}"), tree, prompt="le prestataire")
    assert found.content == "le prestataire"


@needs_sandbox
def test_files_in_the_folder(tree: Path) -> None:
    (tree / "a.txt").write_text("one")
    ask(entry(*SH, "cat > b.txt; rm a.txt"), tree)
    assert [path.name for path in tree.iterdir()] == ["b.txt"]
    assert (tree / "b.txt").read_text().startswith("bonjour\n\nThe repository is in the current folder.")


@needs_sandbox
def test_a_word_is_never_a_shells(tree: Path) -> None:
    assert ask(entry("echo", "$(touch x); `touch y`"), tree).content == "$(touch x); `touch y`\n"
    assert not list(tree.iterdir())


@needs_sandbox
@pytest.mark.parametrize(("code", "kind"), [(1, "refused"), (75, "overloaded")])
def test_a_program_that_fails_says_why(code: int, kind: str) -> None:
    error = failure(entry(*SH, f"echo no model >&2; exit {code}", price_run=5))
    assert (error.kind, error.unknown, error.cost) == (kind, False, 5)
    assert "no model" in error.message


@needs_sandbox
def test_one_that_does_not_end_is_ended_and_unknown() -> None:
    error = failure(entry(*SH, "sleep 60", timeout=0.5))
    assert (error.kind, error.unknown) == ("timeout", True)


@needs_sandbox
def test_an_endless_writer_and_one_that_writes_no_text() -> None:
    assert failure(entry("yes"), options={"output": 100_000}).kind == "malformed"
    assert failure(entry("printf", r"\377")).kind == "malformed"


@needs_sandbox
def test_a_missing_program_is_the_machines_fault() -> None:
    with pytest.raises(ConfigError, match="no-such-program"):
        ask(entry("no-such-program"))


# --- walls ---


@needs_sandbox
def test_it_never_sees_gigctls_own_data(tmp_path: Path) -> None:
    home = tmp_path / "her"
    own = {name: home / name for name in ("data", "config", "cache", "state", "runtime")}
    for folder in own.values():
        folder.mkdir(parents=True)
        (folder / "secret").write_text("secret")
    env = {"HOME": str(home), **{f"GIGCTL_{name.upper()}_DIR": str(path) for name, path in own.items()}}
    look = entry(*SH, f"ls {home}; cat {home}/*/secret; true", allow=("~",))
    assert "secret" not in ask(look, **env).content
    with pytest.raises(PolicyError):
        ask(entry("true", allow=(str(own["data"]),)), **env)


@needs_sandbox
def test_only_named_paths_and_variables(tmp_path: Path) -> None:
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    allowed.mkdir()
    other.mkdir()
    script = f"echo $TOKEN $OTHER; echo x > {allowed}/x; echo x > {other}/x; true"
    found = ask(entry(*SH, script, allow=(str(allowed),), env=("TOKEN",)), TOKEN="token-12345", OTHER="hidden")
    assert found.content == "token-12345\n"
    assert [(path / "x").exists() for path in (allowed, other)] == [True, False]


@needs_sandbox
def test_a_named_variable_is_not_repeated_in_an_error() -> None:
    error = failure(entry(*SH, "echo $TOKEN >&2; exit 1", env=("TOKEN",)), TOKEN="token-12345")
    assert "token-12345" not in f"{error!r} {error.message}"


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer() as running:
        yield running


@needs_sandbox
@pytest.mark.parametrize("local", [True, False])
def test_a_local_program_has_no_network(server: LLMServer, local: bool) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {server.port}), 5); print('through')"
    made = entry(sys.executable, "-c", code, local=local)
    if local:
        assert failure(made).kind == "refused"
    else:
        assert ask(made).content == "through\n"
    assert server.connections == (0 if local else 1)


def test_a_missing_allowed_path_is_named() -> None:
    with pytest.raises(ConfigError, match="/no/such/place"):
        ask(entry("true", allow=("/no/such/place",)))


def test_no_command_is_no_agent() -> None:
    with pytest.raises(ConfigError, match="no command"):
        CommandAgent(entry(), environ={})


# --- without a sandbox ---


NO_SANDBOX = {"look": lambda: Missing("bubblewrap is not installed", "apt install bubblewrap")}


def test_without_a_sandbox_it_is_refused_unless_asked_for() -> None:
    with pytest.raises(PolicyError, match="no sandbox") as caught:
        ask(entry("cat"), options=NO_SANDBOX)
    assert caught.value.hint == "apt install bubblewrap"
    with pytest.raises(PolicyError, match="declared local"):
        ask(entry("cat", local=True), unsafe=True, options=NO_SANDBOX)
    found = ask(
        entry(*SH, "cat; echo $OTHER$TOKEN", env=("TOKEN",)), unsafe=True, options=NO_SANDBOX, TOKEN="t", OTHER="o"
    )
    assert found.content == "bonjourt\n"


def test_prices() -> None:
    request = Request((Part("source", "x"),))
    assert CommandAgent(entry("x"), environ={}).bound(request) is None
    assert CommandAgent(entry("x", price_run=7), environ={}).bound(request) == 7
    assert CommandAgent(entry("x", local=True), environ={}).bound(request) == 0
