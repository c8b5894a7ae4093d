"""The chain: what is taken out, changed or put in anywhere is found."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from gigctl.ledger.journal import check_chain, find_event, genesis, head, list_events, record_event
from gigctl.ledger.opening import open_ledger
from gigctl.ledger.store import Ledger
from support.books import behind


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with open_ledger(tmp_path / "data") as ledger:
        with ledger.writing() as tx:
            assert head(tx) == (0, genesis(ledger.id))
            for n in range(5):
                record_event(tx, "counted", n=n)
        return ledger.path


def wrong(path: Path) -> list[str]:
    with open_ledger(path.parent) as ledger, ledger.reading() as tx:
        return list(check_chain(tx))


def test_a_whole_chain(path: Path) -> None:
    assert wrong(path) == []
    with open_ledger(path.parent) as ledger, ledger.reading() as tx:
        events = list(list_events(tx))
        assert [event.data["n"] for event in events] == list(range(5))
        assert head(tx) == (5, events[-1].hash)
        assert find_event(tx, 3) == events[2]
        assert find_event(tx, 9) is None
        assert list(list_events(tx, 4)) == events[4:]


def test_each_event_holds_the_hash_of_the_bytes_before_it(path: Path) -> None:
    with open_ledger(path.parent) as ledger, ledger.reading() as tx:
        prev = genesis(ledger.id)
        for row in tx.rows("SELECT body, hash FROM event ORDER BY id"):
            assert json.loads(row["body"])["prev"] == prev
            prev = hashlib.sha256(row["body"]).hexdigest()
            assert row["hash"] == prev


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '\"n\":2', '\"n\":7') AS BLOB) WHERE id = 3", "event 3 was changed"),  # noqa: E501
        ("UPDATE event SET hash = 'ab' WHERE id = 3", "event 3 was changed"),
        ("DELETE FROM event WHERE id = 3", "event 3 is missing"),
        ("DELETE FROM event WHERE id = 1", "event 1 is missing"),
        ("DELETE FROM event WHERE id >= 4", "end is missing, events 4 to 5"),
        ("DELETE FROM event", "end is missing, events 1 to 5"),
        ("UPDATE event SET format = 9 WHERE id = 2", "format 9"),
        ("UPDATE event SET id = 9 WHERE id = 5", "event 5 is missing"),
    ],
)  # fmt: skip
def test_what_was_done_to_it_is_found(path: Path, sql: str, told: str) -> None:
    behind(path, sql)
    assert any(told in line for line in wrong(path)), wrong(path)


@pytest.mark.parametrize(
    "body", [b"not json", b"[]", b"{}", b'{"prev":1}', b'{"prev":"x","at":"","kind":"","data":{}}']
)
def test_an_event_put_in_with_its_own_hash_is_found(path: Path, body: bytes) -> None:
    behind(path, "UPDATE event SET body = ?, hash = ? WHERE id = 5", body, hashlib.sha256(body).hexdigest())
    assert wrong(path) == ["journal: event 5 does not follow the one before it"]


def test_the_chain_of_another_ledger_does_not_fit(path: Path) -> None:
    behind(path, "UPDATE ledger SET id = 'another'")
    assert wrong(path) == ["journal: event 1 does not follow the one before it"]


def test_an_event_is_gone_with_its_transaction(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.writing() as tx:  # noqa: PT012
        record_event(tx, "lost")
        raise RuntimeError
    with ledger.writing() as tx:
        record_event(tx, "kept")
    with ledger.reading() as tx:
        assert [event.kind for event in list_events(tx)] == ["kept"]
        assert list(check_chain(tx)) == []
