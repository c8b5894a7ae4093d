"""Every way in which a delivery can stop being what was delivered."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gigctl.errors import ConfigError, UsageError
from gigctl.flow import signers
from gigctl.flow.manifest import MANIFEST, SIGNATURE, DeliveredFile, Manifest, SeenCheck, Signoff, read_manifest
from gigctl.flow.verify import Verification, verify
from gigctl.system.archive import zip_bytes
from support.keys import allow, make_key

FILES = {"contrat.en.md": b"# Contract\n", "run.sh": b"#!/bin/sh\n", "en/notes.md": b""}


def manifest(**changes: object) -> Manifest:
    files = tuple(
        DeliveredFile(name, hashlib.sha256(data).hexdigest(), len(data), "100755" if name == "run.sh" else "100644")
        for name, data in sorted(FILES.items())
    )
    signoff = Signoff(
        "acme-1.1", "1" * 64, "2" * 64, "2026-01-01T00:00:00Z", "Ada", (SeenCheck("a", "pass", True, "f"),)
    )
    return replace(Manifest("led", "acme-1", "", "files", "2026-01-01T00:00:00Z", False, files, (signoff,)), **changes)  # type: ignore[arg-type]


def write(folder: Path, made: Manifest | None = None) -> Path:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "run.sh").chmod(0o755)
    (folder / MANIFEST).write_bytes((made or manifest()).to_bytes())
    return folder


def sign(folder: Path, key: Path) -> None:
    (folder / SIGNATURE).write_text(signers.sign((folder / MANIFEST).read_bytes(), str(key)))


def said(seen: Verification) -> str:
    return "; ".join(f"{problem.path}: {problem.message}" for problem in seen.problems)


def test_as_it_was_delivered(tmp_path: Path) -> None:
    seen = verify(write(tmp_path / "d"))
    assert seen.ok, said(seen)
    assert seen.sha256 == hashlib.sha256((tmp_path / "d" / MANIFEST).read_bytes()).hexdigest()
    assert verify(tmp_path / "d", sha256=f" {seen.sha256.upper()}\n").ok


@pytest.mark.parametrize("told", ["", "zz", "1" * 63, "1" * 65])
def test_what_is_no_hash_proves_nothing(told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no hash: expected 64 hexadecimal digits"):
        verify(write(tmp_path / "d"), sha256=told)


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def _swap(folder: Path) -> None:
    one, other = folder / "contrat.en.md", folder / "run.sh"
    one_data, other_data = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_data)
    other.write_bytes(one_data)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)


def _link(path: Path) -> None:
    """To the very same bytes: they could change without anybody touching the delivery."""
    other = path.parent.parent / "elsewhere"
    shutil.move(path, other)
    path.symlink_to(other)


def _edit_manifest(folder: Path) -> None:
    """Changes a file and the manifest along with it, but not its form."""
    (folder / "contrat.en.md").write_bytes(b"# Forged\n")
    path = folder / MANIFEST
    table = json.loads(path.read_bytes())
    table["files"][0] |= {"sha256": hashlib.sha256(b"# Forged\n").hexdigest(), "bytes": 9}
    path.write_text(json.dumps(table))


ATTACKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed byte": (lambda d: _flip(d / "contrat.en.md"), "contrat.en.md: was changed: its bytes"),
    "longer": (lambda d: _append(d / "contrat.en.md"), "contrat.en.md: was changed: it has more than the 11"),
    "shorter": (lambda d: (d / "contrat.en.md").write_bytes(b"#"), "contrat.en.md: was changed: it has 1 of the 11"),
    "swapped": (_swap, "was changed"),
    "extra file": (lambda d: (d / "extra").write_bytes(b""), "extra: is not listed"),
    "extra hidden file": (lambda d: (d / ".DS_Store").write_bytes(b""), ".DS_Store: is not listed"),
    "extra folder": (lambda d: (d / "more").mkdir(), "more: is an empty folder"),
    "extra in a folder": (lambda d: (d / "en" / "x").write_bytes(b""), "en/x: is not listed"),
    "missing": (lambda d: (d / "contrat.en.md").unlink(), "contrat.en.md: is missing"),
    "link": (lambda d: _link(d / "contrat.en.md"), "contrat.en.md: is a link"),
    "link to a folder": (lambda d: _link(d / "en"), "en: is a link"),
    "pipe": (lambda d: os.mkfifo(d / "pipe"), "pipe: is no file"),
    "a folder in a file's place": (
        lambda d: ((d / "run.sh").unlink(), (d / "run.sh").mkdir()),
        "run.sh: is an empty folder",
    ),
    "made to run": (lambda d: (d / "contrat.en.md").chmod(0o755), "contrat.en.md: can be run"),
    "not to run any more": (lambda d: (d / "run.sh").chmod(0o644), "run.sh: can't be run any more"),
    "manifest edited": (_edit_manifest, "MANIFEST.json: was rewritten"),
    "manifest cut": (lambda d: (d / MANIFEST).write_bytes((d / MANIFEST).read_bytes()[:-3]), "is no JSON"),
    "manifest a link": (lambda d: _link(d / MANIFEST), "its MANIFEST.json is a link"),
    "manifest gone": (lambda d: (d / MANIFEST).unlink(), "there is no MANIFEST.json"),
    "signature of nothing": (lambda d: (d / SIGNATURE).write_bytes(b"\xff"), "is no SSH signature"),
    "signature that is none": (lambda d: (d / SIGNATURE).write_bytes(b"hello"), "does not hold"),
    "signature a link": (lambda d: (d / SIGNATURE).symlink_to("/etc/passwd"), "MANIFEST.json.sig: is a link"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_change_is_found(name: str, tmp_path: Path) -> None:
    attack, why = ATTACKS[name]
    folder = write(tmp_path / "d")
    attack(folder)
    seen = verify(folder)
    assert not seen.ok
    assert why in said(seen)


def test_every_single_byte_counts(tmp_path: Path) -> None:
    """Whatever byte of the whole delivery is changed, with a hash that was told over another way."""
    folder = write(tmp_path / "d")
    told = str(verify(folder).sha256)
    for path in [folder / "contrat.en.md", folder / "run.sh", folder / MANIFEST]:
        data = path.read_bytes()
        for at in range(0, len(data), 1 if len(data) < 50 else 37):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert not verify(folder, sha256=told).ok, (path, at)
        path.write_bytes(data)
    assert verify(folder, sha256=told).ok


def test_a_manifest_that_is_well_made_but_another(tmp_path: Path) -> None:
    """Nothing in the delivery can show it; the hash that deliver printed does."""
    told = str(verify(write(tmp_path / "d")).sha256)
    folder = write(tmp_path / "e", manifest(title="Forged"))
    assert verify(folder).ok
    assert "another manifest" in said(verify(folder, sha256=told))


def test_manifests_that_contradict_themselves(tmp_path: Path) -> None:
    plain = manifest()
    twice = (*plain.files, replace(plain.files[0], path="CONTRAT.en.md"))
    assert "collides" in said(verify(write(tmp_path / "a", replace(plain, files=twice))))
    own = (*plain.files, replace(plain.files[0], path="manifest.JSON"))
    assert "collides" in said(verify(write(tmp_path / "b", replace(plain, files=own))))
    assert "two sign-offs" in said(verify(write(tmp_path / "c", replace(plain, signoffs=plain.signoffs * 2))))
    assert "no sign-off" in said(verify(write(tmp_path / "d", replace(plain, signoffs=()))))


# --- keys ---


def test_who_signed(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    folder = write(tmp_path / "d")
    sign(folder, key)
    seen = verify(folder, allowed=allow(tmp_path, ("ada", key)))
    assert seen.ok, said(seen)
    assert seen.signer is not None
    assert seen.signer.principal == "ada"
    plain = verify(folder)
    assert plain.ok
    assert plain.signer == replace(seen.signer, principal="")


def test_who_did_not_sign(tmp_path: Path) -> None:
    key, other = make_key(tmp_path), make_key(tmp_path, "other")
    allowed = allow(tmp_path, ("ada", key))
    folder = write(tmp_path / "d")
    assert "not signed with a key" in said(verify(folder, allowed=allowed))
    sign(folder, other)
    assert "does not hold" in said(verify(folder, allowed=allowed))
    assert verify(folder).ok
    sign(folder, key)
    (folder / MANIFEST).write_bytes(manifest(title="Forged").to_bytes())
    for seen in (verify(folder, allowed=allowed), verify(folder)):
        assert "MANIFEST.json.sig: does not hold" in said(seen)
    with pytest.raises(UsageError, match="there is no file"):
        verify(folder, allowed=tmp_path / "nothing")


def _signed_signoff(key: Path, **changes: str) -> Signoff:
    plain = manifest().signoffs[0]
    checks = [(check.name, check.verdict, check.fingerprint) for check in plain.checks]
    statement = signers.signoff_statement("led", plain.task, plain.input, plain.revision, checks)
    made = replace(plain, signer=signers.fingerprint(str(key)), signature=signers.sign(statement, str(key)))
    return replace(made, **changes)


def test_signoffs_with_keys_of_their_own(tmp_path: Path) -> None:
    key, other = make_key(tmp_path), make_key(tmp_path, "other")
    allowed = allow(tmp_path, ("ada", key))

    def seen(signoff: Signoff, **changes: object) -> Verification:
        shutil.rmtree(tmp_path / "d", ignore_errors=True)
        folder = write(tmp_path / "d", manifest(signoffs=(signoff,), **changes))
        sign(folder, key)
        return verify(folder, allowed=allowed)

    whole = seen(_signed_signoff(key))
    assert (whole.ok, whole.keyed) == (True, 1)
    assert "acme-1.1 does not hold" in said(seen(_signed_signoff(other)))
    for change in ({"task": "acme-1.2"}, {"revision": "3" * 64}, {"input": "3" * 64}):
        assert "does not hold" in said(seen(_signed_signoff(key, **change))), change
    assert "does not hold" in said(seen(_signed_signoff(key), ledger="another"))
    assert "another key" in said(seen(_signed_signoff(key, signer=signers.fingerprint(str(other)))))


# --- zips ---


def _zip(path: Path, *more: tuple[str, bytes, bool], made: Manifest | None = None) -> Path:
    files = [(name, data, name == "run.sh") for name, data in FILES.items()]
    path.write_bytes(zip_bytes([*files, (MANIFEST, (made or manifest()).to_bytes(), False), *more]))
    return path


def test_a_zip_as_it_was_delivered(tmp_path: Path) -> None:
    seen = verify(_zip(tmp_path / "d.zip"))
    assert seen.ok, said(seen)


def test_zips_that_are_not(tmp_path: Path) -> None:
    assert "x: is not listed" in said(verify(_zip(tmp_path / "a.zip", ("x", b"", False))))
    bomb = replace(manifest().files[0], path="bomb")
    listed = manifest(files=(*manifest().files, bomb))
    assert "bomb: was changed: it has more" in said(
        verify(_zip(tmp_path / "b.zip", ("bomb", bytes(10**8), False), made=listed))
    )
    assert "must not be" in said(verify(_zip(tmp_path / "c.zip", ("../x", b"", False))))
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("x", b"")
    assert "there is no MANIFEST.json" in said(verify(tmp_path / "e.zip"))
    (tmp_path / "f").write_bytes(b"hello")
    assert "neither a folder nor a zip" in said(verify(tmp_path / "f"))


def test_a_manifest_that_never_ends(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    path.write_bytes(zip_bytes([(MANIFEST, b" " * (65 * 1024 * 1024), False)]))
    assert "has more than" in said(verify(path))


def test_the_manifest_says_who_and_what() -> None:
    made = manifest()
    assert read_manifest(made.to_bytes()).sha256 == made.sha256


def test_without_ssh_keygen_who_asks_for_no_name_can_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(tmp_path)
    allowed = allow(tmp_path, ("ada", key))
    folder = write(tmp_path / "d")
    sign(folder, key)
    monkeypatch.setenv("PATH", str(tmp_path))
    seen = verify(folder)
    assert (seen.ok, seen.signer) == (True, None)
    with pytest.raises(ConfigError, match="ssh-keygen"):
        verify(folder, allowed=allowed)


def test_a_damaged_entry_of_a_zip(tmp_path: Path) -> None:
    path = _zip(tmp_path / "d.zip", ("x", b"0123456789" * 20, False))
    data = bytearray(path.read_bytes())
    at = data.index(b"contrat.en.md") + len(b"contrat.en.md") + 2
    data[at] ^= 0x55
    path.write_bytes(data)
    assert "contrat.en.md: is damaged" in said(verify(path))
