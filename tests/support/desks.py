"""A desk in a folder of its own, gigs of small writing tasks on it, and runs of them against a real server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gigctl.flow.desk import Desk
from gigctl.flow.gigfile import TaskWish, Wish
from gigctl.flow.intake import add_gig
from gigctl.flow.resting import Rested
from gigctl.flow.run import RunResult, carry_out, plan_run
from gigctl.flow.runoptions import SILENT, Notices, RunOptions, Waits
from gigctl.ledger import attempts, clients, tasks
from gigctl.ledger.verify import check_ledger
from gigctl.model import AgentEntry, Reference
from gigctl.paths import load_paths
from gigctl.records import AttemptRecord, TaskRecord
from support.llm_server import LLMServer

QUICK = Waits(pause=0.01, longest_pause=0.02, patience=2.0, handover=1.0, outage=2.0, recovery=0.2, grace=0.6)
PRICE = 1_000_000
"""Picodollars a token, both ways: a dollar a million."""


def make_desk(folder: Path, *agents: AgentEntry) -> Desk:
    env = {"GIGCTL_HOME": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    desk = Desk(load_paths(env), env)
    desk.__dict__["agents"] = {"manual": AgentEntry("manual", "manual")} | {agent.name: agent for agent in agents}
    return desk


def paid(name: str, server: LLMServer | str, **more: Any) -> AgentEntry:
    """An agent at the server, a dollar a million tokens."""
    url = server if isinstance(server, str) else server.url
    prices = {"price_in": PRICE, "price_out": PRICE}
    return AgentEntry(name, "openai", model="m", api_base=url, **{"timeout": 5.0, **prices, **more})


def add_client(desk: Desk, slug: str, policy: str) -> None:
    with desk.ledger.writing() as tx:
        clients.add_client(tx, slug, name="", currency="USD", policy=policy, style="", glossary="", rate=None)


def add_texts(desk: Desk, count: int = 1, about: str = "", **wish: Any) -> str:
    """A gig of so many texts, "text number 1" and on; its reference. Checks: not empty, no repetition, and options'."""
    briefs = tuple(TaskWish(name=f"t{n}", brief=f"Write text number {n}, please.{about}") for n in range(1, count + 1))
    return add_gig(desk, Wish(craft="writing", **{"brief": "texts", "tasks": briefs, **wish})).gig.ref


def run(
    desk: Desk, *refs: str, agents: str = "a", notices: Notices = SILENT, **options: Any
) -> tuple[RunResult, dict[str, Rested]]:
    """What `gigctl run REF -a AGENTS` does: its result, and each task at rest."""
    asked = RunOptions(**{"agents": tuple(agents.split(",")), "jobs": 4, "waits": QUICK, **options})
    plan = plan_run(desk, refs, asked, ("a",))
    ends: dict[str, Rested] = {}
    result = carry_out(desk, plan, asked, lambda end, _: ends.update({end.ref: end}), notices)
    assert check_ledger(desk.ledger) == []
    return result, ends


def task_of(desk: Desk, ref: str) -> TaskRecord:
    with desk.ledger.reading() as tx:
        return tasks.get_task(tx, Reference.parse(ref) or Reference("none"))


def attempts_of(desk: Desk, ref: str) -> list[AttemptRecord]:
    task = task_of(desk, ref)
    with desk.ledger.reading() as tx:
        return attempts.list_attempts(tx, task=task.id)


def outcomes(desk: Desk, ref: str) -> list[tuple[str, str | None]]:
    return [(attempt.agent, attempt.outcome) for attempt in attempts_of(desk, ref)]


def money(desk: Desk) -> Mapping[str, tuple[int, int]]:
    """Gig → (spent, reserved), in picodollars."""
    with desk.ledger.reading() as tx:
        rows = tx.rows(
            "SELECT slug || '-' || number AS ref, spent, reserved FROM gig JOIN client ON client = client.id"
        )
    return {row["ref"]: (row["spent"], row["reserved"]) for row in rows}
