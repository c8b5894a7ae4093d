"""Settings and agents: precedence, every error at once, and an agent that is written as it was read."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from gigctl.config import agent_table, is_loopback, load_agents, load_settings, read_agent
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_precedence(tmp_path: Path) -> None:
    file = write(tmp_path / "config.toml", 'agent = "cheap"\njobs = 3\nrepair = 1\n')
    loaded = load_settings(
        file, {"GIGCTL_AGENT": "good,local", "GIGCTL_JOBS": "9", "GIGCTL_REPAIR": ""}, {"jobs": 12, "agent": None}
    )
    assert (loaded.settings.agent, loaded.settings.jobs, loaded.settings.repair) == ("good,local", 12, 1)
    assert loaded.origins["agent"] == "GIGCTL_AGENT"
    assert loaded.origins["jobs"] == "flag"
    assert loaded.origins["repair"] == str(file)
    assert loaded.origins["currency"] == "default"


def test_no_file_is_all_defaults(tmp_path: Path) -> None:
    loaded = load_settings(tmp_path / "none.toml", {})
    assert set(loaded.origins.values()) == {"default"}


def test_rates_come_together(tmp_path: Path) -> None:
    file = write(tmp_path / "config.toml", '[rates]\nEUR = "1.08"\nGBP = 1\n')
    assert load_settings(file, {"GIGCTL_RATES_EUR": "1.1"}).settings.rates == {"EUR": Decimal("1.1"), "GBP": Decimal(1)}


def test_every_error_of_a_file_at_once(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", 'agent = 3\njobs = true\ncolour = "x"\nmax-cost = 0.5\n[rates]\nEUR = 1.08\n')
    with pytest.raises(ConfigError) as told:
        load_settings(file, {})
    lines = told.value.message.split("\n")
    assert [line.removeprefix(f"{file}: ").partition(":")[0] for line in lines] == [
        "agent", "jobs", "colour", "max-cost", "rates.EUR",
    ]  # fmt: skip
    assert "in quotes" in lines[3]
    assert "known are agent, jobs" in lines[2]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a = [" * 5000, "no TOML"),
        (b"\xff = 1", "UTF-8"),
        (b"jobs = 1\njobs = 2", "no TOML"),
        (b"#" * 2**20 + b"\n", "larger"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=said):
        load_settings(file, {})


def test_built_in_agents(tmp_path: Path) -> None:
    assert [(entry.name, entry.kind) for entry in load_agents(tmp_path / "none").values()] == [
        ("local", "local"),
        ("manual", "manual"),
    ]


def test_an_agent_of_a_file(tmp_path: Path) -> None:
    file = write(
        tmp_path / "agents.toml",
        '[deep]\nkind = "openai"\nmodel = "deepseek-chat"\napi-base = "https://api.deepseek.com/v1/"\n'
        'key = "env:DEEPSEEK_API_KEY"\nprice-in = "0.27"\nprice-out = 1\ntimeout = "2m"\n'
        'headers = {X-Title = "env:TITLE"}\n',
    )
    deep = load_agents(file)["deep"]
    assert deep == AgentEntry(
        "deep", "openai", "deepseek-chat", "https://api.deepseek.com/v1", "env:DEEPSEEK_API_KEY",
        price_in=270_000, price_out=1_000_000, timeout=120.0, headers={"X-Title": "env:TITLE"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"kind": "openai", "api-base": "https://x/v1"}, "model: kind openai needs"),
        ({"kind": "openai", "model": "m"}, "api-base: kind openai needs"),
        ({"kind": "openai", "model": "m", "api-base": "ftp://x"}, "api-base: expected an address"),
        ({"kind": "openai", "model": "m", "api-base": "https://me:secret@x/v1"}, "without a name or key"),
        ({"kind": "openai", "model": "m", "api-base": "http://[x"}, "expected an address"),
        ({"kind": "openai", "model": "m", "api-base": "https://x/v1", "key": "sk-123"}, "a key itself is never kept"),
        ({"kind": "openai", "model": "m", "api-base": "https://x/v1", "local": True}, "is not this machine"),
        (
            {"kind": "openai", "model": "m", "api-base": "http://127.0.0.1.evil.org", "local": True},
            "is not this machine",
        ),
        ({"kind": "litellm", "model": "m", "local": True}, "litellm may call anywhere"),
        ({"kind": "litellm", "model": "m", "price-in": "1"}, "one without the other"),
        ({"kind": "litellm", "model": "m", "price-in": 0.1, "price-out": "1"}, "a float is not exact"),
        ({"kind": "command"}, "argv: kind command needs"),
        ({"kind": "command", "argv": "prog -x"}, "a list of texts"),
        ({"kind": "robot"}, "expected one of openai"),
        ({"model": "m"}, "kind: expected one of"),
        ({"kind": "litellm", "model": "m", "headers": {"a b": "env:X"}}, "no header's name"),
        ({"kind": "litellm", "model": "m", "headers": {"a": "secret"}}, "expected env:VARIABLE"),
        ({"kind": "litellm", "model": "m", "timeout": 0}, "duration"),
        ({"kind": "litellm", "model": "m", "speed": 1}, "no such key"),
    ],
)
def test_agents_that_cannot_be(table: dict[str, object], said: str) -> None:
    _, problems = read_agent("a", table)
    assert len(problems) == 1
    assert said in problems[0]


def test_names(tmp_path: Path) -> None:
    assert read_agent("a-b", {"kind": "manual"})[1]
    assert read_agent("local", {"kind": "command", "argv": ["x"]})[1] == ["local is built in: choose another name"]
    with pytest.raises(ConfigError, match="expected a table"):
        load_agents(write(tmp_path / "a.toml", "x = 1"))


def test_all_errors_of_all_agents_at_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.toml", '[a]\nkind = "x"\nrpm = 0\n[b]\nkind = "openai"\n')
    with pytest.raises(ConfigError) as told:
        load_agents(file)
    assert len(told.value.message.split("\n")) == 4


@pytest.mark.parametrize(
    ("url", "here"),
    [("http://127.9.9.9:1/v1", True), ("http://[::1]/v1", True), ("http://localhost:11434/v1", True),
     ("http://localhost.evil.org", False), ("http://127.0.0.1@evil.org", False), ("http://0.0.0.0", False),
     ("http://192.168.0.1", False)],
)  # fmt: skip
def test_loopback(url: str, here: bool) -> None:
    assert is_loopback(url) is here


prices = st.none() | st.integers(0, 10**9)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)


@given(
    st.builds(
        AgentEntry,
        name=st.just("a"),
        kind=st.just("command"),
        model=texts,
        rpm=st.none() | st.integers(1, 10**7),
        price_run=st.none() | st.integers(0, 10**15),
        timeout=st.integers(1, 9999).map(float),
        body=st.dictionaries(texts, st.integers(-5, 5) | texts, max_size=2),
        local=st.booleans(),
        env=st.lists(texts, max_size=2).map(tuple),
        argv=st.lists(texts, min_size=1, max_size=3).map(tuple),
    ),
    prices,
)
def test_an_agent_is_read_as_it_was_written(entry: AgentEntry, price: int | None) -> None:
    from msgspec.structs import replace

    entry = replace(entry, price_in=price, price_out=price)
    table = tomllib.loads(tomli_w.dumps({"a": agent_table(entry)}))["a"]
    assert read_agent("a", table) == (entry, [])
