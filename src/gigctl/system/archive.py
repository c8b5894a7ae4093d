"""What a folder or a zip holds, read with distrust, and a zip that is the same bytes whenever it is made of the same.

Nothing is unpacked: names are looked at, bytes are hashed, each file read no further than it may be long.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from msgspec import Struct

from gigctl.errors import UsageError
from gigctl.system.files import why_unsafe

__all__ = ["Archive", "Held", "NotReadable", "collisions", "open_archive", "open_files", "zip_bytes"]

_CHUNK = 1 << 20
_MOST_ENTRIES = 1_000_000
_BEGINNING_OF_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can say: a delivery's time stands in its manifest."""


class NotReadable(Exception):
    """A file that can't be read as it should; the message says why, in half a sentence."""


class Held(Struct, frozen=True):
    """One entry. `odd` says, in half a sentence, why it is none that a delivery has; None for a plain file."""

    executable: bool = False
    odd: str | None = None


class Archive(Protocol):
    """A folder or a zip: `held` is everything in it by path."""

    @property
    def held(self) -> Mapping[str, Held]: ...

    def digest(self, path: str, most: int) -> tuple[str, int]:
        """SHA-256 (hex) and length of a file, reading at most one byte past `most`. Raises NotReadable."""
        ...

    def read(self, path: str, most: int) -> bytes:
        """A file's bytes. Raises NotReadable, also where there are more than `most`."""
        ...


def open_archive(path: Path) -> Archive:
    """Raises UsageError where there is nothing, NotReadable where it is neither a folder nor a zip."""
    if path.is_dir():
        return _Folder(path)
    if not path.exists():
        raise UsageError(f"there is no {path}", "name the folder or the zip that was delivered")
    if not path.is_file():
        raise NotReadable("it is neither a folder nor a zip")
    return _Zip(path)


def open_files(folder: Path, names: Sequence[str]) -> Archive:
    """Of a folder the files of these names that are there, and nothing else."""
    return _Files(folder, names)


