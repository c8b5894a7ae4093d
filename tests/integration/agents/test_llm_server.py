"""The server that other tests lean on, as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigctl.agents.openai_http import OpenAIAgent
from gigctl.model import AgentEntry, Draft, Part, Request

TESTS = Path(__file__).parents[2]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "script.json").write_text('[{"match": "bonjour", "text": "hello"}]')
    words = ["--port-file", str(tmp_path / "port"), "--log", str(tmp_path / "log")]
    words += ["--script", str(tmp_path / "script.json")]
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen([sys.executable, "-m", "support.llm_server", *words], env=env) as process:
        end = time.monotonic() + 20
        while not (tmp_path / "port").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        yield int((tmp_path / "port").read_text())
        process.terminate()
        assert process.wait(10) == 0


def test_it_answers_counts_and_ends(port: int, tmp_path: Path) -> None:
    async def ask() -> list[Draft]:
        entry = AgentEntry("a", "openai", model="m", api_base=f"http://127.0.0.1:{port}/v1")
        async with OpenAIAgent(entry, environ={}) as agent:
            return [await agent.draft(Request((Part("source", text),))) for text in ("bonjour", "bonjour", "autre")]

    assert [draft.content for draft in asyncio.run(ask())] == ["hello", "hello", "autre"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stats") as answer:
        stats = json.load(answer)
    assert (stats["count"], stats["answered"], sorted(stats["prompts"].values())) == (3, 3, [1, 2])
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["what"] for line in lines] == ["asked", "answered"] * 3
