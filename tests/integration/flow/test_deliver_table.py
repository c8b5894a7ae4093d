"""A batch's file goes back with the signed texts beside its rows: as it came, signed, safe, and provable."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gigctl.errors import GateError, LedgerError, UsageError, WaitsForHuman
from gigctl.flow import review
from gigctl.flow.batch import BatchOptions, carry_out_batch, open_batch
from gigctl.flow.gigfile import TaskWish
from gigctl.flow.jobs import load_asked
from gigctl.flow.manifest import BESIDE, read_manifest
from gigctl.flow.rows import read_rows
from gigctl.flow.runoptions import RunOptions
from gigctl.flow.tasks import add
from gigctl.flow.verify import verify
from gigctl.ledger import deliveries, gigs
from gigctl.model import Content, Reference
from support.desks import add_texts, task_of
from support.keys import allow, make_key
from support.llm_server import LLMServer
from support.shops import CATALOGUE, Shop, described, table


@pytest.fixture(scope="module")
def server() -> Iterator[LLMServer]:
    with LLMServer(described) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path, server: LLMServer) -> Iterator[Shop]:
    made = Shop(tmp_path, server)
    yield made
    made.desk.close()


def recorded(shop: Shop) -> list[str]:
    with shop.desk.ledger.reading() as tx:
        gig = gigs.get_gig(tx, Reference("me", 1))
        return [found.manifest_sha256 for found in deliveries.list_deliveries(tx, gig)]


# --- the main way ---


def test_a_catalogue(shop: Shop) -> None:
    assert shop.signed() == (
        b"id;name;note;output\r\n007;Tea;;A fine thing: Tea.\r\n"
        b'008;Salt;"fine; white";A fine thing: Salt.\r\n009;Soap;;A fine thing: Soap.\r\n'
    )
    assert shop.names() == ["out.csv", "out.csv.manifest.json"]
    seen = verify(shop.folder / "out.csv")
    assert seen.ok, seen.problems
    assert seen.manifest is not None
    assert [file.path for file in seen.manifest.files] == ["out.csv"]
    assert [signoff.task for signoff in seen.manifest.signoffs] == ["me-1.1", "me-1.2", "me-1.3"]
    assert not seen.manifest.partial
    assert recorded(shop) == [seen.sha256]
    text = (shop.folder / f"out.csv{BESIDE}").read_text()
    assert not any(word in text for word in ("cost", "Describe", "USD", '"a"'))


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("id,name\n1,Tea\n", "utf-8", b"id,name,output\n1,Tea,A fine thing: Tea.\n"),
        ("\ufeffid;name\r\n1;Tea\r\n", "utf-8", b"\xef\xbb\xbfid;name;output\r\n1;Tea;A fine thing: Tea.\r\n"),
        ("id;name\n1;Th\u00e9\n", "cp1252", "\ufeffid;name;output\n1;Th\u00e9;A fine thing: Th\u00e9.\n".encode()),
        ("sep=;\r\nid;name\r\n1;Tea\r\n", "utf-8", b"sep=;\r\nid;name;output\r\n1;Tea;A fine thing: Tea.\r\n"),
        ('"id","name"\n"1","Tea"\n', "utf-8", b'"id","name","output"\n"1","Tea","A fine thing: Tea."\n'),
        ("id\tname\n1\tTea\n", "utf-8", b"id\tname\toutput\n1\tTea\tA fine thing: Tea.\n"),
        ("id,name,output\n1,Tea,old\n", "utf-8", b"id,name,output,gigctl_output\n1,Tea,old,A fine thing: Tea.\n"),
        ("id,name,,x,x\n1,Tea,a,b,c\n", "utf-8", b"id,name,,x,x,output\n1,Tea,a,b,c,A fine thing: Tea.\n"),
        ("id,name,note\n1,Tea\n", "utf-8", b"id,name,note,output\n1,Tea,,A fine thing: Tea.\n"),
        ("id,name\n1,Tea,,\n", "utf-8", b"id,name,output\n1,Tea,A fine thing: Tea.\n"),
        ('id,name\n1,"Tea, of\na ""kind"""\n', "utf-8", None),
    ],
    ids=[*("plain", "marked", "cp1252", "sep", "quoted", "tabs", "taken", "twice", "short", "long", "wild")],
)  # fmt: skip
def test_as_it_was_written(text: str, encoding: str, expected: bytes | None, shop: Shop) -> None:
    if encoding == "utf-8":
        found = shop.signed(text)
    else:
        _batch_encoded(shop, text.encode(encoding), encoding)
        shop.sign()
        shop.deliver()
        found = shop.read()
    if expected is not None:
        assert found == expected
        return
    rows = list(csv.reader(io.StringIO(found.decode(), newline=""), strict=True))
    assert rows[1][:2] == ["1", 'Tea, of\na "kind"']


