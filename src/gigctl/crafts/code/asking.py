"""What an agent is asked: the stable rules first, then the files, then the brief, and on a repair what went wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

from gigctl.crafts.code.choosing import BYTES_A_TOKEN, Shown, budget_of, choose_files, lines_of
from gigctl.crafts.code.edits import find_differences
from gigctl.crafts.code.evidence import render_failures
from gigctl.crafts.code.examples import find_examples
from gigctl.crafts.code.excerpts import render_spans
from gigctl.model import AskContext, Change, CheckSpec, Content, Part, Request, Task

__all__ = ["ask"]

WHOLE_BYTES = 6_000
"""Up to here files are asked for whole, above it as blocks.

On 16 small bugs, paired, the embedded model's first drafts passed 5 times asked for whole files and 4 times asked for
blocks; asked for blocks it mostly answered with whole files all the same. Blocks spare the output of large files.
"""
SAMPLED_AT = 0.7
"""The temperature of every draft but a task's first: at 0 a second one would be the first again."""
_LISTED, _LISTED_SMALL = 200, 40
"""Paths of other files that are listed, and for a model with a small window."""
_SMALL_WINDOW = 12_000
_EXAMPLES_SHARE = 8
"""Of the room for files what the nearest functions may have."""
_ANSWER_BYTES = 12_000
_MOST_OUTPUT, _LEAST_OUTPUT = 8192, 512
"""Tokens. Below the latter no answer would fit, and the agent says so rather than cut one off."""


def ask(task: Task, context: AskContext) -> Request:
    shown = choose_files(task, context)
    about = [one for one in shown if one.about]
    size = sum(_size(one) for one in about)
    whole = size <= WHOLE_BYTES and not any(one.spans for one in about)
    parts = [Part("system", _text("system.txt") + "\n" + _form(whole, about))]
    if context.style:
        parts.append(Part("note", "The client's style:\n" + context.style))
    parts += [Part("example", f"{example.source}\n\n{example.target}") for example in context.examples]
    parts += _examples(task, shown, context.window)
    parts += _neighbours(shown)
    parts.append(Part("source", _render_tree(task.tree, shown, context.window)))
    parts += [Part("note", note) for note in context.notes]
    parts.append(Part("instruction", _render_brief(task)))
    parts += _repair(task, context, whole)
    sampled = context.sample > 0
    return Request(
        tuple(parts), max_output=_output(size, parts, context.window), sample=context.sample,
        temperature=SAMPLED_AT if sampled else 0.0, seed=context.sample if sampled else None,
    )  # fmt: skip


def _size(one: Shown) -> int:
    if not one.spans:
        return len(one.change.data or b"")
    lines = lines_of(one.change.data or b"")
    return sum(len("\n".join(lines[span.start : span.stop]).encode("utf-8", "replace")) for span in one.spans)


