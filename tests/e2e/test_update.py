"""`gigctl update` at the terminal: what it says, what it changes, and two of them at once."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.office import Office, open_office
from support.repositories import Repository, make_repository
from support.schema import check_document, check_error
from support.terminal import GIGCTL

ANSWER = "greet.py\n```\nprint('good day')\nprint('bye')\n```"


@pytest.fixture
def client(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "client", {"greet.py": b"print('hi')\nprint('bye')\n", "README.md": b"# Hi\n"})


@pytest.fixture
def office(tmp_path: Path, client: Repository) -> Office:
    """With a gig whose one task is signed."""
    made = open_office(tmp_path / "user")
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([{"match": "", "answer": ANSWER}]))
    made.gigctl("agent", "add", "coder", "--kind", "scripted", "--", rules)
    made.gigctl("gig", "add", "--repo", client.path, "--brief", "Greet politely in greet.py")
    made.gigctl("run", "me-1", "-a", "coder")
    made.gigctl("sign", "me-1", "--expect", "1")
    return made


def test_what_it_says(office: Office, client: Repository) -> None:
    old = client.head
    assert office.gigctl("update", "me-1", "--base", "main").out == f"me-1 is on {old[:12]} already\n"
    new = client.commit({"README.md": b"# Hello\n"})
    head = f"me-1  base {old[:12]} → {new[:12]}"
    ran = office.gigctl("update", "me-1", "--base", "main", "-n")
    assert ran.out == (f"{head}  (nothing was changed)\n  me-1.1  signature kept if the checks pass:"
                       " its files and what they hang on are as they were\n")  # fmt: skip
    assert "next: gigctl update me-1 --base main" in ran.err
    ran = office.gigctl("update", "me-1", "--base", "main")
    assert ran.out == f"{head}\n  me-1.1  signature kept: its files and what they hang on are as they were\n"
    client.commit({"greet.py": b"print('hey')\nprint('bye')\n"})
    item = check_document(office.gigctl("update", "me-1", "--base", "main", "--json").out, "update")
    assert item["tasks"][0]["conflicts"] == [
        {"path": "greet.py", "why": "both sides changed the same lines", "marked": True}]  # fmt: skip
    diff = office.gigctl("diff", "me-1.1").out
    assert "+<<<<<<< the new base" in diff
    assert check_error(office.gigctl("sign", "me-1", "--expect", "1", "--json", code=1).err)["kind"]
    office.gigctl("ledger", "verify")


@pytest.mark.parametrize("path", ["new.py", "greet/__init__.py"])
def test_what_a_change_hangs_on_may_be_new(office: Office, client: Repository, path: str) -> None:
    """A file that begins to import the changed one, and one that takes its place."""
    client.commit({path: b"import greet\n"})
    ran = office.gigctl("update", "me-1", "--base", "main")
    assert f"me-1.1  review: the client changed {path}, which it hangs on" in ran.out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("me-1",), 2, "--base"),
        (("me-1", "--base", "nowhere"), 2, "has no revision 'nowhere'"),
        (("me-9", "--base", "main"), 2, "there is no gig me-9"),
        (("me-1", "--base", "--upload-pack=touch x"), 2, "is no revision"),
    ],
)
def test_what_it_refuses(office: Office, args: tuple[str, ...], code: int, said: str) -> None:
    ran = office.gigctl("update", *args, code=code)
    assert said in ran.err
    assert ran.out == ""


def test_two_at_once_move_it_once(office: Office, client: Repository) -> None:
    client.commit({"README.md": b"# Hello\n"})
    argv = [GIGCTL, "update", "me-1", "--base", "main", "--json"]
    runs = [subprocess.Popen(argv, env=office.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(3)]  # fmt: skip
    ends = [(run.communicate(timeout=60), run.returncode) for run in runs]
    moved = [check_document(out.decode(), "update") for (out, _), code in ends if code == 0]
    assert sum(item["done"] for item in moved) == 1
    assert {code for _, code in ends} <= {0, 75}
    assert "signed" in office.gigctl("show", "me-1.1").out
    office.gigctl("ledger", "verify")


def test_the_prompt_has_what_the_change_hangs_on_and_the_clients_settings(office: Office, tmp_path: Path) -> None:
    files = {
        "shop/calc.py": "from shop.tax import rate\n\n\ndef total(x):\n    return x * rate()\n",
        "shop/tax.py": "def rate():\n    return 2\n",
        "pyproject.toml": "[tool.ruff]\nline-length = 88\n",
    }
    repository = make_repository(tmp_path / "shop", files)
    office.gigctl("gig", "add", "--repo", repository.path, "--brief", "Double total in shop/calc.py")
    office.gigctl("run", "me-2", "-a", "coder", "--repair", "0", code=None)
    prompt = office.gigctl("show", "me-2.1", "--prompt").out
    assert "--- neighbour ---\nFor reference, what the change hangs on:\n\nshop/tax.py (shop/calc.py imp" in prompt
    assert "ruff (pyproject.toml): line-length = 88" in prompt
