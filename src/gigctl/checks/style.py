"""Does the client's own formatter, linter or type checker agree with what the change wrote?

What stands on lines that the change did not touch is not its own: a linter's findings count on changed lines alone, a
formatter's only where it would write those otherwise, a type checker's also where the base has no such error.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gigctl.checks.at_base import compute_at_base
from gigctl.checks.base import BadOption, verdict
from gigctl.checks.changed import ChangedFile, Hunk, find_hunks, list_changed
from gigctl.checks.command_log import shorten
from gigctl.checks.options import check_keys, seconds_of
from gigctl.checks.prose import excerpt
from gigctl.checks.running import find_visible, is_of_machine, run_on_tree, why_no_sandbox
from gigctl.checks.style_tools import TOOLS, Finding, StyleTool
from gigctl.model import CheckContext, Content, Evidence, Verdict
from gigctl.system.git.store import Store

__all__ = [
    "HELP",
    "NAME",
    "NEEDS_TREE",
    "VERSION",
    "ToolFailed",
    "format_content",
    "is_formatter",
    "option",
    "run",
    "validate",
]

NAME = "style"
VERSION = 3
HELP = "the client's formatter, linter or type checker has nothing against the changed lines (style=ruff)"
NEEDS_TREE = True

SECONDS = 300.0
MOST_EVIDENCE = 8
_KEYS = {
    "tool": f"one of {', '.join(TOOLS)}",
    "run": "its command line, where it is another than usual",
    "folder": "the folder of the tree that it runs in and reads, as web",
    "timeout": "a duration",
    "protect": "as of a command",
}


class ToolFailed(Exception):
    """A tool that did not do its work; the verdict is the first argument, the reason the second."""


def option(value: str) -> dict[str, Any]:
    out = {"tool": value.strip()}
    validate(out)
    return out


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, _KEYS)
    if options.get("tool") not in TOOLS:
        raise BadOption(f"style: tool is {_KEYS['tool']}, got {options.get('tool')!r}")
    for key in ("run", "protect"):
        words = options.get(key, [])
        if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
            raise BadOption(f"style: {key} is a list of words, got {words!r}")
    folder = options.get("folder", "")
    if not isinstance(folder, str) or folder.startswith("/") or ".." in folder.split("/"):
        raise BadOption(f"style: folder is {_KEYS['folder']}, got {folder!r}")
    if options.get("run", ["x"]) == []:
        raise BadOption("style: run names the program first, got nothing")
    if "timeout" in options:
        seconds_of(options["timeout"])


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    tool = TOOLS[options["tool"]]
    argv = _argv(tool, options)
    files = [file for file in list_changed(content, context) if _reads(tool, argv, file)]
    if not files:
        return verdict(NAME, "pass", f"{options['tool']} reads none of the changed files")
    if context.tree is None or context.store is None:
        return verdict(NAME, "error", f"{options['tool']} needs a tree to run in, and this content has none")
    if (impossible := why_no_sandbox(context, NAME, _bare(argv)[0])) is not None:
        return impossible
    work = {"format": _format, "lint": _lint, "types": _types}[tool.kind]
    try:
        found = await work(tool, argv, files, context, seconds_of(options.get("timeout", SECONDS)))
    except ToolFailed as failed:
        return verdict(NAME, *failed.args)
    evidence = found[:MOST_EVIDENCE]
    if len(found) > MOST_EVIDENCE:
        evidence = [*evidence, Evidence(f"and {len(found) - MOST_EVIDENCE} more")]
    return verdict(NAME, "fail" if found else "pass", *evidence, unsandboxed=context.unsafe_no_sandbox)


def _argv(tool: StyleTool, options: Mapping[str, Any]) -> list[str]:
    argv = [*options.get("run", tool.argv)]
    folder = options.get("folder", "").strip("/")
    return ["env", "-C", folder, *argv] if folder else argv


def _folder(argv: Sequence[str]) -> str:
    """Where it runs, below the top: `a/b/`, or nothing."""
    return f"{argv[2]}/" if list(argv[:2]) == ["env", "-C"] else ""


def _bare(argv: Sequence[str]) -> Sequence[str]:
    return argv[3:] if _folder(argv) else argv


def _reads(tool: StyleTool, argv: Sequence[str], file: ChangedFile) -> bool:
    """A formatter takes a zero byte for the end, or for no text."""
    mine = file.path.startswith(_folder(argv)) and file.path.endswith(tool.endings)
    return mine and (tool.kind != "format" or b"\0" not in file.new)


async def _said(
    tool: StyleTool, argv: Sequence[str], context: CheckContext, seconds: float, stdin: bytes = b""
) -> tuple[bytes, Path]:
    """What the tool wrote, and the folder that it saw itself in. Raises ToolFailed."""
    from gigctl.errors import PolicyError
    from gigctl.system.proc import ProgramError

    try:
        done, folder = await run_on_tree(argv, context, seconds, reads=True, stdin=stdin)
    except (ProgramError, PolicyError) as error:
        missing = isinstance(error, ProgramError) and is_of_machine(_bare(argv)[0])
        raise ToolFailed("skip" if missing else "error", f"{_bare(argv)[0]}: {error.message}") from error
    told = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
    if told.endswith(tuple(f": No module named {word}" for word in argv)):
        raise ToolFailed("skip", f"{shlex.join(_bare(argv)[:3])} is not installed here")
    if done.timed_out or done.truncated or done.stopped or done.code not in tool.clean:
        why = done.stopped or f"did not end within {seconds:g} s" if done.timed_out else f"ended with {done.code}"
        raise ToolFailed("error", f"{shlex.join(_bare(argv)[:3])} {why}: {shorten(told, str(folder))}")
    return done.stdout, folder


# --- linters and type checkers ---


async def _lint(
    tool: StyleTool, argv: Sequence[str], files: Sequence[ChangedFile], context: CheckContext, seconds: float
) -> list[Evidence]:
    known = {file.path: file for file in files}
    names = [f"./{path.removeprefix(_folder(argv))}" for path in known]
    found = await _findings(tool, [*argv, *tool.more, *names], context, seconds)
    return [_evidence(one) for one in found if one.path in known and known[one.path].is_own(one.line)]


async def _types(
    tool: StyleTool, argv: Sequence[str], files: Sequence[ChangedFile], context: CheckContext, seconds: float
) -> list[Evidence]:
    """A change in one file is an error in another: what the base has not is the change's own."""
    words = [*argv, *tool.more]
    found = await _findings(tool, words, context, seconds)
    if not found:
        return []

    async def ask(at_base: CheckContext) -> list[list[str]] | None:
        try:
            return [[*_kind(one)] for one in await _findings(tool, words, at_base, seconds)]
        except ToolFailed:
            return None

    before = Counter(
        tuple(kind) for kind in await compute_at_base(words, find_visible(argv, context), context, ask) or ()
    )
    own = []
    for one in found:
        if before[_kind(one)]:
            before[_kind(one)] -= 1
        else:
            own.append(_evidence(one))
    return own


