"""A delivery that is ready: written whole or not at all, and recorded in the same breath."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gigctl.errors import ConfigError, UsageError, WaitsForHuman
from gigctl.flow import signers
from gigctl.flow.desk import Desk
from gigctl.flow.manifest import (
    BESIDE,
    LARGEST,
    MANIFEST,
    SIGNATURE,
    BadManifest,
    DeliveredFile,
    Manifest,
    is_table,
    read_manifest,
)
from gigctl.flow.signers import BadSignature
from gigctl.flow.signoffs import Signed
from gigctl.flow.verify import verify
from gigctl.ledger import deliveries, tasks
from gigctl.ledger.store import Tx
from gigctl.model import EXECUTABLE, REGULAR, Change
from gigctl.records import GigRecord
from gigctl.system.archive import zip_bytes
from gigctl.system.files import new_file, new_files, new_folder, read_capped
from gigctl.system.git import Store, add_branch

__all__ = ["Delivered", "Parcel", "listed", "write_file", "write_parcel"]


class Delivered(Struct, frozen=True):
    """`sha256` is the manifest's; `found` where the files were written before and only the record was missing.

    Of a batch's file: `beside` is its manifest's path, `gone` are the signed tasks whose rows the file has no more.
    """

    path: str
    manifest: Manifest
    sha256: str
    signer: str = ""  # fingerprint of the key that signed the manifest
    found: bool = False
    beside: str = ""
    gone: tuple[str, ...] = ()
    pull_request: str = ""  # of a branch: the text for it, which lies nowhere


class Parcel(Struct, frozen=True):
    """A delivery that is ready to be written. `signed` are all that it stands for, those that were joined too; with a
    `commit` it is a branch, and `pull_request` the text for it."""

    gig: GigRecord
    signed: tuple[Signed, ...]
    files: tuple[Change, ...]
    manifest: Manifest
    commit: str = ""
    gone: tuple[str, ...] = ()
    pull_request: str = ""


def listed(change: Change) -> DeliveredFile:
    mode = EXECUTABLE if change.mode == EXECUTABLE else REGULAR
    return DeliveredFile(change.path, change.sha256 or "", len(change.data or b""), mode)


def write_parcel(desk: Desk, parcel: Parcel, output: Path | None, key: str) -> Delivered:
    """Raises UsageError where something has that name, unless it is this delivery and only its record is missing."""
    if parcel.commit:
        return _hand_over(desk, parcel, key)
    target = output or Path(f"{parcel.gig.ref}.delivery")
    if os.path.lexists(target):
        if (found := _find_unrecorded(desk, parcel, target, key)) is not None:
            return found
        raise _taken(target, target)
    if is_table(target):
        return _write_table(desk, parcel, target, key)
    data = parcel.manifest.to_bytes()
    extra = [Change(MANIFEST, REGULAR, data)]
    if key:
        extra.append(Change(SIGNATURE, REGULAR, signers.sign(data, key).encode()))
    _write_files(desk, parcel, target, [*parcel.files, *extra], data)
    signer = signers.fingerprint(key) if key else ""
    return Delivered(str(target), parcel.manifest, hashlib.sha256(data).hexdigest(), signer)


def _write_files(desk: Desk, parcel: Parcel, target: Path, files: Sequence[Change], manifest: bytes) -> None:
    """The name is taken inside the transaction that records it: killed before, nothing was delivered; killed between
    the two, a whole delivery lies there unrecorded, which the same command finds (`_find_unrecorded`)."""
    if target.suffix.lower() == ".zip":
        packed = zip_bytes((file.path, file.data or b"", file.mode == EXECUTABLE) for file in files)
        with desk.ledger.writing() as tx:
            _record(tx, parcel, manifest)
            new_file(target, packed)
        return
    with ExitStack() as stack:
        folder = stack.enter_context(new_folder(target))
        for file in files:
            write_file(folder, file)
        with desk.ledger.writing() as tx:
            _record(tx, parcel, manifest)
            stack.close()


def write_file(folder: Path, file: Change) -> None:
    """Not yet on disk: `new_folder` puts there all of a folder at once, which costs less than each by itself."""
    place = folder / os.fsdecode(file.path.encode("utf-8", "surrogateescape"))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o777 if file.mode == EXECUTABLE else 0o666
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "wb") as out:
            out.write(file.data or b"")
    except OSError as error:
        raise ConfigError(f"can't write {file.path!a} of the delivery: {error.strerror}",
                          "choose another place with -o; nothing was delivered") from error  # fmt: skip


def _record(tx: Tx, parcel: Parcel, manifest: bytes) -> None:
    """In the ledger, if every signature still stands: the files were made a moment ago."""
    now = [tasks.get_task_by_id(tx, one.task.id) for one in parcel.signed]
    for task, one in zip(now, parcel.signed, strict=True):
        if (task.state, task.signed_id, task.input_hash) != ("signed", one.task.signed_id, one.task.input_hash):
            raise WaitsForHuman(f"{task.ref} changed while it was being delivered", f"gigctl show {task.ref}")
    form, partial = parcel.manifest.form, parcel.manifest.partial
    deliveries.add_delivery(tx, parcel.gig, now, form=form, manifest=manifest, partial=partial)


def _hand_over(desk: Desk, parcel: Parcel, key: str) -> Delivered:
    """As a branch in the client's repository; the manifest stays in the ledger, for nothing is put beside the work."""
    if key:
        raise UsageError("a branch has no manifest beside it that a key could sign", "--as patches --signer KEY")
    repository, data = Path(parcel.gig.repository), parcel.manifest.to_bytes()
    with desk.ledger.writing() as tx:
        _record(tx, parcel, data)
        add_branch(Store.open(desk.store), repository, parcel.manifest.git["branch"], parcel.commit)
    sha = hashlib.sha256(data).hexdigest()
    return Delivered(str(repository), parcel.manifest, sha, pull_request=parcel.pull_request)


