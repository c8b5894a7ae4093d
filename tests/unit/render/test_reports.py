"""JUnit, SARIF, annotations and the summary: always well-formed, whatever a test printed."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

from hypothesis import example, given
from hypothesis import strategies as st

from gigctl.model import Evidence, Verdict
from gigctl.render.actions import render_annotations, render_summary
from gigctl.render.junit import render_junit
from gigctl.render.sarif import render_sarif
from gigctl.render.terminal import Terminal
from gigctl.render.treecheck import render_tree_checks

ODD = st.text(st.characters() | st.sampled_from("\x00\x08\x1b\r\n\ud800\udcff\ufffe\uffff\x85]]><&\"'`|:#[%,*"))
EVIDENCE = st.builds(Evidence, ODD, st.none() | ODD, st.none() | st.integers(1, 9), st.none() | st.integers(1, 9))
VERDICTS = st.lists(
    st.builds(
        Verdict, ODD, st.sampled_from(["pass", "fail", "error", "skip"]), st.lists(EVIDENCE, max_size=3).map(tuple),
        st.booleans(),
    ),
    max_size=4,
)  # fmt: skip
NASTY = Verdict("a]]>b", "fail", (Evidence("\x1b[31m ]]> \ud800 \x00\n::error::x\n##[add-mask]y", "a\n::x"),))


@given(VERDICTS)
@example([NASTY])
def test_junit_is_xml_and_counts(verdicts: list[Verdict]) -> None:
    data = render_junit(verdicts)
    root = ET.fromstring(data.decode("utf-8"))
    cases = root.findall("./testsuite/testcase")
    assert len(cases) == len(verdicts) == int(root.attrib["tests"])
    gating = [v for v in verdicts if v.gates]
    red = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    assert len(red) == len(gating) == int(root.attrib["failures"]) + int(root.attrib["errors"])
    assert len(root.findall(".//skipped")) == int(root.attrib["skipped"])


def test_junit_holds_what_was_said() -> None:
    verdict = Verdict("tests", "fail", (Evidence("1 < 2 ]]>\nand more", "a.py", 3),), seconds=1.25)
    root = ET.fromstring(render_junit([verdict, Verdict("style", "skip", (Evidence("no ruff"),), required=False)]))
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.text == "a.py:3: 1 < 2 ]]>\nand more"
    assert failure.attrib == {"message": "a.py:3: 1 < 2 ]]>", "type": "fail"}
    skipped = root.find(".//skipped")
    assert skipped is not None
    assert skipped.attrib["message"] == "not required (skip): no ruff"
    assert root.attrib["time"] == "1.250"


@given(VERDICTS)
@example([NASTY])
def test_sarif_is_json(verdicts: list[Verdict]) -> None:
    (run,) = json.loads(render_sarif(verdicts))["runs"]
    assert len(run["tool"]["driver"]["rules"]) == len(verdicts)
    for result in run["results"]:
        assert result["level"] in ("error", "warning")
        for place in result.get("locations", ()):
            assert re.fullmatch(r"[\w.~/%-]*", place["physicalLocation"]["artifactLocation"]["uri"], re.ASCII)


COMMAND = re.compile(r"\s*::|.*##\[")


@given(VERDICTS, st.lists(ODD, max_size=2))
@example([NASTY], ["a\n::stop-commands::x"])
def test_annotations_are_the_only_commands(verdicts: list[Verdict], said: list[str]) -> None:
    lines = render_annotations(verdicts, said, "sub/")
    expected = sum(len(v.evidence) for v in verdicts if not v.passed) + len(said)
    assert len(lines) == expected
    for line in lines:
        assert re.fullmatch(r"::(error|warning|notice) [^\n\r]*?::[^\n\r]*", line)
        _, properties, data = line.split("::", 2)
        assert "##[" not in line
        for value in properties.partition(" ")[2].split(","):
            assert re.fullmatch(r"(file|line|col|title)=[^:,]*", value)
        # What the runner writes into its log is no command either.
        for one in data.replace("%0A", "\n").replace("%25", "%").split("\n"):
            assert not COMMAND.match(one)


@given(VERDICTS)
@example([NASTY])
def test_what_a_person_reads_in_a_log_is_no_command(verdicts: list[Verdict]) -> None:
    for line in render_tree_checks(verdicts, Terminal(in_ci=True)).split("\n"):
        assert not COMMAND.match(line)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", line)


@given(VERDICTS, st.lists(ODD, max_size=2))
@example([Verdict("x", "fail", (Evidence("````\n# heading\n```\n<script>"),))], ["[a](b)"])
def test_the_summary_keeps_foreign_text_in_its_fence(verdicts: list[Verdict], said: list[str]) -> None:
    text = render_summary(verdicts, said)
    assert text.startswith("### gigctl check\n\n| check | verdict |\n")
    fence = ""
    for line in text.split("\n"):
        if not fence and (opened := re.fullmatch(r"(`{3,})text", line)):
            fence = opened[1]
        elif fence:
            fence = "" if line == fence else fence
        else:  # outside: our own words and entities alone
            assert not re.search(r"[\[\]<>_`](?!\w+;)", re.sub(r"&#\d+;", "", line))
    assert not fence


def test_annotations_name_the_file_and_place() -> None:
    verdict = Verdict("no, todo", "fail", (Evidence("50% done: x, y", "a,b:c.py", 2, 5),))
    assert render_annotations([verdict], [], "sub/") == [
        "::error file=sub/a%2Cb%3Ac.py,line=2,col=5,title=no%2C todo%3A fail::50%25 done: x, y"
    ]
