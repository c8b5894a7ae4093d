"""Files in a folder of ours that somebody else names: never one outside it, by no link, `..` or race.

Each folder on the way is opened from the one before it, and none through a link.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

__all__ = ["Outside", "find_parts", "is_inside", "read_inside", "write_inside"]

LARGEST = 8 * 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Outside(Exception):
    """What was named is not in the folder, or no file there; in words."""


def find_parts(path: str, place: str) -> tuple[str, ...] | None:
    """The names on the way from `place` to an absolute `path` below it (a relative one begins there); None where it
    leads elsewhere, `..` included. Nothing is looked at."""
    pure = PurePosixPath(place) / path
    if "\0" in path or ".." in pure.parts or not pure.is_relative_to(place):
        return None
    return pure.relative_to(place).parts


def is_inside(root: Path, parts: Sequence[str]) -> bool:
    """Whether no link is on the way, as far as the way is there."""
    here = root
    for part in parts:
        here /= part
        if here.is_symlink():
            return False
        if not here.exists():
            return True
    return True


def read_inside(root: Path, parts: Sequence[str]) -> bytes:
    """A regular file's bytes. Raises Outside."""
    with _parent(root, parts, make=False) as (parent, name), _told(parts):
        # Not to wait for who writes into a pipe.
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        with os.fdopen(handle, "rb") as file:
            _refuse_odd(file.fileno(), parts)
            return file.read(LARGEST)


def write_inside(root: Path, parts: Sequence[str], data: bytes) -> None:
    """Write a regular file, with the folders on its way; its mode stays. Raises Outside."""
    with _parent(root, parts, make=True) as (parent, name), _told(parts):
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(name, flags, 0o644, dir_fd=parent)
        with os.fdopen(handle, "wb") as file:
            _refuse_odd(file.fileno(), parts, most_links=1)
            file.truncate(0)
            file.write(data)


@contextlib.contextmanager
def _parent(root: Path, parts: Sequence[str], *, make: bool) -> Iterator[tuple[int, str]]:
    if not parts:
        raise Outside("it names the folder itself")
    with contextlib.ExitStack() as stack, _told(parts):
        here = os.open(root, _FOLDER)
        stack.callback(os.close, here)
        for part in parts[:-1]:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=here)
            here = os.open(part, _FOLDER, dir_fd=here)
            stack.callback(os.close, here)
        yield here, parts[-1]


@contextlib.contextmanager
def _told(parts: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Outside(f"{'/'.join(parts)}: {error.strerror}") from None
    except ValueError as error:  # a NUL, half a character
        raise Outside(str(error)) from None


def _refuse_odd(handle: int, parts: Sequence[str], most_links: int | None = None) -> None:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise Outside(f"{'/'.join(parts)} is no regular file")
    if found.st_size > LARGEST:
        raise Outside(f"{'/'.join(parts)} is larger than {LARGEST // 2**20} MiB")
    if most_links is not None and found.st_nlink > most_links:
        raise Outside(f"{'/'.join(parts)} is also a file elsewhere")
