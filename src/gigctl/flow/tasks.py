"""One task more for a gig, or one less."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gigctl.crafts.base import Craft
from gigctl.crafts.registry import get_craft
from gigctl.errors import TemporaryError, UsageError
from gigctl.flow.asking import craft_gig
from gigctl.flow.desk import Desk
from gigctl.flow.gigfile import TaskWish, Wish
from gigctl.flow.intake import language_problems, read_source, split_sources
from gigctl.flow.references import find_tasks, get_gig
from gigctl.ledger import gigs, revisions, rounds, tasks
from gigctl.ledger.blobs import sha256_of
from gigctl.ledger.store import Tx
from gigctl.model import Content, Gig, Reference, Source, Split, TaskSpec
from gigctl.records import GigRecord, TaskRecord
from gigctl.values import parse_language

__all__ = ["add", "remove"]


class _Plan(Struct, frozen=True):
    """What is to be written: the gig, its new tasks by source, what they wait for and whose text they take."""

    gig: GigRecord
    craft: Craft
    groups: tuple[tuple[Source | None, Split], ...]
    after: tuple[TaskRecord, ...]
    takes: TaskRecord | None
    sources: tuple[str, ...]  # that the gig has already


def add(desk: Desk, word: str, wish: TaskWish, stdin: bytes | None = None) -> list[int]:
    """The ids of a gig's new tasks. Raises UsageError with everything that is wrong, and nothing is written then."""
    with desk.ledger.reading() as tx:
        plan = _plan(tx, word, wish, stdin)
    with desk.ledger.writing() as tx:
        made = [task for source, split in plan.groups for task in _write(tx, plan, source, split, wish)]
        _remember(tx, plan, wish)
    return made


def _plan(tx: Tx, word: str, wish: TaskWish, stdin: bytes | None) -> _Plan:
    problems: list[str] = []
    gig = get_gig(tx, word)
    if gig.state == "closed":
        raise UsageError(f"{gig.ref} is closed", f"gigctl gig edit {gig.ref} --state open")
    craft = get_craft(wish.craft or gig.craft)
    takes, files = _sources(tx, gig, wish, stdin, problems)
    after = tuple(target.task for target in find_tasks(tx, wish.after))
    seen = _seen(gig, craft, wish, problems)
    problems += [f"--source: {craft.NAME} works on the gig's tree: name files in the brief"] * (
        craft.ON_TREE and bool(takes or files)
    )
    problems += [problem for file in files if (problem := _other_content(tx, gig, file))]
    if problems:
        raise UsageError("\n".join(problems))
    names = tuple(gigs.list_source_names(tx, gig.id))
    if takes is not None:
        return _Plan(gig, craft, ((None, _taking(tx, craft, seen, takes)),), after, takes, names)
    groups = tuple((group.source, group.split) for group in split_sources(craft, seen, "", files))
    return _Plan(gig, craft, groups, after, None, names)


def _seen(gig: GigRecord, craft: Craft, wish: TaskWish, problems: list[str]) -> Gig:
    """The gig as the craft is to see it for this task."""
    targets = []
    for text in wish.targets:
        try:
            targets.append(parse_language(text))
        except UsageError as error:
            problems.append(f"--to: {error.message}")
    problems += [f"--to: {line}" for line in language_problems(targets, craft, gig.source_language)]
    seen = replace(craft_gig(gig), craft=craft.NAME, brief=wish.brief or gig.brief)
    seen = replace(seen, target_languages=tuple(targets) or gig.targets)
    told = {"to": seen.target_languages or wish.targets, "brief": seen.brief, "from": seen.source_language}
    problems += [f"--{name}: {craft.NAME} needs it" for name in craft.REQUIRES if not told[name]]
    return seen


def _sources(
    tx: Tx, gig: GigRecord, wish: TaskWish, stdin: bytes | None, problems: list[str]
) -> tuple[TaskRecord | None, list[Source]]:
    """A task whose signed text is the source, or files."""
    names = [name for name in wish.sources if (found := Reference.parse(name)) and found.task is not None]
    if not names:
        return None, [read_source(Wish(), name, stdin, problems) for name in wish.sources]
    if len(wish.sources) > 1:
        problems.append(f"--source: {names[0]} is a task: expected it alone, or files (a file of that name is ./…)")
    taken = find_tasks(tx, names[:1])[0]
    task = taken.task
    if taken.revision is not None:
        problems.append(f"--source {names[0]}: expected a task, whose signed revision it will be: {task.ref}")
    if task.client_id != gig.client_id:
        problems.append(f"--source {task.ref}: it is another client's material")
    if get_craft(task.craft).ON_TREE:
        problems.append(f"--source {task.ref}: it is a change to files: expected a task with a text")
    if task.state == "cancelled":
        problems.append(f"--source {task.ref}: it is cancelled")
    return task, []


