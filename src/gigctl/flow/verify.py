"""Is a delivery as it was written? From what was delivered alone: no ledger, no configuration, no network."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from gigctl.errors import UsageError
from gigctl.flow import signers
from gigctl.flow.manifest import (
    BESIDE,
    LARGEST,
    MANIFEST,
    NOTE,
    SIGNATURE,
    BadManifest,
    DeliveredFile,
    Manifest,
    is_table,
    read_manifest,
)
from gigctl.flow.signers import BadSignature, Signer
from gigctl.model import EXECUTABLE
from gigctl.system.archive import Archive, NotReadable, collisions, open_archive, open_files
from gigctl.system.proc import ProgramError

__all__ = ["Problem", "Verification", "verify"]


class Problem(Struct, frozen=True):
    """What is not as it was written; `path` None where it is not of one file."""

    message: str
    path: str | None = None


class Verification(Struct, frozen=True):
    """`signer` is who signed the manifest, with an empty principal where nobody was asked who may; `keyed` counts the
    sign-offs whose signatures were checked."""

    path: str
    manifest: Manifest | None
    sha256: str | None  # of the manifest's bytes
    problems: tuple[Problem, ...]
    signer: Signer | None = None
    keyed: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(path: Path, *, allowed: Path | None = None, sha256: str | None = None) -> Verification:
    """All that is wrong, at once. `allowed` is a file of signers: then the manifest must be signed by one of them;
    `sha256` the manifest's hash as `deliver` printed it. Raises UsageError, ConfigError."""
    if sha256 is not None and not re.fullmatch(r"\s*[0-9a-fA-F]{64}\s*", sha256):
        raise UsageError(f"--sha256 {sha256!r} is no hash: expected 64 hexadecimal digits, as deliver printed them")
    try:
        place = _open(path)
        data = _read_manifest_bytes(place)
        manifest = read_manifest(data)
    except NotReadable as error:
        return Verification(str(path), None, None, (Problem(str(error)),))
    except BadManifest as error:
        found = hashlib.sha256(data).hexdigest()
        return Verification(str(path), None, found, (Problem(str(error), place.manifest),))
    seen = hashlib.sha256(data).hexdigest()
    wrong = [*_check_hash(seen, sha256), *_check_form(manifest, data, place)]
    keyed = 0
    if allowed is not None:
        keyed, more = _check_signoffs(manifest, allowed)
        wrong += more
    signer, of_signature = _check_signature(place, data, allowed)
    problems = (*(Problem(why, place.manifest) for why in wrong), *_check_files(place, manifest), *of_signature)
    return Verification(str(path), manifest, seen, problems, signer, keyed)


class _Place(Struct, frozen=True):
    """Where a delivery lies, and what its manifest and that one's signature are called there."""

    archive: Archive
    manifest: str = MANIFEST
    signature: str = SIGNATURE

    @property
    def is_table(self) -> bool:
        return self.manifest != MANIFEST


def _open(path: Path) -> _Place:
    """A folder, a zip, or a table with its manifest beside it. Raises UsageError, NotReadable."""
    path = path.with_name(path.name.removesuffix(".sig").removesuffix(BESIDE)) if BESIDE in path.name else path
    manifest = f"{path.name}{BESIDE}"
    alone = os.path.lexists(path.with_name(manifest)) if path.name else False
    if path.is_dir() or not (is_table(path) or alone):
        return _Place(open_archive(path))
    if not os.path.lexists(path):
        more = ", only its manifest" if alone else ""
        raise UsageError(f"there is no {path}{more}", "name the file that was delivered")
    signature = f"{manifest}.sig"
    return _Place(open_files(path.parent, [path.name, manifest, signature]), manifest, signature)


def _read_manifest_bytes(place: _Place) -> bytes:
    there = place.archive.held.get(place.manifest)
    if there is None:
        preview = NOTE in place.archive.held
        where = "beside" if place.is_table else "in"
        why = f"it is {'a preview, and ' if preview else ''}no delivery"
        raise NotReadable(f"there is no {place.manifest} {where} it: {why}")
    if there.odd is not None:
        raise NotReadable(f"its {place.manifest} {there.odd}")
    return place.archive.read(place.manifest, LARGEST)


