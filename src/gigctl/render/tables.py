"""Listings: a table on a terminal, a line a thing in a pipe, the reference first and never cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gigctl.render.display import cell_width, display_line, fit
from gigctl.render.terminal import Terminal

__all__ = ["Column", "render_lines", "render_table"]


class Column(Struct, frozen=True):
    """One column: `text` makes an item's cell. `right` aligns figures.

    On a narrow terminal `flexible` ones give up width first, down to `least`; where that is not enough, columns go
    whole, the one with the highest `spare` first (0: it stays).
    """

    heading: str
    text: Callable[[Mapping[str, Any]], str]
    right: bool = False
    flexible: bool = False
    least: int = 8
    spare: int = 0

    def plain(self, item: Mapping[str, Any]) -> str:
        """The cell on one line, foreign text in it displayed."""
        return display_line(self.text(item))


def render_lines(items: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """For a pipe: two spaces between the cells that say something."""
    texts = [column.text for column in columns]
    lines = ("  ".join([cell for text in texts if (cell := text(item))]) for item in items)
    return "".join([display_line(line) + "\n" for line in lines])


def render_table(items: Sequence[Mapping[str, Any]], columns: Sequence[Column], terminal: Terminal) -> str:
    """For a terminal: aligned columns under their headings; flexible cells are cut to the width, references never."""
    rows = [[column.plain(item) for column in columns] for item in items]
    natural = [max(cell_width(row[n]) for row in [[c.heading for c in columns], *rows]) for n in range(len(columns))]
    empty = {n for n in range(1, len(columns)) if not any(row[n] for row in rows)}
    kept = _kept(natural, columns, terminal.width, empty)
    if len(kept) < len(columns):
        columns, natural = [columns[n] for n in kept], [natural[n] for n in kept]
        rows = [[row[n] for n in kept] for row in rows]
    widths = _fitted(natural, columns, terminal.width)
    heading = _row([column.heading for column in columns], columns, widths)
    body = "".join(_row(row, columns, widths) + "\n" for row in rows)
    return terminal.styled(heading, "dim") + "\n" + body


def _kept(widths: list[int], columns: Sequence[Column], width: int, empty: set[int]) -> list[int]:
    """The columns that there is room for: those that say nothing go first, then those of least worth."""
    kept = list(range(len(columns)))

    def least(n: int) -> int:
        return min(widths[n], columns[n].least) if columns[n].flexible else widths[n]

    for n in sorted(kept, key=lambda n: (n not in empty, -columns[n].spare)):
        if sum(map(least, kept)) + 2 * (len(kept) - 1) <= width:
            break
        if n in empty or columns[n].spare:
            kept.remove(n)
    return kept


def _fitted(widths: list[int], columns: Sequence[Column], width: int) -> list[int]:
    """Flexible columns share what the others leave, but keep a few characters each."""
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    out = list(widths)
    for n in sorted(range(len(out)), key=lambda n: columns[n].least - out[n]):
        if excess > 0 and columns[n].flexible and out[n] > columns[n].least:
            cut = min(excess, out[n] - columns[n].least)
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
