"""Clients: taking them on, changing what holds for them, and erasing what they gave."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from gigctl.config import load_settings
from gigctl.errors import UsageError
from gigctl.flow import erasing
from gigctl.flow.asking import load_terms
from gigctl.flow.desk import Desk
from gigctl.flow.erasing import Removal
from gigctl.flow.policy import check_policy_form
from gigctl.ledger import clients, gigs
from gigctl.ledger.store import Tx
from gigctl.model import SLUG
from gigctl.records import ClientRecord
from gigctl.system.files import read_capped
from gigctl.values import names_language, parse_currency, parse_money

__all__ = ["ClientSheet", "ClientWish", "add", "edit", "find", "list_all", "remove", "unknown_agents"]

LARGEST_TEXT = 4 * 1024 * 1024
"""Bytes of a style guide or a glossary: all of it is read for every task."""
LONGEST_SLUG = 40


class ClientWish(Struct, frozen=True):
    """Options as they were written; None where nothing was said, empty to take away."""

    name: str | None = None
    currency: str | None = None
    policy: str | None = None
    style: str | None = None  # a file
    glossary: str | None = None  # a file
    rate: str | None = None


class ClientSheet(Struct, frozen=True):
    """A client, with how many gigs they have."""

    client: ClientRecord
    gigs: int


def add(desk: Desk, slug: str, wish: ClientWish) -> ClientSheet:
    """Raises UsageError with everything that is wrong, a line each."""
    settings = load_settings(desk.paths.config_file, desk.environ).settings
    problems = [] if SLUG.fullmatch(slug) and len(slug) <= LONGEST_SLUG else [_SLUG_FORM.format(slug[:60])]
    known = {"name": "", "currency": settings.currency, "policy": "any", "style": "", "glossary": "", "rate": None}
    fields = known | _read(wish, wish.currency or settings.currency, problems)
    _raise(problems)
    with desk.ledger.writing() as tx:
        _refuse_twin(tx, slug)
        return ClientSheet(clients.add_client(tx, slug, **fields), 0)


def _refuse_twin(tx: Tx, slug: str) -> None:
    """References of `acme` and `ACME` would be taken for each other."""
    for client in clients.list_clients(tx):
        if client.slug != slug and client.slug.casefold() == slug.casefold():
            raise UsageError(
                f'"{slug}" differs from the client {client.slug} by capitals alone: expected another name',
                f"gigctl client show {client.slug}",
            )


_SLUG_FORM = '"{}" is no client\'s reference: expected letters, digits and _, a letter first, at most 40'


def edit(desk: Desk, slug: str, wish: ClientWish) -> ClientSheet:
    """Raises UsageError, TemporaryError where a run works under the policy that is to be changed."""
    with desk.ledger.writing() as tx:
        client = clients.get_client(tx, slug)
        problems: list[str] = []
        changes = _read(wish, wish.currency or client.currency, problems)
        _raise(problems)
        if not changes:
            raise UsageError("nothing was said to change", "gigctl client edit --help")
        if changes.get("policy", client.policy) != client.policy:
            erasing.check_idle(desk, tx, client.slug, client.id)
        if changes.get("currency", client.currency) != client.currency and client.rate and wish.rate is None:
            raise UsageError(f"the rate of {client.slug} is in {client.currency}", "say it anew with --rate")
        return _sheet(tx, clients.edit_client(tx, client, **changes))


def find(desk: Desk, slug: str) -> ClientSheet:
    with desk.ledger.reading() as tx:
        return _sheet(tx, clients.get_client(tx, slug))


def list_all(desk: Desk) -> list[ClientSheet]:
    with desk.ledger.reading() as tx:
        return [_sheet(tx, client) for client in clients.list_clients(tx)]


def _sheet(tx: Tx, client: ClientRecord) -> ClientSheet:
    return ClientSheet(client, gigs.count_gigs(tx, client.id))


def remove(desk: Desk, slug: str) -> Removal:
    """Erases all that the client gave and all that was made of it; ids, hashes, money and decisions stay."""
    with desk.ledger.writing() as tx:
        client = clients.get_client(tx, slug)
        if client.slug == "me":
            raise UsageError("me is you: only your gigs can be removed", "gigctl gig list -c me")
        erasing.check_idle(desk, tx, client.slug, client.id)
        clients.remove_client(tx, client)
    return erasing.finish_removal(desk, client.slug, client.id)


def unknown_agents(desk: Desk, policy: str) -> list[str]:
    """Agents that a policy allows and that are not there: a mistyped name would wall off everybody."""
    names = policy.removeprefix("only:").split(",") if policy.startswith("only:") else []
    return [name for name in names if name not in desk.agents]


# --- options ---


def _raise(problems: list[str]) -> None:
    if problems:
        raise UsageError("\n".join(problems))


def _read(wish: ClientWish, currency: str, problems: list[str]) -> dict[str, Any]:
    """The columns that were said, with every bad value gathered."""
    fields: dict[str, Any] = {}

    def read(name: str, parse: Callable[[str], Any], empty: Any = "") -> None:
        text = getattr(wish, name)
        if text is None:
            return
        try:
            fields[name] = parse(text) if text else empty
        except UsageError as error:
            problems.extend(f"--{name}: {line}" for line in error.message.split("\n"))

    read("name", lambda text: text)
    read("currency", parse_currency)
    read("policy", check_policy_form, "any")
    read("style", lambda text: _text_of(Path(text)))
    read("glossary", lambda text: _glossary_of(Path(text)))
    read("rate", lambda text: _rate(text, currency), None)
    return fields


def _rate(text: str, currency: str) -> int:
    try:
        money = parse_money(text, currency)
    except UsageError as error:
        raise UsageError(f"{error.message}, for an hour", error.hint) from error
    if money.currency != parse_currency(currency):
        raise UsageError(f"{text} is not in the client's currency, which is {currency}")
    return money.minor


def _text_of(path: Path) -> str:
    data = read_capped(path, LARGEST_TEXT)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected UTF-8, and byte {error.start} is not") from error
    if "\0" in text:
        raise UsageError(f"{path}: expected a text, and it has a NUL")
    return text


def _glossary_of(path: Path) -> str:
    """Each line is a pair, or a comment; the first few that are not are told."""
    text = _text_of(path)
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not _is_comment(line)]
    try:
        whole = len(load_terms(text)) == len(lines)
        # The first line tells what stands between a pair, so each is read together with it.
        bad = [] if whole else [n for n, line in lines if len(load_terms(f"{lines[0][1]}\n{line}")) != 2]
    except csv.Error as error:
        raise UsageError(f"{path}: no CSV: {error}") from error
    if bad:
        told = "\n".join(f"{path}: line {n}: expected a source term and its target, as in prestataire,provider"
                         for n in bad[:5])  # fmt: skip
        raise UsageError(told + (f"\n{path}: and {len(bad) - 5} more" if len(bad) > 5 else ""))
    if lines and _is_header(lines[0][1]):
        every = text.splitlines(keepends=True)
        every[lines[0][0] - 1] = f"# {every[lines[0][0] - 1]}"
        text, lines = "".join(every), lines[1:]
    if not lines:
        raise UsageError(f"{path}: no term in it")
    return text


_HEADERS = frozenset({("source", "target"), ("term", "translation"), ("source term", "target term")})


def _is_header(line: str) -> bool:
    """A spreadsheet's first row: what the columns are, or their languages."""
    ((source, target),) = [(term.source.casefold(), term.target.casefold()) for term in load_terms(line)]
    return (source, target) in _HEADERS or (source != target and names_language(source) and names_language(target))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")
