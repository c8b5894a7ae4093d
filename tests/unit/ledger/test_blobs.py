"""Content: once, unchanged, and really gone when it is erased."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.errors import LedgerError
from gigctl.ledger import blobs, clients, gigs
from gigctl.ledger.blobs import Owner
from gigctl.ledger.opening import open_ledger
from gigctl.ledger.store import Kept, Ledger
from gigctl.model import Source
from support.books import behind, new_gig, new_task
from support.desk import Office


@given(st.binary(max_size=60), st.text(st.characters(codec="utf-8"), max_size=60))
def test_what_is_read_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, data: bytes, text: str) -> None:
    with open_ledger(tmp_path_factory.getbasetemp() / "blobs") as ledger, ledger.writing() as tx:
        assert blobs.get_bytes(tx, blobs.put_bytes(tx, Owner(1), data)) == data
        assert blobs.get_text(tx, blobs.put_text(tx, Owner(1), text)) == text
        assert blobs.get_json(tx, blobs.put_json(tx, Owner(1), [text]), None) == [text]


def test_bytes_that_are_no_utf8_survive_as_text(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        sha = blobs.put_text(tx, Owner(1), b"caf\xe9".decode("utf-8", "surrogateescape"))
        assert blobs.get_bytes(tx, sha) == b"caf\xe9"


def test_nothing_is_no_blob(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        assert blobs.put_optional(tx, Owner(1), "") is None
        assert blobs.get_text(tx, None) == ""
        assert blobs.get_json(tx, None, 7) == 7
        with pytest.raises(LedgerError, match="no content"):
            blobs.get_bytes(tx, "f" * 64)


def test_a_blob_is_kept_once(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        for owner in (Owner(1), Owner(1, 2), Owner(1, 2)):
            blobs.put_text(tx, owner, "same")
        assert tx.value("SELECT count(*) FROM blob") == 1
        assert tx.value("SELECT count(*) FROM blob_client") == 2


def test_more_than_a_process_remembers_is_kept_all_the_same(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kept, "MOST", 2)
    for _ in range(2):
        for text in "abc":
            with ledger.writing() as tx:
                blobs.put_text(tx, Owner(1), text)
    with ledger.reading() as tx:
        assert tx.value("SELECT count(*) FROM blob") == 3


def test_what_another_client_has_too_is_kept(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        one, other = _two_clients(tx)
        shared = [blobs.put_text(tx, Owner(owner), "shared") for owner in (one, other)]
        own = blobs.put_text(tx, Owner(one), "own")
        assert blobs.erase(tx, Owner(one)) == 1
        assert blobs.get_text(tx, shared[0]) == "shared"
        with pytest.raises(LedgerError, match="erased"):
            blobs.get_text(tx, own)
        assert blobs.put_text(tx, Owner(other), "own") == own
        assert blobs.get_text(tx, own) == "own"  # it may come again from another


def test_erasing_a_gig_leaves_its_client_alone(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        kept = blobs.put_text(tx, Owner(1), "the client's")
        gone = blobs.put_text(tx, Owner(1, 5), "the gig's")
        other = blobs.put_text(tx, Owner(1, 6), "another gig's")
        blobs.erase(tx, Owner(1, 5))
        assert [tx.value("SELECT data IS NULL FROM blob WHERE sha256 = ?", sha) for sha in (kept, gone, other)] == [
            0, 1, 0,
        ]  # fmt: skip


def _two_clients(tx: object) -> tuple[int, int]:
    fields = {"name": "", "currency": "EUR", "policy": "any", "style": "", "glossary": "", "rate": None}
    return tuple(clients.add_client(tx, slug, **fields).id for slug in ("one", "two"))  # type: ignore[arg-type,return-value]


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_byte_of_what_was_erased_is_left(tmp_path: Path) -> None:
    """After the file is closed: neither its pages, nor its free ones, nor a log hold the material."""
    secret = "the merger of Alpha and Omega"
    with open_ledger(tmp_path) as ledger:
        with ledger.writing() as tx:
            owner, _ = _two_clients(tx)
            gig = new_gig(tx, "one", title=secret, brief=secret * 400)
            task = new_task(tx, gig, secret * 3)
            tx.run("UPDATE task SET name = ? WHERE id = ?", secret, task.id)
            gigs.add_source(tx, gig, Source(f"{secret}.md", secret.encode() * 5000))
            for n in range(200):
                blobs.put_text(tx, Owner(owner, gig.id), f"{n} {secret}")
        assert secret.encode() in everything(tmp_path)
        with ledger.writing() as tx:
            clients.remove_client(tx, clients.get_client(tx, "one"))
        ledger.shrink()
        with ledger.reading() as tx:
            assert clients.find_client(tx, "one") is None
            assert list(gigs.list_gigs(tx)) == []
    assert secret.encode() not in everything(tmp_path)


def test_a_removed_gigs_paths_and_words_are_gone(office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    with office.desk.ledger.writing() as tx:
        record = next(g for g in gigs.list_gigs(tx) if g.ref == gig)
        gigs.remove_gig(tx, record)
        assert tx.value("SELECT count(*) FROM revision_file") == 0
        assert tx.value("SELECT count(*) FROM revision") == 3
        assert tx.value("SELECT count(*) FROM decision WHERE kind = 'sign'") == 3
    office.desk.ledger.shrink()
    office.close()
    assert b"prestataire" not in everything(office.folder / "gigctl")


def test_a_changed_byte_is_never_handed_out(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        with ledger.writing() as tx:
            sha = blobs.put_text(tx, Owner(1), "true")
        path = ledger.path
    behind(path, "UPDATE blob SET data = CAST('trve' AS BLOB)")
    with open_ledger(tmp_path) as ledger, ledger.reading() as tx:
        with pytest.raises(LedgerError, match="changed outside"):
            blobs.get_text(tx, sha)
        assert list(blobs.check_blobs(tx)) == [f"content {sha[:12]} was changed"]
