"""The one family of errors. Each knows its exit code; `cli.py` is the only place that catches it.

The codes are the documented ones (docs/exit-codes.md): 1 a required check failed, 2 usage, 3 configuration or
ledger, 4 an agent failed for good, 5 budget, 6 policy, 7 waits for a human, 70 a bug of ours, 75 try again,
130 interrupted.
"""

from __future__ import annotations

__all__ = [
    "AgentFailed",
    "BudgetError",
    "ConfigError",
    "DiskFull",
    "GateError",
    "GigctlError",
    "Interrupted",
    "LedgerError",
    "PolicyError",
    "TemporaryError",
    "UsageError",
    "WaitsForHuman",
    "worst_exit_code",
]

EXIT_PRECEDENCE = (130, 70, 3, 6, 5, 4, 75, 7, 1)
"""Of several exit codes in one invocation, the first of these is given."""


class GigctlError(Exception):
    """What went wrong (one line), and the way out of it.

    `message` says what, where and what was expected; `hint` is what to type or do next.
    """

    exit_code = 70
    kind = "bug"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class GateError(GigctlError):
    """A required check did not pass."""

    exit_code = 1
    kind = "check"


class UsageError(GigctlError):
    """The command line, or a file given on it, is not as documented."""

    exit_code = 2
    kind = "usage"


class ConfigError(GigctlError):
    """The configuration or the machine is not as it must be."""

    exit_code = 3
    kind = "configuration"


class LedgerError(GigctlError):
    """The ledger can't be opened, read or written."""

    exit_code = 3
    kind = "ledger"


class DiskFull(LedgerError):
    """Nothing more can be written. It does not go away by itself, so that it is no TemporaryError."""

    @classmethod
    def at(cls, path: object) -> DiskFull:
        """Told of the file that can't be written."""
        hint = "make room on that disk, then say it again: all that was recorded is kept"
        return cls(f"the disk is full: {path} can't be written", hint)


class AgentFailed(GigctlError):
    """An agent failed for good."""

    exit_code = 4
    kind = "agent"


class BudgetError(GigctlError):
    """A cap would be exceeded."""

    exit_code = 5
    kind = "budget"


class PolicyError(GigctlError):
    """A client's wall forbids it."""

    exit_code = 6
    kind = "policy"


class WaitsForHuman(GigctlError):
    """Only a person can go on from here."""

    exit_code = 7
    kind = "human"


class TemporaryError(GigctlError):
    """It may work when tried again."""

    exit_code = 75
    kind = "temporary"


class Interrupted(GigctlError):
    """The user stopped it."""

    exit_code = 130
    kind = "interrupted"


def worst_exit_code(codes: set[int]) -> int:
    """The exit code of an invocation that met several; 0 where none of them is an error."""
    return next((code for code in EXIT_PRECEDENCE if code in codes), 0)
