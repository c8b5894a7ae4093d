"""What a command said: cut down to what a person or a model can act on, and whether a test runner ran any test."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

__all__ = [
    "count_kept", "count_tests", "find_failure", "find_module", "find_runner", "is_interpreter", "mentions_runner",
    "names_tests", "proves_nothing", "shorten", "starts_runners",
]  # fmt: skip

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
# The logs are whatever a draft printed: each pattern takes a time that its length bounds, and no number is endless.

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
_TEST_WORD = re.compile(r"test|check|spec|accept|verif", re.IGNORECASE)
_RUNNER_WORD = re.compile(
    r"\b(?:unittest|pytest|nose2?|node:test|mocha|jest|vitest|subprocess|child_process|execvp?)\b"
)


def find_module(argv: Sequence[str]) -> str | None:
    """The module that a command line has Python run (`-m NAME`, `-mNAME`, `-Im NAME`); None where it names none."""
    python = False
    for before, word, after in zip(["", *argv], argv, [*argv[1:], ""], strict=False):
        if _PYTHON.fullmatch(PurePosixPath(word).name):
            python = True
        elif python and (found := re.fullmatch(r"-[bBdEiIOPqsSuvx]*m(.*)", word)):
            return found[1] or after or None
        elif not word.startswith("-") and before not in ("-W", "-X"):
            python = False
    return None


def find_runner(argv: Sequence[str]) -> str | None:
    """The test runner that a command line starts, where it is one that we can read."""
    words = [PurePosixPath(word).name for word in argv]
    if "node" in words and "--test" in argv:
        return "node"
    module = (find_module(argv) or "").partition(".")[0]
    for word, before in zip([module, *words], ["-m", "", *words], strict=False):
        if word in ("pytest", "py.test") or (word == "unittest" and before == "-m"):
            return "unittest" if word == "unittest" else "pytest"
        if word in ("jest", "vitest", "mocha"):
            return word
    return None


def proves_nothing(runner: str, code: int, log: str) -> str | None:
    """Why a runner that ended with `code` 0 (or its code for no tests) proves nothing; None where it ran a test.

    A runner that does not say how many it ran was ended by what it loaded (`os._exit(0)`), and one that counts failures
    and ends with 0 was given its code by somebody else (`atexit`).
    """
    count = count_tests(runner, log)
    if count is None and code == 0:
        return f"{runner} ended without telling how many tests it ran"
    if count == 0 or (runner in ("pytest", "unittest") and code == 5):
        return f"{runner} ran no test"
    if code == 0 and (failed := find_failure(log, runner)):
        return f"{runner} ended with 0, and said: {failed}"
    return None


def find_failure(log: str, runner: str | None = None) -> str:
    """The last line by which a runner (any, where None is given) says that tests failed; empty where none does."""
    patterns = [_FAILED[runner]] if runner else _FAILED.values()
    found = [line for pattern in patterns for line in re.findall(pattern, log, re.MULTILINE)[-1:]]
    return found[-1].strip("= ") if found else ""


def count_tests(runner: str, log: str) -> int | None:
    """How many tests a runner says that it ran, skipped ones not among them; None where it does not say."""
    found = [count for count_all in _COUNTERS[runner] for count in count_all(log)[-1:]]
    return found[0] if found else None


def count_kept(runner: str | None, log: str) -> int | None:
    """As `count_tests`, or of all the runners that another program started (None): those that a change must not lose.

    Node counts a file that ended without any test (`process.exit(0)`) as one that passed: it is none of them. Nor is
    one of pytest that was expected to fail, which the code under test may say itself (`pytest.xfail()`).
    """
    log = re.sub(r"\b\d{1,9} xfailed\b", "0 xfailed", log)
    counters = _COUNTERS[runner] if runner else _ALL
    found = [count for count_all in counters for count in count_all(log)]
    if not found:
        return None
    files = len(_NODE_FILE.findall(log)) if _node in counters else 0
    return (found[-1] if runner else sum(found)) - files


def starts_runners(argv: Sequence[str]) -> bool:
    """Whether a command is one that mostly starts others: `make test`, `npm test`, a script of the tree."""
    return "/" in argv[0] or argv[0] in _STARTERS


def names_tests(argv: Sequence[str]) -> bool:
    """Whether what an interpreter is to run says by its name that it tests."""
    return any(_TEST_WORD.search(word) for word in argv[1:])


def is_interpreter(program: str) -> bool:
    return _PYTHON.fullmatch(program) is not None or program in ("node", "tsx", "ts-node", "deno")


def mentions_runner(script: str) -> bool:
    """Whether a script's text names a runner that it may start."""
    return _RUNNER_WORD.search(script) is not None


