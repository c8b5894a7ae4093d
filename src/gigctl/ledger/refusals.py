"""What SQLite and the disk refuse, in words of ours that say the way out."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gigctl.errors import DiskFull, LedgerError, TemporaryError

__all__ = ["as_ledger_errors"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
_PROBE = b"\0" * 65536
"""As much as SQLite's log or its index wants at once (32 KiB, and a page or two)."""
_WRITABLE = "make the folder writable, or set GIGCTL_DATA_DIR to one that is"
_ELSEWHERE = "name another place (GIGCTL_HOME: for all of gigctl's files)"
_WAYS_OUT = {
    "readonly": _WRITABLE,
    "unable to open": _WRITABLE,
    "malformed": "gigctl ledger restore BACKUP",
    "not a database": "gigctl ledger restore BACKUP",
    "disk I/O": "look at the disk, then gigctl ledger verify",
}


@contextlib.contextmanager
def as_ledger_errors(path: Path) -> Iterator[None]:
    """SQLite's words for what a user can mend become ours. Raises LedgerError, DiskFull, TemporaryError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        told = _told(path, error)
        if told is None:
            raise
        raise told from error
    except UnicodeDecodeError as error:  # SQLite tells of a damaged name with the damage itself
        raise LedgerError(f"{path} is damaged", _WAYS_OUT["malformed"]) from error
    except PermissionError as error:
        raise LedgerError(f"{error.filename or path} can't be written", _WRITABLE) from error
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull.at(path) from error
        if error.errno == errno.EROFS:
            raise LedgerError(f"{path}: the file system is read-only", _WRITABLE) from error
        if error.errno in _NO_PLACE:
            raise LedgerError(
                f"{path} can't be made: {error.strerror}", "name another place (GIGCTL_HOME: for all of gigctl's files)"
            ) from error
        raise


def _told(path: Path, error: sqlite3.DatabaseError) -> LedgerError | TemporaryError | None:
    text = str(error)
    if isinstance(error, sqlite3.OperationalError) and ("locked" in text or "busy" in text):
        return TemporaryError(f"{path} is busy: another gigctl holds it", "try again")
    if _is_full(path, error):
        return DiskFull.at(path)
    hint = next((way for word, way in _WAYS_OUT.items() if word in text), None)
    return None if hint is None else LedgerError(f"{path}: {text}", hint)


def _is_full(path: Path, error: sqlite3.DatabaseError) -> bool:
    """SQLite says "full" of a database's own pages alone: where its log, the log's index or a new file finds no room,
    it says "disk I/O error" or "unable to open", so that the disk itself is asked."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return True
    return code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and not _has_room(path.parent)


def _has_room(folder: Path) -> bool:
    """Whether a few pages can be written there. A quota and a lack of inodes show only when it is tried."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_PROBE)
            file.flush()
    except OSError as error:
        return error.errno not in _NO_ROOM
    return True