def _kind(found: Finding) -> tuple[str, str, str]:
    """A finding without its place, which moves with the lines above it."""
    return found.path, found.code, found.message


async def _findings(tool: StyleTool, argv: Sequence[str], context: CheckContext, seconds: float) -> list[Finding]:
    said, folder = await _said(tool, argv, context, seconds)
    try:
        found = list(tool.read(said.decode("utf-8", "replace")))
    except (ValueError, RecursionError) as error:
        raise ToolFailed("error", f"{shlex.join(_bare(argv)[:3])} did not answer as expected: {error}") from error
    return [_placed(one, folder, _folder(argv)) for one in found]


def _placed(found: Finding, top: Path, below: str) -> Finding:
    """Its path as the tree's."""
    whole = found.path.startswith(f"{top}/")
    path = found.path.removeprefix(f"{top}/") if whole else below + found.path.removeprefix("./")
    return Finding(path, found.line, found.column, found.code, excerpt(found.message, 200))


def _evidence(found: Finding) -> Evidence:
    code = f"{found.code}: " if found.code else ""
    return Evidence(f"{found.path}, line {found.line}: {code}{found.message}", found.path, found.line, found.column)


# --- formatters ---


async def _format(
    tool: StyleTool, argv: Sequence[str], files: Sequence[ChangedFile], context: CheckContext, seconds: float
) -> list[Evidence]:
    found = []
    for file in files:
        wanted = await _formatted(tool, argv, file, context, seconds)
        if wanted != file.new:
            found.append(_otherwise(file, wanted, argv, context))
    return found


