"""The main job on the real embedded model: a translation and a code job, from the client's file to a verified delivery.

What the model answers is its own affair, so the human of these tests writes whatever did not pass its checks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gigctl.system.sandbox import Missing, probe
from support.embedded_model import EmbeddedModel
from support.terminal import run_gigctl

pytestmark = [pytest.mark.model, pytest.mark.slow]
EXAMPLES = Path(__file__).parents[2] / "examples"


class Desk:
    """The installed gigctl with a home of its own and the shared model."""

    def __init__(self, home: Path, model: EmbeddedModel) -> None:
        self.home = home
        self.environ = {name: value for name, value in model.environ().items() if name.startswith("GIGCTL_")}

    def __call__(self, *words: object, code: int | None = 0, stdin: str = "") -> str:
        done = run_gigctl(*map(str, words), home=self.home, stdin=stdin, env=self.environ, code=code, timeout=600)
        return str(done.out)

    def json(self, *words: object, code: int | None = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def desk(tmp_path: Path, embedded_model: EmbeddedModel) -> Desk:
    home = tmp_path / "freelancer"
    home.mkdir()
    return Desk(home, embedded_model)


def test_a_translation(desk: Desk, tmp_path: Path) -> None:
    source = tmp_path / "offre.fr.md"
    source.write_bytes(b"# Offre\r\n\r\nLe prix est de 4 800 euros.\r\n\r\n```\r\nprix = 4800\r\n```\r\n")
    desk("gig", "add", "--source", source, "--from", "fr", "--to", "en")
    desk("run", "me-1", code=None)
    for task in desk.json("queue", "me-1")["items"]:
        if any(check["verdict"] != "pass" for check in task["revisions"][-1]["checks"]):
            desk(
                "edit",
                task["ref"],
                "--from",
                "-",
                stdin="The price is 4,800 euros." if "3" in task["name"] else "Offer",
            )
    called = [attempt for task in desk.json("queue", "me-1")["items"] for attempt in task["attempts"]]
    assert all(attempt["tokens"]["output"] > 0 and attempt["cost"]["amount"] == "0.00" for attempt in called)
    desk("sign", "me-1", "--expect", 2)
    desk("deliver", "me-1", "-o", tmp_path / "out")
    desk("verify", tmp_path / "out")
    (delivered,) = (tmp_path / "out").glob("*.md")
    text = delivered.read_bytes()
    assert text.startswith(b"# ")
    assert text.endswith(b"\r\n\r\n```\r\nprix = 4800\r\n```\r\n")
    assert b"Offre\r\n" not in text
    delivered.write_bytes(text.replace(b"4800", b"4900"))
    desk("verify", tmp_path / "out", code=1)


def test_a_code_job(desk: Desk, tmp_path: Path) -> None:
    if isinstance(found := probe(), Missing):
        pytest.skip(found.reason)
    repository = tmp_path / "repository"
    shutil.copytree(EXAMPLES / "code" / "repo", repository)
    git = ("git", "-C", str(repository), "-c", "user.name=client", "-c", "user.email=client@example.com")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Begin")):
        subprocess.run([*git, *words], check=True)
    before = {path: path.read_bytes() for path in repository.glob("*.py")}
    desk("gig", "add", EXAMPLES / "code" / "GIG.toml", "--repo", repository)
    desk("run", "me-1", code=None)
    assert {path: path.read_bytes() for path in repository.glob("*.py")} == before
    (task,) = desk.json("queue", "me-1")["items"]
    if not task["revisions"] or any(check["verdict"] != "pass" for check in task["revisions"][-1]["checks"]):
        repaired = tmp_path / "repaired"
        shutil.copytree(EXAMPLES / "code" / "repo", repaired)
        shutil.copytree(EXAMPLES / "code" / "repaired", repaired, dirs_exist_ok=True)
        desk("edit", "me-1.1", "--from", repaired)
    desk("check", "me-1.1")
    desk("sign", "me-1", "--expect", 1)
    desk("deliver", "me-1", "-o", tmp_path / "out", "--as", "patches")
    desk("verify", tmp_path / "out")
    subprocess.run([*git, "am", "--quiet", *sorted(map(str, (tmp_path / "out").glob("*.patch")))], check=True)
    subprocess.run(["python3", "-m", "unittest", "-q"], cwd=repository, check=True, capture_output=True)
