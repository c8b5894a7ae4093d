"""Whether a text has anything to translate, and what to call it where it has not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

_NO_WORDS = re.compile(
    r"[a-z][a-z0-9+.-]*://\S+"  # an address
    r"|www\.\S+|\S+@\S+\.\w+"
    r"|\{\{.*?\}\}|\{%.*?%\}|\$\{.*?\}"  # a template's variables and tags
    r"|\{[:#.][^{}]*\}"  # attributes
    r"|\[{1,2}TOC\]{1,2}|\[\[_TOC_\]\]",
    re.IGNORECASE | re.DOTALL,
)


def has_words(text: str) -> bool:
    """Whether a letter is left when addresses, variables and attributes are taken away."""
    return any(char.isalpha() for char in _NO_WORDS.sub(" ", text))


def inline_has_words(tokens: Iterable[Token]) -> bool:
    """The same of parsed Markdown: of its text, alternative texts and titles, not of code, tags or targets."""
    return has_words(" ".join(_texts(tokens)))


def what_is_alone(tokens: Iterable[Token]) -> str:
    """What a block without words consists of, for the list of what was left alone."""
    kinds = {token.type for token in tokens}
    for kind, name in (("image", "an image without text"), ("code_inline", "code"), ("link_open", "a link")):
        if kind in kinds:
            return f"{name} alone"
    text = "".join(token.content for token in tokens if token.type == "text")
    if "html_inline" in kinds:
        return "HTML alone"
    return "an address or a variable alone" if any(map(str.isalpha, text)) else "no words"


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
