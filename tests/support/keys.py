"""SSH keys for tests, made by ssh-keygen itself."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_key(folder: Path, name: str = "key", passphrase: str = "") -> Path:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(folder / name)]
    subprocess.run(argv, check=True, timeout=20)
    return folder / name


def allow(folder: Path, *keys: tuple[str, Path], options: str = 'namespaces="gigctl"') -> Path:
    """A file of allowed signers: each name with its key's public half."""
    file = folder / "allowed_signers"
    lines = (f"{name} {options} {key.with_suffix('.pub').read_text()}" for name, key in keys)
    file.write_text("".join(lines))
    return file
