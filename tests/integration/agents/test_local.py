"""The embedded model for real: one process, whoever asks and however often; it ends at once, and comes back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigctl.agents.base import AgentError
from gigctl.agents.local import LocalAgent, state_file
from gigctl.agents.local_server import Address, find_server, stop_servers
from gigctl.agents.models import DEFAULT
from gigctl.model import AgentEntry, Draft, Part, Request
from support.embedded_model import EmbeddedModel

pytestmark = pytest.mark.model

ENTRY = AgentEntry("local", "local")
SYSTEM = Part("system", "You translate French to English. Answer with the translation alone.")
SENTENCE = "Le prestataire livre le site dans un délai de trente jours."
OPEN = """
import asyncio, json, os, sys
from gigctl.agents.local import LocalAgent
from gigctl.model import AgentEntry
async def main():
    async with LocalAgent(AgentEntry("local", "local"), environ=os.environ) as agent:
        print(agent._address.pid, flush=True)
        await asyncio.sleep(float(sys.argv[1]))
asyncio.run(main())
"""


def translation(text: str = SENTENCE, **more: object) -> Request:
    return Request((SYSTEM, Part("source", text)), **{"max_output": 60, "temperature": 0.0, **more})  # type: ignore[arg-type]


def ask(environ: dict[str, str], *requests: Request, entry: AgentEntry = ENTRY) -> list[Draft]:
    async def main() -> list[Draft]:
        async with LocalAgent(entry, environ=environ) as agent:
            return await asyncio.gather(*(agent.draft(request) for request in requests))

    return asyncio.run(main())


def running(model: EmbeddedModel, runtime: Path) -> Address | None:
    return find_server(state_file(runtime, model.path), model.path)


def eventually(what: object, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A runtime folder, hence a process, of the test's own."""
    yield tmp_path / "runtime"
    stop_servers(tmp_path / "runtime")


def test_translates_for_nothing_and_says_what_it_read(embedded_model: EmbeddedModel) -> None:
    (draft,) = ask(embedded_model.environ(), translation())
    assert "thirty" in draft.content or "30" in draft.content
    assert "jours" not in draft.content
    assert (draft.cost, draft.model, draft.finish) == (0, DEFAULT.name, "stop")
    assert draft.usage is not None
    assert draft.usage.input > 20
    assert draft.usage.output > 5


def test_answers_several_at_once(embedded_model: EmbeddedModel) -> None:
    days = ["deux", "trois", "quatre", "cinq", "six"]
    drafts = ask(embedded_model.environ(), *(translation(f"Dans {day} jours.") for day in days))
    assert len({draft.content for draft in drafts}) == 5


def test_a_schema_binds_the_answer(embedded_model: EmbeddedModel) -> None:
    schema = {
        "type": "object",
        "properties": {"days": {"type": "integer"}},
        "required": ["days"],
        "additionalProperties": False,
    }
    (draft,) = ask(embedded_model.environ(), translation(schema=json.dumps(schema)))
    assert set(json.loads(draft.content)) == {"days"}


def test_without_the_prompt_cache_the_same_question_has_the_same_answer(embedded_model: EmbeddedModel) -> None:
    entry = AgentEntry("local", "local", body={"cache_prompt": False})
    answers = {ask(embedded_model.environ(), translation(seed=7), entry=entry)[0].content for _ in range(3)}
    assert len(answers) == 1


@pytest.mark.parametrize("words", [4_000, 100_000])
def test_a_prompt_that_does_not_fit_is_too_long(embedded_model: EmbeddedModel, words: int) -> None:
    with pytest.raises(AgentError) as caught:
        ask(embedded_model.environ(), translation("évidemment " * words))
    assert caught.value.kind == "too_long"
    assert not caught.value.unknown


def test_an_answer_at_the_limit_is_cut(embedded_model: EmbeddedModel) -> None:
    with pytest.raises(AgentError) as caught:
        ask(embedded_model.environ(), translation(max_output=3))
    assert caught.value.kind == "cut"


def test_address_and_key_are_the_users_alone(embedded_model: EmbeddedModel) -> None:
    environ = embedded_model.environ()
    ask(environ, translation("Oui."))
    runtime = Path(environ["GIGCTL_RUNTIME_DIR"])
    address = running(embedded_model, runtime)
    assert address is not None
    assert address.url.startswith("http://127.0.0.1:")
    assert stat.S_IMODE(state_file(runtime, embedded_model.path).stat().st_mode) == 0o600
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(f"{address.url}/models")
    caught.value.close()
    assert address.key not in Path(f"/proc/{address.pid}/cmdline").read_text()


