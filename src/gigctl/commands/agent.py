"""`gigctl agent`: who drafts."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from gigctl.commands.options import command, noun
from gigctl.errors import UsageError
from gigctl.flow import agents
from gigctl.flow.desk import open_desk
from gigctl.paths import load_paths
from gigctl.render.agents import AGENT_COLUMNS, json_agent, render_agent, render_trial
from gigctl.render.display import display_line
from gigctl.render.figures import json_usd, render_usd
from gigctl.render.output import Output

app = noun("Who drafts: a model, a program, or you.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The agent.")]


def _text(*flags: str, metavar: str, help: str) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help)


@command(
    app,
    "add",
    example="gigctl agent add deep --model deepseek/deepseek-chat \\\n"
    "    --key env:DEEPSEEK_API_KEY\n"
    "gigctl agent add box --model qwen3 --local \\\n"
    "    --api-base http://127.0.0.1:11434/v1\n"
    "gigctl agent add coder --price-run 0.50 -- my-agent --print\n"
    "gigctl agent add oc --kind acp --price-run 1 -- opencode acp\n"
    "gigctl agent add words --kind scripted -- rules.toml",
)
def add(
    name: Name,
    out: Output,
    argv: Annotated[list[str] | None, typer.Argument(metavar="[-- ARGV...]", help="A program and its words.")] = None,
    kind: Annotated[
        str | None, _text("--kind", metavar="KIND", help="openai, litellm, local, command, acp, manual, scripted.")
    ] = None,
    model: Annotated[
        str | None, _text("--model", metavar="NAME", help="The model; PROVIDER/NAME where there is no address.")
    ] = None,
    api_base: Annotated[
        str | None, _text("--api-base", metavar="URL", help="An endpoint of the OpenAI protocol.")
    ] = None,
    key: Annotated[
        str | None, _text("--key", metavar="env:VAR|keyring", help="Where the key is; never the key.")
    ] = None,
    rpm: Annotated[str | None, _text("--rpm", metavar="N", help="Requests a minute.")] = None,
    tpm: Annotated[str | None, _text("--tpm", metavar="N", help="Tokens a minute.")] = None,
    concurrency: Annotated[str | None, _text("--concurrency", metavar="N", help="Calls at once.")] = None,
    price_in: Annotated[str | None, _text("--price-in", metavar="MONEY", help="For a million tokens sent.")] = None,
    price_out: Annotated[
        str | None, _text("--price-out", metavar="MONEY", help="For a million tokens answered.")
    ] = None,
    price_run: Annotated[
        str | None, _text("--price-run", metavar="MONEY", help="For a whole run of a program.")
    ] = None,
    header: Annotated[list[str] | None, _text("--header", metavar="NAME=env:VAR", help="Sent with each call.")] = None,
    body: Annotated[
        list[str] | None, _text("--body", metavar="KEY=VALUE", help="Sent in each call; JSON, or a text.")
    ] = None,
    timeout: Annotated[str | None, _text("--timeout", metavar="DURATION", help="For one call (default 2m).")] = None,
    window: Annotated[str | None, _text("--window", metavar="TOKENS", help="What the model can read.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Never leaves this machine: loopback, or no network.")] = False,
    allow: Annotated[list[str] | None, _text("--allow", metavar="PATH", help="A path that a program may see.")] = None,
    env: Annotated[list[str] | None, _text("--env", metavar="VAR", help="A variable that a program may see.")] = None,
) -> None:
    """Add an agent.

    An address means the OpenAI protocol, words after -- a program, a model alone the provider that its name begins
    with. The key stays where it is: a variable, or the system keyring.

    A scripted agent answers from a file, TOML or JSON: a list of rules, each with match or regex, answer, fail, delay,
    retry_after, and a default beside them.
    """
    given = {
        "kind": kind, "model": model, "api-base": api_base, "key": key, "rpm": rpm, "tpm": tpm,
        "concurrency": concurrency, "price-in": price_in, "price-out": price_out, "price-run": price_run,
        "headers": _pairs("--header", header), "body": _json_values(_pairs("--body", body)), "timeout": timeout,
        "window": window, "local": local or None, "allow": allow, "env": env, "argv": argv,
    }  # fmt: skip
    table = {name: value for name, value in given.items() if value}
    entry = agents.add_agent(load_paths().agents_file, name, table, os.environ)
    source = agents.find_key_source(entry, os.environ)
    out.changed("agent", json_agent(entry, source), f"added {render_agent(entry, source)}", [entry.name])
    if not entry.is_local and entry.price_run is None and entry.price_in is None:
        out.warn("its price is unknown, so no cap can be kept: --price-in and --price-out say it")
    out.next(f"gigctl agent test {entry.name}")


@command(app, "list", example="gigctl agent list --json")
def list_agents(out: Output) -> None:
    """The agents that there are, the built-in ones first."""
    from gigctl.config import load_agents

    entries = load_agents(load_paths().agents_file).values()
    items = [json_agent(entry, agents.find_key_source(entry, os.environ)) for entry in entries]
    out.list("agent", items, AGENT_COLUMNS)


@command(app, "show", example="gigctl agent show local")
def show(name: Name, out: Output) -> None:
    """One agent with all that is set."""
    entry = agents.get_agent(load_paths().agents_file, name)
    source = agents.find_key_source(entry, os.environ)
    with open_desk() as desk:
        overspent = agents.find_overspent(desk, name)
    item = {**json_agent(entry, source), "overspent": overspent}
    out.show("agent", item, render_agent(entry, source, overspent), [entry.name])


@command(app, "test", example="gigctl agent test local")
def try_one(
    name: Name,
    out: Output,
    unsafe: Annotated[bool, typer.Option("--unsafe-no-sandbox", help="Run a program unprotected.")] = False,
) -> None:
    """Make one tiny real call: does it answer, how fast, for how much?"""
    entry = agents.get_agent(load_paths().agents_file, name)
    trial = agents.try_agent(entry, os.environ, unsafe_no_sandbox=unsafe)
    usage = trial.usage
    item = {
        "agent": trial.agent,
        "model": trial.model or None,
        "seconds": round(trial.seconds, 3),
        "cost": json_usd(trial.cost),
        "tokens": None if usage is None else {"input": usage.input, "output": usage.output, "cached": usage.cached},
        "answer": trial.answer,
    }
    out.show("trial", item, f"{trial.agent}  {render_trial(trial.model, trial.seconds, trial.cost, price_known=False)}")
    out.detail(f"it answered: {display_line(trial.answer)}")
    if trial.overspent:
        out.warn(f"that is more than the {render_usd(trial.bound or 0)} it could cost at most: look at its prices")
    with open_desk() as desk:
        agents.note_recovery(desk, trial)
        if agents.clear_overspent(desk, trial):
            out.say(f"it kept within its price: {name} is no longer marked as one that cost more than it could")


@command(app, "remove", example="gigctl agent remove deep")
def remove(name: Name, out: Output) -> None:
    """Take an agent out of the file. What it drafted stays in the ledger."""
    entry = agents.remove_agent(load_paths().agents_file, name)
    out.changed("agent", json_agent(entry, "none"), f"removed {display_line(name)}", [name])


def _pairs(option: str, words: list[str] | None) -> dict[str, str]:
    out = {}
    for word in words or []:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {word}: expected NAME=VALUE")
        out[name] = value
    return out


def _json_values(pairs: dict[str, str]) -> dict[str, Any]:
    """`0.2`, `true`, `{"a": 1}` are JSON; what is none is a text."""
    import json

    def value(text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text

    return {name: value(text) for name, text in pairs.items()}
