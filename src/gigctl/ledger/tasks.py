"""Tasks: their inputs, what they wait for, and their state."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from gigctl.errors import UsageError
from gigctl.ledger import blobs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.gigs import get_gig
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.model import Content, Reference, TaskSpec
from gigctl.records import GigRecord, TaskRecord, TaskState

_SELECT = (
    "SELECT task.*, gig.number AS gig_number, gig.client AS client_id, gig.due, gig.agents AS gig_agents, client.slug,"
    " source.name AS source_name, revision.number AS current_number, i.n AS input_n, i.hash AS input_hash,"
    " i.base AS input_base, gig.title AS gig_title"
    " FROM task JOIN gig ON gig.id = task.gig JOIN client ON client.id = gig.client"
    " LEFT JOIN source ON source.id = task.source LEFT JOIN revision ON revision.id = task.current"
    " JOIN task_input i ON i.task = task.id AND i.n = (SELECT max(n) FROM task_input WHERE task = task.id)"
)


@functools.lru_cache(maxsize=64)
def _chain(text: str) -> tuple[str, ...]:
    """Of a JSON list. A run reads each of its tasks several times, and nearly all name the same agents."""
    return tuple(json.loads(text))


def _read(row: Any) -> TaskRecord:
    gig = f"{row['slug']}-{row['gig_number']}"
    return TaskRecord(
        id=row["id"],
        ref=f"{gig}.{row['number']}",
        gig_id=row["gig"],
        gig=gig,
        client=row["slug"],
        client_id=row["client_id"],
        number=row["number"],
        position=row["position"],
        state=row["state"],
        craft=row["craft"],
        name=row["name"],
        language=row["language"],
        source=row["source_name"],
        place=json.loads(row["place"]),
        agents=_chain(row["agents"] or row["gig_agents"]),
        due=row["due"],
        current_id=row["current"],
        current=row["current_number"],
        signed_id=row["signed"],
        held_until=row["held_until"],
        input_n=row["input_n"],
        input_hash=row["input_hash"],
        input_base=row["input_base"],
        revisions=row["next_revision"] - 1,
        created=row["created"],
    )


# --- adding ---


def add_task(
    tx: Tx, gig: GigRecord, spec: TaskSpec, *, craft: str, source: int | None = None, brief: str | None = None,
    agents: Sequence[str] | None = None,
) -> int:  # fmt: skip
    """A new task of a gig, ready (or blocked, once `add_need` says so); its id."""
    number = tx.value("UPDATE gig SET next_task = next_task + 1 WHERE id = ? RETURNING next_task - 1", gig.id)
    owner = Owner(gig.client_id, gig.id)
    task = tx.insert(
        "task", gig=gig.id, number=number, position=number, state="ready", craft=craft, name=spec.name,
        language=spec.language, source=source, place=json.dumps(dict(spec.place), ensure_ascii=False),
        context=blobs.put_json(tx, owner, dict(spec.context)) if spec.context else None,
        brief=blobs.put_optional(tx, owner, brief), agents=json.dumps(list(agents)) if agents else None, created=tx.now,
    )  # fmt: skip
    add_input(tx, owner, task, spec.input)
    record_event(tx, "task added", task=task, gig=gig.id, number=number, input=spec.input.sha256)
    return task


def add_input(tx: Tx, owner: Owner, task: int, content: Content) -> int:
    """A newer version of what the task is asked to work on; its number."""
    n = int(tx.value("SELECT coalesce(max(n), 0) + 1 FROM task_input WHERE task = ?", task))
    text = blobs.put_bytes(tx, owner, content.changes[0].data or b"") if content.is_text else None
    tx.insert("task_input", task=task, n=n, hash=content.sha256, base=content.base, text=text, created=tx.now)
    if n > 1:
        record_event(tx, "input added", task=task, n=n, input=content.sha256)
    return n


def get_input(tx: Tx, task: int, n: int) -> Content:
    row = tx.find("SELECT base, text FROM task_input WHERE task = ? AND n = ?", task, n)
    if row["text"] is None:
        return Content((), base=row["base"])
    return Content.of_text(blobs.get_text(tx, row["text"]))


def add_need(tx: Tx, task: int, needs: int, kind: str) -> None:
    """The task waits for another's signature (`after`), and takes the signed text as its own (`source`).

    Raises UsageError where the other waits, at whatever distance, for this one.
    """
    if reaches(tx, needs, task):
        raise UsageError(f"{_ref(tx, task)} would wait for itself: {_ref(tx, needs)} waits for it")
    tx.run("INSERT OR IGNORE INTO task_need (task, needs, kind) VALUES (?, ?, ?)", task, needs, kind)
    set_state(tx, task, waiting_state(tx, task))


def list_needs(tx: Tx, task: int) -> list[tuple[int, str]]:
    return [
        (row["needs"], row["kind"]) for row in tx.rows("SELECT * FROM task_need WHERE task = ? ORDER BY needs", task)
    ]


def list_dependents(tx: Tx, task: int) -> list[tuple[int, str]]:
    return [
        (row["task"], row["kind"]) for row in tx.rows("SELECT * FROM task_need WHERE needs = ? ORDER BY task", task)
    ]


def waiting_state(tx: Tx, task: int) -> TaskState:
    """`blocked` while something that the task waits for is unsigned, else `ready`.

    What was cancelled is waited for no more, unless its text is the task's own source.
    """
    unsigned = tx.value(
        "SELECT count(*) FROM task_need n JOIN task ON task.id = n.needs WHERE n.task = ? AND task.state <> 'signed'"
        " AND (n.kind = 'source' OR task.state <> 'cancelled')",
        task,
    )
    return "blocked" if unsigned else "ready"


def _ref(tx: Tx, task: int) -> str:
    return get_task_by_id(tx, task).ref


def reaches(tx: Tx, start: int, goal: int) -> bool:
    """Whether `start` waits, at whatever distance, for `goal`."""
    found = tx.value(
        "WITH RECURSIVE way(task) AS (SELECT ? UNION SELECT n.needs FROM task_need n JOIN way ON n.task = way.task)"
        " SELECT 1 FROM way WHERE task = ?",
        start, goal,
    )  # fmt: skip
    return found is not None


def count_states(tx: Tx, gig: int, states: Sequence[str]) -> int:
    return len(list_task_ids(tx, gig, states))


# --- state ---


def set_state(tx: Tx, task: int, state: TaskState) -> None:
    """Changes the state and says so in the journal; nothing where it is so already."""
    changed = tx.run("UPDATE task SET state = ? WHERE id = ? AND state <> ?", state, task, state).rowcount
    if changed:
        record_event(tx, "task state", task=task, state=state)


def set_current(tx: Tx, task: int, revision: int | None) -> None:
    tx.run("UPDATE task SET current = ? WHERE id = ?", revision, task)


# --- reading ---


def find_task(tx: Tx, task: int) -> TaskRecord | None:
    row = tx.find(f"{_SELECT} WHERE task.id = ?", task)
    return None if row is None else _read(row)


def get_task_by_id(tx: Tx, task: int) -> TaskRecord:
    found = find_task(tx, task)
    if found is None:
        raise UsageError(f"there is no task {task}")
    return found


def get_task(tx: Tx, reference: Reference) -> TaskRecord:
    """Raises UsageError."""
    gig = get_gig(tx, reference)
    row = tx.find(f"{_SELECT} WHERE task.gig = ? AND task.number = ?", gig.id, reference.task)
    if row is None:
        raise UsageError(f"there is no task {gig.ref}.{reference.task}", f"gigctl gig show {gig.ref}")
    return _read(row)


def list_tasks(tx: Tx, gig: int, *, with_cancelled: bool = False) -> Iterator[TaskRecord]:
    """In the order of the work."""
    skip = "" if with_cancelled else " AND task.state <> 'cancelled'"
    for row in tx.stream(f"{_SELECT} WHERE task.gig = ?{skip} ORDER BY task.position, task.id", gig):
        yield _read(row)


def list_task_ids(tx: Tx, gig: int, states: Sequence[str]) -> list[int]:
    marks = ",".join("?" * len(states))
    sql = f"SELECT id FROM task WHERE gig = ? AND state IN ({marks}) ORDER BY position, id"  # noqa: S608
    return [row["id"] for row in tx.rows(sql, gig, *states)]


def get_texts(tx: Tx, task: int) -> tuple[str, dict[str, Any]]:
    """Its brief (its own or the gig's) and the craft's context."""
    row = tx.find(
        "SELECT coalesce(task.brief, gig.brief) AS brief, context FROM task JOIN gig ON gig.id = task.gig"
        " WHERE task.id = ?",
        task,
    )
    return blobs.get_text(tx, row["brief"]), blobs.get_json(tx, row["context"], {})


def owner_of(task: TaskRecord) -> Owner:
    return Owner(task.client_id, task.gig_id)
