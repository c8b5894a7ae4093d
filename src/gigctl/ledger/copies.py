"""Copies of a ledger's file: whole ones, that nobody else can read, under a temporary name until they are done."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from gigctl.system import clock

BACKUPS = "backups"
"""The folder beside the ledger that backups go to."""


def private_file(beside: Path) -> Path:
    """A new empty file that only its user can read, before any material is in it."""
    part = beside.with_name(f".{beside.name}.{os.urandom(4).hex()}")
    part.touch(0o600, exist_ok=False)
    return part


def copy_database(source: sqlite3.Connection, beside: Path, journal_mode: str) -> Path:
    """A whole copy through SQLite's own backup, under a temporary name beside `beside`; its path."""
    part = private_file(beside)
    copy = sqlite3.connect(part, isolation_level=None)
    try:
        source.backup(copy)
        copy.execute(f"PRAGMA journal_mode={journal_mode}")
    except BaseException:
        copy.close()
        part.unlink()
        raise
    copy.close()
    return part


def backup_path(path: Path, why: str) -> Path:
    """Where a backup goes that is made before something is done to the ledger."""
    stamp = clock.now().strftime("%Y%m%dT%H%M%S%fZ")
    return path.parent / BACKUPS / f"{path.stem}-{why}-{stamp}.sqlite"


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
