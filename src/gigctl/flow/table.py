"""A batch's file with the signed texts beside its rows: the client's own columns, and one of ours.

Columns, rows and the way in which they are written are those of the file that was worked on, as the ledger keeps them.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gigctl.checks import spreadsheet_formula
from gigctl.crafts.registry import get_craft
from gigctl.errors import GateError, UsageError
from gigctl.flow.manifest import JSON_TABLES
from gigctl.flow.rowpages import load_head
from gigctl.flow.rows import Head
from gigctl.flow.selection import Wanted, refs_of
from gigctl.flow.signoffs import Signed
from gigctl.ledger.job_rows import JobRow, list_rows
from gigctl.ledger.store import Tx
from gigctl.model import REGULAR, Change
from gigctl.records import TaskRecord

__all__ = ["Table", "load_table", "make_table"]

OUTPUT = "output"
"""The column of the signed texts, as `batch -o` calls it."""
MADE_SAFE = "'"
"""What goes before a text that a spreadsheet would run (OWASP, "CSV Injection")."""


class Table(Struct, frozen=True):
    """The rows of the tasks that are wanted, in the order of the file; `gone` are signed tasks whose rows the file has
    no more."""

    wanted: Wanted
    rows: tuple[JobRow, ...]
    gone: tuple[TaskRecord, ...]


def load_table(tx: Tx, wanted: Wanted) -> Table:
    """What is wanted, without what is gone. Raises UsageError where it is not all of a file of rows."""
    gig, asked = wanted.gig, {task.id for task in wanted.chosen}
    rows = {row.task: row for row in list_rows(tx, gig.id)}
    if not rows:
        raise UsageError(f"{gig.ref} is no batch: a delivery of it is a folder, or a zip by its ending .zip")
    _refuse([task for task in wanted.chosen if get_craft(task.craft).ON_TREE], "is a change to files, and no text")
    _refuse([task for task in wanted.chosen if task.id not in rows], "is no row of a file")
    unread = [task for task in wanted.chosen if rows[task.id].said is None]
    _refuse(
        unread, "was read by an older gigctl, which did not keep its row", "gigctl batch FILE again: it asks nobody"
    )
    gone = tuple(task for task in wanted.chosen if rows[task.id].line is None)
    left = {task.id for task in wanted.every} - {task.id for task in gone}
    if gone and not asked & left:
        raise UsageError(f"{gig.ref} has nothing to deliver: {refs_of(gone)} {_are(gone)} gone from the file")
    kept = replace(
        wanted, every=tuple(t for t in wanted.every if t.id in left),
        chosen=tuple(t for t in wanted.chosen if t.id in left),
    )  # fmt: skip
    return Table(kept, tuple(row for row in rows.values() if row.task in asked & left), gone)


def _refuse(these: Sequence[TaskRecord], why: str, hint: str = "-o DIR") -> None:
    if these:
        raise UsageError(f"{refs_of(these)} {why}", hint)


def _are(these: Sequence[TaskRecord]) -> str:
    return "is" if len(these) == 1 else "are"


# --- the file ---


def make_table(table: Table, signed: Sequence[Signed], name: str) -> tuple[Change, tuple[str, ...]]:
    """The file of that name, and the references of the tasks whose texts were made safe. A row without a signature has
    no text. Raises GateError for a text that a spreadsheet would run and that nobody signed in spite of that."""
    texts = {one.task.id: one.content.text for one in signed}
    ending = Path(name).suffix.lower()
    if ending in JSON_TABLES:
        return Change(name, REGULAR, _json_lines(table.rows, texts)), ()
    safe = _made_safe(table, signed)
    texts |= {one.task.id: MADE_SAFE + one.content.text for one in safe}
    data = _csv(table.rows, texts, "\t" if ending == ".tsv" else "")
    return Change(name, REGULAR, data), tuple(one.task.ref for one in safe)


def _made_safe(table: Table, signed: Sequence[Signed]) -> list[Signed]:
    run = [one for one in signed if spreadsheet_formula.is_formula(one.content.text)]
    refused = [one.task for one in run if not _is_signed_despite(one)]
    if refused:
        texts = "the text of" if len(refused) == 1 else "the texts of"
        raise GateError(
            f"{table.wanted.gig.ref} is not delivered: a spreadsheet would run {texts} {refs_of(refused)}",
            f"gigctl reopen {refused[0].ref}, then gigctl edit; -o FILE.jsonl or -o DIR takes it as it is",
        )
    return run


def _is_signed_despite(one: Signed) -> bool:
    """Whether a person was told, and gave a reason."""
    seen = {name: verdict for name, verdict, *_ in one.decision.checks}
    return bool(one.decision.despite) and seen.get(spreadsheet_formula.NAME, "pass") != "pass"


# --- as CSV ---

Column = tuple[str, int]
"""A column's name, and which of those of that name it is."""


