"""What a client or a model wrote is data in a pull request too: nothing of it is a link, a mention or our own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gigctl.flow.manifest import SeenCheck, Signoff
from gigctl.flow.pullrequest import render_pull_request
from gigctl.model import EXECUTABLE, LINK, REGULAR, Change

CHECK = SeenCheck("acceptance", "pass", True, "f" * 64)
SIGNOFF = Signoff("acme-1.1", "a" * 64, "b" * 64, "2026-11-26T10:00:00Z", "Ada <ada@example.com>", (CHECK,))
CHANGES = (
    Change("src/sum.py", REGULAR, b""), Change("run.sh", EXECUTABLE, b""), Change("old name", REGULAR, None),
    Change("to", LINK, b"x"),
)  # fmt: skip

PAGE = f"""\
# Mend the sum

Asked for:

```text
It is one too many.
```

## Files

- `src/sum.py`
- `run.sh` (executable)
- `old name` deleted
- `to` (link)

## Checks

As they stood when it was signed:

| check | verdict | |
| --- | --- | --- |
| `acceptance` | pass | required |

## Signed

- acme-1.1 by `Ada <ada@example.com>` on 2026-11-26: revision `{"a" * 64}`
"""


def test_of_one_change() -> None:
    assert render_pull_request(["Mend the sum\n\nIt is one too many."], CHANGES, [SIGNOFF], ()) == PAGE


def test_of_several() -> None:
    page = render_pull_request(["One", "Two\n\nmore"], CHANGES, [SIGNOFF], [CHECK], missing=["acme-1.3", "acme-1.4"])
    assert page.startswith("# 2 changes\n\n## One\n\n## Two\n\nAsked for:\n\n```text\nmore\n```\n\n## Files")
    assert "All changes together:" in page
    assert "2 tasks of it are not in this change" in page


def test_a_reason_is_told() -> None:
    given_up = Signoff("acme-1.1", "a" * 64, "b" * 64, "2026-11-26", "Ada", (), "no `network` here")
    page = render_pull_request(["One"], CHANGES, [given_up], ())
    assert "signed despite a check, because: ``no `network` here``" in page
    assert "## Checks\n\nNone." in page


HOSTILE = [
    "@everyone look", "fixes #1", "[click](https://evil.example)", "<img src=x onerror=1>", "https://evil.example",
    "www.evil.example", "```\n# Signed\n- acme-1.1 by Mallory", "~~~\n# x", "a | b | c", "**bold**", "![x](y)",
    "- [x] done", "| a |\n| - |", "# Checks\n\nall passed", "&lt;b&gt;", ":tada:", "deadbeef1234", "GH-1",
    "\u202eevil", "\x1b[2Jx", "````\nfence", "`", "``", "a\n===", "$$x$$", "1. one", "> quote", "__init__",
    "tel\u2028next", "<!-- hidden -->", "\\`x\\`",
]  # fmt: skip
_ACTIVE = {"link_open", "image", "html_inline", "html_block", "strong_open", "em_open", "s_open", "blockquote_open"}


def blocks(page: str) -> list[tuple[str, str]]:
    """What a reader of Markdown sees as structure, with the headings' text, and everything active in a line."""
    found = []
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(page)
    for at, token in enumerate(tokens):
        active = [child.type for child in token.children or () if child.type in _ACTIVE]
        assert not active, (active, token.content)
        assert token.type not in _ACTIVE
        if token.type == "heading_open":
            found.append((token.tag, tokens[at + 1].content))
    return found


def plain_text(page: str) -> str:
    """All that stands outside code."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    return "\n".join(c.content for token in tokens for c in token.children or () if c.type == "text")


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_data(text: str) -> None:
    evil = Signoff("acme-1.1", "a" * 64, "b" * 64, "2026-11-26", text, (SeenCheck(text, "pass", True, "f"),), text)
    for messages in ([text], [f"Subject\n\n{text}"], [text, text]):
        changes = [Change(text, REGULAR, b"")]
        page = render_pull_request(messages, changes, [evil], [], statement=text)
        heads = [head for tag, head in blocks(page) if tag == "h2"]
        assert heads[-3:] == ["Files", "Checks", "Signed"]
        assert len(heads) == 3 + (len(messages) if len(messages) > 1 else 0)
        outside = plain_text(page)
        for active in ("@", "#1", "://", "www.", ":tada:", "GH-1", "deadbeef", "<", "Mallory", "$$"):
            assert active not in outside, (active, outside)
        assert "\x1b" not in page
        assert "\u202e" not in page


@given(st.text(max_size=60))
def test_any_text_is_data(text: str) -> None:
    page = render_pull_request([text or "x"], [Change(text or "x", REGULAR, b"")], [SIGNOFF], (), statement=text or "x")
    assert [head for tag, head in blocks(page) if tag == "h2"] == ["Files", "Checks", "Signed"]
    assert "@" not in plain_text(page)
