"""Deliveries, previews and what `verify` finds: as JSON, and for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from gigctl.flow.manifest import DeliveredFile, Manifest
from gigctl.flow.parcel import Delivered
from gigctl.flow.preview import Previewed
from gigctl.flow.verify import Verification
from gigctl.records import DeliveryRecord
from gigctl.render.display import display, display_line
from gigctl.render.figures import render_count, render_date, render_size
from gigctl.render.terminal import Terminal

__all__ = [
    "json_delivery", "json_preview", "json_verification", "render_delivered", "render_delivery", "render_preview",
    "render_undrafted", "render_verification",
]  # fmt: skip

SHOWN = 20
"""Problems that a person is shown; JSON has all."""
NAMED = 5
"""References that are named of many."""


def json_delivery(delivered: Delivered) -> dict[str, Any]:
    manifest = delivered.manifest
    return {
        "ref": manifest.gig,
        "path": delivered.path,
        "form": manifest.form,
        "files": _json_files(manifest.files),
        "deleted": list(manifest.deleted),
        "tasks": [signoff.task for signoff in manifest.signoffs],
        "partial": manifest.partial,
        "missing": list(manifest.missing),
        "branch": manifest.git.get("branch"),
        "commit": manifest.git.get("commit"),
        "manifest": delivered.sha256,
        "manifestFile": delivered.beside or None,
        "neutralised": list(manifest.neutralised),
        "gone": list(delivered.gone),
        "joined": {ref: list(joined) for ref, joined in manifest.joined.items()},
        "together": {check.name: check.verdict for check in manifest.together},
        "pullRequest": delivered.pull_request or None,
        "signed": bool(delivered.signer),
        "signer": delivered.signer or None,
    }


def json_preview(preview: Previewed) -> dict[str, Any]:
    return {
        "path": preview.path,
        "files": _json_files(preview.files),
        "unsigned": list(preview.unsigned),
        "undrafted": list(preview.undrafted),
    }


def json_verification(seen: Verification) -> dict[str, Any]:
    manifest = seen.manifest
    return {
        "path": seen.path,
        "ok": seen.ok,
        "ref": manifest.gig if manifest else None,
        "partial": manifest.partial if manifest else None,
        "files": len(manifest.files) if manifest else 0,
        "signoffs": len(manifest.signoffs) if manifest else 0,
        "manifest": seen.sha256,
        "problems": [{"message": problem.message, "path": problem.path} for problem in seen.problems],
        "signer": (seen.signer.principal or None) if seen.signer else None,
        "key": seen.signer.fingerprint if seen.signer else None,
        "keyedSignoffs": seen.keyed,
    }


def _json_files(files: Sequence[DeliveredFile]) -> list[dict[str, Any]]:
    return [{"path": file.path, "sha256": file.sha256, "bytes": file.bytes} for file in files]


# --- for a person ---


def render_delivery(delivered: Delivered, terminal: Terminal) -> str:
    """Where it is, what is in it, and the hash that proves it."""
    manifest = delivered.manifest
    part = "a part of " if manifest.partial else ""
    head = f"{'found' if delivered.found else 'delivered'} {part}{manifest.gig}  {_where(delivered)}"
    lines = [head, *_file_lines(manifest.files)]
    lines += [f"  {display_line(path)}  deleted" for path in manifest.deleted[:SHOWN]]
    lines.append(f"  {render_count(len(manifest.signoffs), 'sign-off')}{_missing(manifest)}")
    lines += _together_lines(manifest)
    lines += _row_lines(delivered)
    if delivered.beside:
        lines.append(f"  {display_line(delivered.beside)}")
    lines.append(f"  manifest sha256 {delivered.sha256}")
    if delivered.signer:
        lines.append(f"  signed with {delivered.signer}")
    if delivered.pull_request:
        shown = display(delivered.pull_request) if terminal.is_tty or terminal.in_ci else delivered.pull_request
        lines += ["", shown.rstrip("\n")]
    return "\n".join(lines)


def _together_lines(manifest: Manifest) -> list[str]:
    """What goes out in the place of what, and what the checks said of all of it."""
    lines = [f"  {ref} in the place of {_named(joined)}, which it joins" for ref, joined in manifest.joined.items()]
    if manifest.together:
        verdicts = ", ".join(f"{display_line(check.name)} {check.verdict}" for check in manifest.together)
        lines.append(f"  together: {verdicts}")
    return lines


def render_delivered(delivery: DeliveryRecord, today: date) -> str:
    """`acme-1 was delivered on Fri 27 Nov (files, manifest 9f2c…41ab)`."""
    day = datetime.fromisoformat(delivery.at).astimezone().date()
    said = f"{'a part of ' if delivery.partial else ''}{delivery.gig} was delivered on {render_date(day, today=today)}"
    return f"{said} ({delivery.form}, manifest {delivery.manifest_sha256[:4]}…{delivery.manifest_sha256[-4:]})"


def _where(delivered: Delivered) -> str:
    branch = delivered.manifest.git.get("branch")
    place = display_line(delivered.path)
    if branch is None:
        return place
    return f"branch {display_line(branch)} in {place} at {delivered.manifest.git['commit'][:12]}"


def _missing(manifest: Manifest) -> str:
    left = render_count(len(manifest.missing), "task")
    return f", {left} of the gig not in it: {_named(manifest.missing)}" if manifest.partial else ""


def _row_lines(delivered: Delivered) -> list[str]:
    """What is to be known of single rows of a batch's file."""
    lines = []
    if safe := delivered.manifest.neutralised:
        lines.append(f"  an apostrophe before what a spreadsheet would run: {_named(safe)}")
    if gone := delivered.gone:
        lines.append(f"  left out, their rows are gone from the file: {_named(gone)}")
    return lines


