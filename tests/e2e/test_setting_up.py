"""Agents and settings through the installed command."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from support.schema import check_document, check_error
from support.terminal import on_terminal, run_gigctl


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    return folder


def agents_file(home: Path) -> Path:
    return home / ".config" / "gigctl" / "agents.toml"


def added(home: Path, *words: str, **env: str | None) -> dict[str, object]:
    return dict(check_document(run_gigctl("agent", "add", "--json", *words, home=home, env=env, code=0).out, "agent"))


@pytest.mark.parametrize(
    ("words", "kind", "model", "base"),
    [
        (["--model", "m", "--api-base", "http://127.0.0.1:1/v1/"], "openai", "m", "http://127.0.0.1:1/v1"),
        (["--model", "deepseek/deepseek-chat"], "openai", "deepseek-chat", "https://api.deepseek.com/v1"),
        (["--model", "openrouter/qwen/qwen3"], "openai", "qwen/qwen3", "https://openrouter.ai/api/v1"),
        (["--model", "lmstudio/x"], "openai", "x", "http://127.0.0.1:1234/v1"),
        (["--model", "anthropic/claude-x"], "litellm", "anthropic/claude-x", None),
        (["--kind", "scripted"], "scripted", None, None),
    ],
)
def test_what_an_agent_is_by_its_options(words: list[str], kind: str, model: str, base: str | None, home: Path) -> None:
    item = added(home, "a", *words)
    assert (item["kind"], item["model"], item["apiBase"]) == (kind, model, base)


def test_a_program(home: Path) -> None:
    item = added(home, "coder", "--price-run", "0.5", "--allow", "~/.config/x", "--", "prog", "--print", "-x")
    assert item["kind"] == "command"
    assert item["argv"] == ["prog", "--print", "-x"]
    assert item["priceRun"] == {"amount": "0.50", "currency": "USD"}


def test_a_key_is_named_and_never_kept(home: Path) -> None:
    item = added(home, "deep", "--model", "deepseek/x", DEEPSEEK_API_KEY="sk-very-secret")
    assert item["key"] == "env:DEEPSEEK_API_KEY (set)"
    assert "secret" not in agents_file(home).read_text()
    ran = run_gigctl("agent", "add", "b", "--model", "m", "--key", "sk-very-secret", home=home, code=2)
    assert "a key itself is never kept" in ran.err
    assert "very-secret" not in ran.err


def test_prices_are_exact(home: Path) -> None:
    item = added(home, "a", "--model", "m", "--price-in", "0.15", "--price-out", "0.000001")
    assert item["priceIn"] == {"amount": "0.15", "currency": "USD"}
    assert item["priceOut"] == {"amount": "0.000001", "currency": "USD"}
    assert tomllib.loads(agents_file(home).read_text())["a"]["price-out"] == "0.000001"


def test_what_a_provider_takes_for_cached_tokens_is_looked_up(home: Path) -> None:
    item = added(home, "deep", "--model", "deepseek/deepseek-chat", DEEPSEEK_API_KEY="k")
    cached, whole = item["priceCached"]["amount"], item["priceIn"]["amount"]
    assert 0 < float(cached) < float(whole)
    assert f"{whole} in ({cached} cached)" in run_gigctl("agent", "show", "deep", home=home, code=0).out


def test_an_agent_that_is_wrong_in_the_file_can_be_removed(home: Path) -> None:
    """It is what the error's own hint says."""
    run_gigctl("agent", "add", "a", "--", "true", home=home, code=0)
    file = next(home.rglob("agents.toml"))
    file.write_text(file.read_text() + '\n[b]\nkind = "no such"\n')
    assert "gigctl agent remove NAME" in run_gigctl("agent", "list", home=home, code=3).err
    run_gigctl("agent", "remove", "a", home=home, code=3)
    run_gigctl("agent", "remove", "b", home=home, code=0)
    run_gigctl("agent", "show", "a", home=home, code=0)


def test_add_show_remove(home: Path) -> None:
    added(home, "a", "--model", "m", "--body", "top_p=0.5", "--body", "stop=END", "--header", "X-Y=env:Z")
    item = check_document(run_gigctl("agent", "show", "a", "--json", home=home).out, "agent")
    assert item["body"] == {"top_p": 0.5, "stop": "END"}
    assert "already" in run_gigctl("agent", "add", "a", "--model", "n", home=home, code=2).err
    assert run_gigctl("agent", "remove", "a", "-q", home=home, code=0).out == "a\n"
    run_gigctl("agent", "remove", "a", home=home, code=2)
    assert "built in" in run_gigctl("agent", "remove", "manual", home=home, code=2).err


def test_every_mistake_at_once(home: Path) -> None:
    ran = run_gigctl("agent", "add", "a", "--model", "m", "--rpm", "0", "--price-in", "cheap", home=home, code=2)
    assert [line.partition(": ")[2].partition(":")[0] for line in ran.err.splitlines()[:2]] == ["rpm", "price-in"]
    assert not agents_file(home).exists()


