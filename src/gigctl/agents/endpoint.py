"""Where a server is and how it is reached: address, key, headers, proxy; all settled before the first call."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gigctl.errors import ConfigError
from gigctl.model import AgentEntry

__all__ = ["KEYRING_SERVICE", "chat_url", "find_key", "find_proxy", "get_headers", "is_loopback", "redact"]

KEYRING_SERVICE = "gigctl"


def chat_url(entry: AgentEntry) -> str:
    """The address that is called. A local agent's must be loopback: its material never leaves the machine."""
    parts = _split(entry)
    if entry.is_local and not is_loopback(parts.hostname or ""):
        raise ConfigError(
            f"agent {entry.name} is declared local, but {parts.hostname} is not loopback",
            "give an address of this machine (127.0.0.1, ::1, localhost), or add the agent without --local",
        )
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/chat/completions"))


def _split(entry: AgentEntry) -> SplitResult:
    hint = "api-base looks like https://api.example.com/v1"
    try:
        parts = urlsplit(entry.api_base)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"agent {entry.name}: api-base is no address ({error})", hint) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ConfigError(f"agent {entry.name}: api-base must be an http or https address", hint)
    if "@" in parts.netloc:
        raise ConfigError(f"agent {entry.name}: api-base must not hold a name or password", "use --key env:VAR")
    return parts


def is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- keys ---


def find_key(entry: AgentEntry, environ: Mapping[str, str]) -> str | None:
    """The key that `entry.key` names, None where it names none. Raises ConfigError where it is not to be had."""
    if not entry.key:
        return None
    if entry.key == "keyring":
        return _clean(entry, "keyring", _from_keyring(entry))
    return _from_environment(entry, "key", entry.key, environ)


def get_headers(entry: AgentEntry, environ: Mapping[str, str]) -> dict[str, str]:
    """The entry's own headers, their values taken from the environment."""
    for name in entry.headers:
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ConfigError(f"agent {entry.name}: {name!r} is no header's name", "use --header NAME=env:VAR")
    return {name: _from_environment(entry, f"header {name}", value, environ) for name, value in entry.headers.items()}


def _from_environment(entry: AgentEntry, what: str, named: str, environ: Mapping[str, str]) -> str:
    if not named.startswith("env:") or len(named) == len("env:"):
        # The value may be a key that was pasted here: it is not repeated.
        raise ConfigError(
            f"agent {entry.name}: {what} must name a variable, as env:VAR", "keys are never kept in a file"
        )
    variable = named.removeprefix("env:")
    value = environ.get(variable, "").strip()
    if not value:
        raise ConfigError(f"agent {entry.name}: {what} is not set", f"export {variable}=…")
    return _clean(entry, variable, value)


def _clean(entry: AgentEntry, where: str, value: str) -> str:
    """A value that is one header line: anything else would add headers of its own."""
    if not value.isprintable() or not value.isascii():
        raise ConfigError(f"agent {entry.name}: what {where} holds is no key (only printable ASCII is)")
    return value


def _from_keyring(entry: AgentEntry) -> str:
    import keyring
    import keyring.errors

    hint = f"keyring set {KEYRING_SERVICE} {entry.name}, or agent add {entry.name} --key env:VAR"
    try:
        value = keyring.get_password(KEYRING_SERVICE, entry.name)
    except keyring.errors.KeyringError as error:
        raise ConfigError(
            f"agent {entry.name}: the system keyring can't be read ({type(error).__name__})", hint
        ) from None
    if not value:
        raise ConfigError(f"agent {entry.name}: the system keyring holds no key for it", hint)
    return str(value).strip()


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """`text` without the secrets: a server may repeat the key that it refuses."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[key]")
    return text


# --- proxy ---


def find_proxy(entry: AgentEntry, environ: Mapping[str, str]) -> str | None:
    """The environment's proxy for a remote agent. A local agent and a loopback address never use one."""
    parts = _split(entry)
    host = parts.hostname or ""
    if entry.is_local or is_loopback(host) or _excluded(host, parts.port, _variable(environ, "no_proxy")):
        return None
    proxy = _variable(environ, f"{parts.scheme}_proxy") or _variable(environ, "all_proxy")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and urlsplit(proxy).scheme not in ("http", "https"):
        raise ConfigError(
            f"agent {entry.name}: the environment's proxy is of a kind that is not supported",
            f"set {parts.scheme.upper()}_PROXY to an http:// proxy, or name {host} in NO_PROXY",
        )
    return proxy or None


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _excluded(host: str, port: int | None, no_proxy: str) -> bool:
    for word in no_proxy.lower().replace(",", " ").split():
        name, _, only_port = word.partition(":")
        if only_port and only_port != str(port):
            continue
        bare = name.removeprefix("*").lstrip(".")
        if name == "*" or host == bare or (bare and host.endswith(f".{bare}")):
            return True
    return False
