"""Bubblewrap around everything that runs code a model wrote: no network, no home, and an end to all that it uses.

Limits: time and output by `proc`; the size of files, core dumps and the memory of each process by rlimits; threads by
RLIMIT_NPROC, which the kernel counts in the sandbox's own user namespace (since Linux 5.14) but never enforces on real
root: a fork bomb had thousands before anybody could look. Root gets a control group, or no sandbox. A watch counts
once more, and adds up the memory.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.system import cgroup, proc
from gigctl.system.dialogue import Dialogue, converse
from gigctl.system.resolver import Visible, resolve
from gigctl.system.view import SOURCE, Policy, can_spread, view

__all__ = ["Missing", "Policy", "Sandbox", "converse_sandboxed", "find_sandbox", "probe", "run_sandboxed"]

_OLDEST = (0, 8)
"""The first bubblewrap that has --disable-userns."""
_TRUSTED_PATH = "/usr/bin:/usr/local/bin:/bin"
_INSTALL = "apt install bubblewrap (dnf, pacman and apk have it under the same name)"
_UNSAFE = "or run it unprotected with --unsafe-no-sandbox"
_COPY = 'cp -pPR "$0/." . || { echo "the tree does not fit into the sandbox" >&2; exit 125; }; exec "$@"'


class Sandbox(Struct, frozen=True):
    """One that was tried and works."""

    bwrap: str
    prlimit: str
    version: str


class Missing(Struct, frozen=True):
    """Why there is none, and how to get it."""

    reason: str
    hint: str


async def run_sandboxed(
    sandbox: Sandbox,
    argv: Sequence[str],
    *,
    tree: Path,
    policy: Policy,
    environ: Mapping[str, str],
    repository: Path | None = None,
    place: Path | None = None,
    prepared: Path | None = None,
    stdin: bytes = b"",
    through: Sequence[str] = (),
) -> proc.Finished:
    """Run a command on `tree` (a folder of ours), which takes the place of the client's `repository`, or just its
    `place`, without what is installed beside it.

    `prepared` has dependencies that go before the repository's own. `environ` is the caller's: its PATH finds the
    command, and nothing else of it but names of installed tools is seen inside. Raises ProgramError where the command
    is not there, PolicyError where it asks for what is hidden.
    """
    with _inside(sandbox, argv, tree, policy, environ, repository, through, place, prepared) as (words, fds):
        return await proc.run_async(
            words,
            stdin=stdin,
            cwd=Path("/"),
            env={},
            timeout=policy.seconds,
            limit=policy.output,
            pass_fds=fds,
            watch=functools.partial(_over_limit, policy),
        )


@contextlib.asynccontextmanager
async def converse_sandboxed(
    sandbox: Sandbox,
    argv: Sequence[str],
    *,
    tree: Path,
    policy: Policy,
    environ: Mapping[str, str],
    through: Sequence[str] = (),
) -> AsyncIterator[Dialogue]:
    """Talk with a command in the sandbox, as `run_sandboxed` runs one. It is the caller who ends it in time:
    `policy.seconds` only bounds its CPU."""
    with _inside(sandbox, argv, tree, policy, environ, None, through) as (words, fds):
        async with converse(
            words,
            cwd=Path("/"),
            env={},
            limit=policy.output,
            pass_fds=fds,
            watch=functools.partial(_over_limit, policy),
        ) as talk:
            yield talk


@contextlib.contextmanager
def _inside(
    sandbox: Sandbox,
    argv: Sequence[str],
    tree: Path,
    policy: Policy,
    environ: Mapping[str, str],
    repository: Path | None,
    through: Sequence[str],
    place: Path | None = None,
    prepared: Path | None = None,
) -> Iterator[tuple[list[str], list[int]]]:
    """The command line that runs `argv` inside, started by the command `through` where there is one."""
    tree, repository = _real(tree), None if repository is None else _real(repository)
    seen = resolve(argv, environ, tree=tree, repository=repository, prepared=prepared)
    if through:
        also = resolve(through, environ, tree=tree).shown
        seen = replace(seen, shown=tuple(dict.fromkeys((*seen.shown, *also))))
    whole = [*through, *argv]
    if policy.tree == "read" and not can_spread(tree, seen):
        policy = replace(policy, tree="scratch")
    with (
        _points(tree, seen, policy),
        _command(sandbox, whole, policy, seen, tree, place or repository, environ) as made,
    ):
        yield made


@functools.cache
def find_sandbox() -> Sandbox | Missing:
    """The machine's sandbox, really tried, once per process."""
    return probe()


def probe() -> Sandbox | Missing:
    """Try a whole sandbox now: what works, or what is missing and how to get it."""
    if not sys.platform.startswith("linux"):
        return Missing("there is no sandbox for this system", f"use gigctl in a Linux machine or container, {_UNSAFE}")
    bwrap, prlimit = (shutil.which(name, path=_TRUSTED_PATH) for name in ("bwrap", "prlimit"))
    if bwrap is None:
        return Missing("bubblewrap is not installed", f"{_INSTALL}, {_UNSAFE}")
    if prlimit is None:
        return Missing("prlimit is not installed", f"apt install util-linux, {_UNSAFE}")
    version = proc.run([bwrap, "--version"], timeout=10).text.strip().removeprefix("bubblewrap ")
    if cgroup.is_needed() and not cgroup.is_possible():
        return Missing("the processes of root can't be capped here", f"use gigctl as an ordinary user, {_UNSAFE}")
    if _number(version) < _OLDEST:
        return Missing(f"bubblewrap {version} is too old: 0.8 or later is needed", f"{_INSTALL}, {_UNSAFE}")
    return _try(Sandbox(bwrap, prlimit, version))


