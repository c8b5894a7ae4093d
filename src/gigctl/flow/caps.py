"""The caps on money that a run has reached: what one task's or its gig's stops is that task; the run's stops all."""

from __future__ import annotations

from gigctl.errors import BudgetError
from gigctl.ledger.attempts import NoRoom

__all__ = ["Caps"]

NAMES = {"run": "--max-cost", "task": "--max-cost-each", "gig": "the gig's budget"}


class Caps:
    def __init__(self) -> None:
        self.codes: set[int] = set()
        """Exit codes that they stand for."""
        self.said = ""
        """What was reached last, for a person; the empty string where nothing was."""
        self.all = ""
        """Why nobody may be asked any more, for any task."""
        self._tasks: dict[int, str] = {}

    def reach(self, task: int, found: NoRoom, agent: str, *, marked: bool = False) -> str:
        """No room under a cap for a call; the word of which. `marked`: the agent cost more than it could before."""
        named = NAMES[found.cap]
        unpriced = f"the price of {agent} is unknown, and that fits under no cap"
        untrusted = f"{agent} cost more than it could, and fits under no cap until gigctl agent test {agent} clears it"
        without = f"{named}: {untrusted if marked else unpriced}"
        self._say(f"{named} is reached" if found.needed is not None else without)
        if found.cap == "run":
            self.all = self.said
        else:
            self._tasks[task] = self.said
        return self.said

    def overspend(self, agent: str) -> None:
        """A call cost more than it could: nothing more is begun with money that is not there."""
        self._say(f"a call of {agent} cost more than the most it could cost: look at its price and limits")
        self.all = self.said

    def find(self, task: int) -> str:
        """What keeps a task from being asked for; the empty string where nothing does."""
        return self._tasks.get(task) or self.all

    def _say(self, said: str) -> None:
        self.said = said
        self.codes.add(BudgetError.exit_code)
