"""`gigctl gig`: agreed pieces of work."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from gigctl.commands.options import DueBy, Limit, OfClient, OfCraft, Yes, command, noun
from gigctl.commands.removing import agree, tell_removal
from gigctl.errors import UsageError
from gigctl.flow import gigs
from gigctl.flow.desk import Desk, open_desk
from gigctl.flow.foresight import list_unfound_programs, uncommitted_note
from gigctl.flow.gigfile import Wish, render_gig_file
from gigctl.flow.gigs import GigChanges
from gigctl.flow.intake import Added, add_gig
from gigctl.render.gigs import (
    gig_columns,
    json_gig,
    json_left_alone,
    json_page,
    render_gig,
    render_idle,
    render_left_alone,
    render_page,
)
from gigctl.render.output import Output
from gigctl.values import load_text

app = noun("Gigs: agreed pieces of work.")

Ref = Annotated[str, typer.Argument(metavar="GIG", help="The gig's reference, like acme-3.")]
Title = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="What to call it.")]
Brief = Annotated[str | None, typer.Option("--brief", metavar="TEXT|@FILE|-", help="What is to be done.")]
From = Annotated[str | None, typer.Option("--from", metavar="LANG", help="The language of the sources.")]


@dataclass(frozen=True, slots=True)
class Agreed:
    """What `add` and `edit` may say of a gig's terms."""

    price: Annotated[str | None, typer.Option("--price", metavar="MONEY", help="What the client pays.")] = None
    due: Annotated[str | None, typer.Option("--due", metavar="DATE", help="When: 2026-12-01, fri, +3d.")] = None
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="MONEY", help="The most that agents may cost, in USD.")
    ] = None
    agent: Annotated[str | None, typer.Option("--agent", "-a", metavar="AGENT[,FALLBACK...]", help="Who drafts.")] = (
        None
    )
    check: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="NAME[=VALUE]", help="A check that must pass; a name of yours runs a command."),
    ] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the craft: gigctl craft show.")
    ] = None


@command(
    app,
    "add",
    example="gigctl gig add -c acme --source contrat.fr.md --from fr --to en \\\n"
    "    --price 120 --due fri\n"
    "gigctl gig add -c acme --craft code --repo . --brief @ticket.md \\\n"
    "    --check 'acceptance=pytest -q'\n"
    "gigctl gig add GIG.toml --due +3d",
)
def add(
    out: Output,
    *,
    file: Annotated[str | None, typer.Argument(metavar="[GIG.toml|-]", help="A gig's file; options win.")] = None,
    client: Annotated[str | None, typer.Option("--client", "-c", metavar="CLIENT", help="Whose; me without.")] = None,
    craft: Annotated[str | None, typer.Option("--craft", metavar="CRAFT", help="translation, code or writing.")] = None,
    title: Title = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="FILE", help="A file of the client's; - is stdin.")
    ] = None,
    brief: Brief = None,
    source_language: From = None,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="LANG", help="Into which; may repeat.")] = None,
    repo: Annotated[str | None, typer.Option("--repo", metavar="PATH", help="The client's git repository.")] = None,
    base: Annotated[str | None, typer.Option("--base", metavar="REV", help="Its revision to start from.")] = None,
    agreed: Agreed,
) -> None:
    """Take a gig on: from a file, from options, or both.

    Its sources are split into tasks, each of which is drafted, checked and signed by itself. Everything that is wrong
    is told at once, and nothing half-made stays.
    """
    if [file, brief, *(source or [])].count("-") > 1:
        raise UsageError("`-` stands twice: standard input can be read once")
    checks, options, problems = gigs.read_options(agreed.check or [], agreed.settings or [])
    said = {"price": agreed.price, "due": agreed.due, "budget": agreed.budget}
    problems = [*problems, *(f"--{name}: it is empty" for name, value in said.items() if value == "")]
    wish = Wish(
        client=client or "", craft=craft or "", title=title or "", brief=load_text(brief) if brief else "",
        sources=tuple(source or ()), source_language=source_language or "", targets=tuple(to or ()),
        repository=repo or "", base=base or "", price=agreed.price or "", due=agreed.due or "",
        budget=agreed.budget or "", agents=tuple(agreed.agent.split(",")) if agreed.agent else (), options=options,
        checks=checks, problems=tuple(problems),
    )  # fmt: skip
    with open_desk() as desk:
        read = sys.stdin.buffer.read
        wish = gigs.read_wish(file, wish, read)
        added = add_gig(desk, wish, read() if "-" in wish.sources and file != "-" else None)
        counts = gigs.find(desk, added.gig.ref).counts
        item = json_gig(added.gig, counts) | {"leftAlone": json_left_alone(added.left_alone)}
        out.changed("gig", item, render_gig(added.gig, counts, desk.today), [added.gig.ref])
        _tell_more(out, desk, added)
    ref = added.gig.ref
    out.next(f"gigctl run {ref}" if added.tasks else _way_on(ref))


def _way_on(ref: str) -> str:
    """Of a gig without a task."""
    return f"gigctl task add {ref} --source FILE, or gigctl gig remove {ref}"


