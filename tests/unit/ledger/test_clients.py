"""Clients: found by a shortened name, kept apart, and coming back under their numbers."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from gigctl.errors import LedgerError, UsageError
from gigctl.ledger import clients, gigs, money, tasks
from gigctl.ledger.store import Ledger, Tx
from gigctl.model import CheckSpec, Reference, Source
from support.books import Work, new_gig, new_task


def add(tx: Tx, slug: str, **fields: Any) -> clients.ClientRecord:
    known = {"name": "", "currency": "EUR", "policy": "any", "style": "", "glossary": "", "rate": None}
    return clients.add_client(tx, slug, **{**known, **fields})


def test_a_name_may_be_shortened_while_it_means_one(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        for slug in ("acme", "acme_two", "bolt", "a_b", "axb"):
            add(tx, slug)
        assert clients.get_client(tx, "acme").slug == "acme"
        assert clients.get_client(tx, "acme_").slug == "acme_two"
        assert clients.get_client(tx, "b").slug == "bolt"
        assert clients.get_client(tx, "a_").slug == "a_b"  # `_` is a letter here, not SQL's any
        with pytest.raises(UsageError, match="several clients: acme, acme_two"):
            clients.get_client(tx, "acm")
        with pytest.raises(UsageError, match="no client"):
            clients.get_client(tx, "zz")


def test_a_client_is_there_once(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        add(tx, "acme")
        with pytest.raises(UsageError, match="already"):
            add(tx, "acme")


def test_what_is_not_said_stays(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        made = add(tx, "acme", name="Acme", style="short", glossary="a,b", rate=6000, policy="local-only")
        changed = clients.edit_client(tx, made, rate=None, name="New")
        assert (changed.name, changed.style, changed.glossary, changed.rate) == ("New", "short", "a,b", None)
        assert changed.policy == "local-only"


def test_one_that_comes_back_goes_on_with_its_numbers(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        first = add(tx, "acme", style="secret")
        assert new_gig(tx, "acme").ref == "acme-1"
        clients.remove_client(tx, first)
        assert [c.slug for c in clients.list_clients(tx)] == ["me"]
        again = add(tx, "acme")
        assert (again.id, again.style) == (first.id, "")
        assert new_gig(tx, "acme").ref == "acme-2"
        with pytest.raises(UsageError, match="no gig acme-1"):
            gigs.get_gig(tx, Reference("acme", 1))
        with pytest.raises(UsageError, match="is a client"):
            gigs.get_gig(tx, Reference("acme"))


def test_gigs_are_listed_by_client_and_state(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        owner = add(tx, "acme")
        new_gig(tx, "me")
        new_gig(tx, "acme", number=0)
        gigs.edit_gig(tx, new_gig(tx, "acme", checks=(), options={"a": 1}), state="closed")

        def refs(*args: Any, **more: Any) -> list[str]:
            return [gig.ref for gig in gigs.list_gigs(tx, *args, **more)]

        assert refs() == ["me-1", "acme-1"]
        assert refs(owner.id) == ["acme-1"]
        assert refs(None, "open") == ["me-1"]
        assert refs(with_scratch=True) == ["me-1", "acme-0", "acme-1"]
        assert gigs.count_gigs(tx, owner.id) == 1


def test_sources_and_their_versions(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        gig = new_gig(tx, base_commit="c" * 40, base_tree="t" * 40, wishes=[{"name": "a"}])
        for name, data in (("b.md", b"1"), ("a.md", b"2"), ("b.md", b"3")):
            gigs.add_source(tx, gig, Source(name, data))
        assert [(s.name, s.data) for s in gigs.list_sources(tx, gig.id)] == [("b.md", b"3"), ("a.md", b"2")]
        assert gigs.list_source_names(tx, gig.id) == ["b.md", "a.md"]
        found = gigs.find_source(tx, gig.id, "b.md")
        assert found is not None
        assert found[1] == hashlib.sha256(b"3").hexdigest()
        assert gigs.find_source(tx, gig.id, "c.md") is None
        assert gigs.list_bases(tx) == {"c" * 40, "t" * 40}
        assert gigs.list_wishes(tx, gig.id) == [{"name": "a"}]
        wishes = tx.value("SELECT wishes FROM gig WHERE id = ?", gig.id)
        gigs.remove_gig(tx, gig)
        assert gigs.list_bases(tx) == set()
        assert gigs.list_wishes(tx, gig.id) == []
        assert tx.value("SELECT data FROM blob WHERE sha256 = ?", wishes) is None


def test_a_gig_is_read_without_its_wishes(ledger: Ledger) -> None:
    """Of 2,000 tasks they are 360 kB of JSON, and `redo -` reads the gig once a task."""
    wishes = [{"name": f"t{n}", "brief": "secret"} for n in range(20)]
    with ledger.writing() as tx:
        gig = new_gig(tx, wishes=wishes, options={"length": "1..2"})
        assert gigs.list_wishes(tx, gigs.edit_gig(tx, gig, options={}).id) == wishes
        tx.run("UPDATE blob SET data = x'00' WHERE sha256 = (SELECT wishes FROM gig WHERE id = ?)", gig.id)
        assert gigs.get_gig_by_id(tx, gig.id).options == {}
        with pytest.raises(LedgerError, match="changed outside"):
            gigs.list_wishes(tx, gig.id)


def test_an_edit_of_a_gigs_settings_keeps_those_it_does_not_name(ledger: Ledger) -> None:
    spec = CheckSpec("sober", "regex", {"pattern": "!"}, required=False)
    with ledger.writing() as tx:
        gig = new_gig(tx, options={"formality": "less"}, checks=[spec], wishes=[{"name": "doc"}])
        edited = gigs.edit_gig(tx, gig, options={"formality": "more"})
        assert (edited.options, edited.checks) == ({"formality": "more"}, (spec,))
        edited = gigs.edit_gig(tx, edited, checks=[])
        assert (edited.options, edited.checks) == ({"formality": "more"}, ())
        assert gigs.list_wishes(tx, gig.id) == [{"name": "doc"}]


def test_tasks_are_counted_by_state(ledger: Ledger) -> None:
    with ledger.writing() as tx:
        gig = new_gig(tx)
        made = [new_task(tx, gig, str(n)) for n in range(4)]
        for task, state in zip(made, ("review", "failed", "cancelled"), strict=False):
            tasks.set_state(tx, task.id, state)  # type: ignore[arg-type]
        counts = gigs.count_tasks(tx, gig.id)
        assert (counts.total, counts.ready, counts.review, counts.failed, counts.cancelled) == (3, 1, 1, 1, 1)
        assert (counts.drafted, counts.delivered) == (0, 0)
        assert gigs.edit_gig(tx, gig) == gig  # nothing said, nothing changed


def test_sums_over_the_ledger(ledger: Ledger) -> None:
    work = Work(ledger)
    work.settle(work.begin(5), 4)
    work.settle(work.begin(6), None, "unknown")
    work.begin(9)
    with ledger.reading() as tx:
        assert money.spent_since(tx, "2020-01-01") == 10
        assert money.spent_since(tx, "2999-01-01") == 0
        assert money.count_state(tx, "ready") == 1
    work.run.end()
