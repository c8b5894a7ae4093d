"""What a user installs is the built wheel: migrations, prompts and schemas must travel in it."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*argv: object, env: dict[str, str] | None = None) -> str:
    done = subprocess.run([str(word) for word in argv], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a venv with the wheel; its dependencies are those of this interpreter."""
    folder = tmp_path_factory.mktemp("wheel")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON"))}
    run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder, ROOT),
        env=env,
    )
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", env=env)
    packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (wheel,) = folder.glob("gigctl-*.whl")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", packages, wheel, env=env)
    # The wheel's own folder comes first, then whatever it depends on.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    script = folder / "venv" / "bin" / "gigctl"
    script.write_text(f"#!{folder}/venv/bin/python\nimport sys\nfrom gigctl.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    return folder / "venv" / "bin"


def test_a_gig_goes_through_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "import gigctl; print(gigctl.__file__)").strip()
    assert Path(where).is_relative_to(installed.parent)
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    gigctl = installed / "gigctl"
    (tmp_path / "bonjour.md").write_text("# Bonjour\n\nLe prix est de 12 €.\n")
    answers = tmp_path / "answers.json"
    answers.write_text(
        json.dumps([{"match": "Bonjour", "answer": "Hello"}, {"match": "prix", "answer": "The price is €12."}])
    )
    run(gigctl, "agent", "add", "script", "--kind", "scripted", "--", answers, env=env)
    run(gigctl, "gig", "add", "--source", tmp_path / "bonjour.md", "--from", "fr", "--to", "en", env=env)
    run(gigctl, "run", "me-1", "-a", "script", env=env)
    run(gigctl, "sign", "me-1", "--expect", "2", env=env)
    run(gigctl, "deliver", "me-1", "-o", tmp_path / "out", env=env)
    run(gigctl, "verify", tmp_path / "out", env=env)
    (delivered,) = (tmp_path / "out").glob("*.md")
    assert delivered.read_text() == "# Hello\n\nThe price is €12.\n"
