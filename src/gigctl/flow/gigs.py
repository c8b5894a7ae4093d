"""Gigs: from words to a wish, looking at them, changing, closing and erasing them, and writing them back as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks.registry import load_option
from gigctl.crafts.base import BadSource
from gigctl.crafts.registry import get_craft
from gigctl.errors import UsageError
from gigctl.flow import erasing, policy
from gigctl.flow.asking import craft_gig
from gigctl.flow.desk import Desk
from gigctl.flow.erasing import Removal
from gigctl.flow.gigfile import LARGEST_FILE, Wish, merged, read_gig_file
from gigctl.flow.intake import check_options, language_problems, load_rates, parse_future
from gigctl.flow.references import check_craft, get_gig
from gigctl.ledger import clients, gigs, revisions, rewording, tasks
from gigctl.ledger.store import Tx
from gigctl.model import CheckSpec, LeftAlone
from gigctl.records import GigRecord, TaskCounts, TaskRecord
from gigctl.system.files import read_capped
from gigctl.values import (
    decimal_text,
    decimals_of,
    did_you_mean,
    parse_date,
    parse_language,
    parse_money,
    parse_usd,
    usd_text,
)

__all__ = [
    "GigChanges", "GigPage", "GigSheet", "close", "edit", "file_values", "find", "find_left_alone", "list_all",
    "read_options", "read_wish", "remove",
]  # fmt: skip


class GigSheet(Struct, frozen=True):
    """A gig with its tasks counted."""

    gig: GigRecord
    counts: TaskCounts
    outdated: int = 0  # tasks that were drafted to what `edit` has just changed


class GigPage(Struct, frozen=True):
    """A gig whole. `waits` are, by task id, the references of what a task waits for."""

    gig: GigRecord
    counts: TaskCounts
    tasks: tuple[TaskRecord, ...]
    sources: tuple[str, ...]
    waits: Mapping[int, tuple[str, ...]]


class GigChanges(Struct, frozen=True):
    """Options of `edit` as they were written; None where nothing was said, empty to take away."""

    title: str | None = None
    brief: str | None = None
    source_language: str | None = None
    price: str | None = None
    due: str | None = None
    budget: str | None = None
    agents: str | None = None
    state: str | None = None
    checks: tuple[CheckSpec, ...] = ()
    options: Mapping[str, str] | None = None
    problems: tuple[str, ...] = ()


# --- from words to a wish ---


def read_options(
    checks: Sequence[str], settings: Sequence[str]
) -> tuple[tuple[CheckSpec, ...], dict[str, str], list[str]]:
    """The checks of `--check`, the craft's options of `--set`, and what is wrong with them."""
    specs: list[CheckSpec] = []
    options: dict[str, str] = {}
    problems: list[str] = []
    for text in checks:
        try:
            specs.append(load_option(text))
        except UsageError as error:
            problems.append(error.message if error.message.startswith("--check") else f"--check: {error.message}")
    for text in settings:
        key, equals, value = text.partition("=")
        if equals and key:
            options[key] = value
        else:
            problems.append(f"--set {text}: expected KEY=VALUE")
    return tuple(specs), options, problems


def read_wish(word: str | None, options: Wish, stdin: Callable[[], bytes]) -> Wish:
    """A gig's file (`-`: standard input) under the options of the command line. Raises UsageError."""
    if word is None:
        return options
    if word == "-" and "-" in options.sources:
        raise UsageError("standard input can't be the gig's file and a source")
    data = stdin() if word == "-" else read_capped(Path(word), LARGEST_FILE)
    origin = "standard input" if word == "-" else word
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{origin}: expected TOML in UTF-8, and byte {error.start} is not", _HINT) from error
    folder = Path() if word == "-" else Path(word).parent
    wish = merged(read_gig_file(text, folder, origin), options)
    return replace(wish, problems=(*wish.problems, *options.problems))


_HINT = "a source is given with --source (gigctl gig add --help)"


# --- looking ---


