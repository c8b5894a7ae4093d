from __future__ import annotations

import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gigctl.errors import UsageError
from gigctl.system.archive import NotReadable, collisions, open_archive, open_files, zip_bytes


def _zip(path: Path, *entries: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return path


def _odd(path: Path) -> dict[str, str | None]:
    return {name: held.odd for name, held in open_archive(path).held.items()}


def test_a_zip_is_the_same_bytes_of_the_same_files(tmp_path: Path) -> None:
    files = [("a/ü.md", b"x" * 1000, False), ("run", b"#!", True)]
    data = zip_bytes(files)
    assert data == zip_bytes(list(files))
    (tmp_path / "z.zip").write_bytes(data)
    archive = open_archive(tmp_path / "z.zip")
    assert {name: (held.executable, held.odd) for name, held in archive.held.items()} == {
        "a/ü.md": (False, None),
        "run": (True, None),
    }
    assert archive.read("a/ü.md", 1000) == b"x" * 1000


def test_unzip_gives_the_files_back(tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zip_bytes([("bin/run", b"#!/bin/sh\n", True)]))
    with zipfile.ZipFile(tmp_path / "z.zip") as archive:
        archive.extractall(tmp_path / "out")
        assert stat.S_IMODE(archive.infolist()[0].external_attr >> 16) == 0o755
    assert (tmp_path / "out" / "bin" / "run").read_bytes() == b"#!/bin/sh\n"


def test_a_name_that_is_no_utf8_is_in_no_zip() -> None:
    with pytest.raises(UsageError, match="zip"):
        zip_bytes([("caf\udce9", b"", False)])


def test_a_bomb_is_read_no_further_than_it_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "z.zip"
    path.write_bytes(zip_bytes([("bomb", bytes(200_000_000), False)]))
    assert path.stat().st_size < 500_000
    archive = open_archive(path)
    assert archive.digest("bomb", 10)[1] == 11
    with pytest.raises(NotReadable, match="more than 10"):
        archive.read("bomb", 10)


def test_odd_entries_of_a_zip_are_said(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    extra = zipfile.ZipInfo("extra")
    extra.extra = b"\x01\x00\x00\x00"
    path = _zip(
        tmp_path / "z.zip", ("../up", b""), ("/abs", b""), (link, b"/etc/passwd"), ("folder/", b""), (extra, b"")
    )
    found = _odd(path)
    assert "must not be" in str(found["../up"])
    assert "must not be" in str(found["/abs"])
    assert found["link"] == "is a link"
    assert found["folder/"] is not None
    assert found["extra"] == "says more than a delivery's entry"


def test_a_name_twice_in_a_zip_is_said(tmp_path: Path) -> None:
    path = tmp_path / "z.zip"
    with pytest.warns(UserWarning, match="Duplicate"):
        _zip(path, ("a", b"1"), ("a", b"2"))
    assert _odd(path) == {"a": "is in the zip twice"}


def test_a_comment_and_what_stands_before_a_zip(tmp_path: Path) -> None:
    path = _zip(tmp_path / "z.zip", ("a", b"1"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hello"
    assert "(comment)" in _odd(path)
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    with pytest.raises(NotReadable, match="neither"):
        open_archive(path)


def test_a_damaged_zip_is_not_readable(tmp_path: Path) -> None:
    data = bytearray(zip_bytes([("a", os.urandom(500), False)]))
    data[100] ^= 1
    (tmp_path / "z.zip").write_bytes(data)
    archive = open_archive(tmp_path / "z.zip")
    with pytest.raises(NotReadable, match="damaged"):
        archive.digest("a", 500)


FILES = [("é", b"some text" * 5, False), ("b/c", b"more", True), ("empty", b"", False)]
ZIP = zip_bytes(FILES)


def _seen(data: bytes) -> list[tuple[str, str | None, bool, tuple[str, int]]] | None:
    """All that a look at a zip tells of it; None where it can't be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "z.zip")
        path.write_bytes(data)
        try:
            archive = open_archive(path)
            plain = {name: held for name, held in archive.held.items() if held.odd is None}
            if len(plain) < len(archive.held):
                return None
            return [(name, held.odd, held.executable, archive.digest(name, 100)) for name, held in plain.items()]
        except NotReadable:
            return None


def _streams() -> set[int]:
    """Where the zip's compressed bytes are: some of their bits mean nothing."""
    with zipfile.ZipFile(io.BytesIO(ZIP)) as archive:
        begins = [(info.header_offset + 30 + len(info.filename.encode()), info) for info in archive.infolist()]
    return {at for begin, info in begins for at in range(begin, begin + info.compress_size)}


@example(ZIP.index(b"PK\1\2") + 27, 64)  # a size that is past what is looked at whole
@given(st.integers(0, len(ZIP) - 1), st.integers(1, 255))
def test_a_changed_byte_of_a_zip_is_seen(at: int, by: int) -> None:
    data = bytearray(ZIP)
    data[at] ^= by
    same = _seen(bytes(data)) == _seen(ZIP)
    assert not same or at in _streams()


@pytest.mark.parametrize("data", [ZIP + b"x", b"x" + ZIP, ZIP[:-1], ZIP + ZIP, ZIP[:-22] + b"x" + ZIP[-22:]])
def test_bytes_beside_a_zip_are_seen(data: bytes) -> None:
    assert _seen(ZIP) is not None
    assert _seen(data) is None


def test_what_is_no_file_in_a_folder_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    (folder / "empty").mkdir(parents=True)
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "to-folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    (folder / "suid").write_bytes(b"")
    (folder / "suid").chmod(0o4755)
    (folder / "fine").write_bytes(b"x")
    assert _odd(folder) == {
        "empty": "is an empty folder",
        "fine": None,
        "link": "is a link",
        "pipe": "is no file",
        "suid": "would run as somebody else",
        "to-folder": "is a link",
    }


def test_a_link_that_takes_a_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"x")
    archive = open_archive(tmp_path / "d")
    (tmp_path / "d" / "a").unlink()
    (tmp_path / "d" / "a").symlink_to("/etc/passwd")
    with pytest.raises(NotReadable):
        archive.read("a", 100_000)


def test_nothing_and_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        open_archive(tmp_path / "nothing")
    (tmp_path / "text").write_bytes(b"hello")
    (tmp_path / "empty").write_bytes(b"")
    for name in ("text", "empty"):
        with pytest.raises(NotReadable, match="neither"):
            open_archive(tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotReadable, match="neither"):
        open_archive(tmp_path / "pipe")


def test_zip_with_a_cut_end(tmp_path: Path) -> None:
    whole = zip_bytes([("a", b"x", False)])
    (tmp_path / "z.zip").write_bytes(whole[:-10])
    with pytest.raises(NotReadable):
        open_archive(tmp_path / "z.zip")
    assert zipfile.ZipFile(io.BytesIO(whole)).testzip() is None


@pytest.mark.parametrize(
    ("paths", "pairs"),
    [
        (["a", "b", "c/d", "c/e"], []),
        (["a.md", "A.md"], [("a.md", "A.md")]),
        (["a", "a"], [("a", "a")]),
        (["a", "a/b"], [("a", "a/b")]),
        (["a/b", "a"], [("a", "a")]),
        (["Docs/a", "docs/b"], [("Docs", "docs/b")]),
        (["é", "e\u0301"], [("é", "e\u0301")]),
        (["straße", "STRASSE"], [("straße", "STRASSE")]),
        (["x/a", "x/b", "x/c"], []),
    ],
)
def test_names_that_are_one_on_some_file_system(paths: list[str], pairs: list[tuple[str, str]]) -> None:
    assert collisions(paths) == pairs


def test_single_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / "other").write_bytes(b"2")
    (tmp_path / "link").symlink_to("other")
    archive = open_files(tmp_path, ["a.csv", "b.csv", "link", "x" * 300])
    assert {name: held.odd for name, held in archive.held.items()} == {"a.csv": None, "link": "is a link"}
    assert archive.read("a.csv", 10) == b"1"
