"""`--require-signoff`: are git's blobs those that a human signed? From the repository and the public keys alone.

With a base every file that was changed since must be as a sign-off says; without one every file that a sign-off names.
A file that was signed twice may be as either says: both were looked at.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gigctl.checks.base import verdict
from gigctl.errors import ConfigError
from gigctl.flow.signers import BadSignature
from gigctl.flow.signoff_file import FOLDER, SignedFiles, verify_signoff
from gigctl.flow.treecase import Case, read_file, relative_to
from gigctl.model import EXECUTABLE, REGULAR, SUBMODULE, Change, Evidence, Verdict
from gigctl.system.files import read_capped
from gigctl.system.git.store import Entry, Store

__all__ = ["NAME", "check_signoffs"]

NAME = "sign-off"
_LARGEST = 4 * 1024 * 1024
"""Bytes of a file of signers."""
_MOST_EVIDENCE = 50


def check_signoffs(store: Store, case: Case, signers: Path) -> Verdict:
    """The verdict `sign-off`. Raises ConfigError where the signers can't be had."""
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        allowed = Path(name) / (signers.name or "signers")
        allowed.write_bytes(_load_signers(store, case, signers))
        held, broken = _verify_all(store, case, allowed)
    claims = _claims(held)
    wrong = list(_judge_all(store, case, claims) if case.base is None else _judge_changes(store, case, claims))
    if case.base is None:
        wrong = [*broken, *wrong]
        if not held and not wrong:
            wrong = [Evidence(f"there is no sign-off in {FOLDER}: deliver puts one there for what a key signed")]
    elif wrong:
        wrong += broken
    if wrong:
        return verdict(NAME, "fail", *wrong[:_MOST_EVIDENCE])
    return verdict(NAME, "pass", *(f"{one.task} by {one.signer.principal} ({one.signer.fingerprint})" for one in held))


def _load_signers(store: Store, case: Case, signers: Path) -> bytes:
    """With a base, a file of the repository counts as the base has it: no change names its own signer."""
    if case.base is None or (inside := relative_to(case.checkout, signers)) is None:
        return read_capped(signers, _LARGEST)
    data = read_file(store, case.base.tree, inside)
    if data is None:
        raise ConfigError(f"{case.base.rev} has no file {inside}, and a change can't name its own signers",
                          "bring the file of signers in by a change that is judged without --base")  # fmt: skip
    return data


# --- the sign-offs ---


def _verify_all(store: Store, case: Case, allowed: Path) -> tuple[list[SignedFiles], list[Evidence]]:
    """Those that hold, and what is wrong with the others."""
    files = {e.path: e for e in store.list_tree(case.found) if e.path.startswith(FOLDER)}
    held, broken = [], []
    for path, entry in files.items():
        if not path.endswith(".json"):
            continue
        try:
            held.append(_verify(store, entry, files.get(f"{path}.sig"), allowed))
        except BadSignature as error:
            broken.append(Evidence(f"{path} does not hold: {error}", path))
    return held, broken


def _verify(store: Store, entry: Entry, signature: Entry | None, allowed: Path) -> SignedFiles:
    if signature is None:
        raise BadSignature("it has no .sig beside it")
    if not {entry.mode, signature.mode} <= {REGULAR, EXECUTABLE} or max(entry.size, signature.size) > _LARGEST:
        raise BadSignature("it is no file as deliver writes it")
    document, armour = store.read_entries([entry, signature])
    return verify_signoff(entry.path.removeprefix(FOLDER), document.data or b"", armour.data or b"", allowed)


def _claims(held: Sequence[SignedFiles]) -> dict[str, set[tuple[str, str] | None]]:
    """Path → what was signed for it: mode and SHA-256, None where it is to be gone."""
    claims: dict[str, set[tuple[str, str] | None]] = {}
    for path, mode, sha in (line for one in held for line in one.lines):
        claims.setdefault(path, set()).add(None if sha is None else (mode, sha))
    return claims


Claims = Mapping[str, set[tuple[str, str] | None]]


# --- the files ---


def _judge_changes(store: Store, case: Case, claims: Claims) -> Iterator[Evidence]:
    assert case.base is not None  # noqa: S101
    for change in store.list_changes(case.base.parted, case.found):
        if not change.path.startswith(FOLDER):
            yield from _judge(store, case, change, claims.get(change.path, set()))


def _judge_all(store: Store, case: Case, claims: Claims) -> Iterator[Evidence]:
    there = {change.path: change for change in store.read_files(case.found, claims)}
    for path in sorted(claims):
        yield from _judge(store, case, there.get(path, Change(path, REGULAR, None)), claims[path])


def _judge(store: Store, case: Case, change: Change, signed: set[tuple[str, str] | None]) -> Iterator[Evidence]:
    if not signed:
        yield Evidence(f"{change.path} was changed, and nobody signed that", change.path)
    elif _state(change) not in signed and _state(_as_committed(store, case, change)) not in signed:
        yield Evidence(f"{change.path} is not as it was signed", change.path)


def _state(change: Change) -> tuple[str, str] | None:
    return None if change.data is None else (change.mode, change.sha256 or "")


def _as_committed(store: Store, case: Case, change: Change) -> Change:
    """Git's blob, where the checkout has turned its lines' ends and nothing else."""
    if change.data is None or change.mode == SUBMODULE or case.checkout.head is None:
        return change
    found = store.read_files(store.get_commit(case.checkout.head).tree, [change.path])
    same = found and found[0].mode == change.mode and (found[0].data or b"") == change.data.replace(b"\r\n", b"\n")
    return found[0] if same else change
