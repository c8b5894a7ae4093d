"""How SQLite finds what waits: by the index of what waits, however many tasks there are beside it."""

from __future__ import annotations

import pytest

from gigctl.ledger import money, waiting
from gigctl.ledger.store import Ledger


class Explained:
    """A transaction that is asked how it would do what it is asked."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.plan: list[str] = []

    def stream(self, sql: str, *values: object) -> list[object]:
        with self.ledger.reading() as tx:
            self.plan = [row[3] for row in tx.rows(f"EXPLAIN QUERY PLAN {sql}", *values)]
        return []

    def value(self, sql: str, *values: object) -> int:
        return len(self.stream(sql, *values))


@pytest.mark.parametrize("filters", [{}, {"client": 1}, {"craft": "writing"}, {"state": "review"}])
def test_what_waits_is_found_by_its_index(filters: dict[str, object], ledger: Ledger) -> None:
    explained = Explained(ledger)
    list(waiting.list_waiting(explained, **filters))  # type: ignore[arg-type]
    assert "SEARCH task USING INDEX task_waiting (state=?)" in explained.plan[:2]  # one client may come before


def test_what_waits_of_some_gigs_is_found_by_them(ledger: Ledger) -> None:
    explained = Explained(ledger)
    list(waiting.list_waiting(explained, gigs=[1, 2]))  # type: ignore[arg-type]
    assert explained.plan[0].startswith("SEARCH task USING INDEX task_")


def test_what_one_task_waits_for_is_found_by_its_id(ledger: Ledger) -> None:
    explained = Explained(ledger)
    list(waiting.list_waiting(explained, task=7))  # type: ignore[arg-type]
    assert explained.plan[0] == "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)"


def test_what_is_ready_is_counted_by_its_index(ledger: Ledger) -> None:
    explained = Explained(ledger)
    money.count_state(explained, "ready")  # type: ignore[arg-type]
    assert "task_waiting" in explained.plan[0]
