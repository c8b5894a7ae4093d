"""A change to a tree on a terminal: what git says in words, colours that are only ours, nothing wider than it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.render.code_diff import read_patch, render_patch
from gigctl.render.display import cell_width
from gigctl.render.terminal import Terminal

PIPE, TTY, COLOR, CI = Terminal(), Terminal(True, 80), Terminal(True, 80, True), Terminal(in_ci=True)
PATCH = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old \x1b]52;c;YQ==\x07\n+new\xff\n"
CODES = re.compile(r"\x1b\[[0-9;]*m")

SEVERAL = b"""\
diff --git a/a.py b/a.py
index 111..222 100644
--- a/a.py
+++ b/a.py
@@ -1,2 +1,2 @@ class A:
 def f(x):
-    return x
+    return "one"
diff --git "a/caf\\303\\251 \\"x\\".txt" "b/caf\\303\\251 \\"x\\".txt"
new file mode 100755
index 000..111
diff --git a/old name.py b/new.py
similarity index 86%
rename from old name.py
rename to new.py
index 111..222 100644
--- a/old name.py\t
+++ b/new.py
@@ -1 +1 @@
-x = 1
+x = 2
\\ No newline at end of file
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
diff --git a/pic.bin b/pic.bin
index 111..222 100644
Binary files a/pic.bin and b/pic.bin differ (99 bytes, 2 bytes)
diff --git a/gone b/gone
deleted file mode 100644
index 111..000
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-1
diff --git a/l b/l
new file mode 120000
index 000..111
--- /dev/null
+++ b/l
@@ -0,0 +1 @@
+gone
\\ No newline at end of file
"""

SHOWN = """\
7 files  +3 −3

a.py
  +1 −1
@@ -1,2 +1,2 @@ class A:
 def f(x):
-    return x
+    return "one"

café "x".txt
  new, can be run

old name.py → new.py
  renamed (86 % the same)  +1 −1
@@ -1 +1 @@
-x = 1
+x = 2
\\ No newline at end of file

run.sh
  was a file, is now a file that can be run (100644 → 100755)

pic.bin
  binary: 99 bytes → 2 bytes

gone
  deleted  +0 −1
@@ -1 +0,0 @@
-1

l
  new link  +1 −0
@@ -0,0 +1 @@
+gone
\\ No newline at end of file
"""


def test_in_a_pipe_its_own_bytes() -> None:
    for patch in (PATCH, SEVERAL):
        assert render_patch(patch, PIPE).encode("utf-8", "surrogateescape") == patch


def test_on_a_terminal_file_by_file() -> None:
    assert render_patch(SEVERAL, TTY) == SHOWN
    assert CODES.sub("", render_patch(SEVERAL, COLOR)) == SHOWN
    assert render_patch(b"", TTY) == ""


def test_what_a_file_holds_is_shown_and_never_sent() -> None:
    plain = render_patch(PATCH, TTY)
    assert "\x1b" not in plain
    assert "\x07" not in plain
    assert "-old ␛]52;c;YQ==␇\n+new\\x{ff}\n" in plain
    assert "\x1b]" not in render_patch(PATCH, COLOR)


def test_syntax_is_coloured_on_a_terminal_that_can() -> None:
    text = render_patch(SEVERAL, COLOR)
    words = dict.fromkeys(re.findall(r"\x1b\[(9[0-9]|3[0-9])m([^\x1b]+)", text))
    assert ("94", "def") in words
    assert ("92", "f") in words
    assert ("31", "    return x") in words  # what went is of one colour
    assert any(code not in ("32",) and word == '"one"' for code, word in words)


def test_a_lexer_is_never_given_much() -> None:
    """What would take long to lex is shown all the same, in its sign's colour."""
    body = b"".join(b"+x = '" + b"a" * 490 + b"'\n" for _ in range(300))
    head = b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,%d @@\n"
    large, long = head % 300 + body, head % 1 + b"+x = '" + b"a" * 600 + b"'\n"
    for patch in (large, long):
        assert set(re.findall(r"\x1b\[([0-9;]+)m", render_patch(patch, COLOR))) <= {"0", "1", "2", "31", "32", "36"}


def test_a_hunk_ends_where_its_length_says() -> None:
    """A line that looks like another file's head is a line of this one."""
    inner = b"-diff --git a/evil b/evil\n-@@ -1 +1 @@\n+diff --git a/evil b/evil\n"
    patch = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n" + inner
    (file,) = read_patch(patch)
    assert (file.new, file.added, file.removed) == ("x", 1, 2)


def test_a_long_line_goes_on_below_a_sign_that_is_no_diffs() -> None:
    line = b"+" + b"word " * 15 + b"-x" * 60 + b"\n"
    patch = b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -0,0 +1 @@\n" + line
    for terminal in (TTY, COLOR):
        lines = CODES.sub("", render_patch(patch, terminal)).splitlines()
        at = next(n for n, shown in enumerate(lines) if shown.startswith("+w"))
        assert [shown[:1] for shown in lines[at:]] == ["+", "↪", "↪"]
        assert "+" + "".join(shown[1:] for shown in lines[at:]) == line.decode().rstrip("\n")
        assert max(map(cell_width, lines)) <= 80


def test_a_ci_log_is_not_commanded() -> None:
    patch = b"diff --git a/::error::x b/::error::x\n--- a/::error::x\n+++ b/::error::x\n@@ -0,0 +1 @@\n+::add-mask::x\n"
    assert not re.search(r"(?m)^\s*::", render_patch(patch, CI))


@pytest.mark.parametrize("width", [20, 41])
@given(lines=st.lists(st.text(st.characters(exclude_characters="\n"), max_size=90), min_size=1, max_size=4))
def test_any_line_fits_and_is_whole(width: int, lines: list[str]) -> None:
    body = "".join(f"+{line}\n" for line in lines).encode("utf-8", "surrogatepass")
    patch = b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,%d @@\n" % len(lines) + body
    for color in (False, True):
        shown = CODES.sub("", render_patch(patch, Terminal(True, width, color)))
        body_lines = shown.split("@@\n", 1)[1].removesuffix("\n").split("\n")
        assert sum(line.startswith("+") for line in body_lines) == len(lines)
        assert all(cell_width(line) <= width and line[:1] in ("+", "↪") for line in body_lines)
