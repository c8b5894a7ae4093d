from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.errors import ConfigError, UsageError
from gigctl.system.files import (
    new_file,
    new_files,
    new_folder,
    read_capped,
    telling_disk_errors,
    why_unsafe,
    within,
    write_atomic,
)


def _only(folder: Path, *names: str) -> bool:
    return sorted(p.name for p in folder.iterdir()) == sorted(names)


def test_a_write_keeps_mode_and_link(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "real").mkdir(parents=True)
    target = folder / "real" / "a.toml"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link = folder / "a.toml"
    link.symlink_to("real/a.toml")
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert _only(folder / "real", "a.toml")


def test_a_private_file_is_private(tmp_path: Path) -> None:
    write_atomic(tmp_path / "deep" / "key", b"k", mode=0o600)
    assert stat.S_IMODE((tmp_path / "deep" / "key").stat().st_mode) == 0o600


def test_a_new_file_replaces_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    new_file(folder / "a", b"1")
    with pytest.raises(UsageError, match="already there"):
        new_file(folder / "a", b"2")
    assert (folder / "a").read_bytes() == b"1"
    assert _only(folder, "a")


def _without_links(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that has no second names."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    monkeypatch.setattr(os, "link", refuse)


def test_a_new_file_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "f"
    _without_links(errno.EPERM, monkeypatch)
    new_file(folder / "a", b"1")
    with pytest.raises(UsageError, match="already there"):
        new_file(folder / "a", b"2")
    assert (folder / "a").read_bytes() == b"1"
    with new_files([(folder / "b", b"3"), (folder / "c", b"4")]):
        pass
    _without_links(errno.EIO, monkeypatch)
    with pytest.raises(OSError, match="Input/output"):
        new_file(folder / "d", b"5")
    assert _only(folder, "a", "b", "c")


def test_new_files_appear_together(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    with new_files([(folder / "a", b"1"), (folder / "b", b"2")]):
        assert not (folder / "a").exists()
    assert ((folder / "a").read_bytes(), (folder / "b").read_bytes()) == (b"1", b"2")
    assert (folder / "a").stat().st_nlink == 1
    with (
        pytest.raises(UsageError, match=r"f/b is already there"),
        new_files([(folder / "c", b"3"), (folder / "b", b"4")]),
    ):
        pass
    with pytest.raises(RuntimeError), new_files([(folder / "c", b"3"), (folder / "d", b"4")]):
        raise RuntimeError
    with pytest.raises(UsageError, match="can't write"), new_files([(folder / "c", b""), (folder / ("d" * 300), b"")]):
        pass
    assert _only(folder, "a", "b")
    assert (folder / "b").read_bytes() == b"2"


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out" / "delivery"
    with pytest.raises(FileNotFoundError), new_folder(target) as temporary:
        (temporary / "x").write_text(Path(temporary, "nothing").read_text())
    assert _only(tmp_path / "out")
    with new_folder(target) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "x").write_text("whole")
        (temporary / "dangling").symlink_to("nowhere")
        assert not target.exists()
    assert (target / "sub" / "x").read_text() == "whole"
    assert _only(tmp_path / "out", "delivery")


@pytest.mark.parametrize("late", [False, True])
def test_a_new_folder_overwrites_nothing(tmp_path: Path, late: bool) -> None:
    target = tmp_path / "out" / "d"
    target.parent.mkdir()
    if not late:
        target.mkdir()
    with pytest.raises(UsageError, match="already there"), new_folder(target):
        target.mkdir()
    assert _only(target.parent, "d")


@pytest.mark.parametrize(
    "name",
    ["file/x", "file/x/y", "/proc/x", "/proc/x/y", "a" * 300, "new/" + "a" * 300, "é" * 200, "loop/x", ""],
)
def test_where_nothing_can_be_is_said(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "file").write_text("mine")
    (folder / "loop").symlink_to("loop")
    where = folder / name if name else Path()
    with pytest.raises(UsageError) as refused:
        new_file(where, b"x")
    assert refused.value.hint in ("name another place", "choose another name, or move it away")
    with pytest.raises(UsageError), new_folder(where):
        pytest.fail("nothing can be made there")
    assert _only(folder, "file", "loop", *(["new"] if name.startswith("new") else []))


def test_a_name_of_the_greatest_length_is_one(tmp_path: Path) -> None:
    for name in ("a" * 255, "漢" * 85):
        new_file(tmp_path / "f" / name, b"x")
    assert _only(tmp_path / "f", "a" * 255, "漢" * 85)


def test_reading_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    os.mkfifo(tmp_path / "fifo")
    assert read_capped(tmp_path / "a", 5) == b"12345"
    for name, limit in (("a", 4), ("fifo", 5), ("none", 5), (".", 5)):
        with pytest.raises(UsageError):
            read_capped(tmp_path / name, limit)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no space left"), telling_disk_errors(tmp_path):
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(ConfigError, match="no space left"), telling_disk_errors(tmp_path):
        Path("/dev/full").write_bytes(b"x")


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../a", "a/../../b", "a//b", "./a", "a/", ".git/config", "a/.GIT/hooks/x", "a\0b",
     ".g\u200cit/x", ".git /x", "GIT~1/config", ".git::$INDEX_ALLOCATION/x"],
)  # fmt: skip
def test_unsafe_paths(tmp_path: Path, path: str) -> None:
    assert why_unsafe(path)
    assert within(tmp_path, path) is None


@pytest.mark.parametrize("path", ["a", "a/b.txt", ".github/x.yml", ".gitignore", "a..b", "…", "a b/-rf"])
def test_safe_paths(tmp_path: Path, path: str) -> None:
    assert why_unsafe(path) is None
    assert within(tmp_path, path) == tmp_path.resolve() / path


def test_a_link_that_leads_out_is_unsafe(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "out").symlink_to("..")
    (tmp_path / "t" / "in").symlink_to(".")
    assert within(tmp_path / "t", "out/x") is None
    assert within(tmp_path / "t", "in/x") is not None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_what_is_safe_stays_within(path: str) -> None:
    if why_unsafe(path) is None:
        assert (Path("/r") / path).is_relative_to("/r")
        assert ".." not in Path(path).parts
