"""Repositories that are judged by their own `gigctl.toml`."""

from __future__ import annotations

from pathlib import Path

from support.repositories import Repository, make_repository
from support.terminal import Ran, run_gigctl

RULES = """\
[checks.acceptance]
run = ["python3", "-m", "unittest"]
[checks.no-todo]
check = "regex"
pattern = "TODO"
must = "not match"
"""
CALC = "def add(a, b):\n    return a + b\n"
TEST = """\
import unittest

from calc import add


class AddTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)

    def test_nothing(self):
        self.assertEqual(add(0, 0), 0)
"""
FILES = {"gigctl.toml": RULES, "calc.py": CALC, "tests/__init__.py": "", "tests/test_calc.py": TEST}


def make_project(path: Path, **files: str) -> Repository:
    """A calculator with two tests; `files` (`/` written as `__`) are more of them, or others."""
    return make_repository(path, FILES | {name.replace("__", "/"): text for name, text in files.items()})


def check_tree(place: Path, *args: str | Path, home: Path, code: int | None = 0, **more: object) -> Ran:
    """`gigctl check --tree` in that folder."""
    home.mkdir(exist_ok=True)
    return run_gigctl("check", "--tree", *args, home=home, cwd=place, code=code, **more)  # type: ignore[arg-type]