def _batch_encoded(shop: Shop, data: bytes, encoding: str) -> None:
    """`batch --encoding NAME`."""
    path, file = shop.folder / "catalogue.csv", io.BytesIO(data)
    asked = load_asked(
        craft="writing", brief="Describe {name}.", source_language="", target="", options=[], checks=[],
        id_column="id", path=path, store=shop.desk.store,
    )  # fmt: skip
    rows, options, run = (
        read_rows(lambda: file.read(9), path.name, encoding),
        BatchOptions(path=path),
        RunOptions(("a",)),
    )
    opened = open_batch(shop.desk, asked, options, run, ("a",))
    carry_out_batch(shop.desk, opened, rows, asked, options, run, lambda _: None, lambda _: None)


def test_a_tsv_of_a_csv(shop: Shop) -> None:
    data = shop.signed(name="out.tsv")
    assert data.startswith(b"id\tname\tnote\toutput\r\n007\tTea\t\tA fine")
    assert verify(shop.folder / "out.tsv").ok


def test_the_order_is_the_files(shop: Shop) -> None:
    """Whatever came first: a row that was put between others is between them."""
    shop.batch()
    more = CATALOGUE.replace("008;", "0075;Milk;\r\n008;").replace("007;Tea;\r\n", "") + "007;Tea;\r\n"
    shop.batch(more)
    shop.sign()
    shop.deliver()
    assert [row[0] for row in table(shop.read())] == ["id", "0075", "008", "009", "007"]
    assert task_of(shop.desk, "me-1.4").name == "0075"


def test_a_column_that_is_not_asked_for_may_change(shop: Shop) -> None:
    """The row's answer stands, signed as it is, beside what the file says now."""
    shop.batch()
    shop.sign()
    done = shop.batch(CATALOGUE.replace("fine; white", "coarse"))
    assert done.cached == 3
    shop.deliver()
    assert table(shop.read())[2] == ["008", "Salt", "coarse", "A fine thing: Salt."]


def test_a_file_with_more_columns_later(shop: Shop) -> None:
    """A gig that was fed by two heads: all columns, each once."""
    shop.batch()
    shop.batch("id;note;colour;name\r\n010;new;red;Cup\r\n")
    shop.sign()
    shop.deliver()
    rows = table(shop.read())
    assert rows[0] == ["id", "name", "note", "colour", "output"]
    assert ["008", "Salt", "fine; white", "", "A fine thing: Salt."] in rows
    assert ["010", "Cup", "new", "red", "A fine thing: Cup."] in rows


# --- JSON ---

LINES = (
    '{"id": "1", "name": "Tea", "price": 1.10, "tags": ["a", {"b": 2.50}], "ok": true, "none": null}\n'
    '{"name":"Salt"  ,"id":"2"}  \n'
)


def test_lines_of_json_stay_as_they_are(shop: Shop) -> None:
    data = shop.signed(LINES, "out.jsonl")
    lines = data.decode().splitlines()
    assert lines[0] == LINES.splitlines()[0][:-1] + ', "output": "A fine thing: Tea."}'
    assert lines[1] == '{"name":"Salt"  ,"id":"2", "output": "A fine thing: Salt."}'
    assert verify(shop.folder / "out.jsonl").ok


def test_lines_of_json_as_a_table(shop: Shop) -> None:
    assert table(shop.signed(LINES), ",") == [
        ["id", "name", "price", "tags", "ok", "none", "output"],
        ["1", "Tea", "1.10", '["a", {"b": 2.50}]', "true", "", "A fine thing: Tea."],
        ["2", "Salt", "", "", "", "", "A fine thing: Salt."],
    ]


