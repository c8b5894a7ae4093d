"""Does the text match a user's pattern, or keep from matching it?

A pattern can take for ever (`(a+)+$`), so it is searched in a child process that is killed when its time is over.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gigctl.checks.base import BadOption, verdict
from gigctl.checks.options import check_keys, seconds_of
from gigctl.checks.prose import MAX_EVIDENCE, at, excerpt, text_parts
from gigctl.model import CheckContext, Content, Evidence, Verdict

NAME = "regex"
VERSION = 2
HELP = "a pattern is met, or not met (must = match | not match)"
NEEDS_TREE = False

SECONDS = 5.0
LONGEST_PATTERN = 10_000
_KEYS = {
    "pattern": "a regular expression",
    "must": '"match" or "not match"',
    "flags": "letters of i m s x a",
    "timeout": "a duration",
}
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "a": re.ASCII}
_CHILD = Path(__file__).with_name("pattern_child.py")


def option(value: str) -> dict[str, Any]:
    out = {"pattern": value}
    validate(out)
    return out


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, _KEYS)
    pattern = options.get("pattern")
    if not isinstance(pattern, str) or not pattern:
        raise BadOption(f"regex: pattern is a regular expression, got {pattern!r}")
    if options.get("must", "match") not in ("match", "not match"):
        raise BadOption(f'regex: must is "match" or "not match", got {options["must"]!r}')
    flags = options.get("flags", "")
    if not isinstance(flags, str) or set(flags) - _FLAGS.keys():
        raise BadOption(f"regex: flags are letters of i m s x a, got {flags!r}")
    seconds_of(options.get("timeout", SECONDS))
    check_pattern(pattern, flags)


def check_pattern(pattern: str, flags: str = "") -> None:
    """Raises BadOption where it can't be compiled. Compiling, unlike searching, takes time in its length alone."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadOption(f"regex: a pattern has at most {LONGEST_PATTERN} characters, got {len(pattern)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern, sum(_FLAGS[letter] for letter in set(flags)))
    except (re.error, ValueError, RecursionError, OverflowError) as error:
        raise BadOption(f"regex: {excerpt(pattern)!r} is no pattern: {error}") from error


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    from gigctl.system.proc import run_async

    parts = text_parts(content)
    asked = {"pattern": options["pattern"], "flags": options.get("flags", ""), "texts": [text for _, text in parts]}
    seconds = seconds_of(options.get("timeout", SECONDS))
    done = await run_async([sys.executable, "-I", "-S", str(_CHILD)], stdin=json.dumps(asked).encode(), timeout=seconds)
    if done.timed_out:
        message = f"{excerpt(options['pattern'])!r} took longer than {seconds:g} s: write it without nested repeats"
        return verdict(NAME, "error", message)
    if not done.ok:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return verdict(NAME, "error", f"the search ended with {done.code}: {excerpt(last)}")
    found = _judge(options, parts, json.loads(done.stdout))
    return verdict(NAME, "fail", *found[:MAX_EVIDENCE]) if found else verdict(NAME, "pass")


def _judge(
    options: Mapping[str, Any], parts: list[tuple[str | None, str]], spans: list[list[int] | None]
) -> list[Evidence]:
    """Of several files one must match, none may."""
    pattern = excerpt(options["pattern"])
    if options.get("must", "match") == "match":
        return [] if any(spans) else [Evidence(f"nothing matches {pattern!r}")]
    found = []
    for (part, text), span in zip(parts, spans, strict=True):
        if span is not None:
            met = excerpt(text[span[0] : span[1]], 40)
            found.append(at(f'"{met}" matches {pattern!r}, which must not be there', text, span[0], part))
    return found
