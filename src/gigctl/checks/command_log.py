"""What a command said: cut down to what a person or a model can act on, and whether a test runner ran any test."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

__all__ = ["count_tests", "find_runner", "ran_nothing", "shorten"]

LONGEST = 2_000
"""Bytes of a log that are kept as evidence."""
_TAIL = 500

_KEY = re.compile(
    r"E\s{2,}\S|>\s{3,}\S|(?:FAIL|FAILED|ERROR|ERRORS)\b|not ok \d+|\s*✖ |\s*● "
    r"|(?:[A-Za-z_][\w.]*)?(?:Error|Exception|Exit|Interrupt)\b\s*(?::|$)|\S+:\d+(?::\d+)?:? (?:error|\w*Error)\b"
)
_VOLATILE = (
    (re.compile(r"\b(in|took) \d+(?:\.\d+)? ?m?s\b"), r"\1 … s"),
    (re.compile(r"\b0x[0-9a-f]{6,16}\b"), "0x…"),
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
)
"""What differs from one run to the next and says nothing: the same failure is to be the same request."""


def shorten(log: str, folder: str = "") -> str:
    """At most `LONGEST` bytes: the lines that name a failure with what they point at, then the end of the log.

    `folder` is where the command ran; it is taken off, so that paths are the repository's.
    """
    if folder:
        log = log.replace(folder.rstrip("/") + "/", "")
    for pattern, instead in _VOLATILE:
        log = pattern.sub(instead, log)
    log = log.strip()
    if len(_raw(log)) <= LONGEST:
        return log
    end = _last_bytes(log, _TAIL)
    telling = _telling(log[: len(log) - len(end)].splitlines(), LONGEST - _TAIL - 32)
    return f"{telling}\n[…]\n{end}" if telling else f"[…]\n{_last_bytes(log, LONGEST - 8)}"


def _telling(lines: Sequence[str], budget: int) -> str:
    """Each line that names a failure, after the two before it, which mostly hold the place and the code."""
    kept: dict[int, str] = {}
    for number, line in enumerate(lines):
        if not _KEY.match(line):
            continue
        for near in range(max(0, number - 2), number + 1):
            text = lines[near].rstrip()[:300]
            if near in kept or not text or not text.strip("=-_ "):
                continue
            budget -= len(_raw(text)) + 1
            if budget < 0:
                return "\n".join(kept.values())
            kept[near] = text
    return "\n".join(kept.values())


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _last_bytes(text: str, size: int) -> str:
    """The last lines that fit, or the end of one that does not."""
    end = _raw(text)[-size:].decode("utf-8", "ignore")
    cut = end.find("\n")
    return end[cut + 1 :] if 0 <= cut < len(end) // 2 else end


# --- test runners ---


def find_runner(argv: Sequence[str]) -> str | None:
    """The test runner that a command line starts, where it is one that we can read."""
    words = [PurePosixPath(word).name for word in argv]
    if "node" in words and "--test" in argv:
        return "node"
    for word, before in zip(words, ["", *words], strict=False):
        if word in ("pytest", "py.test") or (word == "unittest" and before == "-m"):
            return "unittest" if word == "unittest" else "pytest"
        if word in ("jest", "vitest"):
            return word
    return None


def ran_nothing(runner: str, code: int, log: str) -> str | None:
    """Why a runner that ended with `code` 0 (or its code for no tests) proves nothing; None where it ran a test.

    A runner that does not say how many it ran was ended by what it loaded (`os._exit(0)`), which proves nothing either.
    """
    count = count_tests(runner, log)
    if count is None and code == 0:
        return f"{runner} ended without telling how many tests it ran"
    if count == 0 or (runner in ("pytest", "unittest") and code == 5):
        return f"{runner} ran no test"
    return None


def count_tests(runner: str, log: str) -> int | None:
    """How many tests a runner says that it ran, skipped ones not among them; None where it does not say."""
    return _COUNTERS[runner](log)


def _count_pytest(log: str) -> int | None:
    said = re.findall(r"^=*\s*((?:\d+ \w+(?:, )?)+) in [\d.:]+", log, re.MULTILINE)
    if said:
        return sum(int(n) for n in re.findall(r"(\d+) (?:passed|failed|xfailed|xpassed|errors?)", said[-1]))
    if re.search(r"\bno tests (?:ran|collected)\b", log):
        return 0
    dots = re.findall(r"^([.FExXs]+)\s+\[\s*\d+%\]", log, re.MULTILINE)  # all that -qq leaves
    return sum(len(row.replace("s", "")) for row in dots) if dots else None


def _count_unittest(log: str) -> int | None:
    said = re.findall(r"^Ran (\d+) tests? in ", log, re.MULTILINE)
    skipped = re.findall(r"^(?:OK|NO TESTS RAN|FAILED).*\bskipped=(\d+)", log, re.MULTILINE)
    return int(said[-1]) - int(skipped[-1] if skipped else 0) if said else None


def _count_node(log: str) -> int | None:
    said = {word: re.findall(rf"^(?:#|ℹ) {word} (\d+)", log, re.MULTILINE) for word in ("pass", "fail")}
    return int(said["pass"][-1]) + int(said["fail"][-1]) if all(said.values()) else None


def _count_javascript(log: str) -> int | None:
    if re.search(r"No test(?:s| files) found", log):
        return 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log)
    said = re.findall(r"^\s*Tests:?\s+.*$", plain, re.MULTILINE)
    return sum(map(int, re.findall(r"(\d+) (?:passed|failed)", said[-1]))) if said else None


_COUNTERS: dict[str, Callable[[str], int | None]] = {
    "pytest": _count_pytest,
    "unittest": _count_unittest,
    "node": _count_node,
    "jest": _count_javascript,
    "vitest": _count_javascript,
}
