"""Running a check on texts, as a test wants it."""

from __future__ import annotations

import asyncio
from typing import Any

from gigctl.checks.registry import get_check
from gigctl.model import CheckContext, Content, Verdict


def run_check(name: str, text: str | Content, options: dict[str, Any] | None = None, **context: Any) -> Verdict:
    """The verdict of a check on a text; `context` are CheckContext's fields."""
    content = Content.of_text(text) if isinstance(text, str) else text
    check = get_check(name)
    check.validate(options or {})
    return asyncio.run(check.run(content, options or {}, CheckContext(**context)))


def translate_check(name: str, source: str, draft: str, pair: str = "fr-en", form: str = "text") -> Verdict:
    """`pair` is like `fr-en`; a tag with a region is written with an underscore."""
    one, other = (tag.replace("_", "-") for tag in pair.split("-"))
    return run_check(name, draft, source=source, source_language=one, target_language=other, format=form)


def messages(verdict: Verdict) -> list[str]:
    return [item.message for item in verdict.evidence]
