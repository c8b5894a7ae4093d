"""Addresses, keys, headers and proxies."""

from __future__ import annotations

import pytest

from gigctl.agents.endpoint import chat_url, find_key, find_proxy, get_headers, is_loopback, redact
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry

REMOTE = "https://api.example.com/v1"


def entry(api_base: str = REMOTE, **more: object) -> AgentEntry:
    return AgentEntry("gpt", "openai", model="m", api_base=api_base, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (REMOTE, f"{REMOTE}/chat/completions"),
        (f"{REMOTE}/", f"{REMOTE}/chat/completions"),
        ("https://h.example/openai?api-version=1", "https://h.example/openai/chat/completions?api-version=1"),
        ("http://[::1]:80", "http://[::1]:80/chat/completions"),
    ],
)
def test_addresses(given: str, url: str) -> None:
    assert chat_url(entry(given)) == url


@pytest.mark.parametrize("given", ["", "api.example.com/v1", "ftp://x/", "http://", "http://x:99999/", "http://a:b@x/"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(ConfigError, match="agent gpt"):
        chat_url(entry(given))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_a_local_agent_lives_on_loopback(host: str) -> None:
    assert is_loopback(host)
    shown = f"[{host}]" if ":" in host else host
    assert chat_url(entry(f"http://{shown}:1/v1", local=True))


@pytest.mark.parametrize("host", ["10.0.0.1", "0.0.0.0", "localhost.example.com", "127.0.0.1.example.com", "x"])
def test_a_local_agent_lives_nowhere_else(host: str) -> None:
    with pytest.raises(ConfigError, match="declared local"):
        chat_url(entry(f"http://{host}/v1", local=True))


def test_keys_come_from_the_environment() -> None:
    assert find_key(entry(), {}) is None
    assert find_key(entry(key="env:K"), {"K": " sk-1\n"}) == "sk-1"


@pytest.mark.parametrize(
    ("key", "environ", "said"),
    [
        ("env:K", {}, "not set"),
        ("env:K", {"K": "  "}, "not set"),
        ("env:K", {"K": "a\r\nX: 1"}, "no key"),
        ("env:K", {"K": "clé"}, "no key"),
        ("env:", {}, "must name a variable"),
        ("sk-pasted", {}, "must name a variable"),
    ],
)
def test_a_key_that_is_none(key: str, environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        find_key(entry(key=key), environ)
    assert "sk-pasted" not in f"{caught.value.message} {caught.value.hint}"


def test_a_missing_key_names_its_variable() -> None:
    with pytest.raises(ConfigError) as caught:
        find_key(entry(key="env:MY_KEY"), {})
    assert "MY_KEY" in (caught.value.hint or "")


def test_headers() -> None:
    assert get_headers(entry(headers={"X-Org": "env:O"}), {"O": "me"}) == {"X-Org": "me"}
    with pytest.raises(ConfigError, match="no header's name"):
        get_headers(entry(headers={"X Org": "env:O"}), {"O": "me"})


def test_redact_takes_the_longest_first() -> None:
    assert redact("bad sk-12 and sk-1", ("sk-1", "sk-12")) == "bad [key] and [key]"


PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": "proxy.example:3128"}, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "a.b, .example.com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example.com:443"}, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "ample.com"}, PROXY),
    ],
)
def test_the_proxy_of_a_remote_agent(environ: dict[str, str], proxy: str | None) -> None:
    assert find_proxy(entry(), environ) == proxy


def test_loopback_never_goes_through_a_proxy() -> None:
    environ = {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}
    assert find_proxy(entry("http://127.0.0.1:1/v1"), environ) is None
    assert find_proxy(entry("http://localhost:1/v1", local=True), environ) is None


def test_a_proxy_that_can_not_be_used_is_said() -> None:
    with pytest.raises(ConfigError, match="proxy"):
        find_proxy(entry(), {"ALL_PROXY": "socks5://x:1"})
