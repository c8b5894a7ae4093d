"""Listings: a table on a terminal, a line a thing in a pipe, the reference first and never cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gigctl.render.display import cell_width, display_line, fit
from gigctl.render.terminal import Terminal

__all__ = ["Column", "render_lines", "render_table"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `text` makes an item's cell. `flexible` ones give up width first; `right` aligns figures."""

    heading: str
    text: Callable[[Mapping[str, Any]], str]
    right: bool = False
    flexible: bool = False

    def plain(self, item: Mapping[str, Any]) -> str:
        """The cell on one line, foreign text in it displayed."""
        return display_line(self.text(item))


def render_lines(items: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """For a pipe: two spaces between the cells that say something."""
    rows = ([column.plain(item) for column in columns] for item in items)
    return "".join("  ".join(cell for cell in row if cell) + "\n" for row in rows)


def render_table(items: Sequence[Mapping[str, Any]], columns: Sequence[Column], terminal: Terminal) -> str:
    """For a terminal: aligned columns under their headings; flexible cells are cut to the width, references never."""
    rows = [[column.plain(item) for column in columns] for item in items]
    widths = [max(cell_width(row[n]) for row in [[c.heading for c in columns], *rows]) for n in range(len(columns))]
    widths = _fitted(widths, columns, terminal.width)
    heading = _row([column.heading for column in columns], columns, widths)
    body = "".join(_row(row, columns, widths) + "\n" for row in rows)
    return terminal.styled(heading, "dim") + "\n" + body


def _fitted(widths: list[int], columns: Sequence[Column], width: int) -> list[int]:
    """Flexible columns share what the others leave, but keep a few characters each."""
    least = 8
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    out = list(widths)
    for n in sorted(range(len(out)), key=lambda n: -out[n]):
        if excess > 0 and columns[n].flexible and out[n] > least:
            cut = min(excess, out[n] - least)
            out[n] -= cut
            excess -= cut
    return out


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    return "  ".join(map(_cell, cells, columns, widths)).rstrip()


def _cell(text: str, column: Column, width: int) -> str:
    if text.isascii() and len(text) <= width:  # most are, and there are ten thousand rows
        return text.rjust(width) if column.right else text.ljust(width)
    shown = fit(text, width) if column.flexible else text
    space = " " * (width - cell_width(shown))
    return space + shown if column.right else shown + space
