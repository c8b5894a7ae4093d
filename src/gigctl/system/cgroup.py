"""Limits for real root, whom RLIMIT_NPROC never binds: a control group for each command, of version 1 or 2."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["capped", "is_needed", "is_possible"]

_ROOT = Path("/sys/fs/cgroup")
_NAME = "gigctl-"
_STALE = 10.0
"""Seconds after which an empty group is nobody's: one that was just made has no process yet either."""
_ENTER = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 126; shift; done; shift; exec "$@"'
_TRIES = 16
_SHORTEST, _LONGEST = 0.0002, 0.01
"""Seconds between two looks whether the last process of a group is gone; mostly it is at the second."""

_counter = itertools.count()


def is_needed() -> bool:
    """Whether this is the machine's root, not one that a container maps to somebody else."""
    return os.getuid() == 0 and Path("/proc/self/uid_map").read_text().split()[:2] == ["0", "0"]


def is_possible() -> bool:
    with capped(processes=8, memory=2**24) as words:
        return bool(words)


@contextlib.contextmanager
def capped(*, processes: int, memory: int) -> Iterator[list[str]]:
    """Words to put before a command so that it and all below it share one cap; none where it can't be had.

    `memory` is in bytes and is left out where the machine can't; `processes` counts threads.
    """
    name = f"{_NAME}{os.getpid()}-{next(_counter)}"
    made: list[Path] = []
    try:
        pids = _make(_ROOT / "pids" / name, {"pids.max": processes}, made)
        if pids:
            _make(_ROOT / "memory" / name, {"memory.limit_in_bytes": memory}, made)
        else:
            pids = _make(_ROOT / name, {"pids.max": processes}, made)
            _write(_ROOT / name, {"memory.max": memory, "memory.swap.max": 0})
        yield ["/bin/sh", "-c", _ENTER, "sh", *map(str, made), "--"] if pids else []
    finally:
        _remove(made)


def _make(group: Path, limits: Mapping[str, int], made: list[Path]) -> bool:
    """Whether the group could be made with its limits."""
    if not group.parent.is_dir():
        return False
    _sweep(group.parent)
    try:
        group.mkdir()
    except OSError:
        return False
    if _write(group, limits):
        made.append(group)
        return True
    _remove([group])
    return False


def _write(group: Path, limits: Mapping[str, int]) -> bool:
    done = False
    with contextlib.suppress(OSError):
        for name, value in limits.items():
            # Never created: on what is no control group the file is not there.
            with (group / name).open("r+") as file:
                file.write(str(value))
        done = True
    return done


def _remove(groups: list[Path]) -> None:
    for group in groups:
        for n in range(_TRIES):
            try:
                group.rmdir()
                break
            except OSError:  # its last processes are still dying; in the end a later sweep has it
                time.sleep(min(_SHORTEST * 2**n, _LONGEST))


def _sweep(parent: Path) -> None:
    for group in parent.glob(f"{_NAME}*"):
        with contextlib.suppress(OSError):
            if time.time() - group.stat().st_mtime > _STALE:
                group.rmdir()
