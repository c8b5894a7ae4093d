"""Tables on narrow terminals: what is worth least goes, and no reference is ever cut."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gigctl.render.display import cell_width
from gigctl.render.gigs import gig_columns
from gigctl.render.queue import queue_columns
from gigctl.render.tables import Column, render_table
from gigctl.render.terminal import Terminal

TODAY = date(2026, 11, 25)


def gig(ref: str, **more: Any) -> dict[str, Any]:
    counts = {"total": 14, "signed": 9, "delivered": 0}
    known = {"ref": ref, "craft": "translation", "tasks": counts, "due": "2026-11-27", "price": None, "state": "open"}
    return known | {"title": "Contrat de prestation de services"} | more


def table(width: int, *items: dict[str, Any]) -> list[str]:
    return render_table(items, gig_columns(TODAY), Terminal(is_tty=True, width=width)).splitlines()


def test_forty_columns_have_a_gig_on_a_line() -> None:
    price = {"amount": "120.00", "currency": "EUR"}
    lines = table(40, gig("acme-12", price=price), gig("velo-1", due="2026-11-23"))
    assert lines[0].split() == ["gig", "tasks", "due"]
    assert lines[1] == "acme-12  9 of 14 signed  due Fri 27 Nov"
    assert lines[2].startswith("velo-1   9 of 14 signed  overdue")
    assert all(cell_width(line) <= 40 for line in lines)


def test_a_wide_terminal_has_all_that_says_something() -> None:
    lines = table(120, gig("acme-12", price={"amount": "120.00", "currency": "EUR"}))
    assert lines[0].split() == ["gig", "craft", "tasks", "due", "price", "title"]
    assert "120.00 EUR" in lines[1]
    assert "Contrat de prestation de services" in lines[1]


def test_columns_that_say_nothing_go_first() -> None:
    columns = (Column("a", lambda item: item["a"]), Column("nothing", lambda item: ""), Column("b", lambda _: "bbbb"))
    text = render_table([{"a": "acme-1"}], columns, Terminal(is_tty=True, width=12))
    assert text == "a       b\nacme-1  bbbb\n"


def test_the_queue_keeps_task_and_reason() -> None:
    row = {"ref": "acme-12.345", "reasons": ("check numbers fail",), "due": "2026-11-27", "name": "a.md:3", "title": ""}
    text = render_table([row], queue_columns(TODAY), Terminal(is_tty=True, width=40))
    assert text.splitlines()[1] == "acme-12.345  check numbers fail"


@given(
    st.integers(20, 130), st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=60), st.integers(1, 10**9)
)
def test_whatever_the_width_the_reference_is_whole(width: int, title: str, number: int) -> None:
    lines = table(width, gig(f"acme-{number}", title=title), gig("b-1", title=None))
    assert [line.split()[0] for line in lines] == ["gig", f"acme-{number}", "b-1"]
    if width >= 50:
        assert all(cell_width(line) <= width for line in lines)