def test_what_was_no_formula_does_not_become_one(shop: Shop) -> None:
    """In JSON it was none. In the client's own table it stays what it was."""
    lines = '{"id": "1", "name": "Tea", "sum": "=1+1", "debt": -5}\n'
    assert table(shop.signed(lines), ",")[1] == ["1", "Tea", "'=1+1", "-5", "A fine thing: Tea."]
    shop.batch("id;name;sum\n1;Tea;=1+1\n", name="other.csv")
    shop.sign("me-2")
    shop.deliver("other.csv", "me-2")
    assert table(shop.read("other.csv"))[1] == ["1", "Tea", "=1+1", "A fine thing: Tea."]


def test_a_table_as_lines_of_json(shop: Shop) -> None:
    data = shop.signed("id,name,,x,x,output\n007,Tea,a,b,c,old\n", "out.ndjson")
    assert json.loads(data) == {"id": "007", "name": "Tea", "output": "old", "gigctl_output": "A fine thing: Tea."}


def test_an_object_without_anything(shop: Shop) -> None:
    """A row that says nothing of itself: the brief is the command line's."""
    assert shop.signed("{ }\n", "out.jsonl", brief="Describe it.") == b'{, "output": "A fine thing: it."}\n'.replace(
        b", ", b"", 1
    )


# --- the gate ---


def test_unsigned_rows_refuse(shop: Shop) -> None:
    shop.batch()
    shop.sign("me-1.1")
    with pytest.raises(WaitsForHuman) as caught:
        shop.deliver()
    assert caught.value.message == "me-1 is not delivered: 2 of 3 tasks are unsigned (me-1.2, me-1.3)"
    assert (shop.names(), recorded(shop)) == ([], [])


def test_a_part_says_what_is_missing(shop: Shop) -> None:
    shop.batch()
    shop.sign("me-1.1", "me-1.3")
    done = shop.deliver(partial=True)
    assert [row[-1] for row in table(shop.read())] == ["output", "A fine thing: Tea.", "", "A fine thing: Soap."]
    assert done.manifest.partial
    assert done.manifest.missing == ("me-1.2",)
    assert verify(shop.folder / "out.csv").ok
    lines = shop.deliver("out.jsonl", partial=True)
    assert lines.manifest.missing == ("me-1.2",)
    assert json.loads(shop.read("out.jsonl").splitlines()[1])["output"] is None


def test_rows_that_were_named(shop: Shop) -> None:
    shop.batch()
    shop.sign("me-1.1", "me-1.3")
    done = shop.deliver("out.csv", "me-1.3", "me-1.1")
    assert [row[0] for row in table(shop.read())] == ["id", "007", "009"]
    assert (done.manifest.partial, done.manifest.missing) == (True, ("me-1.2",))


def test_a_changed_row_is_unsigned(shop: Shop) -> None:
    shop.batch()
    shop.sign()
    shop.batch(CATALOGUE.replace("Salt", "Pepper"))
    with pytest.raises(WaitsForHuman, match=r"1 of 3 tasks is unsigned \(me-1.2\)"):
        shop.deliver()
    shop.deliver(partial=True)
    assert table(shop.read())[2] == ["008", "Pepper", "fine; white", ""]
    shop.sign("me-1.2")
    shop.deliver("whole.csv")
    assert table(shop.read("whole.csv"))[2][-1] == "A fine thing: Pepper."


def test_what_was_edited_reopened_or_rejected(shop: Shop) -> None:
    shop.batch()
    review.add_edit(shop.desk, task_of(shop.desk, "me-1.2"), Content.of_text("Mine;\nquite."))
    shop.sign()
    review.reopen(shop.desk, ["me-1.3"])
    review.reject(shop.desk, ["me-1.3"], "too short", ("a",))
    with pytest.raises(WaitsForHuman, match=r"\(me-1.3\)"):
        shop.deliver()
    shop.deliver(partial=True)
    assert [row[-1] for row in table(shop.read())[1:]] == ["A fine thing: Tea.", "Mine;\nquite.", ""]


