"""Answers from a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gigctl.agents.base import AgentError
from gigctl.agents.scripted import ScriptedAgent, find_file, load_rules
from gigctl.crafts import translation
from gigctl.errors import ConfigError
from gigctl.model import AgentEntry, AskContext, Draft, Part, Request
from support.translating import tasks_of

TOML = """
[[rules]]
match = "prestataire"
answer = ["provider", "service provider"]
[[rules]]
regex = '^# (.*)'
answer = '# EN \\1'
[[rules]]
match = "later"
fail = ["rate_limited", "unknown", ""]
retry_after = 1.5
answer = "now: {source}"
"""


def asked(*texts: str, file: Path | None = None) -> list[Draft | AgentError]:
    async def run() -> list[Draft | AgentError]:
        out: list[Draft | AgentError] = []
        async with ScriptedAgent(AgentEntry("s", "scripted", argv=(str(file),) if file else ()), environ={}) as agent:
            for text in texts:
                try:
                    out.append(await agent.draft(Request((Part("system", "translate"), Part("source", text)))))
                except AgentError as error:
                    out.append(error)
        return out

    return asyncio.run(run())


def contents(found: list[Draft | AgentError]) -> list[str]:
    return [each.content if isinstance(each, Draft) else each.kind for each in found]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "answers.toml"
    path.write_text(TOML)
    return path


def test_without_a_file_the_source_comes_back() -> None:
    assert contents(asked("bonjour")) == ["bonjour"]


def test_the_first_rule_that_matches_answers_in_turn(file: Path) -> None:
    texts = ("le prestataire", "# Titre", "un prestataire", "prestataire", "autre")
    assert contents(asked(*texts, file=file)) == [
        "provider",
        "# EN Titre",
        "service provider",
        "service provider",
        "autre",
    ]


def test_failures_in_turn(file: Path) -> None:
    found = asked("later", "later", "later", "later", file=file)
    assert contents(found) == ["rate_limited", "timeout", "now: later", "now: later"]
    first, second = found[:2]
    assert isinstance(first, AgentError)
    assert isinstance(second, AgentError)
    assert (first.retry_after, first.unknown, second.unknown) == (1.5, False, True)


def test_a_json_list_and_a_default(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"match": "a", "answer": "A"}]')
    assert contents(asked("a", "b", file=tmp_path / "a.json")) == ["A", "b"]
    (tmp_path / "b.json").write_text('{"rules": [], "default": "D"}')
    assert contents(asked("a", file=tmp_path / "b.json")) == ["D"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "neither JSON"),
        ('{"rules": 1}', "must be a list"),
        ('{"rule": [], "defaults": "x"}', "unknown defaults, rule"),
        ("[1]", "expected a table"),
        ('[{"mach": "a"}]', "unknown mach"),
        ('[{"answer": 1}]', "answer must be"),
        ('[{"fail": "sulks"}]', "fail can't be 'sulks'"),
        ('[{"delay": -1}]', "delay must be"),
        ('[{"regex": "("}]', "regex"),
        ('[{"regex": 1}]', "regex"),
        ("[" * 100_000, "neither JSON"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ConfigError, match=said):
        asked("a", file=tmp_path / "a.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json"):
        asked("a", file=tmp_path / "none.json")


def test_unknown_keys_are_told_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"mach": "a"}]')
    with pytest.raises(ConfigError) as caught:
        load_rules(tmp_path / "a.json")
    assert caught.value.hint == "known: answer, delay, fail, match, regex, retry_after"


@pytest.mark.parametrize(
    ("argv", "body", "said"),
    [
        (("a.json", "b.json"), {}, "takes one file, not 2: a.json, b.json"),
        (("a.json",), {"file": "b.json"}, "takes one file"),
        ((), {"fiel": "a.json"}, "has no fiel"),
    ],
)
def test_an_entry_has_one_file(argv: tuple[str, ...], body: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        find_file(AgentEntry("s", "scripted", argv=argv, body=body))


def test_a_translation_is_of_the_bare_source() -> None:
    """The craft frames the source in an instruction, which is no part of what comes back."""
    task = tasks_of("Le prestataire livre à l'heure.\n".encode())[0]

    async def run() -> Draft:
        async with ScriptedAgent(AgentEntry("s", "scripted"), environ={}) as agent:
            return await agent.draft(translation.ask(task, AskContext()))

    assert asyncio.run(run()).content == "Le prestataire livre à l'heure."
