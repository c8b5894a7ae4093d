"""What a craft is: a module that knows how to split, ask, read, check and assemble. Pure: no network, no ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from gigctl.model import (
    AskContext,
    Change,
    CheckContext,
    CheckSpec,
    Content,
    Draft,
    Gig,
    Request,
    Source,
    Split,
    Task,
    TaskSpec,
)


class MalformedAnswer(Exception):
    """An answer that is not of the form that was asked for. The message tells a model what to do otherwise."""


class BadSource(Exception):
    """A client's file that the craft can't take; the message says where and what was expected."""


class Craft(Protocol):
    """The module's members. `OPTIONS` lists what `--set KEY=VALUE` takes: name -> one line of help; `REQUIRES` which of
    `to`, `from` and `brief` a gig must have; `ON_TREE` is True where a task is a change to a tree of files."""

    NAME: str
    HELP: str
    OPTIONS: Mapping[str, str]
    REQUIRES: tuple[str, ...]
    ON_TREE: bool

    def split(self, source: Source | None, gig: Gig) -> Split:
        """The tasks in a source (None: the brief alone). Raises BadSource."""
        ...

    def whole(self, source: Source | None, gig: Gig) -> TaskSpec:
        """The source (None: the brief alone) as one task, however long: a row of a batch. Raises BadSource."""
        ...

    def ask(self, task: Task, context: AskContext) -> Request: ...

    def read(self, task: Task, draft: Draft) -> Content:
        """The content in an answer. Raises MalformedAnswer."""
        ...

    def checks(self, gig: Gig) -> tuple[CheckSpec, ...]:
        """The checks that every task of the gig gets, beside those the gig names itself."""
        ...

    def context(self, task: Task) -> CheckContext:
        """What the checks may know of the task."""
        ...

    def find_neighbours(self, tree: Sequence[Change], changed: Collection[str]) -> frozenset[str]:
        """The files of a tree that a change to some of them hangs on; none where the craft is not `ON_TREE`."""
        ...

    def assemble(
        self, gig: Gig, sources: Sequence[Source], signed: Sequence[tuple[Task, Content]], language: str
    ) -> tuple[Change, ...]:
        """The files to deliver, from the sources and the signed contents alone."""
        ...


JSONObject = Mapping[str, Any]
