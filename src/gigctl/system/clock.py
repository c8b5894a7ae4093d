"""Time: always aware, always in UTC, written as RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["from_text", "now", "to_text"]


def now() -> datetime:
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, so that texts sort as times do: `2026-11-25T16:00:00.000000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> datetime:
    return datetime.fromisoformat(text)
