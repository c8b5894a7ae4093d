"""Clients and their walls."""

from __future__ import annotations

from typing import Any

from gigctl.errors import UsageError
from gigctl.ledger import blobs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.records import ClientRecord
from gigctl.values import did_you_mean

_SELECT = "SELECT * FROM client WHERE removed IS NULL"
_NEAREST = "SELECT slug FROM client WHERE removed IS NULL"


def _read(tx: Tx, row: Any) -> ClientRecord:
    return ClientRecord(
        id=row["id"],
        slug=row["slug"],
        name=blobs.get_text(tx, row["name"]),
        currency=row["currency"],
        policy=row["policy"],
        style=blobs.get_text(tx, row["style"]),
        glossary=blobs.get_text(tx, row["glossary"]),
        rate=row["rate"],
        created=row["created"],
    )


def list_clients(tx: Tx) -> list[ClientRecord]:
    return [_read(tx, row) for row in tx.rows(f"{_SELECT} ORDER BY slug")]


def find_client(tx: Tx, slug: str) -> ClientRecord | None:
    row = tx.find(f"{_SELECT} AND slug = ?", slug)
    return None if row is None else _read(tx, row)


def get_client_by_id(tx: Tx, client: int) -> ClientRecord:
    return _read(tx, tx.find("SELECT * FROM client WHERE id = ?", client))


def get_policy(tx: Tx, client: int) -> str:
    """The wall as it is now: a run that lives long must not trust what it read when it began."""
    return str(tx.once("SELECT policy FROM client WHERE id = ?", client))


def get_client(tx: Tx, slug: str) -> ClientRecord:
    """A slug may be shortened while it is unambiguous. Raises UsageError."""
    exact = find_client(tx, slug)
    if exact is not None:
        return exact
    like = slug.replace("_", r"\_") + "%"
    rows = tx.rows(f"{_SELECT} AND slug LIKE ? ESCAPE '\\' ORDER BY slug LIMIT 5", like)
    if len(rows) == 1:
        return _read(tx, rows[0])
    if rows:
        names = ", ".join(row["slug"] for row in rows)
        raise UsageError(f'"{slug}" may mean several clients: {names}', "write one more letter")
    near = did_you_mean(slug, (row["slug"] for row in tx.rows(f"{_NEAREST} ORDER BY id DESC LIMIT 1000")))
    raise UsageError(
        f'there is no client "{slug}"{near}', "gigctl client list" if near else f"gigctl client add {slug}"
    )


def add_client(
    tx: Tx, slug: str, *, name: str, currency: str, policy: str, style: str, glossary: str, rate: int | None
) -> ClientRecord:
    """A new client, or one that was removed coming back under its old id (its numbers go on). Raises UsageError."""
    if find_client(tx, slug) is not None:
        raise UsageError(f'there is a client "{slug}" already', f"gigctl client show {slug}")
    old = tx.value("SELECT id FROM client WHERE slug = ?", slug)
    if old is None:
        old = tx.insert("client", slug=slug, currency=currency, policy=policy, created=tx.now)
    tx.run("UPDATE client SET removed = NULL WHERE id = ?", old)
    _write(tx, old, name=name, currency=currency, policy=policy, style=style, glossary=glossary, rate=rate)
    record_event(tx, "client added", client=old, slug=slug, policy=policy, currency=currency)
    return get_client(tx, slug)


def edit_client(tx: Tx, client: ClientRecord, **changes: Any) -> ClientRecord:
    """`changes` are fields of ClientRecord."""
    known = {field: getattr(client, field) for field in ("name", "currency", "policy", "style", "glossary", "rate")}
    _write(tx, client.id, **(known | changes))
    record_event(
        tx, "client edited", client=client.id, fields=sorted(changes), policy=changes.get("policy", client.policy)
    )
    return get_client_by_id(tx, client.id)


def _write(tx: Tx, client: int, **fields: Any) -> None:
    tx.forget()
    owner = Owner(client)
    texts = {name: blobs.put_optional(tx, owner, fields[name]) for name in ("name", "style", "glossary")}
    tx.run(
        "UPDATE client SET name = ?, style = ?, glossary = ?, currency = ?, policy = ?, rate = ? WHERE id = ?",
        texts["name"], texts["style"], texts["glossary"], fields["currency"], fields["policy"], fields["rate"], client,
    )  # fmt: skip


def remove_client(tx: Tx, client: ClientRecord) -> None:
    """Erases the material of all its gigs; ids, hashes, money and decisions stay. The caller shrinks the file."""
    gigs = [row["id"] for row in tx.rows("SELECT id FROM gig WHERE client = ? AND removed IS NULL", client.id)]
    for gig in gigs:
        empty_gig(tx, gig)
    blobs.erase(tx, Owner(client.id))
    tx.run("UPDATE client SET removed = ?, name = NULL, style = NULL, glossary = NULL WHERE id = ?", tx.now, client.id)
    record_event(tx, "client removed", client=client.id, gigs=gigs)


def empty_gig(tx: Tx, gig: int) -> None:
    """Takes a gig's texts out of its rows, and it out of every listing."""
    tx.run(
        "UPDATE gig SET removed = ?, state = 'closed', title = NULL, brief = NULL, settings = NULL, wishes = NULL,"
        " repository = NULL WHERE id = ?",
        tx.now, gig,
    )  # fmt: skip
    # Paths are a client's words too; the revision's hash stays.
    tx.run("DELETE FROM revision_file WHERE revision IN (SELECT r.id FROM revision r JOIN task t ON t.id = r.task"
           " WHERE t.gig = ?)", gig)  # fmt: skip
    tx.run(
        "UPDATE request SET options = '{}' WHERE sha256 IN (SELECT request FROM attempt WHERE gig = ?1) AND NOT EXISTS"
        " (SELECT 1 FROM attempt a JOIN gig g ON g.id = a.gig WHERE a.request = request.sha256 AND g.removed IS NULL)",
        gig,
    )
    tx.run("UPDATE source SET name = 'removed ' || id WHERE gig = ?", gig)
    tx.run(
        "UPDATE task SET name = '', place = '{}', context = NULL, brief = NULL,"
        " state = CASE state WHEN 'signed' THEN 'signed' ELSE 'cancelled' END WHERE gig = ?",
        gig,
    )
