"""How a block is asked for: the stable first, so that providers can cache it, the block itself last."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from string import Template

from gigctl.crafts.translation.blocks import shortened
from gigctl.crafts.translation.languages import language_name
from gigctl.model import AskContext, Part, Request, Task

__all__ = ["ask"]

_NEIGHBOUR = 240
"""Characters of a neighbour: enough for what `it` refers to, too few to be worth translating."""
_OUTPUT_BASE = 96
_OUTPUT_PER_BYTE = 1.0
"""Tokens for each byte of the source: a language of the same script needs about 0.3 to 0.5."""
_OUTPUT_PER_BYTE_FAR = 3.0
"""The same into a script that takes three bytes a character and, in older tokenizers, a token for each byte."""
_FAR_TAGS = """
am bn fa gu he hi hy ja ka km kn ko lo ml mr my ne pa si ta te th ur zh ar el ru uk bg sr mk be
"""
_FAR = frozenset(_FAR_TAGS.split())
_OUTPUT_MOST = 8192
_EVIDENCE = 4


def ask(task: Task, context: AskContext) -> Request:
    """The request for one block: rules, style and terms, examples, neighbours, notes, the source, then what failed."""
    parts = [Part("system", _system(task, context))]
    parts += [Part("example", _filled("example", source=e.source, target=e.target)) for e in context.examples]
    parts += _terms(task, context)
    parts += _neighbours(task)
    parts += [Part("note", _filled("note", note=note)) for note in context.notes]
    parts += _source(task)
    parts += _failed(task, context)
    sampled = context.sample > 0
    return Request(
        tuple(parts),
        max_output=_max_output(task),
        temperature=0.7 if sampled else 0.0,
        seed=context.sample if sampled else None,
        sample=context.sample,
    )


@cache
def _template(name: str) -> Template:
    return Template(files(__package__).joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8").strip("\n"))


def _filled(name: str, **values: str) -> str:
    return _template(name).substitute(values)


def _languages(task: Task) -> dict[str, str]:
    source = language_name(task.source_language) if task.source_language else "the source language"
    return {"source_language": source, "target_language": language_name(task.target_language)}


def _source(task: Task) -> list[Part]:
    """The bare source in the frame that asks for it, which is a part of its own on either side."""
    kind = str(task.context.get("kind", ""))
    form = {"heading": "ask_heading", "table": "ask_table"}.get(kind, "ask_text")
    before, _, after = _template(form).template.partition("$source\n")
    names = _languages(task)
    opening, closing = Template(before).substitute(names), Template("\n" + after).substitute(names)
    return [Part("instruction", opening), Part("source", task.input.text), Part("instruction", closing)]


def _system(task: Task, context: AskContext) -> str:
    rules = "system_markdown" if task.context.get("format") == "markdown" else "system_text"
    texts = [_filled(rules, **_languages(task))]
    if context.style.strip():
        texts.append(_filled("style", style=context.style.strip()))
    if task.brief.strip() and task.brief.strip() != task.input.text.strip():
        texts.append(_filled("brief", brief=task.brief.strip()))
    return "\n\n".join(texts)


def _terms(task: Task, context: AskContext) -> list[Part]:
    """The client's terms that occur in this source, whatever their case."""
    source = task.input.text.casefold()
    used = [term for term in context.terms if term.source.casefold() in source]
    lines = "\n".join(f"- {term.source} = {term.target}" for term in used)
    return [Part("term", _filled("terms", terms=lines))] if used else []


def _neighbours(task: Task) -> list[Part]:
    """Nearby source, in tags of its own: without them a small model answered with it in place of the translation."""
    heading, before, after = (task.context.get(name) or () for name in ("heading", "before", "after"))
    above = [text for text in dict.fromkeys([str(heading), *before]) if text]
    if not above and not after:
        return []
    lines = ("\n".join(shortened(text, _NEIGHBOUR) for text in side) for side in (above, after))
    return [Part("neighbour", _filled("neighbours", before=next(lines), after=next(lines)))]


def _failed(task: Task, context: AskContext) -> list[Part]:
    """The draft to mend, and shortly what is wrong with it."""
    answer = context.failed_answer or (context.failed.text if context.failed else "")
    found = [evidence.message for verdict in context.failures for evidence in verdict.evidence]
    found = found or [f"The check `{verdict.name}` failed." for verdict in context.failures]
    if not answer or not found:
        return []
    lines = "\n".join(f"- {shortened(message, _NEIGHBOUR)}" for message in dict.fromkeys(found[:_EVIDENCE]))
    return [Part("draft", answer), Part("evidence", _filled("repair", failures=lines, **_languages(task)))]


def _max_output(task: Task) -> int:
    far = re.split("[-_]", task.target_language.lower())[0] in _FAR
    per_byte = _OUTPUT_PER_BYTE_FAR if far else _OUTPUT_PER_BYTE
    return min(_OUTPUT_MOST, _OUTPUT_BASE + int(len(task.input.text.encode("utf-8", "surrogateescape")) * per_byte))
