"""The blocks of a plain text: its paragraphs. Blank lines and indentation stay as they are."""

from __future__ import annotations

from gigctl.crafts.translation.blocks import Block, Found, Lines
from gigctl.crafts.translation.words import has_words
from gigctl.model import LeftAlone

__all__ = ["find_blocks"]


def find_blocks(text: str) -> Found:
    """A block for each run of lines that are not blank. `text` is the whole file."""
    lines = Lines.of(text)
    blocks: list[Block] = []
    alone: list[LeftAlone] = []
    run: list[tuple[int, int, int]] = []
    for n, line in enumerate([*lines.lines, ""]):
        if line.strip():
            run.append((n, len(line) - len(line.lstrip()), len(line)))
            continue
        if run:
            last, start, end = run[-1]
            run[-1] = (last, start, len(lines.lines[last][:end].rstrip()))
            fields = lines.cut(run)
            if has_words(fields["text"]):
                blocks.append(Block("text", **fields))
            else:
                alone.append(LeftAlone(fields["line"], "no words"))
        run = []
    return Found(tuple(blocks), tuple(alone))
