"""What rows say is kept in pages, once, with the jobs that ask for them, and found again in the file's order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gigctl.errors import LedgerError
from gigctl.ledger import gigs, job_rows, jobs
from gigctl.ledger.blobs import Owner, put_text
from gigctl.ledger.job_rows import JobRow, Page, RowsFile, list_rows, mark_of
from gigctl.ledger.jobs import Place, job_key
from gigctl.ledger.opening import Opening, load_migrations, open_ledger
from gigctl.ledger.runs import Run
from gigctl.ledger.store import Ledger, Tx
from gigctl.ledger.verify import check_ledger
from gigctl.records import GigRecord
from support.books import behind, new_gig, new_task

HEAD = '{"csv":true,"columns":["id","name"]}'


class Book:
    """A gig of a batch."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.run = Run(ledger).id
        with ledger.writing() as tx:
            self.gig: GigRecord = new_gig(tx)
        self.ids: dict[str, int] = {}

    def file(self, name: str = "a.csv", head: str = HEAD) -> RowsFile:
        return RowsFile(Owner(self.gig.client_id, self.gig.id), job_key(name), head)

    def read(self, tx: Tx, rows: list[list[str]], name: str = "a.csv", head: str = HEAD, first: int = 2) -> Page:
        """As a batch reads a page of rows; the first cell is the id."""
        file = self.file(name, head)
        texts = [json.dumps(row) for row in rows]
        marks = [mark_of(head, text) for text in texts]
        page = Page(file, dict(zip(marks, texts, strict=True)))
        for line, (row, mark) in enumerate(zip(rows, marks, strict=True), first):
            self.take(tx, row[0], Place(line, page, mark))
        return page

    def take(self, tx: Tx, id_: str, place: Place) -> None:
        found = jobs.find_job(tx, self.gig.id, job_key(id_))
        if found is None:
            task = new_task(tx, self.gig, id_)
            self.ids[id_] = task.id
            jobs.add_job(tx, self.gig.id, job_key(id_), task.id, self.run, place)
        else:
            jobs.see_job(tx, self.gig.id, job_key(id_), self.run, place, found.mark)

    def rows(self) -> list[JobRow]:
        with self.ledger.reading() as tx:
            return list(list_rows(tx, self.gig.id))

    def said(self) -> list[object]:
        return [row.said for row in self.rows()]

    def count(self, table: str) -> int:
        with self.ledger.reading() as tx:
            return int(tx.value(f"SELECT count(*) FROM {table}"))


@pytest.fixture
def book(ledger: Ledger) -> Book:
    return Book(ledger)


def test_a_page_is_written_once_for_all_its_rows(book: Book) -> None:
    rows = [[str(n), f"name {n}"] for n in range(64)]
    before = book.count("blob")
    with book.ledger.writing() as tx:
        book.read(tx, rows)
    assert book.said() == rows
    assert [row.line for row in book.rows()] == list(range(2, 66))
    assert {row.head for row in book.rows()} == {HEAD}
    assert (book.count("job_page"), book.count("job_file")) == (1, 1)
    names = 64  # the tasks' own texts
    assert book.count("blob") - before == names + 2
    assert check_ledger(book.ledger) == []


def test_rows_that_are_read_again_keep_their_page(book: Book) -> None:
    rows = [[str(n), f"name {n}"] for n in range(6)]
    with book.ledger.writing() as tx:
        book.read(tx, rows)
    with book.ledger.writing() as tx:
        book.read(tx, [rows[5], *rows[:3]])
    assert book.count("job_page") == 1
    lines = {row.task: row.line for row in book.rows()}
    assert [lines[book.ids[id_]] for id_ in "5012"] == [2, 3, 4, 5]
    assert check_ledger(book.ledger) == []


def test_a_changed_row_is_on_a_new_page_and_the_others_stay(book: Book) -> None:
    with book.ledger.writing() as tx:
        book.read(tx, [["1", "one"], ["2", "two"]])
    with book.ledger.writing() as tx:
        book.read(tx, [["1", "one"], ["2", "deux"]])
    assert book.said() == [["1", "one"], ["2", "deux"]]
    assert book.count("job_page") == 2
    with book.ledger.writing() as tx:
        book.read(tx, [["1", "one"], ["2", "two"]])  # and back: that page is there
    assert book.said() == [["1", "one"], ["2", "two"]]
    assert book.count("job_page") == 2


