"""A shop: a desk with a batch over its catalogue, drafted by a real server, and what becomes of it until a delivery."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gigctl.flow import review
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.desk import Desk
from gigctl.flow.parcel import Delivered
from support.batches import Batched, batch
from support.desks import make_desk, paid, task_of
from support.llm_server import Asked, LLMServer

CATALOGUE = 'id;name;note\r\n007;Tea;\r\n008;Salt;"fine; white"\r\n009;Soap;\r\n'
DESCRIBE = "Describe {name}."


def described(asked: Asked) -> str:
    """`Describe Tea.` → `A fine thing: Tea.`, and what begins with `!` as it stands."""
    name = asked.last.splitlines()[-1].removeprefix("Describe ").removesuffix(".")
    return name[1:] if name.startswith("!") else f"A fine thing: {name}."


class Shop:
    """`gig` is that of the catalogue."""

    gig = "me-1"

    def __init__(self, folder: Path, server: LLMServer) -> None:
        self.folder = folder
        (folder / "desk").mkdir()
        self.desk: Desk = make_desk(folder / "desk", paid("a", server))

    def batch(self, text: str | bytes = CATALOGUE, name: str = "", **said: Any) -> Batched:
        data = text if isinstance(text, bytes) else text.encode()
        name = name or ("catalogue.jsonl" if data.startswith(b"{") else "catalogue.csv")
        return batch(self.desk, data, name=name, **{"brief": DESCRIBE, **said})

    def sign(self, *refs: str, **options: Any) -> list[str]:
        return review.sign(self.desk, review.prepare_sign(self.desk, refs or [self.gig]), **options)

    def deliver(self, name: str = "out.csv", *refs: str, **options: Any) -> Delivered:
        options = {"output": self.folder / name, **options}
        (done,) = deliver(self.desk, refs or [self.gig], Options(**options))
        return done

    def signed(self, text: str | bytes = CATALOGUE, name: str = "out.csv", **said: Any) -> bytes:
        """What is delivered of a catalogue in which all is signed."""
        self.batch(text, **said)
        self.sign()
        self.deliver(name)
        return self.read(name)

    def read(self, name: str = "out.csv") -> bytes:
        return (self.folder / name).read_bytes()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.name not in ("desk", "home"))

    def state(self, ref: str) -> str:
        return task_of(self.desk, ref).state


def table(data: bytes, delimiter: str = ";") -> list[Sequence[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True))
