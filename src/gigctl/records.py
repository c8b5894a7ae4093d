"""What the ledger remembers, as plain data: the rows that flow works with and that render shows.

Texts are resolved where a reader needs them and None where they were erased or not asked for. `id` is the row's
integer, which with the ledger's id is everything's identity; references (`acme-3.12@2`) are for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from gigctl.model import CheckSpec, Verdict

TaskState = Literal["blocked", "ready", "review", "signed", "failed", "cancelled"]
DecisionKind = Literal["sign", "reject", "redo", "prefer", "reopen"]


class ClientRecord(Struct, frozen=True):
    """`policy` is `any`, `local-only` or `only:AGENT,…`; `rate` is in minor units of `currency` an hour."""

    id: int
    slug: str
    name: str
    currency: str
    policy: str
    style: str
    glossary: str
    rate: int | None
    created: str


class TaskCounts(Struct, frozen=True):
    total: int = 0
    blocked: int = 0
    ready: int = 0
    drafted: int = 0  # tasks with a current revision
    review: int = 0
    signed: int = 0
    failed: int = 0
    cancelled: int = 0
    delivered: int = 0


class GigRecord(Struct, frozen=True):
    """`price` is in minor units of `currency`; `budget`, `spent` and `reserved` in picodollars; `due` a date."""

    id: int
    ref: str
    client_id: int
    client: str
    number: int
    state: str
    craft: str
    title: str
    brief: str
    source_language: str
    targets: tuple[str, ...]
    options: Mapping[str, Any]
    checks: tuple[CheckSpec, ...]
    repository: str
    base_commit: str | None
    base_tree: str | None
    price: int | None
    currency: str
    due: str | None
    budget: int | None
    agents: tuple[str, ...]
    spent: int
    reserved: int
    created: str


class TaskRecord(Struct, frozen=True):
    """`current` is the number of the revision that a task's reference means; `agents` is its own chain or the gig's."""

    id: int
    ref: str
    gig_id: int
    gig: str
    client: str
    client_id: int
    number: int
    position: int
    state: TaskState
    craft: str
    name: str
    language: str
    source: str | None  # the file's name
    place: Mapping[str, Any]
    agents: tuple[str, ...]
    due: str | None
    current_id: int | None
    current: int | None
    signed_id: int | None
    held_until: str | None
    input_n: int
    input_hash: str
    input_base: str | None
    input_settings: str | None  # the blob of what this input says itself
    revisions: int
    created: str
    title: str = ""


class RevisionRecord(Struct, frozen=True):
    """`seconds` is what a human took to make it."""

    id: int
    ref: str
    task_id: int
    number: int
    input_n: int
    sha256: str
    base: str | None
    made_by: str
    agent: str | None
    attempt_id: int | None
    parent: int | None  # the parent's number
    rejected: bool
    seconds: float | None
    bytes: int
    created: str
    verdicts: tuple[Verdict, ...] = ()
    assessed: bool = False


class AttemptRecord(Struct, frozen=True):
    """`cost` and `reserved` are in picodollars; `outcome` is None while the call is in flight."""

    id: int
    run: int
    slot_id: int
    slot: int
    round: int
    agent: str
    outcome: str | None
    reason: str
    model: str
    reserved: int | None
    cost: int | None
    tokens_in: int | None
    tokens_out: int | None
    tokens_cached: int | None
    seconds: float | None
    begun: str
    mends: int | None
    revision: int | None  # the number of the revision that came of it
    request: str = ""
    cached_from: int | None = None  # the attempt whose answer was served again


class DecisionRecord(Struct, frozen=True):
    id: int
    kind: DecisionKind
    revision: int | None
    note: str
    actor: str
    at: str
    voided: str | None
    checks: tuple[tuple[str, str, bool, str, bool], ...] = ()  # name, outcome, required, fingerprint, unsandboxed
    despite: str = ""
    signer: str | None = None
    signed_input: str | None = None
    signed_revision: str | None = None
    carried_from: int | None = None
    signature: str = ""
    over: tuple[int, ...] = field(default=())


class RoundRecord(Struct, frozen=True):
    id: int
    n: int
    input_n: int
    agents: tuple[str, ...]
    wanted: Literal["first", "all"]
    repairs: int
    max_cost_each: int | None
    open: bool
    fresh: bool = False
    notes: tuple[str, ...] = ()
    slots: tuple[int, ...] = ()  # ids, in order


class DeliveryRecord(Struct, frozen=True):
    id: int
    gig: str
    form: str
    manifest_sha256: str
    partial: bool
    at: str
    tasks: tuple[str, ...] = ()
