"""`python -m gigctl` is gigctl."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.terminal import environment, run_gigctl


@pytest.mark.parametrize("words", [["--version"], ["agent", "list"], ["no-such-command"]])
def test_it_answers_and_ends_alike(words: list[str], tmp_path: Path) -> None:
    argv = [sys.executable, "-P", "-m", "gigctl", *words]
    done = subprocess.run(argv, capture_output=True, text=True, env=environment(tmp_path), timeout=60)
    ran = run_gigctl(*words, home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (ran.code, ran.out, ran.err)
