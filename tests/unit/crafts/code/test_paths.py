"""No answer writes outside its tree, through a link, or where git and gigctl keep their own."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.code.paths import check_path
from gigctl.model import LINK, REGULAR, SUBMODULE, Change

TREE = {
    change.path: change
    for change in (
        Change("src/a.py", REGULAR, b"a"),
        Change("out", LINK, b"/etc"),
        Change("lib/near", LINK, b"../src"),
        Change("vendor/dep", SUBMODULE, b"0" * 40),
    )
}


@pytest.mark.parametrize("path", ["a.py", "src/a.py", "src/new/b.py", ".github/x.yml", ".gitignore", "a b.py", "é.py"])
def test_inside_the_tree(path: str) -> None:
    check_path(path, TREE)


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "~/x", "../x", "a/../../x", "a//b", "./a", "a/", "C:/x", "a\\b", "a\nb", "a\x1bb", "a\0b",
        ".git/hooks/pre-commit", ".GIT/config", "sub/.git/config", ".git", "git~1/config", ".git./config",
        ".git /config", ".g\u200cit/config", ".git::$INDEX_ALLOCATION/config", ".gigctl/signoffs/x", "a/.gigctl/x",
        "out", "out/passwd", "lib/near/a.py", "vendor/dep", "vendor/dep/x", "src/a.py/b", "src", "x" * 256, "x/" * 3000,
        "\ud800.py/../x",
    ],
)  # fmt: skip
def test_refused(path: str) -> None:
    with pytest.raises(MalformedAnswer):
        check_path(path, TREE)


PIECES = st.sampled_from([*"./\\~:a ", "\u200c", "..", ".git", ".GIT", "git~1", "../", "/."])


@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_is_let_through_stays_inside(path: str) -> None:
    try:
        check_path(path, {})
    except MalformedAnswer:
        return
    landed = PurePosixPath(os.path.normpath(Path("/root/tree") / path))
    assert landed.is_relative_to("/root/tree")
    assert landed != PurePosixPath("/root/tree")
    assert not {".git", ".GIT"} & set(landed.parts)
