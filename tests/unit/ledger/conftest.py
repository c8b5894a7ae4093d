from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gigctl.ledger.opening import open_ledger
from gigctl.ledger.store import Ledger
from support.desk import Office


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "data") as found:
        yield found


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path / "office")
    yield found
    found.close()