def _find_unrecorded(desk: Desk, parcel: Parcel, target: Path, key: str) -> Delivered | None:
    """What lies at the target, if it is this very delivery, whole, and only the record of it is missing."""
    if target.is_symlink():
        return None
    seen = verify(target)
    if not seen.ok or seen.manifest is None or seen.sha256 is None:
        return None
    if _timeless(seen.manifest) != _timeless(parcel.manifest):
        return None
    if bool(key) != (seen.signer is not None):
        return None
    with desk.ledger.writing() as tx:
        if any(old.manifest_sha256 == seen.sha256 for old in deliveries.list_deliveries(tx, parcel.gig)):
            return None
        _record(tx, parcel, seen.manifest.to_bytes())
    signer = seen.signer.fingerprint if seen.signer else ""
    beside = f"{target}{BESIDE}" if is_table(target) else ""
    return Delivered(str(target), seen.manifest, seen.sha256, signer, True, beside, parcel.gone)


# --- a table, with its manifest beside it ---


def _write_table(desk: Desk, parcel: Parcel, target: Path, key: str) -> Delivered:
    """Manifest, signature and table take their names in this order: no two names can be taken in one step, and who is
    killed in between leaves a manifest of a file that is not there, which is no delivery, and never a file without
    one. The same command finds what was left, and goes on with it."""
    manifest_path, signature_path = Path(f"{target}{BESIDE}"), Path(f"{target}{BESIDE}.sig")
    manifest = _find_left(desk, parcel, manifest_path) or parcel.manifest
    data = manifest.to_bytes()
    files = [(manifest_path, data)] if manifest is parcel.manifest else []
    if os.path.lexists(signature_path):
        if not key or files or not _is_signature(data, signature_path, key):
            raise _taken(signature_path, target)
    elif key:
        files.append((signature_path, signers.sign(data, key).encode()))
    with ExitStack() as stack:
        stack.enter_context(new_files([*files, (target, parcel.files[0].data or b"")]))
        with desk.ledger.writing() as tx:
            _record(tx, parcel, data)
            stack.close()
    signer = signers.fingerprint(key) if key else ""
    sha = hashlib.sha256(data).hexdigest()
    return Delivered(str(target), manifest, sha, signer, False, str(manifest_path), parcel.gone)


def _find_left(desk: Desk, parcel: Parcel, path: Path) -> Manifest | None:
    """The manifest that lies there, if it is this delivery's and not recorded; None where nothing does. Raises
    UsageError for anything else."""
    if not os.path.lexists(path):
        return None
    try:
        data = b"" if path.is_symlink() else read_capped(path, LARGEST)
        left = read_manifest(data)
    except (BadManifest, UsageError):
        left = None
    if left is None or left.to_bytes() != data or _timeless(left) != _timeless(parcel.manifest):
        raise _taken(path, path.with_name(path.name.removesuffix(BESIDE)))
    sha = hashlib.sha256(data).hexdigest()
    with desk.ledger.reading() as tx:
        if any(old.manifest_sha256 == sha for old in deliveries.list_deliveries(tx, parcel.gig)):
            raise _taken(path, path.with_name(path.name.removesuffix(BESIDE)))
    return left


def _is_signature(data: bytes, path: Path, key: str) -> bool:
    """Whether a signature that lies there is one of these bytes by this key."""
    try:
        found = signers.check_integrity(data, read_capped(path, signers.LARGEST_SIGNATURE).decode("ascii"))
    except (UsageError, UnicodeDecodeError, BadSignature):
        return False
    return found.fingerprint == signers.fingerprint(key)


def _timeless(manifest: Manifest) -> Manifest:
    return replace(manifest, created="")


# --- names ---


def _taken(path: Path, target: Path) -> UsageError:
    return UsageError(
        f"{path} is already there, and nothing is overwritten", f"-o {_free_name(target)}, or move it away"
    )


def _free_name(target: Path) -> Path:
    """The next name of the kind that is free."""
    target = target if target.name else target.resolve()
    is_file = target.suffix.lower() == ".zip" or is_table(target)
    stem, suffix = (target.stem, target.suffix) if is_file else (target.name, "")
    names = (target.with_name(f"{stem}-{n}{suffix}") for n in range(2, 1000))
    return next((name for name in names if _is_free(name)), target.with_name(f"{stem}-new{suffix}"))


def _is_free(target: Path) -> bool:
    return not any(os.path.lexists(f"{target}{more}") for more in ("", BESIDE, f"{BESIDE}.sig"))
