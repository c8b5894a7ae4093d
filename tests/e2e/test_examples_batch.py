"""The scripts under examples/batch, run as their readers run them, with an agent that answers from a file."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pexpect
import pytest
from jsonschema import Draft202012Validator

from support.schema import load_schema
from support.terminal import GIGCTL, environment, run_gigctl

EXAMPLES = Path(__file__).parents[2] / "examples" / "batch"
ANSWER = (
    r"\2 for every day at home: this \1 is made to last, is easy to care for and makes a fine present for everybody"
    r" who cooks."
)
RULES = [
    {"match": "Product: Nail brush", "answer": "A brush."},
    {"regex": r'the words "([^"]+)"[\s\S]*Product: (.*)', "answer": ANSWER},
]


class Shop:
    """A folder with the examples, and a home in which the agent `words` is paid for."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "user"
        self.folder = folder / "shop"
        self.home.mkdir()
        shutil.copytree(EXAMPLES, self.folder)
        rules = self.home / "rules.json"
        rules.write_text(json.dumps(RULES))
        prices = ("--price-in", "1", "--price-out", "1")
        run_gigctl("agent", "add", "words", "--kind", "scripted", *prices, "--", rules, home=self.home, code=0)

    def environ(self, **more: str) -> dict[str, str]:
        path = f"{Path(GIGCTL).parent}{os.pathsep}{os.environ['PATH']}"
        return environment(self.home, PATH=path, **{"AGENT": "words", **more})

    def run(self, script: str, *words: str | Path, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.folder / script, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environ(**more),
            cwd=self.home,
            timeout=60,
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def described(self) -> dict[str, dict[str, str]]:
        with (self.folder / "described.csv").open(newline="", encoding="utf-8") as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    def change(self, old: str, new: str) -> None:
        catalogue = self.folder / "products.csv"
        text = catalogue.read_text()
        assert old in text
        catalogue.write_text(text.replace(old, new))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def needs(program: str, version: str = "") -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if version and version not in subprocess.run([program, "--version"], capture_output=True, text=True).stdout:
        pytest.skip(f"{program} is another program than {version}")


def test_a_night_does_what_is_new_or_changed_and_says_it(shop: Shop) -> None:
    first = shop.run("nightly.sh").stdout
    assert "products.csv  30 rows with words: 30 new" in first
    assert "29 passed, 1 need you, 0 failed" in first
    assert "next: gigctl queue me-1" in first
    described = shop.described()
    assert [row["status"] for row in described.values()].count("ok") == 29
    assert described["0005"]["material"] == "carbon steel, walnut handle"
    assert 120 <= len(described["0005"]["output"]) <= 160
    assert described["0029"]["status"] == "failed check"
    assert "at least 120" in described["0029"]["reason"]
    assert shop.run("nightly.sh").stdout == ""  # cron sends no mail
    shop.change("Soup bowl", "Soup plate")
    second = shop.run("nightly.sh").stdout
    assert "1 changed, 29 done" in second
    described = shop.described()
    assert described["0002"]["output"].startswith("Soup plate")
    assert [row["cached"] for row in described.values()].count("false") == 1


def test_the_nights_log_is_progress_and_what_a_person_should_know(shop: Shop) -> None:
    shop.run("nightly.sh", LIMIT="3")
    lines = (shop.folder / "nightly.log").read_text().splitlines()
    told: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    validator = Draft202012Validator(load_schema("progress"))
    for line in told:
        validator.validate(line)
    assert told[-1]["progress"]["ended"]
    assert told[-1]["progress"]["passed"] == 3
    assert lines[-1] == "next: gigctl sign me-1"
    assert [row["status"] for row in shop.described().values()].count("not run") == 27


def test_a_night_whose_budget_is_spent_goes_on_in_the_next(shop: Shop) -> None:
    said = shop.run("nightly.sh", BUDGET="0.000001").stdout
    assert "The budget is spent." in said
    assert "0 passed" in said
    assert {row["status"] for row in shop.described().values()} == {"not run"}
    assert "29 passed" in shop.run("nightly.sh").stdout


def test_a_night_that_somebody_has_to_look_at_fails(shop: Shop) -> None:
    assert "nobody" in shop.run("nightly.sh", AGENT="nobody", code=2).stderr
    (shop.folder / "brief.txt").unlink()
    shop.run("nightly.sh", code=2)
    assert not (shop.folder / "described.csv").exists()


def test_many_files_at_once_through_do(shop: Shop) -> None:
    needs("parallel", "GNU parallel")
    rules = [
        {"match": "fail", "fail": "refused"},
        {"match": "12", "answer": "thirteen"},
        {"match": "Bon", "answer": "G"},
    ]
    (shop.home / "rules.json").write_text(json.dumps(rules))
    for name, text in (("a b's", "Bonjour\n"), ("good", "Bonsoir\n"), ("number", "12 mots\n"), ("bad", "fail\n")):
        (shop.home / f"{name}.txt").write_text(text)
    files = sorted(path.name for path in shop.home.glob("*.txt"))
    done = shop.run("parallel.sh", "en", "out", *files, code=1)
    out = shop.home / "out"
    assert {path.name: path.read_text() for path in out.glob("*.txt")} == {
        "a b's.txt": "G\n", "good.txt": "G\n", "number.txt": "thirteen\n",
    }  # fmt: skip
    assert done.stderr.splitlines()[-3:] == ["2 with exit code 0", "1 with exit code 1", "1 with exit code 4"]
    assert len((out / "jobs.tsv").read_text().splitlines()) == 5
    shop.run("parallel.sh", "en", "again", "good.txt")
    shop.run("parallel.sh", "en", code=2)


def test_what_is_picked_is_shown_counted_and_signed(shop: Shop) -> None:
    needs("fzf")
    shop.run("nightly.sh", LIMIT="3")
    child = pexpect.spawn(
        str(shop.folder / "pick.sh"), ["me-1"], env=shop.environ(), cwd=str(shop.home), dimensions=(30, 100),
        timeout=20, encoding="utf-8",
    )  # fmt: skip
    child.expect("Product: Dinner plate")  # the preview of the first
    child.send("\t")
    child.send("\t")
    child.expect(r"\(2\)")
    child.send("\r")
    child.expect("Type 2: ")
    child.sendline("2")
    child.expect("signed me-1, 2 tasks")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "me-1.3" in run_gigctl("queue", home=shop.home, code=0).out.split()[0]


def test_picking_nothing_signs_nothing(shop: Shop) -> None:
    needs("fzf")
    shop.run("pick.sh")  # nothing waits
    shop.run("nightly.sh", LIMIT="1")
    child = pexpect.spawn(
        str(shop.folder / "pick.sh"), env=shop.environ(), cwd=str(shop.home), dimensions=(30, 100), timeout=20,
        encoding="utf-8",
    )  # fmt: skip
    child.expect("Product: Dinner plate")
    child.send("\x03")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert run_gigctl("queue", home=shop.home, code=0).out.startswith("me-1.1  ready to sign")


def test_shellcheck_has_nothing_to_say() -> None:
    needs("shellcheck")
    subprocess.run(["shellcheck", *sorted(EXAMPLES.glob("*.sh"))], check=True)
