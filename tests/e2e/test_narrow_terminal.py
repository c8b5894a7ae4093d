"""A terminal of 80 columns: nothing of ours is wider, and a line is broken between words."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support.terminal import run_gigctl, seen_on_terminal

LONG = (
    "Le prestataire livre le rapport avant le 12 mars, et le client en paie le prix, de 1200 euros, sous trente jours."
)


def seen(*words: str, home: Path, code: int = 0) -> str:
    """What a terminal of 80 columns shows without its styles and what was drawn over; no line is wider."""
    ran = seen_on_terminal(*words, home=home, env={"NO_COLOR": "1", "PAGER": "cat"})
    assert ran.code == code, ran.out
    lines = [re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", re.split(r"\r|\x1b\[2K", line)[-1]) for line in ran.out.split("\n")]
    assert [line for line in lines if len(line) > 80] == []
    return "\n".join(lines)


def test_a_gig_from_the_first_word_to_its_delivery(tmp_path: Path) -> None:
    home = tmp_path
    assert "gigctl model pull" in seen(home=home)
    (home / "a.txt").write_text(f"{LONG}\n")
    draft = (
        "The provider delivers the report before March 12, and the client pays its price, 1300 euros, in thirty days."
    )
    (home / "answers.json").write_text(json.dumps([{"match": "", "answer": draft}]))
    run_gigctl("agent", "add", "s", "--kind", "scripted", "--", "answers.json", home=home, code=0)
    seen("gig", "add", "--source", "a.txt", "--from", "fr", "--to", "en", "--brief", f"{LONG} {LONG}", home=home)
    assert "numbers" in seen("run", "me-1", "-a", "s", "--repair", "0", home=home, code=1)
    shown = seen("show", "me-1.1", home=home)
    for text in (LONG, draft):
        assert text in " ".join(shown.split())
    forms = (["show", "me-1.1", f"--{form}"] for form in ("why", "history", "prompt"))
    for words in (*forms, ["diff", "me-1.1"], ["gig", "show", "me-1"], ["queue"], []):
        seen(*words, home=home)
    run_gigctl("sign", "me-1", "--expect", "1", "--despite", "as agreed", home=home, code=0)
    delivered = seen("deliver", "me-1", "-o", "out", home=home)
    (sha,) = re.findall(r"(?m)^ *([0-9a-f]{64})$", delivered)  # whole on its line, to be copied
    assert sha in seen("verify", "out", "--sha256", sha, home=home)
