"""Keys from the system keyring, through keyring's own backends."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from gigctl.agents.endpoint import find_key
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry

ENTRY = AgentEntry("gpt", "openai", key="keyring")


class Memory(KeyringBackend):
    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def memory() -> Iterator[Memory]:
    before, made = keyring.get_keyring(), Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_the_key_is_kept_under_the_agents_name(memory: Memory) -> None:
    keyring.set_password("gigctl", "gpt", "sk-1\n")
    assert find_key(ENTRY, {}) == "sk-1"


def test_none_kept_says_how_to_keep_one(memory: Memory) -> None:
    with pytest.raises(ConfigError, match="holds no key") as caught:
        find_key(ENTRY, {})
    assert "keyring set gigctl gpt" in (caught.value.hint or "")


def test_a_machine_without_a_keyring_is_said(memory: Memory) -> None:
    keyring.set_keyring(NoKeyring())
    with pytest.raises(ConfigError, match="can't be read"):
        find_key(ENTRY, {})
