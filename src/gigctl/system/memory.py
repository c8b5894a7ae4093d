"""How much memory a process may still take: the machine's, and what a control group leaves of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["available_memory"]


def available_memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes: the kernel's own estimate (`MemAvailable`), or less where a control group of ours has less room left.
    Where there is no such estimate it is half of the machine's memory."""
    found = _figures(proc / "meminfo").get("MemAvailable")
    machine = found * 1024 if found is not None else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return max(0, min([machine, *_rooms(proc, groups)]))


def _rooms(proc: Path, groups: Path) -> Iterator[int]:
    """What each group that the process is in, and each above it, has left."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "memory":  # version 1; in a container its own group is often mounted as the root
            yield from _each(groups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes")
        elif not controllers:
            yield from _each(groups, path, "memory.max", "memory.current")


def _each(root: Path, path: str, limit: str, usage: str) -> Iterator[int]:
    group = root / path.strip("/")
    while group.is_relative_to(root):
        most, used = _number(group / limit), _number(group / usage)
        if most is not None and used is not None:
            stat = _figures(group / "memory.stat")
            # Of what it has used, the kernel gives files that nobody reads back at once.
            yield most - used + stat.get("total_inactive_file", stat.get("inactive_file", 0))
        if group == root:
            return
        group = group.parent


def _number(path: Path) -> int | None:
    """None where there is none: no such file, or `max`."""
    text = _text(path).strip()
    return int(text) if re.fullmatch("[0-9]+", text) else None


def _figures(path: Path) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(?m)^(\w+):?\s+([0-9]+)", _text(path))}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
