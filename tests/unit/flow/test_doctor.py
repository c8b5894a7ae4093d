"""Each finding on a machine where the thing is there, too old, broken or missing: real programs, put in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gigctl.flow import doctor
from gigctl.flow.doctor import Finding
from gigctl.ledger.opening import open_ledger
from gigctl.paths import Paths, load_paths

Look = Callable[[Paths, Mapping[str, str]], Finding]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return load_paths({"GIGCTL_HOME": str(tmp_path / "gigctl")})


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder where programs are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, says: str, code: int = 0) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
    (folder / name).chmod(0o755)


def find(name: str, paths: Paths, env: Mapping[str, str] | None = None) -> Finding:
    look: Look = getattr(doctor, f"_{name}")  # alone: a sandbox need not be tried each time
    found = look(paths, env or {})
    assert (found.hint is None) is (found.status == "ok")
    return found


def test_who_signs(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "ada")
    found = find("person", paths)
    assert (found.status, found.detail.startswith("ada signs: git knows no name")) == ("limited", True)
    assert "user.email" in (found.hint or "")
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Grace\n\temail = grace@example.org\n")
    found = find("person", paths)
    assert (found.status, found.detail) == ("ok", "Grace <grace@example.org> signs")


@pytest.mark.parametrize(
    ("says", "code", "status", "detail"),
    [
        ("git version 2.47.1", 0, "ok", "2.47"),
        ("git version 2.31.0", 0, "ok", "2.31"),
        ("git version 2.30.9", 0, "missing", "2.30 is too old: at least 2.31"),
        ("git version 3.0", 0, "ok", "3.0"),
        ("git: broken installation", 0, "missing", "not found"),
        ("git version 2.47.1", 1, "missing", "not found"),
    ],
)
def test_git(says: str, code: int, status: str, detail: str, paths: Paths, bin_folder: Path) -> None:
    program(bin_folder, "git", says, code)
    found = find("git", paths)
    assert (found.status, found.detail) == (status, detail)


@pytest.mark.parametrize(
    ("says", "status", "detail"),
    [
        ("OpenSSH_9.2p1 Debian-2", "ok", "OpenSSH 9.2"),
        ("OpenSSH_8.0p1", "limited", "OpenSSH_8.0 can't sign files"),
        ("another SSH", "ok", "found"),
        (None, "limited", "not found: no sign-off can be signed with a key"),
    ],
)
def test_ssh_keygen(says: str | None, status: str, detail: str, paths: Paths, bin_folder: Path) -> None:
    if says is not None:
        program(bin_folder, "ssh-keygen", "")
        program(bin_folder, "ssh", says)
    found = find("ssh", paths)
    assert (found.status, found.detail) == (status, detail)


@pytest.mark.parametrize(
    ("editor", "status"),
    [("nano", "ok"), ("nano -w 'my file'", "ok"), ("emacs", "limited"), ("", "limited"), ("nano 'cut", "limited")],
)
def test_the_editor_is_looked_for_as_it_will_be_started(
    editor: str, status: str, paths: Paths, bin_folder: Path
) -> None:
    program(bin_folder, "nano", "")
    assert find("editor", paths, {"VISUAL": editor, "PATH": str(bin_folder)}).status == status


def test_a_ledger_that_is_there(paths: Paths) -> None:
    assert "not begun" in find("ledger", paths).detail
    assert not paths.data.exists()  # nothing is written by looking
    open_ledger(paths.data).close()
    assert "(there" in find("ledger", paths).detail


def test_a_ledger_that_is_none(paths: Paths) -> None:
    paths.data.mkdir(parents=True)
    paths.ledger.write_bytes(b"")
    found = find("ledger", paths)
    assert (found.status, found.hint) == ("missing", "gigctl ledger restore BACKUP")


def test_a_file_where_the_folder_should_be(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "gigctl").write_text("in the way")
    found = find("ledger", paths)
    assert (found.status, found.detail) == ("missing", f"{tmp_path / 'gigctl'} can't be written")


def test_files_of_the_configuration_that_are_wrong(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.config_file.write_text("jobs = 0\n")
    paths.agents_file.write_text("[a]\nkind = 'no kind'\n")
    for name in ("settings", "agents"):
        found = find(name, paths)
        assert found.status == "missing"
        assert "\n" not in found.detail


def test_an_agent_whose_key_is_not_set(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.agents_file.write_text(
        "[a]\nkind = 'openai'\napi-base = 'http://127.0.0.1:1/v1'\nmodel = 'm'\nkey = 'env:SOME_KEY'\n"
    )
    found = find("agents", paths)
    assert (found.status, found.detail) == ("limited", "no key for a (SOME_KEY)")
    assert find("agents", paths, {"SOME_KEY": "sk"}).status == "ok"


def test_the_embedded_model(paths: Paths) -> None:
    assert find("embedded", paths).hint == "gigctl model pull"
    paths.models.mkdir(parents=True)
    (paths.models / "small.gguf").touch()
    found = find("embedded", paths)
    assert (found.status, found.detail) == ("ok", "small.gguf")


def test_mount_points_with_blanks_and_lines_of_another_form(tmp_path: Path) -> None:
    """As proc(5) writes them: optional fields, then a lone dash, then the kind."""
    table = tmp_path / "mountinfo"
    table.write_text(
        "36 35 98:0 / /home/ada/my\\040disk rw,noatime master:1 - nfs4 server:/x rw\n"
        "37 35 98:0 / /plain rw - ext4 /dev/root rw\nnonsense\n"
    )
    assert list(doctor._mounts(table)) == [("/home/ada/my disk", "nfs4"), ("/plain", "ext4")]
    assert list(doctor._mounts(tmp_path / "not there")) == []
