"""What will stand in the way of a gig that was taken on, told while it is cheap to mend. None of it is an error."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from gigctl.flow.desk import Desk
from gigctl.model import CheckSpec
from gigctl.records import GigRecord
from gigctl.system.git.store import Store
from gigctl.system.git.uncommitted import list_uncommitted
from gigctl.system.proc import ProgramError
from gigctl.system.resolver import resolve
from gigctl.values import did_you_mean

__all__ = ["list_unfound_programs", "uncommitted_note"]

_NEAR = 0.75
"""How like a name on PATH must be: a program that is not installed is the commoner case."""


def list_unfound_programs(desk: Desk, gig: GigRecord) -> list[str]:
    """A sentence for each check of a gig whose program is not on this machine: it can't run, and gates."""
    return [line for spec in gig.checks if (line := _unfound(desk, gig, spec))]


def _unfound(desk: Desk, gig: GigRecord, spec: CheckSpec) -> str:
    wanted = spec.options.get("run") if spec.check == "command" else None
    argv = shlex.split(wanted) if isinstance(wanted, str) else list(wanted or ())
    if not argv or "/" in argv[0]:  # a path may be one of the tree, which the draft may have yet to make
        return ""
    repository = Path(gig.repository) if gig.repository else None
    try:
        resolve(argv, desk.environ, tree=repository or desk.store, repository=repository)
    except ProgramError as error:
        near = did_you_mean(argv[0], _programs_like(argv[0], desk.environ.get("PATH", "")), _NEAR)
        gates = ", and no signature without it" if spec.required else ""
        return f"check {spec.name}: {error.message}{near or ' on PATH'}: it can't be run as it is{gates}"
    return ""


def _programs_like(name: str, path: str) -> Iterator[str]:
    """Names on PATH that begin alike; there are thousands."""
    for folder in dict.fromkeys(path.split(os.pathsep)):
        try:
            found = [place.name for place in Path(folder or ".").iterdir()]
        except OSError:
            continue
        yield from (other for other in found if other[:1] == name[:1] and abs(len(other) - len(name)) <= 2)


def uncommitted_note(desk: Desk, gig: GigRecord) -> str:
    """That the client's checkout holds changes which the gig's base does not; empty where it holds none."""
    if not gig.repository or not gig.base_commit:
        return ""
    changed = list_uncommitted(Store.open(desk.store), Path(gig.repository), gig.base_commit)
    if not changed:
        return ""
    what = changed[0] if len(changed) == 1 else f"{changed[0]} and {len(changed) - 1} more"
    return f"uncommitted changes are not part of the base {gig.base_commit[:12]}: {what}"
