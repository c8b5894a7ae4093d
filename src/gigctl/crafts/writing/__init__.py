"""The craft `writing`: a text to a brief, with a length, required and forbidden terms, and material to draw from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from gigctl.crafts.answer_text import unwrap
from gigctl.crafts.base import BadSource, MalformedAnswer
from gigctl.crafts.writing.options import OPTIONS, Wanted, load_wanted
from gigctl.model import (
    REGULAR,
    AskContext,
    Change,
    CheckContext,
    CheckSpec,
    Content,
    Draft,
    Gig,
    Part,
    Request,
    Source,
    Split,
    Task,
    TaskSpec,
)

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

NAME = "writing"
HELP = "a text to a brief: product texts, summaries, posts, with length and terms checked"
REQUIRES: tuple[str, ...] = ("brief",)
ON_TREE = False

_WORDS_TOKENS, _LETTERS_A_WORD = 2, 6
"""Tokens that a word may take in any language of Latin script, and the letters of an average one with its space."""
_FENCE = re.compile(r"\s*[`~]{3,}[ \t]*(\w*)")
_PROSE_FENCES = frozenset({"", "md", "markdown", "text", "txt", "plaintext"})


def split(source: Source | None, gig: Gig) -> Split:
    """One task: the brief, with a source's text as material. Raises BadSource."""
    wanted = load_wanted(gig.options)
    if not gig.brief.strip():
        raise BadSource("a writing gig needs a brief: what to write, for whom, to what end")
    name = gig.title or _first_words(gig.brief)
    place = {"file": wanted.file} if wanted.file else {}
    language = wanted.language or next(iter(gig.target_languages), "")
    if source is None:
        return Split((TaskSpec(name, Content.of_text(""), place, language=language),))
    return Split((TaskSpec(f"{name} ({source.name})", Content.of_text(_decode(source)), place, language=language),))


def whole(source: Source | None, gig: Gig) -> TaskSpec:
    """A writing task is whole."""
    return split(source, gig).tasks[0]


def _decode(source: Source) -> str:
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSource(f"{source.name}: expected UTF-8, byte {error.start + 1} is none") from error
    if "\0" in text:
        raise BadSource(f"{source.name}: expected a text, found NUL bytes")
    return text


def _first_words(brief: str) -> str:
    words = brief.split(None, 8)
    return " ".join(words[:8]) + ("…" if len(words) > 8 else "")


# --- asking ---


def ask(task: Task, context: AskContext) -> Request:
    wanted = load_wanted(task.options)
    parts = [Part("system", _system())]
    if context.style:
        parts.append(Part("note", "The client's style:\n" + context.style))
    parts += [Part("example", f"Brief: {item.source}\n\nText:\n{item.target}") for item in context.examples]
    if task.input.text.strip():
        parts.append(Part("source", f"The material:\n<material>\n{task.input.text.strip()}\n</material>"))
    parts += [Part("note", note) for note in context.notes]
    parts.append(Part("instruction", "\n".join([*_rules(wanted, task, context), "", task.brief.strip()])))
    return Request((*parts, *_repair(context)), max_output=_most_tokens(wanted), sample=context.sample)


@cache
def _system() -> str:
    return files(__package__).joinpath("system.txt").read_text(encoding="utf-8")


def _rules(wanted: Wanted, task: Task, context: AskContext) -> Iterator[str]:
    yield "Write the following." if wanted.format == "text" else "Write the following in Markdown."
    if language := wanted.language or task.target_language:
        yield f"Language: {language}."
    if wanted.has_length:
        yield f"Length: {_length(wanted)}."
    required = [*wanted.required, *(term.target for term in context.terms if term.source in task.brief)]
    if required:
        yield "It must contain: " + ", ".join(f'"{term}"' for term in dict.fromkeys(required)) + "."
    if wanted.forbidden:
        yield "It must not contain: " + ", ".join(f'"{term}"' for term in wanted.forbidden) + "."
    if wanted.format == "text":
        yield "Plain text, without Markdown."


