"""What a sandbox must be able to see of this machine, so that a command runs there as it does for the caller.

A sandbox that hides the client's own test runner proves nothing; one that shows the home folder protects nothing.
So a command is found as the caller's shell would find it, and the links, the `#!` line and the `pyvenv.cfg` on the way
say which installed prefixes it needs. Everything keeps its own path, so that what has absolute paths inside (a virtual
environment, its scripts, an editable install) still fits.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from gigctl.system.proc import ProgramError

__all__ = ["DEPENDENCIES", "PREPARED_HOME", "PREPARED_TREE", "SECRET", "Visible", "folders_of", "is_visible", "resolve"]

SYSTEM = (Path("/usr"), Path("/bin"), Path("/sbin"), Path("/lib"), Path("/lib64"))
"""What any sandbox shows."""
SECRET = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", ".netrc", ".config"})
"""Names that are never shown for a tool's sake, whoever asks."""
COMPANIONS = ("python3", "python", "node")
"""What `make test`, `npm test` or a shell script will want to find, whatever the command itself is."""
DEPENDENCIES = (".venv", "venv", "node_modules", ".tox", ".nox", "__pypackages__", "vendor", ".bundle")
"""Folders that a package manager fills and a repository ignores."""
PREPARED_TREE, PREPARED_HOME = "tree", "home"
"""What a folder of prepared things has: such folders, where the tree has them, and what was put into a home."""
TOOL_VARIABLES = (
    "ASDF_DATA_DIR", "ASDF_DIR", "GOROOT", "JAVA_HOME", "NVM_DIR", "PYENV_ROOT", "PYENV_VERSION", "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN", "VIRTUAL_ENV", "VOLTA_HOME",
)  # fmt: skip
"""Variables that say where a tool is installed and which version of it is meant, and nothing else."""

_DEPTH = 2  # folders below the repository's in which a workspace's packages keep their own dependencies
_HOPS = 16
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


class Visible(Struct, frozen=True):
    """`shown` are paths to bind read-only at their own place; `dependencies` are relative to the tree's root, and
    come with the folder that they really are, `at_home` to the home; `search_path` and `variables` are for the
    environment."""

    shown: tuple[Path, ...]
    dependencies: tuple[tuple[str, Path], ...]
    search_path: str
    variables: Mapping[str, str] = field(default_factory=dict)
    at_home: tuple[tuple[str, Path], ...] = ()


def resolve(
    argv: Sequence[str], environ: Mapping[str, str], *, tree: Path, repository: Path | None = None,
    prepared: Path | None = None,
) -> Visible:  # fmt: skip
    """What `argv` needs to see when it runs on `tree`, a copy of ours, in place of the client's `repository`.

    `prepared` has dependencies that go before the repository's own. Raises ProgramError where the command is neither
    on the caller's PATH nor in the tree or its dependencies.
    """
    finder = _Finder(environ, tree, repository, prepared)
    dependencies = tuple(finder.dependencies())
    folder, words = (argv[2], argv[3:]) if list(argv[:2]) == ["env", "-C"] and len(argv) > 3 else ("", argv)
    program = finder.locate(words[0], folder)
    if program is None:
        raise ProgramError(f"there is no program {words[0]!r}", f"install {words[0]}, or put it on PATH")
    finder.add(program)
    # A word of the command may be the program that is really meant: `env pytest`, `timeout 9 node x`.
    for word in (*argv[1:], *COMPANIONS):
        if "/" not in word and not word.startswith("-") and (found := finder.locate(word)) is not None:
            finder.add(found)
    shown = finder.shown()
    search = [entry for entry in finder.entries if _reaches(Path(entry), shown, repository)]
    variables = {name: environ[name] for name in TOOL_VARIABLES if name in environ}
    path = ":".join(dict.fromkeys([*search, *_DEFAULT_PATH.split(":")]))
    return Visible(shown, dependencies, path, variables, tuple(finder.at_home()))


def is_visible(path: Path, shown: Iterable[Path]) -> bool:
    return any(path.is_relative_to(place) for place in (*SYSTEM, *shown))


def _reaches(entry: Path, shown: tuple[Path, ...], repository: Path | None) -> bool:
    inside = repository is not None and entry.is_relative_to(repository)
    return inside or is_visible(entry, shown) or any(place.is_relative_to(entry) for place in shown)


