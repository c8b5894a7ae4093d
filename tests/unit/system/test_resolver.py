from __future__ import annotations

import os
from pathlib import Path

import pytest

from gigctl.system.proc import ProgramError
from gigctl.system.resolver import Visible, is_visible, resolve


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return Path(os.environ["HOME"])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    return tmp_path / "repo"


def _program(path: Path, text: str = "\x7fELF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def _see(home: Path, tree: Path, *argv: str, path: str = "", repository: Path | None = None) -> Visible:
    return resolve(argv, {"HOME": str(home), "PATH": path or "/usr/bin"}, tree=tree, repository=repository)


def test_a_prefix_is_shown_whole(home: Path, tree: Path) -> None:
    prefix = home / ".nvm" / "versions" / "v20"
    _program(prefix / "bin" / "node")
    seen = _see(home, tree, "node", "--test", path=f"{prefix}/bin:/usr/bin")
    assert seen.shown == (prefix,)
    assert seen.search_path.split(":")[0] == f"{prefix}/bin"


def test_links_interpreters_and_environments_are_followed(home: Path, tree: Path, tmp_path: Path) -> None:
    base = tmp_path / "opt" / "python"
    _program(base / "bin" / "python3")
    environment = home / ".local" / "pipx" / "venvs" / "tool"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text(f"home = {base}/bin\n")
    (environment / "bin" / "python").symlink_to(base / "bin" / "python3")
    _program(environment / "bin" / "tool", f"#!{environment}/bin/python\n")
    (home / ".local" / "bin").mkdir()
    (home / ".local" / "bin" / "tool").symlink_to(environment / "bin" / "tool")
    seen = _see(home, tree, "tool", path=f"{home}/.local/bin:/usr/bin")
    assert set(seen.shown) == {base, environment, home / ".local" / "bin" / "tool"}
    assert f"{home}/.local/bin" in seen.search_path


def test_a_copied_interpreter_names_its_base(home: Path, tree: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    _program(base / "bin" / "python3")
    environment = tmp_path / "environment"
    _program(environment / "bin" / "python3")
    (environment / "pyvenv.cfg").write_text(f"home = {base}/bin\nversion = 3\n")
    assert set(_see(home, tree, f"{environment}/bin/python3").shown) == {base, environment}


def test_env_with_options_is_read(home: Path, tree: Path, tmp_path: Path) -> None:
    _program(tmp_path / "lang" / "bin" / "lang")
    script = _program(tmp_path / "x" / "bin" / "script", "#!/usr/bin/env -S A=1 lang -x\n")
    seen = _see(home, tree, str(script), path=f"{tmp_path}/lang/bin:/usr/bin")
    assert tmp_path / "lang" in seen.shown


@pytest.mark.parametrize("place", ["bin", ".local/bin", ".cargo/bin", "go/bin"])
def test_a_folder_with_other_things_is_never_shown_whole(home: Path, tree: Path, place: str) -> None:
    tool = _program(home / place / "tool")
    seen = _see(home, tree, "tool", path=f"{home}/{place}:/usr/bin")
    assert seen.shown == (tool,)
    assert not is_visible(home / ".ssh" / "id_ed25519", seen.shown)
    assert not is_visible(home / ".local" / "share" / "gigctl" / "ledger.sqlite", seen.shown)


def test_hostile_environments_show_no_secret(home: Path, tree: Path, repository: Path) -> None:
    for name in (".ssh", ".config/gigctl"):
        _program(home / name / "bin" / "python3")
    (home / "node_modules").symlink_to(home / ".ssh")
    (repository / ".venv" / "bin").mkdir(parents=True)
    (repository / ".venv" / "pyvenv.cfg").write_text(f"home = {home}/.ssh/bin\n")
    (repository / ".venv" / "bin" / "python").symlink_to(home / ".config" / "gigctl" / "bin" / "python3")
    (repository / "node_modules").symlink_to(home / ".ssh")
    (repository / "vendor").symlink_to(home)
    seen = _see(home, tree, "true", repository=repository)
    assert [name for name, _ in seen.dependencies] == [".venv"]
    assert not any(path.is_relative_to(home) or home.is_relative_to(path) for path in seen.shown)


def test_dependencies_are_what_the_copy_has_not(home: Path, tree: Path, repository: Path) -> None:
    for name in ("node_modules", "packages/a/node_modules", "vendor", "a/b/c/node_modules", ".hidden/node_modules"):
        (repository / name).mkdir(parents=True)
    (tree / "vendor").mkdir()  # committed, hence the draft's own
    seen = _see(home, tree, "true", repository=repository)
    assert sorted(name for name, _ in seen.dependencies) == ["node_modules", "packages/a/node_modules"]


def test_a_relative_program_is_the_trees_or_its_dependencies(home: Path, tree: Path, repository: Path) -> None:
    _program(tree / "run", "#!/bin/sh\n")
    _program(repository / ".venv" / "bin" / "tool", "#!/bin/sh\n")
    for word in ("./run", ".venv/bin/tool"):
        assert _see(home, tree, word, repository=repository).shown == ()


def test_a_draft_opens_no_door(home: Path, tree: Path) -> None:
    other = _program(home / "other-client" / "bin" / "secret")
    letter = home / "letter"
    letter.write_text("private")
    (tree / "link").symlink_to(other)
    (tree / "letter").symlink_to(letter)
    _program(tree / "script", f"#!{other}\n")
    for word in ("./link", "./script"):
        assert _see(home, tree, word).shown == ()
    with pytest.raises(ProgramError):
        _see(home, tree, "./letter")


def test_a_link_in_a_clients_environment_leads_to_programs_only(home: Path, tree: Path, repository: Path) -> None:
    letter = home / "bin" / "python3"
    letter.parent.mkdir()
    letter.write_text("private")
    (repository / ".venv" / "bin").mkdir(parents=True)
    (repository / ".venv" / "pyvenv.cfg").write_text(f"home = {home}/bin\n")
    (repository / ".venv" / "bin" / "python").symlink_to(letter)
    assert _see(home, tree, "true", repository=repository).shown == ()


@pytest.mark.parametrize("word", ["no-such-program", "./none", "/no/such"])
def test_what_is_not_there_is_told(home: Path, tree: Path, word: str) -> None:
    with pytest.raises(ProgramError, match="no program"):
        _see(home, tree, word)


def test_loops_end(home: Path, tree: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "l" / "bin" / "first", tmp_path / "l" / "bin" / "second"
    _program(first, f"#!{second}\n")
    _program(second, f"#!{first}\n")
    assert _see(home, tree, str(first)).shown == (tmp_path / "l",)


def test_relative_and_unseen_entries_of_path_are_dropped(home: Path, tree: Path) -> None:
    seen = _see(home, tree, "true", path=f".:bin:{home}/private/bin:/usr/bin")
    assert seen.search_path == "/usr/bin:/usr/local/bin:/bin"


@pytest.fixture
def other(home: Path) -> Path:
    """Another client's folder, with a program in it."""
    _program(home / "other" / "bin" / "x")
    (home / "other" / "secret.txt").write_text("theirs")
    (home / "other" / "node_modules").mkdir()
    return home / "other"


@pytest.mark.parametrize("way", ["pyvenv.cfg", "a link", "a #! line", "node_modules"])
def test_a_clients_environment_opens_no_other_folder(
    home: Path, tree: Path, repository: Path, other: Path, way: str
) -> None:
    (repository / ".venv" / "bin").mkdir(parents=True)
    if way == "pyvenv.cfg":
        _program(other / "bin" / "python3")
        (repository / ".venv" / "pyvenv.cfg").write_text(f"home = {other}/bin\n")
    elif way == "a link":
        (repository / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
        (repository / ".venv" / "bin" / "python3").symlink_to(other / "bin" / "x")
    elif way == "a #! line":
        _program(repository / ".venv" / "bin" / "tool", f"#!{other}/bin/x\n")
    else:
        (repository / "node_modules").symlink_to(other / "node_modules")
    seen = _see(home, tree, ".venv/bin/tool" if way == "a #! line" else "sh", repository=repository)
    assert not is_visible(other / "secret.txt", seen.shown)
    assert not any(real.is_relative_to(other) for _, real in seen.dependencies)


def test_a_clients_environment_leads_to_an_installed_language(home: Path, tree: Path, repository: Path) -> None:
    base = home / ".pyenv" / "versions" / "3.12"
    _program(base / "bin" / "python3.12")
    (base / "lib" / "python3.12").mkdir(parents=True)
    (base / "lib" / "python3.12" / "os.py").touch()
    (repository / ".venv" / "bin").mkdir(parents=True)
    (repository / ".venv" / "pyvenv.cfg").write_text(f"home = {base}/bin\n")
    (repository / ".venv" / "bin" / "python").symlink_to(base / "bin" / "python3.12")
    assert base in _see(home, tree, "sh", repository=repository).shown
