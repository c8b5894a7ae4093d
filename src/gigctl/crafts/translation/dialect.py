"""The Markdown that is read here: CommonMark, tables, footnotes, front matter, `:::` and `!!!` containers.

The parser is markdown-it-py's; each of its leaf rules also records where its lines stand, because a token alone tells
no columns, and a table's cells come without any position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

    Rule = Callable[[StateBlock, int, int, bool], bool]

_EVERYWHERE = ["paragraph", "reference", "blockquote", "list"]
_MARKER = re.compile(r":{3,}(?![^\s:]*:)")
"""Opens or closes a container (VitePress, Docusaurus, MyST, Pandoc); `:::a:::` is none."""
_TOML_MARK = "+++"
_CARRIAGE = re.compile(r"\r\n?")
MOST_NESTED = 100
"""Levels of quotes and lists (a list and its item are one each) within one another: what is deeper has no reader."""


class TooDeep(Exception):
    """More is nested than that; `line` counts from 1. markdown-it would pass over the rest of the file in silence."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is nested more than {MOST_NESTED} levels deep")
        self.line = line


@cache
def markdown() -> MarkdownIt:
    """The parser. Leaf tokens have `meta["lines"]`: (first, last) offsets of each line's text in the parsed source."""
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import heading, lheading, paragraph, table
    from mdit_py_plugins.admon import admon_plugin
    from mdit_py_plugins.admon.index import admonition
    from mdit_py_plugins.footnote import footnote_plugin
    from mdit_py_plugins.front_matter import front_matter_plugin
    from mdit_py_plugins.front_matter.index import _front_matter_rule

    options = {"inline_definitions": True, "maxNesting": MOST_NESTED + 1}
    parser = MarkdownIt("commonmark", options).enable("table")
    parser.use(front_matter_plugin).use(footnote_plugin, move_to_end=False).use(admon_plugin)
    rules = parser.block.ruler
    rules.at("table", _recorded(table), {"alt": ["paragraph", "reference"]})
    rules.at("heading", _recorded(heading), {"alt": ["paragraph", "reference", "blockquote"]})
    rules.at("lheading", _recorded(lheading))
    rules.at("paragraph", _recorded(paragraph))
    rules.at("front_matter", _at_the_very_start(_front_matter_rule), {"alt": _EVERYWHERE})
    rules.at("admonition", _recorded(admonition), {"alt": _EVERYWHERE})
    rules.before("fence", "container_marker", _recorded(_container_marker), {"alt": _EVERYWHERE})
    rules.before("table", "toml_front_matter", _toml_front_matter)
    rules.before("front_matter", "depth", _depth)
    return parser


def block_tokens(text: str, known: dict[str, Any] | None = None) -> Sequence[Token]:
    """The tokens of a text's blocks; their inline content is not parsed.

    `known` is filled with the document's link and footnote labels, as `inline_tokens` wants them. Raises TooDeep.
    """
    from markdown_it.rules_block import StateBlock

    parser = markdown()
    source = _CARRIAGE.sub("\n", text).replace("\0", "\ufffd")
    if not source:
        return []
    state = StateBlock(source, parser, {} if known is None else known, [])
    parser.block.tokenize(state, 0, state.lineMax)
    return state.tokens


def inline_tokens(inline: Token, known: dict[str, Any]) -> Sequence[Token]:
    """What stands inside one block, by the labels that `block_tokens` found in its document."""
    from markdown_it.rules_core import StateCore, text_join

    parser = markdown()
    inline.children = []
    parser.inline.parse(inline.content, parser, known, inline.children)
    text_join(StateCore(inline.content, parser, known, [inline]))
    return inline.children


def block_structure(text: str) -> list[tuple[Any, ...]]:
    """What blocks a text is made of: kind, tag, depth, marker, attributes and tightness of each, in order."""
    shape = []
    for token in block_tokens(text):
        content = token.content if token.type in ("fence", "code_block", "html_block") else ""
        attributes = tuple(sorted((name, str(value)) for name, value in token.attrs.items() if name != "class"))
        shape.append((token.type, token.tag, token.level, token.markup, attributes, token.hidden, content))
    return shape


def _recorded(rule: Rule) -> Rule:
    """The rule, which then writes into its first token where each of its lines has its text.

    Only while the rule runs does the state know a line's start within quotes and lists.
    """

    def recorded(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        first = len(state.tokens)
        # A container's rule moves these while it reads what is inside.
        opening = (state.bMarks[start] + state.tShift[start], state.eMarks[start])
        matched = rule(state, start, end, silent)
        if matched and not silent and len(state.tokens) > first:
            rest = [(state.bMarks[n] + state.tShift[n], state.eMarks[n]) for n in range(start + 1, state.line)]
            state.tokens[first].meta["lines"] = [opening, *rest]
        return matched

    return recorded


def _depth(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    del end, silent
    if state.level >= MOST_NESTED:
        raise TooDeep(start + 1)
    return False


def _at_the_very_start(rule: Rule) -> Rule:
    """The plugin looks at the first character alone: it takes `- a---` in a list and `--- a` for opening marks."""

    def guarded(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        first = start == 0 and state.level == 0 and state.bMarks[0] + state.tShift[0] == 0
        return first and not state.src[: state.eMarks[0]].strip("- \t") and rule(state, start, end, silent)

    return guarded


def _container_marker(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A line of `:::` is a block of its own, so that what it holds is split like anything else."""
    if state.is_code_block(start):
        return False
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if not _MARKER.match(line):
        return False
    if not silent:
        token = state.push("container_marker", "", 0)
        token.content, token.map = line, [start, start + 1]
        state.line = start + 1
    return True


def _toml_front_matter(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Hugo's `+++`: to CommonMark it is a paragraph, which would be translated."""

    def is_mark(line: int) -> bool:
        return state.src[state.bMarks[line] : state.eMarks[line]].rstrip() == _TOML_MARK

    if start or silent or state.level or not is_mark(0):
        return False
    close = next((line for line in range(1, end) if is_mark(line)), None)
    if close is None:
        return False
    token = state.push("toml_front_matter", "", 0)
    token.map = [0, close + 1]
    state.line = close + 1
    return True
