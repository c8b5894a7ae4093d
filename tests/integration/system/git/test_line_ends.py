"""A checkout's line ends: what is taken is what git itself would keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from gigctl.system.git.store import Store
from gigctl.system.git.worktree import collect_worktree, find_checkout
from support.repositories import Repository, make_repository

LF, CRLF, MIXED, BINARY = b"a\nb\n", b"a\r\nb\r\n", b"a\r\nb\n", b"a\r\n\0b\r\n"
KEPT = {"lf.txt": LF, "crlf.txt": CRLF, "mixed.txt": MIXED, "bin.txt": BINARY, "run.bat": LF, "sp ace/\u00fc.bat": LF}


@pytest.mark.parametrize("auto", ["", "true", "input"])
@pytest.mark.parametrize(
    "attributes",
    ["", "*.bat text eol=crlf", "* text=auto", "* text=auto eol=crlf", "*.bat eol=crlf", "* -text", "* text",
     "*.txt crlf", "*.txt -crlf", "*.bat crlf=input", "*.txt text=auto eol=lf", "* binary"],
)  # fmt: skip
def test_the_tree_is_gits_own(tmp_path: Path, attributes: str, auto: str) -> None:
    client = make_repository(tmp_path / "r", KEPT)
    if auto:
        client.git("config", "core.autocrlf", auto)
    client.write({".gitattributes": attributes, "new.txt": CRLF, "new.bat": CRLF, "new.bin": BINARY})
    client.write({"run.bat": CRLF, "lf.txt": b"a\r\nc\r\n", "mixed.txt": CRLF, "bin.txt": b"\r\n" + BINARY})
    client.write({"crlf.txt": CRLF * 2})  # what is as it was committed stays so, whatever it would become if added anew
    assert _taken(tmp_path, client) == _gits(client)


def test_a_clean_checkout_has_no_change(tmp_path: Path) -> None:
    client = make_repository(tmp_path / "r", KEPT | {".gitattributes": "*.bat text eol=crlf\n"})
    client.git("rm", "-rq", "--cached", ".")
    client.git("reset", "--quiet", "--hard")
    assert client.place("run.bat").read_bytes() == CRLF
    assert _taken(tmp_path, client) == client.git("rev-parse", "HEAD^{tree}")


def _taken(tmp_path: Path, client: Repository) -> str:
    store = Store.open(tmp_path / "store")
    tree, left_out = collect_worktree(store, find_checkout(store, client.path))
    assert left_out == ()
    return tree


def _gits(client: Repository) -> str:
    client.git("add", "--all", "--force")
    return client.git("write-tree")
