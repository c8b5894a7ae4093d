"""The scripts that add coding agents: each adds what it says, and what it allows is all that the agent may see."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.schema import check_document
from support.terminal import GIGCTL, environment, run_gigctl

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
SCRIPTS = sorted(EXAMPLES.glob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_adds_its_agent(script: Path, tmp_path: Path) -> None:
    env = environment(tmp_path)
    env["PATH"] = f"{Path(GIGCTL).parent}:{env['PATH']}"
    done = subprocess.run(["sh", str(script)], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    name = done.stdout.split()[1]
    shown = check_document(run_gigctl("agent", "show", name, "--json", home=tmp_path, code=0).out, "agent")
    assert shown["kind"] in ("command", "acp")
    assert shown["argv"][0] == script.stem.partition("-")[0]
    assert shown["local"] is ("embedded" in script.stem)
    assert f"`{script.name}`" in (EXAMPLES / "README.md").read_text()


def test_the_configuration_beside_them_is_json() -> None:
    table = json.loads((EXAMPLES / "opencode-embedded.json").read_text())
    assert table["provider"]["gigctl"]["options"]["baseURL"] == "{env:GIGCTL_MODEL_URL}"
