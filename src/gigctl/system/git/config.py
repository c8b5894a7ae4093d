"""The freelancer's own git settings (`git config --global`), read as data, and the difftools of these."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gigctl.system import proc

__all__ = ["find_difftool", "get_own_setting"]

_READ_BY_GIT = ("PATH", "HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")
_OF_FILES = ("vimdiff", "nvimdiff", "gvimdiff", "vimdiff1", "vimdiff2", "vimdiff3")
"""Programs that git knows by itself and that compare files, where others compare folders as well."""


def get_own_setting(key: str, *how: str) -> str:
    """Its value; the empty string where it is not set."""
    env = {name: os.environ[name] for name in _READ_BY_GIT if name in os.environ}
    argv = ["git", "config", "--global", "--includes", "--null", *how, "--get", key]
    # The root: no repository there whose settings `includeIf` could bring in.
    done = proc.run(argv, env=env | {"LC_ALL": "C"}, cwd=Path("/"), timeout=10)
    return done.text.rstrip("\0").strip() if done.ok else ""


def find_difftool(name: str) -> list[str]:
    """The command line that shows two folders file by file in a program that git is set up to start, or knows; empty
    where it does not. Without a name the one that git is told to use (`diff.tool`)."""
    name = name or get_own_setting("diff.tool")
    if not re.fullmatch(r"[\w.-]+", name):
        return []
    if name not in _OF_FILES and not get_own_setting(f"difftool.{name}.cmd"):
        return []
    return ["git", "difftool", "--no-index", "--no-prompt", f"--tool={name}"]
