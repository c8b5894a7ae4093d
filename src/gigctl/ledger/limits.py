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
    if rest := find_rest(tx, entry.name, now):
        return rest
    # Of the embedded model it is the number of slots: more may wait in its process than it answers at once.
    if entry.kind != "local" and entry.concurrency is not None and _in_flight(tx, entry.name) >= entry.concurrency:
        return 0.05
    if is_resting(tx, entry.name):
        hold_back(tx, entry.name, now + FIRST_REST)  # one goes and tries; the others see what becomes of it
    if entry.rpm is None and entry.tpm is None:
        return 0.0
    row = tx.find("SELECT requests_at, tokens_at FROM agent_limit WHERE name = ?", entry.name)
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


def find_rest(tx: Tx, name: str, now: int) -> float:
    """For how many seconds yet nobody is to ask it; 0 where it may be asked."""
    return max(0.0, float((tx.once("SELECT open_until FROM agent_limit WHERE name = ?", name) or 0) - now) / 1e6)


def hold_back(tx: Tx, name: str, until: int) -> None:
    """No call of any process before `until` (microseconds since the epoch): what a `retry-after` asked for."""
    tx.forget()
    tx.run(
        "INSERT INTO agent_limit (name, open_until) VALUES (?1, ?2) ON CONFLICT (name)"
        " DO UPDATE SET open_until = max(open_until, ?2)",
        name, until,
    )  # fmt: skip


# --- the breaker (M. Nygard, "Release It!", 2007) ---

FAILURES = 5
"""Failures in a row after which an agent is left alone."""
FIRST_REST, LONGEST_REST = 2_000_000, 60_000_000
"""Microseconds: doubled with each failure more."""


def record_failure(tx: Tx, name: str, begun: int, now: int) -> None:
    """One more call that a server could not answer; after some in a row nobody asks it for a while, and then one does.

    `begun` is when it was sent: many that fail together, sent before the agent was left alone, are no new failure.
    """
    row = tx.find("SELECT failures, open_until FROM agent_limit WHERE name = ?", name)
    failures = row["failures"] if row else 0
    if failures >= FAILURES and begun < row["open_until"] - _rest(failures):
        return
    until = now + _rest(failures + 1) if failures + 1 >= FAILURES else 0
    tx.forget()
    tx.run(
        "INSERT INTO agent_limit (name, failures, open_until) VALUES (?1, 1, ?2) ON CONFLICT (name)"
        " DO UPDATE SET failures = failures + 1, open_until = max(open_until, ?2)",
        name, until,
    )  # fmt: skip


def _rest(failures: int) -> int:
    return min(FIRST_REST << max(failures - FAILURES, 0), LONGEST_REST)


def record_success(tx: Tx, name: str) -> None:
    """It answers again."""
    tx.forget()
    tx.run("UPDATE agent_limit SET failures = 0, open_until = 0 WHERE name = ? AND failures > 0", name)


def is_resting(tx: Tx, name: str) -> bool:
    """Whether it failed so often that nobody but one who tries is to ask it."""
    return (tx.once("SELECT failures FROM agent_limit WHERE name = ?", name) or 0) >= FAILURES


def is_failing(tx: Tx, name: str) -> bool:
    """Whether its last call was such a failure."""
    return bool(tx.value("SELECT failures > 0 FROM agent_limit WHERE name = ?", name))


def find_overspent(tx: Tx, name: str) -> str | None:
    """When the agent last cost more than was reserved for it."""
    found = tx.value("SELECT overspent FROM agent_limit WHERE name = ?", name)
    return None if found is None else str(found)


def clear_overspent(tx: Tx, name: str) -> None:
    """A call of it has kept within its bound again."""
    tx.run("UPDATE agent_limit SET overspent = NULL WHERE name = ?", name)
    record_event(tx, "agent cleared", agent=name)
