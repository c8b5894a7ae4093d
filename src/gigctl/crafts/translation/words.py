"""Whether a text has anything to translate, and what to call it where it has not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

_NO_WORDS = re.compile(
    r"[a-z][a-z0-9+.-]{0,30}://\S+"  # an address
    r"|www\.\S+|[^\s@]{1,64}@[^\s@]{1,255}\.\w+"
    r"|\{\{.{0,400}?\}\}|\{%.{0,400}?%\}|\$\{.{0,400}?\}"  # a template's variables and tags
    r"|\{[:#.][^{}]{0,400}\}"  # attributes
    r"|\[{1,2}TOC\]{1,2}|\[\[_TOC_\]\]",
    re.IGNORECASE | re.DOTALL,
)
"""Each repetition is bounded: unbounded ones look through the rest of the text once for each character."""
_MARK_OF_NO_WORDS = re.compile(r"://|www\.|@|\{|TOC", re.IGNORECASE)
_RUN = re.compile(r"\S+")
_MARKED = re.compile(r"[`<\[\]&\\{]")
"""From here on a text may be code, a tag, a target, an entity or a variable."""
_NO_TEXT = re.compile(r"`[^`]*`|<[^<>]*>|\]\([^()\s]*\)|\]\[[^\[\]]*\]")
"""Code, tags and addresses, and the targets of links."""


def has_words(text: str) -> bool:
    """Whether a letter is left when addresses, variables and attributes are taken away."""
    if begins_with_words(text):
        return True
    return _has_letter(_NO_WORDS.sub(" ", text) if _MARK_OF_NO_WORDS.search(text) else text)


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def begins_with_words(text: str) -> bool:
    """Whether there is a word before anything that Markdown could take for something else: most texts need no parse."""
    for run in _RUN.finditer(text):
        if _MARKED.search(run[0]):
            return False
        if _has_letter(run[0]) and not any(mark in run[0].lower() for mark in ("://", "@", "www.")):
            return True
    return False


def inline_has_words(tokens: Iterable[Token]) -> bool:
    """The same of parsed Markdown: of its text, alternative texts and titles, not of code, tags or targets."""
    return has_words(" ".join(_texts(tokens)))


def may_have_words(text: str) -> bool:
    """The same of Markdown that is too long to be parsed for it: yes where in doubt."""
    return has_words(_NO_TEXT.sub(" ", text))


def what_is_alone(tokens: Iterable[Token]) -> str:
    """What a block without words consists of, for the list of what was left alone."""
    kinds = {token.type for token in tokens}
    for kind, name in (("image", "an image without text"), ("code_inline", "code"), ("link_open", "a link")):
        if kind in kinds:
            return f"{name} alone"
    text = "".join(token.content for token in tokens if token.type == "text")
    if "html_inline" in kinds:
        return "HTML alone"
    return "an address or a variable alone" if _has_letter(text) else "no words"


def _texts(tokens: Iterable[Token]) -> Iterable[str]:
    for token in tokens:
        if token.type == "text":
            yield token.content
        elif token.type == "footnote_ref" and not token.meta.get("label"):
            yield "inline footnote"
        elif token.type in ("image", "link_open"):
            yield f" {token.attrs.get('title', '')} "
            yield from _texts(token.children or ())
        elif token.type in ("softbreak", "hardbreak"):
            yield "\n"