def _try(sandbox: Sandbox) -> Sandbox | Missing:
    seen = Visible((), (), _TRUSTED_PATH)
    policy = Policy(tree="read")
    with _command(sandbox, ["true"], policy, seen, Path("/usr"), None, {}) as (words, fds):
        tried = proc.run(words, cwd=Path("/"), env={}, timeout=30, pass_fds=fds)
    if tried.ok:
        return sandbox
    said = " ".join(tried.stderr.decode("utf-8", "replace").split())[-300:]
    return Missing(f"bubblewrap does not work here: {said or f'exit {tried.code}'}", f"{_way_out(_sysctl)}, {_UNSAFE}")


def _way_out(sysctl: Callable[[str], str | None]) -> str:
    """What usually forbids it, most telling first."""
    if sysctl("kernel/unprivileged_userns_clone") == "0":
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if sysctl("user/max_user_namespaces") == "0":
        return "sudo sysctl -w user.max_user_namespaces=15000"
    if sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "Ubuntu's AppArmor forbids it: sudo apt install apparmor-profiles, "
            "and load its profile bwrap-userns-restrict (sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict)"
        )
    return (
        "user namespaces must be allowed; in a container: "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
    )


def _sysctl(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None


def _real(path: Path) -> Path:
    return path.resolve()


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version)[:2])


@contextlib.contextmanager
def _command(
    sandbox: Sandbox,
    argv: Sequence[str],
    policy: Policy,
    seen: Visible,
    tree: Path,
    repository: Path | None,
    environ: Mapping[str, str],
) -> Iterator[tuple[list[str], list[int]]]:
    """The command line, and the descriptors that go with it. Arguments travel in one of them: `ps` shows no secret."""
    words, texts = view(policy, seen, tree=tree, repository=repository, environ=environ)
    with contextlib.ExitStack() as stack:
        descriptors = []
        for path, text in texts.items():
            descriptors.append(stack.enter_context(_descriptor(text.encode())))
            words = ["--perms", "0444", "--file", str(descriptors[-1]), path, *words]
        arguments = b"".join(os.fsencode(word) + b"\0" for word in words)
        descriptors.append(stack.enter_context(_descriptor(arguments)))
        inside = [sandbox.prlimit, *_limits(policy), "--", *argv]
        if policy.tree == "scratch":
            inside = ["/bin/sh", "-c", _COPY, str(SOURCE), *inside]
        entering = stack.enter_context(_grouped(policy))
        yield [*entering, sandbox.bwrap, "--args", str(descriptors[-1]), "--", *inside], descriptors


def _grouped(policy: Policy) -> contextlib.AbstractContextManager[list[str]]:
    if not cgroup.is_needed():
        return contextlib.nullcontext([])
    # What lies in the folders in memory is counted there as well.
    return cgroup.capped(processes=policy.processes + _OWN, memory=policy.memory + policy.disk)


def _limits(policy: Policy) -> list[str]:
    # RLIMIT_DATA, for RLIMIT_AS breaks WebAssembly in Node. CPU time is a second net under the time limit.
    cpu = int(policy.seconds * (os.cpu_count() or 1)) + 1
    words = [f"--data={policy.memory}", f"--fsize={policy.disk}", "--core=0", f"--cpu={cpu}"]
    return [*words, f"--nproc={policy.processes}"] if _kernel() >= (5, 14) else words


def _kernel() -> tuple[int, ...]:
    return _number(os.uname().release)


@contextlib.contextmanager
def _descriptor(data: bytes) -> Iterator[int]:
    handle = os.memfd_create("gigctl")
    try:
        with open(handle, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _points(tree: Path, seen: Visible, policy: Policy) -> Iterator[None]:
    """Empty folders in a tree of its own that a program writes to, on which its dependencies are mounted."""
    made: list[Path] = []
    try:
        if policy.tree == "write":
            for name, _ in seen.dependencies:
                made.append(tree / name)
                made[-1].mkdir(parents=True)
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _over_limit(policy: Policy, pid: int) -> str | None:
    """Why the processes below `pid` must end, None where they may go on."""
    count = memory = 0
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        with contextlib.suppress(OSError):
            threads = [thread.name for thread in Path(f"/proc/{process}/task").iterdir()]
            count += len(threads)
            memory += _private_bytes(process)
            for thread in threads:
                waiting += map(int, Path(f"/proc/{process}/task/{thread}/children").read_text().split())
        # Twice, for it is a second net, and processes come and go while they are counted.
        if count > 2 * policy.processes + _OWN:
            return f"more than {policy.processes} processes"
    return f"more than {policy.memory // 2**20} MiB of memory" if memory > policy.memory else None


_OWN = 2
"""Bubblewrap outside, and its first process inside."""


def _private_bytes(pid: int) -> int:
    _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
