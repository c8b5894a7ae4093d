"""A clean machine for every test: no keys, no proxies, no git settings, no default paths, no way out but loopback."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job ignores it, and children inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SCRUBBED = ("_API_KEY", "_proxy", "_PROXY", "GIT_", "GIGCTL_", "XDG_")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name != "GIGCTL_CORPUS" and any(mark in name for mark in _SCRUBBED):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> object:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]) if isinstance(address, tuple) else ""
            if not (host.startswith("127.") or host in ("::1", "localhost")):
                raise OSError(f"tests may not leave loopback: {host}")
        return real(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def corpus() -> Path:
    """Real files that nobody wrote for gigctl; they travel beside the project, not in it."""
    found = Path(os.environ.get("GIGCTL_CORPUS", Path(__file__).parents[1] / ".." / "shared" / "corpus")).resolve()
    if not found.is_dir():
        pytest.skip(f"no corpus at {found}: set GIGCTL_CORPUS to have these tests")
    return found