def _output(size: int, parts: Sequence[Part], window: int | None) -> int:
    """Tokens for the answer. Code has about three bytes a token; half as many again leaves room for what is added."""
    wanted = min(_MOST_OUTPUT, 768 + size // 2)
    if window is None:
        return wanted
    prompt = sum(len(part.text.encode("utf-8", "surrogateescape")) for part in parts) // BYTES_A_TOKEN
    return max(min(wanted, window - prompt), min(_LEAST_OUTPUT, wanted))


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _form(whole: bool, shown: Sequence[Shown]) -> str:
    """How to answer, with a path that is really there: a small model copies any other one."""
    path = shown[0].path if shown else "name-of-the-file"
    return _text("whole.txt" if whole else "blocks.txt").replace("{path}", path)


# --- how they are shown ---


def _examples(task: Task, shown: Sequence[Shown], window: int | None) -> list[Part]:
    """Functions of the client's own, where the window has room for more than the task."""
    if window is not None and window < _SMALL_WINDOW:
        return []
    found = find_examples(task, shown, budget_of(task, window) // _EXAMPLES_SHARE)
    functions = "\n\n".join(_fenced(f"{one.path} ({one.why})", _span_text(one)) for one in found)
    return (
        [Part("example", f"How this repository writes such functions; leave them as they are:\n\n{functions}")]
        if found
        else []
    )


def _span_text(one: Shown) -> str:
    return "\n".join(lines_of(one.change.data or b"")[one.spans[0].start : one.spans[0].stop])


def _neighbours(shown: Sequence[Shown]) -> list[Part]:
    """What the task hangs on and is not about: each with the reason why it is there."""
    others = [one for one in shown if not one.about]
    if not others:
        return []
    files_ = "\n\n".join(_render_shown(one, f"{one.path} ({one.why})") for one in others)
    return [Part("neighbour", f"For reference, what the change hangs on:\n\n{files_}")]


def _render_tree(tree: Sequence[Change], shown: Sequence[Shown], window: int | None) -> str:
    paths = {one.path for one in shown}
    others = [change.path for change in tree if change.path not in paths]
    most = _LISTED_SMALL if window is not None and window < _SMALL_WINDOW else _LISTED
    listing = "".join(f"{path}\n" for path in others[:most])
    more = f"and {len(others) - most} more\n" if len(others) > most else ""
    head = f"Other files of the repository, not shown:\n{listing}{more}\n" if others else ""
    return head + "\n\n".join(_render_shown(one, one.path) for one in shown if one.about)


def _render_shown(one: Shown, title: str) -> str:
    if not one.spans:
        return _fenced(title, "\n".join(lines_of(one.change.data or b"")))
    part = render_spans(lines_of(one.change.data or b""), one.spans)
    return "A part of the file; quote only lines that are shown.\n" + _fenced(title, part)


def _fenced(title: str, text: str) -> str:
    fence = _fence_for(text)
    return f"{title}\n{fence}\n{text}\n{fence}"


def _render_file(change: Change) -> str:
    return _fenced(change.path, "\n".join(lines_of(change.data or b"")))


def _fence_for(text: str) -> str:
    """A fence longer than any that the text has."""
    longest = max((len(run) for run in re.findall(r"^ {0,3}(`{3,})", text, re.MULTILINE)), default=2)
    return "`" * (longest + 1)


def _render_brief(task: Task) -> str:
    commands = [_command(spec) for spec in task.checks if spec.check == "command"]
    told = "".join(f"The change is accepted when this passes: {command}\n" for command in commands if command)
    return f"{told}\nThe change to make:\n{task.brief}".lstrip()


def _command(spec: CheckSpec) -> str:
    run = spec.options.get("run", "")
    return run if isinstance(run, str) else " ".join(map(str, run))


# --- repair ---


def _repair(task: Task, context: AskContext, whole: bool) -> list[Part]:
    if not context.failures:
        return []
    failed = context.failed_answer or _render_answer(task, context.failed, whole)
    parts = [Part("draft", failed[:_ANSWER_BYTES])] if failed else []
    form = "every changed file whole" if whole else "all blocks, against the files as they were shown"
    return [*parts, Part("evidence", f"{render_failures(context.failures)}\n\nCorrect it. Answer again with {form}.")]


def _render_answer(task: Task, failed: Content | None, whole: bool) -> str:
    """A draft in the form of an answer, as if the agent had just given it."""
    tree = {change.path: change for change in task.tree}
    rendered = []
    for change in failed.changes if failed else ():
        before = tree.get(change.path)
        if change.data is None or b"\0" in change.data:
            continue
        if whole or before is None or before.data is None:
            rendered.append(_render_file(change))
        else:
            rendered += [_render_block(change.path, *pair) for pair in find_differences(before.data, change.data)]
    return "\n\n".join(rendered)


def _render_block(path: str, search: Sequence[str], replace: Sequence[str]) -> str:
    return "\n".join([path, "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE"])
