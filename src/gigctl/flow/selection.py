"""Which tasks of which gigs a delivery is asked for, and whether they may go out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gigctl.errors import UsageError, WaitsForHuman
from gigctl.flow.assembly import languages_of
from gigctl.flow.references import parse_reference
from gigctl.ledger import gigs, tasks
from gigctl.ledger.store import Tx
from gigctl.records import GigRecord, TaskRecord
from gigctl.values import parse_language

__all__ = ["Wanted", "list_wanted", "refs_of", "refuse_unsigned", "select"]

NAMED = 5
"""How many references a refusal names."""


class Wanted(Struct, frozen=True):
    """What the references mean of one gig: `chosen` are the tasks to be delivered, `every` all that it has."""

    gig: GigRecord
    every: tuple[TaskRecord, ...]
    chosen: tuple[TaskRecord, ...]
    languages: tuple[str, ...]
    named: bool  # single tasks were named


def list_wanted(tx: Tx, words: Sequence[str], languages: Sequence[str]) -> list[Wanted]:
    """By gig, in the order named."""
    named: dict[int, tuple[GigRecord, set[int]]] = {}
    whole: set[int] = set()
    for word in words:
        reference = parse_reference(word)
        if reference.revision is not None:
            raise UsageError(
                f"{word} is a revision: what is delivered of a task is the signed one", f"name {word.split('@')[0]}"
            )
        gig = gigs.get_gig(tx, reference)
        _, ids = named.setdefault(gig.id, (gig, set()))
        if reference.task is None:
            whole.add(gig.id)
        else:
            ids.add(tasks.get_task(tx, reference).id)
    return [select(tx, gig, None if gig.id in whole else ids, languages) for gig, ids in named.values()]


def select(tx: Tx, gig: GigRecord, ids: set[int] | None, languages: Sequence[str]) -> Wanted:
    every = tuple(tasks.list_tasks(tx, gig.id))
    if not every:
        raise UsageError(
            f"{gig.ref} has nothing to deliver: it has no task", f"gigctl task add {gig.ref} --source FILE"
        )
    known = languages_of(gig, every)
    asked = tuple(dict.fromkeys(parse_language(text) for text in languages)) or known
    for language in asked:
        if language not in known:
            raise UsageError(f"{gig.ref} is not translated into {language}: it has {', '.join(known) or 'no language'}")
    chosen = tuple(
        task for task in every
        if (ids is None or task.id in ids) and (not task.language or task.language in asked)
    )  # fmt: skip
    if not chosen:
        raise UsageError(f"{gig.ref} has nothing to deliver: no task of it was named that is not cancelled",
                         f"gigctl gig show {gig.ref}")  # fmt: skip
    return Wanted(gig, every, chosen, asked, named=ids is not None)


def refuse_unsigned(wanted: Wanted, *, partial: bool) -> tuple[TaskRecord, ...]:
    """The signed ones of those chosen. Raises WaitsForHuman where that is not all, or with `partial` nothing."""
    gig, chosen = wanted.gig, wanted.chosen
    unsigned = [task for task in chosen if task.state != "signed"]
    if not unsigned or (partial and len(unsigned) < len(chosen)):
        return tuple(task for task in chosen if task.state == "signed")
    count = f"{len(unsigned)} of {len(chosen)} tasks {'is' if len(unsigned) == 1 else 'are'} unsigned"
    drafted = any(task.state == "review" for task in unsigned)
    raise WaitsForHuman(f"{gig.ref} is not delivered: {count} ({refs_of(unsigned)})",
                        f"gigctl queue -c {gig.client}" if drafted else f"gigctl run {gig.ref}")  # fmt: skip


def refs_of(these: Sequence[TaskRecord]) -> str:
    """The first references, and how many more there are."""
    more = f" and {len(these) - NAMED} more" if len(these) > NAMED else ""
    return ", ".join(task.ref for task in these[:NAMED]) + more
