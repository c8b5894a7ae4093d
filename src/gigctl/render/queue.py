"""The queue's columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from gigctl.render.figures import render_due
from gigctl.render.tables import Column

__all__ = ["queue_columns"]


def queue_columns(today: date) -> tuple[Column, ...]:
    shown: dict[str | None, str] = {None: ""}

    def due(row: Mapping[str, Any]) -> str:
        text = row["due"]
        if text not in shown:
            shown[text] = render_due(date.fromisoformat(text), today=today)
        return shown[text]

    return (
        Column("task", lambda row: row["ref"]),
        Column("why", lambda row: "; ".join(row["reasons"]), flexible=True, least=20),
        Column("due", due, spare=1),
        Column("of", lambda row: row["name"] or row["title"], flexible=True, spare=2),
    )
