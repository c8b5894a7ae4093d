"""`gigctl client`: who pays, and the walls around their material."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Annotated

import typer

from gigctl.commands.options import Yes, command, noun
from gigctl.commands.removing import agree, tell_removal
from gigctl.flow import clients
from gigctl.flow.clients import ClientSheet, ClientWish
from gigctl.flow.desk import open_desk
from gigctl.render.gigs import CLIENT_COLUMNS, json_client, render_client
from gigctl.render.output import Output

app = noun("Clients: who pays, and the walls around their material.")

Slug = Annotated[str, typer.Argument(metavar="CLIENT", help="The client; a shortened name while it means one alone.")]


@dataclass(frozen=True, slots=True)
class Said:
    """What `add` and `edit` may say of a client, in ClientWish's order."""

    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="What they are called.")] = None
    currency: Annotated[str | None, typer.Option("--currency", metavar="CODE", help="What they pay in, like EUR.")] = (
        None
    )
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="any|local-only|only:AGENT,...", help="Which agents may see their material."),
    ] = None
    style: Annotated[str | None, typer.Option("--style", metavar="FILE", help="How they like to be written for.")] = (
        None
    )
    glossary: Annotated[
        str | None,
        typer.Option("--glossary", metavar="FILE", help="Their terms: CSV or TSV, source and target a line."),
    ] = None
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="MONEY", help="What an hour of yours costs, like 60.")
    ] = None

    def wish(self) -> ClientWish:
        return ClientWish(*astuple(self))


@command(
    app,
    "add",
    example="gigctl client add acme --name 'Acme SA' --currency EUR --rate 60\n"
    "gigctl client add notary --policy local-only --glossary terms.csv",
)
def add(
    out: Output,
    slug: Annotated[str, typer.Argument(metavar="CLIENT", help="A short name: letters, digits and _.")],
    said: Said,
) -> None:
    """Take a client on."""
    with open_desk() as desk:
        made = clients.add(desk, slug, said.wish())
        _tell(out, made, "added", clients.unknown_agents(desk, made.client.policy))
    out.next(f"gigctl gig add -c {made.client.slug} --craft CRAFT ...")


@command(app, "list", example="gigctl client list --json")
def list_clients(out: Output) -> None:
    """All clients; `me` is there from the start, for work without one."""
    with open_desk() as desk:
        items = [json_client(sheet.client, sheet.gigs) for sheet in clients.list_all(desk)]
    out.list("client", items, CLIENT_COLUMNS)


@command(app, "show", example="gigctl client show acme")
def show(slug: Slug, out: Output) -> None:
    """One client with all that holds for them."""
    with open_desk() as desk:
        found = clients.find(desk, slug)
    out.show("client", json_client(found.client, found.gigs), render_client(found.client, found.gigs),
             [found.client.slug])  # fmt: skip


@command(
    app, "edit", example="gigctl client edit acme --policy local-only\ngigctl client edit acme --glossary terms.csv"
)
def edit(slug: Slug, out: Output, said: Said) -> None:
    """Change what holds for a client from now on; an empty value ('') takes it away."""
    with open_desk() as desk:
        changed = clients.edit(desk, slug, said.wish())
        _tell(out, changed, "changed", clients.unknown_agents(desk, changed.client.policy))


@command(app, "remove", example="gigctl client remove acme\ngigctl client remove acme -y")
def remove(slug: Slug, out: Output, yes: Yes = False) -> None:
    """Erase all that a client gave and all that was made of it, for good.

    Ids, hashes, money and decisions stay. The backups that still hold the material are named.
    """
    with open_desk() as desk:
        found = clients.find(desk, slug)
        gigs = f"{found.gigs} gig{'' if found.gigs == 1 else 's'}"
        agree(out, f"Erase {found.client.slug} with {gigs}, for good?", yes=yes)
        removal = clients.remove(desk, found.client.slug)
    tell_removal(out, "client", json_client(found.client, 0) | {"name": None, "style": None, "glossary": None}, removal)


def _tell(out: Output, sheet: ClientSheet, verb: str, unknown: list[str]) -> None:
    item = json_client(sheet.client, sheet.gigs)
    text = f"{verb} {render_client(sheet.client, sheet.gigs)}"
    out.changed("client", item, text, [sheet.client.slug])
    for agent in unknown:
        out.warn(f"the policy allows {agent}, and there is no such agent yet")