def test_the_file_is_written_through_a_link(home: Path) -> None:
    dotfiles = home / "dotfiles.toml"
    dotfiles.write_text('[old]\nkind = "litellm"\nmodel = "m"\n')
    agents_file(home).parent.mkdir(parents=True)
    agents_file(home).symlink_to(dotfiles)
    added(home, "new", "--model", "m")
    assert agents_file(home).is_symlink()
    assert set(tomllib.loads(dotfiles.read_text())) == {"old", "new"}


def test_many_at_once_lose_nothing(home: Path) -> None:
    import subprocess

    from support.terminal import GIGCTL, environment

    running = [
        subprocess.Popen(
            [GIGCTL, "agent", "add", f"a{n}", "--model", "m", "-q"], env=environment(home), stderr=-3, stdout=-3
        )
        for n in range(6)
    ]
    assert [process.wait(60) for process in running] == [0] * 6
    assert len(tomllib.loads(agents_file(home).read_text())) == 6


def test_an_agent_is_tried(home: Path) -> None:
    (home / "answers.toml").write_text('[[rules]]\nmatch = ""\nanswer = "ready\\u001b[2J"\n')
    added(home, "script", "--kind", "scripted", "--", str(home / "answers.toml"))
    trial = check_document(run_gigctl("agent", "test", "script", "--json", home=home, code=0).out, "trial")
    assert (trial["agent"], trial["answer"]) == ("script", "ready\x1b[2J")
    assert trial["cost"] == {"amount": "0.00", "currency": "USD"}
    assert "ready␛[2J" in run_gigctl("agent", "test", "script", "-v", home=home, code=0).err
    assert "nothing to call" in run_gigctl("agent", "test", "manual", home=home, code=2).err


def test_an_agent_that_is_not_there(home: Path) -> None:
    added(home, "box", "--model", "m", "--api-base", "http://127.0.0.1:9/v1", "--local")
    ran = run_gigctl("agent", "test", "box", "--json", home=home, code=4)
    assert check_error(ran.err)["hint"] == "does it run, and is its address right? gigctl agent show box"


# --- settings ---


def test_set_keeps_comments_and_order(home: Path) -> None:
    file = home / ".config" / "gigctl" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('# mine\nagent = "local"  # for now\n\n[rates]\n# bank\nEUR = "1.05"\n')
    for name, value in (("jobs", "9"), ("rates.EUR", "1.08"), ("rates.GBP", "1.3"), ("agent", "local,manual")):
        run_gigctl("config", "set", name, value, home=home, code=0)
    assert file.read_text() == (
        '# mine\nagent = "local,manual"\njobs = 9\n\n[rates]\n# bank\nEUR = "1.08"\nGBP = "1.3"\n'
    )
    items = check_document(run_gigctl("config", "show", "--json", home=home).out, "config")
    assert {item["name"]: item["value"] for item in items}["rates.GBP"] == "1.3"


def test_origins(home: Path) -> None:
    run_gigctl("config", "set", "jobs", "9", home=home, code=0)
    out = run_gigctl("config", "show", "--origin", home=home, env={"GIGCTL_REPAIR": "1"}).out
    assert "repair  1  GIGCTL_REPAIR" in out
    assert f"jobs  9  {home}/.config/gigctl/config.toml" in out
    assert "currency  USD  default" in out


def test_a_variable_that_wins_is_said(home: Path) -> None:
    ran = run_gigctl("config", "set", "jobs", "9", home=home, env={"GIGCTL_JOBS": "2"}, code=0)
    assert "wins over the file: it is 2" in ran.err


@pytest.mark.parametrize("text", ["[[rates]]\n", "rates = {EUR = '1'}\n", "'jobs' = 3\n"])
def test_a_file_of_an_unusual_form_is_not_touched(text: str, home: Path) -> None:
    file = home / ".config" / "gigctl" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    name = "jobs" if "jobs" in text else "rates.EUR"
    run_gigctl("config", "set", name, "4", home=home, code=3)
    assert file.read_text() == text


def test_edit_opens_the_editor(home: Path) -> None:
    editor = home / "editor"
    editor.write_text('#!/bin/sh\necho "jobs = 0" >> "$1"\n')
    editor.chmod(0o755)
    child = on_terminal("config", "edit", home=home, env={"VISUAL": str(editor)})
    child.expect("jobs: expected a whole number")
    child.wait()
    assert child.exitstatus == 3


def test_doctor(home: Path) -> None:
    items = check_document(run_gigctl("doctor", "--json", home=home, code=0).out, "doctor")
    assert {"git", "ledger", "embedded model", "editor"} <= {item["name"] for item in items}
    assert all(item["hint"] for item in items if item["status"] != "ok")
    assert "git: install it" in run_gigctl("doctor", home=home, env={"PATH": "/nowhere"}, code=1).err


def test_settings_are_edited_by_an_editor_that_somebody_sees(tmp_path: Path) -> None:
    ran = run_gigctl("config", "edit", home=tmp_path, code=2)
    assert "no terminal for an editor" in ran.err
