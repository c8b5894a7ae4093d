"""Is all here that gigctl needs? Each finding is a fact, and how to mend it."""

from __future__ import annotations

import importlib.util
import locale
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from gigctl.config import load_agents, load_settings
from gigctl.errors import GigctlError
from gigctl.flow.actor import HOW, describe, find_actor, find_gap
from gigctl.ledger.opening import open_ledger
from gigctl.paths import Paths
from gigctl.system import proc, sandbox

__all__ = ["Finding", "examine"]

Status = Literal["ok", "limited", "missing"]

_ROOM = 2 * 10**9
"""Bytes that a model and a few gigs take."""
_NO_WAL = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "fuse.rclone", "glusterfs"}
)
"""File systems over a network, where SQLite's shared memory can't work (sqlite.org/wal.html)."""
_OLDEST_GIT = (2, 31)
"""The first with GIT_CONFIG_COUNT and --no-ext-diff as we use them."""
_OLDEST_SSH = (8, 1)
"""The first with `ssh-keygen -Y sign`."""


class Finding(Struct, frozen=True):
    """`limited`: something cannot be done without it; `missing`: nothing can. `hint` is how to mend it."""

    name: str
    status: Status
    detail: str
    hint: str | None = None


def examine(paths: Paths, env: Mapping[str, str]) -> list[Finding]:
    """Everything, the needed first. Nothing is written."""
    looks: tuple[Callable[[Paths, Mapping[str, str]], Finding], ...] = (
        _python, _git, _person, _sandbox, _ledger, _settings, _agents, _embedded, _room, _ssh, _editor, _language,
        _terminal,
    )  # fmt: skip
    return [look(paths, env) for look in looks]


def _python(_: Paths, __: Mapping[str, str]) -> Finding:
    return Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")


def _git(_: Paths, __: Mapping[str, str]) -> Finding:
    how = "install it: apt install git, or brew install git"
    text = _output(["git", "--version"])
    found = re.search(r"([0-9]+)\.([0-9]+)", text or "")
    if found is None:
        return Finding("git", "missing", "not found", how)
    if (int(found[1]), int(found[2])) < _OLDEST_GIT:
        return Finding("git", "missing", f"{found[0]} is too old: at least 2.31", how)
    return Finding("git", "ok", found[0])


def _person(_: Paths, __: Mapping[str, str]) -> Finding:
    """Whose name a sign-off is under."""
    who = describe(find_actor())
    if find_gap() is None:
        return Finding("name", "ok", f"{who} signs")
    return Finding("name", "limited", f"{who} signs: git knows no name, or no address, of yours", HOW)


def _ssh(_: Paths, __: Mapping[str, str]) -> Finding:
    how = "install OpenSSH 8.1 or newer: apt install openssh-client"
    if shutil.which("ssh-keygen") is None:
        return Finding("ssh-keygen", "limited", "not found: no sign-off can be signed with a key", how)
    found = re.search(r"OpenSSH_([0-9]+)\.([0-9]+)", _output(["ssh", "-V"]) or "")
    if found and (int(found[1]), int(found[2])) < _OLDEST_SSH:
        return Finding("ssh-keygen", "limited", f"{found[0]} can't sign files", how)
    return Finding("ssh-keygen", "ok", found[0].replace("_", " ") if found else "found")


def _sandbox(_paths: Paths, _env: Mapping[str, str]) -> Finding:
    """A whole sandbox is really made and something run in it."""
    found = sandbox.probe()
    if isinstance(found, sandbox.Missing):
        return Finding("sandbox", "limited", f"{found.reason}: no check and no agent runs a program", found.hint)
    return Finding("sandbox", "ok", f"bubblewrap {found.version}, tried")


def _ledger(paths: Paths, _: Mapping[str, str]) -> Finding:
    folder = _nearest(paths.data)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Finding("ledger", "missing", f"{folder} can't be written", "GIGCTL_HOME names another folder")
    kind = _file_system(folder)
    if kind in _NO_WAL:
        return Finding(
            "ledger", "missing", f"{folder} is on {kind}, where SQLite's WAL can't work",
            "GIGCTL_DATA_DIR names a folder on a disk of this machine",
        )  # fmt: skip
    if paths.ledger.exists():
        try:
            open_ledger(paths.data).close()
        except GigctlError as error:
            return Finding("ledger", "missing", error.message, error.hint)
    state = "there" if paths.ledger.exists() else "not begun"
    return Finding("ledger", "ok", f"{paths.ledger} ({state}{', ' + kind if kind else ''})")


