"""`prepare` of `gigctl.toml`: what the checks need beside the tree, fetched once by a command that was agreed to.

It runs in the sandbox, with network, on a copy of the tree that gives the rules (the base's where there is one) and
with an empty home. Kept of it are the folders of dependencies and the home; later checks find both, read-only. What it
made is known by its command, the files that say what is to be installed, and the machine's own interpreters.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from msgspec import Struct

from gigctl.checks.command_log import shorten
from gigctl.errors import ConfigError, GigctlError, TemporaryError
from gigctl.flow.treecase import Case
from gigctl.paths import load_paths
from gigctl.system import locks
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store
from gigctl.system.proc import Finished
from gigctl.system.resolver import DEPENDENCIES, PREPARED_HOME, PREPARED_TREE, folders_of
from gigctl.system.sandbox import Policy, Sandbox, find_sandbox, run_sandboxed
from gigctl.system.view import home_of, place_of

__all__ = ["Prepared", "prepare"]

SECONDS = 1800.0
_GIB = 1024**3
_KEPT = 12
"""Results in the cache, of which the one that was not used for longest goes first."""

NAMES = (
    "requirements*.txt", "requirements*.in", "constraints*.txt", "pyproject.toml", "setup.py", "setup.cfg",
    "poetry.lock", "uv.lock", "pdm.lock", "pylock*.toml", "Pipfile", "Pipfile.lock", "environment.y*ml",
    "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "pnpm-workspace.yaml",
    "bun.lock*", ".npmrc", ".yarnrc*", "Gemfile", "Gemfile.lock", "composer.json", "composer.lock", "Cargo.toml",
    "Cargo.lock", "go.mod", "go.sum", ".python-version", ".nvmrc", ".tool-versions",
)  # fmt: skip
"""Files that say what is to be installed, in any folder; the command's own words name further ones."""
_CACHES = (".cache", ".npm")
"""What a package manager leaves in a home for its own next time."""
_VARIABLES = re.compile(
    r"(?i:https?_proxy|no_proxy|all_proxy)|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS"
    r"|PIP_(?:INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|CERT)|UV_(?:INDEX_URL|DEFAULT_INDEX|INDEX)"
    r"|(?i:npm_config_registry)"
)
"""Where packages come from here: all of the environment that such a command sees."""
_SETTINGS = ("/etc/pip.conf", "/etc/xdg/pip", "/etc/npmrc", "/etc/uv")


class Prepared(Struct, frozen=True):
    """`folder` has what the checks find, None where nothing was prepared; `said` tells of it."""

    folder: str | None = None
    said: str = ""


def prepare(
    store: Store, case: Case, agree: Callable[[str], bool], environ: Mapping[str, str], *, spare: Path,
    unprotected: bool = False,
) -> Prepared:  # fmt: skip
    """What the rules' `prepare` makes, from the cache or now; `agree` is asked for a command that was never run here.
    `spare` is a folder for what can't be kept.

    Raises ConfigError where it was not agreed to, and where it fails.
    """
    rules = case.rules
    if rules is None or not rules.file.prepare:
        return Prepared()
    command = shlex.join(rules.file.prepare)
    if unprotected:
        return Prepared(said=f"{command}: prepares in the sandbox alone, so it was left out")
    sandbox = find_sandbox()
    if not isinstance(sandbox, Sandbox):
        return Prepared()  # no check can run either, and each of them says why
    tree = case.tree if case.base is None else case.base.tree
    argv = ["env", "-C", rules.folder.rstrip("/"), *rules.file.prepare] if rules.folder else list(rules.file.prepare)
    work = _Work(store, tree, argv, case.checkout.top.resolve(), environ, sandbox)
    cache = _cache(environ, spare)
    kept = cache / work.key()
    if _is_whole(kept):
        return Prepared(str(kept))
    if not agree(f"{rules.path} prepares by `{command}`: run it, in the sandbox and with network?"):
        raise ConfigError(
            f"{rules.path} prepares by `{command}`, which was not agreed to",
            "--prepare runs it once, in the sandbox and with network",
        )
    with locks.exclusive(_lock(kept), timeout=SECONDS):
        if not _is_whole(kept):
            work.run(kept, command)
    _forget_old(cache)
    return Prepared(str(kept), _told(kept, command))


