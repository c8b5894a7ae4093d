"""The nearest functions of a repository, as far as there is room for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.crafts import code
from gigctl.crafts.code.choosing import choose_files
from gigctl.crafts.code.examples import find_examples
from gigctl.model import REGULAR, AskContext, Change, Content, Task

FILES = {
    "shop/parse.py": '''\
from datetime import datetime
from shop.errors import BadInput


def parse_date(text):
    """A day, or BadInput."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise BadInput(text) from None


def shout(text):
    loud = text.upper()
    return loud + "!"
''',
    "shop/clock.py": '''\
from datetime import datetime
from shop.errors import BadInput


def parse_clock(text):
    """A time of day, or BadInput."""
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise BadInput(text) from None
''',
    "shop/errors.py": "class BadInput(Exception):\n    pass\n",
    "shop/draw.py": "import math\n\n\ndef circle(radius):\n    area = math.pi * radius\n    return area\n",
    "shop/weekday.py": "from datetime import datetime\nfrom shop.errors import BadInput\n",
    "tests/test_parse.py": "from shop.parse import parse_date\n\n\ndef test_parse_date():\n    x = 1\n"
    "    assert parse_date\n",
}
BRIEF = "Add parse_weekday to shop/weekday.py: it parses the name of a day, and raises BadInput for any other text."


def task(brief: str = BRIEF, files: dict[str, str] = FILES) -> Task:
    tree = tuple(Change(path, REGULAR, text.encode()) for path, text in files.items())
    return Task("me-1.1", "code", Content((), "0" * 40), brief, tree=tree)


def found(one: Task, budget: int = 6_000) -> list[tuple[str, str]]:
    shown = choose_files(one, AskContext())
    return [(example.path, example.spans[0].name) for example in find_examples(one, shown, budget)]


def test_the_nearest_come_first_and_what_shares_nothing_does_not() -> None:
    assert found(task()) == [("shop/parse.py", "parse_date"), ("shop/clock.py", "parse_clock")]


def test_they_go_along_before_the_files_with_the_reason() -> None:
    asked = code.ask(task(), AskContext())
    example = next(part for part in asked.parts if part.role == "example")
    assert "shop/parse.py (it too has " in example.text
    assert 'datetime.strptime(text, "%H:%M")' in example.text
    assert "circle" not in example.text
    roles = [part.role for part in asked.parts]
    assert roles.index("example") < roles.index("source")


def test_a_small_window_has_no_room_for_them() -> None:
    assert all(part.role != "example" for part in code.ask(task(), AskContext(window=8_192)).parts)


def test_a_function_that_is_shown_anyway_is_no_example() -> None:
    assert found(task("parse_date in shop/parse.py takes no blanks")) == [("shop/clock.py", "parse_clock")]


def test_a_test_is_an_example_of_tests_alone() -> None:
    brief = "Add a test of parse_date for an empty text to tests/test_clock.py"
    files = FILES | {"tests/test_clock.py": "from shop.clock import parse_clock\n"}
    assert ("tests/test_parse.py", "test_parse_date") in found(task(brief, files))
    assert all(not path.startswith("tests/") for path, _ in found(task()))


def test_no_more_than_the_budget() -> None:
    size = len(FILES["shop/parse.py"].split("\n\n\n")[1])
    assert found(task(), budget=size) == [("shop/parse.py", "parse_date")]
    assert found(task(), budget=20) == []


def test_scripts_are_examples_of_scripts() -> None:
    files = {
        "src/price.ts": 'import { round } from "./money";\n\nexport function formatPrice(value: number) {\n'
        "  const cents = round(value);\n  return `${cents} EUR`;\n}\n",
        "src/weight.ts": 'import { round } from "./money";\n\nexport const old = 1;\n',
        "src/money.ts": "export const round = (value: number) => Math.round(value);\n",
        "tools/price.py": "def format_price(value):\n    cents = round(value)\n    return cents\n",
    }
    assert found(task("Add formatWeight, like a price, to src/weight.ts", files)) == [("src/price.ts", "formatPrice")]


@pytest.mark.parametrize("bad", [b"\xff\xfe\0x", b"def f(:\n  x\n  y\n", b"", b"\r\n" * 50, b"def parse_day(" * 300])
def test_whatever_else_the_tree_holds(bad: bytes) -> None:
    one = task()
    odd = Task(one.ref, "code", one.input, one.brief, tree=(*one.tree, Change("shop/odd.py", REGULAR, bad)))
    assert found(odd)[0] == ("shop/parse.py", "parse_date")


@given(st.text(max_size=200), st.text(max_size=400), st.integers(0, 2_000))
def test_any_brief_and_file_keep_the_budget(brief: str, text: str, budget: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    one = task(brief or "x", FILES | {"shop/any.py": text})
    examples = find_examples(one, choose_files(one, AskContext()), budget)
    sizes = [
        sum(len(line.encode()) + 1 for line in FILES.get(e.path, text).splitlines()[e.spans[0].start : e.spans[0].stop])
        for e in examples
    ]
    assert len(examples) <= 3
    assert sum(size - 1 for size in sizes) <= budget
