"""Whether the ledger is as it was written: the file, the chain, each content, and the rows against the chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from gigctl.ledger.blobs import check_blobs, sha256_of
from gigctl.ledger.decisions import check_decisions
from gigctl.ledger.job_rows import check_rows
from gigctl.ledger.journal import Event, check_chain, list_events
from gigctl.ledger.revisions import check_revisions
from gigctl.ledger.store import Ledger, Tx
from gigctl.model import REGULAR, TEXT_PATH, input_text


def check_ledger(ledger: Ledger) -> list[str]:
    """What is wrong, a sentence each; an empty list where nothing is."""
    wrong = ledger.damage()
    with ledger.reading() as tx:
        wrong += check_chain(tx)
        if wrong:
            return wrong + list(check_blobs(tx))
        told = _Told()
        for event in list_events(tx):
            told.hear(event)
        rows = (_check_inputs, _check_revision_rows, _check_verdicts, _check_attempts, _check_walls, _check_signatures)
        found = (line for check in rows for line in check(tx, told))
        kept = [*check_blobs(tx), *check_revisions(tx), *check_decisions(tx), *check_rows(tx)]
        return [*kept, *found, *_check_sums(tx)]


class _Told(Struct):
    """What the journal says of each row, the last word of several."""

    revisions: dict[tuple[int, int], tuple[str, str, str]] = field(default_factory=dict)  # input, hash, made by
    assessed: dict[int, dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, bool]] = field(default_factory=dict)
    begun: dict[int, tuple[int, str, int | None]] = field(default_factory=dict)
    settled: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    inputs: dict[tuple[int, int], str] = field(default_factory=dict)
    sources: dict[int, str] = field(default_factory=dict)
    policies: dict[int, str] = field(default_factory=dict)
    clients_removed: set[int] = field(default_factory=set)
    gigs_removed: set[int] = field(default_factory=set)
    voided: set[int] = field(default_factory=set)
    deliveries: dict[int, tuple[int, str, str, bool]] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "revision added":
                self.revisions[data["task"], data["number"]] = (data["input"], data["revision"], data["by"])
            case "revision assessed":
                self.assessed[data["revision"]] = data["verdicts"]
                self.verdicts |= {mark: (out, unsafe) for out, mark, _, unsafe in data["verdicts"].values()}
            case "attempt begun":
                self.begun[data["attempt"]] = (data["version"], data["request"], data["reserved"])
            case "attempt settled":
                self.settled[data["attempt"]] = (data["outcome"], data["cost"])
            case "task added":
                self.inputs[data["task"], 1] = data["input"]
            case "input added":
                self.inputs[data["task"], data["n"]] = data["input"]
            case "source added":
                self.sources[data["source"]] = data["sha256"]
            case "signature void":
                self.voided.add(data["decision"])
            case "delivered":
                self.deliveries[event.id] = (data["gig"], data["form"], data["manifest"], data["partial"])
            case _:
                self._hear_of_clients(event)

    def _hear_of_clients(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "client added":
                self.policies[data["client"]] = data["policy"]
                self.clients_removed.discard(data["client"])
            case "client edited":
                self.policies[data["client"]] = data["policy"]
            case "client removed":
                self.clients_removed.add(data["client"])
                self.gigs_removed.update(data["gigs"])
            case "gig removed":
                self.gigs_removed.add(data["gig"])


def _differences(name: str, told: dict[Any, Any], rows: dict[Any, Any]) -> Iterator[str]:
    """Where the journal and a table differ; `name` makes a row's name of its key."""
    for key in sorted(told.keys() | rows.keys()):
        if key not in rows:
            yield f"{name.format(key)} is gone"
        elif key not in told:
            yield f"{name.format(key)} is not in the journal"
        elif told[key] != rows[key]:
            yield f"{name.format(key)} is not as the journal has it"


def _check_inputs(tx: Tx, told: _Told) -> Iterator[str]:
    """Inputs against the journal, and their hashes against what is kept of them; sources against the journal."""
    rows = {}
    for row in tx.stream("SELECT task, n, hash, base, text, brief, settings FROM task_input"):
        rows[row["task"], row["n"]] = row["hash"]
        lines = [] if row["text"] is None else [(TEXT_PATH, REGULAR, row["text"])]
        if sha256_of(input_text(row["base"], lines, row["brief"], row["settings"])) != row["hash"]:
            yield f"input {row['n']} of task {row['task']} was changed"
    yield from _differences("input {0[1]} of task {0[0]}", told.inputs, rows)
    yield from _differences(
        "source {}", told.sources, {row["id"]: row["sha256"] for row in tx.stream("SELECT id, sha256 FROM source")}
    )


