"""Who decides here: the name that a sign-off, a manifest and a commit are under."""

from __future__ import annotations

import getpass

from gigctl.errors import ConfigError
from gigctl.system.git.person import Person, find_person

__all__ = ["HOW", "describe", "find_actor", "find_gap"]

HOW = 'git config --global user.name "Your Name", and user.email you@example.org'


def find_actor() -> Person:
    """The name and address that the freelancer signs their commits with; for a name their login, for an address
    nothing, where git knows none (or is not there: translation and writing need none)."""
    fallback = Person(_login(), "")
    try:
        return find_person(fallback)
    except ConfigError:
        return fallback


def find_gap() -> str | None:
    """What is said to who decides without a name and an address that a client could know them by."""
    try:
        known = find_person(Person("", ""))
    except ConfigError:
        known = Person("", "")
    lacking = [word for word, value in (("name", known.name), ("address", known.email)) if not value]
    if not lacking:
        return None
    who = describe(find_actor())
    return f"git knows no {' and no '.join(lacking)} of yours: sign-offs and commits are by {who} ({HOW})"


def describe(person: Person) -> str:
    return f"{person.name} <{person.email}>" if person.email else person.name


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "freelancer"
