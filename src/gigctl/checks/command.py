"""The client's own acceptance: a command that must end with 0 on a copy of the tree, in the sandbox, offline.

A known test runner that ran no test has failed, whatever its exit code. The evidence is the log, cut to what tells.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gigctl.checks.base import BadOption, verdict
from gigctl.checks.command_log import count_tests, find_runner, ran_nothing, shorten
from gigctl.checks.options import check_keys, seconds_of
from gigctl.model import CheckContext, Content, Evidence, Verdict

if TYPE_CHECKING:
    from gigctl.system.proc import Finished

NAME = "command"
VERSION = 1
HELP = "a command ends with exit code 0 on a copy of the tree, in the sandbox, without network"
NEEDS_TREE = True

SECONDS = 300.0
OUTPUT = 4 * 1024 * 1024
"""Bytes of each stream, after which a command is ended."""
_KEYS = {
    "run": "a command line or a list of words",
    "timeout": "a duration",
    "protect": "a list of patterns of files that must stay as they are",
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
    if touched := _protected(content, options.get("protect", ())):
        message = f"{', '.join(touched[:5])} must stay as they are: mend the code, not what judges it"
        return verdict(NAME, "fail", Evidence(message, touched[0]))
    if context.tree is None:
        return verdict(NAME, "error", "a command needs a tree to run in, and this content has none")
    argv = _argv(options)
    seconds = seconds_of(options.get("timeout", SECONDS))
    from gigctl.errors import PolicyError
    from gigctl.system.proc import ProgramError
    from gigctl.system.sandbox import Missing, find_sandbox

    sandbox = find_sandbox()
    if isinstance(sandbox, Missing) and not context.unsafe_no_sandbox:
        return verdict(NAME, "skip", f"{argv[0]} was not run: {sandbox.reason} ({sandbox.hint})")
    try:
        done, folder = await _run(argv, context, seconds)
        outcome, message = _judge(argv, done, folder, seconds)
        if outcome == "pass" and (reason := await _lost_tests(argv, done, context, seconds)):
            outcome, message = "fail", reason
    except (ProgramError, PolicyError) as error:
        hint = f" ({error.hint})" if error.hint else ""
        return verdict(NAME, "error", f"{shlex.join(argv)}: {error.message}{hint}")
    return verdict(NAME, outcome, *([message] if message else []), unsandboxed=context.unsafe_no_sandbox)


def _argv(options: Mapping[str, Any]) -> list[str]:
    wanted = options["run"]
    return shlex.split(wanted) if isinstance(wanted, str) else list(wanted)


def _protected(content: Content, patterns: Sequence[str]) -> list[str]:
    """Changed paths that a pattern covers; `tests/**` is all below `tests`."""
    paths = sorted(change.path for change in content.changes)
    return [path for path in paths if any(fnmatchcase(path, pattern.replace("**", "*")) for pattern in patterns)]


async def _lost_tests(argv: Sequence[str], done: Finished, context: CheckContext, seconds: float) -> str:
    """Why a runner that passed proves less than it did at the base; empty where it does not."""
    runner = find_runner(argv)
    if runner is None or context.base_tree is None:
        return ""
    now = count_tests(runner, _log(done))
    at_base, _ = await _run(argv, replace(context, tree=context.base_tree), seconds)
    before = count_tests(runner, _log(at_base))
    if now is None or before is None or now >= before:
        return ""
    return f"{shlex.join(argv)}: {runner} ran {now} tests, and {before} at the base: tests that ran must not be lost"


async def _run(argv: Sequence[str], context: CheckContext, seconds: float) -> tuple[Finished, Path]:
    """What it did, and the folder that it saw itself in."""
    if context.unsafe_no_sandbox:
        return await _run_unprotected(argv, context, seconds)
    return await _run_protected(argv, context, seconds)


async def _run_protected(argv: Sequence[str], context: CheckContext, seconds: float) -> tuple[Finished, Path]:
    from gigctl.system.sandbox import Policy, Sandbox, find_sandbox, run_sandboxed
    from gigctl.system.view import home_of, place_of

    sandbox = find_sandbox()
    assert isinstance(sandbox, Sandbox)  # noqa: S101  # the caller looked
    repository = _resolved(context.repository) if context.repository else None
    policy = Policy(seconds=seconds, output=OUTPUT, env=_QUIET)
    done = await run_sandboxed(
        sandbox, argv, tree=Path(context.tree or ""), policy=policy, environ=os.environ, repository=repository
    )
    return done, place_of(repository, home_of(os.environ))


def _resolved(folder: str) -> Path:
    return Path(folder).resolve()


_QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "CI": "1"}
"""Logs without colour or progress, and no watch mode."""


async def _run_unprotected(argv: Sequence[str], context: CheckContext, seconds: float) -> tuple[Finished, Path]:
    """On the bare machine, as the user allowed it: on a copy, and without what the environment holds beyond tools."""
    import shutil
    import tempfile

    from gigctl.system.proc import run_async
    from gigctl.system.resolver import resolve

    repository = _resolved(context.repository) if context.repository else None
    with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
        place = _resolved(name) / "tree"
        shutil.copytree(context.tree or "", place, symlinks=True)
        seen = resolve(argv, os.environ, tree=place, repository=repository)
        for path, real in seen.dependencies:
            if not (place / path).exists():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).symlink_to(real)
        env = {**seen.variables, "PATH": os.environ.get("PATH", seen.search_path), "HOME": name, "LANG": "C.UTF-8"}
        done = await run_async(argv, cwd=place, env=env | _QUIET, timeout=seconds, limit=OUTPUT)
        return done, place


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
        return "error", f"{command} could not be started: {told}"
    runner = find_runner(argv)
    if runner and (reason := ran_nothing(runner, done.code, text)):
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
    module = argv[argv.index("-m") + 1] if "-m" in argv[:-1] else None
    return module is not None and code == 1 and text.rstrip().endswith(f": No module named {module}")
