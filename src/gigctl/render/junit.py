"""Verdicts as a JUnit report: the form of Ant's that Jenkins, GitLab and GitHub's actions read. Always valid XML 1.0.

What gates is a failure or an error, whatever kept it from passing, so that no reader takes it for green; what does not
gate is passed or skipped.
"""

from __future__ import annotations

from collections.abc import Sequence

from gigctl.model import Verdict
from gigctl.render.display import display, display_line

__all__ = ["render_junit"]

_SUITE = "gigctl check"


def render_junit(verdicts: Sequence[Verdict]) -> bytes:
    """A document in UTF-8. All foreign text is the display function's, which leaves nothing that XML can't hold."""
    from xml.etree import ElementTree as ET

    kinds = [_kind(verdict) for verdict in verdicts]
    totals = {
        "tests": str(len(verdicts)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(verdict.seconds for verdict in verdicts):.3f}",
    }
    root = ET.Element("testsuites", {"name": _SUITE, **totals})
    suite = ET.SubElement(root, "testsuite", {"name": _SUITE, **totals})
    for verdict, kind in zip(verdicts, kinds, strict=True):
        name = {"name": display_line(verdict.name), "classname": "gigctl", "time": f"{verdict.seconds:.3f}"}
        case = ET.SubElement(suite, "testcase", name)
        text = "\n".join(_located(verdict))
        if kind:
            said = ET.SubElement(case, kind, {"message": _headline(verdict, text), "type": verdict.outcome})
            said.text = text
        elif text:
            ET.SubElement(case, "system-out").text = text
    ET.indent(root)
    document: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{document}\n'.encode()


def _kind(verdict: Verdict) -> str:
    if verdict.passed:
        return ""
    if not verdict.required:
        return "skipped"
    return "failure" if verdict.outcome == "fail" else "error"


def _headline(verdict: Verdict, text: str) -> str:
    first = text.partition("\n")[0][:500]
    return first if verdict.required else f"not required ({verdict.outcome}): {first}"


def _located(verdict: Verdict) -> list[str]:
    found = []
    for item in verdict.evidence:
        told = item.part is None or item.message.startswith(item.part)
        place = "" if told else f"{display_line(item.part or '')}:{item.line or 1}: "
        found.append(f"{place}{display(item.message)}")
    return found
