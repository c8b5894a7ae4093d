"""What became of a gig's tasks when the client's base moved."""

from __future__ import annotations

from typing import Any

from gigctl.flow.updating import Moved, TaskMove
from gigctl.render.display import display_line

__all__ = ["json_update", "render_update"]

_WORDS = {
    "carried": "signature kept",
    "review": "review",
    "conflict": "conflict",
    "redo": "not rebased",
    "ready": "ready",
}


def json_update(moved: Moved) -> dict[str, Any]:
    return {
        "gig": moved.gig, "old": moved.old, "new": moved.new, "done": moved.done,
        "tasks": [_json_task(task) for task in moved.tasks],
    }  # fmt: skip


def _json_task(task: TaskMove) -> dict[str, Any]:
    conflicts = [{"path": one.path, "why": one.why, "marked": one.marked} for one in task.conflicts]
    return {"ref": task.ref, "fate": task.fate, "why": task.why, "conflicts": conflicts}


def render_update(moved: Moved) -> str:
    """A line a task, with its conflicts below it."""
    if moved.old == moved.new:
        return f"{moved.gig} is on {moved.new[:12]} already"
    would = "" if moved.done else "  (nothing was changed)"
    lines = [f"{moved.gig}  base {moved.old[:12]} → {moved.new[:12]}{would}"]
    width = max((len(task.ref) for task in moved.tasks), default=0)
    for task in moved.tasks:
        word = _WORDS[task.fate]
        if task.fate == "carried" and not moved.done:
            word = "signature kept if the checks pass"
        lines.append(f"  {task.ref:<{width}}  {word}: {display_line(task.why)}")
        lines += [f"  {'':<{width}}    {display_line(one.path)}: {one.why}" for one in task.conflicts]
    return "\n".join(lines)
