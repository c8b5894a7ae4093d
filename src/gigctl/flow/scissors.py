"""A text with things to look at below a line, as `git commit -v` has it: what stands above the line is the text."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

__all__ = ["Laid", "find_text", "lay_out", "without_added_end"]


class Laid(Struct, frozen=True):
    """What an editor is given: `data`, the `line` below which all is ignored, and the `draft` and what stands `below`
    as they were."""

    data: bytes
    line: bytes
    draft: bytes
    below: bytes


def lay_out(draft: bytes, below: str, ref: str) -> Laid:
    """The draft as it is, the line, and `below`. The line is one that neither of them has, in the draft's line ends (an
    editor that takes a file of CRLF for what it is then keeps them)."""
    end = b"\r\n" if draft.count(b"\n") == draft.count(b"\r\n") > 0 else b"\n"
    under = end.join(line.encode("utf-8", "backslashreplace") for line in below.splitlines()) + end
    taken = {line.strip() for line in (draft + b"\n" + under).split(b"\n")}
    line, n = _line(ref), 1
    while line in taken:
        n += 1
        line = _line(f"{ref} ({n})")
    added = b"" if draft.endswith(b"\n") else b"\n" if draft.endswith(b"\r") else end
    return Laid(draft + added + line + end + under, line, draft, under)


def _line(name: str) -> bytes:
    return f"# ------ >8 ------ {name}: this line and all below it are ignored ------".encode()


def find_text(data: bytes, laid: Laid) -> bytes | None:
    """What stands above the line, to the byte. Where the line is gone the whole is the text, if nothing of what was
    below it is left; None where that can't be told, or the line stands twice."""
    lines = data.split(b"\n")
    found = [n for n, line in enumerate(lines) if line.strip() == laid.line]
    if len(found) == 1:
        return b"".join(line + b"\n" for line in lines[: found[0]])
    return None if found or _is_left(data, laid) else data


def _is_left(data: bytes, laid: Laid) -> bool:
    """Whether a line of `below` stands there more often than the draft had it."""
    had, has = _counted(laid.draft), _counted(data)
    return any(has[line] > had[line] for line in _counted(laid.below))


def _counted(data: bytes) -> Counter[bytes]:
    return Counter(line for each in data.split(b"\n") if (line := each.strip()))


def without_added_end(data: bytes, draft: bytes) -> bytes:
    """A final newline where the draft had none is the editor's (or ours, before the line) and not the human's."""
    if draft.endswith(b"\n") or not data.endswith(b"\n"):
        return data
    return data[:-1].removesuffix(b"" if draft.endswith(b"\r") else b"\r")
