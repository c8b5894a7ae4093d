"""A batch's input as people have it, in pieces of any size: every dialect, every encoding, and rows that are broken."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gigctl.errors import UsageError
from gigctl.flow.rows import LONGEST_LINE, NO_UTF8, TOO_LONG, BadRow, Head, Row, read_rows


def pieces(data: bytes, size: int = 1 << 16) -> Callable[[], bytes]:
    """The data, so many bytes a read."""
    file = io.BytesIO(data)
    return lambda: file.read(size)


def read(
    data: str | bytes, name: str = "jobs.csv", encoding: str = "utf-8", size: int = 1 << 16
) -> tuple[Head, list[Row | BadRow]]:
    raw = data.encode() if isinstance(data, str) else data
    rows = read_rows(pieces(raw, size), name, encoding, len(raw))
    return rows.head, list(rows.each)


def cells(data: str | bytes, **more: Any) -> list[tuple[str, ...]]:
    """Of rows all of which can be read."""
    found = read(data, **more)[1]
    assert all(isinstance(row, Row) for row in found), found
    return [row.cells for row in found]


def values(data: str | bytes, name: str = "jobs.jsonl", **more: Any) -> list[Any]:
    """What each line of JSON says, or why it can't be read."""
    return [dict(row.values) if isinstance(row, Row) else row.reason for row in read(data, name, **more)[1]]


def lines(data: str | bytes, name: str = "jobs.csv", **more: Any) -> list[tuple[int, str]]:
    """Where each row begins, and what is wrong with it."""
    return [(row.line, row.reason if isinstance(row, BadRow) else "") for row in read(data, name, **more)[1]]


# --- CSV: the dialect ---


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_the_header_line_tells_the_dialect(delimiter: str, end: str, bom: str) -> None:
    text = bom + end.join([delimiter.join(row) for row in (("id", "input", "note"), ("007", "Tea", "3,5;x"[:3]))])
    text = text.replace("3,5", '"3,5"')
    head, rows = read(text)
    assert head == Head(True, ("id", "input", "note"), delimiter, newline=end, marked=bool(bom))
    assert rows == [Row(2, {"id": "007", "input": "Tea", "note": "3,5"}, ("007", "Tea", "3,5"))]


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        (b"id,input\n1,x\n", "utf-8", {}),
        (b'"id","in ""put"""\r\n1,x\n', "utf-8", {"quoted": True, "newline": "\r\n"}),
        (b'"id",input\n1,x\n', "utf-8", {}),
        (b'"id","in\nput"\n1,x\n', "utf-8", {}),
        (b"sep=;\r\nid;input\r\n1;x\r\n", "utf-8", {"sep": True, "newline": "\r\n"}),
        (b"\xef\xbb\xbfid,input\n", "utf-8", {"marked": True}),
        ("id,input\n1,é\n".encode("cp1252"), "cp1252", {"marked": True}),
        ("id,input\n1,é\n".encode("utf-16"), "utf-16", {"marked": True}),
    ],
)
def test_how_a_file_was_written(data: bytes, encoding: str, said: dict[str, Any]) -> None:
    head = read(data, encoding=encoding)[0]
    plain = {"quoted": False, "newline": "\n", "sep": False, "marked": False}
    assert {name: getattr(head, name) for name in plain} == {**plain, **said}


def test_a_line_of_json_as_it_came() -> None:
    (row,) = read('{"id": "1",  "price": 1.10} \r\n', name="jobs.jsonl")[1]
    assert isinstance(row, Row)
    assert row.text == '{"id": "1",  "price": 1.10}'


def test_the_rows_below_the_header_do_not_change_the_dialect() -> None:
    assert cells("id;input\n1;a,b,c,d\n2;e,f,g,h\n") == [("1", "a,b,c,d"), ("2", "e,f,g,h")]


def test_a_delimiter_within_quotes_is_none() -> None:
    head, rows = read('id;"note, with, commas";input\n1;x;y\n')
    assert (head.delimiter, head.columns) == (";", ("id", "note, with, commas", "input"))
    assert rows == [Row(2, {"id": "1", "note, with, commas": "x", "input": "y"}, ("1", "x", "y"))]


