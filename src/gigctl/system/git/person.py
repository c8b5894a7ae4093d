"""Whose name is on a commit: read from the freelancer's own git settings, as data."""

from __future__ import annotations

import getpass
import socket

from msgspec import Struct

from gigctl.system.git.config import get_own_setting

__all__ = ["Person", "find_person", "own_address", "signs_off"]


class Person(Struct, frozen=True):
    name: str
    email: str

    def variables(self, role: str, when: str) -> dict[str, str]:
        """Git's variables for the AUTHOR or the COMMITTER."""
        return {
            f"GIT_{role}_NAME": _plain(self.name) or "unknown",
            f"GIT_{role}_EMAIL": _plain(self.email),
            f"GIT_{role}_DATE": when,
        }

    @property
    def line(self) -> str:
        """As a trailer names them: `Ada Lovelace <ada@example.com>`."""
        return f"{_plain(self.name) or 'unknown'} <{_plain(self.email)}>"


def _plain(word: str) -> str:
    """Without what git would drop or choke on, so that what is written is what was meant."""
    kept = "".join(letter for letter in word if letter.isprintable() and letter not in "<>")
    return kept.encode("utf-8", "ignore").decode().strip(" .,:;'\"\\")


def find_person(fallback: Person) -> Person:
    """The freelancer, by `git config --global`; each of name and address from `fallback` where it is not set."""
    return Person(get_own_setting("user.name") or fallback.name, get_own_setting("user.email") or fallback.email)


def signs_off() -> bool:
    """Whether the freelancer's git adds `Signed-off-by` to patches by itself (`format.signOff`): to certify what that
    stands for is a conscious act, so that nothing else makes us add it."""
    return get_own_setting("format.signOff", "--type=bool") == "true"


def own_address() -> str:
    """An address for who has told git none, made as git would make it: login@host."""
    try:
        login = getpass.getuser()
    except (OSError, KeyError):
        login = "freelancer"
    return f"{login}@{socket.gethostname() or 'localhost'}"
