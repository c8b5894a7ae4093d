"""A client's wall: which agents may see the material. It is asked before any call, on every path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gigctl.errors import PolicyError, UsageError
from gigctl.model import SLUG, AgentEntry
from gigctl.records import ClientRecord
from gigctl.values import did_you_mean

__all__ = ["check_chain", "check_policy_form"]


def check_policy_form(policy: str) -> str:
    """`any`, `local-only` or `only:AGENT,…`. Raises UsageError."""
    if policy in ("any", "local-only"):
        return policy
    names = policy.removeprefix("only:").split(",")
    if policy.startswith("only:") and all(SLUG.fullmatch(name) for name in names):
        return policy
    raise UsageError(f'policy "{policy}": expected any, local-only or only:AGENT,AGENT')


def check_chain(client: ClientRecord, chain: Iterable[str], agents: Mapping[str, AgentEntry]) -> None:
    """Every agent of a chain, fallbacks included, or none. Raises PolicyError, UsageError for one that is not there."""
    for name in chain:
        entry = agents.get(name)
        if entry is None:
            raise UsageError(f'there is no agent "{name}"{did_you_mean(name, agents)}', "gigctl agent list")
        if client.policy == "local-only" and not entry.is_local:
            raise PolicyError(
                f"{name} would take {client.slug}'s material off this machine, and {client.slug} is local-only",
                "take a local agent (-a local), or gigctl client edit to change the policy",
            )
        allowed = client.policy.removeprefix("only:").split(",")
        # The freelancer is no agent that a client has to be walled off from.
        if client.policy.startswith("only:") and name not in allowed and entry.kind != "manual":
            raise PolicyError(
                f"{name} may not see {client.slug}'s material: allowed are {', '.join(allowed)}",
                f"-a {allowed[0]}, or gigctl client edit {client.slug} --policy …",
            )
