"""What a sandboxed program sees: the mounts, small files and variables, in bubblewrap's words."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from gigctl.errors import PolicyError
from gigctl.system.resolver import SYSTEM, Visible

__all__ = ["Policy", "can_spread", "place_of", "view"]

MIB = 1024 * 1024
FALLBACK = Path("/tree")
"""Where the tree appears when it can't take its repository's place."""
SOURCE = Path("/run/tree")
"""Where a scratch tree is copied from."""
BESIDE = Path("/run/beside")
"""Where folders of dependencies are mounted that their tree has links to."""
_CACHES = frozenset({".vite", ".vite-temp", ".vitest", ".cache"})
_FALLBACK_HOME = Path("/home/gig")
_MOST_LINKS = 2_000
_MOST_ENTRIES = 1_000
"""Mounts of single entries, of which bubblewrap takes less than three thousand."""

_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "protocols", "services",
        "timezone")  # fmt: skip
_ETC_NETWORK = ("ca-certificates", "crypto-policies", "hosts", "pki", "resolv.conf", "ssl")
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"
_HOSTNAME = "sandbox"
_HOSTS = f"127.0.0.1 localhost {_HOSTNAME}\n::1 localhost\n"


class Policy(Struct, frozen=True):
    """What a program may see and use.

    `tree`: `scratch` is a copy in memory that is gone afterwards, `write` lets it change the tree itself, `read` lets
    it change nothing. `memory` is in bytes, for all its processes together and for each; `processes` counts threads
    too; `output` is bytes of each stream; `disk` is bytes of each writable folder in memory and of any file.
    `readable`, `writable` and `sockets` appear at their own place; `home` is a folder that takes the place of the empty
    home. `never` is hidden whatever else is asked for.
    """

    network: bool = False
    seconds: float = 60.0
    memory: int = 2048 * MIB
    processes: int = 256
    output: int = MIB
    disk: int = 512 * MIB
    tree: Literal["scratch", "write", "read"] = "scratch"
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    sockets: tuple[Path, ...] = ()
    home: Path | None = None
    never: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


class _Mount(Struct, frozen=True):
    where: Path
    words: tuple[str, ...]
    source: Path | None = None


def place_of(repository: Path | None, home: Path) -> Path:
    """Where the tree appears: in its repository's place, so that absolute paths in its environments still fit."""
    if repository is None:
        return FALLBACK
    fixed = (*SYSTEM, home, Path("/proc"), Path("/dev/shm"), Path("/tmp"), Path("/etc"), Path("/run"))  # noqa: S108
    covers = any(place.is_relative_to(repository) for place in fixed)
    odd = any(repository.is_relative_to(place) for place in ("/proc", "/dev", "/sys", "/etc", "/run"))
    return FALLBACK if covers or odd else repository


def home_of(environ: Mapping[str, str]) -> Path:
    """The caller's home, of which only the name is kept: an empty folder, so that tools look where they are."""
    home = Path(environ.get("HOME") or _FALLBACK_HOME)
    usable = home.is_absolute() and len(home.parts) > 1 and not any(home.is_relative_to(place) for place in SYSTEM)
    return home if usable else _FALLBACK_HOME


