"""What models wrap around an answer (thinking, a preamble, a fence, quotes), taken off where the source had it not.

Every function takes the answer and the `source` that the answer was made from: what the source has itself is
content. What was opened and never closed is no wrapper but a cut answer: MalformedAnswer.
"""

from __future__ import annotations

import re

from gigctl.crafts.base import MalformedAnswer

__all__ = ["strip_closing", "strip_fence", "strip_preamble", "strip_quotes", "strip_thinking", "unwrap"]

_THINKING = ("think", "thinking", "thought", "reasoning")

_FENCE = re.compile(r"[ ]{0,3}(?P<marks>`{3,}|~{3,})(?P<info>[^\n`]*)")

_OPENER = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|ok|here(?:'s|’s| is| are)|below is|the following is|as requested"
    r"|(?:the )?(?:translation|translated text|text|answer|summary|draft|output|result|revised text)\b"
    r"|voici|bien sûr|hier ist|hier sind|gerne|natürlich|aquí (?:está|tienes)|claro|por supuesto"
    r"|ecco|certo|aqui está|hier is)\b",
    re.IGNORECASE,
)
"""How a line begins that speaks of the answer and is no part of it (in the languages that models reply in)."""
_POLITE = re.compile(r"(?:sure|certainly|of course|absolutely|okay|ok)[.!]", re.IGNORECASE)
_OPENER_BYTES = 160
"""A preamble is one short line; a longer one is prose."""

_CLOSER = re.compile(
    r"(?:let me know\b|i hope (?:this|that)\b|hope this helps|feel free to\b|please let me know"
    r"|if you (?:need|have|would like)\b|n'hésitez pas|j'espère que|ich hoffe|espero que)",
    re.IGNORECASE,
)

_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "‘": "’", "»": "«"}


def unwrap(answer: str, source: str) -> str:
    """The answer without what a model put around it, and without blank lines before and after."""
    text = strip_thinking(answer, source).strip("\r\n")
    text = strip_closing(strip_preamble(text, source), source)
    return strip_quotes(strip_fence(text, source), source).strip("\r\n")


def strip_thinking(answer: str, source: str = "") -> str:
    """The answer after `<think>…</think>`; some chat templates send the closing tag alone.

    Raises MalformedAnswer where thinking was begun and never ended.
    """
    text = answer
    for tag in _THINKING:
        opened, closed = f"<{tag}>", f"</{tag}>"
        if opened in source or closed in source:
            continue
        start, end = text.find(opened), text.find(closed)
        if start >= 0 and not text[:start].strip():
            if end < 0:
                raise MalformedAnswer(f"The answer ends inside {opened}. Answer without thinking aloud.")
            text = text[end + len(closed) :].lstrip()
        elif start < 0 <= end:
            text = text[end + len(closed) :].lstrip()
    return text


def strip_preamble(answer: str, source: str) -> str:
    """The answer without a first line like `Here is the translation:`; a source that begins so keeps it.

    A line counts only where it ends with a colon and something follows it, or is a polite word before such a line.
    """
    first, newline, rest = answer.partition("\n")
    line = first.strip().strip("*_#").strip()
    if not newline or not rest.strip() or len(line.encode()) > _OPENER_BYTES or not _OPENER.match(line):
        return answer
    head = source.lstrip().partition("\n")[0].rstrip()
    after = rest.lstrip("\r\n")
    if line.endswith((":", "：")) and not head.endswith((":", "：")):
        return strip_preamble(after, source)
    if _POLITE.fullmatch(line):
        more = strip_preamble(after, source)
        return more if more != after or _opens(after.partition("\n")[0]) else answer
    return answer


def strip_closing(answer: str, source: str) -> str:
    """The answer without a last paragraph like `Let me know if …`; a source that has such words keeps it."""
    body, gap, last = answer.rstrip().rpartition("\n\n")
    if gap and body.strip() and _CLOSER.match(last.strip()) and not _CLOSER.search(source):
        return body
    return answer


def strip_fence(answer: str, source: str) -> str:
    """What stands inside, where the whole answer is one fenced block and the source does not begin with one.

    Raises MalformedAnswer where the fence is never closed.
    """
    lines = answer.split("\n")
    if not _opens(lines[0]) or _opens(source.lstrip("\r\n").partition("\n")[0]):
        return answer
    end = _end_of_fence(lines)
    if end is None:
        raise MalformedAnswer("The answer opens a code fence and never closes it. Answer with the text alone.")
    if any(line.strip() for line in lines[end + 1 :]):
        return answer
    return "\n".join(lines[1:end]).removesuffix("\r")


def _opens(line: str) -> bool:
    return _FENCE.fullmatch(line.rstrip()) is not None


def _end_of_fence(lines: list[str]) -> int | None:
    """The line that closes the fence of line 0; a fence with an info string inside it opens one of its own."""
    first = _FENCE.fullmatch(lines[0].rstrip())
    marks = first["marks"] if first else ""
    depth = 1
    for number, line in enumerate(lines[1:], 1):
        found = _FENCE.fullmatch(line.rstrip())
        if found is None or found["marks"][0] != marks[:1] or len(found["marks"]) < len(marks):
            continue
        depth += 1 if found["info"].strip() else -1
        if depth == 0:
            return number
    return None


def strip_quotes(answer: str, source: str) -> str:
    """The answer without one pair of quotes around the whole of it, where the source has none around it."""
    text, original = answer.strip(), source.strip()
    if len(text) < 2 or _QUOTES.get(text[0]) != text[-1]:
        return answer
    if original[:1] in _QUOTES or original[-1:] in _QUOTES.values():
        return answer
    inner = text[1:-1]
    if text[0] in inner or text[-1] in inner or not inner.strip():
        return answer
    return inner
