"""Signed texts go back into the bytes that they came from, and the files get their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from gigctl.crafts.base import BadSource
from gigctl.crafts.translation.blocks import LINE_END, with_seams
from gigctl.crafts.translation.front_matter import quoted
from gigctl.model import REGULAR, Change, Content, Gig, Source, Task

__all__ = ["assemble", "target_names"]

Signed = Sequence[tuple[Task, Content]]


def assemble(gig: Gig, sources: Sequence[Source], signed: Signed, language: str) -> tuple[Change, ...]:
    """Each source with the signed texts of one language in the place of its blocks; what has none stays as it is.

    Raises BadSource where a file is not the one that the tasks were split from.
    """
    if not sources:
        return _without_files(signed, language)
    names = target_names(gig, [source.name for source in sources], language)
    by_file: dict[str, list[tuple[Task, Content]]] = {}
    for task, content in signed:
        if task.target_language in ("", language):
            by_file.setdefault(task.place.get("file", ""), []).append((task, content))
    made = [(names[source.name], _spliced(source, by_file.get(source.name, []))) for source in sources]
    return tuple(Change(name, REGULAR, data) for name, data in sorted(made))


def _without_files(signed: Signed, language: str) -> tuple[Change, ...]:
    """Tasks that came without a file (a brief, a row) are a file each."""
    texts = [content.text for task, content in signed if task.target_language in ("", language)]
    ending = f".{_safe(language)}.txt"
    names = [f"text{ending}"] if len(texts) == 1 else [f"text-{n}{ending}" for n in range(1, len(texts) + 1)]
    return tuple(Change(name, REGULAR, text.encode()) for name, text in zip(names, texts, strict=True))


def _spliced(source: Source, signed: Signed) -> bytes:
    out: list[bytes] = []
    position = 0
    for task, content in sorted(signed, key=lambda pair: pair[0].place["start"]):
        start, end = task.place["start"], task.place["end"]
        if start < position or source.data[start:end] != _in_place(task, task.input.text):
            raise BadSource(f"{source.name} is not the file that {task.ref} was split from (byte {start})")
        out += [source.data[position:start], _in_place(task, content.text)]
        position = end
    return b"".join([*out, source.data[position:]])


def _in_place(task: Task, text: str) -> bytes:
    """A text as it stands in the file; line ends before and after it, which an editor adds, are no part of it."""
    place = task.place
    if "raw" in place:
        return (place["raw"] if text == task.input.text else quoted(text, place["style"])).encode()
    whole = text if text == task.input.text else text.strip("\r\n")
    if "style" in place and text != task.input.text:
        return _in_block_scalar(whole, place["more"]).encode()
    return with_seams(whole, place.get("seams", ()), place.get("more", "\n")).encode()


def _in_block_scalar(text: str, more: str) -> str:
    """Lines of YAML's `|` and `>`, however many they are now: the first one's indentation is that of all."""
    first, *rest = LINE_END.split(text)
    blank = more.rstrip(" ")
    return first.lstrip() + "".join(more + line if line.strip() else blank for line in rest)


def target_names(gig: Gig, names: Sequence[str], language: str) -> Mapping[str, str]:
    """What each source is called in a language; never two alike, whatever the gig's languages.

    `contrat.fr.md` becomes `contrat.en.md`. A name that does not tell its language becomes `notes.en.md`, or keeps
    its name in a folder of the language where the gig has several. Where two would meet, all keep their names in
    folders.
    """
    languages = sorted({*gig.target_languages, language})
    plan = {target: {name: _renamed(gig, name, target, len(languages)) for name in names} for target in languages}
    every = [made.casefold() for of_one in plan.values() for made in of_one.values()]
    if len(set(every)) < len(every):
        return {name: f"{_safe(language)}/{name}" for name in names}
    return plan[language]


def _renamed(gig: Gig, name: str, language: str, languages: int) -> str:
    path = PurePosixPath(name)
    tag, safe = gig.source_language, _safe(language)
    for known in dict.fromkeys([tag, tag.replace("-", "_"), tag.split("-")[0]]):
        found = re.fullmatch(rf"(.*[._-]){re.escape(known)}(\.[^.]*)?", path.name, re.IGNORECASE) if known else None
        if found and found[1][:-1]:
            return str(path.with_name(f"{found[1]}{safe}{found[2] or ''}"))
    return f"{safe}/{name}" if languages > 1 else str(path.with_name(f"{path.stem}.{safe}{path.suffix}"))


def _safe(language: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", language) or "target"
