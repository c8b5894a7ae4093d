"""Plain data that every layer speaks: frozen, slotted dataclasses, and how a revision is written down and hashed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

from msgspec import Struct, field

PartRole = Literal["system", "source", "neighbour", "example", "term", "note", "evidence", "instruction", "draft"]
Outcome = Literal["pass", "fail", "error", "skip"]

TEXT_PATH = "text"
"""The one path of a revision that is a text: a block of a document, a row of a batch."""
REGULAR, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"
"""Git's modes, the only ones that a revision knows."""


# --- content ---


class Change(Struct, frozen=True):
    """One path of a content.

    `path` is relative, with `/`, bytes that are no UTF-8 as surrogate escapes; `data` is a blob as git keeps it
    (a link's target, a submodule's commit id), None where the path is deleted.
    """

    path: str
    mode: str
    data: bytes | None

    @property
    def sha256(self) -> str | None:
        return None if self.data is None else hashlib.sha256(self.data).hexdigest()


class Content(Struct, frozen=True):
    """What an agent or a human made: changes against a git tree (`base`), or against nothing."""

    changes: tuple[Change, ...]
    base: str | None = None

    @classmethod
    def of_text(cls, text: str) -> Content:
        return cls((Change(TEXT_PATH, REGULAR, text.encode("utf-8", "surrogateescape")),))

    @property
    def is_text(self) -> bool:
        return self.base is None and len(self.changes) == 1 and self.changes[0].path == TEXT_PATH

    @property
    def text(self) -> str:
        """The text of a one-text content; the empty string for any other."""
        if not self.is_text or self.changes[0].data is None:
            return ""
        return self.changes[0].data.decode("utf-8", "surrogateescape")

    @property
    def sha256(self) -> str:
        """The revision's hash, which is what a human signs."""
        lines = [(change.path, change.mode, change.sha256) for change in self.changes]
        return hashlib.sha256(revision_text(self.base, lines)).hexdigest()


def revision_text(base: str | None, lines: list[tuple[str, str, str | None]]) -> bytes:
    """A revision as text: its base, then a line a changed path, sorted by the path's bytes.

    `lines` are (path, mode, SHA-256 in hex or None for deleted). The format is docs/formats.md's.
    """
    ordered = sorted(lines, key=lambda line: line[0].encode("utf-8", "surrogateescape"))
    text = "".join(f"{mode} {sha or 'deleted'} {quote_path(path)}\n" for path, mode, sha in ordered)
    return f"base {base or 'none'}\n{text}".encode()


def input_text(
    base: str | None, lines: list[tuple[str, str, str | None]], brief: str | None, settings: str | None
) -> bytes:
    """A task's input as text, whose hash a signature binds: as a revision's, and where the input has a brief or
    settings of its own (SHA-256 in hex) a line for each."""
    own = (("brief", brief), ("settings", settings))
    return revision_text(base, lines) + "".join(f"{name} {sha}\n" for name, sha in own if sha).encode()


_C_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def quote_path(path: str) -> str:
    """A path C-quoted as git does with `core.quotePath` on: in quotes only where something needs it."""
    if path.isascii() and path.isprintable() and '"' not in path and "\\" not in path:
        return path
    raw = path.encode("utf-8", "surrogateescape")

    def quote(byte: int) -> str:
        if byte in _C_ESCAPES:
            return "\\" + _C_ESCAPES[byte]
        return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"

    return '"' + "".join(map(quote, raw)) + '"'


_C_UNESCAPES = {letter: code for code, letter in _C_ESCAPES.items()}


def unquote_path(text: str) -> str:
    """What `quote_path` wrote, as a path again."""
    if not text.startswith('"'):
        return text
    raw = re.sub(
        rb'\\([0-7]{3}|[abtnvfr"\\])',
        lambda found: bytes([int(found[1], 8) if len(found[1]) == 3 else _C_UNESCAPES[found[1].decode()]]),
        text[1:-1].encode(),
    )
    return raw.decode("utf-8", "surrogateescape")


# --- checks ---


class CheckSpec(Struct, frozen=True):
    """A check that a gig wants: `name` is the user's word, `check` a built-in of `checks/registry.py`.

    `options` is plain JSON data, whose form is the check's own.
    """

    name: str
    check: str
    options: Mapping[str, Any] = field(default_factory=dict)
    required: bool = True