def _check_hash(seen: str, expected: str | None) -> Iterator[str]:
    if expected is not None and seen != expected.strip().lower():
        yield f"is another manifest than the one named: its hash is {seen}"


def _check_form(manifest: Manifest, data: bytes, place: _Place) -> Iterator[str]:
    if manifest.to_bytes() != data:
        yield "was rewritten: it is not in the form that gigctl writes"
    paths = [file.path for file in manifest.files]
    for one, other in collisions([*paths, place.manifest, place.signature]):
        yield f"names {other}, which collides with {one}"
    refs = [signoff.task for signoff in manifest.signoffs]
    if len(set(refs)) < len(refs):
        yield "has two sign-offs of one task"
    if not refs:
        yield "has no sign-off"


# --- files ---


def _check_files(place: _Place, manifest: Manifest) -> Iterator[Problem]:
    archive, own = place.archive, (place.manifest, place.signature)
    listed = {file.path: file for file in manifest.files}
    names = [path for path in archive.held if path not in own]
    if place.is_table and len(listed) == 1 and names != [*listed]:
        yield Problem(f"was delivered as {next(iter(listed))}", names[0])
        return
    for path, held in archive.held.items():
        if held.odd is not None:
            yield Problem(held.odd, path)
        elif path not in listed and path not in own:
            yield Problem("is not listed in the manifest", path)
    for path, file in listed.items():
        held_file = archive.held.get(path)
        if held_file is None:
            yield Problem("is missing", path)
        elif held_file.odd is None:
            yield from _check_file(archive, file, executable=held_file.executable)


def _check_file(archive: Archive, file: DeliveredFile, *, executable: bool) -> Iterator[Problem]:
    try:
        sha, size = archive.digest(file.path, file.bytes)
    except NotReadable as error:
        yield Problem(str(error), file.path)
        return
    if size != file.bytes:
        more = f"more than the {file.bytes}" if size > file.bytes else f"{size} of the {file.bytes}"
        yield Problem(f"was changed: it has {more} bytes that were delivered", file.path)
    elif sha != file.sha256:
        yield Problem("was changed: its bytes are not those that were delivered", file.path)
    if executable != (file.mode == EXECUTABLE):
        yield Problem("can be run, and could not" if executable else "can't be run any more", file.path)


# --- signatures ---


def _check_signature(place: _Place, data: bytes, allowed: Path | None) -> tuple[Signer | None, list[Problem]]:
    """Who signed the manifest; without a file of signers only that some key did."""
    there = place.archive.held.get(place.signature)
    if there is None:
        wanted = [Problem("is not signed with a key: nobody's name can be put to the files", place.manifest)]
        return None, [] if allowed is None else wanted
    if there.odd is not None:
        return None, []  # said already
    try:
        signature = place.archive.read(place.signature, signers.LARGEST_SIGNATURE).decode("ascii")
        if allowed is None:
            return _integrity(data, signature), []
        return signers.verify(data, signature, allowed), []
    except UnicodeDecodeError:
        return None, [Problem("is no SSH signature", place.signature)]
    except (NotReadable, BadSignature) as error:
        return None, [Problem(f"does not hold: {error}", place.signature)]


def _integrity(data: bytes, signature: str) -> Signer | None:
    try:
        return signers.check_integrity(data, signature)
    except ProgramError:  # no ssh-keygen: who does not ask for names can do without
        return None


def _check_signoffs(manifest: Manifest, allowed: Path) -> tuple[int, list[str]]:
    """Those that have a signature of their own: how many hold, and what is wrong with the others."""
    holding, wrong = 0, []
    for signoff in manifest.signoffs:
        if not signoff.signature:
            continue
        checks = [(check.name, check.verdict, check.fingerprint) for check in signoff.checks]
        statement = signers.signoff_statement(manifest.ledger, signoff.task, signoff.input, signoff.revision, checks)
        try:
            found = signers.verify(statement, signoff.signature, allowed)
        except BadSignature as error:
            wrong.append(f"sign-off of {signoff.task} does not hold: {error}")
            continue
        if found.fingerprint != signoff.signer:
            wrong.append(f"sign-off of {signoff.task} names another key than the one that made it")
        holding += 1
    return holding, wrong
