"""The embedded model's process as its callers see it, without the model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import asdict

from gigctl.agents.local_server import Address, ensure_server, find_server, stop_servers
from gigctl.errors import ConfigError
from gigctl.system import locks

HOLDER = """
import os, sys, time
from pathlib import Path
from gigctl.system import locks
lock = locks.hold(Path(sys.argv[1]))
Path(sys.argv[1]).write_text(str(os.getpid()))
print("held", flush=True)
time.sleep(60)
"""


def an_address(model: Path, pid: int = 1) -> Address:
    return Address("http://127.0.0.1:9/v1", "key", pid, str(model.resolve()), 4, 8192)


def a_holder(serving: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(serving)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_file_without_a_process_tells_of_no_server(tmp_path: Path) -> None:
    state, model = tmp_path / "model-server-1.json", tmp_path / "m.gguf"
    state.write_text(json.dumps(asdict(an_address(model))))  # process 1 lives, and is not ours
    assert find_server(state, model) is None
    with locks.exclusive(state.with_suffix(".serving")):
        assert find_server(state, model) == an_address(model)
        assert find_server(state, tmp_path / "other.gguf") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"url": 1}'])
def test_a_file_that_is_no_address_tells_of_no_server(tmp_path: Path, text: str) -> None:
    state = tmp_path / "model-server-1.json"
    state.write_text(text)
    with locks.exclusive(state.with_suffix(".serving")):
        assert find_server(state, tmp_path / "m.gguf") is None


def test_stop_ends_one_that_still_loads(tmp_path: Path) -> None:
    holder = a_holder(tmp_path / "model-server-1.serving")
    assert stop_servers(tmp_path) == 1
    assert holder.wait(timeout=5) < 0
    holder.communicate()
    assert stop_servers(tmp_path) == 0


def test_stop_leaves_a_process_alone_that_has_the_number_of_one_that_died(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        (tmp_path / "model-server-1.serving").write_text(str(stranger.pid))
        assert stop_servers(tmp_path) == 0
        assert stranger.poll() is None
        stranger.kill()


def test_a_model_that_does_not_load_is_said_with_the_log(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    model = tmp_path / "broken.gguf"
    model.write_bytes(b"GGUF" + bytes(100))
    told: list[str] = []
    with pytest.raises(ConfigError, match="did not start") as caught:
        asyncio.run(ensure_server(tmp_path / "model-server-1.json", model, told.append, {}))
    assert told == ["loading the model"]
    assert str(tmp_path / "model-server-1.log") in str(caught.value.hint)
    assert stop_servers(tmp_path) == 0
