"""A real coding agent, opencode, over the Agent Client Protocol: its provider is a scripted server or the embedded one.

It runs where `opencode` is on PATH: `npm install -g opencode-ai@1.18`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gigctl.agents.acp import AcpAgent
from gigctl.model import AgentEntry, Draft, Part, Request
from gigctl.system.sandbox import Sandbox, find_sandbox
from support.embedded_model import EmbeddedModel, embedded_model
from support.llm_server import Asked, LLMServer, Reply

__all__ = ["embedded_model"]
pytestmark = [
    pytest.mark.skipif(shutil.which("opencode") is None, reason="opencode is not installed"),
    pytest.mark.skipif(not isinstance(find_sandbox(), Sandbox), reason="no sandbox works here"),
]
BRIEF = "Change greet.py so that it prints hello instead of hi."


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "greet.py").write_text('print("hi")\n')
    return folder


def configure(home: Path, url: str, **more: Any) -> Path:
    """opencode's own settings, with one provider at an address."""
    provider = {
        "npm": "@ai-sdk/openai-compatible", "name": "here", "options": {"baseURL": url, "apiKey": "x"},
        "models": {"m": {"name": "m", "limit": {"context": 32000, "output": 512}}},
    }  # fmt: skip
    folder = home / ".config" / "opencode"
    folder.mkdir(parents=True)
    settings = {"autoupdate": False, "share": "disabled", "model": "here/m", "small_model": "here/m", **more}
    (folder / "opencode.json").write_text(json.dumps(settings | {"provider": {"here": provider}}))
    return folder


def ask(tree: Path, folder: Path, environ: dict[str, str], **more: Any) -> Draft:
    argv = ("opencode", "acp")
    entry = AgentEntry("oc", "acp", argv=argv, allow=(str(folder),), price_run=7, **{"timeout": 90.0, **more})

    async def draft() -> Draft:
        async with AcpAgent(entry, environ=environ) as agent:
            return await agent.draft(Request((Part("instruction", BRIEF),), workdir=str(tree)))

    return asyncio.run(draft())


def stream(*deltas: dict[str, Any], finish: str) -> Reply:
    """A completion as events, the last with why it ended and what it took."""
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    choices = [*({"delta": delta} for delta in deltas), {"delta": {}, "finish_reason": finish}]
    events: list[dict[str, Any]] = [{"choices": [{"index": 0, **choice}]} for choice in choices]
    events[-1]["usage"] = usage
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body = "".join(f"data: {json.dumps(head | event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return Reply(body=body.encode(), content_type="text/event-stream")


def calls(path: str) -> Iterator[Reply]:
    arguments = json.dumps({"filePath": path, "content": 'print("hello")\n'})
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "write", "arguments": arguments}}
    yield stream({"role": "assistant", "tool_calls": [call]}, finish="tool_calls")
    while True:
        yield stream({"role": "assistant", "content": "Done."}, finish="stop")


def script(path: str) -> Any:
    """First it writes a file, then it is done; what names a session is answered beside that."""
    turns = calls(path)

    def answer(asked: Asked) -> Reply:
        if not asked.json.get("tools"):
            return stream({"role": "assistant", "content": "A title"}, finish="stop")
        return next(turns)

    return answer


@pytest.mark.parametrize("permission", ["allow", "ask"])
def test_it_works_with_its_own_tools_in_the_folder(tree: Path, tmp_path: Path, permission: str) -> None:
    home = tmp_path / "home"
    with LLMServer() as server:
        server.script = script("/tree/greet.py")
        folder = configure(home, server.url, permission={"edit": permission})
        found = ask(tree, folder, {"PATH": os.environ["PATH"], "HOME": str(home)})
        assert server.count >= 2
    assert (tree / "greet.py").read_text() == 'print("hello")\n'
    assert found.content == "Done."
    assert found.cost == 7  # it does not know what its model costs
    assert found.usage is not None
    assert found.usage.output == 20
    assert "(completed)" in found.detail


def test_it_writes_nothing_outside_its_folder(tree: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "private").mkdir(parents=True)
    target = home / "private" / "x.py"
    with LLMServer() as server:
        server.script = script(str(target))
        folder = configure(home, server.url, permission={"edit": "ask", "external_directory": "ask"})
        ask(tree, folder, {"PATH": os.environ["PATH"], "HOME": str(home)})
    assert not target.exists()
    assert (tree / "greet.py").read_text() == 'print("hi")\n'


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.skipif("GIGCTL_SLOW" not in os.environ, reason="takes the embedded model many minutes: set GIGCTL_SLOW=1")
def test_it_works_with_the_embedded_model_and_no_network(
    tree: Path, tmp_path: Path, embedded_model: EmbeddedModel
) -> None:
    home = tmp_path / "home"
    folder = configure(home, "{env:GIGCTL_MODEL_URL}")
    environ = embedded_model.environ(HOME=str(home))
    found = ask(tree, folder, environ, local=True, model="local", timeout=3000.0)
    assert found.model == "local"
    assert found.content