def _csv(rows: Sequence[JobRow], texts: Mapping[int, str], delimiter: str) -> bytes:
    """As the newest file of them was written; UTF-8, marked where that had to be told there."""
    heads = [load_head(row.head) for row in {row.head: row for row in rows}.values()]
    head = next((head for head in reversed(heads) if head.csv), Head())
    delimiter = delimiter or head.delimiter
    columns = list(dict.fromkeys(column for row in rows for column in _cells(row)))
    out = io.StringIO(newline="")
    if head.sep:
        out.write(f"sep={delimiter}{head.newline}")
    written = csv.writer(
        out, delimiter=delimiter, lineterminator=head.newline,
        quoting=csv.QUOTE_ALL if head.quoted else csv.QUOTE_MINIMAL,
    )  # fmt: skip
    names = [name for name, _ in columns]
    written.writerow([*names, _free(names)])
    for row in rows:
        cells = _cells(row)
        written.writerow([*(cells.get(column, "") for column in columns), texts.get(row.task, "")])
    return out.getvalue().encode("utf-8-sig" if head.marked else "utf-8", "surrogateescape")


def _free(names: Iterable[str]) -> str:
    """What the column of the texts is called, where the client may have one of that name."""
    taken, name = set(names), OUTPUT
    while name in taken:
        name = f"gigctl_{name}"
    return name


def _cells(row: JobRow) -> dict[Column, str]:
    """By column, in their order."""
    if isinstance(row.said, str):
        return {(name, 0): _cell(value) for name, value in _load(row.said).items()}
    return dict(zip(_columns(row.head), row.said or (), strict=True))


@cache
def _columns(head: str) -> tuple[Column, ...]:
    seen: Counter[str] = Counter()
    columns = []
    for name in load_head(head).columns:
        columns.append((name, seen[name]))
        seen[name] += 1
    return tuple(columns)


def _cell(value: Any) -> str:
    """A value of JSON as a cell. What was no formula must not become one by being put into a table."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else _dumps(value)
    return MADE_SAFE + text if spreadsheet_formula.is_formula(text) else text


class _Number(str):
    """A number as it is written: 1.10 keeps its zero."""

    __slots__ = ()


def _load(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line, parse_int=_Number, parse_float=_Number)
    return found


def _dumps(value: Any) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_dumps(key)}: {_dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


# --- as lines of JSON ---


def _json_lines(rows: Sequence[JobRow], texts: Mapping[int, str]) -> bytes:
    name = _free(name for row in rows for name, _ in _cells(row))
    return "".join(_lines(rows, texts, name)).encode("utf-8", "surrogateescape")


def _lines(rows: Sequence[JobRow], texts: Mapping[int, str], name: str) -> Iterator[str]:
    """A client's line stays as it is but for its end."""
    for row in rows:
        line = row.said if isinstance(row.said, str) else _object(row)
        begun = line.rstrip().removesuffix("}").rstrip()
        comma = "" if begun == "{" else ", "
        answer = json.dumps(texts.get(row.task), ensure_ascii=False)
        yield f"{begun}{comma}{json.dumps(name)}: {answer}}}\n"


def _object(row: JobRow) -> str:
    """A CSV's row, without the columns that have no name of their own."""
    cells = _cells(row)
    twice = {name for name, n in cells if n}
    return json.dumps(
        {name: cell for (name, _), cell in cells.items() if name and name not in twice}, ensure_ascii=False
    )
