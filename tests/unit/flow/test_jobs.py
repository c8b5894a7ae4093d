"""From a row to a job: its id, what `{column}` stands for, its file, and everything that a row or the command line may
have wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gigctl.errors import UsageError
from gigctl.flow.jobs import LARGEST_FILE, Asked, BadJob, Job, check_columns, load_asked, make_job
from gigctl.flow.rows import Head, Row


def asked(
    *, craft: str = "writing", brief: str = "", source_language: str = "", target: str = "",
    options: Sequence[str] = (), checks: Sequence[str] = (), id_column: str = "id", folder: Path | None = None,
) -> Asked:  # fmt: skip
    """What the command line says; `folder` is the batch file's."""
    path = (folder or Path("nowhere")) / "jobs.csv"
    store = (folder or Path("nowhere")) / "store"
    return load_asked(
        craft=craft, brief=brief, source_language=source_language, target=target, options=options, checks=checks,
        id_column=id_column, path=path, store=store,
    )  # fmt: skip


def job(values: Mapping[str, Any], line: int = 2, **said: Any) -> Job:
    return make_job(Row(line, values), asked(**said))


def why_not(values: Mapping[str, Any], **said: Any) -> str:
    with pytest.raises(BadJob) as caught:
        job(values, **said)
    return str(caught.value)


def problems(**said: Any) -> list[str]:
    """What the command line has wrong."""
    with pytest.raises(UsageError) as caught:
        asked(**said)
    assert caught.value.hint
    return caught.value.message.split("\n")


# --- ids ---


@pytest.mark.parametrize("id", ["007", "1e5", "7.0", " 7", "é", "a/b", "=1+1", "row-1", "x" * 5000])
def test_an_id_is_the_text_that_stands_there(id: str) -> None:
    made = job({"id": id, "input": "Tea"})
    assert (made.id, made.spec.name) == (id, id)


def test_ids_that_differ_in_zeros_are_two() -> None:
    assert job({"id": "7", "input": "Tea"}).key != job({"id": "007", "input": "Tea"}).key


def test_a_row_without_an_id_is_known_by_what_it_says_wherever_it_stands() -> None:
    first = job({"input": "Tea", "note": "x"}, line=2)
    assert first.id.startswith("row-")
    assert job({"note": "x", "input": "Tea"}, line=900).id == first.id
    assert job({"note": "x", "input": "Tea", "id": ""}).id != job({"note": "y", "input": "Tea", "id": ""}).id
    assert job({"input": "Tea", "note": "y"}).id != first.id


def test_an_id_that_is_null_is_missing() -> None:
    assert job({"id": None, "input": "Tea"}).id.startswith("row-")


def test_another_column_can_be_the_id() -> None:
    made = job({"sku": "0042", "id": "1", "input": "Tea"}, id_column="sku")
    assert made.id == "0042"


@pytest.mark.parametrize("value", [True, ["1"], {"a": "1"}, "a\0b"])
@pytest.mark.parametrize("column", ["id", "input", "brief", "file", "craft", "to", "from"])
def test_what_a_row_says_of_its_job_is_a_text(column: str, value: Any) -> None:
    assert why_not({"input": "Tea", column: value}).startswith(f"{column}: expected a text")


# --- what is asked ---


def test_an_input_without_a_brief_is_the_brief() -> None:
    spec = job({"id": "1", "input": "A toast."}).spec
    assert (spec.own.brief, spec.input.text) == ("A toast.", "")


def test_an_input_with_a_brief_is_the_material() -> None:
    for spec in (job({"input": "Tea", "brief": "Praise."}).spec, job({"input": "Tea"}, brief="Praise.").spec):
        assert (spec.own.brief, spec.input.text) == ("Praise.", "Tea")


def test_a_brief_names_columns_and_other_braces_stand() -> None:
    values = {"name": "Tea", "size": "2", "input": "Mild.", "n.2": "dot", "deep": {"a": "1"}, "empty": ""}
    brief = 'Praise {name} ({size} kg) as {"json": {name}} {{name}} {nope} {} {a,b} {n.2} {deep} [{empty}] {na\nme}'
    assert job(values, brief=brief).spec.own.brief == (
        'Praise Tea (2 kg) as {"json": Tea} {Tea} {nope} {} {a,b} dot {deep} [] {na\nme}'
    )


def test_a_value_is_not_read_for_columns_again() -> None:
    values = {"name": "{secret}", "secret": "no", "input": "{name}"}
    spec = job(values, brief="Praise {name}.", options=["required={name}"]).spec
    assert (spec.own.brief, spec.input.text) == ("Praise {secret}.", "{name}")
    assert spec.own.options == {"required": "{secret}"}


