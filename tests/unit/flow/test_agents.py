"""An agent is added whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gigctl.config import load_agents
from gigctl.errors import UsageError
from gigctl.flow.agents import add_agent


@pytest.fixture
def agents_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "agents.toml"


@pytest.mark.parametrize("given", [{"argv": ["rules.toml"]}, {"body": {"file": "rules.toml"}}])
def test_a_scripted_agent_is_found_from_every_folder(
    agents_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, object]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.toml").write_text('default = "ja"\n')
    added = add_agent(agents_file, "words", {"kind": "scripted", **given}, {})
    assert load_agents(agents_file)["words"] == added
    assert (added.argv, added.body) == ((str(tmp_path / "rules.toml"),), {})


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (None, "none.toml: No such file", "a scripted agent's file is its argument"),
        ("a = ", "none.toml: neither JSON nor TOML", None),
        ('[[rules]]\nanswers = "x"\n', "none.toml: rule 1: unknown answers", "known: answer, delay, fail"),
    ],
)
def test_a_wrong_script_is_told_when_it_is_added(
    agents_file: Path, tmp_path: Path, text: str | None, said: str, hint: str | None
) -> None:
    file = tmp_path / "none.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError) as caught:
        add_agent(agents_file, "words", {"kind": "scripted", "argv": [str(file)]}, {})
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert (hint or "") in (caught.value.hint or "")
    assert not agents_file.exists()


def test_one_without_a_file_repeats_its_source(agents_file: Path) -> None:
    assert add_agent(agents_file, "echo", {"kind": "scripted"}, {}).argv == ()
