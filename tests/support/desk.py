"""A desk with real work on it, made through the same functions that the commands call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gigctl.flow import review
from gigctl.flow.desk import Desk
from gigctl.flow.gigfile import Wish
from gigctl.flow.intake import add_gig
from gigctl.ledger import clients, gigs, revisions, tasks
from gigctl.ledger.store import Tx
from gigctl.model import Content, Reference
from gigctl.paths import load_paths
from gigctl.records import TaskRecord

CONTRACT = """# Contrat de prestation

Le prestataire livre le rapport.

```
rien à traduire
```

Le client paie 120 euros.
"""
ENGLISH = ("Service contract", "The provider delivers the report.", "The client pays 120 euros.")


class Office:
    """A desk of its own in a folder, and short words for what happens on it."""

    def __init__(self, folder: Path, now: Callable[[], datetime] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environ = {"GIGCTL_HOME": str(folder / "gigctl")}
        self._now = now or (lambda: datetime.now(UTC))
        self.desk = self._open()
        self.add_client("acme")

    def _open(self) -> Desk:
        return Desk(load_paths(self.environ), self.environ, self._now)

    def close(self) -> None:
        """Lets go of the ledger; whoever asks for it again opens it again."""
        self.desk.close()
        self.desk = self._open()

    # --- taking on ---

    def add_client(self, slug: str, **fields: Any) -> None:
        known: dict[str, Any] = {
            "name": slug,
            "currency": "EUR",
            "policy": "any",
            "style": "",
            "glossary": "",
            "rate": None,
        }
        with self.desk.ledger.writing() as tx:
            clients.add_client(tx, slug, **{**known, **fields})

    def add_gig(self, **wish: Any) -> str:
        """A gig of acme's; its reference. `wish` are Wish's fields, and paths are relative to the office's folder."""
        return add_gig(self.desk, Wish(**{"client": "acme", "folder": self.folder, **wish})).gig.ref

    def translation(
        self, text: str | bytes = CONTRACT, name: str = "contrat.fr.md", to: Sequence[str] = ("en",)
    ) -> str:
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.add_gig(craft="translation", sources=(name,), source_language="fr", targets=tuple(to))

    # --- working ---

    def tasks(self, gig: str) -> list[TaskRecord]:
        with self.desk.ledger.reading() as tx:
            found = Reference.parse(gig)
            assert found is not None
            return list(tasks.list_tasks(tx, gigs.get_gig(tx, found).id))

    def task(self, ref: str) -> TaskRecord:
        with self.desk.ledger.reading() as tx:
            return _task(tx, ref)

    def draft(self, ref: str, content: str | Content) -> None:
        """An agent's draft, current and waiting for review; its checks are run by whoever asks for them."""
        made = Content.of_text(content) if isinstance(content, str) else content
        with self.desk.ledger.writing() as tx:
            task = _task(tx, ref)
            tasks.set_current(tx, task.id, revisions.add_revision(tx, task, made, made_by="agent"))
            tasks.set_state(tx, task.id, "review")

    def sign(self, *refs: str, **options: Any) -> list[str]:
        return review.sign(self.desk, review.prepare_sign(self.desk, refs), **options)

    def signed_translation(self, **options: Any) -> str:
        """The contract, translated and signed."""
        gig = self.translation()
        for task, text in zip(self.tasks(gig), ENGLISH, strict=True):
            self.draft(task.ref, text)
        self.sign(gig, **options)
        return gig

    def signed_code(self, repository: Path, *changes: Content, **wish: Any) -> str:
        """A gig on a repository, a task a change (each a gig of one task where there is one)."""
        gig = self.add_gig(craft="code", repository=str(repository), brief="Greet politely", **wish)
        for task, content in zip(self.tasks(gig), changes, strict=True):
            self.draft(task.ref, Content(content.changes, task.input_base))
        self.sign(gig)
        return gig


def _task(tx: Tx, ref: str) -> TaskRecord:
    found = Reference.parse(ref)
    assert found is not None
    return tasks.get_task(tx, found)
