"""What came of a run, said once."""

from __future__ import annotations

from gigctl.flow.resting import Rested
from gigctl.flow.run import RunResult
from gigctl.flow.steps import YOURS, Done, Review, Wait
from gigctl.render.runs import SHOWN, render_ends


def result(*ends: Rested, codes: set[int]) -> RunResult:
    return RunResult(1, len(ends), "gigctl run me-1", done=len(ends), wants=list(ends), codes=codes)


def yours(*numbers: int) -> list[Rested]:
    return [Rested(f"me-1.{n}", Review(YOURS)) for n in numbers]


def said(found: RunResult) -> str:
    assert found.failure is not None
    return f"{render_ends(found)}\n{found.failure.message}"


def test_what_is_yours_to_write_is_said_once() -> None:
    assert said(result(*yours(1), codes={7})) == "\nme-1.1 is yours to write"
    three = said(result(*yours(1, 2, 3), codes={7}))
    assert three == "yours to write as well: me-1.2, me-1.3\nme-1.1 is yours to write"


def test_where_the_error_is_another_all_of_them_are_named() -> None:
    lost = Rested("me-1.3", Wait("unknown"))
    text = said(result(*yours(1, 2), lost, codes={7, 75}))
    assert text.count("me-1.1") == 1
    assert "yours to write: me-1.1, me-1.2" in text


def test_what_was_signed_meanwhile_is_no_failure() -> None:
    signed, failed = Rested("me-1.1", Done("signed"), reason="a: malformed"), Rested("me-1.2", Done("failed"))
    text = said(result(signed, failed, codes={4}))
    assert "me-1.1  signed meanwhile" in text
    assert "me-1.2 failed: no agent could do it" in text
    assert "me-1.1  cancelled meanwhile" in render_ends(result(Rested("me-1.1", Done("cancelled")), codes=set()))


def test_a_long_list_ends() -> None:
    text = render_ends(result(*yours(*range(1, SHOWN + 5)), codes={7}))
    assert text.endswith(f"me-1.{SHOWN + 1} and 3 more: gigctl queue")
