"""A program as an agent: it works in a folder of its own, and what it leaves there is the draft."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gigctl.system.sandbox import Sandbox, find_sandbox
from support.acp_agents import AGENT_FILE
from support.office import Office, open_office
from support.repositories import Repository, make_repository

needs_sandbox = pytest.mark.skipif(not isinstance(find_sandbox(), Sandbox), reason="no sandbox works here")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return open_office(tmp_path / "user")


@pytest.fixture
def client(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "client", {"greet.py": b"print('hi')\n", "old.txt": b"old\n"})


def add_program(office: Office, name: str, script: str) -> None:
    office.gigctl("agent", "add", name, "--price-run", "0.1", "--", "sh", "-c", script)


@needs_sandbox
def test_what_it_leaves_in_its_folder_is_the_draft(office: Office, client: Repository) -> None:
    before = client.state()
    add_program(office, "coder", "cat >asked.txt; sed -i s/hi/hello/ greet.py; rm old.txt; mv asked.txt notes.txt")
    office.gigctl("gig", "add", "--repo", str(client.path), "--brief", "Greet politely")
    office.gigctl("run", "me-1", "-a", "coder")
    diff = office.gigctl("diff", "me-1.1").out
    assert "-print('hi')\n+print('hello')\n" in diff
    assert "deleted file mode 100644" in diff
    assert "+Greet politely" in diff
    assert client.state() == before
    assert "0.10 USD" in office.gigctl("show", "me-1.1").out


@needs_sandbox
def test_an_agent_of_the_protocol_drafts_a_change(office: Office, client: Repository) -> None:
    pytest.importorskip("acp", reason="agent-client-protocol is not installed")
    before = client.state()
    argv = ("--", sys.executable, AGENT_FILE, "edit")
    office.gigctl("agent", "add", "oc", "--kind", "acp", "--price-run", "0.1", "--allow", AGENT_FILE, *argv)
    office.gigctl("gig", "add", "--repo", str(client.path), "--brief", "Greet politely")
    office.gigctl("run", "me-1", "-a", "oc")
    assert "-print('hi')\n+print('hello')\n" in office.gigctl("diff", "me-1.1").out
    assert client.state() == before
    (attempt,) = json.loads(office.gigctl("show", "me-1.1", "--json").out)["item"]["attempts"]
    assert attempt["cost"] == {"amount": "0.02", "currency": "USD"}
    assert attempt["tokens"] == {"input": 110, "output": 20, "cached": 10}


@needs_sandbox
def test_of_a_text_what_it_says_is_the_draft(office: Office) -> None:
    add_program(office, "writer", "ls -A; echo A fine text of some words.")
    gig = office.add_texts()
    office.gigctl("run", gig, "-a", "writer")
    assert office.gigctl("show", f"{gig}.1", "--text").out == "A fine text of some words."


@needs_sandbox
def test_one_that_changes_nothing_has_made_no_draft(office: Office, client: Repository) -> None:
    add_program(office, "idle", "echo done")
    office.gigctl("gig", "add", "--repo", str(client.path), "--brief", "Greet politely")
    office.gigctl("run", "me-1", "-a", "idle", code=None)
    assert "no draft yet" in office.gigctl("show", "me-1.1").out
