"""Changing one line of the user's file: all that they wrote themselves stays as it is, or nothing is changed."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigctl.config import load_settings
from gigctl.errors import ConfigError, UsageError
from gigctl.flow.settings import edit_settings, list_settings, set_setting
from gigctl.paths import Paths, load_paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return load_paths({"GIGCTL_HOME": str(tmp_path / "gigctl")})


def write(paths: Paths, text: str) -> None:
    paths.config_file.parent.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text(text)


@pytest.mark.parametrize(
    ("before", "name", "value", "after"),
    [
        ("", "jobs", "8", "jobs = 8\n"),
        ("# mine\njobs = 4 # four\n", "jobs", "8", "# mine\njobs = 8\n"),
        ("jobs = 4", "repair", "1", "jobs = 4\nrepair = 1\n"),
        ('jobs = 4\n\n[rates]\nEUR = "1.1"\n', "repair", "1", 'jobs = 4\nrepair = 1\n\n[rates]\nEUR = "1.1"\n'),
        ("jobs = 4\n", "rates.EUR", "1.1", 'jobs = 4\n\n[rates]\nEUR = "1.1"\n'),
        ('[rates] # of today\nEUR = "1.1"\n', "rates.EUR", "1.2", '[rates] # of today\nEUR = "1.2"\n'),
        ('[rates]\nEUR = "1.1"', "rates.GBP", "1.3", '[rates]\nEUR = "1.1"\nGBP = "1.3"\n'),
    ],
)
def test_one_line_is_changed(before: str, name: str, value: str, after: str, paths: Paths) -> None:
    write(paths, before)
    set_setting(paths, name, value)
    assert paths.config_file.read_text() == after


@pytest.mark.parametrize(
    ("before", "name", "value", "kind"),
    [
        ("", "speed", "8", UsageError),
        ("", "jobs", "0", UsageError),
        ("", "jobs", "many", UsageError),
        ("", "rates.EUR", "cheap", UsageError),
        ("jobs = [", "repair", "1", ConfigError),
        ('rates = { EUR = "1.1" }\n', "rates.EUR", "1.2", ConfigError),
        ('signer = """\njobs = 4\n"""\n', "jobs", "8", ConfigError),
    ],
)
def test_what_can_not_be_set_changes_nothing(
    before: str, name: str, value: str, kind: type[Exception], paths: Paths
) -> None:
    write(paths, before)
    with pytest.raises(kind):
        set_setting(paths, name, value)
    assert paths.config_file.read_text() == before


def test_a_file_that_is_no_text(paths: Paths) -> None:
    write(paths, "")
    paths.config_file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"config\.toml"):
        set_setting(paths, "jobs", "8")


_LINES = st.sampled_from(
    [
        "",
        "# a = [",
        "jobs = 3",
        "repair = 1",
        'signer = "x # y"',
        "[rates]",
        'EUR = "1.1"',
        "  [ rates ]",
        '"GBP" = "2"',
    ]
)
_CHANGES = st.sampled_from(
    [("jobs", "7"), ("repair", "0"), ("rates.GBP", "1.5"), ("rates.EUR", "2"), ("diff-tool", 'a "b" \\c')]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_LINES, max_size=7), _CHANGES)
def test_no_other_setting_and_no_comment_is_lost(lines: list[str], change: tuple[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        paths = load_paths({"GIGCTL_HOME": name})
        before = "\n".join(lines)
        write(paths, before)
        try:
            set_setting(paths, *change)
        except (UsageError, ConfigError):
            assert paths.config_file.read_text() == before
            return
        after = paths.config_file.read_text()
        assert {line for line in lines if line.startswith("#")} <= set(after.split("\n"))
        old, new = tomllib.loads(before), tomllib.loads(after)
        table, _, key = change[0].rpartition(".")
        for content in (old, new):
            (content.setdefault(table, {}) if table else content).pop(key, None)
        assert old == new
        assert (change[0], change[1]) in [(item.name, item.value) for item in list_settings(paths, {})]


def test_the_editor_has_the_file_and_what_it_wrote_is_looked_at(paths: Paths, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "$1" >>"$2"\n')
    editor.chmod(0o755)
    edit_settings(paths, {"EDITOR": f"{editor} 'jobs = 7'"})
    text = paths.config_file.read_text()
    assert text.startswith("# gigctl's settings")
    assert load_settings(paths.config_file, {}).settings.jobs == 7
    with pytest.raises(ConfigError, match="speed"):
        edit_settings(paths, {"VISUAL": f"{editor} 'speed = 1'", "EDITOR": "false"})
    assert paths.config_file.read_text() == f"{text}speed = 1\n"  # it is theirs, and kept
    with pytest.raises(ConfigError, match="the editor false ended with 1"):
        edit_settings(paths, {"EDITOR": "false"})
