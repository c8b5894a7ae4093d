"""Which files go along, how much of each, and that it fits the model's window."""

from __future__ import annotations

import pytest

from gigctl.crafts import code
from gigctl.crafts.base import MalformedAnswer
from gigctl.crafts.code.choosing import choose_files
from gigctl.crafts.code.excerpts import choose_spans, cut_into_parts, render_spans
from gigctl.crafts.code.imports import Tree, find_neighbours
from gigctl.model import REGULAR, AskContext, Change, Content, Draft, Evidence, Task, Verdict

FILES = {
    "shop/__init__.py": "",
    "shop/calc.py": "from shop.tax import rate\n\n\ndef total(x):\n    return x * rate()\n",
    "shop/tax.py": "from .base import BASE\n\n\ndef rate():\n    return BASE\n",
    "shop/base.py": "BASE = 2\n",
    "shop/other.py": "y = 1\n" * 20_000,
    "tests/test_calc.py": "from shop.calc import total\n\n\ndef test_total():\n    assert total(2) == 4\n",
}


def tree_of(files: dict[str, str]) -> tuple[Change, ...]:
    return tuple(Change(path, REGULAR, text.encode()) for path, text in files.items())


def task(brief: str, files: dict[str, str] = FILES, **options: str) -> Task:
    return Task("me-1.1", "code", Content((), "0" * 40), brief, tree=tree_of(files), options=options)


def shown(task: Task, **context: object) -> list[tuple[str, str]]:
    return [(one.path, one.why) for one in choose_files(task, AskContext(**context))]  # type: ignore[arg-type]


def test_what_the_brief_speaks_of_then_what_that_imports() -> None:
    assert shown(task("Mend shop/calc.py")) == [
        ("shop/calc.py", "the brief speaks of it"),
        ("shop/tax.py", "shop/calc.py imports it"),
        ("shop/base.py", "shop/tax.py imports it"),
    ]


def test_what_a_failing_test_names_comes_before_imports() -> None:
    log = 'File "/tmp/tree/shop/base.py", line 1, in x\n  BASE\ntests/test_calc.py:5: AssertionError'
    failures = (Verdict("acceptance", "fail", (Evidence(log),)),)
    assert [path for path, _ in shown(task("Mend shop/calc.py"), failures=failures)] == [
        "shop/calc.py", "tests/test_calc.py", "shop/base.py", "shop/tax.py"]  # fmt: skip


def test_a_brief_may_hold_the_traceback() -> None:
    brief = 'It fails in shop/calc.py:\nFile "/home/ada/shop/tax.py", line 4, in rate'
    assert ("shop/tax.py", "the failure names it") in shown(task(brief)) or "shop/tax.py" in dict(shown(task(brief)))


LONG = "import os\n\n\n" + "".join(f"def f{n}(x):\n    y = x + {n}\n    return y\n\n\n" for n in range(2_000))


def test_a_large_file_is_shown_round_what_it_is_about() -> None:
    asked = code.ask(task("f1500 in big.py adds too much", {"big.py": LONG}), AskContext(window=8_192))
    text = asked.prompt()
    assert "def f1500(x):\n    y = x + 1500" in text
    assert "def f700" not in text
    assert "import os" in text
    assert "are not shown]" in text
    assert "<<<<<<< SEARCH" in text  # a part of a file can't be answered whole
    assert asked.prompt_bytes // 3 + asked.max_output <= 8_192


@pytest.mark.parametrize("window", [2_048, 4_096, 8_192, 32_768, 200_000])
def test_what_is_asked_fits_the_window(window: int) -> None:
    files = FILES | {"shop/calc.py": FILES["shop/calc.py"] + "\n\ndef more():\n    return 1\n" * 150}
    asked = code.ask(task("Mend total in shop/calc.py", files), AskContext(window=window))
    assert asked.prompt_bytes // 3 + asked.max_output <= window
    assert "def total(x):" in asked.prompt()


def test_the_option_context_is_the_most_tokens() -> None:
    assert [path for path, _ in shown(task("Mend shop/calc.py", context="22"))] == ["shop/calc.py"]