def is_formatter(options: Mapping[str, Any]) -> bool:
    return TOOLS[options["tool"]].kind == "format"


async def format_content(content: Content, options: Mapping[str, Any], context: CheckContext) -> Content:
    """The content as its formatter writes the lines that it touched; `context` has a tree. Raises ToolFailed."""
    tool = TOOLS[options["tool"]]
    argv = _argv(tool, options)
    if (impossible := why_no_sandbox(context, NAME, _bare(argv)[0])) is not None:
        raise ToolFailed(impossible.outcome, *impossible.evidence)
    seconds = seconds_of(options.get("timeout", SECONDS))
    made = {
        file.path: await _formatted(tool, argv, file, context, seconds)
        for file in list_changed(content, context)
        if _reads(tool, argv, file)
    }
    changes = (replace(change, data=made.get(change.path, change.data)) for change in content.changes)
    return Content(tuple(changes), content.base)


async def _formatted(
    tool: StyleTool, argv: Sequence[str], file: ChangedFile, context: CheckContext, seconds: float
) -> bytes:
    """The file with what the formatter makes of the lines that the change touched. Raises ToolFailed."""
    words = [*argv, *(word.replace("{path}", file.path.removeprefix(_folder(argv))) for word in tool.more)]
    said, _ = await _said(tool, words, context, seconds, file.new)
    if said == file.new or not said:  # nothing: a file that its settings leave out
        return file.new
    return _merged(file, said, context)


def _merged(file: ChangedFile, wanted: bytes, context: CheckContext) -> bytes:
    """Of a formatter's work that on touched lines alone."""
    hunks = find_hunks(_store(context), file.new, wanted)
    old, new = file.new.split(b"\n"), wanted.split(b"\n")
    made: list[bytes] = []
    rest = old
    for hunk in hunks:
        made += rest[: len(rest) - len(old) + hunk.old_start - 1]
        rest = old[hunk.old_end - 1 :]
        if _touches(file, hunk):
            made += new[hunk.start - 1 : hunk.end - 1]
            if rest in ([], [b""]):  # a final newline or none is its last line's
                rest = new[hunk.end - 1 :]
        else:
            made += old[hunk.old_start - 1 : hunk.old_end - 1]
    return b"\n".join([*made, *rest])


def _touches(file: ChangedFile, hunk: Hunk) -> bool:
    """Whether the change wrote one of the lines; of what is put between two lines, one of those."""
    first = hunk.old_start - (hunk.old_start == hunk.old_end)
    return any(file.is_own(line) for line in range(first, max(hunk.old_end, hunk.old_start + 1)))


def _otherwise(file: ChangedFile, wanted: bytes, argv: Sequence[str], context: CheckContext) -> Evidence:
    (hunk, *rest) = find_hunks(_store(context), file.new, wanted)
    new = wanted.decode("utf-8", "replace").split("\n")[hunk.start - 1 : hunk.end - 1]
    place = (
        f"line {hunk.old_start}"
        if hunk.old_end - hunk.old_start < 2
        else f"lines {hunk.old_start} to {hunk.old_end - 1}"
    )
    more = f" (and {len(rest)} more place{'s' if len(rest) > 1 else ''})" if rest else ""
    shown = excerpt("⏎".join(new), 300) if any(line.strip() for line in new) else _blank(len(new))
    shown += " and a final newline" if wanted.endswith(b"\n") > file.new.endswith(b"\n") else ""
    return Evidence(f"{file.path}, {place}{more}: {_name(_bare(argv))} writes {shown}", file.path, hunk.old_start)


def _blank(lines: int) -> str:
    return "nothing there" if not lines else "a blank line" if lines == 1 else f"{lines} blank lines"


def _name(argv: Sequence[str]) -> str:
    return argv[argv.index("-m") + 1] if "-m" in argv[:-1] else argv[0].rpartition("/")[2]


def _store(context: CheckContext) -> Store:
    assert context.store is not None  # noqa: S101  # who has a tree has the store that it came from
    return Store.open(Path(context.store))