def test_rows_that_are_gone(shop: Shop) -> None:
    """An unsigned one is cancelled by --prune, a signed one keeps its signature: the client's file has neither."""
    shop.batch()
    shop.sign("me-1.1", "me-1.2")
    shop.batch('id;name;note\r\n008;Salt;"fine; white"\r\n', prune=True)
    assert (shop.state("me-1.1"), shop.state("me-1.3")) == ("signed", "cancelled")
    done = shop.deliver()
    assert [row[0] for row in table(shop.read())] == ["id", "008"]
    assert (done.gone, done.manifest.partial, done.manifest.missing) == (("me-1.1",), False, ())
    with pytest.raises(UsageError, match=r"nothing to deliver: me-1.1 is gone from the file"):
        shop.deliver("gone.csv", "me-1.1")
    shop.batch(prune=True)
    shop.sign()
    assert shop.deliver("back.csv").gone == ()
    assert [row[0] for row in table(shop.read("back.csv"))] == ["id", "007", "008", "009"]


def test_a_ledger_that_was_tampered_with(shop: Shop) -> None:
    shop.batch()
    shop.sign()
    with closing(sqlite3.connect(shop.desk.paths.ledger)) as connection, connection:
        connection.execute("UPDATE decision SET actor = 'Mallory'")
    with pytest.raises(LedgerError, match="can't be relied on"):
        shop.deliver()
    assert shop.names() == []


# --- what a spreadsheet would run ---

HOSTILE = "id;name\r\n1;!=HYPERLINK(1)\r\n2;Tea\r\n3;!@SUM(1)\r\n"


def test_a_formula_that_nobody_was_told_of_is_refused(shop: Shop) -> None:
    """The answers went to the terminal, so that no check looked for it."""
    shop.batch(HOSTILE)
    shop.sign()
    with pytest.raises(GateError) as caught:
        shop.deliver()
    assert caught.value.message == "me-1 is not delivered: a spreadsheet would run the texts of me-1.1, me-1.3"
    assert shop.names() == []
    with pytest.raises(GateError, match=r"the text of me-1.3$"):
        shop.deliver("out.tsv", "me-1.3")
    shop.deliver("out.jsonl")
    assert json.loads(shop.read("out.jsonl").splitlines()[0])["output"] == "=HYPERLINK(1)"


def test_a_formula_that_was_signed_in_spite_of_that_is_made_safe(shop: Shop) -> None:
    shop.batch(HOSTILE, csv=True, repairs=0)
    with pytest.raises(GateError, match="spreadsheet-formula"):
        shop.sign()
    shop.sign(despite="their shop wants it so")
    done = shop.deliver()
    assert [row[-1] for row in table(shop.read())[1:]] == ["'=HYPERLINK(1)", "A fine thing: Tea.", "'@SUM(1)"]
    assert done.manifest.neutralised == ("me-1.1", "me-1.3")
    assert verify(shop.folder / "out.csv").ok
    data = (shop.folder / f"out.csv{BESIDE}").read_bytes()
    assert read_manifest(data).neutralised == ("me-1.1", "me-1.3")
    assert read_manifest(data).to_bytes() == data


def test_a_reason_for_another_check_is_none_for_this(shop: Shop) -> None:
    shop.batch(HOSTILE, options=["length=50.."], repairs=0)
    shop.sign(despite="short is fine")
    with pytest.raises(GateError, match="a spreadsheet would run"):
        shop.deliver()


# --- what is no table ---


def test_what_is_no_batch(shop: Shop) -> None:
    gig = add_texts(shop.desk)
    review.add_edit(shop.desk, task_of(shop.desk, f"{gig}.1"), Content.of_text("Hello."))
    shop.sign(gig)
    with pytest.raises(UsageError, match=r"me-1 is no batch: a delivery of it is a folder"):
        shop.deliver()


def test_a_task_that_is_no_row(shop: Shop) -> None:
    shop.batch()
    shop.sign()
    add(shop.desk, "me-1", TaskWish(name="a slogan", brief="Write a slogan"))
    with pytest.raises(UsageError, match=r"me-1.4 is no row of a file") as caught:
        shop.deliver(partial=True)
    assert caught.value.hint == "-o DIR"


def test_rows_from_before_the_ledger_kept_them(shop: Shop) -> None:
    shop.batch()
    shop.sign()
    with shop.desk.ledger.writing() as tx:
        tx.run("UPDATE job SET page = NULL, mark = NULL, line = NULL")
    with pytest.raises(UsageError, match=r"me-1.1, me-1.2, me-1.3 was read by an older gigctl"):
        shop.deliver()
    assert shop.batch().cached == 3
    shop.deliver()
    assert len(table(shop.read())) == 4


