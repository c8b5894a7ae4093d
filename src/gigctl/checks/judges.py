"""By which files a command line judges: what it starts, loads and tests. A change must not bring its own.

Plain reading of text: nothing of a repository is run, and what can't be read names nothing.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise

from gigctl.checks.command_log import find_module, find_runner
from gigctl.checks.judge_names import (
    TESTS,
    anchored,
    file_patterns,
    has_module,
    has_tests_alone,
    inside,
    module_patterns,
    names_tests,
)
from gigctl.checks.settings import Files

__all__ = ["named_by"]

_JUDGE = re.compile(
    r"(?:^|[/_.-])(?:(?:run|all|self|unit)?[_-]?tests?|test(?:er|ing|all|suite|run(?:ner)?)|checks?|ci|lint|verify"
    r"|accept\w*|specs?)(?:[_.-]|$)|\.(?:ba)?sh$",
    re.IGNORECASE,
)
"""A script that says by its name that it judges."""
_MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
_MAKERS = {
    "make": _MAKEFILES, "gmake": _MAKEFILES, "just": ("justfile", "Justfile", ".justfile"),
    "task": ("Taskfile.yml", "Taskfile.yaml"), "pre-commit": (".pre-commit-config.yaml",), "hatch": ("hatch.toml",),
    "rake": ("Rakefile",),
}  # fmt: skip
_SCRIPTS = frozenset({"npm", "pnpm", "yarn", "bun"})
"""They run what package.json calls by a name."""
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_INTERPRETER = re.compile(r"(?:python|pypy)[\d.]*|node|deno|bun|tsx|ts-node|ruby|perl|php|sh|bash|dash|zsh")
_LOADS = frozenset({
    "-p", "-r", "-c", "-f", "--config", "--config-file", "--file", "--settings", "--rcfile", "--require", "--import",
    "--loader", "--experimental-loader", "--reporter", "--reporters", "--runner", "--testEnvironment", "--env-file",
    "--setupFiles", "--setupFilesAfterEnv", "--globalSetup", "--setup-files", "--global-setup", "--resolver",
    "--test-reporter", "--preset", "--spec", "--pattern",
})  # fmt: skip
"""Options whose value is loaded before any test, or says which they are."""
_DEEPEST = 4
"""Scripts that start scripts."""


def named_by(argv: Sequence[str], files: Files) -> tuple[str, ...]:
    """Patterns of the files by which a command line itself judges: the Makefile of `make` and the scripts that it runs,
    what a script of package.json starts, a program that is one of tests, what a runner is told to load. `files` are
    the base's."""
    folder = ""
    if argv[:2] == ["env", "-C"] and len(argv) > 2:
        folder, argv = argv[2].strip("/") + "/", argv[3:]
    found = _of_line(argv, inside(files, folder), _DEEPEST)
    return tuple(dict.fromkeys(_below(folder, pattern) for pattern in found))


def _below(folder: str, pattern: str) -> str:
    return f"/{folder}{pattern.lstrip('/')}" if folder and pattern.startswith("/") else pattern


# --- a command line ---


def _of_line(argv: Sequence[str], files: Files, depth: int, *, judges: bool = False) -> Iterator[str]:
    """Where a test's own script is read, each program of the tree that it starts `judges`, whatever its name."""
    if not argv or depth < 0:
        return
    yield from _of_makers(argv, files, depth)
    yield from _of_shell(argv, files, depth, judges=judges)
    yield from _of_runner(argv, files)
    yield from _of_module(argv, files, judges=judges)
    for before, word in pairwise(["", *argv, ""]):
        option, _, value = before.partition("=")
        if option in _LOADS and option != before:
            yield from _of_value(value, files)
        elif before in _LOADS:
            yield from _of_value(word, files)
    yield from _of_programs(argv, files, judges=judges)


def _of_value(word: str, files: Files) -> Iterator[str]:
    """What an option names: a module, a file with its ending or without, or a pattern of tests."""
    if re.fullmatch(r"[A-Za-z_][\w.]*", word) and has_module(word, files):
        yield from module_patterns(word)
    elif "/" in word and "*" in word and names_tests(word):
        yield from anchored([word])
    else:
        yield from file_patterns(word, files)


def _of_programs(argv: Sequence[str], files: Files, *, judges: bool) -> Iterator[str]:
    """Scripts of the tree among the words: those whose name says that they judge, and any that a test starts."""
    for before, word, after in zip(["", *argv], argv, [*argv[1:], ""], strict=False):
        path = word.removeprefix("./")
        if path not in files.paths:
            continue
        started = word == argv[0] or _INTERPRETER.fullmatch(before.rpartition("/")[2]) is not None
        if _JUDGE.search(path) or (started and (judges or after in ("test", "tests", "check"))):
            yield f"/{path}"


