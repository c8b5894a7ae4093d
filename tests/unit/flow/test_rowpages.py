"""Rows become pages of a bounded size, and what a file said of itself comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gigctl.flow.rowpages import PAGE_ROWS, PAGE_SIZE, RowPages, head_text, load_head
from gigctl.flow.rows import BadRow, Head, Row
from gigctl.ledger.job_rows import list_rows
from gigctl.ledger.jobs import add_job
from gigctl.ledger.opening import open_ledger
from support.books import new_gig, new_task

CSV = Head(True, ("id", "name"))


def rows_of(count: int, name: str = "n") -> list[Row | BadRow]:
    return [Row(n, {}, (str(n), name)) for n in range(2, count + 2)]


def test_rows_come_back_as_they_stood(tmp_path: Path) -> None:
    rows: list[Row | BadRow] = [
        Row(2, {}, ("1", 'a "b"\n;é')),
        BadRow(3, "no"),
        Row(5, {}, ("2", "")),
        Row(6, {}, text='{"id": 1.10}'),
    ]
    with open_ledger(tmp_path) as ledger, ledger.writing() as tx:
        gig, run = new_gig(tx), tx.insert("run", begun=tx.now)
        places = RowPages(gig, tmp_path / "a.csv", run, CSV).places(rows)
        assert [place is None for place in places] == [False, True, False, False]
        for n, place in enumerate(places):
            if place is not None:
                add_job(tx, gig.id, str(n), new_task(tx, gig, str(n)).id, run, place)
        found = list(list_rows(tx, gig.id))
    assert [(row.line, row.said) for row in found] == [(2, ["1", 'a "b"\n;é']), (5, ["2", ""]), (6, '{"id": 1.10}')]
    assert {load_head(row.head) for row in found} == {CSV}


@pytest.mark.parametrize(("count", "size", "pages"), [(PAGE_ROWS, 1, 1), (PAGE_ROWS + 1, 1, 2), (5, PAGE_SIZE, 5)])
def test_a_page_has_an_end(count: int, size: int, pages: int, tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger, ledger.writing() as tx:
        places = RowPages(new_gig(tx), None, 1, CSV).places(rows_of(count, "x" * size))
    assert len({id(place.page) for place in places if place}) == pages


def test_a_head_that_changed_makes_other_rows_of_them(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger, ledger.writing() as tx:
        gig = new_gig(tx)
        one, other = (
            RowPages(gig, None, 1, head).places(rows_of(1))[0] for head in (CSV, replace(CSV, columns=("id", "title")))
        )
    assert one is not None
    assert other is not None
    assert one.mark != other.mark


heads = st.builds(
    lambda names, delimiter, newline, flags: Head(
        True, tuple(names), delimiter, frozenset(n for n in names if names.count(n) > 1), newline, *flags
    ),
    st.lists(st.text(max_size=5), min_size=1, max_size=5), st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)  # fmt: skip


@given(heads | st.just(Head()))
def test_a_head_is_kept_whole(head: Head) -> None:
    assert replace(load_head(head_text(head)), twice=head.twice) == head
    assert json.loads(head_text(head))["csv"] is head.csv
