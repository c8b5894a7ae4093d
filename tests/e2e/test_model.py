"""`gigctl model` as a user types it, on models of no weight."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.schema import check_document, check_error
from support.terminal import run_gigctl


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    return folder


@pytest.fixture
def gguf(home: Path) -> Path:
    file = home / "Small-1.gguf"
    file.write_bytes(b"GGUF\3\0\0\0" + bytes(1016))
    return file


def test_none_is_here(home: Path) -> None:
    ran = run_gigctl("model", "list", home=home, code=0)
    assert ran.out == ""
    assert "no model is here" in ran.err
    assert "next: gigctl model pull" in ran.err
    assert check_document(run_gigctl("model", "list", "--json", home=home, code=0).out, "model") == []


def test_a_file_of_ones_own(home: Path, gguf: Path) -> None:
    ran = run_gigctl("model", "add", gguf, "--name", "mine", home=home, code=0)
    assert ran.out == "added mine  1.02 kB\n"
    assert "next: gigctl agent add NAME --kind local --model mine" in ran.err
    (item,) = check_document(run_gigctl("model", "list", "--json", home=home, code=0).out, "model")
    assert (item["name"], item["bytes"], item["default"], item["sha256"]) == ("mine", 1024, False, None)
    assert Path(item["path"]).read_bytes() == gguf.read_bytes()
    assert run_gigctl("model", "list", home=home, code=0).out.startswith("mine")


def test_what_is_no_model(home: Path) -> None:
    (home / "notes.txt").write_text("hello")
    for file in ("notes.txt", "nothing.gguf"):
        ran = run_gigctl("model", "add", home / file, "--json", home=home)
        assert ran.code == 2
        assert file in check_error(ran.err)["message"]
    assert run_gigctl("model", "list", "--quiet", home=home, code=0).out == ""


def test_only_the_default_can_be_pulled(home: Path) -> None:
    assert "no-such" in run_gigctl("model", "pull", "no-such", home=home, code=2).err


def test_no_process_is_there_to_stop(home: Path) -> None:
    assert run_gigctl("model", "stop", home=home, code=0).out == "stopped 0 model processes\n"
