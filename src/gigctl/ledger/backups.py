"""Whole copies of the ledger: which there are, what they still hold, and putting one back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct

from gigctl.errors import LedgerError, TemporaryError, UsageError
from gigctl.ledger import copies
from gigctl.ledger.opening import AS_EVER, FILE_NAME, Opening, check_version, connect, list_held, migrate
from gigctl.ledger.refusals import as_ledger_errors
from gigctl.ledger.store import Ledger
from gigctl.ledger.verify import check_ledger
from gigctl.system import clock, locks
from gigctl.system.files import NAME_KEPT

LOCK_SECONDS = 5.0
"""How long a restore waits until nobody has the ledger open."""


class Restored(Struct, frozen=True):
    """`kept` is where the ledger that was there before is now (None: there was none)."""

    path: Path
    ledger_id: str
    kept: Path | None


@contextmanager
def making(folder: Path, target: Path) -> Iterator[None]:
    """For as long as a backup is made: takes away first what killed ones have left beside it, where no other is being
    made from this folder. Where the folder can't be written nobody can tell, and nothing is taken away."""
    lock = folder / "backup.lock"
    try:
        with locks.exclusive(lock):
            _clear_left(target)
    except TemporaryError:
        pass  # one is being made, and clears nothing of ours
    except OSError:
        yield
        return
    held = locks.hold(lock, shared=True, timeout=LOCK_SECONDS)
    try:
        yield
    finally:
        held.release()


def _clear_left(target: Path) -> None:
    """The temporary files of backups under the same name, or under a name that only `ledger backup` gives."""
    names = rf"(?:{re.escape(target.name)}|ledger-\d{{8}}T\d{{6}}Z\.sqlite)"
    trees = rf"(?:{names}\.trees|{re.escape(f'{target.name}.trees'[:NAME_KEPT])})"
    ours = re.compile(rf"\.(?:{names}\.[0-9a-f]{{8}}(?:-journal|-wal|-shm)?|{trees}\.[a-z0-9_]{{8}})")
    for path in target.parent.iterdir() if target.parent.is_dir() else ():
        if ours.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)


@contextmanager
def reading_only(path: Path) -> Iterator[Ledger]:
    """The ledger in a folder that can't be written, where SQLite can't make what it shares with others: as the file is,
    or together with the log that was left beside it."""
    log = Path(f"{path}-wal")
    how = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    with as_ledger_errors(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=LOCK_SECONDS)
        with closing(connection):
            yield Ledger(path, connection, clock.now)


def holds_material(backup: Path, ledger_id: str, client: int, gig: int = 0) -> bool:
    """Whether a copy of this very ledger still has content of a client (or of one gig)."""
    try:
        with closing(_open_copy(backup)) as connection:
            if connection.execute("SELECT id FROM ledger").fetchone()[0] != ledger_id:
                return False
            found = connection.execute(
                "SELECT 1 FROM blob_client JOIN blob USING (sha256) WHERE client = ?1 AND (?2 = 0 OR gig = ?2)"
                " AND data IS NOT NULL LIMIT 1",
                (client, gig),
            ).fetchone()
    except sqlite3.Error:
        return False
    return found is not None


def restore(folder: Path, backup: Path, *, patience: float = LOCK_SECONDS, opening: Opening = AS_EVER) -> Restored:
    """Puts a backup in the ledger's place, after it was found whole; what was there is kept as a backup.

    Raises UsageError for no such file, LedgerError for one that is no whole ledger of a known version, TemporaryError
    while the ledger is in use.
    """
    path = folder / FILE_NAME
    if not backup.is_file() or (path.exists() and backup.samefile(path)):
        raise UsageError(f"{backup} is no backup", f"ls {folder / copies.BACKUPS}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with as_ledger_errors(backup), closing(_open_copy(backup)) as connection:
        check_version(backup, connection, opening)
        part = copies.copy_database(connection, path, "WAL")
    try:
        ledger_id = _check_copy(part, backup, opening)
        with locks.exclusive(folder / "ledger.lock", timeout=patience), as_ledger_errors(path):
            kept = _replace(path, part, copies.backup_path(path, "replaced"), patience)
    finally:
        for ending in ("", "-wal", "-shm"):
            Path(f"{part}{ending}").unlink(missing_ok=True)
    return Restored(path, ledger_id, kept)


def _open_copy(backup: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{backup.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_SECONDS)


def _check_copy(part: Path, backup: Path, opening: Opening) -> str:
    """The id of a copy that is whole, brought up to date. Raises LedgerError."""
    with as_ledger_errors(backup):
        connection = connect(part)
        try:
            migrate(connection, opening)
            ledger = Ledger(part, connection, clock.now)
            wrong = check_ledger(ledger)
        finally:
            connection.close()
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise LedgerError(f"{backup} is damaged: {wrong[0]}{more}", "restore an older backup")
    return ledger.id


def _replace(path: Path, part: Path, keep: Path, patience: float) -> Path | None:
    """The copy takes the ledger's name while nobody can have the old one open."""
    if alive := list_held(path.parent / "runs"):
        raise TemporaryError(f"run {alive[0]} is at work", "stop it, or wait until it has ended")
    if not path.exists():
        part.rename(path)
        copies.sync_folder(path.parent)
        return None
    keep.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(path, patience) as connection:
        if connection is None:
            _set_aside(path, keep)
        else:
            copies.copy_database(connection, keep, "DELETE").rename(keep)
        part.rename(path)
        copies.sync_folder(path.parent)
    return keep


@contextmanager
def _alone(path: Path, patience: float) -> Iterator[sqlite3.Connection | None]:
    """The present ledger, with nobody else in it until the end of the block; None where it is no database any more."""
    connection = None
    try:
        if path.stat().st_size:
            connection = _lock(path, patience)
        yield connection
    finally:
        if connection is not None:
            connection.close()


def _lock(path: Path, patience: float) -> sqlite3.Connection | None:
    """Leaving WAL needs the file for oneself, and takes the log away; the lock stays until the connection closes."""
    connection = None
    try:
        connection = connect(path, patience)
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if "locked" in str(error) or "busy" in str(error):
            raise TemporaryError(f"another gigctl has {path} open", "end it, and try again") from error
        return None
    return connection


def _set_aside(path: Path, keep: Path) -> None:
    """A damaged file can't be copied: it is moved with its log, as it is."""
    for ending in ("-wal", "-shm", ""):
        old = Path(f"{path}{ending}")
        if old.exists():
            old.rename(f"{keep}{ending}")
