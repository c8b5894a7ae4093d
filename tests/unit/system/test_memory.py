"""What is free of memory, as the kernel and the control groups tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gigctl.system.memory import available_memory

MIB = 2**20


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """4,000 MiB free, and a process in the groups of `put`."""
    put(tmp_path / "proc/meminfo", "MemTotal:  9000000 kB\nMemAvailable:    4096000 kB\nHugePages_Total: 0\n")
    return tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def available(machine: Path) -> int:
    return available_memory(machine / "proc", machine / "groups")


def test_the_machines(machine: Path) -> None:
    put(machine / "proc/self/cgroup", "0::/\n")
    assert available(machine) == 4_096_000 * 1024


def test_a_group_of_version_2_and_the_one_above_it(machine: Path) -> None:
    put(machine / "proc/self/cgroup", "0::/box/job\n")
    put(machine / "groups/box/job/memory.max", "max\n")
    put(machine / "groups/box/job/memory.current", "5\n")
    put(machine / "groups/box/memory.max", f"{1000 * MIB}\n")
    put(machine / "groups/box/memory.current", f"{700 * MIB}\n")
    put(machine / "groups/box/memory.stat", f"anon 1\ninactive_file {100 * MIB}\n")
    assert available(machine) == 400 * MIB


def test_a_group_of_version_1_that_is_mounted_as_the_root(machine: Path) -> None:
    put(machine / "proc/self/cgroup", "8:pids:/\n4:memory:/docker/abc\n0::/\n")
    put(machine / "groups/memory/memory.limit_in_bytes", f"{512 * MIB}\n")
    put(machine / "groups/memory/memory.usage_in_bytes", f"{500 * MIB}\n")
    put(machine / "groups/memory/memory.stat", f"inactive_file 1\ntotal_inactive_file {8 * MIB}\n")
    assert available(machine) == 20 * MIB


def test_a_full_group_has_nothing_left(machine: Path) -> None:
    put(machine / "proc/self/cgroup", "0::/box\n")
    put(machine / "groups/box/memory.max", "1000\n")
    put(machine / "groups/box/memory.current", "4000\n")
    assert available(machine) == 0


def test_without_an_estimate_half_of_what_the_machine_has(tmp_path: Path) -> None:
    assert available(tmp_path) > 100 * MIB
