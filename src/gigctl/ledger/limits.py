"""What an agent may be sent when: one row an agent, so that limits hold for eight processes as for one.

Rates are kept by the generic cell rate algorithm (ITU-T I.371, 1996): a row holds the theoretical arrival time of the
next request, and a request may come as much too early as the allowed burst.
"""

from __future__ import annotations

from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.model import AgentEntry

MINUTE = 60_000_000
"""Microseconds, the unit of the times here."""
BURST_SHARE = 10
"""A tenth of a minute's allowance may be sent at once."""


def take_turn(tx: Tx, entry: AgentEntry, now: int, tokens: int) -> float:
    """Counts a call against the agent's limits; the seconds to wait instead, 0 where it may go (and was counted)."""
    row = tx.find("SELECT * FROM agent_limit WHERE name = ?", entry.name)
    open_until = row["open_until"] if row else 0
    if open_until > now:
        return (open_until - now) / 1e6
    if entry.concurrency is not None and _in_flight(tx, entry.name) >= entry.concurrency:
        return 0.05
    if entry.rpm is None and entry.tpm is None:
        return 0.0
    requests_at = _next(row["requests_at"] if row else 0, now, entry.rpm, 1)
    tokens_at = _next(row["tokens_at"] if row else 0, now, entry.tpm, tokens)
    early = max(_too_early(requests_at, now, entry.rpm, 1), _too_early(tokens_at, now, entry.tpm, tokens))
    if early > 0:
        return early / 1e6
    tx.run(
        "INSERT INTO agent_limit (name, requests_at, tokens_at) VALUES (?1, ?2, ?3) ON CONFLICT (name)"
        " DO UPDATE SET requests_at = ?2, tokens_at = ?3",
        entry.name, requests_at, tokens_at,
    )  # fmt: skip
    return 0.0


def _next(before: int, now: int, per_minute: int | None, units: int) -> int:
    return 0 if per_minute is None else max(before, now) + units * MINUTE // per_minute


def _too_early(arrival: int, now: int, per_minute: int | None, units: int) -> int:
    if per_minute is None:
        return 0
    burst = max(per_minute // BURST_SHARE, units, 1)
    return arrival - now - burst * MINUTE // per_minute


def _in_flight(tx: Tx, name: str) -> int:
    return int(tx.value("SELECT count(*) FROM attempt WHERE agent = ? AND outcome IS NULL", name))


def hold_back(tx: Tx, name: str, until: int) -> None:
    """No call of any process before `until` (microseconds since the epoch): what a `retry-after` asked for."""
    tx.run(
        "INSERT INTO agent_limit (name, open_until) VALUES (?1, ?2) ON CONFLICT (name)"
        " DO UPDATE SET open_until = max(open_until, ?2)",
        name, until,
    )  # fmt: skip


def find_overspent(tx: Tx, name: str) -> str | None:
    """When the agent last cost more than was reserved for it."""
    found = tx.value("SELECT overspent FROM agent_limit WHERE name = ?", name)
    return None if found is None else str(found)


def clear_overspent(tx: Tx, name: str) -> None:
    """A call of it has kept within its bound again."""
    tx.run("UPDATE agent_limit SET overspent = NULL WHERE name = ?", name)
    record_event(tx, "agent cleared", agent=name)
