"""How git is started: no setting, hook, variable or program of anybody's but ours has a say in what it does.

Git runs programs that a repository's configuration names (hooks, `core.fsmonitor`, filters, remotes' commands). A
client's repository is only ever resolved (`rev-parse`) and fetched from or into; for that its own configuration can't
be kept from being read, so that each setting through which those could start a program is overruled on the command
line, which comes last. What the far side of a fetch must know goes through a configuration file, the only way there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gigctl.errors import ConfigError, TemporaryError
from gigctl.system import proc

__all__ = ["CONFIG", "FAR_SIDE", "Git", "GitError"]

CONFIG = """\
# Written by gigctl: all the configuration that its git ever reads beside a repository's own.
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\tfsmonitor = false
\tautocrlf = false
\tsymlinks = true
\tprotectHFS = true
\tprotectNTFS = true
[uploadpack]
\tallowAnySHA1InWant = true
[protocol]
\tversion = 2
[gc]
\tauto = 0
[maintenance]
\tauto = false
[advice]
\tdetachedHead = false
[init]
\tdefaultBranch = main
"""

_OVERRULED = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.alternateRefsCommand=true",  # a fetch runs it through a shell where the repository has alternates
    "core.sshCommand=false",
    "core.gitProxy=",
    "core.askPass=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
)
_KEPT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DEVELOPER_DIR", "SDKROOT")
"""Variables that git gets from us; the last two are what finds it on macOS."""

FAR_SIDE = "GIT_ALLOW_PROTOCOL= GIT_NO_LAZY_FETCH=1 git-upload-pack"
"""Far side of a fetch: a partial clone there must not go and fetch what it lacks by the command it names itself."""

_TIMEOUT = 120.0


class GitError(ConfigError):
    """Git could not do what it was asked; `reason` is the last line of what it said."""

    def __init__(self, message: str, hint: str | None = None, *, reason: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class Git(Struct, frozen=True):
    """Git as we start it. `home` is a folder of ours that holds `config` and is HOME to it."""

    home: Path

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
        limit: int = proc.OUTPUT_LIMIT,
        expected: tuple[int, ...] = (0,),
    ) -> proc.Finished:
        """Run `git ARGS`. Raises GitError for an exit code that was not expected, or more than `limit` bytes."""
        overruled = [word for setting in _OVERRULED for word in ("-c", setting)]
        done = proc.run(
            ["git", *overruled, *args],
            stdin=stdin,
            cwd=cwd or self.home,
            env={**self.environment(), **(env or {})},
            timeout=timeout,
            limit=limit,
        )
        if done.timed_out:
            raise TemporaryError(f"git {_verb(args)} did not end within {timeout:.0f} s")
        if done.truncated:
            raise GitError(f"git {_verb(args)} answered more than {limit} bytes")
        if done.code not in expected:
            reason = _last_line(done.stderr)
            raise GitError(f"git {_verb(args)} failed: {reason}", reason=reason)
        return done

    def environment(self) -> dict[str, str]:
        """All the variables that git sees. No transport is allowed but where a call names one."""
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.home / "config"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C",
        }


def _verb(args: tuple[str, ...]) -> str:
    return next((arg for arg in args if not arg.startswith("-")), "")


def _last_line(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (fatal or lines or ["no reason given"])[-1].strip()