def _digested(file: IO[bytes], most: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while size <= most and (block := file.read(min(_CHUNK, most + 1 - size))):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def _capped(file: IO[bytes], most: int) -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        raise NotReadable(f"has more than {most} bytes")
    return data


# --- a folder ---


class _Folder:
    """No link is followed below the folder itself, and no file opened that is none."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self.held = dict(self._walk(os.fsencode(root), ""))
        except OSError as error:
            raise NotReadable(f"can't be read: {error.strerror}") from error

    def _walk(self, folder: bytes, prefix: str) -> Iterator[tuple[str, Held]]:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        if not entries and prefix:
            yield prefix.rstrip("/"), Held(odd="is an empty folder")
        for entry in entries:
            path = prefix + entry.name.decode("utf-8", "surrogateescape")
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path, f"{path}/")
            else:
                yield path, _held(entry.stat(follow_symlinks=False))

    def digest(self, path: str, most: int) -> tuple[str, int]:
        with self._open(path) as file:
            return _digested(file, most)

    def read(self, path: str, most: int) -> bytes:
        with self._open(path) as file:
            return _capped(file, most)

    def _open(self, path: str) -> IO[bytes]:
        place = os.path.join(os.fsencode(self._root), path.encode("utf-8", "surrogateescape"))  # noqa: PTH118  # bytes
        try:
            handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise NotReadable(f"can't be read: {error.strerror}") from error
        return os.fdopen(handle, "rb")


class _Files(_Folder):
    """Single files of a folder in which others may lie."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self._root = root
        self.held: dict[str, Held] = {}
        for name in names:
            with contextlib.suppress(OSError):  # it is not there, or no file can be called so
                self.held[name] = _held(os.lstat(root / name))


def _held(status: os.stat_result) -> Held:
    executable = bool(status.st_mode & stat.S_IXUSR)
    if stat.S_ISLNK(status.st_mode):
        return Held(odd="is a link")
    if not stat.S_ISREG(status.st_mode):
        return Held(odd="is no file")
    if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
        return Held(executable, "would run as somebody else")
    return Held(executable)


# --- a zip ---


class _Zip:
    """Entries that a delivery has: plain files, each name once, no folders, nothing before the first."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                if file.read(4) != b"PK\x03\x04":
                    raise NotReadable("it is neither a folder nor a zip")
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise NotReadable(f"can't be read as a zip: {error}") from error
        infos = self._zip.infolist()
        if len(infos) > _MOST_ENTRIES:
            raise NotReadable(f"has more than {_MOST_ENTRIES} entries")
        self._infos = {info.filename: info for info in infos}
        self.held = {info.filename: _held_in_zip(info) for info in infos}
        names = [info.orig_filename for info in infos]
        twice = {name for name in self._infos if names.count(name) > 1} if len(names) > len(self._infos) else set()
        self.held |= {name: Held(odd="is in the zip twice") for name in twice}
        if self._zip.comment:
            self.held["(comment)"] = Held(odd="is no part of a delivery")
        elif not (any(held.odd for held in self.held.values()) or _is_as_written(path, infos)):
            self.held["(zip)"] = Held(odd="was changed beside its files: unpack it to look at them alone")

    def digest(self, path: str, most: int) -> tuple[str, int]:
        try:
            with self._open(path) as file:
                digest, size = _digested(file, most)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise NotReadable(f"is damaged: {error}") from error
        if size <= most and size != self._infos[path].file_size:  # the larger sizes are told, the less is looked at
            raise NotReadable(f"is damaged: it is listed with {self._infos[path].file_size} bytes")
        return digest, size

    def read(self, path: str, most: int) -> bytes:
        try:
            with self._open(path) as file:
                return _capped(file, most)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise NotReadable(f"is damaged: {error}") from error

    def _open(self, path: str) -> IO[bytes]:
        try:
            return self._zip.open(self._infos[path])
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:  # encrypted, an odd method, damaged
            raise NotReadable(f"can't be read: {error}") from error
        except UnicodeDecodeError as error:
            raise NotReadable("is damaged: its name is another one where its bytes are") from error


def _held_in_zip(info: zipfile.ZipInfo) -> Held:
    mode = info.external_attr >> 16
    executable = bool(mode & stat.S_IXUSR)
    if "\0" in info.orig_filename or info.orig_filename != info.filename:
        return Held(odd="has a name that is not what it seems")
    if why := why_unsafe(info.filename):
        return Held(odd=f"has a name that must not be: {why}")
    if stat.S_IFMT(mode) and not stat.S_ISREG(mode):  # none: a zip from a system that has no modes
        return Held(odd="is a link" if stat.S_ISLNK(mode) else "is no file")
    if info.extra or info.comment:
        return Held(executable, "says more than a delivery's entry")
    return Held(executable)


_VERSION, _DEFLATED, _UTF8, _DAY = 20, 8, 0x800, 33
_LARGEST = 0xFFFFFFFF
_MOST_PLAIN = 0xFFFF
"""More entries, or more bytes, need the larger form of a zip."""
_MOST_UNPACKED = 1 << 30
"""Bytes: about three seconds."""


def _is_as_written(path: Path, infos: Sequence[zipfile.ZipInfo]) -> bool:
    """Whether every byte that is no file's is one that `zip_bytes` writes (APPNOTE.TXT 6.3.9, 4.3.7-16). One that needs
    the larger form, or unpacks to more than anybody waits for, is not looked at: its files are."""
    unpacked = sum(info.file_size for info in infos)
    if len(infos) >= _MOST_PLAIN or path.stat().st_size >= _LARGEST or unpacked >= _MOST_UNPACKED:
        return True
    listed = b""
    with path.open("rb") as file:
        for info in infos:
            at, name = file.tell(), info.filename.encode("utf-8", "surrogateescape")
            flags = 0 if name.isascii() else _UTF8
            same = (_VERSION, flags, _DEFLATED, 0, _DAY, info.CRC, info.compress_size, info.file_size, len(name), 0)
            head = struct.pack("<4s5H3I2H", b"PK\3\4", *same) + name
            if file.read(len(head)) != head:
                return False
            mode = stat.S_IFREG | (0o755 if info.external_attr >> 16 & stat.S_IXUSR else 0o644)
            made_by = 3 << 8 | _VERSION
            listed += struct.pack("<4s6H3I5H2I", b"PK\1\2", made_by, *same, 0, 0, 0, mode << 16, at) + name
            if not _is_whole_stream(file, info.compress_size, info.file_size):
                return False
        count, place = len(infos), file.tell()
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(listed), place, 0)
        return file.read() == listed + end


def _is_whole_stream(file: IO[bytes], size: int, unpacked: int) -> bool:
    """Whether so many bytes are one compressed stream of so many, and nothing after its end but the bits that fill its
    last byte."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while size and (block := file.read(min(_CHUNK, size))):
            size -= len(block)
            while block and not stream.eof:
                unpacked -= len(stream.decompress(block, _CHUNK))
                block = stream.unconsumed_tail
            if unpacked < 0 or (stream.eof and (stream.unused_data or size)):
                return False
    except zlib.error:
        return False
    return stream.eof and not size


def zip_bytes(files: Iterable[tuple[str, bytes, bool]]) -> bytes:
    """A zip of (path, bytes, executable), in the order given; the same of the same. Raises UsageError for a name that
    is no UTF-8, which not every unpacker can be told."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data, executable in files:
            try:
                path.encode()
            except UnicodeEncodeError as error:
                raise UsageError(f"{path!a} can't be named in a zip", "deliver a folder") from error
            info = zipfile.ZipInfo(path, _BEGINNING_OF_TIME)
            info.create_system = 3  # Unix, so that the mode counts, whatever made it
            info.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


# --- names ---


def collisions(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of paths that some file system takes for one: case, accents composed or not, a file in a folder's place."""
    known: dict[str, tuple[str, bool]] = {}
    found: list[tuple[str, str]] = []
    for path in paths:
        for place, is_file in _places(path):
            key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", place).casefold())
            if key not in known:
                known[key] = (place, is_file)
            elif known[key] != (place, False) or is_file:  # but for one folder, spelt as before
                found.append((known[key][0], path))
                break
    return found


def _places(path: str) -> Iterator[tuple[str, bool]]:
    """Each folder on the way to a path, then the path itself, with whether it is the file."""
    parts = path.split("/")
    for n in range(1, len(parts) + 1):
        yield "/".join(parts[:n]), n == len(parts)
