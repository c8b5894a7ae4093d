"""Locks by `flock`: the kernel lets go of them when their holder dies, however it dies, so no clock decides."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from gigctl.errors import TemporaryError

__all__ = ["Lock", "exclusive", "hold", "is_free"]

_POLL = 0.02


class Lock:
    """A lock that is held until `release`, or until the process ends. Close-on-exec: no child keeps it."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle: int | None = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def hold(path: Path, *, timeout: float = 0.0, shared: bool = False) -> Lock:
    """The lock of a file, which is made where it is not there. Raises TemporaryError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while (lock := _try(path, shared)) is None:
        if time.monotonic() >= deadline:
            raise TemporaryError(f"{path} is held by another gigctl", "try again when it is done")
        time.sleep(_POLL)
    return lock


def _try(path: Path, shared: bool) -> Lock | None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return Lock(path, handle)


@contextlib.contextmanager
def exclusive(path: Path, *, timeout: float = 0.0) -> Iterator[None]:
    """The lock for the length of a block. The file stays: to unlink it would let two hold "the" lock."""
    lock = hold(path, timeout=timeout)
    try:
        yield
    finally:
        lock.release()


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock; True where there is no such file."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