class Evidence(Struct, frozen=True):
    """Where and why, in a sentence that a person and a model can act on. Line and column count from 1."""

    message: str
    part: str | None = None
    line: int | None = None
    column: int | None = None


class Verdict(Struct, frozen=True):
    """What a check found. `error` is a check that could not do its work, `skip` one that could not be run here."""

    name: str
    outcome: Outcome
    evidence: tuple[Evidence, ...] = ()
    required: bool = True
    seconds: float = 0.0
    fingerprint: str = ""
    unsandboxed: bool = False

    @property
    def passed(self) -> bool:
        return self.outcome == "pass"

    @property
    def gates(self) -> bool:
        """A required check that is not `pass` is not passed."""
        return self.required and not self.passed


class CheckContext(Struct, frozen=True):
    """What a check may know beside the content. All but the last group is part of the check's fingerprint."""

    source: str = ""
    source_language: str = ""
    target_language: str = ""
    format: str = "text"  # or "markdown"
    definitions: str = ""  # the document's link reference definitions and footnote labels, as Markdown
    terms: tuple[tuple[str, str], ...] = ()
    base: str | None = None  # git tree that a code content changes
    commit: str | None = None  # whose history a check finds with the tree
    client: str = ""  # verdicts are not shared over a client's wall
    # How to run here: not part of the fingerprint.
    tree: str | None = None  # folder with base and content checked out, a copy of our own that a check may not write
    base_tree: str | None = None  # the same with the base alone, where a test runner must have run no more tests
    store: str | None = None  # our git store, which has `base`
    repository: str | None = None  # the client's own checkout, for its ignored dependency folders
    prepared: str | None = None  # folder with dependencies of ours that go before those
    unsafe_no_sandbox: bool = False


# --- asking ---


class Part(Struct, frozen=True):
    """One piece of a request, kept in the ledger as (role, blob)."""

    role: PartRole
    text: str


def _seam(before: Part, part: Part) -> str:
    """A blank line, but where an instruction frames the source: it brings its own line end on that side."""
    opens = before.role == "instruction" and part.role == "source" and before.text.endswith("\n")
    closes = before.role == "source" and part.role == "instruction" and part.text.startswith("\n")
    return "" if opens or closes else "\n\n"


class Reply(Struct, frozen=True):
    """What a person answered an agent that had asked, and the agent's own name for the session in which it did."""

    session: str
    text: str


class Request(Struct, frozen=True):
    """What an agent is asked. `parts` are in the order sent: the stable first, the varying last.

    `max_output` is in tokens. `schema` is a JSON Schema as text. `base`/`files` are set where the task is a change to
    a tree: `workdir` is then the folder in which a program finds it and works, set by `flow/work.py`.
    """

    parts: tuple[Part, ...]
    max_output: int = 1024
    schema: str | None = None
    temperature: float | None = None
    seed: int | None = None
    sample: int = 0
    workdir: str | None = None
    reply: Reply | None = None  # for an agent that can go on with that session, in place of the parts

    def messages(self) -> list[dict[str, str]]:
        """The chat protocol's form: `draft` parts are the assistant's, `system` the system's, all others the user's."""
        out: list[dict[str, str]] = []
        for n, part in enumerate(self.parts):
            role = {"system": "system", "draft": "assistant"}.get(part.role, "user")
            if out and out[-1]["role"] == role:
                out[-1]["content"] += _seam(self.parts[n - 1], part) + part.text
            else:
                out.append({"role": role, "content": part.text})
        return out

    def prompt(self) -> str:
        """The whole as one text, for agents that read a prompt on standard input."""
        seams = ["", *(_seam(before, part) for before, part in pairwise(self.parts))]
        return "".join(seam + part.text for seam, part in zip(seams, self.parts, strict=False))

    @property
    def prompt_bytes(self) -> int:
        return sum(len(part.text.encode("utf-8", "surrogateescape")) for part in self.parts)


class Usage(Struct, frozen=True):
    """Tokens of one call; `cached` is the share of `input` that a provider served from its prompt cache."""

    input: int
    output: int
    cached: int = 0


class Draft(Struct, frozen=True):
    """What an agent answered. `cost` is in picodollars, None where the agent can't tell."""

    content: str
    usage: Usage | None = None
    cost: int | None = None
    model: str = ""
    finish: str = "stop"
    seconds: float = 0.0
    changes: tuple[Change, ...] | None = None  # of an agent that worked in a folder
    detail: str = ""  # what a person may want to see: the tail of a program's stderr