def _other_content(tx: Tx, gig: GigRecord, file: Source) -> str:
    known = gigs.find_source(tx, gig.id, file.name)
    if known is None or known[1] == sha256_of(file.data):
        return ""
    return f"--source: {gig.ref} has another file named {file.name}: expected a name of its own"


def _taking(tx: Tx, craft: Craft, seen: Gig, takes: TaskRecord) -> Split:
    """A task that works on another's signed text: with it where it is there, else empty until it is signed."""
    content = Content.of_text("")
    if takes.state == "signed" and takes.current_id is not None:
        content = revisions.get_content(tx, takes.current_id)
    languages = seen.target_languages if "to" in craft.REQUIRES else seen.target_languages[:1]
    context = {"kind": "text", "format": "text"}
    return Split(tuple(TaskSpec(takes.name, content, context=context, language=to) for to in languages or ("",)))


def _write(tx: Tx, plan: _Plan, source: Source | None, split: Split, wish: TaskWish) -> list[int]:
    row = None
    if source is not None:
        known = gigs.find_source(tx, plan.gig.id, source.name)
        row = known[0] if known else gigs.add_source(tx, plan.gig, source)
    made = []
    for spec in split.tasks:
        task = tasks.add_task(tx, plan.gig, spec, craft=plan.craft.NAME, source=row, brief=wish.brief or None)
        made.append(task)
        for needed in plan.after:
            tasks.add_need(tx, task, needed.id, "after")
        if plan.takes is not None:
            tasks.add_need(tx, task, plan.takes.id, "source")
    return made


def _remember(tx: Tx, plan: _Plan, wish: TaskWish) -> None:
    """So that `gig show --toml` writes this task too; the first one is all that the gig had before."""
    before = gigs.list_wishes(tx, plan.gig.id) or [{"source": list(plan.sources)}]
    refs = [task.ref for task in plan.after] + ([plan.takes.ref] if plan.takes else [])
    written = {
        "craft": wish.craft, "brief": wish.brief, "to": list(wish.targets), "refs": refs,
        "source": [source.name for source, _ in plan.groups if source is not None],
    }  # fmt: skip
    gigs.edit_gig(tx, plan.gig, wishes=[*before, written])


# --- one less ---


def remove(desk: Desk, words: Sequence[str]) -> list[str]:
    """Cancels tasks; what waited for one waits no more. Their references. Raises UsageError, TemporaryError."""
    with desk.ledger.writing() as tx:
        found = [target.task for target in find_tasks(tx, words) if target.task.state != "cancelled"]
        if not found:
            raise UsageError("nothing that was named is there to cancel", "gigctl gig show GIG")
        going = {task.id for task in found}
        for task in found:
            _check_removable(tx, task, going)
        for task in found:
            _cancel(tx, task)
    return [task.ref for task in found]


def _check_removable(tx: Tx, task: TaskRecord, going: set[int]) -> None:
    if task.state == "signed":
        raise UsageError(f"{task.ref} is signed", f"gigctl reopen {task.ref}, then gigctl task remove {task.ref}")
    for other, kind in tasks.list_dependents(tx, task.id):
        dependent = tasks.get_task_by_id(tx, other)
        if kind == "source" and other not in going and dependent.state != "cancelled":
            raise UsageError(f"{dependent.ref} takes its text from {task.ref}", f"gigctl task remove {dependent.ref}")
    round_ = rounds.find_open_round(tx, task.id)
    if round_ is not None and rounds.list_leases(tx, round_.id):
        raise TemporaryError(f"{task.ref} is being worked on by a run", "wait until it is done, or stop it")


def _cancel(tx: Tx, task: TaskRecord) -> None:
    if (round_ := rounds.find_open_round(tx, task.id)) is not None:
        rounds.close_round(tx, round_.id)
    tasks.set_state(tx, task.id, "cancelled")
    for other, _ in tasks.list_dependents(tx, task.id):
        if tasks.get_task_by_id(tx, other).state == "blocked":
            tasks.set_state(tx, other, tasks.waiting_state(tx, other))