def test_what_was_undone_is_written_again(book: Book) -> None:
    """The page that a row was put on in a transaction that failed, or in a part of one."""
    text = '["1","one"]'
    place = Place(2, Page(book.file(), {7: text}), 7)
    with pytest.raises(RuntimeError), book.ledger.writing() as tx:  # noqa: PT012
        book.take(tx, "1", place)
        raise RuntimeError
    with book.ledger.writing() as tx:
        other = Page(book.file("other.csv"), {8: text})
        assert other.put(tx) == 1  # takes the id that the first one had
        with pytest.raises(RuntimeError), tx.savepoint():  # noqa: PT012
            book.take(tx, "1", place)
            raise RuntimeError
        with tx.savepoint():
            book.take(tx, "1", place)
        assert other.put(tx) == 1
    assert book.said() == [["1", "one"]]
    assert check_ledger(book.ledger) == []


def test_files_in_the_order_in_which_they_came(book: Book) -> None:
    with book.ledger.writing() as tx:
        book.read(tx, [["b1", ""], ["b2", ""]], "b.csv")
        book.read(tx, [["a1", ""], ["a2", ""]], "a.csv")
        book.read(tx, [["b3", "", ""], ["b0", "", ""]], "b.csv", HEAD.replace('"id"', '"id","more"'), first=10)
    assert [row.said[0] for row in book.rows() if row.said] == ["b1", "b2", "b3", "b0", "a1", "a2"]


def test_a_line_of_json(book: Book) -> None:
    line = '{"id": "1", "price": 1.10}'
    with book.ledger.writing() as tx:
        page = Page(book.file(head='{"csv":false}'), {1: json.dumps(line)})
        book.take(tx, "1", Place(1, page, 1))
    assert book.rows() == [JobRow(book.ids["1"], '{"csv":false}', 1, line)]


def test_a_row_that_is_gone_from_its_file(book: Book) -> None:
    with book.ledger.writing() as tx:
        page = book.read(tx, [["1", "one"], ["2", "two"]])
        job_rows.lose_row(tx, book.ids["1"])
    gone, there = book.rows()
    assert (gone.line, gone.said, there.line) == (None, ["1", "one"], 3)
    with book.ledger.writing() as tx:
        mark = mark_of(HEAD, '["1", "one"]')
        book.take(tx, "1", Place(9, page, mark))  # it is back
    assert [row.line for row in book.rows()] == [3, 9]


def test_many_pages(book: Book) -> None:
    """More than are kept while they are read from."""
    count = 2 * job_rows._PAGES + 1
    with book.ledger.writing() as tx:
        for n in range(count):
            book.read(tx, [[str(n), ""]], first=n)
    assert [row.said[0] for row in book.rows() if row.said] == [str(n) for n in range(count)]


def test_a_row_that_is_not_where_it_was_kept(book: Book) -> None:
    with book.ledger.writing() as tx:
        book.read(tx, [["1", "one"]])
        tx.run("UPDATE job SET mark = 5")
    with pytest.raises(LedgerError, match="is not where it was kept"):
        book.rows()
    assert any("the row of task 1 is not where it was kept" in line for line in check_ledger(book.ledger))


def test_rows_of_a_gig_that_was_removed_are_erased(book: Book) -> None:
    with book.ledger.writing() as tx:
        book.read(tx, [["1", "a secret name"]])
    with book.ledger.writing() as tx:
        gigs.remove_gig(tx, book.gig)
    with book.ledger.reading() as tx:
        kept = [row["data"] for row in tx.rows("SELECT data FROM blob WHERE data IS NOT NULL")]
        assert not any(b"secret" in data for data in kept)
    assert check_ledger(book.ledger) == []


def test_jobs_from_before(tmp_path: Path) -> None:
    """A ledger of version 3 has jobs whose rows nobody kept."""
    three = Opening(lambda: load_migrations()[:3])
    with open_ledger(tmp_path, opening=three) as old:
        with old.writing() as tx:
            gig = new_gig(tx)
            task = new_task(tx, gig)
            put_text(tx, Owner(gig.client_id, gig.id), "x")
        path = old.path
    behind(path, "INSERT INTO run (begun) VALUES ('then')")
    behind(path, "INSERT INTO job (gig, key, task, seen) VALUES (1, 'k', 1, 1)")
    with open_ledger(tmp_path) as ledger:
        with ledger.reading() as tx:
            assert list(list_rows(tx, gig.id)) == [JobRow(task.id)]
            found = jobs.find_job(tx, gig.id, "k")
        assert found == jobs.Job(task.id, 1, None)
        assert check_ledger(ledger) == []
