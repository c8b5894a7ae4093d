"""No id leads out of its folder, means another file than it says, or takes another's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gigctl.flow.naming import LONGEST, name_key, row_names, safe_stem
from gigctl.records import TaskRecord
from gigctl.system.archive import collisions
from gigctl.system.git.paths import why_refused

TASK = TaskRecord(
    id=1, ref="me-1.1", gig_id=1, gig="me-1", client="me", client_id=1, number=1, position=1, state="signed",
    craft="writing", name="", language="", source=None, place={}, agents=(), due=None, current_id=None, current=None,
    signed_id=None, held_until=None, input_n=1, input_hash="", input_base=None, input_settings=None, revisions=0,
    created="",
)  # fmt: skip
RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))}


def tasks(*ids: str) -> list[TaskRecord]:
    return [replace(TASK, id=n, number=n, ref=f"me-1.{n}", name=id_) for n, id_ in enumerate(ids, 1)]


def names(*ids: str, **more: Any) -> list[str]:
    found = row_names(tasks(*ids), **more)
    return [found[n] for n in range(1, len(ids) + 1)]


@pytest.mark.parametrize(
    ("id_", "stem"),
    [
        ("007", "007"), ("DE-1001_a", "DE-1001_a"), ("Tea, black (50 g)", "Tea, black (50 g)"), ("a--b", "a--b"),
        ("../../x", "x"), ("a/b", "a-b"), ("/etc/passwd", "etc-passwd"), ("..", ""), (".", ""), ("-rf", "rf"),
        (".git", "git"), ("git~1", "git-1"), ("a\\b", "a-b"), ("C:x", "C-x"), ("x:stream", "x-stream"), ("a\nb", "a-b"),
        ("CON", "_CON"), ("con.a", "_con.a"), ("Lpt9", "_Lpt9"), ("COM\u00b9", "_COM\u00b9"), ("CONE", "CONE"),
        ("x. ", "x"), (" x", "x"), ("\u202egnp.exe", "gnp.exe"), ("a\u200bb", "a-b"), ("caf\u00e9", "caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"), ("\u5546\u54c1 1", "\u5546\u54c1 1"), ("\u0939\u093f\u0928\u094d",) * 2,
        ("\udc80", ""), ("$(id)", "(id)"), ("~/x", "x"), ("*", ""), ("", ""), ("x" * 300, "x" * LONGEST),
        ("\u00e9" * 60, "\u00e9" * 50),
    ],
)  # fmt: skip
def test_an_id_as_a_name(id_: str, stem: str) -> None:
    assert safe_stem(id_) == stem


def test_never_two_alike() -> None:
    assert names("a/b", "a-b", "a:b") == ["a-b-1", "a-b", "a-b-3"]  # the one that says so keeps it
    assert names("A", "a", "\u00c9", "e\u0301") == ["A", "a-2", "\u00c9", "\u00e9-4"]
    assert names("..", "me-1.1", "") == ["me-1.1-1", "me-1.1", "me-1.3"]
    assert names("x-2", "X", "x") == ["x-2", "X", "x-3"]
    assert names("x-3", "X", "x") == ["x-3", "X", "x-6"]
    assert names("MANIFEST", taken=["manifest"]) == ["MANIFEST-1"]


@given(
    st.lists(
        max_size=8,
        elements=st.text(max_size=12)
        | st.text("aA-./\\:. \u00e9e\u0301", max_size=4)
        | st.sampled_from(sorted(RESERVED)),
    )
)
def test_any_ids(ids: list[str]) -> None:
    found = names(*ids)
    assert len({name_key(name) for name in found}) == len(ids)
    assert not collisions([f"{name}.txt" for name in found])
    for name in found:
        assert why_refused(f"{name}.txt") is None
        assert len(f"{name}.txt".encode()) <= 255
        assert Path(name).name == name
        assert name.split(".")[0].rstrip().casefold() not in RESERVED
        assert name[0] not in "-. "
        assert name.isprintable()
