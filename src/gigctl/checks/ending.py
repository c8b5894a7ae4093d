"""Does the draft end where the source ends: not cut short in mid-sentence, nothing added around it?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.languages import NO_FULL_STOP, STOP_MAY_GO, base_language
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.prose import at, excerpt, words
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "ending"
VERSION = 1
HELP = "the draft ends as the source does: not cut short, nothing added"
NEEDS_TREE = False

_KINDS = {
    ".": "stop", "。": "stop", "．": "stop", "।": "stop", "۔": "stop", "։": "stop", "።": "stop", "…": "ellipsis",
    "?": "question", "？": "question", "؟": "question", ";": "semicolon", "；": "semicolon", "؛": "semicolon",
    "\u037e": "question", "!": "exclamation", "！": "exclamation", ":": "colon", "：": "colon", "׃": "colon",
}  # fmt: skip
_SENTENCE = frozenset({"stop", "ellipsis", "question", "exclamation"})
_CLOSERS = " \t\r\n\u00a0\u202f\u200b\u200e\u200f\u061c*_~`\"'”’»«“„‘)]}>）」』】]\ufeff"
# Quotes are no pairs: „…“, »…« and “…” turn each other round from language to language.
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))
_INNER_STOP = re.compile(r"[.!?。！？](?=\s|\S*[\u3040-\u9fff])")
_PREAMBLE = re.compile(
    r"""\s*[*_#"]{0,3}(?:
      sure[,!.:] | certainly[,!.:] | of\ course[,!.]
    | (?:(?:english|french|german|spanish|italian)\ )?translation\ ?: | translated\ text\ ?:
    | traduction\ ?: | übersetzung\ ?: | traducción\ ?: | traduzione\ ?: | tradução\ ?: | перевод\ ?: | الترجمة\ ?:
    | here(?:'s|’s|\ is|\ are)\b[^.\n]{0,40}\b(?:translat|version|text) | (?:voici|voilà)\b[^.\n]{0,30}\btrad
    | hier\ ist\b[^.\n]{0,30}\bübersetz | aquí\ (?:está|tienes)\b[^.\n]{0,30}\btradu | ecco\b[^.\n]{0,30}\btradu
    | aqui\ está\b[^.\n]{0,30}\btradu | вот\b[^.\n]{0,30}\bперевод | oto\b[^.\n]{0,30}\btłumacz )""",
    re.IGNORECASE | re.VERBOSE,
)
_NOTE = re.compile(
    r"""[(\[*_\s]*(?:
      (?:translator['’]?s?\ )?note | note\ de\ (?:la\ )?trad\w* | n\.\ ?d\.\ ?t | remarque | anmerkung | hinweis
    | nota(?:\ del?\ trad\w+)? | explanation | explication | let\ me\ know | i\ hope\ this
    | i(?:'ve|’ve|\ have)\ translated | примечание | ملاحظة | uwaga )\b[^\n]*[)\]*_\s]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_NOTE_WORD = re.compile(
    r"note|n\. ?d\. ?t|remarque|anmerkung|hinweis|nota|explan|explic|примечани|ملاحظ|uwaga|warning|important",
    re.IGNORECASE,
)
_THINKING = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    source, draft = context.source.rstrip(), content.text.rstrip()
    if not draft or not source:
        return verdict(NAME, "pass")
    found = [*_added(source, draft), *_cut(source, draft, context)]
    return verdict(NAME, "fail", *found) if found else verdict(NAME, "pass")


def _added(source: str, draft: str) -> Iterator[Evidence]:
    if _PREAMBLE.match(draft) and not _PREAMBLE.match(source):
        yield Evidence(f'ending: added before the text: "{excerpt(draft.strip(), 40)}"', None, 1, 1)
    last = draft.rfind("\n") + 1
    note = _NOTE.match(draft, last) or _NOTE.match(draft, max(draft.rfind(" (") + 1, draft.rfind(" [") + 1, last))
    if note and note.start() and not _NOTE_WORD.search(source):
        yield at(f'ending: added after the text: "{excerpt(note.group(), 40)}"', draft, note.start())
    if draft.lstrip().startswith("```") and not source.lstrip().startswith("```"):
        yield Evidence("ending: the draft is in a code fence, the source is not", None, 1, 1)
    if _THINKING.search(draft) and not _THINKING.search(source):
        yield Evidence("ending: the draft has the model's thinking in it")


def _cut(source: str, draft: str, context: CheckContext) -> Iterator[Evidence]:
    wanted, there = _ending(source), _ending(draft)
    if wanted != there and _is_cut(wanted, there, source, draft, context.target_language):
        line = draft.count("\n") + 1
        tail = excerpt(draft[-30:].strip(), 30)
        message = f'ending: the source ends with a {wanted or "word"}, the draft with "{tail}"'
        yield Evidence(message, None, line, len(draft) - draft.rfind("\n") - 1)
        return
    for opening, closing in _PAIRS:
        if source.count(opening) == source.count(closing) and draft.count(opening) > draft.count(closing):
            yield at(f"ending: {opening} is opened and never closed", draft, draft.rfind(opening))
            return


def _ending(text: str) -> str:
    """The kind of the last sign, closing quotes and brackets aside; empty where it is a word."""
    bare = text.rstrip(_CLOSERS)
    if bare.endswith("..."):
        return "ellipsis"
    return _KINDS.get(bare[-1:], "")


def _is_cut(wanted: str, there: str, source: str, draft: str, language: str) -> bool:
    if wanted == "colon":
        return there not in ("colon", "") or len(words(source)) >= 3
    if wanted not in _SENTENCE or there in _SENTENCE or base_language(language) in NO_FULL_STOP:
        return False
    if base_language(language) in STOP_MAY_GO and not _INNER_STOP.search(draft):
        return False  # of a sentence alone the stop is often left away there
    # Labels ("Edit…", "No.") lose their sign in translation; a sentence does not.
    return len(words(source)) >= 4 and there != "semicolon"
