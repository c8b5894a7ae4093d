"""Clients and gigs: as JSON, as lines, as a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from gigctl.records import ClientRecord, GigRecord, TaskCounts, TaskRecord
from gigctl.render.display import display, display_line
from gigctl.render.figures import json_money, json_usd, render_count, render_due, render_money, render_usd
from gigctl.render.tables import Column, render_lines, render_table
from gigctl.render.terminal import Terminal
from gigctl.values import Money

if TYPE_CHECKING:
    from gigctl.flow.gigs import GigPage
    from gigctl.model import LeftAlone

__all__ = [
    "CLIENT_COLUMNS", "gig_columns", "json_client", "json_gig", "json_left_alone", "json_page", "render_client",
    "render_gig", "render_idle", "render_left_alone", "render_page",
]  # fmt: skip


# --- clients ---


def json_client(client: ClientRecord, gigs: int) -> dict[str, Any]:
    rate = None if client.rate is None else Money(client.rate, client.currency)
    return {
        "ref": client.slug, "name": client.name or None, "currency": client.currency, "policy": client.policy,
        "gigs": gigs, "rate": json_money(rate), "style": client.style or None, "glossary": client.glossary or None,
        "created": client.created,
    }  # fmt: skip


CLIENT_COLUMNS = (
    Column("client", lambda item: item["ref"]),
    Column("name", lambda item: item["name"] or "", flexible=True, spare=1),
    Column("currency", lambda item: item["currency"], spare=3),
    Column("policy", lambda item: item["policy"]),
    Column("gigs", lambda item: render_count(item["gigs"], "gig"), spare=2),
)


def render_client(client: ClientRecord, gigs: int) -> str:
    """All that is known of a client, a line each."""
    terms = sum(1 for line in client.glossary.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    rows = {
        "name": client.name,
        "currency": client.currency,
        "policy": client.policy,
        "rate": f"{render_money(Money(client.rate, client.currency))} an hour" if client.rate is not None else "",
        "style": render_count(len(client.style.split()), "word") if client.style else "",
        "glossary": render_count(terms, "term") if client.glossary else "",
        "gigs": render_count(gigs, "gig"),
    }
    return "\n".join([client.slug, *(f"  {name:<9} {display_line(value)}" for name, value in rows.items() if value)])


# --- gigs ---


def json_gig(gig: GigRecord, counts: TaskCounts) -> dict[str, Any]:
    price = None if gig.price is None else Money(gig.price, gig.currency)
    states = ("ready", "blocked", "drafted", "review", "signed", "delivered", "failed", "cancelled")
    return {
        "ref": gig.ref, "client": gig.client, "craft": gig.craft, "title": gig.title or None, "state": gig.state,
        "due": gig.due, "price": json_money(price), "budget": json_usd(gig.budget), "spent": json_usd(gig.spent),
        "tasks": {"total": counts.total} | {state: getattr(counts, state) for state in states},
        "from": gig.source_language or None, "to": list(gig.targets), "agents": list(gig.agents),
        "repository": gig.repository or None, "base": gig.base_commit or gig.base_tree, "created": gig.created,
    }  # fmt: skip


def json_left_alone(left: Mapping[str, Iterable[LeftAlone]]) -> list[dict[str, Any]]:
    return [{"source": name, "line": one.line, "what": one.what} for name, alone in left.items() for one in alone]


def json_page(page: GigPage) -> dict[str, Any]:
    gig = page.gig
    checks = [
        {"name": spec.name, "check": spec.check, "required": spec.required, "options": dict(spec.options)}
        for spec in gig.checks
    ]
    return json_gig(gig, page.counts) | {
        "brief": gig.brief or None, "options": dict(gig.options), "checks": checks, "sources": list(page.sources),
        "taskList": [_json_task_line(task, page.waits.get(task.id, ())) for task in page.tasks],
    }  # fmt: skip


def _json_task_line(task: TaskRecord, waits: Iterable[str]) -> dict[str, Any]:
    return {
        "ref": task.ref, "state": task.state, "name": task.name or None, "craft": task.craft,
        "language": task.language or None, "source": task.source, "revision": task.current, "waitsFor": list(waits),
    }  # fmt: skip


def gig_columns(today: date) -> tuple[Column, ...]:
    def due(item: Mapping[str, Any]) -> str:
        return render_due(date.fromisoformat(item["due"]), today=today) if item["due"] else ""

    def price(item: Mapping[str, Any]) -> str:
        return f"{item['price']['amount']} {item['price']['currency']}" if item["price"] else ""

    return (
        Column("gig", lambda item: item["ref"]),
        Column("craft", lambda item: item["craft"], spare=3),
        Column("tasks", _progress),
        Column("due", due, flexible=True, least=14),
        Column("price", price, right=True, spare=4),
        Column("", lambda item: "closed" if item["state"] == "closed" else "", spare=1),
        Column("title", lambda item: item["title"] or "", flexible=True, spare=2),
    )


def _progress(item: Mapping[str, Any]) -> str:
    """`14 tasks`, `9 of 14 signed`, `14 delivered`: the last only while all are signed still."""
    counts = item["tasks"]
    if counts["total"] and counts["delivered"] == counts["signed"] == counts["total"]:
        return f"{counts['total']} delivered"
    return (
        f"{counts['signed']} of {counts['total']} signed" if counts["signed"] else render_count(counts["total"], "task")
    )


def render_gig(gig: GigRecord, counts: TaskCounts, today: date) -> str:
    """`acme-1  translation fr → en  14 tasks  due Fri 27 Nov  120.00 EUR`."""
    price = render_money(Money(gig.price, gig.currency)) if gig.price is not None else ""
    due = render_due(date.fromisoformat(gig.due), today=today) if gig.due else ""
    words = [gig.ref, _craft(gig), render_count(counts.total, "task"), due, price]
    return "  ".join(word for word in words if word)


def _craft(gig: GigRecord) -> str:
    targets = ", ".join(gig.targets)
    if not targets:
        return gig.craft
    return f"{gig.craft} {gig.source_language} → {targets}" if gig.source_language else f"{gig.craft} → {targets}"


def render_left_alone(left: Mapping[str, Iterable[LeftAlone]], *, whole: bool = False) -> list[str]:
    """What was never sent to a model: counted in a line, or each with its place."""
    if whole:
        return [f"left alone: {display_line(name)}:{one.line}  {display_line(one.what)}" for name, alone in left.items()
                for one in alone]  # fmt: skip
    counts: dict[str, int] = {}
    for alone in left.values():
        for one in alone:
            what = one.what.partition(":")[0]
            counts[what] = counts.get(what, 0) + 1
    if not counts:
        return []
    return ["left alone: " + ", ".join(f"{count} × {display_line(what)}" for what, count in counts.items())]


def render_idle(gig: GigRecord, idle: Iterable[str], left: Mapping[str, Iterable[LeftAlone]]) -> list[str]:
    """The files that gave no task, and why, a line each."""
    verb = "to translate" if gig.craft == "translation" else "to be done"
    lines = []
    for name in idle:
        kinds = dict.fromkeys(one.what.partition(":")[0] for one in left.get(name, ()))
        why = f"left alone: {', '.join(map(display_line, kinds))}" if kinds else "it has no text"
        lines.append(f"nothing {verb} in {display_line(name)} ({why})")
    return lines


def render_page(page: GigPage, terminal: Terminal, today: date) -> str:
    """A gig whole: what was agreed, how its tasks stand, and a line a task."""
    gig = page.gig
    lines = [terminal.styled(render_gig(gig, page.counts, today), "bold")]
    lines += [display_line(gig.title)] * bool(gig.title)
    facts = {
        "state": gig.state if gig.state != "open" else "",
        "brief": gig.brief,
        "sources": ", ".join(page.sources),
        "repo": f"{gig.repository} at {(gig.base_commit or '')[:12]}" if gig.repository else "",
        "agents": ", ".join(gig.agents),
        "checks": ", ".join(spec.name for spec in gig.checks),
        "options": ", ".join(f"{name}={value}" for name, value in gig.options.items()),
        "spent": render_usd(gig.spent) + (f" of {render_usd(gig.budget)}" if gig.budget is not None else ""),
        "tasks": _states(page.counts),
    }
    lines += [f"  {name:<8} {_indented(value)}" for name, value in facts.items() if value]
    rows = [_json_task_line(task, page.waits.get(task.id, ())) for task in page.tasks]
    render = render_table(rows, _TASK_COLUMNS, terminal) if terminal.is_tty else render_lines(rows, _TASK_COLUMNS)
    return "\n".join([*map(terminal.folded, lines), "", ""]) + (render if rows else "no task\n")


def _indented(text: str) -> str:
    return display(text.strip()).replace("\n", "\n" + " " * 11)


def _states(counts: TaskCounts) -> str:
    """`8 signed, 1 review`: each task once. Delivered is no state, and is said apart."""
    names = ("ready", "blocked", "review", "failed", "signed", "cancelled")
    states = ", ".join(f"{n} {name}" for name in names if (n := getattr(counts, name)))
    return states + (f" ({counts.delivered} of them delivered)" if counts.delivered else "")


def _task_state(item: Mapping[str, Any]) -> str:
    return f"{item['state']}, waits for {', '.join(item['waitsFor'])}" if item["waitsFor"] else str(item["state"])


_TASK_COLUMNS = (
    Column("task", lambda item: item["ref"]),
    Column("state", _task_state),
    Column("draft", lambda item: f"@{item['revision']}" if item["revision"] else "", spare=1),
    Column("to", lambda item: item["language"] or "", spare=3),
    Column("of", lambda item: item["name"] or "", flexible=True, spare=2),
)
