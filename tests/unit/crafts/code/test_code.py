"""From a brief to a delivery: which files are shown, what is asked, read and put together."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from gigctl.crafts import code
from gigctl.crafts.base import BadSource, MalformedAnswer
from gigctl.model import (
    EXECUTABLE,
    LINK,
    REGULAR,
    AskContext,
    Change,
    CheckSpec,
    Content,
    Draft,
    Evidence,
    Gig,
    Request,
    Task,
    Verdict,
)

BASE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
CALC = b"def add(a, b):\r\n    return a - b\r\n"
TREE = (
    Change("README.md", REGULAR, b"# Calc\n"),
    Change("bin/run", EXECUTABLE, b"#!/bin/sh\n"),
    Change("docs", LINK, b"../secret"),
    Change("logo.png", REGULAR, b"\x89PNG\0"),
    Change("src/calc.py", REGULAR, CALC),
    Change("src/tax.py", REGULAR, b"RATE = 20\n\n\ndef tax(net):\n    return net * RATE\n"),
    Change("tests/test_calc.py", REGULAR, b"from src.calc import add\n"),
)
ACCEPTANCE = CheckSpec("acceptance", "command", {"run": ["python3", "-m", "unittest"]})


def task(brief: str = "add in src/calc.py subtracts", **more: Any) -> Task:
    return Task("acme-1.1", "code", Content((), BASE), brief=brief, checks=(ACCEPTANCE,), tree=TREE, **more)


def shown(request: Request) -> list[str]:
    """The paths of the files that a request has whole."""
    lines = next(part.text for part in request.parts if part.role == "source").split("\n")
    known = {change.path for change in TREE}
    return [before for before, line in pairwise(lines) if line == "```" and before in known]


@pytest.mark.parametrize(
    ("brief", "files"),
    [
        ("add in src/calc.py subtracts", ["src/calc.py"]),
        ("calc.py and tax.py lack docstrings.", ["src/calc.py", "src/tax.py"]),
        ("The tax is wrong: `tax` multiplies by 20", ["src/tax.py"]),
        ("The test in tests/test_calc.py lacks a case", ["tests/test_calc.py"]),
        ("Write it better", ["README.md", "bin/run", "src/calc.py", "src/tax.py"]),
        ("xsrc/calc.python", ["README.md", "bin/run", "src/calc.py", "src/tax.py"]),
    ],
)
def test_files_that_a_brief_speaks_of_are_shown(brief: str, files: list[str]) -> None:
    assert shown(code.ask(task(brief), AskContext())) == files


def test_files_that_an_option_names_come_first() -> None:
    assert shown(code.ask(task(options={"files": "src/t*.py, README.md"}), AskContext())) == ["src/tax.py", "README.md"]
    assert shown(code.ask(task(options={"files": ["src/tax.py"]}), AskContext())) == ["src/tax.py"]


def test_a_tree_too_large_is_listed_and_not_shown() -> None:
    big = tuple(Change(f"src/m{n}.py", REGULAR, b"x = 1\n" * 2000) for n in range(300))
    asked = code.ask(replace(task("Make it faster"), tree=big), AskContext())
    assert shown(asked) == []
    assert "src/m0.py" in asked.prompt()
    assert "and 100 more" in asked.prompt()
    assert asked.prompt_bytes < 20_000


def test_the_stable_comes_first_and_the_brief_last() -> None:
    asked = code.ask(task(), AskContext(style="British spelling.", notes=("Keep the name.",)))
    assert [part.role for part in asked.parts] == ["system", "note", "source", "note", "instruction"]
    assert "python3 -m unittest" in asked.parts[-1].text
    assert asked.parts[-1].text.endswith("add in src/calc.py subtracts")
    assert "\r" not in asked.prompt()


def test_large_files_are_asked_for_in_blocks() -> None:
    small = code.ask(task(), AskContext()).parts[0].text
    grown = replace(task(), tree=(Change("src/calc.py", REGULAR, CALC + b"# more\n" * 2_000),))
    large = code.ask(grown, AskContext()).parts[0].text
    assert "SEARCH" not in small
    assert "SEARCH" in large


def test_a_file_with_fences_is_shown_in_a_longer_one() -> None:
    tree = (Change("a.md", REGULAR, b"```\nx\n```\n"),)
    assert "a.md\n````\n```\nx\n```\n````" in code.ask(replace(task("a.md"), tree=tree), AskContext()).prompt()


FAILED = Verdict(
    "acceptance", "fail", (Evidence("FAIL: test_add\n    self.assertEqual(add(1, 2), 3)\nAssertionError: -1 != 3"),)
)


def test_a_repair_shows_the_draft_and_the_evidence() -> None:
    failed = Content((Change("src/calc.py", REGULAR, CALC.replace(b"a - b", b"b - a")),), BASE)
    asked = code.ask(task(), AskContext(failed=failed, failures=(FAILED,)))
    assert "b - a" in asked.prompt()
    assert "-1 != 3" in asked.parts[-1].text
    assert asked.parts[-1].role == "evidence"


def test_a_repair_of_an_answer_that_could_not_be_read() -> None:
    malformed = Verdict("answer", "fail", (Evidence("Block 1: its search is not in src/calc.py."),))
    asked = code.ask(task(), AskContext(failed_answer="an odd answer", failures=(malformed,)))
    assert "an odd answer" in asked.prompt()
    assert "its search is not in" in asked.parts[-1].text


def test_only_the_first_of_several_drafts_is_the_likeliest() -> None:
    first, second, third = (code.ask(task(), AskContext(sample=n)) for n in range(3))
    assert (first.temperature, first.seed) == (0.0, None)
    assert second.temperature
    assert second.temperature == third.temperature
    assert second.seed != third.seed


def test_an_answer_becomes_a_change_of_the_base() -> None:
    found = code.read(task(), Draft("<think>hm</think>src/calc.py\n```\ndef add(a, b):\n    return a + b\n```"))
    assert found == Content((Change("src/calc.py", REGULAR, CALC.replace(b"-", b"+")),), BASE)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "```\ndef add",
        "docs/x\n```\nx\n```",
        "../x.py\n```\nx\n```",
        ".git/hooks/pre-commit\n```\nx\n```",
        ".gigctl/signoffs/acme-1.1.json\n```\n{}\n```",
        "<think>so",
    ],
)
def test_a_bad_answer_is_malformed(answer: str) -> None:
    with pytest.raises(MalformedAnswer):
        code.read(task(), Draft(answer))


def test_what_an_agent_did_in_a_folder() -> None:
    changes = (
        Change("src/calc.py", REGULAR, None),
        Change("src/calc.py/a.py", REGULAR, b"x"),
        Change("bin/new", EXECUTABLE, b"#!/bin/sh\n"),
        Change("README.md", REGULAR, b"# Calc\n"),
    )
    found = code.read(task(), Draft("done", changes=changes))
    assert [change.path for change in found.changes] == ["bin/new", "src/calc.py", "src/calc.py/a.py"]
    assert found.base == BASE


@pytest.mark.parametrize(
    "changes",
    [
        (),
        (Change("README.md", REGULAR, b"# Calc\n"),),
        (Change("link", LINK, b"/etc/passwd"),),
        (Change("../x", REGULAR, b"x"),),
        (Change(".git/config", REGULAR, b"x"),),
        (Change(".gigctl/x", REGULAR, b"x"),),
        (Change("docs/x", REGULAR, b"x"),),
    ],
)
def test_what_an_agent_may_not_do_in_a_folder(changes: tuple[Change, ...]) -> None:
    with pytest.raises(MalformedAnswer):
        code.read(task(), Draft("done", changes=changes))


def test_a_gig_is_one_task() -> None:
    gig = Gig("acme-1", "code", brief="Mend add.\nIt subtracts.", base=BASE)
    (found,) = code.split(None, gig).tasks
    assert found.name == "Mend add."
    assert found.input == Content((), BASE)
    assert code.checks(gig) == (CheckSpec("compiles", "compiles"),)
    assert code.context(task()).base == BASE
    for wrong in (replace(gig, brief=" "), replace(gig, base=None)):
        with pytest.raises(BadSource):
            code.split(None, wrong)


def test_signed_changes_are_put_together() -> None:
    gig = Gig("acme-1", "code", base=BASE)
    one, two = Change("a", REGULAR, b"1"), Change("b", REGULAR, b"2")
    signed = [(task(), Content((two,), BASE)), (replace(task(), ref="acme-1.2"), Content((one, two), BASE))]
    assert code.assemble(gig, (), signed, "") == (one, two)
    clash = (replace(task(), ref="acme-1.3"), Content((Change("b", REGULAR, b"3"),), BASE))
    with pytest.raises(BadSource, match=r"acme-1\.1 and acme-1\.3 both change b"):
        code.assemble(gig, (), [*signed, clash], "")