def view(
    policy: Policy, seen: Visible, *, tree: Path, repository: Path | None, environ: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Bubblewrap's arguments, and the texts that become files (path → text).

    Raises PolicyError where what must never be seen was asked for by name.
    """
    home = home_of(environ)
    place = place_of(repository, home)
    mounts = [*_base(policy, home), *_tree(policy, seen, tree, place)]
    mounts += [_bind("--ro-bind", path) for path in (*seen.shown, *policy.readable)]
    mounts += [_bind("--bind", path) for path in (*policy.writable, *policy.sockets)]
    mounts += _dependencies(policy, seen, place)
    mounts += [_bind("--ro-bind", real, home / name) for name, real in seen.at_home]
    mounts += _masks(policy, mounts, tree)
    # What is nearer to the root is mounted first, or it would hide what lies below; masks come after their equals.
    mounts.sort(key=lambda mount: len(mount.where.parts))
    words = [word for mount in mounts for word in mount.words]
    words += [*_variables(policy, seen, home, environ), "--chdir", str(place)]
    # /proc too: to the kernel root stays the owner of its settings, though inside it is somebody else.
    spread = [str(place)] if _is_spread(policy, seen) else []
    sealed = [word for where in (*spread, "/proc", "/dev", "/") for word in ("--remount-ro", where)]
    return [*_isolation(policy), *words, *sealed], _texts(policy, home)


def _isolation(policy: Policy) -> list[str]:
    # Root is mapped to an ordinary user: tests of permissions mean something, and no file of root's can be chowned.
    identity = str(os.getuid() or 1000), str(os.getgid() or 1000)
    words = ["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"]
    words += ["--uid", identity[0], "--gid", identity[1], "--hostname", _HOSTNAME]
    return [*words, "--share-net"] if policy.network else words


def _base(policy: Policy, home: Path) -> Iterator[_Mount]:
    for path in SYSTEM:
        if path.is_symlink():  # /bin → usr/bin
            yield _Mount(path, ("--symlink", str(path.readlink()), str(path)))
        elif path.is_dir():
            yield _bind("--ro-bind", path)
    for name in (*_ETC, *(_ETC_NETWORK if policy.network else ("ssl/openssl.cnf",))):
        if (path := Path("/etc", name)).exists():
            yield _bind("--ro-bind", path)
    yield _Mount(Path("/proc"), ("--proc", "/proc"))
    yield _Mount(Path("/dev"), ("--dev", "/dev"))
    for path, mode in ((Path("/dev/shm"), "1777"), (Path("/tmp"), "1777"), (home, "0700")):  # noqa: S108
        if path == home and policy.home is not None:
            yield _bind("--bind", policy.home, home)
        else:
            yield _Mount(path, ("--perms", mode, "--size", str(policy.disk), "--tmpfs", str(path)))
    yield _Mount(Path("/var/tmp"), ("--symlink", "/tmp", "/var/tmp"))  # noqa: S108


def can_spread(tree: Path, seen: Visible) -> bool:
    """Whether a tree that is only read can be shown entry by entry."""
    return sum(1 for _ in _entries(tree, _above(seen))) <= _MOST_ENTRIES


def _is_spread(policy: Policy, seen: Visible) -> bool:
    """A tree that several programs read at once takes no folder on which one's dependencies could be mounted: its
    entries are mounted in a folder in memory instead."""
    return policy.tree == "read" and bool(seen.dependencies)


def _above(seen: Visible) -> frozenset[str]:
    """The folders of the tree in which dependencies lie, the tree itself (`.`) among them."""
    return frozenset(str(folder) for name, _ in seen.dependencies for folder in Path(name).parents)


def _entries(tree: Path, above: frozenset[str], folder: str = ".") -> Iterator[Path]:
    """What is mounted as it stands, relative to the tree: all of a folder in which no dependencies lie."""
    with os.scandir(tree / folder) as found:
        for entry in found:
            path = os.path.normpath(Path(folder, entry.name))
            if path in above and entry.is_dir(follow_symlinks=False):
                yield from _entries(tree, above, path)
            else:
                yield Path(path)


def _tree(policy: Policy, seen: Visible, tree: Path, place: Path) -> Iterator[_Mount]:
    in_memory = _Mount(place, ("--perms", "0755", "--size", str(policy.disk), "--tmpfs", str(place)))
    if policy.tree == "scratch":
        yield in_memory
        yield _bind("--ro-bind", tree, SOURCE)
    elif _is_spread(policy, seen):
        yield in_memory
        for path in _entries(tree, _above(seen)):
            real, where = tree / path, place / path
            if real.is_symlink():
                yield _Mount(where, ("--symlink", str(real.readlink()), str(where)))
            else:
                yield _bind("--ro-bind", real, where)
    else:
        yield _bind("--bind" if policy.tree == "write" else "--ro-bind", tree, place)


def _dependencies(policy: Policy, seen: Visible, place: Path) -> Iterator[_Mount]:
    """What is installed beside the repository, read-only. Vite keeps what it made of its settings in there, and does
    without only where that is forbidden, which a place that is read-only is not: it gets a folder of links."""
    for number, (name, real) in enumerate(seen.dependencies):
        links = _links(real) if policy.tree != "read" and (real / "vite" / "package.json").exists() else {}
        if not links or len(links) > _MOST_LINKS:
            yield _bind("--ro-bind", real, place / name)
            continue
        source = BESIDE / str(number) / real.name  # Node looks for what a package needs in folders of that name
        yield _bind("--ro-bind", real, source)
        yield _Mount(place / name, ("--perms", "0755", "--size", str(policy.disk), "--tmpfs", str(place / name)))
        for link, target in links.items():
            where = str(place / name / link)
            yield _Mount(place / name / link, ("--symlink", target or str(source / link), where))


def _links(real: Path) -> dict[str, str]:
    """A folder's entries, and where a link among them leads that leaves the folder: to a package of a workspace."""
    found = {}
    for entry in sorted(real.iterdir()):
        inner = sorted(entry.iterdir()) if entry.name.startswith("@") and entry.is_dir() else [entry]
        for one in inner:
            target = str(one.readlink()) if one.is_symlink() else ""
            leaves = not Path(os.path.normpath(one.parent / target)).is_relative_to(real)
            found[str(one.relative_to(real))] = target if leaves else ""
    return {link: target for link, target in found.items() if link not in _CACHES}


def _bind(how: str, source: Path, where: Path | None = None) -> _Mount:
    where = where or source
    return _Mount(where, (how, str(source), str(where)), source)


def _masks(policy: Policy, mounts: list[_Mount], tree: Path) -> list[_Mount]:
    """An empty place over each hidden path that a mount would show. The tree itself is ours to give."""
    masks = []
    for hidden in {path.resolve() for path in policy.never}:
        for mount in mounts:
            if mount.source is None or mount.source == tree:
                continue
            real = mount.source.resolve()
            if real.is_relative_to(hidden) and mount.source not in policy.sockets:
                raise PolicyError(f"{mount.source} is gigctl's own data, which no program may see")
            if hidden.is_relative_to(real) and hidden.exists():
                where = mount.where / hidden.relative_to(real)
                empty = ("--tmpfs", str(where)) if hidden.is_dir() else ("--ro-bind", "/dev/null", str(where))
                seal = ("--remount-ro", str(where)) if hidden.is_dir() else ()
                masks.append(_Mount(where, (*empty, *seal)))
    return masks


def _variables(policy: Policy, seen: Visible, home: Path, environ: Mapping[str, str]) -> list[str]:
    values = {
        **seen.variables,
        "PATH": f"{home}/.local/bin:{seen.search_path}" if seen.at_home else seen.search_path,
        "HOME": str(home),
        "TMPDIR": "/tmp",  # noqa: S108
        "LANG": "C.UTF-8",
        "TZ": environ.get("TZ") or "UTC",
        **policy.env,
    }
    return [word for name, value in values.items() for word in ("--setenv", name, value)]


def _texts(policy: Policy, home: Path) -> dict[str, str]:
    uid, gid = os.getuid() or 1000, os.getgid() or 1000
    texts = {
        "/etc/passwd": f"gig:x:{uid}:{gid}:gig:{home}:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
        "/etc/group": f"gig:x:{gid}:\nnogroup:x:65534:\n",
        "/etc/nsswitch.conf": _NSSWITCH,
    }
    return texts if policy.network and Path("/etc/hosts").exists() else {**texts, "/etc/hosts": _HOSTS}
