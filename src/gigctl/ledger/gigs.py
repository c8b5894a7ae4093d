"""Gigs, and the sources that clients gave for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gigctl.errors import UsageError
from gigctl.ledger import blobs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.clients import empty_gig, get_client
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.model import CheckSpec, Reference, Source
from gigctl.records import ClientRecord, GigRecord, TaskCounts

_SELECT = "SELECT gig.*, client.slug FROM gig JOIN client ON client.id = gig.client"


def _read(tx: Tx, row: Any) -> GigRecord:
    settings = blobs.get_json(tx, row["settings"], {})
    return GigRecord(
        id=row["id"],
        ref=f"{row['slug']}-{row['number']}",
        client_id=row["client"],
        client=row["slug"],
        number=row["number"],
        state=row["state"],
        craft=row["craft"],
        title=blobs.get_text(tx, row["title"]),
        brief=blobs.get_text(tx, row["brief"]),
        source_language=row["source_language"],
        targets=tuple(json.loads(row["targets"])),
        options=settings.get("options", {}),
        checks=tuple(CheckSpec(**spec) for spec in settings.get("checks", [])),
        repository=blobs.get_text(tx, row["repository"]),
        base_commit=row["base_commit"],
        base_tree=row["base_tree"],
        price=row["price"],
        currency=row["currency"],
        due=row["due"],
        budget=row["budget"],
        agents=tuple(json.loads(row["agents"])),
        spent=row["spent"],
        reserved=row["reserved"],
        created=row["created"],
    )


def add_gig(tx: Tx, client: ClientRecord, number: int | None = None, **fields: Any) -> GigRecord:
    """`fields` are GigRecord's (`craft` at least). `number` 0 is the client's scratch gig."""
    if number is None:
        number = int(
            tx.value("UPDATE client SET next_gig = next_gig + 1 WHERE id = ? RETURNING next_gig - 1", client.id)
        )
    gig = tx.insert(
        "gig", client=client.id, number=number, state="open", craft=fields["craft"],
        currency=fields.get("currency") or client.currency, created=tx.now,
    )  # fmt: skip
    _write(tx, Owner(client.id, gig), {"currency": client.currency} | fields)
    record_event(tx, "gig added", gig=gig, client=client.id, number=number, craft=fields["craft"])
    return get_gig_by_id(tx, gig)


def edit_gig(tx: Tx, gig: GigRecord, **changes: Any) -> GigRecord:
    """`changes` are fields of GigRecord."""
    _write(tx, Owner(gig.client_id, gig.id), changes)
    record_event(tx, "gig edited", gig=gig.id, fields=sorted(changes))
    return get_gig_by_id(tx, gig.id)


def move_base(tx: Tx, gig: GigRecord, commit: str, tree: str) -> None:
    """The commit of the client's repository that the gig's work is on from now."""
    tx.run("UPDATE gig SET base_commit = ?, base_tree = ? WHERE id = ?", commit, tree, gig.id)
    record_event(tx, "base moved", gig=gig.id, old=gig.base_commit, commit=commit, tree=tree)


_TEXTS = ("title", "brief", "repository")
_PLAIN = ("state", "craft", "source_language", "base_commit", "base_tree", "price", "currency", "due", "budget")


def _write(tx: Tx, owner: Owner, fields: Mapping[str, Any]) -> None:
    columns: dict[str, Any] = {name: fields[name] for name in _PLAIN if name in fields}
    columns |= {name: blobs.put_optional(tx, owner, fields[name]) for name in _TEXTS if name in fields}
    columns |= {name: json.dumps(list(fields[name])) for name in ("targets", "agents") if name in fields}
    if "wishes" in fields:
        wishes = [dict(wish) for wish in fields["wishes"]]
        columns["wishes"] = blobs.put_json(tx, owner, wishes) if wishes else None
    if "options" in fields or "checks" in fields:
        old = blobs.get_json(tx, tx.value("SELECT settings FROM gig WHERE id = ?", owner.gig), {})
        columns["settings"] = blobs.put_json(tx, owner, old | _settings(fields))
    if columns:
        sets = ", ".join(f"{name} = ?" for name in columns)
        tx.run(f"UPDATE gig SET {sets} WHERE id = ?", *columns.values(), owner.gig)  # noqa: S608


def _settings(fields: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if "options" in fields:
        out["options"] = dict(fields["options"])
    if "checks" in fields:
        out["checks"] = [
            {"name": spec.name, "check": spec.check, "options": dict(spec.options), "required": spec.required}
            for spec in fields["checks"]
        ]
    return out


def list_wishes(tx: Tx, gig: int) -> list[dict[str, Any]]:
    """The tasks that the gig was taken on with by name, as they were written; none where its sources were split."""
    return list(blobs.get_json(tx, tx.value("SELECT wishes FROM gig WHERE id = ?", gig), []))


def get_gig_by_id(tx: Tx, gig: int) -> GigRecord:
    return _read(tx, tx.find(f"{_SELECT} WHERE gig.id = ?", gig))


def find_gig(tx: Tx, client: ClientRecord, number: int) -> GigRecord | None:
    row = tx.find(f"{_SELECT} WHERE gig.client = ? AND gig.number = ? AND gig.removed IS NULL", client.id, number)
    return None if row is None else _read(tx, row)


def get_gig(tx: Tx, reference: Reference) -> GigRecord:
    """Raises UsageError."""
    client = get_client(tx, reference.client)
    if reference.gig is None:
        raise UsageError(f"{reference} is a client: name a gig", f"gigctl gig list -c {client.slug}")
    gig = find_gig(tx, client, reference.gig)
    if gig is None:
        raise UsageError(f"there is no gig {client.slug}-{reference.gig}", f"gigctl gig list -c {client.slug}")
    return gig


def list_gigs(
    tx: Tx, client: int | None = None, state: str | None = None, *, with_scratch: bool = False
) -> Iterator[GigRecord]:
    """Newest last; the scratch gigs (number 0) are left out unless asked for."""
    rows = tx.rows(
        f"{_SELECT} WHERE gig.removed IS NULL AND (?3 OR gig.number > 0) AND (?1 IS NULL OR gig.client = ?1)"
        " AND (?2 IS NULL OR gig.state = ?2) ORDER BY gig.id",
        client, state, with_scratch,
    )  # fmt: skip
    for row in rows:
        yield _read(tx, row)


def count_gigs(tx: Tx, client: int) -> int:
    return int(tx.value("SELECT count(*) FROM gig WHERE client = ? AND removed IS NULL AND number > 0", client))


def count_tasks(tx: Tx, gig: int) -> TaskCounts:
    rows = tx.rows("SELECT state, count(*) AS n, count(current) AS drafted FROM task WHERE gig = ? GROUP BY state", gig)
    states = {row["state"]: row["n"] for row in rows}
    delivered = tx.value(  # as they are signed now: what was reopened or signed anew since is to be delivered again
        "SELECT count(*) FROM task WHERE gig = ? AND state = 'signed' AND EXISTS (SELECT 1 FROM delivery_task d"
        " JOIN decision old ON old.id = d.decision JOIN decision new ON new.id = task.signed"
        " WHERE d.task = task.id AND old.revision = new.revision)",
        gig,
    )
    alive = {state: n for state, n in states.items() if state != "cancelled"}
    return TaskCounts(
        total=sum(alive.values()), drafted=sum(row["drafted"] for row in rows if row["state"] != "cancelled"),
        delivered=delivered, **states,
    )  # fmt: skip


def remove_gig(tx: Tx, gig: GigRecord) -> None:
    """Erases its material; ids, hashes, money and decisions stay. The caller shrinks the file."""
    empty_gig(tx, gig.id)
    blobs.erase(tx, Owner(gig.client_id, gig.id))
    record_event(tx, "gig removed", gig=gig.id)


def has_trees(tx: Tx, client: int, gig: int = 0) -> bool:
    """Whether anything of a client (or of one gig), removed or not, was ever made on a tree."""
    return bool(
        tx.value(
            "SELECT EXISTS (SELECT 1 FROM gig WHERE client = ?1 AND (?2 = 0 OR id = ?2) AND base_tree IS NOT NULL)"
            " OR EXISTS (SELECT 1 FROM task_input i JOIN task ON task.id = i.task JOIN gig ON gig.id = task.gig"
            " WHERE gig.client = ?1 AND (?2 = 0 OR gig.id = ?2) AND i.base IS NOT NULL)",
            client,
            gig,
        )
    )


def list_bases(tx: Tx) -> set[str]:
    """Ids of the commits and trees that gigs which are still there start from."""
    rows = tx.rows(
        "SELECT base_commit AS id FROM gig WHERE removed IS NULL AND base_commit IS NOT NULL"
        " UNION SELECT base_tree FROM gig WHERE removed IS NULL AND base_tree IS NOT NULL"
        " UNION SELECT i.base FROM task_input i JOIN task ON task.id = i.task JOIN gig ON gig.id = task.gig"
        " WHERE gig.removed IS NULL AND i.base IS NOT NULL"
    )
    return {row["id"] for row in rows}


# --- sources ---


def find_source(tx: Tx, gig: int, name: str) -> tuple[int, str] | None:
    """The newest version of a source: its id and its content's hash."""
    row = tx.find("SELECT id, sha256 FROM source WHERE gig = ? AND name = ? ORDER BY version DESC LIMIT 1", gig, name)
    return None if row is None else (row["id"], row["sha256"])


