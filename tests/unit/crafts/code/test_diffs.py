"""Diffs in answers: git's own to the byte, and the habits that models have when they write one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.code.answers import parse_answer
from gigctl.crafts.code.edits import apply_edits
from gigctl.model import EXECUTABLE, LINK, REGULAR, Change, Content
from gigctl.system.git import Store

CALC = "def add(a, b):\n    return a - b\n\n\ndef sub(a, b):\n    return a - b\n"
MENDED = CALC.replace("return a - b", "return a + b", 1)
HUNK = " def add(a, b):\n-    return a - b\n+    return a + b\n \n"
HEAD = "--- a/calc.py\n+++ b/calc.py\n"


def apply(answer: str, files: Mapping[str, str | Change]) -> dict[str, bytes | None]:
    """The changed paths' bytes."""
    tree = {path: data if isinstance(data, Change) else Change(path, REGULAR, data.encode())
            for path, data in files.items()}  # fmt: skip
    return {change.path: change.data for change in apply_edits(parse_answer(answer, tree, list(tree)), tree)}


def mend(answer: str, before: str = CALC, path: str = "calc.py") -> str:
    (data,) = apply(answer, {path: before, "other.py": "x = 1\n"}).values()
    assert data is not None
    return data.decode()


@pytest.mark.parametrize(
    "answer",
    [
        f"diff --git a/calc.py b/calc.py\nindex 1..2 100644\n{HEAD}@@ -1,3 +1,3 @@\n{HUNK}",
        f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}",
        f"```diff\n{HEAD}@@ -1,3 +1,3 @@\n{HUNK}```",
        f"Here it is:\n\n```diff\n{HEAD}@@ -1,3 +1,3 @@\n{HUNK}```\n\n- it adds\n- it is short\n",
        f"calc.py\n```patch\n@@ -1,3 +1,3 @@\n{HUNK}```",
        f"`calc.py`\n\n```\n{HEAD}@@ -1,3 +1,3 @@\n{HUNK}```",
        f"{HEAD}@@ -1,3 +1,3 @@ def add(a, b):\n{HUNK}\nThis mends `add`.\n",
        f"--- calc.py\n+++ calc.py\n@@ -1,3 +1,3 @@\n{HUNK}",
        f"--- ./calc.py\n+++ ./calc.py\n@@ -1,3 +1,3 @@\n{HUNK}",
        f"--- calc.py.orig\n+++ calc.py\n@@ -1,3 +1,3 @@\n{HUNK}",
        f"--- calc.py\t2026-11-01 10:00:00\n+++ calc.py\t2026-11-01 10:00:01\n@@ -1,3 +1,3 @@\n{HUNK}",
        f"Index: calc.py\n{'=' * 67}\n--- calc.py\n+++ calc.py\n@@ -1,3 +1,3 @@\n{HUNK}",
        f"{HEAD}@@ ... @@\n{HUNK}",
        f"{HEAD}@@\n{HUNK}",
        f"{HEAD}@@ def add(a, b):\n{HUNK}",
        f"```diff\n{HEAD}{HUNK}```",
        f"{HEAD}@@ -1,2 +1,2 @@\n{HUNK}",  # a count too small
        f"{HEAD}@@ -1,9 +1,9 @@\n{HUNK}",  # too large
        f"{HEAD}@@ -40,3 +40,3 @@\n{HUNK}",  # a wrong place
        f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}".replace("\n \n", "\n\n"),  # a blank line without its blank
        f"```diff\n{HEAD}@@ -1,3 +1,3 @@\n{HUNK}```".replace("\n def", "\ndef"),  # a line without its blank
        f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}".replace("\n", "\r\n"),
        f"From 0123 Mon Sep 17 00:00:00 2001\nFrom: A <a@b.example>\nSubject: [PATCH] Add\n\n---\n calc.py | 2 +-\n\n"
        f"diff --git a/calc.py b/calc.py\n{HEAD}@@ -1,3 +1,3 @@\n{HUNK}-- \n2.39.5\n\n",
        f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}{HEAD}@@ -1,3 +1,3 @@\n{HUNK}",  # said twice
    ],
)  # fmt: skip
def test_what_models_write(answer: str) -> None:
    assert mend(answer) == MENDED