def _check_revision_rows(tx: Tx, told: _Told) -> Iterator[str]:
    sql = (
        "SELECT r.task, r.number, r.sha256, r.made_by, i.hash FROM revision r"
        " JOIN task_input i ON i.task = r.task AND i.n = r.input"
    )
    rows = {(r["task"], r["number"]): (r["hash"], r["sha256"], r["made_by"]) for r in tx.stream(sql)}
    yield from _differences("revision {0[1]} of task {0[0]}", told.revisions, rows)


def _check_verdicts(tx: Tx, told: _Told) -> Iterator[str]:
    rows = {r["fingerprint"]: (r["outcome"], bool(r["unsandboxed"])) for r in tx.stream("SELECT * FROM verdict")}
    yield from _differences("verdict {:.12}", told.verdicts, rows)
    found: dict[int, dict[str, tuple[str, bool]]] = {}
    sql = (
        "SELECT v.revision, v.name, v.fingerprint, v.required FROM revision_verdict v"
        " JOIN revision r ON r.id = v.revision WHERE r.assessed IS NOT NULL"
    )
    for row in tx.stream(sql):
        found.setdefault(row["revision"], {})[row["name"]] = (row["fingerprint"], bool(row["required"]))
    for row in tx.stream("SELECT id FROM revision WHERE assessed IS NOT NULL"):
        said = {name: (mark, must) for name, (_, mark, must, _) in told.assessed.get(row["id"], {}).items()}
        if said != found.get(row["id"], {}):
            yield f"the verdicts of revision {row['id']} are not as the journal has them"


def _check_attempts(tx: Tx, told: _Told) -> Iterator[str]:
    begun, settled = {}, {}
    for row in tx.stream("SELECT id, agent_version, request, reserved, outcome, cost FROM attempt"):
        begun[row["id"]] = (row["agent_version"], row["request"], row["reserved"])
        if row["outcome"] is not None:
            settled[row["id"]] = (row["outcome"], row["cost"])
    yield from _differences("attempt {}", told.begun, begun)
    yield from _differences("the end of attempt {}", told.settled, settled)


def _check_walls(tx: Tx, told: _Told) -> Iterator[str]:
    """Policies, and what was removed: a row that says so by itself would hide its material from every other check."""
    for row in tx.stream("SELECT id, slug, policy, removed FROM client"):
        # `me` is there from the start.
        if row["policy"] != told.policies.get(row["id"], "any"):
            yield f"the policy of {row['slug']} is not as the journal has it"
        if (row["removed"] is not None) != (row["id"] in told.clients_removed):
            yield f"client {row['slug']} is not as the journal has it"
    gone = {row["id"] for row in tx.stream("SELECT id FROM gig WHERE removed IS NOT NULL")}
    yield from (f"gig {gig} is not as the journal has it" for gig in sorted(gone ^ told.gigs_removed))


def _check_signatures(tx: Tx, told: _Told) -> Iterator[str]:
    """What is void stays void, and what is signed has a signature; deliveries are of what the journal says."""
    void = {row["id"] for row in tx.stream("SELECT id FROM decision WHERE voided IS NOT NULL")}
    yield from (f"the signature {decision} is not as the journal has it" for decision in sorted(void ^ told.voided))
    sql = (
        "SELECT t.id FROM task t LEFT JOIN decision d ON d.id = t.signed WHERE (t.state = 'signed') <>"
        " (d.id IS NOT NULL AND d.kind = 'sign' AND d.task = t.id AND d.voided IS NULL AND d.revision = t.current)"
    )
    yield from (f"task {row['id']} is not as its signature says" for row in tx.stream(sql))
    rows = {
        row["event"]: (row["gig"], row["form"], row["manifest"], bool(row["partial"]))
        for row in tx.stream("SELECT * FROM delivery")
    }
    yield from _differences("the delivery of event {}", told.deliveries, rows)


def _check_sums(tx: Tx) -> Iterator[str]:
    """What gigs and runs are said to have spent and reserved, against their attempts."""
    for table in ("gig", "run"):
        rows = tx.rows(
            f"SELECT t.id, t.spent, t.reserved, coalesce(sum(CASE WHEN a.outcome IS NOT NULL THEN coalesce(a.cost,"  # noqa: S608
            " a.reserved, 0) END), 0) AS paid, coalesce(sum(CASE WHEN a.id IS NOT NULL AND a.outcome IS NULL THEN"
            f" coalesce(a.reserved, 0) END), 0) AS held FROM {table} t LEFT JOIN attempt a ON a.{table} = t.id"
            " GROUP BY t.id"
        )
        for row in rows:
            if (row["spent"], row["reserved"]) != (row["paid"], row["held"]):
                yield f"what {table} {row['id']} is said to have spent is not what its attempts cost"
