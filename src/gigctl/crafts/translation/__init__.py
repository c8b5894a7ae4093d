"""The craft that translates Markdown and plain text, a block a task, spliced into the original bytes."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gigctl.crafts.base import BadSource
from gigctl.crafts.translation import markdown, plain
from gigctl.crafts.translation.assembling import assemble
from gigctl.crafts.translation.blocks import Block, check_blocks, check_size, decode, place_of
from gigctl.crafts.translation.dialect import MOST_NESTED, TooDeep
from gigctl.crafts.translation.prompt import ask
from gigctl.crafts.translation.reading import read
from gigctl.crafts.translation.words import has_words
from gigctl.model import Change, CheckContext, CheckSpec, Content, Gig, Source, Split, Task, TaskSpec

__all__ = [
    "HELP",
    "NAME",
    "ON_TREE",
    "OPTIONS",
    "REQUIRES",
    "ask",
    "assemble",
    "checks",
    "context",
    "find_neighbours",
    "read",
    "split",
    "whole",
]

NAME = "translation"
HELP = "Markdown and plain text from one language into others, block by block"
REQUIRES: tuple[str, ...] = ("to",)
ON_TREE = False
OPTIONS: Mapping[str, str] = {"format": "markdown or text: how a source is read, whatever its name ends with"}

_MARKDOWN = (".md", ".markdown", ".mdown", ".mkd")
_ENDINGS = """
.csv .doc .docx .epub .htm .html .ipynb .json .jsonl .odt .pdf .po .pot .properties .rst .rtf .sbv .srt .strings
.svg .tex .toml .tsv .vtt .xlf .xliff .xlsx .xml .yaml .yml
"""
_OTHER_FORMATS = frozenset(_ENDINGS.split())
"""Text that has a structure of its own, which a paragraph a time would break."""
_BEFORE, _AFTER = 2, 1
"""How many neighbours go along with a block."""
_CHECKS = {
    "structure": True,
    "numbers": True,
    "placeholders": True,
    "untranslated": True,
    "empty": True,
    "repeated": True,
    "ending": True,
    "terms": True,
    "length": False,  # a heading may well be twice as long in another language
}


def split(source: Source | None, gig: Gig) -> Split:
    """A task for each block that has something to translate, in each target language. Raises BadSource."""
    if source is None:
        return Split(tuple(_brief_tasks(gig)))
    form = _format(source, gig)
    check_size(source)
    try:
        with _without_collector():
            found = (markdown if form == "markdown" else plain).find_blocks(decode(source))
    except TooDeep as error:
        raise BadSource(
            f"{source.name}:{error.line} is nested more than {MOST_NESTED} lists, items and quotes deep: take some out"
        ) from error
    check_blocks(source, found.blocks)
    languages = gig.target_languages or ("",)
    shared = [(block, _shared_context(found.blocks, n, form)) for n, block in enumerate(found.blocks)]
    tasks = (
        TaskSpec(
            name=f"{source.name}:{block.line}",
            input=Content.of_text(block.text),
            place=place_of(block, source.name),
            context=known,
            language=language,
        )
        for language in languages
        for block, known in shared
    )
    return Split(tuple(tasks), found.left_alone)


@contextmanager
def _without_collector() -> Iterator[None]:
    """A parse makes a million tokens and no cycle: looking through them again and again doubles a large file's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _brief_tasks(gig: Gig) -> Iterator[TaskSpec]:
    if not gig.brief.strip():
        raise BadSource("there is nothing to translate: expected a file, or the text itself as the brief")
    for language in gig.target_languages or ("",):
        known = {"kind": "text", "format": str(gig.options.get("format", "text"))}
        yield TaskSpec("brief", Content.of_text(gig.brief), context=known, language=language)


def whole(source: Source | None, gig: Gig) -> TaskSpec:
    """A text as one task, its blocks together; without a source, the brief is the text. Raises BadSource."""
    if source is None:
        return next(_brief_tasks(replace(gig, target_languages=gig.target_languages[:1])))
    text = decode(source)
    if not has_words(text):
        raise BadSource(f"{source.name}: there is nothing to translate in it")
    known = {"kind": "text", "format": _format(source, gig)}
    language = gig.target_languages[0] if gig.target_languages else ""
    return TaskSpec(source.name, Content.of_text(text), context=known, language=language)


def _format(source: Source, gig: Gig) -> str:
    wanted = gig.options.get("format")
    if wanted is not None:
        if wanted not in ("markdown", "text"):
            raise BadSource(f"format={wanted}: expected markdown or text")
        return str(wanted)
    ending = PurePosixPath(source.name).suffix.lower()
    if ending in _OTHER_FORMATS:
        raise BadSource(f"{source.name}: {ending} is not translated yet, expected Markdown (.md) or plain text (.txt)")
    return "markdown" if ending in _MARKDOWN else "text"


def _shared_context(blocks: tuple[Block, ...], n: int, form: str) -> dict[str, object]:
    block = blocks[n]
    in_front = block.kind == "front matter"
    near = [*blocks[max(0, n - _BEFORE) : n]], [*blocks[n + 1 : n + 1 + _AFTER]]
    before, after = ([other.text for other in side if (other.kind == "front matter") == in_front] for side in near)
    return {
        "kind": block.kind,
        "format": "text" if in_front else form,
        "before": before,
        "after": after,
        "heading": block.heading if block.kind != "heading" else "",
        "definitions": block.definitions,
    }


def checks(gig: Gig) -> tuple[CheckSpec, ...]:
    """The same for every gig; what a gig names itself comes beside them."""
    del gig
    return tuple(CheckSpec(name, name, required=required) for name, required in _CHECKS.items())


def context(task: Task) -> CheckContext:
    """What the checks may know: the source's text, languages, its form, the definitions it may refer to."""
    return CheckContext(
        source=task.input.text,
        source_language=task.source_language,
        target_language=task.target_language,
        format=str(task.context.get("format", "text")),
        definitions=str(task.context.get("definitions", "")),
    )


def find_neighbours(tree: Sequence[Change], changed: Collection[str]) -> frozenset[str]:
    """None: a text stands by itself."""
    return frozenset()


if TYPE_CHECKING:
    import gigctl.crafts.translation
    from gigctl.crafts.base import Craft

    _: Craft = gigctl.crafts.translation
