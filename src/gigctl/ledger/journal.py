"""The journal: an append-only, hash-chained list of what happened. It holds ids and hashes, never a person's text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from gigctl.ledger.store import Tx

FORMAT = 1
"""1: `body` is JSON in UTF-8 with sorted keys: `prev` (hash of the event before, of the ledger's id for the first),
`at`, `kind`, `data`. `hash` is the SHA-256 of `body`, in hex."""


class Event(Struct, frozen=True):
    id: int
    at: str
    kind: str
    data: dict[str, Any]
    hash: str


def record_event(tx: Tx, what: str, /, **data: Any) -> int:
    """Appends an event in the transaction of the change that it tells of; its id. It is written with those that follow
    it, before anything refers to it."""
    if not tx.head:
        tx.head = tx.value("SELECT hash FROM event ORDER BY id DESC LIMIT 1") or genesis(tx.ledger_id)
        tx.last_event = tx.value("SELECT seq FROM sqlite_sequence WHERE name = 'event'") or 0
    body = b'{"at":"%s","data":%s,"kind":"%s","prev":"%s"}' % (
        tx.now.encode(), _ENCODE(data), what.encode(), tx.head.encode()
    )  # fmt: skip
    tx.head = hashlib.sha256(body).hexdigest()
    tx.events.append((FORMAT, body, tx.head))
    tx.last_event += 1
    return tx.last_event


_ENCODE = msgspec.json.Encoder(order="sorted").encode


def genesis(ledger_id: str) -> str:
    return hashlib.sha256(ledger_id.encode()).hexdigest()


def list_events(tx: Tx, after: int = 0) -> Iterator[Event]:
    tx.write_events()
    for row in tx.stream("SELECT id, body, hash FROM event WHERE id > ? ORDER BY id", after):
        body = json.loads(row["body"])
        yield Event(row["id"], body["at"], body["kind"], body["data"], row["hash"])


def find_event(tx: Tx, event: int) -> Event | None:
    return next((found for found in list_events(tx, event - 1) if found.id == event), None)


def head(tx: Tx) -> tuple[int, str]:
    """How many events there are, and the hash of the last: who writes it down can prove the whole journal by it."""
    tx.write_events()
    row = tx.find("SELECT id, hash FROM event ORDER BY id DESC LIMIT 1")
    return (0, genesis(tx.ledger_id)) if row is None else (row["id"], row["hash"])


def _prev(body: bytes) -> str | None:
    """The hash that an event names; None for a body that is none of ours."""
    try:
        found = json.loads(body)
        return str(found["prev"]) if {"at", "kind", "data"} <= set(found) else None
    except (ValueError, TypeError, KeyError):
        return None


def check_chain(tx: Tx) -> Iterator[str]:
    """What is wrong with the chain, a sentence each; nothing where it is whole."""
    tx.write_events()
    prev, expected = genesis(tx.ledger_id), 1
    for row in tx.stream("SELECT id, format, body, hash FROM event ORDER BY id"):
        if row["id"] != expected:
            yield f"journal: event {expected} is missing"
        if hashlib.sha256(row["body"]).hexdigest() != row["hash"]:
            yield f"journal: event {row['id']} was changed"
        elif row["format"] != FORMAT:
            yield f"journal: event {row['id']} is of format {row['format']}, which is unknown"
        elif _prev(row["body"]) != prev:
            yield f"journal: event {row['id']} does not follow the one before it"
        prev, expected = row["hash"], row["id"] + 1
    last = tx.value("SELECT seq FROM sqlite_sequence WHERE name = 'event'") or 0
    if last >= expected:
        yield f"journal: its end is missing, events {expected} to {last}"
