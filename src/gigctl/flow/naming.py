"""Files called by the ids of a batch's rows: a client's words, made safe for any file system, never two alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from gigctl.records import TaskRecord

__all__ = ["name_key", "row_names", "safe_stem"]

LONGEST = 100
"""Bytes of UTF-8: with an ending and what a preview adds, every file system takes it (most end at 255)."""
_SIGNS = frozenset("-_.+@,=() ")
"""Beside letters, marks and digits of any script: what no shell, archive or spreadsheet stumbles over."""
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(?:[. ].*)?", re.IGNORECASE
)
"""Devices of Windows, whatever their ending (learn.microsoft.com, "Naming Files, Paths, and Namespaces")."""


def safe_stem(id_: str) -> str:
    """A name that means one file in any folder, as near to the id as can be; the empty string where nothing is left."""
    plain = "".join(sign if _is_plain(sign) else "-" for sign in unicodedata.normalize("NFC", id_))
    stem = re.sub(r"-{2,}", "-", plain) if plain != id_ else plain
    stem = stem.encode()[:LONGEST].decode("utf-8", "ignore").lstrip("-. ").rstrip("-. ")
    return f"_{stem}" if _RESERVED.fullmatch(stem) else stem


def _is_plain(sign: str) -> bool:
    return sign in _SIGNS or unicodedata.category(sign)[0] in "LMN"


def row_names(tasks: Sequence[TaskRecord], taken: Iterable[str] = ()) -> Mapping[int, str]:
    """By task id. What is an id as it stands goes before what had to be changed; of those that some file system takes
    for one, all but the first have their task's number behind them."""
    names: dict[int, str] = {}
    keys = {name_key(name) for name in taken}
    stems = {task.id: safe_stem(task.name) or task.ref for task in tasks}
    for task in sorted(tasks, key=lambda task: stems[task.id] != task.name):
        name = stem = stems[task.id]
        number = task.number
        while name_key(name) in keys:
            name = f"{stem}-{number}"
            number += len(tasks)
        names[task.id] = name
        keys.add(name_key(name))
    return names


def name_key(name: str) -> str:
    """The same for names that some file system takes for one: case, accents composed or not."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