class _Finder:
    """Gathers what is needed, each path once."""

    def __init__(
        self, environ: Mapping[str, str], tree: Path, repository: Path | None, prepared: Path | None = None
    ) -> None:
        self.home = Path(environ.get("HOME") or "/nonexistent")
        self.entries = [entry for entry in environ.get("PATH", _DEFAULT_PATH).split(":") if entry.startswith("/")]
        self._tree = tree
        self._repository = repository
        self._prepared_home = None if prepared is None else prepared / PREPARED_HOME
        # Where a client's own commands may have written, which is believed less than what the user installed.
        self._written = [] if prepared is None else [prepared / PREPARED_TREE]
        self._written += [] if repository is None else [repository]
        own = self._prepared_home is not None and (self._prepared_home / ".local").is_dir()
        user_site = () if own else (self.home / ".local" / "lib").glob("python3*")  # `pip install --user`
        self._found: dict[Path, None] = dict.fromkeys(user_site)
        self._seen: set[Path] = set()
        self._led: set[Path] = set()  # where a client's own files led

    def locate(self, word: str, folder: str = "") -> Path | None:
        """Where the caller's shell would find a command; a relative path is one in the tree or its dependencies, from
        the folder where the command runs."""
        if "/" not in word:
            first = [] if self._prepared_home is None else [str(self._prepared_home / ".local" / "bin")]
            found = shutil.which(word, path=":".join([*first, *self.entries]))
            return None if found is None else Path(found)
        places = [self._tree, *self._written]
        candidates = [place / folder / word for place in places]  # an absolute word stays itself
        return next((path for path in candidates if os.access(path, os.X_OK) and path.is_file()), None)

    def add(self, program: Path, hops: int = _HOPS) -> None:
        """A program with all that the way to it passes: each link, the interpreter, the virtual environment's base."""
        program = Path(os.path.normpath(program))
        if hops == 0 or program in self._seen or (program in self._led and not self._may_lead_to(program)):
            return
        self._seen.add(program)
        for place in (self._tree, self._prepared_home):
            if place is not None and program.is_relative_to(place):
                self._add_script(program, place, hops)
                return
        # A private file that a link leads to is no program.
        if not (program.is_file() and os.access(program, os.X_OK)):
            return
        self._show(program)
        if program.is_symlink():
            self._follow(program, program.parent / program.readlink(), hops)
            return
        if (real := program.resolve()) != program:  # a link further up
            self._follow(program, real, hops)
        for name in _interpreters(program):
            if (found := self.locate(name)) is not None:
                self._follow(program, found, hops)

    def _follow(self, program: Path, target: Path, hops: int) -> None:
        """What is in the client's folder they may have written: it opens no door but to what is plainly a toolchain."""
        if self._is_written(program):
            self._led.add(Path(os.path.normpath(target)))
        self.add(target, hops - 1)

    def _is_written(self, path: Path) -> bool:
        return any(path.is_relative_to(place) for place in self._written)

    def _may_lead_to(self, program: Path) -> bool:
        """Whether a client's link, `#!` line or `pyvenv.cfg` may show a program: one that the caller's PATH has too, or
        of an installed language."""
        real = program.resolve()
        found = shutil.which(program.name, path=":".join(self.entries))
        if is_visible(real, ()) or (found is not None and Path(found).resolve() == real):
            return True
        return self._is_written(real) or any(_is_toolchain(place.parent.parent) for place in (program, real))

    def _add_script(self, script: Path, place: Path, hops: int) -> None:
        """A script that is seen anyway may name an interpreter that the caller has on PATH, and opens no other door."""
        real = script.resolve()
        for name in _interpreters(real) if real.is_relative_to(place.resolve()) else ():
            if (found := self.locate(Path(name).name)) is not None:
                self.add(found, hops - 1)

    def shown(self) -> tuple[Path, ...]:
        """The fewest paths that cover all that was found."""
        paths = [path for path in self._found if path.exists() and not is_visible(path, ())]
        kept = [path for path in paths if not any(path != other and path.is_relative_to(other) for other in paths)]
        return tuple(sorted(kept))

    def dependencies(self) -> Iterator[tuple[str, Path]]:
        """What was prepared, and the repository's folders of dependencies that the copy has not, hence git does not
        know."""
        known: set[Path] = set()
        for root in self._written:
            for folder in (place / name for place in folders_of(root) for name in DEPENDENCIES):
                relative = folder.relative_to(root)
                if relative not in known and folder.is_dir() and self._has_room(relative) and _is_honest(folder, root):
                    known.add(relative)
                    self._add_base(folder)
                    yield str(relative), folder.resolve()

    def at_home(self) -> Iterator[tuple[str, Path]]:
        """What was put into the home when the dependencies were prepared."""
        for path in sorted(self._prepared_home.iterdir()) if self._prepared_home is not None else ():
            if not path.is_symlink():
                yield path.name, path.resolve()

    def _has_room(self, relative: Path) -> bool:
        """Whether the tree has nothing there, and no link or file on the way."""
        above = (self._tree / folder for folder in relative.parents)
        in_the_way = any(os.path.lexists(place) and (place.is_symlink() or not place.is_dir()) for place in above)
        return not in_the_way and not os.path.lexists(self._tree / relative)

    def _show(self, program: Path) -> None:
        prefix = self._prefix(program)
        if self._may_show(prefix):
            self._found[prefix] = None
            self._add_base(prefix)

    def _prefix(self, program: Path) -> Path:
        """What is installed together with a program: the folder above its `bin`, or itself where that is too wide."""
        if program.parent.name in ("bin", "sbin", "shims", "condabin"):
            prefix = program.parent.parent
            if not self._is_wide(prefix):
                return prefix
        return program

    def _is_wide(self, prefix: Path) -> bool:
        """Folders that hold other things than programs: the home, all above it, and where user data lies."""
        wide = {self.home, self.home / ".local", self.home / ".cargo", self.home / "go"}
        return prefix in wide or self.home.is_relative_to(prefix) or len(prefix.parts) < 2 or self._is_ours(prefix)

    def _is_ours(self, path: Path) -> bool:
        return self._repository is not None and (path == self._repository or self._repository.is_relative_to(path))

    def _may_show(self, path: Path) -> bool:
        return not self._is_written(path) and not SECRET.intersection(path.parts) and path != Path("/")

    def _add_base(self, prefix: Path) -> None:
        """The interpreter that a virtual environment was made from; the toolchains that rustup keeps elsewhere."""
        if (home := _venv_home(prefix)) is not None:
            for python in (*prefix.glob("bin/python*"), *home.glob("python3*")):
                self._follow(prefix, python, _HOPS + 1)
        if prefix == self.home / ".cargo" / "bin" / "cargo":
            self._found.setdefault(self.home / ".rustup")