class _Work(Struct, frozen=True):
    """One command on one tree, in the place of one checkout."""

    store: Store
    tree: str
    argv: Sequence[str]
    repository: Path
    environ: Mapping[str, str]
    sandbox: Sandbox

    def key(self) -> str:
        """What its result hangs on. Scripts hold absolute paths, so that the checkout's place is part of it."""
        words = {word.removeprefix("./") for text in self.argv for word in text.split()}
        files = [
            (entry.path, entry.mode, entry.id)
            for entry in self.store.list_tree(self.tree)
            if entry.path in words or any(fnmatch(entry.path.rpartition("/")[2], name) for name in NAMES)
        ]
        found = [shutil.which(name, path=self.environ.get("PATH")) for name in ("python3", "node")]
        machine = [platform.machine(), *(os.path.realpath(path) if path else "" for path in found)]
        place = str(place_of(self.repository, home_of(self.environ)))
        text = json.dumps([list(self.argv), files, machine, place, str(home_of(self.environ))])
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def run(self, kept: Path, command: str) -> None:
        """Into a folder of its own, which gets its name when it is whole."""
        part = kept.with_name(f".{kept.name}")
        _remove(part)  # of one that was cut off
        tree, home = part / PREPARED_TREE, part / PREPARED_HOME
        home.mkdir(mode=0o700, parents=True)
        check_out(self.store, self.tree, tree, every_link=True)
        done = asyncio.run(self._run(tree, home))
        if done.timed_out or done.stopped or done.code != 0:
            _remove(part)
            raise _failed(command, done, tree)
        _keep_dependencies(tree)
        for entry in home.iterdir():
            if entry.name in _CACHES or not _has_file(entry):  # an empty one was there to mount something on
                _remove(entry)
        part.rename(kept)

    async def _run(self, tree: Path, home: Path) -> Finished:
        policy = Policy(
            network=True,
            seconds=SECONDS,
            memory=4 * _GIB,
            disk=4 * _GIB,
            processes=512,
            output=4 * 1024**2,
            tree="write",
            home=home,
            readable=tuple(path for path in map(Path, _SETTINGS) if path.exists()),
            env={"CI": "1", "NO_COLOR": "1", "PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            | {name: value for name, value in self.environ.items() if _VARIABLES.fullmatch(name)},
        )
        # An activated environment in the client's folder is none of what is to be prepared.
        entries = self.environ.get("PATH", "").split(":")
        path = ":".join(entry for entry in entries if not Path(entry).is_relative_to(self.repository))
        environ = {**self.environ, "PATH": path}
        return await run_sandboxed(
            self.sandbox, self.argv, tree=tree, policy=policy, environ=environ, place=self.repository
        )


def _failed(command: str, done: Finished, tree: Path) -> GigctlError:
    log = b"\n".join(text.strip() for text in (done.stdout, done.stderr) if text.strip()).decode("utf-8", "replace")
    how = f"did not end within {SECONDS:.0f} s" if done.timed_out else done.stopped or f"failed (exit code {done.code})"
    said = shorten(log.replace("\0", ""), str(tree))
    return ConfigError(f"prepare: {command}: {how}\n{said}".rstrip(), "nothing was checked: mend it, or take it out")


# --- the cache ---


def _cache(environ: Mapping[str, str], spare: Path) -> Path:
    """The folder of results; `spare` where none can be kept."""
    place = load_paths(environ).cache / "prepared"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return spare
    return place if os.access(place, os.W_OK | os.X_OK) else spare


def _is_whole(kept: Path) -> bool:
    try:
        os.utime(kept)  # used today
    except OSError:
        return False
    return True


def _lock(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.lock")


def _forget_old(cache: Path) -> None:
    """The results that were not used for longest, and what one that was cut off has left."""
    found = [path for path in cache.iterdir() if path.is_dir()]
    parts = [path for path in found if path.name.startswith(".")]
    whole = sorted((path for path in found if path not in parts), key=lambda path: path.stat().st_mtime)
    for path in (*whole[:-_KEPT], *parts):
        with contextlib.suppress(TemporaryError), locks.exclusive(_lock(path.with_name(path.name.lstrip(".")))):
            _remove(path)


def _keep_dependencies(tree: Path) -> None:
    """Nothing else of what lies there: the sources are the checks' own."""
    keep = tree.with_name("kept")
    keep.mkdir()
    for place in folders_of(tree):
        for name in DEPENDENCIES:
            if (folder := place / name).is_dir() and not folder.is_symlink():
                target = keep / folder.relative_to(tree)
                target.parent.mkdir(parents=True, exist_ok=True)
                folder.rename(target)
    _remove(tree)
    keep.rename(tree)


def _has_file(entry: Path) -> bool:
    return entry.is_symlink() or entry.is_file() or any(names for _, _, names in os.walk(entry))


def _told(kept: Path, command: str) -> str:
    found = [path.name for place in folders_of(kept / PREPARED_TREE) for path in place.iterdir()
             if path.name in DEPENDENCIES]  # fmt: skip
    found += [f"~/{path.name}" for path in sorted((kept / PREPARED_HOME).iterdir())]
    if not found:
        return f"{command}: prepared nothing that a check could find ({', '.join(DEPENDENCIES[:3])}, or in the home)"
    return f"{command}: prepared {', '.join(dict.fromkeys(found))}"


def _remove(path: Path) -> None:
    """A folder that a program wrote to, which may have taken away the right to empty it."""

    def allow(function: Callable[[str], object], name: str, _: object) -> None:
        with contextlib.suppress(OSError):
            Path(name).parent.chmod(0o700)
            function(name)

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=allow)
