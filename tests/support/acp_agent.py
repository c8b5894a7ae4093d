"""A small agent of the Agent Client Protocol, for tests: a program that does what its one argument says.

Made with the library's own agent side. `edit` changes greet.py by its own hands, `write` through the client;
what it saw and was answered it leaves in `seen.txt`, where that is what a test looks at.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import acp
from acp import schema


class Agent:
    """One session, one turn. `way` is what it does."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.cwd = ""
        self.cancelled = asyncio.Event()
        self.client: Any = None

    def on_connect(self, client: Any) -> None:
        self.client = client

    async def initialize(self, protocol_version: int, **_: Any) -> acp.InitializeResponse:
        if self.way == "die early":
            os._exit(3)
        if self.way == "old":
            return acp.InitializeResponse(protocol_version=0)
        capable = schema.AgentCapabilities(load_session=True)
        return acp.InitializeResponse(protocol_version=protocol_version, agent_capabilities=capable)

    async def new_session(self, cwd: str, **_: Any) -> acp.NewSessionResponse:
        if self.way == "auth":
            raise acp.RequestError.auth_required()
        self.cwd = cwd
        return acp.NewSessionResponse(session_id="s1")

    async def load_session(self, cwd: str, session_id: str, **_: Any) -> acp.LoadSessionResponse:
        self.cwd = cwd
        if session_id == "gone":
            raise acp.RequestError.resource_not_found()
        await self.say("The brief leaves it open. Du or Sie?")
        Path(cwd, "loaded.txt").write_text(session_id)
        return acp.LoadSessionResponse()

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.cancelled.set()

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> acp.PromptResponse:
        text = "".join(block.text for block in prompt)
        act = getattr(self, "do_" + self.way.replace(" ", "_").replace("-", "_"))
        found = await act(text)
        return found if isinstance(found, acp.PromptResponse) else acp.PromptResponse(stop_reason="end_turn")

    # --- ways ---

    async def say(self, text: str) -> None:
        await self.client.session_update("s1", acp.update_agent_message_text(text))

    def saw(self, **found: Any) -> None:
        Path(self.cwd, "seen.txt").write_text(json.dumps(found))

    async def do_echo(self, text: str) -> None:
        for piece in text.splitlines(keepends=True):
            await self.say(piece)

    async def do_edit(self, text: str) -> acp.PromptResponse:
        await self.client.session_update(
            "s1", acp.update_plan([acp.plan_entry("Greet politely", status="in_progress")])
        )
        await self.client.session_update("s1", acp.start_edit_tool_call("t1", "edit greet.py", "greet.py", "hello"))
        place = Path(self.cwd, "greet.py")
        place.write_text(place.read_text().replace("hi", "hello"))
        await self.client.session_update("s1", acp.update_tool_call("t1", status="completed"))
        cost = schema.Cost(amount=0.02, currency="USD")
        usage = schema.UsageUpdate(session_update="usage_update", used=120, size=1000, cost=cost)
        await self.client.session_update("s1", usage)
        await self.say("Greeted politely.")
        told = schema.Usage(total_tokens=130, input_tokens=100, output_tokens=20, cached_read_tokens=10)
        return acp.PromptResponse(stop_reason="end_turn", usage=told)

    async def do_boast(self, text: str) -> acp.PromptResponse:
        """It tells of a cost and of tokens that no session has."""
        cost = schema.Cost(amount=9.5e6, currency="USD")
        await self.client.session_update(
            "s1", schema.UsageUpdate(session_update="usage_update", used=1, size=2, cost=cost)
        )
        await self.do_write(text)
        return acp.PromptResponse(stop_reason="end_turn", usage=schema.Usage(
            total_tokens=10**19, input_tokens=10**19, output_tokens=20))  # fmt: skip

    async def do_write(self, text: str) -> None:
        place = f"{self.cwd}/greet.py"
        there = await self.client.read_text_file(path=place, session_id="s1")
        await self.client.write_text_file(path=place, content=there.content.replace("hi", "hello"), session_id="s1")
        await self.client.write_text_file(path=f"{self.cwd}/new/deep.txt", content="new\n", session_id="s1")

    async def do_escape(self, text: str) -> None:
        """Every way out that there is; what it was answered."""
        for target, name in (("/etc", "out"), ("/etc/hostname", "name"), ("..", "up")):
            Path(self.cwd, name).symlink_to(target)
        os.mkfifo(Path(self.cwd, "pipe"))
        ways = ["/etc/passwd", f"{self.cwd}/../etc/passwd", f"{self.cwd}/out/passwd", f"{self.cwd}/name", "greet.py",
                f"{self.cwd}/up/x", f"{self.cwd}/pipe", self.cwd, f"{self.cwd}/a\0b", "/proc/self/environ"]  # fmt: skip
        found = {}
        for way in ways:
            for what in ("read", "write"):
                found[f"{what} {way}"] = await self._answered(what, way)
        for name in ("out", "name", "up", "pipe"):
            Path(self.cwd, name).unlink()
        self.saw(**found)

    async def _answered(self, what: str, way: str) -> str:
        try:
            if what == "read":
                return f"read: {(await self.client.read_text_file(path=way, session_id='s1')).content[:80]}"
            await self.client.write_text_file(path=way, content="escaped", session_id="s1")
        except acp.RequestError as error:
            return f"refused {error.code}"
        return "written"

    async def do_permission(self, text: str) -> None:
        inside, outside = f"{self.cwd}/greet.py", "/etc/hosts"
        Path(self.cwd, "out").symlink_to("/etc")
        asks: dict[str, dict[str, Any]] = {
            "edit inside": {"kind": "edit", "locations": [schema.ToolCallLocation(path=inside)]},
            "edit outside": {"kind": "edit", "locations": [schema.ToolCallLocation(path=outside)]},
            "edit up": {"kind": "edit", "locations": [schema.ToolCallLocation(path=f"{self.cwd}/../x")]},
            "edit by a link": {"kind": "edit", "locations": [schema.ToolCallLocation(path=f"{self.cwd}/out/x")]},
            "edit one of two": {"kind": "edit", "locations": [schema.ToolCallLocation(path=inside)],
                                "raw_input": {"files": [{"filePath": outside}]}},
            "edit nothing": {"kind": "edit"},
            "diff outside": {"kind": "edit", "content": [acp.tool_diff_content(outside, "x")]},
            "edit git's": {"kind": "edit", "locations": [schema.ToolCallLocation(path=f"{self.cwd}/.git/config")]},
            **{
                f"{kind} {name} outside": {"kind": kind, "locations": [schema.ToolCallLocation(path=inside)],
                                           "raw_input": {name: value}}
                for kind, name, value in (
                    ("edit", "paths", [outside]), ("move", "destination", "/etc/x"), ("edit", "uri", "file:///etc/x"),
                    ("delete", "files", [outside]), ("read", "target", "~/.ssh/id"), ("move", "to", "../x"),
                )
            },
            "edit a text inside": {"kind": "edit", "locations": [schema.ToolCallLocation(path=inside)],
                                   "raw_input": {"content": "/etc", "old_string": "../x", "newText": "~"}},
            "run": {"kind": "execute", "raw_input": {"command": "make", "args": ["/usr/share/x"]}},
            "run elsewhere": {"kind": "execute", "raw_input": {"command": "make", "cwd": "/etc"}},
            "other": {"kind": "other"},
        }  # fmt: skip
        found = {name: await self._permitted(**ask) for name, ask in asks.items()}
        Path(self.cwd, "out").unlink()
        self.saw(**found)

    async def _permitted(self, **ask: Any) -> str:
        options = [
            schema.PermissionOption(option_id="always", name="Always", kind="allow_always"),
            schema.PermissionOption(option_id="once", name="Once", kind="allow_once"),
            schema.PermissionOption(option_id="no", name="No", kind="reject_once"),
        ]
        call = schema.ToolCallUpdate(tool_call_id="t", title="a tool", **ask)
        found = await self.client.request_permission(options=options, session_id="s1", tool_call=call)
        return str(getattr(found.outcome, "option_id", found.outcome.outcome))

    async def do_terminal(self, text: str) -> None:
        try:
            await self.client.create_terminal(command="sh", session_id="s1", args=["-c", "id"])
        except acp.RequestError as error:
            self.saw(terminal=error.code)

    async def do_see(self, text: str) -> None:
        """What a program in here sees of the machine."""
        home = os.environ["HOME"]
        self.saw(
            env=sorted(os.environ),
            home=sorted(path.name for path in Path(home).iterdir()),
            token=os.environ.get("TOKEN", ""),
        )

    async def do_elicit(self, text: str) -> acp.PromptResponse:
        asked = schema.ElicitationFormSessionMode(session_id="s1", requested_schema=schema.ElicitationSchema())
        if "Sie" in text:
            return await self.do_edit(text)
        found = await self.client.create_elicitation(message="Du or Sie?", mode=asked)
        assert found.action == "cancel"
        return acp.PromptResponse(stop_reason="cancelled")

    async def do_ask(self, text: str) -> acp.PromptResponse | None:
        if "Sie" in text:
            return await self.do_edit(text)
        await self.say("The brief leaves it open. Du or Sie?")
        return None

    async def do_ask_oddly(self, text: str) -> None:
        await self.say("Du\x1b[2J or\u202e Sie?")

    async def do_work_and_ask(self, text: str) -> None:
        Path(self.cwd, "greet.py").write_text("print('hello')\n")
        await self.say("All right so?")

    async def do_refuse(self, text: str) -> acp.PromptResponse:
        await self.say("I can not do that.")
        return acp.PromptResponse(stop_reason="refusal")

    async def do_cut(self, text: str) -> acp.PromptResponse:
        return acp.PromptResponse(stop_reason="max_tokens")

    async def do_error(self, text: str) -> None:
        raise acp.RequestError.internal_error({"details": "insufficient_quota: your credit balance is too low"})

    async def do_die(self, text: str) -> None:
        sys.stderr.write("out of cheese\n")
        sys.stderr.flush()
        os._exit(3)

    async def do_hang(self, text: str) -> acp.PromptResponse:
        await self.cancelled.wait()
        Path(self.cwd, "cancelled.txt").write_text("yes")
        return acp.PromptResponse(stop_reason="cancelled")

    async def do_hang_deaf(self, text: str) -> None:
        await asyncio.sleep(3600)

    async def do_flood(self, text: str) -> None:
        for _ in range(100_000):
            await self.say("x" * 4000)

    async def do_long_line(self, text: str) -> None:
        while True:
            print_raw("x" * 65536)

    async def do_rubbish(self, text: str) -> None:
        print_raw("".join(f"npm warn \x1b[2J {n}\n" for n in range(10_000)))
        await asyncio.sleep(3600)

    async def do_strange(self, text: str) -> acp.PromptResponse:
        """Messages that are JSON and make no sense; then an honest end."""
        odd: list[Any] = [
            {"jsonrpc": "2.0", "method": "session/update", "params": {"update": 7}},
            {"jsonrpc": "2.0", "method": "no/such", "params": None},
            {"jsonrpc": "2.0", "id": "x", "method": "session/request_permission", "params": {"options": "all"}},
            {"jsonrpc": "2.0", "id": [1], "result": {}},
            {"jsonrpc": "2.0", "id": 99, "error": "no"},
            {"jsonrpc": "2.0", "id": 99, "error": {"code": "x", "message": 7}},
            [1, 2], "text", 7, None,
        ]  # fmt: skip
        for message in odd:
            print_raw(json.dumps(message) + "\n")
        print_raw("{" * 100_000 + "\n")
        return await self.do_edit(text)


def print_raw(text: str) -> None:
    """Past the library, which has made the descriptor one that does not wait."""
    os.set_blocking(1, True)
    os.write(1, text.encode())


if __name__ == "__main__":
    asyncio.run(acp.run_agent(Agent(sys.argv[1]), use_unstable_protocol=True))  # type: ignore[arg-type]