def test_a_file_that_was_shown_in_part_is_not_answered_whole() -> None:
    large = task("f1500 in big.py adds too much", {"big.py": LONG})
    for answer in ("def f1500(x):\n    return x", "import os\n[lines 4 to 10 are not shown]\n" + LONG):
        with pytest.raises(MalformedAnswer):
            code.read(large, Draft(f"big.py\n```python\n{answer}\n```"))


# --- excerpts ---


def test_parts_are_the_whole_file_and_keep_decorators() -> None:
    text = "import a\n\n@mark\n# why\ndef f():\n    pass\n\nclass A:\n    @prop\n    def g(self):\n        x\n"
    lines = text.splitlines()
    parts = cut_into_parts(lines)
    assert [line for part in parts for line in lines[part.start : part.stop]] == lines
    assert [(part.start, part.name) for part in parts] == [(0, ""), (2, "f"), (7, "A"), (8, "g")]
    shown = render_spans(lines, choose_spans(lines, {"g"}, 80))
    assert shown == "[lines 1 to 8 are not shown]\n    @prop\n    def g(self):\n        x"
    assert choose_spans(lines, {"nothing"}, 1_000) == ()


# --- imports ---

SCRIPTS = {
    "tsconfig.json": '{ // ours\n "compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["src/*"],},},\n}',
    "src/app.ts": "import { a } from './lib/a.js'\nimport b from '@/b'\nconst c = require('./c')\n"
    "export * from 'react'\n",
    "src/lib/a.ts": "export { d } from '../d'\n",
    "src/b.tsx": "",
    "src/c/index.js": "",
    "src/d.vue": "import('./app')\n",
}


def test_scripts_import_by_their_patterns() -> None:
    tree = Tree.of(tree_of(SCRIPTS))
    assert tree.imports("src/app.ts") == ("src/lib/a.ts", "src/b.tsx", "src/c/index.js")
    assert tree.imports("src/lib/a.ts") == ("src/d.vue",)
    assert tree.imports("src/d.vue") == ("src/app.ts",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import pkg.mod", ("src/pkg/mod.py",)),
        ("from pkg import mod, other", ("src/pkg/mod.py", "src/pkg/__init__.py")),
        ("from pkg.mod import name", ("src/pkg/mod.py",)),
        ("from . import helper", ("tests/helper.py",)),
        ("import helper", ("tests/helper.py",)),
        ("from pkg import mod\nthis is no python (", ("src/pkg/mod.py", "src/pkg/__init__.py")),
        ("(" * 5_000, ()),
        ("import os, sys", ()),
    ],
)
def test_python_imports(text: str, found: tuple[str, ...]) -> None:
    files = {"src/pkg/__init__.py": "", "src/pkg/mod.py": "", "tests/helper.py": "", "tests/test_x.py": text}
    assert Tree.of(tree_of(files)).imports("tests/test_x.py") == found


def test_neighbours_are_what_is_imported_and_what_imports() -> None:
    assert find_neighbours(tree_of(FILES), {"shop/calc.py"}) == {"shop/tax.py", "tests/test_calc.py"}
    assert find_neighbours(tree_of(FILES), {"shop/base.py"}) == {"shop/tax.py"}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"a.py": "from pkg import rate", "pkg/__init__.py": "from .b import rate", "pkg/b.py": "", "pkg/c.py": ""},
         {"pkg/__init__.py", "pkg/b.py"}),
        ({"a.py": "import b", "b.py": "", "b/__init__.py": "from . import c", "b/c.py": ""},
         {"b/__init__.py", "b/c.py"}),
        ({"a.py": "importlib.import_module('b.c')", "b/c.py": ""}, {"b/c.py"}),
        ({"a.py": "open('rates.json')", "rates.json": "", "other.json": ""}, {"rates.json"}),
        ({"a.py": "", "a/__init__.py": ""}, {"a/__init__.py"}),
        ({"a.py": "", "x.py": "from a import f"}, {"x.py"}),
        ({"a.py": "import sub", "sub/__init__.py": "import a, sub"}, {"sub/__init__.py"}),
    ],
    ids=["passed on", "package first", "by name", "data", "in its place", "importer", "in a circle"],
)  # fmt: skip
def test_what_a_change_hangs_on(files: dict[str, str], found: set[str]) -> None:
    assert find_neighbours(tree_of(files), {"a.py"}) == found
