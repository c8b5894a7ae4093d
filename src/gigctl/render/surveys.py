"""What a batch would do."""

from __future__ import annotations

from typing import Any

from gigctl.flow.surveying import Survey
from gigctl.render.display import display_line
from gigctl.render.figures import json_usd, render_count, render_usd

__all__ = ["json_survey", "render_survey"]


def render_survey(found: Survey, name: str) -> str:
    """`products.csv  1,000 rows with cheap: 12 new, 3 changed, 985 done: at most 0.10 USD`, and the first bad rows."""
    counts = {
        "new": found.new, "changed": found.changed, "to be asked again": found.again, "done": found.done,
        "invalid": found.invalid, "past --limit": found.over_limit,
    }  # fmt: skip
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing in it"
    cost = "price unknown" if found.at_most is None else f"at most {render_usd(found.at_most)}"
    head = f"{display_line(name)}  {render_count(found.rows, 'row')} with {', '.join(found.agents)}: {said}  {cost}"
    return "\n".join([head, *map(display_line, found.bad)])


def json_survey(found: Survey) -> dict[str, Any]:
    return {
        "gig": found.gig, "agents": list(found.agents), "rows": found.rows, "new": found.new, "changed": found.changed,
        "again": found.again, "done": found.done, "invalid": found.invalid, "overLimit": found.over_limit,
        "atMost": json_usd(found.at_most), "bad": found.bad,
    }  # fmt: skip
