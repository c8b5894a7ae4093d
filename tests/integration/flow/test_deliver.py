"""Documents: what goes out is what was signed, whole, once, and provable."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gigctl.crafts.registry import CRAFTS
from gigctl.errors import ConfigError, GateError, LedgerError, UsageError, WaitsForHuman
from gigctl.flow import review
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.desk import Desk
from gigctl.flow.gigfile import TaskWish
from gigctl.flow.manifest import MANIFEST, read_manifest
from gigctl.flow.preview import preview
from gigctl.flow.run import carry_out, plan_run
from gigctl.flow.runoptions import RunOptions
from gigctl.flow.verify import verify
from gigctl.ledger import deliveries, gigs
from gigctl.model import Content, Reference
from gigctl.records import DeliveryRecord
from support.desk import CONTRACT, ENGLISH, Office
from support.keys import allow, make_key


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "office")
    yield made
    made.close()


def recorded(office: Office, gig: str) -> list[DeliveryRecord]:
    reference = Reference.parse(gig)
    assert reference is not None
    with office.desk.ledger.reading() as tx:
        return deliveries.list_deliveries(tx, gigs.get_gig(tx, reference))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- the main way ---


def test_a_contract(office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert names(tmp_path / "out") == ["MANIFEST.json", "contrat.en.md"]
    assert (tmp_path / "out" / "contrat.en.md").read_text() == (
        "# Service contract\n\nThe provider delivers the report.\n\n```\nrien à traduire\n```\n\n"
        "The client pays 120 euros.\n"
    )
    seen = verify(tmp_path / "out", sha256=done.sha256)
    assert seen.ok
    assert seen.manifest == done.manifest
    assert done.manifest.partial is False
    assert [signoff.task for signoff in done.manifest.signoffs] == [f"{gig}.{n}" for n in (1, 2, 3)]
    (record,) = recorded(office, gig)
    assert (record.form, record.manifest_sha256, record.partial) == ("files", done.sha256, False)
    assert record.tasks == (f"{gig}.1", f"{gig}.2", f"{gig}.3")
    assert review.prepare_sign(office.desk, [gig]).signed_before == record.tasks


def test_the_place_by_default(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (done,) = deliver(office.desk, [office.signed_translation()], Options())
    assert done.path == "acme-1.delivery"
    assert verify(Path("acme-1.delivery")).ok


def test_a_zip(office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    deliver(office.desk, [gig], Options(output=tmp_path / "out.zip"))
    assert verify(tmp_path / "out.zip").ok
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert sorted(archive.namelist()) == ["MANIFEST.json", "contrat.en.md"]
        archive.extractall(tmp_path / "unzipped")
    assert verify(tmp_path / "unzipped").ok
    assert len(recorded(office, gig)) == 1


def test_the_files_do_not_depend_on_when(tmp_path: Path) -> None:
    """Same sources, same signatures, same clock: the same bytes, zip and all."""
    moments = iter([datetime(2026, 1, 1, tzinfo=UTC)] * 10_000)
    office = Office(tmp_path / "office", now=lambda: next(moments))
    gig = office.signed_translation()
    for name in ("a.zip", "b.zip"):
        deliver(office.desk, [gig], Options(output=tmp_path / name))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    office.close()


def test_signed_with_a_key(office: Office, tmp_path: Path) -> None:
    key = make_key(tmp_path)
    allowed = allow(tmp_path, ("ada", key))
    gig = office.signed_translation(signer=str(key))
    deliver(office.desk, [gig], Options(output=tmp_path / "out", signer=str(key)))
    seen = verify(tmp_path / "out", allowed=allowed)
    assert seen.ok, seen.problems
    assert seen.keyed == 3
    other = make_key(tmp_path, "other")
    deliver(office.desk, [gig], Options(output=tmp_path / "forged", signer=str(other)))
    assert not verify(tmp_path / "forged", allowed=allowed).ok


# --- the gate ---


def test_nothing_unsigned_goes_out(office: Office, tmp_path: Path) -> None:
    gig = office.translation()
    with pytest.raises(WaitsForHuman) as caught:
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert caught.value.message == f"{gig} is not delivered: 3 of 3 tasks are unsigned ({gig}.1, {gig}.2, {gig}.3)"
    assert caught.value.hint == f"gigctl run {gig}"
    for task, text in zip(office.tasks(gig), ENGLISH, strict=True):
        office.draft(task.ref, text)
    office.sign(f"{gig}.1", f"{gig}.3")
    with pytest.raises(WaitsForHuman) as caught:
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert caught.value.message == f"{gig} is not delivered: 1 of 3 tasks is unsigned ({gig}.2)"
    assert caught.value.hint == "gigctl queue -c acme"
    assert caught.value.exit_code == 7
    assert not (tmp_path / "out").exists()
    assert recorded(office, gig) == []


def test_edited_after_it_was_signed(office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    review.reopen(office.desk, [f"{gig}.2"])
    review.add_edit(office.desk, office.task(f"{gig}.2"), Content.of_text("Something else."))
    with pytest.raises(WaitsForHuman, match=rf"1 of 3 tasks is unsigned \({gig}.2\)"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def test_reopened_after_it_was_signed(office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    review.reopen(office.desk, [f"{gig}.1"])
    with pytest.raises(WaitsForHuman):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def test_reopened_while_it_is_delivered(tmp_path: Path) -> None:
    """Between the look at the signatures and the record of the delivery, by another gigctl."""
    armed: list[str] = []

    def now() -> datetime:
        moment = datetime.now(UTC)
        if armed and _depth() == "_manifest":
            ref = armed.pop()
            with Desk(office.desk.paths, office.environ) as other:
                review.reopen(other, [ref])
        return moment

    office = Office(tmp_path / "office", now=now)
    gig = office.signed_translation()
    armed.append(f"{gig}.2")
    with pytest.raises(WaitsForHuman, match=rf"{gig}.2 changed while"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert not armed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "office"]
    assert recorded(office, gig) == []
    office.close()


def _depth() -> str:
    """The function that asked for the time."""
    import sys

    return sys._getframe(2).f_code.co_name


def _tamper(office: Office, sql: str, *values: object) -> None:
    """As somebody who edits the ledger's file by hand."""
    with closing(sqlite3.connect(office.desk.paths.ledger)) as connection, connection:
        assert connection.execute(sql, values).rowcount > 0


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE decision SET voided = '2026-01-01' WHERE kind = 'sign'", "signature is void"),
        ("UPDATE decision SET signed_revision = 'x' WHERE kind = 'sign'", "not what was signed"),
        ("UPDATE decision SET signed_input = 'x' WHERE kind = 'sign'", "another version of its source"),
        ("UPDATE task_input SET hash = 'x'", "another version of its source"),
        ("UPDATE task SET signed = NULL", "has no signature"),
        (
            "UPDATE blob SET data = CAST('Forged.' AS BLOB) WHERE CAST(data AS TEXT) LIKE 'The client%'",
            "changed outside",
        ),
        ("UPDATE revision_file SET mode = '100755'", "not what was signed"),
        ("UPDATE decision SET kind = 'redo' WHERE kind = 'sign'", "signature is void"),
    ],
)
def test_a_ledger_that_was_tampered_with(sql: str, why: str, office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    _tamper(office, sql)
    with pytest.raises(LedgerError, match=why):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_signature_that_nobody_made(office: Office, tmp_path: Path) -> None:
    """Every column as a signature would have it, but no event of the journal tells of it."""
    gig = office.signed_translation()
    review.reopen(office.desk, [f"{gig}.2"])
    _tamper(
        office,
        """INSERT INTO decision (task, revision, kind, actor, at, signed_input, signed_revision, signed_checks,
        event) SELECT task, revision, kind, actor, at, signed_input, signed_revision, signed_checks, event FROM decision
        WHERE kind = 'sign' AND voided IS NOT NULL""",
    )
    _tamper(office, "UPDATE decision SET actor = 'Mallory' WHERE id = (SELECT max(id) FROM decision)")
    _tamper(
        office, """UPDATE task SET state = 'signed', signed = (SELECT max(id) FROM decision) WHERE signed IS NULL"""
    )
    with pytest.raises(LedgerError, match=rf"{gig}.2's signature can't be relied on"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def test_damage_to_another_gig_holds_nothing_up(office: Office, tmp_path: Path) -> None:
    """Its own delivery is refused, and `ledger verify` tells of it."""
    sound, damaged = office.signed_translation(), office.signed_translation()
    _tamper(office, f"UPDATE decision SET actor = 'Mallory' WHERE task = {office.task(f'{damaged}.1').id}")
    deliver(office.desk, [sound], Options(output=tmp_path / "out"))
    assert verify(tmp_path / "out").ok
    with pytest.raises(LedgerError, match=rf"{damaged}.1's signature can't be relied on"):
        deliver(office.desk, [damaged], Options(output=tmp_path / "other"))


def test_a_failed_check_that_nobody_answered_for(office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    _tamper(office, """UPDATE decision SET signed_checks = '[["structure","skip",true,"f",false]]'""")
    with pytest.raises(GateError, match="at skip and no reason"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def test_a_check_that_was_overruled_is_in_the_manifest(office: Office, tmp_path: Path) -> None:
    gig = office.translation("Le client paie 120 euros.\n")
    office.draft(f"{gig}.1", "The client pays 12 euros.")
    with pytest.raises(GateError, match="numbers"):
        office.sign(gig)
    office.sign(gig, despite="the price was changed on the phone")
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    (signoff,) = done.manifest.signoffs
    assert signoff.despite == "the price was changed on the phone"
    assert ("numbers", "fail", True) in [(check.name, check.verdict, check.required) for check in signoff.checks]


def test_nothing_of_anybody_else_is_in_the_manifest(office: Office, tmp_path: Path) -> None:
    office.add_client("other", glossary="secret glossary")
    office.add_gig(client="other", craft="writing", brief="Secret brief")
    gig = office.translation("Bonjour.\n")
    review.redo(office.desk, [gig], "an internal note", ["manual"])
    office.draft(f"{gig}.1", "Hello.")
    office.sign(gig)
    deliver(office.desk, [gig], Options(output=tmp_path / "out", ai_statement=True))
    text = (tmp_path / "out" / MANIFEST).read_text()
    for word in ("secret", "Secret", "internal note", "other", "cost", "Bonjour", "USD"):
        assert word not in text


# --- parts ---


def _two_languages(office: Office) -> str:
    gig = office.translation("# Un\n\nDeux.\n", to=("en", "de"))
    for task in office.tasks(gig):
        office.draft(task.ref, f"{task.language} {task.number}")
    return gig


def test_one_language_of_two(office: Office, tmp_path: Path) -> None:
    gig = _two_languages(office)
    english = [task.ref for task in office.tasks(gig) if task.language == "en"]
    office.sign(*english)
    with pytest.raises(WaitsForHuman, match="2 of 4"):
        deliver(office.desk, [gig], Options(output=tmp_path / "all"))
    for n, options in enumerate((Options(partial=True), Options(languages=("en",)))):
        out = tmp_path / f"out{n}"
        (done,) = deliver(office.desk, [gig], Options(output=out, partial=options.partial, languages=options.languages))
        assert names(out) == ["MANIFEST.json", "contrat.en.md"]
        assert done.manifest.partial
        assert done.manifest.languages == ("en",)
        assert done.manifest.missing == tuple(t.ref for t in office.tasks(gig) if t.language == "de")
        assert recorded(office, gig)[n].partial
        assert recorded(office, gig)[n].tasks == tuple(english)
    with pytest.raises(WaitsForHuman):
        deliver(office.desk, [gig], Options(output=tmp_path / "de", languages=("de",)))
    with pytest.raises(UsageError, match="not translated into it"):
        deliver(office.desk, [gig], Options(output=tmp_path / "it", languages=("it",)))


def test_a_part_is_whole_files(office: Office, tmp_path: Path) -> None:
    gig = office.translation()
    for task, text in zip(office.tasks(gig), ENGLISH, strict=True):
        office.draft(task.ref, text)
    office.sign(f"{gig}.1", f"{gig}.2")
    with pytest.raises(WaitsForHuman, match="no file of it is signed as a whole"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out", partial=True))
    office.sign(f"{gig}.3")
    with pytest.raises(UsageError, match=f"{gig}.1 is a part of contrat.en.md with 2 more"):
        deliver(office.desk, [f"{gig}.1"], Options(output=tmp_path / "out"))
    (done,) = deliver(office.desk, [f"{gig}.{n}" for n in (3, 1, 2)], Options(output=tmp_path / "out"))
    assert not done.manifest.partial


def test_texts_without_files(office: Office, tmp_path: Path) -> None:
    """Three texts of a gig, the middle one unsigned: each keeps the name that it has in the whole."""
    tasks = tuple(TaskWish(name=f"t{n}", brief=f"Write {n}") for n in (1, 2, 3))
    gig = office.add_gig(craft="writing", brief="Write", tasks=tasks)
    for task in office.tasks(gig):
        office.draft(task.ref, f"Text {task.number}")
    office.sign(gig)
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "whole"))
    whole = {name: (tmp_path / "whole" / name).read_bytes() for name in names(tmp_path / "whole") if name != MANIFEST}
    assert len(whole) == 3
    review.reopen(office.desk, [f"{gig}.2"])
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "part", partial=True))
    part = {name: (tmp_path / "part" / name).read_bytes() for name in names(tmp_path / "part") if name != MANIFEST}
    assert part == {name: data for name, data in whole.items() if b"2" not in data}
    assert done.manifest.missing == (f"{gig}.2",)
    deliver(office.desk, [f"{gig}.3"], Options(output=tmp_path / "one"))
    assert len(names(tmp_path / "one")) == 2


def test_two_gigs_at_once(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = office.signed_translation(), office.signed_translation()
    with pytest.raises(UsageError, match="-o names one place"):
        deliver(office.desk, [one, two], Options(output=tmp_path / "out"))
    assert [done.path for done in deliver(office.desk, [one, two], Options())] == [f"{one}.delivery", f"{two}.delivery"]


def test_one_gig_that_is_not_ready_stops_the_other(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WaitsForHuman):
        deliver(office.desk, [office.signed_translation(), office.translation()], Options())
    assert not (tmp_path / "acme-1.delivery").exists()


@pytest.mark.parametrize(
    ("words", "options", "why"),
    [
        (["acme"], Options(), "is a client"),
        (["acme-9"], Options(), "no gig"),
        (["nonsense"], Options(), "no client"),
        (["acme-1.1@1"], Options(), "is a revision"),
        (["acme-1"], Options(form="tarball"), "expected files, branch, patches or squash"),
        (["acme-1"], Options(form="squash"), "files are its one form"),
        (["acme-1"], Options(form="patches"), "files are its one form"),
        (["acme-1"], Options(form="branch"), "files are its one form"),
        (["acme-1"], Options(branch="x"), "none is delivered"),
        (["acme-1"], Options(form="branch", output=Path("x")), "nothing to write"),
        (["acme-1"], Options(form="squash", output=Path("x"), branch="y"), "a place for files"),
        (["acme-1"], Options(output=Path("x.csv")), "a folder, or a zip"),
        (["acme-1"], Options(output=Path("-")), "a folder, or a zip"),
    ],
)
def test_what_is_no_delivery(words: list[str], options: Options, why: str, office: Office) -> None:
    office.signed_translation()
    with pytest.raises(UsageError, match=why):
        deliver(office.desk, words, options)


def test_a_gig_without_tasks(office: Office, tmp_path: Path) -> None:
    gig = office.translation("```\ncode alone\n```\n")
    with pytest.raises(UsageError, match="nothing to deliver"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def test_a_file_with_nothing_to_translate_goes_along(office: Office, tmp_path: Path) -> None:
    (office.folder / "a.fr.md").write_text("Bonjour.\n")
    (office.folder / "b.fr.md").write_text("```\n1\n```\n")
    gig = office.add_gig(craft="translation", sources=("a.fr.md", "b.fr.md"), source_language="fr", targets=("en",))
    office.draft(f"{gig}.1", "Hello.")
    office.sign(gig)
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert (tmp_path / "out" / "b.en.md").read_bytes() == b"```\n1\n```\n"


def test_a_text_beside_a_document_is_not_lost(office: Office, tmp_path: Path) -> None:
    """A task without a file in a gig that has one: both come out."""
    (office.folder / "a.fr.md").write_text("Bonjour.\n")
    tasks = (TaskWish(name="doc", sources=("a.fr.md",)), TaskWish(name="slogan", brief="Merci"))
    gig = office.add_gig(craft="translation", source_language="fr", targets=("en",), tasks=tasks)
    office.draft(f"{gig}.1", "Hello.")
    office.draft(f"{gig}.2", "Thanks")
    office.sign(gig)
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    texts = {(tmp_path / "out" / name).read_text() for name in names(tmp_path / "out") if name != MANIFEST}
    assert texts == {"Hello.\n", "Thanks"}


def test_a_text_without_a_file_in_one_language_of_two(office: Office, tmp_path: Path) -> None:
    (office.folder / "a.fr.md").write_text("Bonjour.\n")
    tasks = (TaskWish(name="doc", sources=("a.fr.md",)), TaskWish(name="slogan", brief="Merci", targets=("de",)))
    gig = office.add_gig(craft="translation", source_language="fr", targets=("en", "de"), tasks=tasks)
    for task in office.tasks(gig):
        office.draft(task.ref, f"{task.name} {task.language}")
    office.sign(gig)
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    texts = {(tmp_path / "out" / name).read_text() for name in names(tmp_path / "out") if name != MANIFEST}
    assert texts == {"doc en\n", "doc de\n", "slogan de"}


# --- no craft is believed ---


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CRAFTS, "careless", "support.careless_craft")


def _careless(office: Office, title: str) -> str:
    tasks = tuple(TaskWish(name=f"t{n}", brief=f"Write {n}") for n in (1, 2))
    gig = office.add_gig(craft="careless", title=title, brief="Write", tasks=tasks)
    for task in office.tasks(gig):
        office.draft(task.ref, f"Text {task.number}")
    return gig


@pytest.mark.usefixtures("careless")
def test_a_craft_that_loses_a_text(office: Office, tmp_path: Path) -> None:
    gig = _careless(office, "loses")
    office.sign(gig)
    with pytest.raises(LedgerError, match=rf"{gig}.2 is signed, and no file"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


@pytest.mark.usefixtures("careless")
def test_a_craft_that_mixes_in_what_is_unsigned(office: Office, tmp_path: Path) -> None:
    gig = _careless(office, "mixes")
    office.sign(f"{gig}.1")
    with pytest.raises(WaitsForHuman, match="no file of it is signed as a whole"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out", partial=True))
    with pytest.raises(UsageError, match="a file is delivered whole"):
        deliver(office.desk, [f"{gig}.1"], Options(output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("careless")
def test_a_craft_that_names_files_by_their_text(office: Office, tmp_path: Path) -> None:
    gig = _careless(office, "names")
    office.sign(gig)
    with pytest.raises(AssertionError, match="names files by what is in them"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def test_a_source_that_is_another_now(office: Office, tmp_path: Path) -> None:
    gig = office.translation("Bonjour.\n")
    office.draft(f"{gig}.1", "Hello.")
    office.sign(gig)
    _tamper(office, "UPDATE task SET place = json_set(place, '$.start', 2)")
    with pytest.raises(LedgerError, match=r"can't be assembled: contrat\.fr\.md is not the file"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


# --- names ---


def test_names_that_would_be_one_file(office: Office, tmp_path: Path) -> None:
    for name in ("Note.fr.md", "note.fr.md"):
        (office.folder / name).write_text("Bonjour.\n")
    gig = office.add_gig(
        craft="translation", sources=("Note.fr.md", "note.fr.md"), source_language="fr", targets=("en",)
    )
    for task in office.tasks(gig):
        office.draft(task.ref, "Hello.")
    office.sign(gig)
    with pytest.raises(UsageError, match="would be one file"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


@pytest.mark.parametrize("name", ["../x.md", "/etc/x.md", ".git/hooks/x", "a/../../x.md", "MANIFEST.json", "a\\b.md"])
def test_hostile_names_write_nothing(name: str, office: Office, tmp_path: Path) -> None:
    """However such a name came into the ledger."""
    gig = office.translation("Bonjour.\n", name="x.txt")
    office.draft(f"{gig}.1", "Hello.")
    office.sign(gig)
    _tamper(office, "UPDATE source SET name = ?", name)
    _tamper(office, "UPDATE task SET place = json_set(place, '$.file', ?)", name)
    before = sorted(tmp_path.rglob("*"))
    if name == "MANIFEST.json":
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
        assert sorted(names(tmp_path / "out")) == ["MANIFEST.en.json", "MANIFEST.json"]
        return
    with pytest.raises(UsageError, match="can't be delivered"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out" / "deep"))
    with pytest.raises(UsageError, match="can't be delivered"):
        preview(office.desk, gig, tmp_path / "out" / "deep")
    assert sorted(path for path in tmp_path.rglob("*") if "ledger" not in path.name) == [
        path for path in before if "ledger" not in path.name
    ]


def test_a_name_too_long_for_the_disk(office: Office, tmp_path: Path) -> None:
    gig = office.translation("Bonjour.\n", name="x.txt")
    office.draft(f"{gig}.1", "Hello.")
    office.sign(gig)
    name = "x" * 300 + ".txt"
    _tamper(office, "UPDATE source SET name = ?", name)
    _tamper(office, "UPDATE task SET place = json_set(place, '$.file', ?)", name)
    with pytest.raises(ConfigError, match="can't write"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert recorded(office, gig) == []


# --- never over anything ---


def test_nothing_is_overwritten(office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    out = tmp_path / "out"
    deliver(office.desk, [gig], Options(output=out))
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(UsageError) as caught:
        deliver(office.desk, [gig], Options(output=out))
    assert caught.value.exit_code == 2
    assert caught.value.hint == f"-o {out}-2, or move it away"
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert len(recorded(office, gig)) == 1
    deliver(office.desk, [gig], Options(output=tmp_path / "out-2"))
    assert len(recorded(office, gig)) == 2


@pytest.mark.parametrize("name", ["out", "out.zip"])
@pytest.mark.parametrize("there", ["file", "folder", "link", "dangling"])
def test_whatever_is_there_stays(name: str, there: str, office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    target = tmp_path / name
    if there == "file":
        target.write_bytes(b"mine")
    elif there == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path if there == "link" else tmp_path / "nothing")
    with pytest.raises(UsageError, match="already there"):
        deliver(office.desk, [gig], Options(output=target))
    with pytest.raises(UsageError, match="already there"):
        preview(office.desk, gig, target)
    assert recorded(office, gig) == []
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_a_target_that_appears_in_between(name: str, tmp_path: Path) -> None:
    """After the look at the place, before the name is taken: the clock is asked in the record's transaction."""
    armed: list[Path] = []

    def now() -> datetime:
        if armed and _is_writing():
            target = armed.pop()
            target.mkdir()
            (target / "mine").write_bytes(b"mine")
        return datetime.now(UTC)

    office = Office(tmp_path / "office", now=now)
    gig = office.signed_translation()
    armed.append(tmp_path / name)
    with pytest.raises(UsageError, match="already there"):
        deliver(office.desk, [gig], Options(output=tmp_path / name))
    assert names(tmp_path / name) == ["mine"]
    assert recorded(office, gig) == []
    assert not list(tmp_path.glob(".out*"))
    office.close()


def _is_writing() -> bool:
    import sys

    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "_write_files":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def test_a_delivery_whose_record_is_missing_is_found(office: Office, tmp_path: Path) -> None:
    """What a crash between the two leaves; the test of the crash itself is beside this one."""
    gig = office.signed_translation()
    out = tmp_path / "out"
    (first,) = deliver(office.desk, [gig], Options(output=out))
    _tamper(office, "DELETE FROM delivery_task")
    _tamper(office, "DELETE FROM delivery")
    (again,) = deliver(office.desk, [gig], Options(output=out))
    assert again.found
    assert again.sha256 == first.sha256
    assert [record.manifest_sha256 for record in recorded(office, gig)] == [first.sha256]
    with pytest.raises(UsageError, match="already there"):
        deliver(office.desk, [gig], Options(output=out))
    _tamper(office, "DELETE FROM delivery_task")
    _tamper(office, "DELETE FROM delivery")
    with pytest.raises(UsageError, match="already there"):  # that one has no signature
        deliver(office.desk, [gig], Options(output=out, signer=str(make_key(tmp_path))))


def test_another_delivery_at_the_place_is_not_taken_for_ours(office: Office, tmp_path: Path) -> None:
    one, two = office.signed_translation(), office.signed_translation()
    deliver(office.desk, [one], Options(output=tmp_path / "out"))
    with pytest.raises(UsageError, match="already there"):
        deliver(office.desk, [two], Options(output=tmp_path / "out"))
    assert recorded(office, two) == []


# --- preview ---


def test_a_preview_can_not_be_taken_for_a_delivery(office: Office, tmp_path: Path) -> None:
    gig = office.translation()
    office.draft(f"{gig}.1", ENGLISH[0])
    made = preview(office.desk, gig, tmp_path / "look")
    assert names(tmp_path / "look") == ["UNSIGNED.txt", "contrat.en.UNSIGNED.md"]
    assert (tmp_path / "look" / "contrat.en.UNSIGNED.md").read_text() == CONTRACT.replace(
        "Contrat de prestation", "Service contract"
    )
    assert made.unsigned == tuple(f"{gig}.{n}" for n in (1, 2, 3))
    assert made.undrafted == (f"{gig}.2", f"{gig}.3")
    note = (tmp_path / "look" / "UNSIGNED.txt").read_text()
    assert f"  {gig}.1\n  {gig}.2 (no draft: as in the source)\n" in note
    seen = verify(tmp_path / "look")
    assert not seen.ok
    assert "a preview" in seen.problems[0].message
    assert recorded(office, gig) == []


def test_a_preview_of_signed_work_is_still_none(office: Office, tmp_path: Path) -> None:
    gig = office.signed_translation()
    made = preview(office.desk, gig, tmp_path / "look")
    assert made.unsigned == ()
    assert not verify(tmp_path / "look").ok


# --- who drafted ---


def test_what_machines_drafted_is_said_honestly(office: Office, tmp_path: Path) -> None:
    gig = office.translation()
    office.draft(f"{gig}.1", ENGLISH[0])
    office.draft(f"{gig}.2", "The provider brings the report.")
    review.add_edit(office.desk, office.task(f"{gig}.2"), Content.of_text(ENGLISH[1]))
    review.add_edit(office.desk, office.task(f"{gig}.3"), Content.of_text(ENGLISH[2]))
    office.sign(gig, despite="checked by hand")
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out", ai_statement=True))
    use = done.manifest.ai_use
    assert use is not None
    assert [(d.agent, d.tasks, d.edited) for d in use.drafts] == [
        ("", (f"{gig}.3",), ()),
        ("an agent", (f"{gig}.1", f"{gig}.2"), (f"{gig}.2",)),
    ]
    assert ": 2 of 3 parts; changed by a person since: 1; written by a person alone: 1." in use.statement
    assert read_manifest((tmp_path / "out" / MANIFEST).read_bytes()).ai_use == use
    deliver(office.desk, [gig], Options(output=tmp_path / "quiet"))
    assert b"aiUse" not in (tmp_path / "quiet" / MANIFEST).read_bytes()


def test_a_machines_name_is_the_models(office: Office, tmp_path: Path) -> None:
    """Drafted by a real run of a real agent."""
    (office.folder / "answers.json").write_text('[{"match": "Bonjour", "answer": "Hello."}]')
    config = office.desk.paths.agents_file
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f'[box]\nkind = "scripted"\nmodel = "tiny-1"\nargv = ["{office.folder}/answers.json"]\n')
    gig = office.translation("Bonjour.\n")
    options = RunOptions(agents=("box",))
    carry_out(office.desk, plan_run(office.desk, [gig], options, ("box",)), options, lambda *_: None)
    office.sign(gig)
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out", ai_statement=True))
    assert done.manifest.ai_use is not None
    (draft,) = done.manifest.ai_use.drafts
    assert (draft.agent, draft.tasks, draft.edited) == ("box", (f"{gig}.1",), ())
    assert f"Drafted by machine ({draft.model or 'box'}): 1 of 1 parts" in done.manifest.ai_use.statement


def test_no_machine_at_all(office: Office, tmp_path: Path) -> None:
    gig = office.translation("Bonjour.\n")
    review.add_edit(office.desk, office.task(f"{gig}.1"), Content.of_text("Hello."))
    office.sign(gig)
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out", ai_statement=True))
    assert done.manifest.ai_use is not None
    assert done.manifest.ai_use.statement.startswith("No machine drafted any of the 1 parts.")