def _named(refs: Sequence[str]) -> str:
    more = f" and {len(refs) - NAMED} more" if len(refs) > NAMED else ""
    return ", ".join(refs[:NAMED]) + more


def _file_lines(files: Sequence[DeliveredFile]) -> list[str]:
    lines = [f"  {display_line(file.path)}  {render_size(file.bytes)}" for file in files[:SHOWN]]
    return lines + ([f"  and {len(files) - SHOWN} more files"] if len(files) > SHOWN else [])


def render_preview(preview: Previewed) -> str:
    unsigned = render_count(len(preview.unsigned), "task")
    return "\n".join(
        [f"UNSIGNED preview  {display_line(preview.path)}  {unsigned} unsigned", *_file_lines(preview.files)]
    )


def render_undrafted(preview: Previewed) -> str:
    """Which of the tasks a preview shows as the client gave them."""
    count = len(preview.undrafted)
    have = f"{render_count(preview.total, 'task')} {'has' if count == 1 else 'have'} no draft"
    return f"{count} of {have}: the source is left ({_named(preview.undrafted)})"


def render_verification(seen: Verification, terminal: Terminal) -> str:
    """The verdict first; then each thing that is wrong, or who answers for it."""
    path = display_line(seen.path)
    if not seen.ok:
        lines = [f"{path}  {terminal.styled('not what was delivered', 'bad')}"]
        for problem in seen.problems[:SHOWN]:
            place = f"{display_line(problem.path)}: " if problem.path else ""
            lines.append(f"  {place}{display_line(problem.message)}")
        more = len(seen.problems) - SHOWN
        return "\n".join(lines + ([f"  and {more} more"] if more > 0 else []))
    return "\n".join([f"{path}  {terminal.styled('as it was delivered', 'good')}", *_facts(seen)])


def _facts(seen: Verification) -> list[str]:
    manifest = seen.manifest
    if manifest is None:
        return []
    whole = "a part of " if manifest.partial else ""
    counts = f"{render_count(len(manifest.files), 'file')}, {render_count(len(manifest.signoffs), 'sign-off')}"
    names = ", ".join(dict.fromkeys(display_line(signoff.by) for signoff in manifest.signoffs))
    despite = [signoff for signoff in manifest.signoffs if signoff.despite]
    lines = [
        f"  {whole}{display_line(manifest.gig)}: {counts} by {names}",
        *(f"  {display_line(s.task)} was signed despite a check: {display_line(s.despite)}" for s in despite[:SHOWN]),
        f"  manifest sha256 {seen.sha256}",
    ]
    return [*lines, f"  {_who(seen)}"]


def _who(seen: Verification) -> str:
    if seen.signer is None:
        return "no key signed it: this can only show accidents, unless you compare the hash with the one you were told"
    if not seen.signer.principal:
        return f"signed with {seen.signer.fingerprint}: --signers FILE tells whose key that is"
    keyed = f", and {render_count(seen.keyed, 'sign-off')} with a signature of their own" if seen.keyed else ""
    return f"signed by {display_line(seen.signer.principal)} with {seen.signer.fingerprint}{keyed}"
