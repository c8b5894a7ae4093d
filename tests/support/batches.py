"""Batches on a desk: what `gigctl batch` does with rows that are given as they are."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gigctl.errors import worst_exit_code
from gigctl.flow.batch import BatchOptions, carry_out_batch, open_batch
from gigctl.flow.desk import Desk
from gigctl.flow.jobs import check_columns, load_asked
from gigctl.flow.results import Line
from gigctl.flow.rows import read_rows
from gigctl.flow.run import RunResult
from gigctl.flow.runoptions import RunOptions
from gigctl.ledger.verify import check_ledger
from support.desks import QUICK

RUN = {name for name in RunOptions.__struct_fields__ if name != "agents"}


@dataclass(frozen=True)
class Batched:
    """What a batch answered, in the order in which it did."""

    lines: list[Line]
    result: RunResult

    @property
    def code(self) -> int:
        return worst_exit_code(self.result.codes)

    @property
    def by_id(self) -> Mapping[str, Line]:
        found = {line.id: line for line in self.lines}
        assert len(found) == len(self.lines)
        return found

    @property
    def statuses(self) -> dict[str, int]:
        return dict(Counter(line.status for line in self.lines))

    @property
    def ids(self) -> list[str]:
        return [line.id for line in self.lines]

    @property
    def cached(self) -> int:
        return sum(line.cached for line in self.lines)


def texts(count: int, about: str = "") -> list[dict[str, Any]]:
    """Rows that all ask something else, with ids from "1"."""
    return [{"id": str(n), "input": f"Write text number {n}, please.{about}"} for n in range(1, count + 1)]


def as_lines(rows: Iterable[Mapping[str, Any] | str]) -> bytes:
    """JSON lines; what is a text already stands as it is."""
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows).encode()


def batch(
    desk: Desk, rows: Iterable[Mapping[str, Any] | str] | bytes, *, agents: str = "a", name: str = "jobs.jsonl",
    client: str = "", gig: str = "", ordered: bool = False, prune: bool = False, limit: int | None = None,
    csv: bool = False, craft: str = "writing", apart: float = 0.0, **said: Any,
) -> Batched:  # fmt: skip
    """What `gigctl batch FILE -a AGENTS` does. `said` are the run's options and what is asked of every row. `apart`:
    the rows come one by one, so many seconds apart. Whatever happens, each row has an answer and the ledger is
    whole."""
    data = rows if isinstance(rows, bytes) else as_lines(rows)
    path = Path(desk.paths.data) / name
    blank: dict[str, Any] = {"brief": "", "source_language": "", "target": "", "options": [], "checks": []}
    asking = {key: value for key, value in said.items() if key not in RUN}
    asked = load_asked(**{**blank, "craft": craft, "id_column": "id", "path": path, "store": desk.store, **asking})
    wanted = BatchOptions(client, gig, path, ordered, prune, limit, csv)
    chosen: dict[str, Any] = {"jobs": 4, "waits": QUICK, **{k: v for k, v in said.items() if k in RUN}}
    run = RunOptions(agents=tuple(agents.split(",")), **chosen)
    file = io.BytesIO(data)

    def read() -> bytes:
        time.sleep(apart)
        return file.readline() if apart else file.read(1 << 16)

    found = read_rows(read, name, size=len(data))
    check_columns(found.head, asked)
    opened = open_batch(desk, asked, wanted, run, ("a",))
    lines: list[Line] = []
    try:
        result = carry_out_batch(desk, opened, found, asked, wanted, run, lines.append, lambda _: None)
    finally:
        assert check_ledger(desk.ledger) == []
    expected = sum(bool(line.strip()) for line in data.split(b"\n")) - found.head.csv
    assert len(lines) == result.done == expected or found.head.csv, "a row has no answer, or two"
    return Batched(lines, result)
