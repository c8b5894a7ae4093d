"""From the words of a command line to the things of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from gigctl.crafts.registry import CRAFTS
from gigctl.errors import UsageError
from gigctl.flow.desk import Desk
from gigctl.ledger import clients, gigs, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Reference
from gigctl.records import GigRecord, TaskRecord
from gigctl.values import did_you_mean

__all__ = [
    "Target",
    "check_craft",
    "expand_dash",
    "find_tasks",
    "get_gig",
    "get_task",
    "list_gig_ids",
    "list_open_gigs",
    "parse_reference",
]


class Target(Struct, frozen=True):
    """A task, and the revision that was named with it (None: the current one)."""

    task: TaskRecord
    revision: int | None = None


def parse_reference(word: str) -> Reference:
    """Raises UsageError."""
    found = Reference.parse(word)
    if found is None:
        raise UsageError(f'"{word}" is no reference', "a gig is acme-3, a task acme-3.12, a revision acme-3.12@2")
    if found.parts is not None:
        raise UsageError(f"{word} names a part, and parts are not looked at or decided alone yet",
                         f"name {word.split('/')[0]}")  # fmt: skip
    return found


def check_craft(name: str | None) -> None:
    """Of a filter: nothing of a craft that there is none of would be told as "nothing". Raises UsageError."""
    if name is not None and name not in CRAFTS:
        near = did_you_mean(name, CRAFTS) or f": expected {', '.join(CRAFTS)}"
        raise UsageError(f"--craft {name}: there is no such craft{near}", "gigctl craft list")


def expand_dash(words: Sequence[str], stdin: Iterable[str] | None) -> list[str]:
    """`-` stands for the first word of each line of standard input; one a command. Raises UsageError."""
    if words.count("-") > 1:
        raise UsageError("`-` stands twice: standard input can be read once")
    out: list[str] = []
    for word in words:
        if word == "-":
            out += [line.split()[0] for line in stdin or () if line.strip()]
        else:
            out.append(word)
    return out


def get_gig(tx: Tx, word: str) -> GigRecord:
    """The gig that a reference is in. Raises UsageError where it names none, or more than a gig."""
    reference = parse_reference(word)
    if reference.task is not None:
        raise UsageError(f"{word} is a task: name its gig, {reference.client}-{reference.gig}")
    return gigs.get_gig(tx, reference)


def get_task(tx: Tx, word: str) -> Target:
    """Exactly one task. Raises UsageError; a gig of one task stands for it."""
    reference = parse_reference(word)
    if reference.task is None:
        found = list(tasks.list_tasks(tx, gigs.get_gig(tx, reference).id))
        if len(found) != 1:
            raise UsageError(f"{word} is a gig of {len(found)} tasks: name one", f"gigctl gig show {word}")
        return Target(found[0])
    return Target(tasks.get_task(tx, reference), reference.revision)


def find_tasks(tx: Tx, words: Sequence[str], *, states: Sequence[str] | None = None) -> list[Target]:
    """The tasks that references mean, each once, in the order named; a gig stands for its tasks of `states`."""
    out: dict[int, Target] = {}
    for word in words:
        reference = parse_reference(word)
        if reference.task is not None:
            target = Target(tasks.get_task(tx, reference), reference.revision)
            before = out.get(target.task.id)
            if before is not None and before.revision != target.revision:
                raise UsageError(f"{target.task.ref} is named twice, as different revisions")
            out[target.task.id] = target
            continue
        if reference.gig is None:
            client = clients.get_client(tx, reference.client)
            raise UsageError(f"{word} is a client: name its gigs", f"gigctl gig list -c {client.slug}")
        for task in tasks.list_tasks(tx, gigs.get_gig(tx, reference).id):
            if states is None or task.state in states:
                out.setdefault(task.id, Target(task))
    return list(out.values())


def list_open_gigs(desk: Desk, client: str | None = None) -> list[str]:
    """References of the open gigs, of one client where a slug is given."""
    with desk.ledger.reading() as tx:
        owner = clients.get_client(tx, client).id if client else None
        return [gig.ref for gig in gigs.list_gigs(tx, owner, "open")]


def list_gig_ids(tx: Tx, words: Sequence[str]) -> list[int]:
    """The gigs that references are in. Raises UsageError."""
    found = [parse_reference(word) for word in words]
    for reference in found:
        if reference.gig is None:
            client = clients.get_client(tx, reference.client).slug
            raise UsageError(f"{reference} is a client: name a gig, or ask with -c", f"gigctl queue -c {client}")
    return list(dict.fromkeys(gigs.get_gig(tx, reference).id for reference in found))
