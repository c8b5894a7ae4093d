"""`ledger verify`: whatever is changed behind gigctl's back is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gigctl.flow import review
from gigctl.ledger import clients, deliveries, gigs, tasks
from gigctl.ledger.opening import open_ledger
from gigctl.ledger.verify import check_ledger
from gigctl.model import Content
from support.books import Work, behind
from support.desk import Office


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed ledger with all that can be in one."""
    office = Office(tmp_path_factory.mktemp("books"))
    gig = office.signed_translation()
    second = office.translation("Bonjour.\n\nSalut.\n", "b.fr.md")
    for task in office.tasks(second):
        office.draft(task.ref, "Hello 7.")
    review.check_now(office.desk, [second])
    office.sign(office.tasks(second)[0].ref, despite="it is so")
    review.reopen(office.desk, [f"{gig}.2"])
    office.sign(f"{gig}.2")
    ledger = office.desk.ledger
    work = Work(ledger, budget=100)
    work.settle(work.begin(9), 7, answer="Hello")
    work.begin(3)
    with ledger.writing() as tx:
        record = next(g for g in gigs.list_gigs(tx) if g.ref == gig)
        deliveries.add_delivery(
            tx, record, list(tasks.list_tasks(tx, record.id)), form="files", manifest=b"{}", partial=False
        )
        tasks.add_input(tx, tasks.owner_of(work.task), work.task.id, Content.of_text("newer"))
        client = clients.get_client(tx, "acme")
        clients.edit_client(tx, client, policy="local-only", style="short")
        gigs.remove_gig(tx, gigs.add_gig(tx, client, craft="writing", title="gone"))
    office.add_client("gone")
    with ledger.writing() as tx:
        clients.remove_client(tx, clients.get_client(tx, "gone"))
    assert check_ledger(ledger) == []
    office.close()
    return office.folder / "gigctl" / "data" / "ledger.sqlite"


