"""Content, kept once by its SHA-256, with the clients (and gigs) that refer to it, so that it can be erased."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from gigctl.errors import LedgerError
from gigctl.ledger.store import Tx


class Owner(Struct, frozen=True):
    """Whose material it is: a client's id, and a gig's (0: the client's own)."""

    client: int
    gig: int = 0


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put_bytes(tx: Tx, owner: Owner, data: bytes) -> str:
    sha = sha256_of(data)
    content = (sha, owner.client, owner.gig)
    if tx.kept.has(content):
        return sha
    # A blob that was erased for one client may come again from another.
    tx.run(
        "INSERT INTO blob (sha256, size, data) VALUES (?, ?, ?)"
        " ON CONFLICT (sha256) DO UPDATE SET data = excluded.data WHERE data IS NULL",
        sha, len(data), data,
    )  # fmt: skip
    tx.run("INSERT OR IGNORE INTO blob_client (sha256, client, gig) VALUES (?, ?, ?)", *content)
    tx.kept.add(content)
    return sha


def put_text(tx: Tx, owner: Owner, text: str) -> str:
    return put_bytes(tx, owner, text.encode("utf-8", "surrogateescape"))


def put_optional(tx: Tx, owner: Owner, text: str | None) -> str | None:
    return put_text(tx, owner, text) if text else None


def put_json(tx: Tx, owner: Owner, value: Any) -> str:
    return put_text(tx, owner, json_text(value))


def json_text(value: Any) -> str:
    """JSON as it is kept: the same bytes for the same value."""
    return _ENCODE(value)


_ENCODE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def get_bytes(tx: Tx, sha: str) -> bytes:
    """Raises LedgerError where it was erased or is damaged: what is read is what was written."""
    row = tx.find("SELECT data FROM blob WHERE sha256 = ?", sha)
    if row is None:
        raise LedgerError(f"the ledger has no content {sha[:12]}", "gigctl ledger verify")
    data = row["data"]
    if data is None:
        raise LedgerError(f"content {sha[:12]} was erased with its client's or gig's material")
    if hashlib.sha256(data).hexdigest() != sha:
        raise LedgerError(f"content {sha[:12]} was changed outside gigctl", "gigctl ledger verify")
    return bytes(data)


def get_text(tx: Tx, sha: str | None) -> str:
    """The empty string for no blob."""
    return "" if sha is None else get_bytes(tx, sha).decode("utf-8", "surrogateescape")


def get_json(tx: Tx, sha: str | None, default: Any) -> Any:
    return default if sha is None else json.loads(get_text(tx, sha))


def erase(tx: Tx, owner: Owner) -> int:
    """Takes an owner's references away (gig 0: all of the client's) and erases what nobody else refers to."""
    tx.kept.forget()
    where, values = (
        ("client = ?", [owner.client]) if owner.gig == 0 else ("client = ? AND gig = ?", [owner.client, owner.gig])
    )
    tx.run(f"CREATE TEMP TABLE leaving AS SELECT DISTINCT sha256 FROM blob_client WHERE {where}", *values)  # noqa: S608
    tx.run(f"DELETE FROM blob_client WHERE {where}", *values)  # noqa: S608
    gone = tx.run(
        "UPDATE blob SET data = NULL WHERE sha256 IN (SELECT sha256 FROM leaving)"
        " AND NOT EXISTS (SELECT 1 FROM blob_client WHERE blob_client.sha256 = blob.sha256)"
    ).rowcount
    tx.run("DROP TABLE leaving")
    return gone


def check_blobs(tx: Tx) -> Iterator[str]:
    """What is wrong with the content, a sentence each."""
    for row in tx.stream("SELECT sha256, size, data FROM blob WHERE data IS NOT NULL"):
        if hashlib.sha256(row["data"]).hexdigest() != row["sha256"] or len(row["data"]) != row["size"]:
            yield f"content {row['sha256'][:12]} was changed"
    lost = "SELECT DISTINCT sha256 FROM blob JOIN blob_client USING (sha256) WHERE data IS NULL"
    for row in tx.stream(lost):
        yield f"content {row['sha256'][:12]} is gone, and nobody removed it"
