"""The one writer: a change that fails alone, and a group that is lost together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gigctl.errors import DiskFull
from gigctl.flow.pool import Writer
from gigctl.ledger.store import Ledger, Tx, open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path) as made:
        yield made


def commit(ledger: Ledger, *changes: Callable[[Tx], Any]) -> list[Any]:
    """What became of changes that are committed as one group."""

    async def all_at_once() -> list[Any]:
        writer = Writer(ledger)
        return await asyncio.gather(*map(writer.commit, changes), return_exceptions=True)

    return asyncio.run(all_at_once())


def _put(name: str, size: int = 1) -> Callable[[Tx], int]:
    return lambda tx: tx.insert("blob", sha256=name, size=size, data=b"x" * size)


def _names(ledger: Ledger) -> list[str]:
    with ledger.reading() as tx:
        return [row["sha256"] for row in tx.rows("SELECT sha256 FROM blob ORDER BY sha256")]


def _refuse(tx: Tx) -> None:
    tx.insert("blob", sha256="half", size=1, data=b"x")
    raise ValueError("mine")


def test_a_change_that_fails_is_undone_alone(ledger: Ledger) -> None:
    ends = commit(ledger, _put("a"), _refuse, _put("b"))
    assert [type(end) for end in ends] == [int, ValueError, int]
    assert _names(ledger) == ["a", "b"]


def test_on_a_full_disk_nobody_in_the_group_is_told_that_it_is_kept(ledger: Ledger) -> None:
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count={pages + 4}")
    ends = commit(ledger, _put("a"), _put("large", 10_000_000), _put("b"))
    assert [type(end) for end in ends] == [DiskFull] * 3
    assert _names(ledger) == []
    assert [type(end) for end in commit(ledger, _put("c"))] == [int]
