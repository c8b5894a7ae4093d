"""Real ssh-keygen, real keys."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from gigctl.errors import ConfigError, UsageError
from gigctl.flow import signers
from gigctl.flow.signers import BadSignature
from support.keys import allow, make_key


def test_a_signature_is_checked_by_the_public_half(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    allowed = allow(tmp_path, ("ada@example.com", key))
    made = signers.sign(b"hello", str(key))
    found = signers.verify(b"hello", made, allowed)
    assert found.principal == "ada@example.com"
    assert found.fingerprint == signers.fingerprint(str(key)) == signers.fingerprint(f"{key}.pub")
    assert signers.check_integrity(b"hello", made).fingerprint == found.fingerprint


def test_other_bytes_another_key_another_purpose(tmp_path: Path) -> None:
    key, other = make_key(tmp_path), make_key(tmp_path, "other")
    made = signers.sign(b"hello", str(key))
    with pytest.raises(BadSignature, match="incorrect signature"):
        signers.verify(b"hellp", made, allow(tmp_path, ("ada", key)))
    with pytest.raises(BadSignature, match="names no key"):
        signers.verify(b"hello", made, allow(tmp_path, ("ada", other)))
    with pytest.raises(BadSignature):
        signers.verify(b"hello", made, allow(tmp_path, ("ada", key), options='namespaces="git"'))
    with pytest.raises(BadSignature, match="expired"):
        signers.verify(b"hello", made, allow(tmp_path, ("ada", key), options='valid-before="20200101"'))
    with pytest.raises(BadSignature):
        signers.check_integrity(b"hellp", made)
    for nonsense in (
        "",
        "hello",
        "é",
        "x" * 100_000,
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
    ):
        with pytest.raises(BadSignature):
            signers.verify(b"hello", nonsense, allow(tmp_path, ("ada", key)))


def test_a_signature_made_for_git_is_none_of_ours(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    argv = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "git"]
    made = subprocess.run(argv, input=b"hello", capture_output=True, check=True, timeout=20).stdout.decode()
    with pytest.raises(BadSignature):
        signers.verify(b"hello", made, allow(tmp_path, ("ada", key), options=""))


def test_many_are_signed_at_once(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    items = [str(n).encode() for n in range(7)]
    allowed = allow(tmp_path, ("ada", key))
    for item, made in zip(items, signers.sign_all(items, str(key)), strict=True):
        assert signers.verify(item, made, allowed).principal == "ada"


def test_what_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no key"):
        signers.sign(b"", str(tmp_path / "nothing"))
    (tmp_path / "text").write_text("hello")
    with pytest.raises(UsageError, match="is no SSH key"):
        signers.fingerprint(str(tmp_path / "text"))
    with pytest.raises(UsageError, match="there is no file"):
        signers.verify(b"", "", tmp_path / "nothing")


def test_a_passphrase_that_nobody_can_be_asked_for(tmp_path: Path) -> None:
    """In a session without a terminal, as cron is."""
    key = make_key(tmp_path, passphrase="open sesame")
    code = f"import os; os.setsid(); from gigctl.flow import signers; signers.sign(b'x', {str(key)!r})"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "ConfigError" in child.stderr
    assert "passphrase" in child.stderr


def test_a_passphrase_is_asked_for_on_the_terminal(tmp_path: Path) -> None:
    key = make_key(tmp_path, passphrase="open sesame")
    code = f"from gigctl.flow import signers; print(len(signers.sign_all([b'a', b'b'], {str(key)!r})), 'made')"
    child = pexpect.spawn(sys.executable, ["-c", code], timeout=30, encoding="utf-8")
    child.expect("[Pp]assphrase")
    child.sendline("open sesame")
    child.expect("2 made")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_who_is_to_touch_a_security_key_sees_the_question(tmp_path: Path) -> None:
    """No silent attempt before it, which would wait for a touch that nobody knows of. Here is no such key to touch."""
    kind = b"sk-ssh-ed25519@openssh.com"
    blob = b"".join(len(part).to_bytes(4) + part for part in (kind, bytes(range(32)), b"ssh:"))
    key = tmp_path / "key.pub"
    key.write_bytes(kind + b" " + base64.b64encode(blob) + b" ada\n")
    tried = _program(tmp_path / "bin" / "ssh-keygen", f'echo "$*" >>{tmp_path / "calls"}', 'exec {real} "$@"')
    code = f"from gigctl.flow import signers; signers.sign(b'x', {str(key)!r})"
    env = {**os.environ, "PATH": f"{tried.parent}:{os.environ['PATH']}"}
    child = pexpect.spawn(sys.executable, ["-c", code], timeout=30, encoding="utf-8", env=env)
    child.expect("it wants to be touched")
    child.expect(pexpect.EOF)
    child.close()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call for call in calls if "-Y sign" in call] == [calls[-1]]


def _program(path: Path, *lines: str) -> Path:
    """A program that stands before the real one of its name."""
    real = shutil.which(path.name)
    path.parent.mkdir()
    path.write_text("\n".join(["#!/bin/sh", *lines]).replace("{real}", str(real)) + "\n")
    path.chmod(0o755)
    return path


def test_an_agent_holds_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private half is gone from the disk: `ssh-agent` signs for the public one."""
    key = make_key(tmp_path)
    socket = tmp_path / "s"
    started = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        _wait_for(socket)
        subprocess.run(["ssh-add", "-q", str(key)], check=True, timeout=20, stderr=subprocess.DEVNULL)
        key.unlink()
        made = signers.sign(b"hello", f"{key}.pub")
        assert signers.verify(b"hello", made, allow(tmp_path, ("ada", key))).principal == "ada"
    finally:
        started.terminate()
        started.wait()
    with pytest.raises(ConfigError, match="can't sign"):
        signers.sign(b"hello", f"{key}.pub")


def _wait_for(socket: Path) -> None:
    import time

    for _ in range(200):
        if socket.exists():
            return
        time.sleep(0.02)
    raise AssertionError("ssh-agent did not start")


def test_no_ssh_keygen_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no program 'ssh-keygen'"):
        signers.sign(b"", str(key))


def test_the_statement_is_canonical() -> None:
    """Its bytes are a format: who changes them breaks every signature that was made."""
    checks = [("b", "pass", "f2"), ("a", "fail", "f1")]
    made = signers.signoff_statement("led", "acme-1.2", "in", "rev", checks)
    assert made == (
        b'{"checks":[["a","fail","f1"],["b","pass","f2"]],"input":"in","kind":"gigctl sign-off","ledger":"led",'
        b'"revision":"rev","task":"acme-1.2","version":1}'
    )
    assert made == signers.signoff_statement("led", "acme-1.2", "in", "rev", reversed(checks))
    assert json.loads(made)["task"] == "acme-1.2"