def _of_makers(argv: Sequence[str], files: Files, depth: int) -> Iterator[str]:
    for at, word in enumerate(argv):
        name = word.rpartition("/")[2]
        if makefiles := _MAKERS.get(name):
            yield from (f"/{file}" for file in makefiles)
            if makefiles is _MAKEFILES:
                yield "*.mk"
                elsewhere = any("-C" in line or "MAKE" in line for line in (*argv, *_makefile(files)))
                yield from makefiles if elsewhere else ()
                yield from _of_targets(argv[at + 1 :], files, depth)
        if name in _SCRIPTS:
            yield from _of_package(argv[at + 1 :], files, depth)


def _of_targets(words: Sequence[str], files: Files, depth: int) -> Iterator[str]:
    text = "".join(_makefile(files))
    for target in [word for word in words if re.fullmatch(r"[\w./-]+", word) and not word.startswith("-")]:
        found = re.search(rf"^{re.escape(target)}\s*:(?!=)([^\n]*)\n((?:\t[^\n]*(?:\n|$))*)", text, re.MULTILINE)
        if found is None or depth <= 0:
            continue
        yield from _of_targets(found[1].partition("#")[0].split(), files, depth - 1)
        for line in found[2].replace("\\\n", " ").splitlines():
            for part in _split(line.strip().lstrip("@-+")):
                yield from _of_line(part, files, depth - 1, judges=_JUDGE.search(target) is not None)


def _makefile(files: Files) -> list[str]:
    """The one that make takes."""
    return [files.texts[name] for name in reversed(_MAKEFILES) if name in files.texts][:1]


def _of_package(words: Sequence[str], files: Files, depth: int) -> Iterator[str]:
    """What `npm test`, `npm run NAME` and their like start, with what goes before and after it."""
    try:
        scripts = json.loads(files.texts.get("package.json", "{}"))["scripts"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    names = [word for word in words if not word.startswith("-") and word not in ("run", "run-script")]
    name = "test" if names[:1] in (["t"], ["tst"]) else (names or [""])[0]
    for one in (f"pre{name}", name, f"post{name}"):
        line = scripts.get(one) if isinstance(scripts, dict) else None
        for part in _split(line) if isinstance(line, str) else ():
            yield from _of_line(part, files, depth - 1, judges=_JUDGE.search(name) is not None)


def _of_shell(argv: Sequence[str], files: Files, depth: int, *, judges: bool) -> Iterator[str]:
    for before, word in pairwise(argv):
        if re.fullmatch(r"-[a-z]*c[a-z]*", word) and before.rpartition("/")[2] in _SHELLS:
            script = argv[argv.index(word) + 1 :][:1]
            for part in _split(script[0]) if script else ():
                yield from _of_line(part, files, depth - 1, judges=judges)


def _split(line: str) -> list[list[str]]:
    """The commands of a line of a shell script, as far as that is plain."""
    parts = re.split(r"&&|\|\||[;|&\n()]", line)
    out = []
    for part in parts:
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            words = part.split()
        while words and re.fullmatch(r"\w+=.*", words[0], re.DOTALL):
            words = words[1:]
        out.append(words)
    return [words for words in out if words]


def _of_module(argv: Sequence[str], files: Files, *, judges: bool) -> Iterator[str]:
    """`python -m NAME`, where NAME is one of the tree's own that judges."""
    name = find_module(argv)
    if name and (judges or _JUDGE.search(name)) and has_module(name, files):
        yield from module_patterns(name)


def _of_runner(argv: Sequence[str], files: Files) -> Iterator[str]:
    """What a known runner is told to run."""
    runner = find_runner(argv)
    if runner is None:
        return
    if runner == "unittest":
        named = [value for option, value in pairwise(argv) if option in ("-p", "--pattern")]
        yield from [pattern for pattern in named or ["test*.py"] if pattern not in ("*.py", "*")]
    of_docs = any(word.startswith("--doctest") for word in argv)  # then the tests stand in the code itself
    for before, word in pairwise(argv):
        path = word.partition("::")[0].removeprefix("./").rstrip("/")
        if word.startswith("-") or before in ("-p", "-k", "-m", "-o", "-g", "-t", "-n", "--pattern", "--grep"):
            continue
        if "*" in path and names_tests(path):
            yield from anchored([path])
        elif path in files.paths and (not of_docs or TESTS.search(path)):
            yield f"/{path}"
        elif runner == "unittest" and re.fullmatch(r"[A-Za-z_][\w.]*", word):
            yield from _of_test_name(word, files)
        elif has_tests_alone(path, files):
            yield f"/{path}/**"


def _of_test_name(name: str, files: Files) -> Iterator[str]:
    """`package.module.Case.test`: as much of it as is a module."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        if f"{'/'.join(parts[:count])}.py" in files.paths:
            yield f"/{'/'.join(parts[:count])}.py"
            return
