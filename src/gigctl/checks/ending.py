"""Does the draft end where the source ends: not cut short in mid-sentence, nothing added around it?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.languages import (
    NO_FULL_STOP,
    STOP_MAY_GO,
    base_language,
    ends_with_valediction,
    function_words,
    never_last,
)
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.prose import at, excerpt, weight, words
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "ending"
VERSION = 2
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
_FULL_WIDTH = 0xFEE0  # from ASCII to the full-width form
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
_BRACKETS = (")", "]", "）")
_LAST_WORD = re.compile(r"(?:^|[\s'’])([^\W\d_]+)['’]?$")
_OTHER_LAST = frozenset({"at", "has", "from", "into", "set", "is", "be"})
"""More words that pieces of sentences in English end with ("HEAD detached at")."""
_PIECE = 3
"""Words of a draft that is more than a label."""
_SHORT = 7
"""Words of a sentence that no output limit cuts."""
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
        yield Evidence(f'"{excerpt(draft.strip(), 40)}" was added before the text: leave it out', None, 1, 1)
    last = draft.rfind("\n") + 1
    note = _NOTE.match(draft, last) or _NOTE.match(draft, max(draft.rfind(" (") + 1, draft.rfind(" [") + 1, last))
    if note and note.start() and not _NOTE_WORD.search(source):
        yield at(f'"{excerpt(note.group(), 40)}" was added after the text: leave it out', draft, note.start())
    if draft.lstrip().startswith("```") and not source.lstrip().startswith("```"):
        yield Evidence("the draft is in a code fence, the source is not: leave it out", None, 1, 1)
    if _THINKING.search(draft) and not _THINKING.search(source):
        yield Evidence("the draft has the model's thinking in it: leave it out")


def _cut(source: str, draft: str, context: CheckContext) -> Iterator[Evidence]:
    wanted, there = _ending(source), _ending(draft)
    if word := _hanging(source, draft, context):
        yield _at_end(f'the draft stops after "{word}": write it to its end', draft)
    elif wanted != there and _is_cut(wanted, there, source, draft, context.target_language):
        tail = excerpt(draft[-30:].strip(), 30)
        yield _at_end(f'the source ends with a {wanted}, the draft with "{tail}"', draft)
    else:
        for opening, closing in _PAIRS:
            if source.count(opening) == source.count(closing) and draft.count(opening) > _closed(draft, closing):
                yield at(f"{opening} is opened and never closed", draft, draft.rfind(opening))
                return


def _closed(text: str, closing: str) -> int:
    """Closing brackets, full-width ones too: they are mixed with plain ones in Chinese."""
    return text.count(closing) + text.count(chr(ord(closing) + _FULL_WIDTH))


def _at_end(message: str, draft: str) -> Evidence:
    return Evidence(message, None, draft.count("\n") + 1, len(draft) - draft.rfind("\n") - 1)


def _hanging(source: str, draft: str, context: CheckContext) -> str:
    """The draft's last word where another must follow it, and the source is no such piece of a sentence itself."""
    found = _LAST_WORD.search(draft)
    if found is None or found[1] not in never_last(context.target_language) or len(draft.split()) < _PIECE:
        return ""
    before = _LAST_WORD.search(source)
    language = context.source_language
    if before and before[1].casefold() in function_words(language) | never_last(language) | _OTHER_LAST:
        return ""
    return found[1]


def _ending(text: str) -> str:
    """The kind of the last sign, closing quotes and brackets aside; empty where it is a word."""
    bare = text.rstrip(_CLOSERS)
    if bare.endswith("..."):
        return "ellipsis"
    return _KINDS.get(bare[-1:], "")


def _is_cut(wanted: str, there: str, source: str, draft: str, language: str) -> bool:
    if there == "" and ends_with_valediction(draft):
        return False
    if wanted == "colon":
        return there not in ("colon", "") or (len(words(source)) >= 3 and not _is_salutation(source, draft))
    if wanted not in _SENTENCE or there in _SENTENCE or base_language(language) in NO_FULL_STOP:
        return False
    if base_language(language) in STOP_MAY_GO and not _INNER_STOP.search(draft):
        return False  # of a sentence alone the stop is often left away there
    # Labels ("Edit…", "No.") lose their sign in translation; a sentence does not.
    return len(words(source)) >= 4 and there != "semicolon" and not _is_whole(source, draft)


def _is_salutation(source: str, draft: str) -> bool:
    """ "Dear Mr Smith:" is "Cher Monsieur," elsewhere."""
    return (
        draft.endswith(",") and len(words(source)) <= _SHORT and "\n" not in source and not _INNER_STOP.search(source)
    )


def _is_whole(source: str, draft: str) -> bool:
    """Whether only the final sign was left out: a bracket is closed, the last word is the source's own (a name, a
    placeholder), or a short sentence is all there. An output limit cuts long texts; docs/checks.md tells the cost.
    """
    if source.endswith(_BRACKETS) and draft.endswith(_BRACKETS):
        return True  # "(as before.)": what was opened is closed
    if draft.split()[-1].rstrip(_CLOSERS) == source.split()[-1].rstrip(_CLOSERS + ".!?…"):
        return True
    return len(words(source)) <= _SHORT and weight(draft) >= weight(source)