def list_all(
    desk: Desk, *, client: str | None = None, craft: str | None = None, state: str | None = None,
    due: str | None = None, limit: int | None = None,
) -> list[GigSheet]:  # fmt: skip
    """Newest last; `due` keeps those that are due by then. Raises UsageError."""
    if state not in (None, "open", "closed"):
        near = did_you_mean(state, ("open", "closed"))
        raise UsageError(f"--state {state}: there is no such state of a gig{near or ': expected open or closed'}")
    check_craft(craft)
    last = parse_date(due, today=desk.today).isoformat() if due else None
    with desk.ledger.reading() as tx:
        owner = clients.get_client(tx, client).id if client else None
        found = [
            gig for gig in gigs.list_gigs(tx, owner, state)
            if (craft is None or gig.craft == craft) and (last is None or (gig.due is not None and gig.due <= last))
        ]  # fmt: skip
        return [GigSheet(gig, gigs.count_tasks(tx, gig.id)) for gig in found[:limit]]


def find(desk: Desk, word: str) -> GigPage:
    with desk.ledger.reading() as tx:
        gig = get_gig(tx, word)
        made = tuple(tasks.list_tasks(tx, gig.id, with_cancelled=True))
        refs = {task.id: task.ref for task in made}
        waits = {task.id: tuple(_waits(tx, task, refs)) for task in made if task.state == "blocked"}
        return GigPage(gig, gigs.count_tasks(tx, gig.id), made, tuple(gigs.list_source_names(tx, gig.id)), waits)


def _waits(tx: Tx, task: TaskRecord, refs: Mapping[int, str]) -> Iterator[str]:
    for other, _ in tasks.list_needs(tx, task.id):
        yield refs[other] if other in refs else tasks.get_task_by_id(tx, other).ref


def find_left_alone(desk: Desk, gig: GigRecord) -> dict[str, tuple[LeftAlone, ...]]:
    """What no task was made of, by source, found by splitting once more."""
    craft = get_craft(gig.craft)
    if craft.ON_TREE:
        return {}
    out = {}
    with desk.ledger.reading() as tx:
        sources = gigs.list_sources(tx, gig.id)
    for source in sources:
        try:
            out[source.name] = craft.split(source, craft_gig(gig)).left_alone
        except BadSource:  # of a task of another craft
            continue
    return {name: alone for name, alone in out.items() if alone}


# --- changing ---


def edit(desk: Desk, word: str, changes: GigChanges) -> GigSheet:
    """Changes what was agreed. Raises UsageError with everything that is wrong, or that is signed already."""
    with desk.ledger.writing() as tx:
        gig = get_gig(tx, word)
        problems = list(changes.problems)
        fields = _changed(desk, gig, changes, problems)
        if problems:
            raise UsageError("\n".join(problems))
        if not fields:
            raise UsageError("nothing was said to change", "gigctl gig edit --help; sources change with the client's")
        if "agents" in fields:
            policy.check_chain(clients.get_client_by_id(tx, gig.client_id), fields["agents"], desk.agents)
        _refuse_signed(tx, gig, fields)
        edited = gigs.edit_gig(tx, gig, **fields)
        if "checks" in fields:
            revisions.forget_verdicts(tx, gig.id)
        return GigSheet(edited, gigs.count_tasks(tx, gig.id), _reword(tx, gig, edited))


def _reword(tx: Tx, before: GigRecord, now: GigRecord) -> int:
    """How many drafts are older than what their tasks are asked by now."""
    others = (before.options, before.source_language) != (now.options, now.source_language)
    if before.brief == now.brief and not others:
        return 0
    return rewording.reword_tasks(tx, now.id, with_own_brief=others)


_SHAPING = {"brief": "--brief", "source_language": "--from", "checks": "--check", "options": "--set"}
"""What the work was signed by; price, date, budget and agents are between people."""


def _refuse_signed(tx: Tx, gig: GigRecord, fields: Mapping[str, Any]) -> None:
    shaping = [option for name, option in _SHAPING.items() if name in fields]
    signed = tasks.count_states(tx, gig.id, ["signed"]) if shaping else 0
    if signed:
        raise UsageError(
            f"{', '.join(shaping)}: {signed} of {gig.ref}'s tasks are signed by what was agreed before",
            f"gigctl reopen {gig.ref}, then change it",
        )