def test_eight_at_once_start_one_process_which_survives_their_interrupt(
    embedded_model: EmbeddedModel, own: Path
) -> None:
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, "60"],
            env=embedded_model.environ(own),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        for _ in range(8)
    ]
    seen = {caller.stdout.readline().strip() for caller in callers if caller.stdout}
    for caller in callers:
        os.killpg(caller.pid, signal.SIGINT)
    for caller in callers:
        caller.communicate(timeout=120)
    address = running(embedded_model, own)
    assert address is not None
    assert seen == {str(address.pid)}


def test_a_caller_that_dies_while_it_loads_leaves_one_process(embedded_model: EmbeddedModel, own: Path) -> None:
    environ = embedded_model.environ(own)
    caller = subprocess.Popen([sys.executable, "-c", OPEN, "60"], env=environ, stdout=subprocess.PIPE)
    assert eventually(lambda: any(path.read_text() for path in own.glob("*.serving")))
    pid = int(next(own.glob("*.serving")).read_text())
    caller.kill()
    caller.communicate()
    ask(environ, translation("Oui."))
    address = running(embedded_model, own)
    assert address is not None
    assert address.pid == pid


BRIEF = "You write one short sentence about the thing that is named, and nothing else. " * 12
THINGS = ("lamp", "chair", "kettle", "clock", "mirror", "bench")


def test_what_prompts_begin_with_is_read_once_for_all_slots(embedded_model: EmbeddedModel, own: Path) -> None:
    """By the server's own count: none of the first prompts, which start together in slots that know nothing, reads the
    beginning, and it is about as long as they are."""

    async def main() -> tuple[list[Draft], int]:
        entry = AgentEntry("local", "local", concurrency=3)
        async with LocalAgent(entry, environ=embedded_model.environ(own)) as agent:
            assert agent.at_once == 4
            asked = (Request((Part("system", BRIEF), Part("source", f"The {thing}.")), 24) for thing in THINGS)
            drafts = await asyncio.gather(*(agent.draft(request) for request in asked), return_exceptions=True)
            return [draft for draft in drafts if isinstance(draft, Draft)], len(drafts)

    drafts, count = asyncio.run(main())
    used = [draft.usage for draft in drafts if draft.usage is not None]
    assert len(used) >= count - 1  # a long answer may be cut
    assert min(usage.input for usage in used) > 150
    assert all(usage.input - usage.cached <= 20 for usage in used)
    assert not list(own.glob("*.slots/*"))


def test_without_the_prompt_cache_all_is_read_again(embedded_model: EmbeddedModel) -> None:
    entry = AgentEntry("local", "local", body={"cache_prompt": False})
    drafts = ask(embedded_model.environ(), translation("Oui."), translation("Non."), entry=entry)
    assert [draft.usage.cached for draft in drafts if draft.usage] == [0, 0]


def test_killed_in_mid_call_the_call_is_unknown_and_the_next_one_answered(
    embedded_model: EmbeddedModel, own: Path
) -> None:
    async def main() -> tuple[AgentError, Draft, float]:
        async with LocalAgent(ENTRY, environ=embedded_model.environ(own)) as agent:
            long = asyncio.create_task(agent.draft(translation("Racontez une longue histoire.", max_output=2000)))
            await asyncio.sleep(1)
            began = time.monotonic()
            assert stop_servers(own) == 1
            took = time.monotonic() - began
            with pytest.raises(AgentError) as caught:
                await long
            return caught.value, await agent.draft(translation()), took

    error, draft, took = asyncio.run(main())
    assert error.kind == "unavailable"
    assert error.unknown
    assert "30" in draft.content or "thirty" in draft.content
    assert took < 2


def test_it_goes_when_nobody_uses_it_and_stays_while_one_does(embedded_model: EmbeddedModel, own: Path) -> None:
    environ = embedded_model.environ(own, GIGCTL_MODEL_IDLE="1")

    async def main() -> None:
        async with LocalAgent(ENTRY, environ=environ):
            await asyncio.sleep(3)
            assert running(embedded_model, own) is not None

    asyncio.run(main())
    assert eventually(lambda: running(embedded_model, own) is None)
    assert not list(own.glob("*.json"))
