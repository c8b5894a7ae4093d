from __future__ import annotations

from pathlib import Path

import pytest

from gigctl.paths import load_paths


def test_one_folder_for_all() -> None:
    paths = load_paths({"GIGCTL_HOME": "/x", "GIGCTL_DATA_DIR": "/disk/data"})
    assert paths.ledger == Path("/disk/data/ledger.sqlite")
    assert paths.config_file == Path("/x/config/config.toml")
    assert paths.logs == Path("/x/state/log")
    assert paths.model_server == Path("/x/runtime/model-server.json")


def test_the_platform_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    paths = load_paths({})
    for folder in (paths.data, paths.config, paths.cache, paths.state, paths.runtime):
        assert folder.is_relative_to(tmp_path / "me")
    assert len({paths.data, paths.cache, paths.state, paths.runtime}) == 4
    assert not (tmp_path / "me").exists()


def test_the_session_has_a_folder() -> None:
    assert load_paths({"XDG_RUNTIME_DIR": "/run/user/7"}).runtime == Path("/run/user/7/gigctl")
    assert load_paths({"XDG_RUNTIME_DIR": "relative", "GIGCTL_STATE_DIR": "/s"}).runtime == Path("/s/run")


def test_nothing_is_relative_to_where_one_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_paths({"GIGCTL_HOME": "here"}).data == tmp_path / "here" / "data"