def _is_honest(folder: Path, root: Path) -> bool:
    """A link in a client's folder may lead to another folder of that name there, and to nothing else."""
    real = folder.resolve()
    return real.name == folder.name and real.is_relative_to(root.resolve())


def _is_toolchain(prefix: Path) -> bool:
    """Whether a folder holds an installed Python, Node or Ruby: its library is there."""
    lib = prefix / "lib"
    return any(lib.glob("python3*/os.py")) or (lib / "node_modules").is_dir() or (lib / "ruby").is_dir()


def _venv_home(prefix: Path) -> Path | None:
    try:
        lines = (prefix / "pyvenv.cfg").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    values = (value.strip() for key, sign, value in (line.partition("=") for line in lines) if key.strip() == "home")
    home = next(values, "")
    return Path(home) if home.startswith("/") else None


def folders_of(root: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """A tree's folders in which dependencies may lie: itself, and some way down."""
    yield root
    if depth == 0:
        return
    with os.scandir(root) as entries:
        for entry in entries:
            hidden = entry.name.startswith(".") or entry.name in DEPENDENCIES
            if not hidden and entry.is_dir(follow_symlinks=False):
                yield from folders_of(Path(entry.path), depth - 1)


def _interpreters(script: Path) -> list[str]:
    """The programs that a script's `#!` line names; none for a binary."""
    try:
        with script.open("rb") as file:
            head = file.read(512)
    except OSError:
        return []
    if not head.startswith(b"#!"):
        return []
    words = os.fsdecode(head[2:].split(b"\n", 1)[0]).split()
    # `env -S FOO=1 python3 -X dev`: whatever of it is a program will be found, the rest is not there.
    return words[:1] + ([word for word in words[1:] if not word.startswith("-")] if words[0].endswith("/env") else [])