# --- work ---


class Source(Struct, frozen=True):
    """A file of the client's: `name` is relative to what was given, `data` its bytes."""

    name: str
    data: bytes


class Gig(Struct, frozen=True):
    """A gig as a craft sees it."""

    ref: str
    craft: str
    brief: str = ""
    title: str = ""
    source_language: str = ""
    target_languages: tuple[str, ...] = ()
    base: str | None = None  # git tree
    options: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[CheckSpec, ...] = ()


class Own(Struct, frozen=True):
    """What one version of a task's input says itself, in place of (`brief`, `source_language`) or over its gig's."""

    brief: str = ""
    source_language: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[CheckSpec, ...] = ()


class TaskSpec(Struct, frozen=True):
    """A task that a craft found in a source. `place` (JSON data) is where its signed text goes back."""

    name: str
    input: Content
    place: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    language: str = ""
    own: Own | None = None


class LeftAlone(Struct, frozen=True):
    """What a craft never sends to a model, and why; `line` counts from 1."""

    line: int
    what: str


class Split(Struct, frozen=True):
    tasks: tuple[TaskSpec, ...]
    left_alone: tuple[LeftAlone, ...] = ()


class Task(Struct, frozen=True):
    """A task as a craft sees it."""

    ref: str
    craft: str
    input: Content
    brief: str = ""
    name: str = ""
    source_language: str = ""
    target_language: str = ""
    place: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[CheckSpec, ...] = ()
    tree: tuple[Change, ...] = ()  # of a code task: the base's files, as far as the craft may show them


class Term(Struct, frozen=True):
    source: str
    target: str


class Example(Struct, frozen=True):
    source: str
    target: str


class AskContext(Struct, frozen=True):
    """What goes along with a task when it is asked for."""

    terms: tuple[Term, ...] = ()
    style: str = ""
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()
    failed: Content | None = None  # the draft to mend, with what its checks said
    failed_answer: str = ""  # an answer that could not be read, with `failures` telling why
    failures: tuple[Verdict, ...] = ()
    sample: int = 0  # which of several drafts this is: 0 is asked for at the craft's own temperature
    window: int | None = None  # tokens that the agent reads at most; None: not known


# --- agents ---


class AgentEntry(Struct, frozen=True):
    """An agent as configured. Prices are picodollars per token (`price_run`: per run); None is unknown, 0 is free."""

    name: str
    kind: str
    model: str = ""
    api_base: str = ""
    key: str = ""  # env:VAR or keyring, never the key
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    price_in: int | None = None
    price_out: int | None = None
    price_cached: int | None = None  # of tokens from the provider's prompt cache; None: as price_in
    price_run: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # NAME -> env:VAR
    body: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 120.0  # seconds
    local: bool = False
    allow: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    window: int | None = None  # tokens of context

    @property
    def is_local(self) -> bool:
        """Never leaves the machine: the embedded model, a human, a script, or what the user declared so."""
        return self.local or self.kind in ("local", "manual", "scripted")

    @property
    def works_with_model(self) -> bool:
        """Whether a program is to reach the embedded model: its own `model` is `local`, or `local/NAME`."""
        return self.kind in ("command", "acp") and self.model.partition("/")[0] == "local"


# --- references ---

SLUG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_REFERENCE = re.compile(
    r"(?P<slug>[A-Za-z][A-Za-z0-9_]*)(?:-(?P<gig>[0-9]{1,18})(?:\.(?P<task>[0-9]{1,18})(?:@(?P<revision>[0-9]{1,18})"
    r"(?:/(?P<parts>[0-9,-]+))?)?)?)?"
)


class Reference(Struct, frozen=True):
    """`acme`, `acme-3`, `acme-3.12`, `acme-3.12@2`, `acme-3.12@2/4`."""

    client: str
    gig: int | None = None
    task: int | None = None
    revision: int | None = None
    parts: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference | None:
        """The reference that a word is, None where it is none."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            return None
        number = {name: int(found[name]) if found[name] else None for name in ("gig", "task", "revision")}
        return cls(found["slug"], number["gig"], number["task"], number["revision"], found["parts"])

    def __str__(self) -> str:
        out = self.client
        for sign, value in (("-", self.gig), (".", self.task), ("@", self.revision), ("/", self.parts)):
            if value is None:
                break
            out += f"{sign}{value}"
        return out
