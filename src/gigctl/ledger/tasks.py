"""Tasks: their inputs, what they wait for, and their state."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gigctl.errors import UsageError
from gigctl.ledger import blobs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.gigs import get_gig
from gigctl.ledger.journal import record_event
from gigctl.ledger.store import Tx
from gigctl.model import CheckSpec, Content, Own, Reference, TaskSpec, input_text
from gigctl.records import GigRecord, TaskRecord, TaskState

_SELECT = (
    "SELECT task.*, gig.number AS gig_number, gig.client AS client_id, gig.due, gig.agents AS gig_agents, client.slug,"
    " source.name AS source_name, revision.number AS current_number, i.n AS input_n, i.hash AS input_hash,"
    " i.base AS input_base, i.settings AS input_settings, gig.title AS gig_title"
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
        input_settings=row["input_settings"],
        revisions=row["next_revision"] - 1,
        created=row["created"],
    )


# --- adding ---


def add_task(
    tx: Tx, gig: GigRecord, spec: TaskSpec, *, craft: str, source: int | None = None, brief: str | None = None,
    agents: Sequence[str] | None = None,
) -> int:  # fmt: skip
    """A new task of a gig, ready (or blocked, once `add_need` says so); its id."""
    return _add(tx, gig, spec, craft, source, brief, agents)[0]


def _add(
    tx: Tx, gig: GigRecord, spec: TaskSpec, craft: str, source: int | None, brief: str | None,
    agents: Sequence[str] | None,
) -> tuple[int, int, _Input]:  # fmt: skip
    """Its id, its number and what is kept of its input."""
    number = tx.take_number(
        "SELECT next_task FROM gig WHERE id = ?", "UPDATE gig SET next_task = ? WHERE id = ?", gig.id
    )
    owner = Owner(gig.client_id, gig.id)
    task = tx.insert(
        "task", gig=gig.id, number=number, position=number, state="ready", craft=craft, name=spec.name,
        language=spec.language, source=source, place=_json(spec.place) if spec.place else "{}",
        context=blobs.put_json(tx, owner, dict(spec.context)) if spec.context else None,
        brief=blobs.put_optional(tx, owner, brief), agents=json.dumps(list(agents)) if agents else None, created=tx.now,
    )  # fmt: skip
    kept = _put_input(tx, owner, task, 1, spec.input, spec.own)
    record_event(tx, "task added", task=task, gig=gig.id, number=number, input=kept.hash)
    return task, number, kept


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), ensure_ascii=False)


def add_job(tx: Tx, gig: GigRecord, spec: TaskSpec, craft: str) -> TaskRecord:
    """A new task without a file, as it stands in the ledger, without reading it again."""
    task, number, kept = _add(tx, gig, spec, craft, None, None, None)
    return TaskRecord(
        id=task, ref=f"{gig.ref}.{number}", gig_id=gig.id, gig=gig.ref, client=gig.client, client_id=gig.client_id,
        number=number, position=number, state="ready", craft=craft, name=spec.name, language=spec.language, source=None,
        place=spec.place, agents=gig.agents, due=gig.due, current_id=None, current=None, signed_id=None,
        held_until=None, input_n=1, input_hash=kept.hash, input_base=spec.input.base, input_settings=kept.settings,
        revisions=0, created=tx.now, title=gig.title,
    )  # fmt: skip


def add_input(tx: Tx, owner: Owner, task: int, content: Content, own: Own | None = None) -> int:
    """A newer version of what the task is asked to work on; its number."""
    n = int(tx.value("SELECT max(n) + 1 FROM task_input WHERE task = ?", task))
    kept = _put_input(tx, owner, task, n, content, own)
    record_event(tx, "input added", task=task, n=n, input=kept.hash)
    return n


def change_task(tx: Tx, task: TaskRecord, spec: TaskSpec, craft: str) -> None:
    """What stands beside a task's input, as the newest one has it."""
    context = blobs.put_json(tx, owner_of(task), dict(spec.context)) if spec.context else None
    place = _json(spec.place)
    tx.run(
        "UPDATE task SET craft = ?, language = ?, place = ?, context = ? WHERE id = ?",
        craft, spec.language, place, context, task.id,
    )  # fmt: skip


class _Input(NamedTuple):
    """An input's hash, and the blobs of what it says itself."""

    hash: str
    brief: str | None
    settings: str | None


