"""Real git repositories for tests, made by git itself with no settings but these."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada Client",
    "GIT_AUTHOR_EMAIL": "ada@client.example",
    "GIT_AUTHOR_DATE": "@1700000000 +0100",
    "GIT_COMMITTER_NAME": "Ada Client",
    "GIT_COMMITTER_EMAIL": "ada@client.example",
    "GIT_COMMITTER_DATE": "@1700000000 +0100",
    "LC_ALL": "C",
}


@dataclass(frozen=True)
class Repository:
    """A client's checkout at `path`."""

    path: Path

    def git(self, *args: str | bytes, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Run git as a client would, with attributes, filters and hooks; its standard output."""
        done = self.attempt(*args, stdin=stdin, env=env)
        assert done.returncode == 0, f"git {args}: {done.stderr.decode(errors='replace')}"
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def attempt(
        self, *args: str | bytes, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        whole = {**environment, **_ENVIRONMENT, **(env or {})}
        return subprocess.run(["git", *args], cwd=self.path, env=whole, input=stdin, capture_output=True, timeout=60)

    def write(self, files: Mapping[str, bytes | str]) -> None:
        for name, data in files.items():
            place = self.place(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data if isinstance(data, bytes) else data.encode())

    def place(self, name: str) -> Path:
        return self.path / os.fsdecode(name.encode("utf-8", "surrogateescape"))

    def commit(self, files: Mapping[str, bytes | str] | None = None, message: str = "Change") -> str:
        """Commit the files beside all that is there; the commit's id."""
        self.write(files or {})
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    @property
    def tree(self) -> str:
        return self.git("rev-parse", "HEAD^{tree}")

    def state(self) -> dict[str, bytes]:
        """All bytes of the checkout and of git's own folder but objects, to see that nothing was touched."""
        return {
            str(place.relative_to(self.path)): place.read_bytes()
            for place in sorted(self.path.rglob("*"))
            if place.is_file() and not place.is_symlink() and "objects" not in place.parts
        }


def make_repository(path: Path, files: Mapping[str, bytes | str] | None = None, *options: str) -> Repository:
    """A repository with one commit of the files; none where there are none."""
    path.mkdir(parents=True)
    repository = Repository(path)
    repository.git("init", "--quiet", "--template=", "--initial-branch=main", *options)
    if files:
        repository.commit(files)
    return repository
