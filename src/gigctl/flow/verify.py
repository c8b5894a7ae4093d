"""Is a delivery as it was written? From what was delivered alone: no ledger, no configuration, no network."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gigctl.errors import UsageError
from gigctl.flow import signers
from gigctl.flow.manifest import LARGEST, MANIFEST, NOTE, SIGNATURE, BadManifest, DeliveredFile, Manifest, read_manifest
from gigctl.flow.signers import BadSignature, Signer
from gigctl.model import EXECUTABLE
from gigctl.system.archive import Archive, NotReadable, collisions, open_archive
from gigctl.system.proc import ProgramError

__all__ = ["Problem", "Verification", "verify"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is not as it was written; `path` None where it is not of one file."""

    message: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
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
        archive = open_archive(path)
        data = _read_manifest_bytes(archive)
        manifest = read_manifest(data)
    except NotReadable as error:
        return Verification(str(path), None, None, (Problem(str(error)),))
    except BadManifest as error:
        found = hashlib.sha256(data).hexdigest()
        return Verification(str(path), None, found, (Problem(str(error), MANIFEST),))
    seen = hashlib.sha256(data).hexdigest()
    problems = [*_check_hash(seen, sha256), *_check_form(manifest, data), *_check_files(archive, manifest)]
    signer, found_wrong = _check_signature(archive, data, allowed)
    problems += found_wrong
    keyed = 0
    if allowed is not None:
        keyed, wrong = _check_signoffs(manifest, allowed)
        problems += wrong
    return Verification(str(path), manifest, seen, tuple(problems), signer, keyed)


def _read_manifest_bytes(archive: Archive) -> bytes:
    there = archive.held.get(MANIFEST)
    if there is None:
        preview = NOTE in archive.held
        raise NotReadable(f"there is no {MANIFEST} in it: it is {'a preview, and ' if preview else ''}no delivery")
    if there.odd is not None:
        raise NotReadable(f"its {MANIFEST} {there.odd}")
    return archive.read(MANIFEST, LARGEST)


def _check_hash(seen: str, expected: str | None) -> Iterator[Problem]:
    if expected is not None and seen != expected.strip().lower():
        yield Problem(f"is another manifest than the one named: its hash is {seen}", MANIFEST)


def _check_form(manifest: Manifest, data: bytes) -> Iterator[Problem]:
    if manifest.to_bytes() != data:
        yield Problem("was rewritten: it is not in the form that gigctl writes", MANIFEST)
    paths = [file.path for file in manifest.files]
    for one, other in collisions([*paths, MANIFEST, SIGNATURE]):
        yield Problem(f"collides with {one}", other)
    refs = [signoff.task for signoff in manifest.signoffs]
    if len(set(refs)) < len(refs):
        yield Problem("has two sign-offs of one task", MANIFEST)
    if not refs:
        yield Problem("has no sign-off", MANIFEST)


# --- files ---


def _check_files(archive: Archive, manifest: Manifest) -> Iterator[Problem]:
    listed = {file.path: file for file in manifest.files}
    for path, held in archive.held.items():
        if held.odd is not None:
            yield Problem(held.odd, path)
        elif path not in listed and path not in (MANIFEST, SIGNATURE):
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


def _check_signature(archive: Archive, data: bytes, allowed: Path | None) -> tuple[Signer | None, list[Problem]]:
    """Who signed the manifest; without a file of signers only that some key did."""
    there = archive.held.get(SIGNATURE)
    if there is None:
        wanted = [Problem("is not signed with a key: nobody's name can be put to the files", MANIFEST)]
        return None, [] if allowed is None else wanted
    if there.odd is not None:
        return None, []  # said already
    try:
        signature = archive.read(SIGNATURE, signers.LARGEST_SIGNATURE).decode("ascii")
        if allowed is None:
            return _integrity(data, signature), []
        return signers.verify(data, signature, allowed), []
    except UnicodeDecodeError:
        return None, [Problem("is no SSH signature", SIGNATURE)]
    except (NotReadable, BadSignature) as error:
        return None, [Problem(f"does not hold: {error}", SIGNATURE)]


def _integrity(data: bytes, signature: str) -> Signer | None:
    try:
        return signers.check_integrity(data, signature)
    except ProgramError:  # no ssh-keygen: who does not ask for names can do without
        return None


def _check_signoffs(manifest: Manifest, allowed: Path) -> tuple[int, list[Problem]]:
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
            wrong.append(Problem(f"sign-off of {signoff.task} does not hold: {error}", MANIFEST))
            continue
        if found.fingerprint != signoff.signer:
            wrong.append(Problem(f"sign-off of {signoff.task} names another key than the one that made it", MANIFEST))
        holding += 1
    return holding, wrong
