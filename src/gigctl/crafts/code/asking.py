"""What an agent is asked: the stable rules first, then the files, then the brief, and on a repair what went wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from importlib.resources import files

from gigctl.crafts.code.edits import find_differences
from gigctl.crafts.code.evidence import render_failures
from gigctl.model import EXECUTABLE, REGULAR, AskContext, Change, CheckSpec, Content, Part, Request, Task

__all__ = ["ask", "find_named"]

SHOWN_BYTES = 48_000
"""The most that the files of one request may have together, about 15,000 tokens."""
WHOLE_BYTES = 6_000
"""Up to here files are asked for whole, above it as blocks.

On 16 small bugs, paired, the embedded model's first drafts passed 5 times asked for whole files and 4 times asked for
blocks; asked for blocks it mostly answered with whole files all the same. Blocks spare the output of large files.
"""
SAMPLED_AT = 0.7
"""The temperature of every draft but a task's first: at 0 a second one would be the first again."""
_LISTED = 200
_ANSWER_BYTES = 12_000
_TESTS = ("test/*", "tests/*", "*/test/*", "*/tests/*", "test_*", "*/test_*", "*_test.*", "*.test.*", "*.spec.*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")


def ask(task: Task, context: AskContext) -> Request:
    shown = _shown(task)
    whole = sum(len(change.data or b"") for change in shown) <= WHOLE_BYTES
    parts = [Part("system", _text("system.txt") + "\n" + _form(whole, shown))]
    if context.style:
        parts.append(Part("note", "The client's style:\n" + context.style))
    parts += [Part("example", f"{example.source}\n\n{example.target}") for example in context.examples]
    parts.append(Part("source", _render_tree(task.tree, shown)))
    parts += [Part("note", note) for note in context.notes]
    parts.append(Part("instruction", _render_brief(task)))
    parts += _repair(task, context, whole)
    size = sum(len(change.data or b"") for change in shown)
    # Code has about three bytes a token; half as many again leaves room for what is added.
    sampled = context.sample > 0
    return Request(
        tuple(parts), max_output=min(8192, 768 + size // 2), sample=context.sample,
        temperature=SAMPLED_AT if sampled else 0.0, seed=context.sample if sampled else None,
    )  # fmt: skip


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _form(whole: bool, shown: Sequence[Change]) -> str:
    """How to answer, with a path that is really there: a small model copies any other one."""
    path = shown[0].path if shown else "name-of-the-file"
    return _text("whole.txt" if whole else "blocks.txt").replace("{path}", path)


# --- which files ---


def find_named(task: Task) -> tuple[str, ...]:
    """The paths that are shown whole, in the order of their worth."""
    return tuple(change.path for change in _shown(task))


def _shown(task: Task) -> list[Change]:
    """The files that the options name or the brief speaks of; none such, all that are no tests, while they fit."""
    readable = [change for change in task.tree if change.mode in (REGULAR, EXECUTABLE) and _is_text(change.data)]
    chosen = _asked_for(task, readable) or _spoken_of(task.brief, readable)
    if not chosen:
        chosen = [change for change in readable if not _is_test(change.path)]
        if sum(len(change.data or b"") for change in chosen) > SHOWN_BYTES // 2:
            return []
    return list(_within(SHOWN_BYTES, chosen))


def _asked_for(task: Task, readable: Iterable[Change]) -> list[Change]:
    named = task.options.get("files", ())
    patterns = named.split(",") if isinstance(named, str) else list(named)
    wanted = [pattern.strip() for pattern in patterns]
    return [change for pattern in wanted for change in readable if fnmatch(change.path, pattern)]


def _spoken_of(brief: str, readable: Sequence[Change]) -> list[Change]:
    """Files by their path or name; then those that define a name that the brief speaks of."""
    by_path = [change for change in readable if _says(brief, change.path)]
    if by_path:
        return by_path
    by_name = [change for change in readable if _says(brief, change.path.rpartition("/")[2])]
    if by_name:
        return by_name
    words = set(_WORD.findall(brief))
    return [change for change in readable if not _is_test(change.path) and words & _defined(change.data or b"")]


def _says(brief: str, name: str) -> bool:
    return re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w/-]|\.\w)", brief) is not None


def _defined(data: bytes) -> set[str]:
    text = data.decode("utf-8", "replace")
    return set(re.findall(r"^\s*(?:async def|def|class|function|fn|func)\s+([A-Za-z_]\w{2,})", text, re.MULTILINE))


def _is_test(path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in _TESTS)


def _is_text(data: bytes | None) -> bool:
    if data is None or b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _within(budget: int, chosen: Iterable[Change]) -> Iterable[Change]:
    for change in dict.fromkeys(chosen):
        budget -= len(change.data or b"")
        if budget >= 0:
            yield change


# --- how they are shown ---


def _render_tree(tree: Sequence[Change], shown: Sequence[Change]) -> str:
    others = [change.path for change in tree if change not in shown]
    listing = "".join(f"{path}\n" for path in others[:_LISTED])
    more = f"and {len(others) - _LISTED} more\n" if len(others) > _LISTED else ""
    head = f"Other files of the repository, not shown:\n{listing}{more}\n" if others else ""
    return head + "\n\n".join(_render_file(change) for change in shown)


def _render_file(change: Change) -> str:
    text = (change.data or b"").decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    fence = _fence_for(text)
    return f"{change.path}\n{fence}\n{text.removesuffix(chr(10))}\n{fence}"


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
        if change.data is None or not _is_text(change.data):
            continue
        if whole or before is None or before.data is None:
            rendered.append(_render_file(change))
        else:
            rendered += [_render_block(change.path, *pair) for pair in find_differences(before.data, change.data)]
    return "\n\n".join(rendered)


def _render_block(path: str, search: Sequence[str], replace: Sequence[str]) -> str:
    return "\n".join([path, "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE"])
