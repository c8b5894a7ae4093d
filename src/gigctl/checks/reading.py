"""What of a file's bytes is text: whoever hides a line behind a NUL, or in UTF-16, must not hide it from a check."""

from __future__ import annotations

import codecs

__all__ = ["as_text", "is_text"]

_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def as_text(data: bytes) -> str | None:
    """The text, what is no UTF-8 in it as half characters; None for an image, a program, an archive.

    A NUL makes a file binary to git, and to no interpreter of JavaScript: what is UTF-8 all the same is text.
    """
    if (encoding := _MARKS.get(data[:2])) is not None and len(data) % 2 == 0:
        return data.decode(encoding, "replace")
    if b"\0" not in data:
        return data.decode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def is_text(data: bytes) -> bool:
    return as_text(data) is not None