def test_a_count_that_is_too_small_drops_nothing() -> None:
    answer = f"{HEAD}@@ -1,1 +1,1 @@\n{HUNK} \n def sub(a, b):\n-    return a - b\n+    return a * b\n"
    assert mend(answer) == MENDED.replace("a - b", "a * b")
    bare = f"{HEAD}@@ -1,2 +1,2 @@\n{HUNK}".replace("\n \n", "\n\n") + "+import os\n"
    assert "import os" in mend(bare)


def test_a_crlf_file_answered_in_lf_stays_one() -> None:
    crlf = CALC.replace("\n", "\r\n")
    assert mend(f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}", crlf) == MENDED.replace("\n", "\r\n")
    assert mend(f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}", crlf.removesuffix("\r\n")) == MENDED.replace("\n", "\r\n")[:-2]


def test_the_mark_of_byte_order_and_a_missing_last_newline_stay() -> None:
    assert mend(f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}", "\ufeff" + CALC) == "\ufeff" + MENDED
    assert mend(f"{HEAD}@@ -1 +1 @@\n-x = 1\n+x = 2\n", "x = 1") == "x = 2"
    assert mend(f"{HEAD}@@ -1 +1 @@\n-x = 1\n\\ No newline at end of file\n+x = 2\n", "x = 1") == "x = 2\n"
    assert mend(f"{HEAD}@@ -1 +1 @@\n-x = 1\n+x = 2\n\\ No newline at end of file\n", "x = 1\n") == "x = 2"
    assert mend(f"{HEAD}@@ -1 +1,2 @@\n x = 1\n+y = 1\n", "x = 1") == "x = 1\ny = 1"


def test_deleted_and_added_lines_that_look_like_a_head() -> None:
    sql = "-- one\nselect 1;\n"
    answer = "--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,2 @@\n--- one\n+++ two\n select 1;\n"
    assert mend(answer, sql, "q.sql") == "++ two\nselect 1;\n"


def test_new_deleted_renamed_and_executable() -> None:
    new = "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+a = 1\n+b = 2\n"
    assert apply(new, {"x.py": "1\n"}) == {"new.py": b"a = 1\nb = 2\n"}
    gone = "diff --git a/x.py b/x.py\ndeleted file mode 100644\n--- a/x.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
    assert apply(gone, {"x.py": "1\n"}) == {"x.py": None}
    assert apply("--- a/x.py\n+++ /dev/null\n", {"x.py": "1\n"}) == {"x.py": None}
    moved = "diff --git a/x.py b/y z.py\nsimilarity index 100%\nrename from x.py\nrename to y z.py\n"
    assert apply(moved, {"x.py": "1\n"}) == {"x.py": None, "y z.py": b"1\n"}
    tree = {"x y.sh": Change("x y.sh", REGULAR, b"1\n")}
    mode = "diff --git a/x y.sh b/x y.sh\nold mode 100644\nnew mode 100755\n"
    assert apply_edits(parse_answer(mode, tree, ()), tree) == (Change("x y.sh", EXECUTABLE, b"1\n"),)


