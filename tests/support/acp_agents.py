"""Entries of agents that speak the Agent Client Protocol: the tests' own small one, and what it takes to run it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from gigctl.model import AgentEntry

AGENT_FILE = Path(__file__).with_name("acp_agent.py")
MARK = f"of-{os.getpid()}"
"""A word by which this process's agents are told from those of tests that run beside it."""


def acp_entry(way: str, **more: Any) -> AgentEntry:
    """An agent that does what `way` says; the sandbox must be shown its file."""
    argv = (sys.executable, str(AGENT_FILE), way, MARK)
    return AgentEntry(
        "a", "acp", argv=argv, **{"timeout": 30.0, **more, "allow": (str(AGENT_FILE), *more.get("allow", ()))}
    )