def list_source_names(tx: Tx, gig: int) -> list[str]:
    return [row["name"] for row in tx.rows("SELECT name FROM source WHERE gig = ? GROUP BY name ORDER BY min(id)", gig)]


def add_source(tx: Tx, gig: GigRecord, source: Source) -> int:
    """A client's file, or a newer version of one of the same name; its id."""
    sha = blobs.put_bytes(tx, Owner(gig.client_id, gig.id), source.data)
    version = tx.value("SELECT max(version) FROM source WHERE gig = ? AND name = ?", gig.id, source.name) or 0
    row = tx.insert("source", gig=gig.id, name=source.name, version=version + 1, sha256=sha, created=tx.now)
    record_event(tx, "source added", gig=gig.id, source=row, sha256=sha)
    return row


def list_sources(tx: Tx, gig: int) -> list[Source]:
    """The newest version of each, in the order in which they came."""
    # Not by bare columns beside max(): SQLite takes them from any row where there is another aggregate too.
    rows = tx.rows(
        "SELECT s.name, s.sha256 FROM source s JOIN (SELECT name, max(version) AS version, min(id) AS first FROM source"
        " WHERE gig = ?1 GROUP BY name) n ON n.name = s.name AND n.version = s.version WHERE s.gig = ?1"
        " ORDER BY n.first",
        gig,
    )
    return [Source(row["name"], blobs.get_bytes(tx, row["sha256"])) for row in rows]
