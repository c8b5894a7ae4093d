"""How a gig stands: each task counted once, and delivered only while that is so."""

from __future__ import annotations

from datetime import date

import pytest

from gigctl.records import TaskCounts
from gigctl.render.gigs import _states, gig_columns

COLUMN = next(column for column in gig_columns(date(2026, 11, 25)) if column.heading == "tasks")


@pytest.mark.parametrize(
    ("signed", "delivered", "shown"),
    [(9, 9, "9 delivered"), (8, 9, "8 of 9 signed"), (9, 5, "9 of 9 signed"), (0, 9, "9 tasks"), (0, 0, "9 tasks")],
)
def test_what_was_reopened_is_not_delivered(signed: int, delivered: int, shown: str) -> None:
    assert COLUMN.text({"tasks": {"total": 9, "signed": signed, "delivered": delivered}}) == shown


def test_states_are_a_partition() -> None:
    assert _states(TaskCounts(total=9, review=1, signed=8, delivered=9)) == "1 review, 8 signed (9 of them delivered)"
    assert _states(TaskCounts(total=2, ready=1, cancelled=1)) == "1 ready, 1 cancelled"