@pytest.mark.parametrize(("said", "delimiter"), [("sep=;", ";"), ("sep=|", "|"), ("sep=\t", "\t"), ("sep=,", ",")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_the_line_that_excel_writes_before_the_header_decides(said: str, delimiter: str, end: str, bom: str) -> None:
    head, rows = read(f"{bom}{said}{end}id{delimiter}input{end}1{delimiter}x{end}")
    assert (head.columns, head.delimiter) == (("id", "input"), delimiter)
    assert [(row.line, row.cells) for row in rows] == [(3, ("1", "x"))]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_excel_line_that_names_no_delimiter_decides_nothing(end: str) -> None:
    assert cells(f"sep={end}id;input{end}1;x{end}") == [("1", "x")]


def test_a_quote_is_no_delimiter() -> None:
    assert read('sep="\nx\n')[0].columns == ('sep="',)


def test_one_column_is_a_table_too() -> None:
    assert read("input\nTea\nSalt\n") == (
        Head(True, ("input",)),
        [Row(2, {"input": "Tea"}, ("Tea",)), Row(3, {"input": "Salt"}, ("Salt",))],
    )


def test_the_last_line_needs_no_end() -> None:
    assert cells("id,input\n1,x") == [("1", "x")]


def test_names_of_columns_have_no_spaces_around_them() -> None:
    assert read("\ufeff id ,\tinput\n1,x\n")[0].columns == ("id", "input")


def test_a_name_of_a_column_may_have_a_newline() -> None:
    head, rows = read('id,"the\nnote",input\n1,n,x\n')
    assert head.columns == ("id", "the\nnote", "input")
    assert [(row.line, row.cells) for row in rows] == [(3, ("1", "n", "x"))]


def test_two_columns_of_one_name_have_no_value_and_keep_their_cells() -> None:
    head, rows = read("id,note,note,input,,\n1,a,b,x,c,d\n")
    assert head.twice == {"note", ""}
    assert rows == [Row(2, {"id": "1", "input": "x"}, ("1", "a", "b", "x", "c", "d"))]


# --- CSV: its rows ---


def test_a_quoted_newline_is_part_of_its_cell() -> None:
    text = 'id,input\n1,"two\nlines"\n2,"three\r\nlines\n\n"\n3,x\n'
    assert cells(text) == [("1", "two\nlines"), ("2", "three\r\nlines\n\n"), ("3", "x")]
    assert lines(text) == [(2, ""), (4, ""), (8, "")]


def test_blank_lines_are_no_rows() -> None:
    assert lines("id,input\n\n1,x\n   \n,\n , \n\r\n2,y\n\n") == [(3, ""), (8, "")]


def test_cells_that_are_missing_are_empty() -> None:
    assert cells("id,input,note\n1,x\n2\n") == [("1", "x", ""), ("2", "", "")]


def test_empty_cells_too_many_are_nothing() -> None:
    assert cells("id,input\n1,x,,,\n2,y, ,\n") == [("1", "x"), ("2", "y")]


def test_cells_too_many_are_told_and_the_next_row_is_read() -> None:
    text = "id,input\n1,x,y\n2,z\n"
    assert lines(text) == [(2, "it has 3 cells, the header has 2"), (3, "")]
    assert [row.cells for row in read(text)[1]] == [("1", "x"), ("2", "z")]


def test_what_follows_a_closed_quote_is_told_and_the_next_row_is_read() -> None:
    found = lines('id,input\n1,"a" b\n2,z\n')
    assert found[0][0] == 2
    assert "no CSV" in found[0][1]
    assert found[1:] == [(3, "")]


def test_quotes_within_a_plain_cell_are_signs() -> None:
    assert cells('id,input\n1,a 5" pipe\n2,"she said ""no"""\n') == [("1", 'a 5" pipe'), ("2", 'she said "no"')]


def test_a_quote_that_is_never_closed_is_told_with_the_line_where_it_opened() -> None:
    found = lines('id,input\n1,x\n2,"open\n3,y\n4,z\n')
    assert found[0] == (2, "")
    assert found[1][0] == 3
    assert "no CSV" in found[1][1]
    assert len(found) == 2


def test_a_quote_in_the_header_that_is_never_closed_ends_it() -> None:
    with pytest.raises(UsageError, match="the header line is no CSV"):
        read('"id,input\n1,x\n')


def test_a_lone_cr_in_a_plain_cell_is_told_and_in_quotes_it_is_kept() -> None:
    found = read('id,input\n1,a\rb\n2,"a\rb"\n')[1]
    assert isinstance(found[0], BadRow)
    assert found[1].cells == ("2", "a\rb")


def test_lines_that_end_with_cr_alone_are_told_at_once() -> None:
    with pytest.raises(UsageError, match="CR alone"):
        read("id,input\r1,x\r2,y\r")


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", "  \r\n\n", "sep=;\n"])
def test_no_header_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="is empty"):
        read(text)


def test_a_header_alone_is_no_rows() -> None:
    assert read("id,input\n") == (Head(True, ("id", "input")), [])


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_cell_of_two_megabytes_is_read(form: str) -> None:
    long = "wörd " * 400_000
    if form == "csv":
        assert cells(f'id,input\n1,"{long}"\n2,{long}\n3,x\n') == [("1", long), ("2", long), ("3", "x")]
    else:
        line = json.dumps({"input": long}, ensure_ascii=False)
        assert values(f"{line}\n{{}}\n") == [{"input": long}, {}]


@pytest.mark.parametrize(
    ("name", "head", "line"),
    [
        ("jobs.csv", "a,b\n", b"1," + b"x" * (LONGEST_LINE + 9)),  # one cell
        ("jobs.csv", ",".join(f"c{n}" for n in range(40)) + "\n", b",".join([b"x" * 500_000] * 40)),  # many cells
        ("jobs.jsonl", "", b'{"input": "' + b"x" * LONGEST_LINE + b'"}'),
    ],
)
def test_a_line_above_the_cap_is_told_and_the_next_is_read(name: str, head: str, line: bytes) -> None:
    data = head.encode() + line + (b'\n{"id": "2"}\n' if name.endswith("l") else b"\n2,y\n")
    found = read(data, name, size=1 << 22)[1]
    assert (found[0].line, found[0].reason) == (data.count(b"\n") - 1, TOO_LONG), "it was cut, and taken for whole"
    assert isinstance(found[1], Row)
    assert len(found) == 2


def test_a_quoted_cell_of_many_lines_has_a_cap_too() -> None:
    data = b'id,input\n1,"' + b"xyz" * 100_000 + b"\n" + (b"xyz" * 100_000 + b"\n") * (LONGEST_LINE // 300_000) + b'"\n'
    assert lines(data, size=1 << 22)[0] == (2, f"it is no CSV: field larger than field limit ({LONGEST_LINE})")


# --- encodings ---


def test_a_byte_that_is_no_utf8_costs_its_row_alone() -> None:
    data = b"id,input\n1,ok\n2,caf\xe9\n3,\xc3\xa9\n"
    assert lines(data) == [(2, ""), (3, NO_UTF8), (4, "")]
    data = b'{"id": "1"}\n{"id": "caf\xe9"}\n{"id": "\xc3\xa9"}\n'
    assert values(data) == [{"id": "1"}, NO_UTF8, {"id": "é"}]


def test_a_header_that_is_no_utf8_names_the_option() -> None:
    with pytest.raises(UsageError, match="header line") as caught:
        read("prénom,input\n1,x\n".encode("cp1252"))
    assert "--encoding" in str(caught.value.hint)


def test_another_encoding_is_read_where_it_is_named() -> None:
    assert cells("id,input\n1,café – 5 €\n".encode("cp1252"), encoding="cp1252") == [("1", "café – 5 €")]


def test_a_byte_that_the_named_encoding_lacks_costs_its_row_alone() -> None:
    assert [row for row, why in lines(b"id,input\n1,\x81\n2,x\n", encoding="cp1252") if why] == [2]


@pytest.mark.parametrize("wide", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["jobs.csv", "jobs.jsonl", "standard input"])
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_utf16_is_recognised_and_read_where_it_is_named(wide: str, name: str, size: int) -> None:
    text = "id\tinput\r\n1\tcafé 🙂\r\n" if name == "jobs.csv" else '{"id": "1", "input": "café 🙂"}\r\n'
    with pytest.raises(UsageError, match="looks like UTF-16") as caught:
        read(text.encode(wide), name)
    assert caught.value.hint == "--encoding utf-16"
    bom = "" if wide == "utf-16" else "\ufeff"  # as programs write it, though the order is named
    [row] = read((bom + text).encode(wide), name, wide, size)[1]
    assert isinstance(row, Row)
    assert row.values == {"id": "1", "input": "café 🙂"}


def test_utf16_that_is_cut_off_ends_the_reading_with_its_line() -> None:
    with pytest.raises(UsageError, match="line 3: no utf-16"):
        read("id,input\n1,x\n2,y\n".encode("utf-16")[:-1], encoding="utf-16")


@pytest.mark.parametrize("encoding", ["utf-9", "rot13", "hex", "base64", "undefined", "", "zip"])
def test_no_such_encoding(encoding: str) -> None:
    with pytest.raises(UsageError, match="no such encoding"):
        read("id,input\n", encoding=encoding)


# --- JSON lines ---


def test_a_line_ends_at_its_newline_alone() -> None:
    text = '{"a": "x\u2028y\u2029z\u0085"}'
    assert values(f"{text}\n{text}\r\n\n{text}") == [{"a": "x\u2028y\u2029z\u0085"}] * 3


def test_numbers_are_kept_as_they_are_written() -> None:
    line = '{"id": 12345678901234567890123, "price": 1.10, "e": 1E400, "n": -0, "no": null, "yes": true}'
    expected = {"id": "12345678901234567890123", "price": "1.10", "e": "1E400", "n": "-0", "no": None, "yes": True}
    assert values(line) == [expected]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a": 007}', "no JSON"),
        ('{"a": NaN}', "NaN is no value of JSON"),
        ('{"a": -Infinity}', "-Infinity is no value of JSON"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', '"c" stands twice'),
        ('{"a": 1} {"a": 2}', "no JSON"),
        ('{"a": "x', "no JSON"),
        ("{'a': 1}", "no JSON"),
        ("[1, 2]", "no object"),
        ('"a"', "no object"),
        ("null", "no object"),
        ("id,input", "no JSON"),
        ('{"a": "\t"}', "no JSON"),
        ('{"a": "\\ud83d"}', "half a character"),
        ('{"\\ude42": 1}', "half a character"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ("\0", "no JSON"),
    ],
)
def test_a_line_that_can_not_be_read_is_told_and_the_next_is_read(line: str, why: str) -> None:
    good = '{"id": "the next one, which is long enough: it is not taken for UTF-16"}'
    found = values(f"{good}\n{line}\n{good}\n")
    assert isinstance(found[1], str)
    assert why in found[1]
    assert [isinstance(each, dict) for each in found] == [True, False, True]


def test_a_zero_byte_spoils_its_own_line_alone() -> None:
    found = values('{"id": "1", "brief": "Wri\0te"}\n{"id": "2"}\n')
    assert found == ["it is no JSON: Invalid control character at (column 26)", {"id": "2"}]


def test_the_column_of_what_is_no_json_is_told() -> None:
    assert values('{"a": 1,, }\n') == ["it is no JSON: Expecting property name enclosed in double quotes (column 9)"]


def test_a_pair_of_escapes_is_one_character() -> None:
    assert values('{"a": "\\ud83d\\ude42 \\u00e9"}') == [{"a": "🙂 é"}]


def test_a_nul_is_a_sign_like_others_past_the_first_bytes() -> None:
    padding = "x" * 80
    assert values(f'{{"a": "{padding}\\u0000"}}') == [{"a": padding + "\0"}]
    assert cells(f"id,input\n1,{padding}\0\n") == [("1", padding + "\0")]


@pytest.mark.parametrize("name", ["standard input", "jobs.txt", "jobs"])
def test_without_an_ending_a_brace_tells_json(name: str) -> None:
    assert not read('\ufeff\n {"a": 1}\n', name)[0].csv
    assert read("a,b\n", name)[0].csv


@pytest.mark.parametrize("name", ["a.JSONL", "a.ndjson", "a.json"])
def test_the_ending_tells_json_whatever_it_begins_with(name: str) -> None:
    assert values('# no comment\n{"a": 1}\n', name)[1] == {"a": "1"}


def test_the_ending_tells_csv_whatever_it_begins_with() -> None:
    assert read("{a},b\n1,2\n", "x.TSV")[0].columns == ("{a}", "b")


def test_empty_json_lines_are_no_rows() -> None:
    assert values("") == values("\n\n") == values("\ufeff") == []


# --- whatever the pieces ---

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
size = st.sampled_from([1, 2, 3, 7, 64, 1 << 16])
json_values = st.recursive(
    st.none() | st.booleans() | text | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@given(
    rows=st.lists(st.tuples(text, text, text), max_size=6),
    delimiter=st.sampled_from([",", ";", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
    size=size,
)
@example(rows=[("a\rb", "", "")], delimiter=",", end="\r\n", quoting=csv.QUOTE_ALL, encoding="utf-8", size=1)
@settings(deadline=None)
def test_what_was_written_comes_back_cell_for_cell(
    rows: list[tuple[str, ...]], delimiter: str, end: str, quoting: Any, encoding: str, size: int
) -> None:
    if quoting == csv.QUOTE_MINIMAL:  # in 3.11 it leaves a bare CR bare
        rows = [tuple(cell.replace("\r", "") for cell in row) for row in rows]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([("first", "input", "last"), *rows])
    data = out.getvalue().encode(encoding)
    named = "utf-8" if encoding.startswith("utf-8") else encoding
    if data[:64].count(0) * 4 > len(data[:64]) and named == "utf-8":
        return  # it looks like UTF-16
    found = read(data, encoding=named, size=size)
    assert found[0].delimiter == delimiter
    assert [row.cells for row in found[1]] == [row for row in rows if any(cell.strip() for cell in row)]
    assert all(isinstance(row, Row) for row in found[1])


@given(objects=st.lists(st.dictionaries(text, json_values, max_size=4), max_size=6), ascii=st.booleans(), size=size)
@settings(deadline=None)
def test_json_lines_come_back_whatever_the_pieces(objects: list[dict[str, Any]], ascii: bool, size: int) -> None:
    data = "".join(json.dumps(each, ensure_ascii=ascii) + "\n" for each in objects)
    assert values(data, size=size) == [_as_written(each) for each in objects]


def _as_written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_written(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_written(each) for each in value]
    return json.dumps(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


@given(data=st.binary(max_size=200), name=st.sampled_from(["a.csv", "a.jsonl", "-"]), size=size)
@example(data=b'"', name="a.csv", size=1)
@example(data=b'sep=\x00\na"b', name="a.csv", size=1)
@settings(deadline=None)
def test_whatever_the_bytes_rows_or_one_error(data: bytes, name: str, size: int) -> None:
    try:
        whole = read(data, name, size=1 << 16)
    except UsageError:
        return
    assert [row.line for row in whole[1]] == sorted({row.line for row in whole[1]})
    if not data.startswith((b"\xff", b"\xfe")):
        assert read(data, name, size=size) == whole


# --- as it streams ---


def test_a_row_is_there_before_the_next_is_written() -> None:
    parts = iter([b"id,in", b"put\n1,x\n", b"2,y", b"\n3,z\n"])
    read_so_far: list[bytes] = []

    def read_part() -> bytes:
        read_so_far.append(next(parts))
        return read_so_far[-1]

    each: Iterator[Row | BadRow] = read_rows(read_part, "standard input").each
    assert next(each).cells == ("1", "x")
    assert len(read_so_far) == 2


def test_how_many_rows_there_will_be_is_guessed_from_those_that_were() -> None:
    data = b"id,input\n" + b"1234567,12345678\n" * 10_000
    rows = read_rows(pieces(data, 4096), "jobs.csv", size=len(data))
    for _ in range(1000):
        next(rows.each)
    assert 8000 < rows.guess_total(1000) < 11_000
    assert read_rows(pieces(b"id\n"), "standard input").guess_total(7) == 7
