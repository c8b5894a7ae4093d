"""Agents of the Agent Client Protocol: a real process that speaks it, in the real sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("acp", reason="agent-client-protocol is not installed")

from gigctl.agents.acp import AcpAgent
from gigctl.agents.base import AgentError, find_session
from gigctl.errors import ConfigError, PolicyError
from gigctl.model import AgentEntry, Draft, Part, Reply, Request, Usage
from gigctl.system.sandbox import Missing, Sandbox, find_sandbox
from support.acp_agents import MARK, acp_entry

needs_sandbox = pytest.mark.skipif(not isinstance(find_sandbox(), Sandbox), reason="no sandbox works here")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "greet.py").write_text("print('hi')\n")
    return folder


def ask(
    entry: AgentEntry, tree: Path, *, unsafe: bool = False, options: Mapping[str, Any] | None = None,
    reply: Reply | None = None, **environ: str,
) -> Draft:  # fmt: skip
    async def run() -> Draft:
        env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environ}
        async with AcpAgent(entry, environ=env, unsafe_no_sandbox=unsafe, **(options or {})) as agent:
            return await agent.draft(Request((Part("source", "Greet politely"),), workdir=str(tree), reply=reply))

    return asyncio.run(run())


def failure(entry: AgentEntry, tree: Path, **more: Any) -> AgentError:
    with pytest.raises(AgentError) as caught:
        ask(entry, tree, **more)
    return caught.value


def seen(tree: Path) -> Any:
    return json.loads((tree / "seen.txt").read_text())


def still_running() -> str:
    return subprocess.run(["pgrep", "-af", MARK], capture_output=True, text=True).stdout


# --- a turn ---


@needs_sandbox
def test_it_works_in_its_folder_and_tells_what_it_did_and_cost(tree: Path) -> None:
    found = ask(acp_entry("edit", price_run=5), tree)
    assert (tree / "greet.py").read_text() == "print('hello')\n"
    assert found.content == "Greeted politely."
    assert found.usage == Usage(input=110, output=20, cached=10)
    assert found.cost == 20_000_000_000
    assert found.detail == "plan: Greet politely (in_progress)\ntool: edit greet.py (completed)"


@needs_sandbox
def test_an_agent_that_tells_no_cost_costs_what_its_entry_says(tree: Path) -> None:
    assert ask(acp_entry("write", price_run=5), tree).cost == 5
    assert ask(acp_entry("write"), tree).cost is None
    assert ask(acp_entry("write", local=True), tree).cost == 0


@needs_sandbox
def test_it_reads_and_writes_through_the_client(tree: Path) -> None:
    (tree / "greet.py").chmod(0o755)
    ask(acp_entry("write"), tree)
    assert (tree / "greet.py").read_text() == "print('hello')\n"
    assert (tree / "greet.py").stat().st_mode & 0o777 == 0o755
    assert (tree / "new" / "deep.txt").read_text() == "new\n"


@needs_sandbox
def test_it_is_asked_to_work_in_the_folder_only_where_there_is_something_in_it(tree: Path) -> None:
    assert "in the current folder" in ask(acp_entry("echo"), tree).content
    (tree / "greet.py").unlink()
    assert ask(acp_entry("echo"), tree).content == "Greet politely"


@needs_sandbox
def test_what_nobody_believes_counts_for_nothing(tree: Path) -> None:
    found = ask(acp_entry("boast", price_run=5), tree)
    assert (found.cost, found.usage) == (5, None)


# --- walls ---


@needs_sandbox
def test_no_file_outside_the_tree_is_read_or_written_for_it(tree: Path) -> None:
    ask(acp_entry("escape"), tree)
    found = seen(tree)
    assert len(found) == 20
    assert {answer for answer in found.values() if answer != "refused -32602"} == set()
    assert not (tree.parent / "x").exists()


@needs_sandbox
def test_permission_is_given_once_and_only_for_what_stays_in_the_tree(tree: Path) -> None:
    ask(acp_entry("permission"), tree)
    found = seen(tree)
    allowed = {name for name, answer in found.items() if answer == "once"}
    assert allowed == {"edit inside", "edit a text inside", "run"}
    assert {answer for name, answer in found.items() if name not in allowed} == {"no"}


def test_without_a_sandbox_no_program_is_permitted(tree: Path) -> None:
    missing = {"look": lambda: Missing("bubblewrap is not installed", "apt install bubblewrap")}
    with pytest.raises(PolicyError, match="no sandbox"):
        ask(acp_entry("permission"), tree, options=missing)
    ask(acp_entry("permission"), tree, unsafe=True, options=missing)
    assert seen(tree)["run"] == "no"
    assert seen(tree)["edit inside"] == "once"


@needs_sandbox
def test_it_gets_no_terminal_of_ours(tree: Path) -> None:
    assert ask(acp_entry("terminal"), tree).detail == "refused: terminal sh"
    assert seen(tree) == {"terminal": -32601}


@needs_sandbox
def test_it_sees_the_variables_that_its_entry_names_and_an_empty_home(tree: Path) -> None:
    ask(acp_entry("see", env=("TOKEN",)), tree, TOKEN="token-12345", SECRET="x", GIGCTL_HOME=str(tree.parent / "own"))
    found = seen(tree)
    assert found["token"] == "token-12345"
    assert not {"SECRET", "GIGCTL_HOME"} & set(found["env"])
    assert "gigctl" not in str(found["home"])


# --- questions ---


@needs_sandbox
@pytest.mark.parametrize(
    ("way", "question"), [("elicit", "Du or Sie?"), ("ask", "The brief leaves it open. Du or Sie?")]
)
def test_a_question_is_for_a_person_and_is_paid(tree: Path, way: str, question: str) -> None:
    error = failure(acp_entry(way, price_run=5), tree)
    assert (error.kind, error.message, error.cost, error.unknown) == ("question", question, 5, False)
    assert find_session(error.content) == "s1"


@needs_sandbox
def test_who_worked_and_asks_has_made_a_draft_and_a_text_may_end_with_a_question(tree: Path, tmp_path: Path) -> None:
    assert ask(acp_entry("work and ask"), tree).content == "All right so?"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert ask(acp_entry("ask"), empty).content.endswith("Du or Sie?")


@needs_sandbox
def test_an_answer_goes_to_the_session_that_asked(tree: Path) -> None:
    found = ask(acp_entry("ask"), tree, reply=Reply("s7", "Sie"))
    assert found.content == "Greeted politely."
    assert (tree / "loaded.txt").read_text() == "s7"


@needs_sandbox
def test_a_session_that_is_forgotten_is_begun_anew(tree: Path) -> None:
    assert "Greet politely" in ask(acp_entry("echo"), tree, reply=Reply("gone", "Sie")).content


# --- what goes wrong ---


@needs_sandbox
@pytest.mark.parametrize(
    ("way", "kind", "sent", "unknown", "says"),
    [
        ("die", "unavailable", True, True, "exit 3: out of cheese"),
        ("die early", "unavailable", False, False, "exit 3"),
        ("old", "malformed", False, False, "version 0"),
        ("auth", "auth", False, False, "sign in"),
        ("error", "no_credit", True, False, "credit balance"),
        ("refuse", "refused", True, False, "I can not do that."),
        ("cut", "cut", True, False, "max tokens"),
        ("rubbish", "malformed", True, False, "no message"),
        ("long line", "malformed", True, False, "at a time"),
        ("flood", "malformed", True, False, "it said more"),
    ],
)
def test_each_failure_has_its_kind(tree: Path, way: str, kind: str, sent: bool, unknown: bool, says: str) -> None:
    error = failure(acp_entry(way, price_run=5), tree, options={"output": 1_000_000})
    assert (error.kind, error.sent, error.unknown) == (kind, sent, unknown)
    assert says in error.message
    assert "\x1b" not in error.message
    assert error.cost == (5 if sent and not unknown else None)
    assert not still_running()


@needs_sandbox
def test_strange_messages_are_passed_over_without_a_word(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert ask(acp_entry("strange"), tree).content == "Greeted politely."
    assert capfd.readouterr() == ("", "")


@needs_sandbox
def test_one_that_hangs_is_told_to_stop_and_is_unknown(tree: Path) -> None:
    error = failure(acp_entry("hang", timeout=4.0), tree)
    assert (error.kind, error.unknown) == ("timeout", True)
    assert (tree / "cancelled.txt").exists()
    assert not still_running()


@needs_sandbox
def test_one_that_does_not_listen_is_ended(tree: Path) -> None:
    assert failure(acp_entry("hang-deaf", timeout=4.0), tree).kind == "timeout"
    assert not still_running()


@needs_sandbox
def test_an_abandoned_call_leaves_nothing_running(tree: Path) -> None:
    async def run() -> float:
        async with AcpAgent(acp_entry("hang-deaf"), environ=dict(os.environ)) as agent:
            call = asyncio.create_task(agent.draft(Request((Part("source", "x"),), workdir=str(tree))))
            await asyncio.sleep(3)
            assert still_running()
            begun = time.monotonic()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return time.monotonic() - begun

    assert asyncio.run(run()) < 8
    assert not still_running()


@needs_sandbox
def test_a_missing_program_is_the_machines_fault(tree: Path) -> None:
    with pytest.raises(ConfigError, match="no-such-program"):
        ask(AgentEntry("a", "acp", argv=("no-such-program",)), tree)


def test_no_program_is_no_agent() -> None:
    with pytest.raises(ConfigError, match="no command"):
        AcpAgent(AgentEntry("a", "acp"), environ={})
