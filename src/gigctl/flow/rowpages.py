"""What a batch's rows say, as it is kept: in pages, made of the groups in which the rows are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gigctl.flow.rows import BadRow, Head, Row
from gigctl.ledger.blobs import Owner, json_text
from gigctl.ledger.job_rows import Page, RowsFile, mark_of
from gigctl.ledger.jobs import Place, job_key
from gigctl.records import GigRecord

__all__ = ["RowPages", "head_text", "load_head"]

PAGE_ROWS = 64
"""Of which a single one that changed has the whole page kept anew."""
PAGE_SIZE = 256 * 1024
"""Characters after which a page ends."""


class RowPages:
    """The pages of one file of a batch; of standard input, which is none twice, `path` is None."""

    def __init__(self, gig: GigRecord, path: Path | None, run: int, head: Head) -> None:
        key = job_key(f"path {path}" if path else f"run {run}")
        self._file = RowsFile(Owner(gig.client_id, gig.id), key, head_text(head))

    def places(self, rows: Sequence[Row | BadRow]) -> list[Place | None]:
        """Of each row where it is kept, once a job asks for it; None for one that can't be read."""
        found: dict[int, Place] = {}
        for marked in self._paged(rows):
            page = Page(self._file, {mark: text for _, mark, text in marked})
            found.update((n, Place(rows[n].line, page, mark)) for n, mark, _ in marked)
        return [found.get(n) for n in range(len(rows))]

    def _paged(self, rows: Sequence[Row | BadRow]) -> Iterator[list[tuple[int, int, str]]]:
        """Of each page the rows' places, marks and texts."""
        page: list[tuple[int, int, str]] = []
        size = 0
        for n, row in enumerate(rows):
            if isinstance(row, BadRow):
                continue
            text = _ENCODE(row.text or row.cells)
            page.append((n, mark_of(self._file.head, text), text))
            size += len(text)
            if len(page) >= PAGE_ROWS or size >= PAGE_SIZE:
                yield page
                page, size = [], 0
        if page:
            yield page


_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def head_text(head: Head) -> str:
    """A head as it is kept."""
    if not head.csv:
        return json_text({"csv": False})
    return json_text({
        "csv": True, "columns": list(head.columns), "delimiter": head.delimiter, "newline": head.newline,
        "quoted": head.quoted, "sep": head.sep, "marked": head.marked,
    })  # fmt: skip


def load_head(text: str) -> Head:
    """What `head_text` wrote."""
    kept: dict[str, Any] = json.loads(text)
    return Head(**{**kept, "columns": tuple(kept.get("columns", ()))})
