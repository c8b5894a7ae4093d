"""The client's own acceptance: a command that must end with 0 on a copy of the tree, in the sandbox, offline.

A known test runner that ran no test has failed, whatever its exit code. The evidence is the log, cut to what tells.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gigctl.checks.at_base import compute_at_base
from gigctl.checks.base import BadOption, verdict
from gigctl.checks.command_log import (
    count_kept,
    find_failure,
    find_module,
    find_runner,
    is_interpreter,
    mentions_runner,
    names_tests,
    proves_nothing,
    shorten,
    starts_runners,
)
from gigctl.checks.options import check_keys, seconds_of
from gigctl.checks.running import (
    NO_ROOM,
    NO_ROOM_SAID,
    OUTPUT,
    find_visible,
    is_of_machine,
    run_on_tree,
    why_no_sandbox,
)
from gigctl.model import CheckContext, Content, Verdict
from gigctl.system.git.store import Store

if TYPE_CHECKING:
    from gigctl.system.proc import Finished

NAME = "command"
VERSION = 4
HELP = "a command ends with exit code 0 on a copy of the tree, in the sandbox, without network"
NEEDS_TREE = True

SECONDS = 300.0
_LARGEST_SCRIPT = 256 * 1024
_KEYS = {
    "run": "a command line or a list of words",
    "timeout": "a duration",
    "protect": "a list of patterns of files that are put back as the base has them, [] for none",
}
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
"""What a shell says, and so does prlimit in the sandbox."""


def option(value: str) -> dict[str, Any]:
    """`pytest -q tests`: split as a shell splits words, and never given to one."""
    try:
        out = {"run": shlex.split(value)}
    except ValueError as error:
        raise BadOption(f"command: {value!r} can't be split into words: {error}") from error
    validate(out)
    return out


def validate(options: Mapping[str, Any]) -> None:
    check_keys(NAME, options, _KEYS)
    for key in ("run", "protect"):
        value = options.get(key, [])
        if key == "run" and isinstance(value, str):
            value = shlex.split(value)
        if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
            raise BadOption(f"command: {key} is {_KEYS[key]}, got {options[key]!r}")
        if key == "run" and not (value and value[0].strip()):
            raise BadOption("command: run names the program first, got nothing")
    if "timeout" in options:
        seconds_of(options["timeout"])


async def run(content: Content, options: Mapping[str, Any], context: CheckContext) -> Verdict:
    if context.tree is None:
        return verdict(NAME, "error", "a command needs a tree to run in, and this content has none")
    argv = argv_of(options)
    seconds = seconds_of(options.get("timeout", SECONDS))
    from gigctl.errors import PolicyError
    from gigctl.system.proc import ProgramError

    if (impossible := why_no_sandbox(context, NAME, argv[0])) is not None:
        return impossible
    try:
        done, folder = await run_on_tree(argv, context, seconds)
        outcome, message = _judge(argv, done, folder, seconds)
        if outcome == "pass" and (reason := await _lost_tests(argv, done, context, seconds)):
            outcome, message = "fail", reason
    except (ProgramError, PolicyError) as error:
        hint = f" ({error.hint})" if error.hint else ""
        # What is not installed can't be run here; a script that is not in the tree is another matter.
        missing = isinstance(error, ProgramError) and is_of_machine(argv[0])
        return verdict(NAME, "skip" if missing else "error", f"{shlex.join(argv)}: {error.message}{hint}")
    return verdict(NAME, outcome, *([message] if message else []), unsandboxed=context.unsafe_no_sandbox)


def argv_of(options: Mapping[str, Any]) -> list[str]:
    wanted = options["run"]
    return shlex.split(wanted) if isinstance(wanted, str) else list(wanted)


async def _lost_tests(argv: Sequence[str], done: Finished, context: CheckContext, seconds: float) -> str:
    """Why a command that passed proves less than it did at the base; empty where it does not."""
    runner = find_runner(argv)
    log = _log(done)
    if runner is None and not _may_run_tests(argv, log, context):
        return ""

    async def look(at_base: CheckContext) -> list[Any]:
        ran, _ = await run_on_tree(argv, at_base, seconds)
        return [count_kept(runner, _log(ran)), ran.ok and bool(find_failure(_log(ran)))]

    now, failed = count_kept(runner, log) or 0, find_failure(log) if runner is None else ""
    seen = await compute_at_base(argv, find_visible(argv, context), context, look)
    before, lets_pass = seen or (None, False)
    if failed and not lets_pass:
        return f"{shlex.join(argv)} ended with 0, and its runner said: {failed}"
    if before is None or now >= before:
        return ""
    who = runner or "its runner"
    return f"{shlex.join(argv)}: {who} ran {now} tests, and {before} at the base: tests that ran must not be lost"


def _may_run_tests(argv: Sequence[str], log: str, context: CheckContext) -> bool:
    """Whether a command runs tests by others' means: a run at the base, to count them, costs as much again."""
    if starts_runners(argv) or not is_interpreter(argv[0]):
        return starts_runners(argv)
    if count_kept(None, log) is not None or names_tests(argv):
        return True
    module = (find_module(argv) or "").replace(".", "/")
    script = next((word for word in argv[1:] if not word.startswith("-")), "")
    places = [f"{module}.py", f"{module}/__main__.py"] if module else [script.removeprefix("./")]
    return any(mentions_runner(_at_base(place, context.base, context.store)) for place in places)


