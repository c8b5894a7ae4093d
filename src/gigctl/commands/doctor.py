"""`gigctl doctor`: is all here that gigctl needs?"""

from __future__ import annotations

import os

from gigctl.commands.options import command, verb
from gigctl.errors import GateError
from gigctl.flow.doctor import examine
from gigctl.paths import load_paths
from gigctl.render.output import Output
from gigctl.render.tables import Column

app = verb()

COLUMNS = (
    Column("what", lambda item: item["name"]),
    Column("state", lambda item: item["status"]),
    Column("found", lambda item: item["detail"], flexible=True),
)


@command(app, "doctor", example="gigctl doctor\ngigctl doctor --json")
def doctor(out: Output) -> int:
    """Look at the machine and the settings, and say what is missing and how to get it.

    `limited` takes something away, `missing` everything: it makes the exit code 1.
    """
    findings = examine(load_paths(), os.environ)
    items = [{"name": f.name, "status": f.status, "detail": f.detail, "hint": f.hint} for f in findings]
    out.list("doctor", items, COLUMNS)
    for finding in findings:
        if finding.hint:
            out.say(f"{finding.name}: {finding.hint}")
    return GateError.exit_code if any(finding.status == "missing" for finding in findings) else 0