def _length(wanted: Wanted) -> str:
    """With the words that it comes to: a model counts words badly and letters not at all."""
    size = f"{wanted.least} to {wanted.most}" if wanted.most is not None else f"at least {wanted.least}"
    if wanted.most is not None and not wanted.least:
        size = f"at most {wanted.most}"
    if wanted.unit == "words":
        return f"{size} words"
    aim = (wanted.least + (wanted.most or wanted.least)) / 2 if wanted.least else 0.8 * (wanted.most or 0)
    return f"{size} characters with spaces, about {max(1, round(aim / _LETTERS_A_WORD))} words"


def _most_tokens(wanted: Wanted) -> int:
    if wanted.most is None:
        return 2048
    words = wanted.most if wanted.unit == "words" else wanted.most / _LETTERS_A_WORD
    # Twice the longest text wanted: one that is too long is to be seen and mended, not cut.
    return min(8192, 256 + round(2 * _WORDS_TOKENS * words))


def _repair(context: AskContext) -> Iterator[Part]:
    if not context.failures:
        return
    failed = context.failed.text if context.failed is not None else context.failed_answer
    if failed:
        yield Part("draft", failed)
    told = [f"- {evidence.message}" for verdict in context.failures for evidence in verdict.evidence]
    yield Part(
        "evidence", "\n".join(["The text is not yet right:", *told, "\nWrite it again, whole, with that mended."])
    )


# --- reading and judging ---


def read(task: Task, draft: Draft) -> Content:
    """The text in an answer. Raises MalformedAnswer."""
    text = draft.content.replace("\r\n", "\n")
    fence = _FENCE.match(text)
    # A fenced listing may well be what a Markdown text consists of.
    listing = task.options.get("format") == "markdown" and fence and fence[1].lower() not in _PROSE_FENCES
    text = text.strip() if listing else unwrap(text, task.input.text).strip()
    if not text:
        raise MalformedAnswer("The answer is empty. Answer with the text.")
    return Content.of_text(text)


def checks(gig: Gig) -> tuple[CheckSpec, ...]:
    wanted = load_wanted(gig.options)
    specs = [CheckSpec("empty", "empty"), CheckSpec("repeated", "repeated")]
    if wanted.has_length:
        limits = {"min": wanted.least, "max": wanted.most, "unit": wanted.unit}
        specs.append(CheckSpec("length", "length", {key: value for key, value in limits.items() if value is not None}))
    if wanted.required or wanted.forbidden:
        terms = {"required": list(wanted.required), "forbidden": list(wanted.forbidden)}
        specs.append(CheckSpec("terms", "terms", {key: value for key, value in terms.items() if value}))
    return tuple(specs)


def context(task: Task) -> CheckContext:
    """Without a source: material is drawn from, not rendered, so that no check may compare the two."""
    wanted = load_wanted(task.options)
    return CheckContext(target_language=wanted.language or task.target_language, format=wanted.format)


# --- delivering ---


def find_neighbours(tree: Sequence[Change], changed: Collection[str]) -> frozenset[str]:
    """None: a text stands by itself."""
    return frozenset()


def assemble(
    gig: Gig, sources: Sequence[Source], signed: Sequence[tuple[Task, Content]], language: str
) -> tuple[Change, ...]:
    """A file a text, named by the gig's option, its title or the task's reference."""
    ending = ".md" if load_wanted(gig.options).format == "markdown" else ".txt"
    made: dict[str, Change] = {}
    for task, content in signed:
        if language and task.target_language and task.target_language != language:
            continue
        path = _free(str(task.place.get("file") or _slug(gig.title or task.name, task.ref) + ending), made)
        made[path] = Change(path, REGULAR, (content.text.rstrip("\n") + "\n").encode("utf-8", "surrogateescape"))
    return tuple(made[path] for path in sorted(made))


def _slug(title: str, otherwise: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or otherwise


def _free(path: str, made: Mapping[str, Change]) -> str:
    """The path, or the first of path-2, path-3 … that no other text has."""
    stem, dot, ending = path.rpartition(".")
    number, free = 1, path
    while free in made:
        number += 1
        free = f"{stem}-{number}{dot}{ending}" if stem else f"{path}-{number}"
    return free


if TYPE_CHECKING:
    import gigctl.crafts.writing
    from gigctl.crafts.base import Craft

    _: Craft = gigctl.crafts.writing