def _pytest(log: str) -> list[int]:
    said = re.findall(r"^=* *(\d{1,9} [a-z]+(?:, \d{1,9} [a-z]+)*) in \d", log, re.MULTILINE)
    if said:
        ran = r"(\d{1,9}) (?:passed|failed|xfailed|xpassed|errors?)"
        return [sum(int(n) for n in re.findall(ran, line)) for line in said]
    if re.search(r"\bno tests (?:ran|collected)\b", log):
        return [0]
    dots = re.findall(r"^([.FExXs]+) +\[ *\d+%\]", log, re.MULTILINE)  # all that -qq leaves
    return [sum(len(row.replace("s", "")) for row in dots)] if dots else []


def _unittest(log: str) -> list[int]:
    _, *runs = re.split(r"^(?=Ran \d{1,9} tests? in )", log, flags=re.MULTILINE)
    skipped = (re.search(r"^(?:OK|NO TESTS RAN|FAILED).*\bskipped=(\d{1,9})", run, re.MULTILINE) for run in runs)
    return [int(run.split()[1]) - int(skip[1] if skip else 0) for run, skip in zip(runs, skipped, strict=True)]


def _node(log: str) -> list[int]:
    said = (re.findall(form, log, re.MULTILINE) for form in (r"^[#ℹ] pass (\d{1,9})", r"^[#ℹ] fail (\d{1,9})"))
    return [int(passed) + int(failed) for passed, failed in zip(*said, strict=False)]


def _jest_or_vitest(log: str) -> list[int]:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log)
    said = re.findall(r"^ *Tests:? +(\S.*)$", plain, re.MULTILINE)
    counts = [sum(map(int, re.findall(r"(\d{1,9}) (?:passed|failed)", line))) for line in said]
    return counts or ([0] if re.search(r"No test(?:s| files) found", log) else [])


def _mocha(log: str) -> list[int]:
    """In the words of its reporters for people, and as JSON."""
    for passed, failed in (
        (r"^ *(\d{1,9}) passing\b", r"^ *(\d{1,9}) failing\b"),
        (r'"passes": (\d{1,9})', r'"failures": (\d{1,9})'),
    ):
        if said := re.findall(passed, log, re.MULTILINE):
            return [sum(map(int, [*said, *re.findall(failed, log, re.MULTILINE)]))]
    return []


_NODE_FILE = re.compile(r"^(?:ok \d{1,9} - |✔ )\S{1,4096}\.[cm]?[jt]sx?(?: \(|$)", re.MULTILINE)
_ALL = (_pytest, _unittest, _node, _jest_or_vitest, _mocha)
_COUNTERS: dict[str, tuple[Callable[[str], list[int]], ...]] = {
    "pytest": (_pytest,),
    "unittest": (_unittest,),
    "node": (_node,),
    "jest": (_jest_or_vitest,),
    "vitest": (_jest_or_vitest,),
    "mocha": (_mocha, _node),  # its reporter of TAP has node's words
}
_FAILED = {
    "pytest": r"^=* ?\d{1,9} failed(?:, \d{1,9} [a-z]+)* in \d\S{0,20}",
    "unittest": r"^FAILED \([a-z]+ ?[a-z]*=\d.*",
    "node": r"^[#ℹ] fail [1-9]\d{0,8}",
    "jest": r"^ *Tests: +[1-9]\d{0,8} failed",
    "vitest": r"^ *Tests +[1-9]\d{0,8} failed",
    "mocha": r"^ *[1-9]\d{0,8} failing",
}  # fmt: skip
"""How each says that tests failed."""
_STARTERS = frozenset({
    "npm", "pnpm", "yarn", "bun", "make", "gmake", "just", "task", "tox", "nox", "hatch", "poetry", "pdm", "uv",
    "pipenv", "sh", "bash", "dash", "zsh", "env", "timeout", "npx", "coverage",
})  # fmt: skip
