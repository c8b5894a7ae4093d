"""What references mean: a task once, in the order named, and what is wrong said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gigctl.errors import UsageError
from gigctl.flow import references
from support.desk import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "office")
    yield made
    made.close()


def found(office: Office, *words: str, states: tuple[str, ...] | None = None) -> list[str]:
    with office.desk.ledger.reading() as tx:
        return [
            target.task.ref + (f"@{target.revision}" if target.revision else "")
            for target in references.find_tasks(tx, words, states=states)
        ]


def test_a_dash_stands_for_the_first_words_of_standard_input() -> None:
    lines = ["acme-1.1  review  Contrat\n", "\n", "  acme-1.2\n"]
    assert references.expand_dash(["a-1", "-", "b-2"], lines) == ["a-1", "acme-1.1", "acme-1.2", "b-2"]
    assert references.expand_dash(["-"], None) == []
    with pytest.raises(UsageError, match="stands twice"):
        references.expand_dash(["-", "-"], lines)


def test_each_task_once_in_the_order_named(office: Office) -> None:
    gig = office.translation()
    assert found(office, f"{gig}.3", gig, f"{gig}.1") == [f"{gig}.3", f"{gig}.1", f"{gig}.2"]
    assert found(office, f"{gig}.2@1", gig) == [f"{gig}.2@1", f"{gig}.1", f"{gig}.3"]


def test_a_gig_stands_for_its_tasks_of_some_states(office: Office) -> None:
    gig = office.translation()
    office.draft(f"{gig}.2", "Text")
    assert found(office, gig, states=("review",)) == [f"{gig}.2"]
    assert found(office, gig, f"{gig}.1", states=("review",)) == [f"{gig}.2", f"{gig}.1"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["acme-1.1@1", "acme-1.1@2"], "named twice, as different revisions"),
        (["acme-1.1@1", "acme-1.1"], "named twice, as different revisions"),
        (["acme"], "acme is a client: name its gigs"),
        (["acme-1.1@1/2"], "names a part"),
        (["acme-1.9"], "no task acme-1.9"),
        (["acme-7"], "no gig acme-7"),
        (["nobody-1"], 'no client "nobody"'),
        (["!"], "is no reference"),
    ],
)
def test_what_means_nothing(words: list[str], why: str, office: Office) -> None:
    office.translation()
    with pytest.raises(UsageError, match=why):
        found(office, *words)


def test_one_task_or_a_gig_of_one(office: Office) -> None:
    many, single = office.translation(), office.translation("Bonjour.\n")
    with office.desk.ledger.reading() as tx:
        assert references.get_task(tx, single).task.ref == f"{single}.1"
        target = references.get_task(tx, f"{many}.2@4")
        assert (target.task.ref, target.revision) == (f"{many}.2", 4)
        with pytest.raises(UsageError, match="is a gig of 3 tasks: name one"):
            references.get_task(tx, many)


def test_a_gig_and_nothing_in_it(office: Office) -> None:
    gig = office.translation()
    with office.desk.ledger.reading() as tx:
        assert references.get_gig(tx, gig).ref == gig
        with pytest.raises(UsageError, match=f"is a task: name its gig, {gig}"):
            references.get_gig(tx, f"{gig}.1")


def test_the_gigs_that_references_are_in(office: Office) -> None:
    first, second = office.translation(), office.translation()
    with office.desk.ledger.reading() as tx:
        ids = [references.get_gig(tx, gig).id for gig in (first, second)]
        assert references.list_gig_ids(tx, [f"{second}.1", first, f"{second}.2@1"]) == ids[::-1]
        with pytest.raises(UsageError, match="ac is a client") as told:
            references.list_gig_ids(tx, [first, "ac"])
    assert told.value.hint == "gigctl queue -c acme"


def test_the_open_gigs_of_all_and_of_one_client(office: Office) -> None:
    office.add_client("other")
    first = office.translation()
    second = office.add_gig(client="other", craft="writing", brief="Write")
    assert references.list_open_gigs(office.desk) == [first, second]
    assert references.list_open_gigs(office.desk, "other") == [second]


def test_a_part_is_passed_over_by_nobody(office: Office) -> None:
    with office.desk.ledger.reading() as tx:
        for look in (references.get_task, references.get_gig):
            with pytest.raises(UsageError, match="names a part"):
                look(tx, "me-1.1@1/99")
