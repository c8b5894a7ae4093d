"""A program that works with the embedded model: no network, one socket, completions alone."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from gigctl.agents.command import CommandAgent
from gigctl.config import read_agent
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry, Draft, Part, Request
from gigctl.system.sandbox import Sandbox, find_sandbox
from support.embedded_model import EmbeddedModel, embedded_model
from support.llm_server import LLMServer

__all__ = ["embedded_model"]
pytestmark = pytest.mark.skipif(not isinstance(find_sandbox(), Sandbox), reason="no sandbox works here")

PROGRAM = """\
import json, os, sys, urllib.error, urllib.request
base = os.environ["GIGCTL_MODEL_URL"]
def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    wanted = urllib.request.Request(base + path, data=data, headers={"Content-Type": "application/json"})
    try:
        return urllib.request.urlopen(wanted, timeout=100).read().decode()
    except (urllib.error.URLError, OSError) as error:
        return f"{type(error).__name__} {getattr(error, 'code', '')}"
"""
SAY = {"model": "local", "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello in French, one word."}]}


def run(script: str, environ: dict[str, str], **more: object) -> Draft:
    entry = AgentEntry(
        "prog", "command", model="local", local=True, argv=("python3", "-c", PROGRAM + script), timeout=120, **more
    )  # type: ignore[arg-type]

    async def draft() -> Draft:
        async with CommandAgent(entry, environ=environ) as agent:
            return await agent.draft(Request((Part("source", "x"),)))

    return asyncio.run(draft())


@pytest.mark.model
def test_it_is_answered_whole_and_in_pieces(embedded_model: EmbeddedModel) -> None:
    script = f"print(ask('/chat/completions', {SAY}))\nprint(ask('/chat/completions', {SAY | {'stream': True}}))\n"
    found = run(script, embedded_model.environ())
    assert '"content":"Bonjour' in found.content
    assert found.content.count("data: ") > 2
    assert "data: [DONE]" in found.content
    assert (found.cost, found.model) == (0, "local")


@pytest.mark.model
def test_nothing_else_is_reached(embedded_model: EmbeddedModel) -> None:
    """The server also tells what others asked (`/slots`); the key and the network are not the program's."""
    with LLMServer() as server:
        paths = ["/models", "/../slots", "/../metrics", "/../props", "/../slots/0?action=save", "/../health"]
        script = f"print([ask(path)[:30] for path in {paths}])\n"
        script += f"print(ask('/../slots/0?action=save', {{'filename': 'x'}}))\nbase = {server.url!r}\n"
        script += (
            "print(ask('/chat/completions', {}), sorted(os.environ), os.path.exists(os.environ['HOME'] + '/.cache'))\n"
        )
        found = run(script, embedded_model.environ())
        assert server.count == 0
    listed, *refused = found.content.splitlines()[0].split("', '")
    assert "list" in listed
    assert all("HTTPError 40" in each for each in refused), found.content
    assert "HTTPError 404" in found.content.splitlines()[1]
    assert "URLError" in found.content.splitlines()[2]
    assert found.content.rstrip().endswith("False")


@pytest.mark.model
def test_the_programs_end_is_its_own(embedded_model: EmbeddedModel) -> None:
    """Its exit code and standard input go through."""
    found = run("print(sys.stdin.read())", embedded_model.environ())
    assert found.content.rstrip() == "x"
    with pytest.raises(Exception, match="exit 3: bad luck"):
        run("sys.stderr.write('bad luck'); sys.exit(3)", embedded_model.environ())


def test_without_the_model_it_is_said_before_anything_runs(tmp_path: Path) -> None:
    environ = {"PATH": Path(sys.executable).parent.as_posix() + ":/usr/bin", "HOME": str(tmp_path)}
    with pytest.raises(ConfigError, match="the embedded model is not here yet"):
        run("", environ)


def test_one_with_a_network_is_refused() -> None:
    table = {"kind": "command", "model": "local", "argv": ["true"]}
    assert read_agent("a", table)[1] == [
        "model: a program that works with the embedded model (local) has no network: declare it --local"
    ]
    assert read_agent("a", table | {"local": True})[1] == []
    assert read_agent("a", table | {"model": "localai"})[1] == []
