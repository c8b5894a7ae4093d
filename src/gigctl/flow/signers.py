"""SSH signatures: by a key of the freelancer's, through `ssh-keygen -Y`, checked by anybody who has the public half.

A sign-off's signature binds the bytes of `signoff_statement`, a delivery's those of its MANIFEST.json.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from gigctl.errors import ConfigError, UsageError
from gigctl.system import proc

__all__ = [
    "BadSignature", "Signer", "check_integrity", "fingerprint", "sign", "sign_all", "signoff_statement", "verify",
]  # fmt: skip

NAMESPACE = "gigctl"
"""What a signature is for (ssh-keygen's `-n`): one made for git or for mail is none for us."""
LARGEST_SIGNATURE = 64 * 1024
"""Characters; an RSA key of 16,384 bits makes 6,000."""
_TIMEOUT = 60.0
_AT_ONCE = 200
"""Files of one call, well below what a command line may have."""
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class BadSignature(Exception):
    """Not a signature of these bytes by somebody who may sign; the message says why."""


class Signer(Struct, frozen=True):
    """Who signed: `principal` by the file of signers (empty where none was asked), and the key's fingerprint."""

    principal: str
    fingerprint: str


def signoff_statement(
    ledger_id: str, task_ref: str, input_sha256: str, revision_sha256: str, checks: Iterable[Sequence[str]]
) -> bytes:
    """What a sign-off's signature binds: canonical JSON in UTF-8. `checks` are (name, outcome, fingerprint)."""
    statement = {
        "kind": "gigctl sign-off",
        "version": 1,
        "ledger": ledger_id,
        "task": task_ref,
        "input": input_sha256,
        "revision": revision_sha256,
        "checks": sorted(list(check) for check in checks),
    }
    return json.dumps(statement, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


# --- the key ---


def fingerprint(key: str) -> str:
    """`SHA256:…` of a key's file, its public half or both. Raises UsageError where it is none."""
    path = _key_file(key)
    done = proc.run(["ssh-keygen", "-l", "-E", "sha256", "-f", str(path)], timeout=_TIMEOUT)
    found = _FINGERPRINT.search(done.text)
    if not done.ok or found is None:
        raise UsageError(f"{path} is no SSH key: {_reason(done.stderr, path)}", "ssh-keygen -t ed25519 makes one")
    return found[0]


def _key_file(key: str) -> Path:
    path = Path(key).expanduser().absolute()
    if not path.is_file():
        raise UsageError(f"there is no key {path}", "--signer names the file of an SSH key, as ~/.ssh/id_ed25519")
    return path


# --- signing ---


def sign(data: bytes, key: str) -> str:
    """The signature (armoured text) of some bytes. Raises UsageError, ConfigError."""
    return sign_all([data], key)[0]


def sign_all(items: Sequence[bytes], key: str) -> list[str]:
    """A signature each; a passphrase is asked for once (a call of ssh-keygen signs many)."""
    path = _key_file(key)
    signatures: list[str] = []
    for start in range(0, len(items), _AT_ONCE):
        with tempfile.TemporaryDirectory(prefix="gigctl-sign-") as name:
            files = [_written(Path(name), n, data) for n, data in enumerate(items[start : start + _AT_ONCE])]
            _sign_files(files, path)
            signatures += [file.with_suffix(".sig").read_text("ascii") for file in files]
    return signatures


def _written(folder: Path, number: int, data: bytes) -> Path:
    """ssh-keygen puts the signature of `1` into `1.sig`."""
    file = folder / str(number)
    file.write_bytes(data)
    return file


def _sign_files(files: Sequence[Path], key: Path) -> None:
    """First without a word, by the key or the agent that holds it; on a terminal then with its questions."""
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, *map(str, files)]
    on_terminal = _has_terminal()
    reason = "it wants to be touched"
    if not (on_terminal and _wants_touch(key)):
        never = {"SSH_ASKPASS_REQUIRE": "never"} if on_terminal else {}
        done = proc.run(argv, env={**os.environ, **never}, timeout=_TIMEOUT)
        if done.ok:
            return
        reason = "it took too long" if done.timed_out else _reason(done.stderr, key)
        for file in files:
            file.with_suffix(".sig").unlink(missing_ok=True)  # else it asks whether to overwrite
    if on_terminal and proc.interactive(argv) == 0:
        return
    hint = "check the passphrase, or ssh-add the key and name its .pub" if "passphrase" in reason else None
    raise ConfigError(f"{key} can't sign: {reason}", hint)


def _wants_touch(key: Path) -> bool:
    """A security key's kinds end in -SK; who is asked to touch it must see the question."""
    return b"-SK)" in proc.run(["ssh-keygen", "-l", "-f", str(key)], timeout=_TIMEOUT).stdout


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


# --- checking ---


def verify(data: bytes, signature: str, signers: Path) -> Signer:
    """Who signed, by a file of allowed signers (ssh-keygen(1)), as of now. Raises BadSignature, UsageError."""
    if not signers.is_file():
        raise UsageError(f"there is no file {signers}", "a line each: NAME KEYTYPE KEY, see `man ssh-keygen`")
    with _as_file(signature) as file:
        found = _run("find-principals", "-f", str(signers), "-s", file)
        names = found.text.splitlines()
        if not found.ok or not names:
            raise BadSignature(f"{signers.name} names no key that made it: {_reason(found.stderr)}")
        done = _run("verify", "-f", str(signers), "-I", names[0], "-n", NAMESPACE, "-s", file, stdin=data)
    return Signer(names[0], _fingerprint_in(done))


def check_integrity(data: bytes, signature: str) -> Signer:
    """Whether a signature is one of these bytes, by whatever key. Raises BadSignature."""
    with _as_file(signature) as file:
        return Signer("", _fingerprint_in(_run("check-novalidate", "-n", NAMESPACE, "-s", file, stdin=data)))


class _as_file:  # reads as a verb
    """A signature as the file that ssh-keygen wants."""

    def __init__(self, signature: str) -> None:
        if len(signature) > LARGEST_SIGNATURE or not signature.isascii():
            raise BadSignature("it is no SSH signature")
        self._signature = signature
        self._folder = tempfile.TemporaryDirectory(prefix="gigctl-verify-")

    def __enter__(self) -> str:
        file = Path(self._folder.name, "signature")
        file.write_text(self._signature, "ascii")
        return str(file)

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _run(what: str, *args: str, stdin: bytes = b"") -> proc.Finished:
    return proc.run(["ssh-keygen", "-Y", what, *args], stdin=stdin, timeout=_TIMEOUT)


def _fingerprint_in(done: proc.Finished) -> str:
    found = _FINGERPRINT.search(done.text)
    if not done.ok or found is None:
        raise BadSignature(_reason(done.stderr) or _reason(done.stdout))
    return found[0]


def _reason(said: bytes, key: Path | None = None) -> str:
    """The first line that says why, without ssh-keygen's prompt and the key's name."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Signing ", "Write signature"))]
    text = (told or ["ssh-keygen gave no reason"])[0].removeprefix("Enter passphrase: ").rstrip(".\r")
    if key is not None:
        text = text.replace(f'Load key "{key}": ', "").replace(f"{key}: ", "").replace(f'"{key}"', "it")
    return text.replace(
        "incorrect passphrase supplied to decrypt private key", "the passphrase is wrong or was not given"
    )
