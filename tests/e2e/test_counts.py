"""A gig's counts after what was delivered was reopened."""

from __future__ import annotations

from pathlib import Path

from support.terminal import run_gigctl


def test_what_is_reopened_or_signed_anew_is_not_delivered(tmp_path: Path) -> None:
    def go(*words: str | Path, stdin: str = "") -> str:
        return run_gigctl(*words, home=tmp_path, stdin=stdin, code=0).out

    def delivered() -> int:
        return int(run_gigctl("gig", "show", "me-1", "--json", home=tmp_path).json["item"]["tasks"]["delivered"])

    (tmp_path / "a.txt").write_text("Le prix est de 12 euros.\n")
    go("gig", "add", "--source", "a.txt", "--from", "fr", "--to", "en")
    go("edit", "me-1.1", "--from", "-", stdin="The price is 12 euros.")
    go("sign", "me-1.1@1")
    go("deliver", "me-1", "-o", "out")
    assert delivered() == 1
    go("reopen", "me-1.1")
    assert delivered() == 0
    go("sign", "me-1.1@1")
    assert delivered() == 1
    go("reopen", "me-1.1")
    go("edit", "me-1.1", "--from", "-", stdin="It is 12 euros.")
    go("sign", "me-1.1@2")
    assert delivered() == 0
