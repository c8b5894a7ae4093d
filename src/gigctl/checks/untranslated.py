"""Was everything translated? Names, code, addresses and numbers may stay; a sentence of the source may not.

Three questions: are the letters of the target's script, is the draft (or a long run of its words) the source's own,
do its function words belong to another language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gigctl.checks.base import verdict
from gigctl.checks.languages import SCRIPTS, base_language, function_words, letters_of, never_last, scripts_of
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.placeholders import find_placeholders
from gigctl.checks.prose import MAX_EVIDENCE, at, blank, blank_spans, excerpt, prose, word_matches
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "untranslated"
VERSION = 1
HELP = "nothing was left in the source's language, or written in another script"
NEEDS_TREE = False

RUN = 5
"""So many words of the source in a row, three of them no names, are a part that was left."""
_PLAIN_WORDS = 3
_WORDS_FOR_A_RUN = 7  # without a function word it may be a list of keywords
_WORDS_FOR_A_LANGUAGE = 8
_QUOTED = re.compile(r"“[^”\n]{1,200}”|«[^»\n]{1,200}»|\"[^\"\n]{1,200}\"|„[^“”\n]{1,200}[“”]|'[^'\n]{3,200}'")
_BRACKETED = re.compile(r"&#?\w{1,10};|<[^<>\n]{1,60}>|\[[^\[\]\n]{1,60}\]")
_TOKEN = re.compile(r"[^\s\u3000-\u9fff]+")
_TABLE_RULE = re.compile(r"^[ \t>]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+[ \t:-]*$", re.MULTILINE)
_CELL = re.compile(r"(?:\\.|[^|\n\\])+")
_ELIDED = re.compile(r"['’\u02bc*_~(),;:]+")
"""What stands between the words of a cell: `d'affaires` are two."""
_CODE_LIKE = re.compile(r"[\w.]/|\w[_.:]\w|(?<![^(\[|])--?[A-Za-z]")
"""Options, paths, identifiers."""


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    found = list(_find(context.source, content.text, context))
    return verdict(NAME, "fail", *found[:MAX_EVIDENCE]) if found else verdict(NAME, "pass")


def _find(source: str, draft: str, context: CheckContext) -> Iterator[Evidence]:
    plain_source, plain_draft = (_readable(text, context.format == "markdown") for text in (source, draft))
    yield from _wrong_script(plain_source, plain_draft, context)
    yield from _no_script(plain_source, draft, context)
    if base_language(context.source_language) == base_language(context.target_language):
        return  # a variant of the same language may stay word for word
    common = function_words(context.source_language)
    if source.split() == draft.split() and _is_sentence(list(word_matches(plain_source)), common, _PLAIN_WORDS):
        yield Evidence("the draft is the source, word for word")
        return
    left = list(_left_over(plain_source, plain_draft, common))
    if not left and context.format == "markdown" and _TABLE_RULE.search(source):
        left = list(_left_cells(plain_source, plain_draft, context))
    yield from left
    if not left:
        yield from _wrong_language(plain_draft, context)


def _readable(text: str, markdown: bool) -> str:
    out = prose(text, markdown=markdown)
    out = blank_spans(out, [(item.start, item.end) for item in find_placeholders(out)])
    return _TOKEN.sub(_code_as_spaces, blank(_BRACKETED, out))


def _code_as_spaces(token: re.Match[str]) -> str:
    text = token.group()
    is_code = len(text) <= 200 and _CODE_LIKE.search(text)
    return " " * len(text) if is_code else text


def _is_plain(word: str) -> bool:
    """No name, no abbreviation, no identifier: all small letters, or a script without capitals."""
    return len(word) > 1 and word == word.lower()


def _wrong_script(source: str, draft: str, context: CheckContext) -> Iterator[Evidence]:
    allowed = scripts_of(context.target_language)
    if not allowed:
        return
    foreign = letters_of(frozenset(SCRIPTS) - allowed - {"Latn", "Grek"})
    known = set(source)
    for word in word_matches(draft):
        text = word.group()
        if not text.isascii() and any(char not in known for char in foreign.findall(text)):
            yield at(
                f'"{excerpt(text)}" is not in the script of {context.target_language}',
                draft,
                word.start(),
            )
            return


def _no_script(source: str, draft: str, context: CheckContext) -> Iterator[Evidence]:
    """Words, and none of them written as the target language is."""
    allowed = scripts_of(context.target_language)
    if not allowed or "Latn" in allowed or letters_of(allowed).search(draft):
        return
    common = function_words(context.source_language)
    if _is_sentence(list(word_matches(source)), common, 4) and any(map(str.isalpha, draft)):
        yield Evidence(f"no letter of the draft is in the script of {context.target_language}")


def _left_over(source: str, draft: str, common: frozenset[str]) -> Iterator[Evidence]:
    """The longest runs of words that the source has too; linear, by sets of word groups."""
    quoted = [found.span() for found in _QUOTED.finditer(draft)]
    before = [word.group().casefold() for word in word_matches(source)]
    groups = {tuple(before[index : index + RUN]) for index in range(len(before) - RUN + 1)}
    now = list(word_matches(draft))
    folded = [word.group().casefold() for word in now]
    index = 0
    while groups and index <= len(now) - RUN:
        end = index
        while end <= len(now) - RUN and tuple(folded[end : end + RUN]) in groups:
            end += 1
        if end == index:
            index += 1
            continue
        run = now[index : end + RUN - 1]
        index = end + RUN - 1
        span = run[0].start(), run[-1].end()
        if _is_sentence(run, common, _WORDS_FOR_A_RUN) and not _inside(span, quoted):
            yield at(f'"{excerpt(draft[span[0] : span[1]])}" is still the source', draft, span[0])


def _left_cells(source: str, draft: str, context: CheckContext) -> Iterator[Evidence]:
    """Cells of a table that are the source's, of a word that is no name and one that is the source language's alone.

    `Chiffre d'affaires` was left; `Transport`, `Jean Dupont` and `Rue de la Paix` may be what they are in both.
    """
    common = function_words(context.source_language) | never_last(context.source_language)
    common -= function_words(context.target_language) | never_last(context.target_language)
    before = {" ".join(cell.group().casefold().split()) for cell in _CELL.finditer(source)}
    for cell in _CELL.finditer(draft):
        text = cell.group()
        if " ".join(text.casefold().split()) in before and _is_phrase(text, common):
            start = cell.start() + len(text) - len(text.lstrip())
            yield at(f'the cell "{excerpt(text)}" is still the source', draft, start)


def _is_phrase(text: str, common: frozenset[str]) -> bool:
    if any(map(str.isdigit, text)) or _QUOTED.fullmatch(text.strip()):  # an address, a title
        return False
    said = _ELIDED.sub(" ", text).split()
    return any(word.casefold() in common for word in said) and any(
        _is_plain(word) and word.isalpha() and word not in common for word in said
    )


def _inside(span: tuple[int, int], quoted: list[tuple[int, int]]) -> bool:
    """A title or message that is quoted may stay as it is."""
    return any(start <= span[0] and span[1] <= end for start, end in quoted)


def _is_sentence(run: list[re.Match[str]], common: frozenset[str], enough: int) -> bool:
    """Words of a language rather than names, a command or a list of keywords."""
    plain = [word.group() for word in run if _is_plain(word.group())]
    said = {word.group().casefold() for word in run}
    return len(plain) >= enough or (len(plain) >= _PLAIN_WORDS and not common.isdisjoint(said))


def _wrong_language(draft: str, context: CheckContext) -> Iterator[Evidence]:
    """An answer about the text rather than its translation, or one in a third language's words."""
    mine, theirs = function_words(context.target_language), function_words(context.source_language)
    if not mine or not theirs:
        return
    said = [word.group().casefold() for word in word_matches(draft)]
    if len(said) < _WORDS_FOR_A_LANGUAGE:
        return
    ours = sum(word in mine - theirs for word in said)
    other = sum(word in theirs - mine for word in said)
    if other >= 4 and other > 3 * ours:
        yield Evidence(f"the draft reads as {context.source_language}, not {context.target_language}")