@pytest.mark.parametrize("form", ["patches", "branch"])
def test_no_other_form(form: str, shop: Shop) -> None:
    shop.batch()
    shop.sign()
    with pytest.raises(UsageError):
        shop.deliver(form=form)


# --- beside it ---


def test_signed_with_a_key(shop: Shop) -> None:
    key = make_key(shop.folder / "desk")
    shop.batch()
    shop.sign(signer=str(key))
    done = shop.deliver(signer=str(key))
    assert shop.names() == ["out.csv", f"out.csv{BESIDE}", f"out.csv{BESIDE}.sig"]
    seen = verify(shop.folder / "out.csv", allowed=allow(shop.folder / "desk", ("ada", key)), sha256=done.sha256)
    assert seen.ok, seen.problems
    assert (seen.keyed, done.signer) == (3, seen.signer and seen.signer.fingerprint)
    other = make_key(shop.folder / "desk", "other")
    assert not verify(shop.folder / "out.csv", allowed=allow(shop.folder / "desk", ("eve", other))).ok


@pytest.mark.parametrize("there", ["out.csv", f"out.csv{BESIDE}", f"out.csv{BESIDE}.sig"])
@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_nothing_is_overwritten(there: str, kind: str, shop: Shop) -> None:
    shop.batch()
    shop.sign()
    target = shop.folder / there
    if kind == "file":
        target.write_bytes(b"mine")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(shop.folder / ("desk" if kind == "link" else "nothing"))
    with pytest.raises(UsageError, match=f"{there} is already there") as caught:
        shop.deliver()
    assert caught.value.hint == f"-o {shop.folder / 'out-2.csv'}, or move it away"
    assert (shop.names(), recorded(shop)) == ([there], [])
    if kind == "file":
        assert target.read_bytes() == b"mine"


def test_the_next_name_is_free_with_all_its_files(shop: Shop) -> None:
    shop.signed()
    (shop.folder / f"out-2.csv{BESIDE}").write_bytes(b"")
    with pytest.raises(UsageError, match="already there") as caught:
        shop.deliver()
    assert "out-3.csv" in str(caught.value.hint)


def test_a_delivery_whose_record_is_missing_is_found(shop: Shop) -> None:
    first = shop.signed()
    with closing(sqlite3.connect(shop.desk.paths.ledger)) as connection, connection:
        connection.execute("DELETE FROM delivery_task")
        connection.execute("DELETE FROM delivery")
    again = shop.deliver()
    assert (again.found, again.beside) == (True, f"{shop.folder / 'out.csv'}{BESIDE}")
    assert shop.read() == first
    with pytest.raises(UsageError, match="already there"):
        shop.deliver()


def _leave(shop: Shop, *, key: str = "") -> str:
    """As who was killed before the table had its name, and nothing was recorded; the manifest's hash."""
    done = shop.deliver(signer=key)
    (shop.folder / "out.csv").unlink()
    with closing(sqlite3.connect(shop.desk.paths.ledger)) as connection, connection:
        connection.execute("DELETE FROM delivery_task")
        connection.execute("DELETE FROM delivery")
    return done.sha256


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("signature", ["there", "not yet"])
def test_what_a_kill_left_is_gone_on_with(signed: bool, signature: str, shop: Shop) -> None:
    key = str(make_key(shop.folder / "desk")) if signed else ""
    shop.batch()
    shop.sign()
    sha = _leave(shop, key=key)
    if signature == "not yet":
        (shop.folder / f"out.csv{BESIDE}.sig").unlink(missing_ok=True)
    with pytest.raises(UsageError, match=r"there is no .*out\.csv, only its manifest"):
        verify(shop.folder / "out.csv")
    done = shop.deliver(signer=key)
    assert (done.sha256, done.found) == (sha, False)
    seen = verify(shop.folder / "out.csv", sha256=sha)
    assert seen.ok, seen.problems
    assert (seen.signer is not None) is signed
    assert recorded(shop) == [sha]