def test_a_folder_of_the_name_a() -> None:
    hunk = "@@ -1 +1 @@\n-1\n+2\n"
    files = {"a/x.py": "1\n", "x.py": "1\n"}
    assert apply(f"--- a/a/x.py\n+++ b/a/x.py\n{hunk}", files) == {"a/x.py": b"2\n"}
    assert apply(f"--- a/x.py\n+++ a/x.py\n{hunk}", files) == {"a/x.py": b"2\n"}
    assert apply(f"--- a/x.py\n+++ b/x.py\n{hunk}", files) == {"x.py": b"2\n"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (f"{HEAD}@@ -1 +1 @@\n-    return b - a\n+    return a + b\n", "The nearest lines are .from line 2"),
        (f"{HEAD}@@ ... @@\n-    return a - b\n+    return a + b\n", "fits 2 places .lines 2, 6."),
        (f"{HEAD}@@ -9 +9 @@\n+x = 1\n", "does not say where"),
        (f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}@@ -2 +2 @@\n-    return a - b\n+    return b\n", "overlap"),
        ("--- a/none.py\n+++ b/none.py\n@@ -1 +1 @@\n-x\n+y\n", "none.py, which is not in the repository"),
        (f"{HEAD}@@ -1 +1 @@\n def add(a, b):\n", "changes nothing"),
        ("diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n", "a link"),
        ("diff --git a/m b/m\nnew file mode 160000\n--- /dev/null\n+++ b/m\n@@ -0,0 +1 @@\n+Subproject\n", "submodule"),
        ("--- /dev/null\n+++ b/../x.py\n@@ -0,0 +1 @@\n+x\n", "no empty names"),
        ("--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+x\n", "not an answer's to change"),
        ("--- /dev/null\n+++ b/.gigctl/signoffs/acme-1.1.json\n@@ -0,0 +1 @@\n+x\n", "not an answer's to change"),
        ('--- /dev/null\n+++ "b/.g\\342\\200\\214it/config"\n@@ -0,0 +1 @@\n+x\n', "not an answer's to change"),
        ("--- a/link\n+++ b/link\n@@ -1 +1 @@\n-calc.py\n+/etc/passwd\n", "is a link"),
        ("--- a/link\n+++ /dev/null\n", "is a link"),
        ("--- /dev/null\n+++ b/calc.py\n@@ -0,0 +1 @@\n+x\n", "but it exists"),
        ("diff --git a/other.py b/calc.py\nrename from other.py\nrename to calc.py\n", "which exists"),
        ("diff --git a/x.png b/x.png\nindex 1..2\nGIT binary patch\nliteral 1\n", "only text"),
        ("--- a/calc.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-def add(a, b):\n", "not all of its lines"),
        ("--- a/big.py\n+++ b/big.py\n@@ -1 +1 @@\n-x\n+y\n", "too large"),
        (f"calc.py\n```\nx\n```\n{HEAD}@@ -1,3 +1,3 @@\n{HUNK}", "comes twice"),
        (f"```diff\n{HEAD}@@ -1,3 +1,3 @@\n{HUNK}", "never closed"),
        (f"{HEAD}@@@ -1,1 -1,1 +1,1 @@@\n- x\n", "several parents"),
    ],
)  # fmt: skip
def test_what_does_not_apply_says_why(answer: str, reason: str) -> None:
    files = {"calc.py": CALC, "other.py": "x = 1\n", "link": Change("link", LINK, b"calc.py"),
             "big.py": Change("big.py", REGULAR, None)}  # fmt: skip
    with pytest.raises(MalformedAnswer, match=reason):
        apply(answer, files)


def test_one_hunk_that_does_not_apply_takes_the_whole_answer_with_it() -> None:
    good = f"{HEAD}@@ -1,3 +1,3 @@\n{HUNK}"
    with pytest.raises(MalformedAnswer):
        apply(good + "--- a/other.py\n+++ b/other.py\n@@ -1 +1 @@\n-y\n+z\n", {"calc.py": CALC, "other.py": "x\n"})


# --- against git ---

