"""A check finds the repository's history beside the draft, and what the draft changes as changes."""

from __future__ import annotations

from pathlib import Path

from support.repositories import make_repository
from support.terminal import run_gigctl

LOOK = """\
set -e
test "$(git log --format=%s | tr '\\n' ' ')" = "second first "
test "$(git describe --tags)" = v1-1-$(git rev-parse --short=7 HEAD | sed s/^/g/)
test "$(git status --short)" = " M a.py"
git blame a.py > /dev/null
"""


def test_a_check_finds_the_history(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo")
    repository.commit({"a.py": "x = 1\n", "look.sh": LOOK}, "first")
    repository.git("tag", "v1")
    repository.commit({"a.py": "x = 2\n"}, "second")
    words = ("--craft", "code", "--repo", "repo", "--brief", "Say 3.", "--check", "acceptance=sh look.sh")
    run_gigctl("gig", "add", *words, home=tmp_path, code=0)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.py").write_text("x = 3\n")
    (tmp_path / "new" / "look.sh").write_text(LOOK)
    run_gigctl("edit", "me-1.1", "--from", "new", home=tmp_path, code=0)
    shown = run_gigctl("show", "me-1.1", home=tmp_path, code=0).out
    assert "acceptance" in shown
    run_gigctl("sign", "me-1.1", "--expect", "1", home=tmp_path, code=0)
