"""Is the draft built as the source is? Both are parsed as Markdown with the document's link definitions."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gigctl.checks.base import verdict
from gigctl.checks.options import check_keys, no_option
from gigctl.checks.prose import ADDRESS, MAX_EVIDENCE, excerpt
from gigctl.model import CheckContext, Content, Evidence, Verdict

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

NAME = "structure"
VERSION = 2
HELP = "blocks, emphasis, code, links, addresses, images, footnotes and tags are as in the source"
NEEDS_TREE = False

_BLOCKS = {
    "paragraph": "paragraph", "heading": "heading", "bullet_list": "list", "ordered_list": "numbered list",
    "list_item": "list item", "blockquote": "quote", "table": "table", "tr": "table row", "td": "table cell",
    "th": "header cell", "fence": "code block", "code_block": "code block", "hr": "rule", "html_block": "HTML block",
    "footnote": "footnote", "dl": "definition list",
}  # fmt: skip
_HTML_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)")
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([A-Za-z_:][\w:.-]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'=<>`]+))?""")
_TRANSLATED = frozenset({"title", "alt", "aria-label", "placeholder", "lang"})
"""Attributes whose values are texts of the language."""
_FOOTNOTE_TEXT = re.compile(r"^[ \t>]{0,20}\[\^([^\]\s]{1,100})\]:", re.MULTILINE)
_UNLINKED = re.compile(r"\]\(\s*<?([A-Za-z][A-Za-z0-9+.-]{1,20}:[^)\s]*)")
"""A target that CommonMark's reference parser makes no link of (`javascript:`), and another may."""
_CHECKBOX = re.compile(r"\[([ xX])\][ \t]")
_KNOWN_TAG = re.compile(
    r"</?(?:a|b|i|u|em|strong|code|br|p|span|div|ul|ol|li|sup|sub|small|tt|h[1-6]|img|pre)\b[^<>\n]{0,200}>",
    re.IGNORECASE,
)
# `/en/` may become `/fr/`, `en.example.org` `fr.example.org`.
_LANGUAGE_PART = re.compile(r"(/)[a-z]{2}(?:[-_][A-Za-z]{2})?(?=[/.]|$)")
_BULLET = re.compile(r"^[ \t]*(?:[-*•–]|[0-9]{1,3}[.)])[ \t]+\S", re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


def option(value: str) -> dict[str, Any]:
    return no_option(NAME, value)


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, {})


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    compare = _compare_markdown if context.format == "markdown" else _compare_text
    found = list(compare(context.source, content.text, context))
    return verdict(NAME, "fail", *found[:MAX_EVIDENCE]) if found else verdict(NAME, "pass")


# --- Markdown ---


def _compare_markdown(source: str, draft: str, context: CheckContext) -> Iterator[Evidence]:
    wanted = _tokens(source, context.definitions)
    there = _tokens(draft, context.definitions)
    blocks = _first_difference(wanted, there)
    if blocks:
        yield blocks
        return
    inline = [token for token in wanted if token.type == "inline"]
    drafted = [token for token in there if token.type == "inline"]
    for number, (one, other) in enumerate(zip(inline, drafted, strict=True), 1):
        part = f"block {number}" if len(inline) > 1 else None
        line = other.map[0] + 1 if other.map else None
        yield from _compare_counts(_inline(one), _inline(other), part, line)
    yield from _compare_counts(Counter(_whole(wanted)), Counter(_whole(there)), None, None)
    defined = [Counter(_definitions(text, context.definitions)) for text in (source, draft)]
    yield from _compare_counts(defined[0], defined[1], None, None)


def _whole(tokens: list[Token]) -> Iterator[tuple[str, str]]:
    """What stands by itself: code letter by letter, and the tags of HTML."""
    for token in tokens:
        if token.type in ("fence", "code_block"):
            yield _kind(token), token.content
        elif token.type == "html_block":
            bare = _COMMENT.sub("", token.content)
            yield from (("tag", _tag(found)) for found in _ANY_TAG.findall(bare))
            yield from (("comment", found) for found in _COMMENT.findall(token.content))


def _definitions(text: str, definitions: str) -> Iterator[tuple[str, str]]:
    """The link definitions and footnotes' texts in it: the first of a label counts for the whole document."""
    if "]:" not in text:
        return
    known = _environment(definitions).get("references", {})
    env: dict[str, Any] = {"references": dict(known)}
    _parser().parse(text, env)
    new = [found for label, found in env["references"].items() if label not in known]
    for found in (*new, *env.get("duplicate_refs", ())):
        yield "definition of a link to", _any_language(str(found["href"]))
    for label in _FOOTNOTE_TEXT.findall(text):
        yield "footnote's text", label


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(footnote_plugin, inline=False)


@lru_cache(maxsize=16)
def _environment(definitions: str) -> dict[str, Any]:
    """What the definitions define: parsed once a document, not once a block."""
    env: dict[str, Any] = {}
    if definitions.strip():
        _parser().parse(definitions, env)
    return env


def _tokens(text: str, definitions: str) -> list[Token]:
    known = _environment(definitions)
    env: dict[str, Any] = {"references": dict(known.get("references", {}))}
    if "footnotes" in known:
        # Only labels are known of the document's footnotes; where they stand is this block's business.
        env["footnotes"] = {"refs": dict.fromkeys(copy.copy(known["footnotes"].get("refs", {})), -1)}
    tokens = _parser().parse(text, env)
    end = next((index for index, token in enumerate(tokens) if token.type == "footnote_block_open"), len(tokens))
    return tokens[:end]