@lru_cache(maxsize=64)
def _at_base(path: str, base: str | None, store: str | None) -> str:
    """A script's text at the base, as far as there is one; many checks name the same."""
    if base is None or store is None or not path or path.startswith("/") or ".." in path:
        return ""
    found = Store.open(Path(store)).read_files(base, [path], largest=_LARGEST_SCRIPT)
    return next((file.data.decode("utf-8", "replace") for file in found if file.data is not None), "")


def _judge(argv: Sequence[str], done: Finished, folder: Path, seconds: float) -> tuple[Any, str]:
    command = shlex.join(argv)
    text = _log(done)
    told = shorten(text, str(folder))
    if done.timed_out:
        return "fail", f"{command} did not end within {seconds:g} s\n{told}".rstrip()
    if done.truncated:
        return "fail", f"{command} wrote more than {OUTPUT // 2**20} MiB and was ended\n{told}"
    if done.stopped:
        return "fail", f"{command} was ended: {done.stopped}\n{told}".rstrip()
    if done.code in (_NOT_FOUND, _NOT_EXECUTABLE) and not done.stdout.strip() and len(text) < 500:
        return "error", f"{command} could not be started: {told}"
    if _missing_module(argv, done.code, text):
        return "skip", f"{command} could not be started, for it is not installed here: {told}"
    if done.code == NO_ROOM and text.rstrip().endswith(NO_ROOM_SAID):
        return "error", f"{command} was not run: {told}"
    runner = find_runner(argv)
    if runner and (reason := proves_nothing(runner, done.code, text)):
        return "fail", f"{command}: {reason}\n{told}".rstrip()
    if done.code == 0:
        return "pass", ""
    how = f"exit code {done.code}" if done.code > 0 else f"signal {-done.code}"
    return "fail", f"{command} failed ({how})\n{told}".rstrip()


def _log(done: Finished) -> str:
    log = b"\n".join(stream.rstrip() for stream in (done.stdout, done.stderr) if stream.strip())
    return log.decode("utf-8", "replace").replace("\0", "")


def _missing_module(argv: Sequence[str], code: int, text: str) -> bool:
    """Whether `python -m NAME` does not know NAME: that is the machine's lack, not the draft's."""
    module = find_module(argv)
    return module is not None and code == 1 and text.rstrip().endswith(f": No module named {module}")