@pytest.mark.parametrize("what", ["changed", "recorded", "rewritten", "other key", "no key", "no signature", "noise"])
def test_what_is_not_ours_is_not_gone_on_with(what: str, shop: Shop) -> None:
    key, other = (str(make_key(shop.folder / "desk", name)) for name in ("one", "two"))
    shop.batch()
    shop.sign()
    used = other if what == "other key" else "" if what == "no key" else key
    if what == "recorded":
        shop.deliver(signer=key)
        (shop.folder / "out.csv").unlink()
    else:
        _leave(shop, key=key)
    manifest, signature = shop.folder / f"out.csv{BESIDE}", shop.folder / f"out.csv{BESIDE}.sig"
    if what == "changed":
        review.reopen(shop.desk, ["me-1.2"])
        shop.sign("me-1.2")
    elif what == "rewritten":
        manifest.write_bytes(manifest.read_bytes() + b"\n")
    elif what == "no signature":
        signature.write_text("no signature")
    elif what == "noise":
        signature.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="already there"):
        shop.deliver(signer=used)
    assert not (shop.folder / "out.csv").exists()


# --- verify ---


def test_a_changed_byte_is_seen(shop: Shop) -> None:
    data = shop.signed()
    for at in (0, len(data) // 2, len(data) - 1):
        (shop.folder / "out.csv").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        seen = verify(shop.folder / "out.csv")
        assert [(problem.path, problem.message) for problem in seen.problems] == [
            ("out.csv", "was changed: its bytes are not those that were delivered")
        ]
    (shop.folder / "out.csv").write_bytes(data)
    assert verify(shop.folder / "out.csv").ok


def test_by_its_manifests_name_too(shop: Shop) -> None:
    shop.signed()
    for more in ("", BESIDE, f"{BESIDE}.sig"):
        assert verify(shop.folder / f"out.csv{more}").ok


def test_another_name_is_said(shop: Shop) -> None:
    shop.signed()
    (shop.folder / "out.csv").rename(shop.folder / "other.csv")
    seen = verify(shop.folder / "other.csv")
    assert seen.problems[0].message == f"there is no other.csv{BESIDE} beside it: it is no delivery"
    (shop.folder / f"out.csv{BESIDE}").rename(shop.folder / f"other.csv{BESIDE}")
    (problem,) = verify(shop.folder / "other.csv").problems
    assert (problem.path, problem.message) == ("other.csv", "was delivered as out.csv")


def test_what_lies_beside_it_is_nobodys_business(shop: Shop) -> None:
    shop.signed()
    (shop.folder / "notes.txt").write_text("mine")
    assert verify(shop.folder / "out.csv").ok


@pytest.mark.parametrize("more", ["", BESIDE, f"{BESIDE}.sig"])
def test_a_link_is_no_delivered_file(more: str, shop: Shop) -> None:
    shop.signed()
    path = shop.folder / f"out.csv{more}"
    if path.exists():
        path.rename(shop.folder / "elsewhere")
    path.symlink_to(shop.folder / "elsewhere")
    seen = verify(shop.folder / "out.csv")
    assert not seen.ok
    assert "is a link" in seen.problems[0].message


# --- or as files, one a row ---


def test_files_are_called_by_their_rows(shop: Shop) -> None:
    shop.batch("id,name\n007,Tea\na/b,Salt\na:b,Soap\nA-B,Oil\nnul,Ink\n")
    shop.sign()
    done = shop.deliver("folder")
    names = ["007.txt", "A-B.txt", "_nul.txt", "a-b-2.txt", "a-b-3.txt"]
    assert [file.path for file in done.manifest.files] == names
    texts = {name: shop.read(f"folder/{name}").decode() for name in names}
    assert [texts[name].strip().split(": ")[1] for name in names] == ["Tea.", "Oil.", "Ink.", "Salt.", "Soap."]
    assert verify(shop.folder / "folder").ok


def test_a_row_of_a_file_is_called_by_its_id_too(shop: Shop) -> None:
    (shop.desk.paths.data / "tea.md").parent.mkdir(parents=True, exist_ok=True)
    (shop.desk.paths.data / "tea.md").write_text("Tea\n")
    shop.batch("id,file\n1,tea.md\n", target="en", craft="translation", source_language="fr", brief="")
    shop.sign()
    assert [file.path for file in shop.deliver("folder").manifest.files] == ["1.en.txt"]