@pytest.fixture
def path(kept: Path, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return Path(shutil.copy(kept, tmp_path / "data" / "ledger.sqlite"))


def wrong(path: Path) -> list[str]:
    with open_ledger(path.parent) as ledger:
        return check_ledger(ledger)


TAMPERED = {
    "a signed text's bytes": "UPDATE blob SET data = CAST('The provider burns the report.' AS BLOB) WHERE data = CAST('The provider delivers the report.' AS BLOB)",  # noqa: E501
    "a blob that is emptied": "UPDATE blob SET data = NULL WHERE data = CAST('Service contract' AS BLOB)",
    "which blob a revision means": "UPDATE revision_file SET sha256 = (SELECT sha256 FROM blob LIMIT 1) WHERE revision = 1",  # noqa: E501
    "a revision's path": "UPDATE revision_file SET path = 'other' WHERE revision = 1",
    "a revision's mode": "UPDATE revision_file SET mode = '100755' WHERE revision = 1",
    "a revision's file that is gone": "DELETE FROM revision_file WHERE revision = 1",
    "who made a revision": "UPDATE revision SET made_by = 'human' WHERE id = 1",
    "a revision's base": "UPDATE revision SET base = 'abc' WHERE id = 1",
    "a revision's number": "UPDATE revision SET number = 9 WHERE id = 1",
    "a decision's kind": "UPDATE decision SET kind = 'sign' WHERE kind = 'reopen'",
    "a decision's actor": "UPDATE decision SET actor = 'somebody' WHERE id = 1",
    "a decision's time": "UPDATE decision SET at = '2020-01-01T00:00:00.000000Z' WHERE id = 1",
    "what was signed": "UPDATE decision SET signed_revision = (SELECT sha256 FROM revision WHERE id = 2) WHERE id = 1",
    "the checks that were seen": "UPDATE decision SET signed_checks = replace(signed_checks, 'fail', 'pass') WHERE despite IS NOT NULL",  # noqa: E501
    "a despite that is taken back": "UPDATE decision SET despite = NULL WHERE despite IS NOT NULL",
    "a signature that is void": "UPDATE decision SET voided = NULL WHERE voided IS NOT NULL",
    "a signature that is made void": "UPDATE decision SET voided = '2020' WHERE id = 1",
    "a decision that is gone": "DELETE FROM decision WHERE kind = 'reopen'",
    "an attempt's cost": "UPDATE attempt SET cost = 1 WHERE outcome = 'draft'",
    "an attempt's outcome": "UPDATE attempt SET outcome = 'refused' WHERE outcome = 'draft'",
    "an attempt's reservation": "UPDATE attempt SET reserved = 1 WHERE outcome IS NULL",
    "an attempt's end": "UPDATE attempt SET outcome = 'draft', cost = 0 WHERE outcome IS NULL",
    "an attempt's request": "UPDATE attempt SET request = (SELECT 'x' FROM request) WHERE id = 1",
    "a gig's money": "UPDATE gig SET spent = 0",
    "a run's money": "UPDATE run SET reserved = 0",
    "an event": "UPDATE event SET body = CAST(replace(CAST(body AS TEXT), 'sign', 'sine') AS BLOB) WHERE id = (SELECT event FROM decision LIMIT 1)",  # noqa: E501
    "an input's hash": "UPDATE task_input SET hash = (SELECT hash FROM task_input WHERE task = 2) WHERE task = 1",
    "an input's text": "UPDATE task_input SET text = (SELECT text FROM task_input WHERE task = 2) WHERE task = 1",
    "a later input": "UPDATE task_input SET hash = 'x' WHERE n = 2",
    "a source": "UPDATE source SET sha256 = (SELECT sha256 FROM source WHERE id = 2) WHERE id = 1",
    "a verdict": "UPDATE verdict SET outcome = 'pass' WHERE outcome = 'fail'",
    "a check that is not required any more": "UPDATE revision_verdict SET required = 0",
    "a check that is gone": "DELETE FROM revision_verdict WHERE name = 'numbers' AND revision = (SELECT current FROM task WHERE state = 'review')",  # noqa: E501
    "a client's wall": "UPDATE client SET policy = 'any'",
    "a client who is hidden": "UPDATE client SET removed = '2020' WHERE slug = 'acme'",
    "a client who is brought back": "UPDATE client SET removed = NULL WHERE slug = 'gone'",
    "a gig that is hidden": "UPDATE gig SET removed = '2020' WHERE id = 1",
    "a task said to be signed": "UPDATE task SET state = 'signed' WHERE state = 'review'",
    "a task signed by another's signature": "UPDATE task SET state = 'signed', signed = 1, current = 1 WHERE state = 'review'",  # noqa: E501
    "a signed task that means another revision": "UPDATE task SET current = 2 WHERE id = 1",
    "a delivery": "UPDATE delivery SET form = 'zip'",
    "a delivery that is gone": "DELETE FROM delivery",
}  # fmt: skip


@pytest.mark.parametrize("sql", TAMPERED.values(), ids=TAMPERED.keys())
def test_what_was_changed_behind_its_back(path: Path, sql: str) -> None:
    assert wrong(path) == []
    behind(path, sql)
    found = wrong(path)
    assert found
    assert all(line and "\n" not in line for line in found)


def test_a_row_that_nobody_added(path: Path) -> None:
    behind(
        path,
        "INSERT INTO revision (task, number, input, sha256, made_by, created, event) VALUES (1, 8, 1, 'x', 'human', 'now', 1)",  # noqa: E501
    )
    assert any("is not in the journal" in line for line in wrong(path))


def test_damaged_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(4096 * 8, len(data), 4096):
        data[at : at + 60] = b"\xff" * 60
    path.write_bytes(data)
    from gigctl.errors import LedgerError

    try:
        assert wrong(path)
    except LedgerError as error:
        assert "restore" in (error.hint or "")  # noqa: PT017  # either way of finding it is right


def test_verdicts_that_were_forgotten_are_no_damage(path: Path) -> None:
    from gigctl.ledger import revisions

    with open_ledger(path.parent) as ledger:
        with ledger.writing() as tx:
            for gig in list(gigs.list_gigs(tx)):
                revisions.forget_verdicts(tx, gig.id)
            open_ = tx.value("SELECT count(*) FROM revision WHERE assessed IS NULL")
        assert open_ == 1  # what is signed keeps what it was signed by
        assert check_ledger(ledger) == []