def _changed(desk: Desk, gig: GigRecord, changes: GigChanges, problems: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}

    def read(name: str, option: str, parse: Callable[[str], Any], empty: Any = None) -> None:
        text = getattr(changes, name)
        if text is None:
            return
        try:
            fields[name] = parse(text) if text else empty
        except UsageError as error:
            problems.append(f"--{option}: {error.message}")

    read("title", "title", str, "")
    read("brief", "brief", str, "")
    read("source_language", "from", parse_language, "")
    source_language = fields.get("source_language") or ""
    problems += [f"--from: {line}" for line in language_problems(gig.targets, get_craft(gig.craft), source_language)]
    read("due", "due", lambda text: parse_future(text, desk.today))
    read("budget", "budget", lambda text: parse_usd(text, load_rates(desk)))
    read("agents", "agent", lambda text: tuple(text.split(",")), ())
    read("price", "price", lambda text: parse_money(text, gig.currency))
    read("state", "state", _state)
    if fields.get("price") is not None:
        fields |= {"price": fields["price"].minor, "currency": fields["price"].currency}
    fields |= _shaping(gig, changes, problems)
    return fields


def _state(text: str) -> str:
    if text not in ("open", "closed"):
        raise UsageError(f'"{text}": expected open or closed')
    return text


def _shaping(gig: GigRecord, changes: GigChanges, problems: list[str]) -> dict[str, Any]:
    """Checks and craft options: those that are said take the place of those of the same name."""
    craft = get_craft(gig.craft)
    out: dict[str, Any] = {}
    if "brief" in craft.REQUIRES and changes.brief == "":
        problems.append(f"--brief: {gig.craft} needs one")
    if changes.checks:
        specs = {spec.name: spec for spec in (*gig.checks, *changes.checks)}
        out["checks"] = tuple(specs.values())
    if changes.options:
        problems += [f"--set {problem}" for problem in check_options(craft, changes.options)]
        options = {**gig.options, **changes.options}
        out["options"] = {key: value for key, value in options.items() if value != ""}
    return out


def close(desk: Desk, word: str) -> GigSheet:
    """Out of the queue and of `run` without reference; nothing is lost, and `edit --state open` brings it back."""
    with desk.ledger.writing() as tx:
        gig = get_gig(tx, word)
        if gig.state == "closed":
            raise UsageError(f"{gig.ref} is closed already", f"gigctl gig edit {gig.ref} --state open")
        return GigSheet(gigs.edit_gig(tx, gig, state="closed"), gigs.count_tasks(tx, gig.id))


def remove(desk: Desk, word: str) -> Removal:
    """Erases its sources and all that was made of them; ids, hashes, money and decisions stay."""
    with desk.ledger.writing() as tx:
        gig = get_gig(tx, word)
        erasing.check_idle(desk, tx, gig.ref, gig.client_id, gig.id)
        gigs.remove_gig(tx, gig)
    return erasing.finish_removal(desk, gig.ref, gig.client_id, gig.id)


# --- as a file ---


def file_values(desk: Desk, word: str) -> tuple[dict[str, Any], list[str]]:
    """A gig under the keys of a gig's file, and what such a file can't say, a sentence each."""
    with desk.ledger.reading() as tx:
        gig = get_gig(tx, word)
        names = gigs.list_source_names(tx, gig.id)
        wishes = gigs.list_wishes(tx, gig.id)
    of_tasks = {name for wish in wishes for name in wish["source"]}
    unsaid = [
        f"a task waits for {ref}, which a gig's file can't name" for wish in wishes for ref in wish.get("refs", ())
    ]
    price = None
    if gig.price is not None:
        decimals = decimals_of(gig.currency)
        price = f"{decimal_text(gig.price, decimals, decimals)} {gig.currency}"
    values: dict[str, Any] = {
        "client": gig.client, "craft": gig.craft, "title": gig.title, "brief": gig.brief,
        "source": [name for name in names if name not in of_tasks], "from": gig.source_language,
        "to": list(gig.targets), "repo": gig.repository, "base": gig.base_commit, "price": price, "due": gig.due,
        "budget": None if gig.budget is None else usd_text(gig.budget), "agent": list(gig.agents),
        "set": dict(gig.options), "checks": {spec.name: _check_table(spec) for spec in gig.checks},
        "task": [_task_table(wish) for wish in wishes],
    }  # fmt: skip
    return values, unsaid


def _check_table(spec: CheckSpec) -> dict[str, Any]:
    table: dict[str, Any] = {} if spec.check in (spec.name, "command") else {"check": spec.check}
    table |= spec.options
    return table if spec.required else {"required": False} | table


def _task_table(wish: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wish.items() if value and key != "refs"}