def _settings(paths: Paths, env: Mapping[str, str]) -> Finding:
    try:
        load_settings(paths.config_file, env)
    except GigctlError as error:
        return Finding("settings", "missing", error.message.replace("\n", "; "), error.hint)
    return Finding("settings", "ok", str(paths.config_file) if paths.config_file.exists() else "all by default")


def _agents(paths: Paths, env: Mapping[str, str]) -> Finding:
    try:
        agents = load_agents(paths.agents_file)
    except GigctlError as error:
        return Finding("agents", "missing", error.message.replace("\n", "; "), error.hint)
    keys = {e.name: e.key.removeprefix("env:") for e in agents.values() if e.key.startswith("env:")}
    keyless = [f"{name} ({key})" for name, key in keys.items() if not env.get(key)]
    if keyless:
        return Finding("agents", "limited", f"no key for {', '.join(keyless)}", "export the variable in your shell")
    return Finding("agents", "ok", ", ".join(agents))


def _embedded(paths: Paths, _: Mapping[str, str]) -> Finding:
    if importlib.util.find_spec("xllamacpp") is None:
        return Finding("embedded model", "limited", "xllamacpp is not installed", "install gigctl[local]")
    models = sorted(path.name for path in paths.models.glob("*.gguf")) if paths.models.is_dir() else []
    if not models:
        return Finding("embedded model", "limited", f"no model in {paths.models}", "gigctl model pull")
    return Finding("embedded model", "ok", ", ".join(models))


def _room(paths: Paths, _: Mapping[str, str]) -> Finding:
    free = min(shutil.disk_usage(_nearest(path)).free for path in (paths.data, paths.cache))
    detail = f"{free / 10**9:.1f} GB free"
    return Finding("disk", "ok" if free >= _ROOM else "limited", detail, None if free >= _ROOM else "make room")


def _editor(_: Paths, env: Mapping[str, str]) -> Finding:
    told = env.get("VISUAL") or env.get("EDITOR") or "vi"
    words = shlex.split(told) if told.count('"') % 2 == 0 and told.count("'") % 2 == 0 else [told]
    if not words or shutil.which(words[0], path=env.get("PATH")) is None:
        return Finding("editor", "limited", f"{told} is not found", "export EDITOR=nano, or whatever you write with")
    return Finding("editor", "ok", told)


def _language(_: Paths, __: Mapping[str, str]) -> Finding:
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") != "utf8":
        return Finding("locale", "limited", f"{encoding}: other letters are shown as escapes", "export LANG=C.UTF-8")
    return Finding("locale", "ok", encoding)


def _terminal(_: Paths, env: Mapping[str, str]) -> Finding:
    if not sys.stdout.isatty():
        return Finding("terminal", "ok", "stdout is none: plain lines")
    size = os.get_terminal_size(sys.stdout.fileno())
    return Finding("terminal", "ok", f"{env.get('TERM') or 'of no kind'}, {size.columns}x{size.lines}")


# --- the machine ---


def _output(argv: list[str]) -> str | None:
    """What a program says of itself, on whichever stream; None where it can't be run."""
    try:
        done = proc.run(argv, timeout=10)
    except GigctlError:
        return None
    return (done.stdout + done.stderr).decode("utf-8", "replace") if done.ok else None


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _file_system(folder: Path) -> str:
    """The kind of file system, by the longest mount point above; empty where the system doesn't tell (macOS)."""
    best, kind = "", ""
    for point, found in _mounts(Path("/proc/self/mountinfo")):
        inside = folder.resolve().is_relative_to(point)
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind


def _mounts(table: Path) -> Iterator[tuple[str, str]]:
    """Mount points and their kinds, as proc(5) writes them: the kind comes after a lone `-`."""
    if not table.exists():
        return
    for line in table.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(" ")
        if "-" in fields[6:]:
            yield fields[4].replace("\\040", " "), fields[fields.index("-", 6) + 1]
