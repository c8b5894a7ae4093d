"""Good human translations, read from gettext catalogues: PO files and the compiled MO files of a machine."""

from __future__ import annotations

import ast
import gettext
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    source: str
    target: str
    language: str
    origin: str


def read_po(path: Path) -> Iterator[Pair]:
    """The translated entries; a plural's other form is paired with the last one of the language."""
    language = path.stem.rsplit(".", 1)[-1]
    for entry in path.read_text(encoding="utf-8").split("\n\n"):
        if ", fuzzy" in entry or "#~" in entry:
            continue
        fields = _fields(entry)
        source, target = fields.get("msgid", ""), fields.get("msgstr", "")
        if "msgid_plural" in fields:
            source, target = fields["msgid_plural"], fields[max(key for key in fields if key.startswith("msgstr["))]
        if source and target:
            yield Pair(source, target, language, path.name)


def _fields(entry: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    key = ""
    for line in entry.splitlines():
        text = line
        if line.startswith("msg"):
            key, _, text = line.partition(" ")
            fields[key] = ""
        if key and text.startswith('"'):
            fields[key] += ast.literal_eval(text)
    return fields


def read_mo(path: Path, language: str) -> Iterator[Pair]:
    """The singular entries, contexts cut off."""
    try:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    except UnicodeDecodeError:  # a few catalogues lie about their encoding
        return
    for source, target in catalogue.items():
        if isinstance(source, str) and source and target:
            yield Pair(source.rpartition("\x04")[2], target, language, path.name)
