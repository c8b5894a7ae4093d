"""A commit's message in the form that survives being mailed: what `git am` would eat or obey is put otherwise. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["mailable"]

_TAG = re.compile(r"\[(?P<tag>[^\]]*)\]\s*")
_DROPPED = re.compile(r"(?:[\s:]|re:)+", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
# mailinfo.c ends the message and begins the patch, mailsplit.c begins another mail; scissors; headers in the body.
_OBEYED = re.compile(
    r"diff -|Index: |---|>?From |>From|[\w-]+:|.*(?:>8|8<|>%|%<)|\[PATCH",
)


_TRAILER = re.compile(r"[A-Za-z][A-Za-z-]*: \S.*")


def mailable(message: str, trailers: Iterable[str] = ()) -> str:
    """The message as `git am` will give it back: subject in a line, a blank line, the body; ends with a line feed.
    `trailers` (`Token: value`, ours) are its last paragraph, as `git interpret-trailers` reads them.

    `[tag] word` becomes `tag: word`, for a leading tag is dropped; a body's line that would be taken for a header or
    for the patch itself is indented by a space.
    """
    text = _UNSEEN.sub(" ", message.encode("utf-8", "replace").decode().replace("\r\n", "\n"))
    paragraphs = re.split(r"\n(?:[ \t]*\n)+", text.strip("\n \t"))
    subject = _subject(" ".join(paragraphs[0].split()))
    body = ["\n".join(_line(line) for line in paragraph.split("\n")) for paragraph in paragraphs[1:]]
    last = [_UNSEEN.sub(" ", trailer).replace("\n", " ") for trailer in trailers]
    if not all(map(_TRAILER.fullmatch, last)):
        raise ValueError(f"no trailers: {last}")
    return "\n\n".join([subject, *body, *(["\n".join(last)] if last else [])]) + "\n"


def _subject(subject: str) -> str:
    """Without what mailinfo.c drops from a subject's head, one after another: `Re:`, colons, blanks, `[tag]`."""
    while (kept := _without_one(subject)) != subject:
        subject = kept
    return subject or "Change"


def _without_one(subject: str) -> str:
    if found := _DROPPED.match(subject):
        return subject[found.end() :]
    if found := _TAG.match(subject):
        tag = found["tag"].replace("[", "").strip()
        return f"{tag}: {subject[found.end() :]}".strip() if tag else subject[found.end() :]
    return subject


def _line(line: str) -> str:
    line = line.rstrip()
    return f" {line}" if _OBEYED.match(line) else line