def test_a_rows_own_brief_stands_as_it_is() -> None:
    assert job({"brief": "Own {name}", "name": "Tea"}, brief="All {name}").spec.own.brief == "Own {name}"


def test_options_name_columns_and_a_row_has_its_own() -> None:
    values = {"input": "Tea", "kw": "leaf", "set": {"length": "10..20", "forbidden": ["{kw}", "cheap"]}}
    spec = job(values, options=["length=120..160", "required={kw}, {nope}"]).spec
    assert spec.own.options == {"length": "10..20", "required": "leaf, {nope}", "forbidden": ["leaf", "cheap"]}


@pytest.mark.parametrize(
    ("set_", "why"),
    [
        ("length=1..2", "set: expected an object"),
        (["length"], "set: expected an object"),
        ({"lenght": "1..2"}, "set: writing has no option 'lenght'"),
        ({"length": "{kw}"}, "length="),
        ({"length": True}, "length="),
    ],
)
def test_options_of_a_row_are_read_as_strictly_as_others(set_: Any, why: str) -> None:
    assert why_not({"input": "Tea", "kw": "leaf", "set": set_}).startswith(why)


def test_a_craft_is_the_rows_or_the_command_lines_or_follows_from_a_language() -> None:
    assert job({"input": "Tea", "to": "de"}, craft="").craft == "translation"
    assert job({"input": "Thé"}, craft="", target="en").craft == "translation"
    assert job({"input": "Thé", "craft": "translation", "to": "en"}).craft == "translation"
    assert "nothing says which craft" in why_not({"input": "Tea"}, craft="")
    assert "no craft is named" in why_not({"input": "Tea", "craft": "poetry"})


def test_languages_are_the_rows_or_the_command_lines() -> None:
    made = job({"input": "Thé", "to": "pt-br", "from": "FR"}, craft="translation", target="en", source_language="it")
    assert (made.spec.language, made.spec.own.source_language) == ("pt-BR", "fr")
    made = job({"input": "Tè", "to": "", "from": ""}, craft="translation", target="en", source_language="it")
    assert (made.spec.language, made.spec.own.source_language) == ("en", "it")
    assert "no language" in why_not({"input": "Tea", "to": "a b"}, craft="translation")
    assert "no language" in why_not({"input": "Tea", "to": "de", "from": "??"}, craft="translation")


# --- checks ---


