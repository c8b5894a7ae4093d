"""Which files of a tree a file imports: Python by its syntax, JavaScript and TypeScript by their patterns. Pure.

Only what is in the tree counts: a library is nobody's neighbour. A file that can't be parsed is searched by patterns,
so that what a model or a client wrote never stands in the way.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from gigctl.model import EXECUTABLE, REGULAR, Change

__all__ = ["LARGEST", "Tree", "find_imported", "find_neighbours", "is_python", "is_script"]

LARGEST = 512 * 1024
"""Bytes of a file that is looked into."""
_SCRIPTS = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte", ".json")
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(?P<of>\.*[\w.]*)[ \t]+import[ \t]+(?P<names>[^\n#]*)|import[ \t]+(?P<plain>[\w., \t]+))", re.MULTILINE)  # noqa: E501  # fmt: skip
_REQUIRED = re.compile(
    r"""(?:\bfrom|\bimport|\brequire[ \t]*\(|\bimport[ \t]*\()[ \t]*(?P<quote>["'])(?P<name>[^"'\n]{1,400})(?P=quote)"""
)
_LOADED = re.compile(r"""\bimport_module[ \t]*\([ \t]*["']([\w.]{1,200})["']""")
_NAMED = re.compile(r"""["']([\w./ -]{1,200}\.\w{1,10})["']""")
_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi"))


def is_script(path: str) -> bool:
    return path.endswith(_SCRIPTS[:-1])


class Tree(Struct, frozen=True):
    """The files of a tree by path, and how their names stand for each other."""

    files: Mapping[str, Change]
    aliases: tuple[tuple[str, str], ...] = ()  # of a tsconfig's `paths`: `@/*` as (`@/`, `src/`)
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)  # imports that were found

    @classmethod
    def of(cls, tree: Iterable[Change]) -> Tree:
        files = {change.path: change for change in tree}
        configs = [path for path in files if path.rpartition("/")[2] in ("tsconfig.json", "jsconfig.json")]
        return cls(files, tuple(alias for path in sorted(configs) for alias in _aliases(path, _text(files[path]))))

    def imports(self, path: str) -> tuple[str, ...]:
        """The files that one imports, in the order in which it names them; none of a file that is no code."""
        if path not in self.known:
            there = self.files.get(path)
            text = _text(there) if there is not None else ""
            named = _of_python(path, text) if is_python(path) else _of_script(path, text, self.aliases)
            found = (next((place for place in places if place in self.files), None) for places in named)
            self.known[path] = tuple(dict.fromkeys(place for place in found if place not in (None, path)))
        return self.known[path]

    def named(self, path: str) -> Iterator[str]:
        """The files of the tree that a code file names in quotes, from the top or its own folder."""
        there = self.files.get(path)
        if there is None or not (is_python(path) or is_script(path)):
            return
        folder = posixpath.dirname(path)
        for word in dict.fromkeys(_NAMED.findall(_text(there))):
            yield from (place for place in (posixpath.normpath(word), posixpath.normpath(posixpath.join(folder, word)))
                        if place in self.files)  # fmt: skip

    def importers(self, paths: Collection[str]) -> tuple[str, ...]:
        """The files that import one of some; only those that have such a name in them are parsed."""
        words = {_word(path) for path in paths}
        found = []
        for path, there in self.files.items():
            if not (is_python(path) or is_script(path)) or path in paths:
                continue
            text = _text(there)
            if any(word in text for word in words) and set(self.imports(path)) & set(paths):
                found.append(path)
        return tuple(found)


def find_neighbours(tree: Sequence[Change], changed: Collection[str]) -> frozenset[str]:
    """What a change to some files hangs on: the files that these import, with what a package's own file passes on, the
    files that they name, those that import them, and those that another would find by their name."""
    known = Tree.of(tree)
    imported = {name for path in changed for name in known.imports(path)}
    passed_on = [path for path in imported if _passes_on(path)]
    while passed_on:
        more = set(known.imports(passed_on.pop())) - imported
        imported |= more
        passed_on += [path for path in more if _passes_on(path)]
    others = {place for path in changed for place in (*known.named(path), *_rivals(path)) if place in known.files}
    return frozenset((imported | others | set(known.importers(changed))) - set(changed))


def _passes_on(path: str) -> bool:
    return path.rpartition("/")[2].partition(".")[0] in ("__init__", "index")


def _rivals(path: str) -> list[str]:
    """Of Python, the other places that a file's module would be found in."""
    stem = posixpath.dirname(path) if path.endswith("/__init__.py") else path.removesuffix(".py")
    return _modules(stem) if path.endswith(".py") and stem else []


def find_imported(path: str, text: str) -> Iterator[str]:
    """The modules that a file imports by the names that it gives them, libraries too: `os.path`, `./total`, `react`.

    By patterns alone, as many files are looked at: a docstring's example of an import counts as one.
    """
    if is_python(path):
        yield from (
            module or name
            for _, module, names in _searched_in_python(text)
            for name in (names or [""])
            if module or name
        )
    elif is_script(path):
        yield from (found["name"] for found in _REQUIRED.finditer(text))


def _word(path: str) -> str:
    """What names a file where it is imported: its own name, or its folder's."""
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return folder.rpartition("/")[2] or stem if stem in ("__init__", "index") else stem


def _text(change: Change) -> str:
    data = change.data
    if data is None or len(data) > LARGEST or change.mode not in (REGULAR, EXECUTABLE):
        return ""
    return data.decode("utf-8", "replace")


# --- Python ---


def _of_python(path: str, text: str) -> Iterator[list[str]]:
    """For each name that is imported the places that it may be in, the likeliest first."""
    for level, module, names in _named_in_python(text):
        roots = _roots(path) if not level else [_up(path, level)]
        whole = module.replace(".", "/")
        for name in names:
            yield [place for root in roots for place in _modules(posixpath.join(root, whole, name))]
        yield [place for root in roots for place in _modules(posixpath.join(root, whole))]


def _modules(place: str) -> list[str]:
    place = posixpath.normpath(place)
    return [f"{place}/__init__.py", f"{place}.py", f"{place}.pyi"]  # a package goes before a module of its name


def _roots(path: str) -> list[str]:
    """From where a module's name may count: each folder above the file, and a `src` or `lib` in it."""
    above, folder = [], posixpath.dirname(path)
    while True:
        above += [folder, posixpath.join(folder, "src"), posixpath.join(folder, "lib")]
        if not folder:
            return above
        folder = posixpath.dirname(folder)


def _up(path: str, level: int) -> str:
    folder = posixpath.dirname(path)
    for _ in range(level - 1):
        folder = posixpath.dirname(folder)
    return folder


def _named_in_python(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """(level, module, names) of each import."""
    yield from ((0, name, []) for name in _LOADED.findall(text) if not name.startswith("."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in somebody's file is not our warning
            nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _searched_in_python(text)
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names if alias.name != "*"]


def _searched_in_python(text: str) -> Iterator[tuple[int, str, list[str]]]:
    for found in _IMPORT.finditer(text):
        if found["plain"]:
            yield from ((0, part.split()[0], []) for part in found["plain"].split(",") if part.strip())
        else:
            module = found["of"].lstrip(".")
            names = [part.split()[0] for part in found["names"].strip("()\\ ").split(",") if part.strip()]
            yield len(found["of"]) - len(module), module, names


# --- JavaScript and TypeScript ---


def _of_script(path: str, text: str, aliases: Sequence[tuple[str, str]]) -> Iterator[list[str]]:
    if not is_script(path):
        return
    for found in _REQUIRED.finditer(text):
        name = found["name"]
        if name.startswith("."):
            yield _scripts(posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))
        else:
            there = [place + name.removeprefix(word) for word, place in aliases if name.startswith(word)]
            yield [one for place in there for one in _scripts(posixpath.normpath(place))]


def _scripts(place: str) -> list[str]:
    """The file itself, with an ending, as TypeScript writes `./x.js` for `x.ts`, or the folder's index."""
    stem, ending = posixpath.splitext(place)
    swapped = (
        [stem + new for new in (".ts", ".tsx", ".mts", ".cts")] if ending in (".js", ".jsx", ".mjs", ".cjs") else []
    )
    return [
        *([place] if ending else []), *swapped, *(place + new for new in _SCRIPTS),
        *(f"{place}/index{new}" for new in _SCRIPTS),
    ]  # fmt: skip


def _aliases(path: str, text: str) -> Iterator[tuple[str, str]]:
    """`compilerOptions.paths` and `baseUrl`, in the simple form of one star at the end."""
    try:
        bare = _COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
        options = json.loads(re.sub(r",(\s*[}\]])", r"\1", bare)).get("compilerOptions", {})
        base = posixpath.normpath(posixpath.join(posixpath.dirname(path), str(options.get("baseUrl", "."))))
        paths = options.get("paths", {})
        pairs = [(str(key), str(place)) for key, places in paths.items() for place in places]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return
    for key, place in pairs:
        yield key.removesuffix("*"), posixpath.normpath(posixpath.join(base, place.removesuffix("*"))) + (
            "/" if place.endswith("/*") else "")  # fmt: skip
    if "baseUrl" in options:
        yield "", "" if base == "." else f"{base}/"