_LINES = st.sampled_from(
    ["", "a", "b", "  a", "\ta ", "-- a", "++ b", "--- a/f", "+++ b/f", "@@ -1 +1 @@", "diff --git a/f b/f", "```",
     "~~~", "\\ No newline at end of file", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "café", "日本", "-- ",
     "2.39.5", "x\ry", "# rest of the code", "f.py", "\ufeff", "a\u2028b"]
)  # fmt: skip
_TEXTS = st.builds(
    lambda lines, last: "".join(line + end for line, end in lines) + last,
    st.lists(st.tuples(_LINES, st.sampled_from(["\n", "\n", "\n", "\r\n"])), max_size=14),
    st.sampled_from(["", "", "end", "end\r", "\\"]),
)
_NAMES = st.sampled_from(
    ["f", "a/f", "b/f", "a b.py", "é/ü.txt", "日本/語.md", 'q"uote', "dev/null", "x\u00a0y", "d/e/g.sh", "-f", " f",
     "f "]
)  # fmt: skip
_TREES = st.dictionaries(
    _NAMES, st.tuples(_TEXTS, st.sampled_from([REGULAR, REGULAR, EXECUTABLE])), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(Path(tmp_path_factory.mktemp("store")) / "git")


@st.composite
def pairs_of_trees(draw: st.DrawFn) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Two trees of which the second has much of the first, some of it under other names."""
    old = draw(_TREES)
    new = dict(old)
    for path in draw(st.sets(st.sampled_from(sorted(old)), max_size=3)):
        text, mode = new.pop(path)
        match draw(st.sampled_from(["edit", "move", "mode", "drop"])):
            case "edit":
                lines = text.split("\n")
                at = draw(st.integers(0, len(lines)))
                lines[at : at + draw(st.integers(0, 2))] = draw(st.lists(_LINES, max_size=2))
                new[path] = ("\n".join(lines), mode)
            case "move":
                new[draw(_NAMES)] = (text, mode)
            case "mode":
                new[path] = (text, EXECUTABLE if mode == REGULAR else REGULAR)
            case _:
                pass
    new |= draw(st.dictionaries(_NAMES, st.tuples(_TEXTS, st.just(REGULAR)), max_size=1))
    return _tree(old), _tree(new)


def _tree(files: Mapping[str, tuple[str, str]]) -> tuple[Change, ...]:
    return tuple(Change(path, mode, text.encode()) for path, (text, mode) in sorted(files.items()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    pairs_of_trees(),
    st.sampled_from([(), ("-M",), ("-M10%", "-C", "--find-copies-harder"), ("--no-prefix",), ("-U1",), ("-D",)]),
    st.sampled_from(["bare", "fenced", "mailed"]),
)
def test_a_diff_of_gits_gives_the_second_tree_byte_for_byte(
    store: Store, trees: tuple[tuple[Change, ...], tuple[Change, ...]], options: tuple[str, ...], form: str
) -> None:
    first, second = (store.tree_of(Content(files)) for files in trees)
    if first == second:
        return
    kept = [option for option in options if option != "-D"]
    patch = store.run("diff-tree", "-r", "-p", "--no-ext-diff", *kept, first, second).stdout.decode()
    answer = {
        "bare": patch,
        "fenced": f"Here it is.\n\n````diff\n{patch}````\n\n- done\n",
        "mailed": f"From 0 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] x\n\n---\n f | 2 +-\n\n{patch}-- \n2.39.5\n\n",
    }[form]
    tree = {change.path: change for change in trees[0]}
    changes = apply_edits(parse_answer(answer, tree, ()), tree)
    assert store.tree_of(Content(changes, first)) == second


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES | st.sampled_from([*HUNK.split("\n"), "--- a/calc.py", "+++ b/calc.py", "@@ -1,3 +1,3 @@",
                                          "rename from calc.py", "new file mode 100644"]), max_size=20))  # fmt: skip
def test_nonsense_is_refused_or_changes_files(lines: list[str]) -> None:
    try:
        changed = apply("\n".join(lines), {"calc.py": CALC, "f.py": "x\n"})
    except MalformedAnswer:
        return
    assert changed