def check(values: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    """The options that a check of that text has for a row."""
    [spec] = job({"input": "Tea", **values}, checks=[text]).spec.own.checks
    return spec.options


def test_in_a_pattern_a_value_is_the_text_itself() -> None:
    assert check({"kw": "a+(b|c)$"}, r"regex=^{kw}\d{2,3}$")["pattern"] == r"^a\+\(b\|c\)\$\d{2,3}$"


def test_an_option_of_a_command_is_one_argument() -> None:
    kw = "a b; rm -rf $HOME `x` 'q' \"r\" * {id}"
    run = check({"kw": kw, "id": "7"}, "words=grep -c {kw} --in={kw} 'a {id} b' {nope}")["run"]
    assert run == ["grep", "-c", kw, f"--in={kw}", "a 7 b", "{nope}"]


def test_a_value_with_a_nul_can_be_nobodys_argument() -> None:
    row = {"input": "Tea", "kw": "a\0b"}
    assert why_not(row, checks=["words=grep {kw}"]).startswith("kw: expected a text")
    assert why_not(row, options=["required={kw}"]).startswith("kw: expected a text")
    assert why_not(row, brief="Praise {kw}").startswith("kw: expected a text")
    assert job(row).spec.own.brief == "Tea"


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_whatever_the_value_it_is_one_argument_and_matches_itself(value: str) -> None:
    import re

    assert check({"kw": value}, "words=grep -- {kw} x")["run"] == ["grep", "--", value, "x"]
    assert re.fullmatch(check({"kw": value}, "regex={kw}")["pattern"], value)


# --- files ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A batch's folder with a text in it, and one outside."""
    made = tmp_path / "batch"
    (made / "texts").mkdir(parents=True)
    (made / "texts" / "tea.txt").write_text("Mild.")
    (tmp_path / "secret.txt").write_text("secret")
    (made / "link.txt").symlink_to(tmp_path / "secret.txt")
    (made / "out").symlink_to(tmp_path)
    (made / "inside.txt").symlink_to(made / "texts" / "tea.txt")
    return made


@pytest.mark.parametrize("name", ["texts/tea.txt", "inside.txt"])
def test_a_file_is_the_material(folder: Path, name: str) -> None:
    assert job({"file": name}, brief="Praise.", folder=folder).spec.input.text == "Mild."


@pytest.mark.parametrize(
    "name",
    ["../secret.txt", "/etc/hostname", "texts/../../secret.txt", "link.txt", "out/secret.txt", ".git/config", "./x"],
)
def test_a_file_outside_the_batchs_folder_is_not_read(folder: Path, name: str) -> None:
    assert "the batch's own folder" in why_not({"file": name}, brief="Praise.", folder=folder)


@pytest.mark.parametrize("name", ["none.txt", "texts", "x" * 5000, "texts/tea.txt/x"])
def test_a_file_that_is_none_is_told(folder: Path, name: str) -> None:
    assert why_not({"file": name}, brief="Praise.", folder=folder).startswith("file: ")


def test_a_fifo_is_no_file(folder: Path) -> None:
    import os

    os.mkfifo(folder / "pipe")
    assert why_not({"file": "pipe"}, brief="Praise.", folder=folder) == "file: pipe is no file"


def test_a_file_has_a_cap(folder: Path) -> None:
    with (folder / "big").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    assert "more than 16 MiB" in why_not({"file": "big"}, brief="Praise.", folder=folder)


def test_a_file_and_an_input_are_one_too_many(folder: Path) -> None:
    assert "expected one of them" in why_not({"file": "texts/tea.txt", "input": "x"}, folder=folder)


def test_code_works_on_the_rows_file(folder: Path) -> None:
    (folder / "slug.py").write_text("def slug(): ...\n")
    made = job({"file": "slug.py", "brief": "Keep digits."}, craft="code", folder=folder)
    assert made.spec.input.base
    assert "expected a column file" in why_not({"input": "x", "brief": "b"}, craft="code", folder=folder)


# --- what a craft needs ---


def test_what_a_craft_needs_is_named() -> None:
    assert why_not({"input": "Thé"}, craft="translation") == "translation needs to: expected a column to, or --to"
    assert "expected input, file or brief" in why_not({"id": "1"})
    assert "expected input, file or brief" in why_not({"id": "1", "input": "", "brief": ""})


@pytest.mark.parametrize("craft", ["writing", "translation"])
def test_a_blank_input_is_nothing_to_do(craft: str) -> None:
    assert why_not({"input": "  \n"}, craft=craft, target="en")


@pytest.mark.parametrize("depth", [10, 300, 600, 900, 5000])
def test_however_deep_a_value_is_nested_its_row_is_a_job_or_told(depth: int) -> None:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    for row in ({"input": "Tea", "other": deep}, {"id": "1", "input": "Tea", "set": {"required": deep}}):
        with contextlib.suppress(BadJob):
            job(row)


# --- the command line ---


def test_all_errors_of_the_command_line_are_told_at_once() -> None:
    found = problems(
        craft="poetry", source_language="x y", target="??", options=["length"], checks=["regex=(", "length=x"]
    )
    starts = [
        "--craft: no craft is named",
        "--set length: expected KEY=VALUE",
        "--from: ",
        "--to: ",
        "--check ",
        "--check",
    ]
    assert [line.startswith(start) for line, start in zip(found, starts, strict=True)] == [True] * 6, found


def test_an_option_that_the_craft_lacks_is_told() -> None:
    assert problems(options=["tone=warm"])[0].startswith(
        "--set tone: writing has no such option: expected one of length"
    )


def columns(*names: str, csv: bool = True) -> Head:
    return Head(csv, names, twice=frozenset(name for name in names if names.count(name) > 1))


def test_columns_that_are_named_must_be_one() -> None:
    with pytest.raises(UsageError) as caught:
        check_columns(
            columns("kw", "kw", "note", "note", "input", "input", "x", "x"),
            asked(brief="Praise {kw}.", checks=["words=grep {note}"], id_column="sku"),
        )
    assert caught.value.message.split("\n") == [
        "two columns are named input: expected one",
        "two columns are named kw: expected one",
        "two columns are named note: expected one",
        "--id sku: no such column",
    ]


def test_a_header_that_says_nothing_of_the_work_is_told() -> None:
    with pytest.raises(UsageError, match="there are sku, name"):
        check_columns(columns("sku", "name", ""), asked())
    check_columns(columns("sku", "name"), asked(brief="Praise {name}."))
    for name in ("input", "file", "brief"):
        check_columns(columns(name), asked())


def test_of_json_lines_nothing_is_known_before_they_are_read() -> None:
    check_columns(columns(csv=False), replace(asked(), id_column="sku"))