def _put_input(tx: Tx, owner: Owner, task: int, n: int, content: Content, own: Own | None) -> _Input:
    text = blobs.put_bytes(tx, owner, content.changes[0].data or b"") if content.is_text else None
    kept = _kept(content, own, lambda told: blobs.put_text(tx, owner, told))
    tx.insert(
        "task_input", task=task, n=n, hash=kept.hash, base=content.base, text=text, brief=kept.brief,
        settings=kept.settings, created=tx.now,
    )  # fmt: skip
    return kept


def _kept(content: Content, own: Own | None, put: Callable[[str], str]) -> _Input:
    """`put` makes a blob's hash of a text."""
    if own is None:
        return _Input(content.sha256, None, None)
    lines = [(change.path, change.mode, change.sha256) for change in content.changes]
    brief, settings = put(own.brief) if own.brief else None, put(settings_text(own))
    return _Input(blobs.sha256_of(input_text(content.base, lines, brief, settings)), brief, settings)


def input_sha256(content: Content, own: Own | None) -> str:
    """An input's hash, as it is kept."""
    return _kept(content, own, lambda told: blobs.sha256_of(told.encode("utf-8", "surrogateescape"))).hash


def settings_text(own: Own) -> str:
    """What an input says itself beside its brief, as the JSON that is kept of it."""
    checks = [[spec.name, spec.check, dict(spec.options), spec.required] for spec in own.checks]
    return blobs.json_text({"from": own.source_language, "options": dict(own.options), "checks": checks})


def get_own(tx: Tx, task: TaskRecord) -> Own | None:
    """What the task's newest input says itself, but for its brief (`get_texts` has it)."""
    found = blobs.get_json(tx, task.input_settings, None)
    if found is None:
        return None
    return Own("", found["from"], found["options"], tuple(CheckSpec(*spec) for spec in found["checks"]))


def has_own_brief(tx: Tx, task: int) -> bool:
    """Whether the task's newest input has a brief, in place of its task's or gig's."""
    return tx.value("SELECT brief FROM task_input WHERE task = ? ORDER BY n DESC LIMIT 1", task) is not None


def get_input(tx: Tx, task: int, n: int) -> Content:
    row = tx.find("SELECT base, text FROM task_input WHERE task = ? AND n = ?", task, n)
    if row["text"] is None:
        return Content((), base=row["base"])
    return Content.of_text(blobs.get_text(tx, row["text"]))


def hash_input(tx: Tx, task: int, n: int) -> str:
    """An input's hash, made anew of all that is kept of it."""
    row = tx.find("SELECT brief, settings FROM task_input WHERE task = ? AND n = ?", task, n)
    content = get_input(tx, task, n)
    brief, settings = (
        None if blob is None else blobs.sha256_of(blobs.get_text(tx, blob).encode("utf-8", "surrogateescape"))
        for blob in row
    )
    lines = [(change.path, change.mode, change.sha256) for change in content.changes]
    return blobs.sha256_of(input_text(content.base, lines, brief, settings))


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


class Standing(NamedTuple):
    """What others may have changed of a task meanwhile: `current` and `round` (the open one) are ids."""

    state: TaskState
    current: int | None
    input_n: int
    round: int | None
    next_revision: int


def find_standing(tx: Tx, task: int) -> Standing:
    row = tx.find(
        "SELECT state, current, (SELECT max(n) FROM task_input i WHERE i.task = task.id),"
        " (SELECT id FROM round WHERE round.task = task.id AND open = 1), next_revision FROM task WHERE id = ?",
        task,
    )
    return Standing(*row)


def set_current(tx: Tx, task: int, revision: int | None) -> None:
    tx.run("UPDATE task SET current = ? WHERE id = ?", revision, task)


def take_first_draft(tx: Tx, task: int, revision: int) -> None:
    """A revision that was given the task's next number, and is what the task means: it had none."""
    tx.run("UPDATE task SET current = ?, next_revision = next_revision + 1 WHERE id = ?", revision, task)


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
    """Its brief (its newest input's, its own or the gig's) and the craft's context."""
    row = tx.find(
        "SELECT coalesce(i.brief, task.brief, gig.brief) AS brief, context FROM task JOIN gig ON gig.id = task.gig"
        " JOIN task_input i ON i.task = task.id WHERE task.id = ? ORDER BY i.n DESC LIMIT 1",
        task,
    )
    return blobs.get_text(tx, row["brief"]), blobs.get_json(tx, row["context"], {})


def owner_of(task: TaskRecord) -> Owner:
    return Owner(task.client_id, task.gig_id)