def _tell_more(out: Output, desk: Desk, added: Added) -> None:
    """What no task was made of, and what will stand in the way."""
    if not out.machine:
        for line in render_left_alone(added.left_alone):
            out.say(f"{line} (gig show --verbose lists them)")
        for proposal in added.proposals:
            out.say(f"found {proposal.text}")
        if note := uncommitted_note(desk, added.gig):
            out.say(note)
    for line in render_idle(added.gig, added.idle, added.left_alone):
        out.warn(line)
    for line in list_unfound_programs(desk, added.gig):
        out.warn(line)


@command(app, "list", example="gigctl gig list -c acme --state open\ngigctl gig list --due fri --json")
def list_gigs(
    out: Output,
    client: OfClient = None,
    craft: OfCraft = None,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="open or closed.")] = None,
    due: DueBy = None,
    limit: Limit = None,
) -> None:
    """The gigs, newest last."""
    with open_desk() as desk:
        found = gigs.list_all(desk, client=client, craft=craft, state=state, due=due, limit=limit)
        items = [json_gig(sheet.gig, sheet.counts) for sheet in found]
        out.list("gig", items, gig_columns(desk.today), empty="no gig yet" if not client else f"no gig of {client}")
    if not items:
        out.next("gigctl gig add --help")


@command(app, "show", example="gigctl gig show acme-3\ngigctl gig show acme-3 --toml > GIG.toml")
def show(
    ref: Ref,
    out: Output,
    toml: Annotated[bool, typer.Option("--toml", help="As a gig's file, from which the same gig can be made.")] = False,
) -> None:
    """One gig whole: what was agreed, and a line a task. With --verbose also what was left alone.

    The file of --toml names its sources from its own folder: keep it beside them.
    """
    if toml and out.machine:
        raise UsageError("--toml and --json are one at a time", f"gigctl gig show {ref} --toml")
    with open_desk() as desk:
        if toml:
            values, unsaid = gigs.file_values(desk, ref)
            out.raw(render_gig_file(values).encode("utf-8", "surrogateescape"))
            for line in unsaid:
                out.warn(line)
            return
        page = gigs.find(desk, ref)
        alone = gigs.find_left_alone(desk, page.gig) if out.verbose else {}
        if out.machine:
            more = {"leftAlone": json_left_alone(alone)} if out.verbose else {}
            out.show("gig", json_page(page) | more, "")
            return
        if out.quiet:
            out.show("gig", {}, "", [task.ref for task in page.tasks])
            return
        out.page(render_page(page, out.terminal, desk.today))
        for line in render_left_alone(alone, whole=True):
            out.detail(line)
        if not page.tasks:
            out.next(_way_on(page.gig.ref))


@command(app, "edit", example="gigctl gig edit acme-3 --due +3d --price 150\ngigctl gig edit acme-3 --state open")
def edit(
    ref: Ref,
    out: Output,
    *,
    title: Title = None,
    brief: Brief = None,
    source_language: From = None,
    agreed: Agreed,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="open or closed.")] = None,
) -> None:
    """Change what was agreed; an empty value ('') takes it away.

    What the work was signed by (brief, --from, --check, --set) changes only while nothing is signed. A check that is
    said takes the place of one of the same name, and all that is not signed is checked again.
    """
    checks, options, problems = gigs.read_options(agreed.check or [], agreed.settings or [])
    changes = GigChanges(
        title, load_text(brief) if brief is not None else None, source_language, agreed.price, agreed.due,
        agreed.budget, agreed.agent, state, checks, options or None, tuple(problems),
    )  # fmt: skip
    with open_desk() as desk:
        sheet = gigs.edit(desk, ref, changes)
        out.changed("gig", json_gig(sheet.gig, sheet.counts), render_gig(sheet.gig, sheet.counts, desk.today),
                    [sheet.gig.ref])  # fmt: skip
        for line in list_unfound_programs(desk, sheet.gig) if checks else ():
            out.warn(line)
    if sheet.outdated:
        drafted = "task was" if sheet.outdated == 1 else "tasks were"
        out.warn(f"{sheet.outdated} {drafted} drafted to the old brief: gigctl run {sheet.gig.ref} --fresh asks again")
    if sheet.gig.budget is not None and sheet.gig.spent > sheet.gig.budget:
        out.warn("more than that is spent already: no agent will be called for it")


@command(app, "close", example="gigctl gig close acme-3")
def close(ref: Ref, out: Output) -> None:
    """Take a gig out of the queue. Nothing is lost: gigctl gig edit --state open brings it back."""
    with open_desk() as desk:
        sheet = gigs.close(desk, ref)
    unsigned = sheet.counts.total - sheet.counts.signed
    out.changed("gig", json_gig(sheet.gig, sheet.counts), f"closed {sheet.gig.ref}", [sheet.gig.ref])
    if unsigned:
        out.warn(f"{unsigned} of its {sheet.counts.total} tasks are not signed")


@command(app, "remove", example="gigctl gig remove acme-3\ngigctl gig remove acme-3 -y")
def remove(ref: Ref, out: Output, yes: Yes = False) -> None:
    """Erase a gig's sources and all that was made of them, for good.

    Ids, hashes, money and decisions stay. The backups that still hold the material are named.
    """
    with open_desk() as desk:
        page = gigs.find(desk, ref)
        count = page.counts.total
        agree(out, f"Erase {page.gig.ref} with its {count} task{'' if count == 1 else 's'}, for good?", yes=yes)
        removal = gigs.remove(desk, page.gig.ref)
    tell_removal(out, "gig", json_gig(page.gig, page.counts) | {"title": None, "state": "removed"}, removal)