def _kind(token: Token) -> str:
    name = token.type.removesuffix("_open").removesuffix("_close")
    if name in ("th", "td") and (style := token.attrGet("style")):
        return f"{_BLOCKS[name]} ({str(style).removeprefix('text-align:')})"
    return f"heading {token.tag[1:]}" if name == "heading" else _BLOCKS.get(name, name)


def _first_difference(wanted: list[Token], there: list[Token]) -> Evidence | None:
    """The blocks, in their order; what opens and closes, since nesting counts."""
    shape = [
        [(_kind(token), token.nesting) for token in tokens if token.type != "inline"] for tokens in (wanted, there)
    ]
    if shape[0] == shape[1]:
        return None
    counts = [Counter(kind for kind, nesting in tokens if nesting >= 0) for tokens in shape]
    for kind in [*counts[0], *counts[1]]:
        if counts[0][kind] != counts[1][kind]:
            return Evidence(f"{_count(counts[0][kind], kind)} in the source, {counts[1][kind]} in the draft")
    index = next(i for i, pair in enumerate(zip(*shape, strict=False)) if pair[0] != pair[1])
    return Evidence(f"block {index + 1} is a {shape[0][index][0]} in the source, a {shape[1][index][0]} here")


def _inline(token: Token) -> Counter[tuple[str, str]]:
    """What an inline text is made of: (kind, value) and how often."""
    found: Counter[tuple[str, str]] = Counter()
    if box := _CHECKBOX.match(token.content):
        found["checked box" if box[1] != " " else "open box", ""] += 1
    for child in token.children or ():
        if child.type == "text":
            found.update(_addresses(child.content))
        elif (item := _inline_item(child)) is not None:
            found[item] += 1
    if "](" in token.content:
        linked = {value for kind, value in found if kind in ("link to", "image")}
        targets = map(_any_language, _UNLINKED.findall(token.content))
        found.update(("link to", target) for target in targets if target not in linked)
    return found


def _inline_item(child: Token) -> tuple[str, str] | None:
    simple = {"em_open": "emphasis", "strong_open": "strong", "s_open": "strike-through", "hardbreak": "line break"}
    if child.type in simple:
        return simple[child.type], ""
    if child.type == "code_inline":
        return "code", child.content
    if child.type == "link_open":
        return "link to", _any_language(str(child.attrGet("href") or ""))
    if child.type == "image":
        return "image", str(child.attrGet("src") or "")
    if child.type == "footnote_ref":
        return "footnote", str(child.meta.get("label") or "")
    if child.type == "html_inline":
        return ("tag", _tag(child.content)) if _HTML_TAG.match(child.content) else ("comment", child.content)
    return None


def _tag(text: str) -> str:
    """A tag with its attributes, but the values that are translated."""
    found = _HTML_TAG.match(text)
    if found is None:
        return ""
    name = ("/" if text.startswith("</") else "") + found[1].lower()
    attributes = (
        key.lower()
        if key.lower() in _TRANSLATED or not value
        else f"{key.lower()}={_any_language(value.strip(_QUOTES))}"
        for key, value in _ATTRIBUTE.findall(text[found.end() :])
    )
    return " ".join([name, *sorted(attributes)])


_QUOTES = "\"'"


def _addresses(text: str) -> Iterator[tuple[str, str]]:
    for found in ADDRESS.finditer(text):
        yield "address", _any_language(found.group().rstrip(".,;:!?…。"))


def _any_language(address: str) -> str:
    """An address with a star for the language in its path; all else as it stands."""
    return _LANGUAGE_PART.sub(r"\1*", address) if "://" in address else address


def _count(number: int, kind: str) -> str:
    return f"{number} {kind}{'' if number == 1 else 's'}"


def _compare_counts(
    wanted: Counter[tuple[str, str]], there: Counter[tuple[str, str]], part: str | None, line: int | None
) -> Iterator[Evidence]:
    if wanted == there:
        return
    for item in [*wanted, *(other for other in there if other not in wanted)]:
        need, have = wanted[item], there[item]
        if need == have:
            continue
        kind, value = item
        name = f'{kind} "{excerpt(value)}"' if value else kind
        yield Evidence(f"{name} {_times(need)} in the source, {_times(have)} in the draft", part, line)


def _times(count: int) -> str:
    return {0: "not", 1: "once", 2: "twice"}.get(count, f"{count} times")


# --- plain text ---


def _compare_text(source: str, draft: str, context: CheckContext) -> Iterator[Evidence]:
    wanted, there = (_outline(text) for text in (source, draft))
    for (kind, need), (_, have) in zip(wanted, there, strict=True):
        if need != have:
            yield Evidence(f"{_count(need, kind)} in the source, {have} in the draft")
    counts = [Counter(_verbatim(text)) for text in (source, draft)]
    yield from _compare_counts(counts[0], counts[1], None, None)


def _outline(text: str) -> tuple[tuple[str, int], ...]:
    body = text.strip()
    return ("paragraph", len(_PARAGRAPHS.split(body)) if body else 0), ("list item", len(_BULLET.findall(text)))


def _verbatim(text: str) -> Iterable[tuple[str, str]]:
    yield from _addresses(text)
    for found in _KNOWN_TAG.finditer(text):
        yield "tag", _tag(found.group())
